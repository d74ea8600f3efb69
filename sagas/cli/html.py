"""The story of a saga as one page that needs nothing else: for whoever audits it, also on paper."""

import base64
import json
from collections.abc import Callable
from datetime import datetime
from functools import cache, partial
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from approvals.wording import cut, visible
from compensations.interventions import WITH_DIFF
from sagas.cli.outputs import replace
from sagas.cli.reading import Reading
from sagas.cli.telling import WHY, WORDS
from sagas.model import micros
from sagas.story import PAYLOADS, Lasting, QuestionStory
from sagas.story.wording import clock, day, moment, plural, took

TEXT_LIMIT = 4_000
PAYLOAD_LIMIT = 20_000
ONE_LINE = 72


def write(reading: Reading, path: Path, *, now: datetime) -> None:
    """Write the page, readable by its owner only: it has every argument and result.

    Raises:
        Mistake: The file cannot be written.
    """
    replace(path, page(reading, now=now).encode())


def page(reading: Reading, *, now: datetime) -> str:
    """The page as text.

    Args:
        now: When it is written; it says so.
    """
    environment = Environment(
        loader=PackageLoader("sagas.cli", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(_FILTERS)
    style = _style()
    story = reading.story
    return environment.get_template("story.html.j2").render(
        story=story,
        payloads=PAYLOADS,
        votes=reading.votes,
        refused_edits=reading.refused_edits,
        broken=reading.broken,
        unread=reading.unread,
        head_hash=reading.head_hash,
        entries=plural(story.head, "entry", "entries"),
        words=WORDS,
        remains=[(item, item.why is Lasting.IRREVERSIBLE, WHY[item.why]) for item in story.remains],
        style=Markup(style),  # noqa: S704  our own file
        style_hash=style_hash(),
        now=micros(now),
    )


def style_hash() -> str:
    """The hash of the page's one style, as a content security policy names it."""
    return base64.b64encode(sha256(_style().encode()).digest()).decode()


@cache
def _style() -> str:
    return files("sagas.cli").joinpath("templates/story.css").read_text(encoding="utf-8")


def safe_text(value: object) -> str:
    """Anything in words, on one line."""
    return cut(str(value), TEXT_LIMIT)


def evidence(question: QuestionStory) -> str:
    """What is known about a question. Only of a diff, which is ours, the lines are kept."""
    if question.kind not in WITH_DIFF:
        return safe_text(question.evidence)
    return "\n".join(safe_text(line) for line in question.evidence.split("\n"))


def payload(text: bytes | str) -> str:
    """Stored JSON, set out in lines; nothing in it can hide or reorder what stands beside it."""
    try:
        value = json.loads(text)
        shown = json.dumps(value, ensure_ascii=False)
        if len(shown) > ONE_LINE:
            shown = json.dumps(value, ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):
        shown = text if isinstance(text, str) else text.decode("utf-8", "backslashreplace")
    if len(shown) > PAYLOAD_LIMIT:
        shown = f"{shown[:PAYLOAD_LIMIT]}\n[cut: {PAYLOAD_LIMIT} of {len(shown)} characters shown]"
    return "\n".join(visible(line).replace("\\\\", "\\") for line in shown.split("\n"))


_FILTERS: dict[str, Callable[..., Any]] = {
    "safe_text": safe_text,
    "evidence": evidence,
    "payload": payload,
    "clock": partial(clock, fine=True),
    "day": day,
    "moment": moment,
    "took": took,
    "micros": micros,
}
