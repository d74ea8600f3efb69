"""What a click or a form is answered with, before it is known how Slack is to show that.

Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from approvals.channels.slack.texts import Element
from approvals.wording import cut

__all__ = ["Answer", "Declined", "Faulty", "Said", "Shown", "Turned", "sentence"]

_LONGEST_SENTENCE = 1_500


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """Words for whoever clicked, and for nobody else: what they did counts."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Shown:
    """Another view, above whatever is on the screen."""

    view: Element


@dataclass(frozen=True, slots=True)
class Turned:
    """Another view, in the place of the one that was clicked in or sent."""

    view: Element


@dataclass(frozen=True, slots=True)
class Faulty:
    """What is wrong with what was filled in, by the block of its field; the form stays."""

    by_block: Mapping[str, str]


Answer = Said | Shown | Turned | Faulty


class Declined(Exception):
    """What somebody wanted has no effect.

    Args:
        text: Why, for them to read.
        view: What tells it in the place of a form that is of no more use; a form whose fields can
            be filled in otherwise stays, if left out.
    """

    def __init__(self, text: str, *, view: Element | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.view = view


def sentence(text: str) -> str:
    """Words of an error as a sentence on one line, of a bounded length."""
    told = cut(f"{text[:1].upper()}{text[1:]}", _LONGEST_SENTENCE)
    return told if told.endswith((".", "?", "!", "…")) else f"{told}."
