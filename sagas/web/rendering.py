"""Pages, rendered from our own templates: values are escaped, and a name that is missing is an error.

Touches: the templates of this package.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import cache, partial
from hashlib import sha256
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

from jinja2 import PackageLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from starlette.responses import HTMLResponse

from approvals.wording import cut
from compensations.interventions import WITH_DIFF
from sagas.model import instant, micros
from sagas.ports import QuestionRow
from sagas.story.wording import moment
from sagas.web.site import Site

ONE_LINE, TEXT = 200, 4_000


def html(
    template: str,
    site: Site,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **values: Any,
) -> HTMLResponse:
    """A page.

    Args:
        values: What the template shows; `visitor` is who is logged in, or None.
    """
    text = _environment().get_template(template).render(site=site, **values)
    return HTMLResponse(text, status_code=status, headers=dict(headers or {}))


@cache
def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        loader=PackageLoader("sagas.web", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        line=partial(_cut, limit=ONE_LINE),
        text=partial(_cut, limit=TEXT),
        moment=moment,
        moment_of=moment_of,
        iso=iso,
        evidence=evidence,
        host=host,
        capitalize_first=capitalize_first,
    )
    environment.globals["asset"] = asset
    return environment


def _cut(value: object, limit: int) -> str:
    """Anything in words, on one line, with nothing hidden in it."""
    return cut(str(value), limit)


def evidence(question: QuestionRow) -> str:
    """What is known about a question. Only of a diff, which is ours, the lines are kept."""
    if question.kind not in WITH_DIFF:
        return _cut(question.evidence, TEXT)
    return "\n".join(_cut(line, TEXT) for line in question.evidence.split("\n"))


def capitalize_first(text: str) -> str:
    """A sentence that begins like one."""
    return text[:1].upper() + text[1:]


def host(url: str) -> str:
    """Whose URL it is."""
    return urlsplit(url).hostname or url


def moment_of(at: datetime) -> str:
    """An aware instant in words."""
    return moment(micros(at))


def iso(at: int | datetime) -> str:
    """An instant as `datetime` attributes have it."""
    moment_ = at if isinstance(at, datetime) else instant(at)
    return moment_.strftime("%Y-%m-%dT%H:%M:%SZ")


@cache
def asset(name: str) -> str:
    """The path of a static file, which changes with what is in it."""
    content = files("sagas.web").joinpath("static", name).read_bytes()
    return f"/static/{name}?v={sha256(content).hexdigest()[:12]}"
