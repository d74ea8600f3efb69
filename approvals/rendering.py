"""A presentation as plain text and as a fragment of HTML, from packaged templates.

What an agent worded is only ever a value: no template is made of it. Touches: the templates.
"""

from functools import cache
from typing import TYPE_CHECKING

from approvals.presentation import Presentation
from approvals.wording import fold

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["environment", "render_html", "render_text"]

_COLUMNS = 79
_CONTINUED = "      | "


def render_text(presentation: Presentation) -> str:
    """Write a presentation as plain text, for a terminal of 80 columns."""
    text = environment().get_template("gate.txt.j2").render(presentation=presentation)
    return "\n".join(fold(line, width=_COLUMNS, mark=_CONTINUED) for line in text.split("\n"))


def render_html(presentation: Presentation) -> str:
    """Write a presentation as a fragment of HTML, to be included in a page.

    It has no style and no script, and no form: whether to offer one is said by
    `Presentation.may_approve`.
    """
    return environment().get_template("gate.html.j2").render(presentation=presentation)


@cache
def environment() -> "Environment":
    """Return what renders the packaged templates: sandboxed, strict, and escaping HTML."""
    # A template engine is loaded by those who show something, not by those who declare a gate.
    from jinja2 import PackageLoader, StrictUndefined, select_autoescape
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    return ImmutableSandboxedEnvironment(
        loader=PackageLoader("approvals", "templates"),
        undefined=StrictUndefined,
        autoescape=select_autoescape(["html.j2"], disabled_extensions=["txt.j2"], default=True),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
