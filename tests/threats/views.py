"""Gates with arguments that somebody hostile has chosen, and what every renderer makes of them."""

import json
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

from hypothesis import strategies as st

from approvals.presentation import Presentation, present
from approvals.rendering import render_html, render_text
from tests.unit.approvals.builders import NOW, pending

texts = st.text(max_size=60) | st.text(
    "\u202e\u200b\u2066\n\r\x1b[2J<>\"'&{}%#= |!-\\\u0430a", max_size=60
)
keys = st.text(max_size=12) | st.sampled_from(["gate", "digest", "What would run", "constructor"])
documents = st.dictionaries(
    keys,
    st.recursive(
        st.none() | st.booleans() | st.integers() | texts,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
        max_leaves=6,
    ),
    max_size=4,
)
"""Arguments as an agent could choose them."""


def of(arguments: object, *, whole: bool = False, **different: Any) -> Presentation:
    """The presentation of a gate with these arguments."""
    encoded = json.dumps(arguments).encode()
    gate = replace(pending(arguments=encoded), **different)
    return present(gate, now=NOW, key="journal-1", whole=whole)


def lines_of(shown: Presentation) -> list[str]:
    """The lines of the text."""
    return render_text(shown).split("\n")


class Page(HTMLParser):
    """A page as a browser takes it apart."""

    def __init__(self, shown: Presentation) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, tuple[tuple[str, str | None], ...]]] = []
        self.text = ""
        self.feed(render_html(shown))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.tags.append((tag, tuple(attrs)))

    def handle_data(self, data: str) -> None:
        """Note text."""
        self.text += data
