"""What is printed in a terminal is made here: safe text, few colours, marks with a plain twin."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from approvals.wording import cut, visible
from compensations.interventions import WITH_DIFF
from sagas.model import Status
from sagas.story import Mark, StepState

LONGEST = 2000

STATUS_STYLES = {
    Status.RUNNING: "cyan",
    Status.WAITING: "yellow",
    Status.UNWINDING: "cyan",
    Status.STUCK: "bold red",
    Status.COMPLETED: "green",
    Status.COMPENSATED: "green",
    Status.RESIDUAL: "yellow",
}

_MARKS = {
    Mark.STARTED: ("●", "*", ""),
    Mark.RUNNING: ("…", ".", "cyan"),
    Mark.DONE: ("✓", "+", "green"),
    Mark.UNDONE: ("↩", "<", "blue"),
    Mark.FAILED: ("✗", "x", "red"),
    Mark.DOUBT: ("?", "?", "yellow"),
    Mark.ASKED: ("▷", ">", "yellow"),
    Mark.AGREED: ("✓", "+", "magenta"),
    Mark.REFUSED: ("✗", "x", "magenta"),
    Mark.TURNED: ("◀", "<", "blue"),
    Mark.WAITED: ("…", ".", ""),
    Mark.NOTED: ("·", "-", "dim"),
    Mark.ENDED: ("■", "#", ""),
}

_STEP_MARKS = {
    StepState.WAITING: Mark.ASKED,
    StepState.RUNNING: Mark.RUNNING,
    StepState.IN_DOUBT: Mark.DOUBT,
    StepState.DONE: Mark.DONE,
    StepState.FAILED: Mark.FAILED,
    StepState.UNDOING: Mark.RUNNING,
    StepState.UNDO_IN_DOUBT: Mark.DOUBT,
    StepState.UNDO_FAILED: Mark.FAILED,
    StepState.UNDONE: Mark.UNDONE,
    StepState.WAIVED: Mark.UNDONE,
}


def console() -> Console:
    """Standard output; nothing in a text is taken for markup, and nothing is coloured by guess."""
    return Console(markup=False, highlight=False, emoji=False)


@dataclass(frozen=True, slots=True)
class CommandLine:
    """A command to be typed: never broken into lines, so that it can be copied.

    Attributes:
        meaning: What typing it means; it stands above.
    """

    command: str
    meaning: str = ""


Part: TypeAlias = RenderableType | CommandLine


def show(*parts: Part) -> None:
    """Print parts below each other; into a file or a pipe without the blanks that fill a line."""
    out = console()
    if out.is_terminal:
        _print(out, parts)
        return
    with out.capture() as captured:
        _print(out, parts)
    lines = captured.get().rstrip("\n").split("\n")
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in lines))
    sys.stdout.flush()


def _print(out: Console, parts: Iterable[Part]) -> None:
    for part in parts:
        if not isinstance(part, CommandLine):
            out.print(part)
            continue
        if part.meaning:
            out.print(Text(f"  # {part.meaning}", style="dim"))
        out.print(Text(f"  {visible(part.command)}"), soft_wrap=True)


def safe(text: str, style: str = "", *, limit: int = LONGEST) -> Text:
    """Text that nobody vouches for, on one line, with nothing in it that a terminal would obey."""
    return Text(cut(text, limit), style=style)


def evidence(kind: str, text: str, style: str = "") -> RenderableType:
    """What is known about a question. Only of a diff, which is ours, the lines are kept."""
    return diff(text, style) if kind in WITH_DIFF else safe(text, style)


def diff(text: str, style: str = "") -> RenderableType:
    """A line, and below it what the journal holds and what the code does now."""
    colours = {"-": "red", "+": "green"}
    return Group(*(safe(line, colours.get(line[:1], style)) for line in text.split("\n")))


def mark(kind: Mark) -> Text:
    """The mark of a beat."""
    sign, plain, style = _MARKS[kind]
    return Text(sign if _speaks_unicode() else plain, style=style)


def step_mark(state: StepState) -> Text:
    """The mark of a step."""
    return mark(_STEP_MARKS[state])


def style_of(kind: Mark) -> str:
    """The colour of a kind of beat."""
    return _MARKS[kind][2]


def _speaks_unicode() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "").startswith("utf")


def grid(*columns: str) -> Table:
    """A table without lines; `right`, `fixed` (never broken), `rest` (takes what is left)."""
    table = Table.grid(padding=(0, 2), pad_edge=False)
    for column in columns:
        table.add_column(
            justify="right" if column == "right" else "left",
            no_wrap=column in ("right", "fixed"),
            overflow="fold",
            ratio=1 if column == "rest" else None,
        )
    table.expand = "rest" in columns
    return table


def section(title: Text, body: Iterable[Part]) -> list[Part]:
    """A heading and, set in by two, what belongs under it."""
    return [title, *map(_set_in, body)]


def _set_in(part: Part) -> Part:
    return part if isinstance(part, CommandLine) else Padding(part, (0, 0, 0, 2))


def status(found: Status) -> Text:
    """A status with its colour."""
    return Text(found.value, style=STATUS_STYLES[found])
