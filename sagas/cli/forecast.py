"""What an unwind would do at this moment, as the command line shows it."""

from collections.abc import Sequence

from rich.console import RenderableType
from rich.text import Text

from sagas.cli.shapes import Shape, measures, time, total
from sagas.cli.terminal import Part, grid, safe, section, show, status
from sagas.model import micros
from sagas.previewing import Left, PlannedUndo, Preview, Settling
from sagas.story.wording import moment

_ORDER = "an unwind would undo, in this order (equal numbers: side by side)"
_SETTLED_BY = {
    Settling.ANSWER: "its call is under way",
    Settling.KEY: "it is called again under its key",
    Settling.PROBE: "its destination is asked first",
    Settling.UNKNOWN: "it is undone without knowing",
    Settling.PERSON: "only a person can tell",
}


def shape(found: Preview) -> Shape:
    """`preview --json`."""
    return {
        "id": found.saga_id,
        "status": found.status.value,
        "has_code": found.has_code,
        "pivot": found.pivot,
        "undone": [_planned(item, has_code=found.has_code) for item in found.undone],
        "expected": {**total(found.expected.total), "unknown": found.expected.unknown},
        "remains": [_left(item) for item in found.remains],
    }


def _planned(item: PlannedUndo, *, has_code: bool) -> Shape:
    return {
        **_step(item),
        "in_doubt": item.in_doubt,
        "needs_a_person": item.person is not None,
        "declared_residue": str(item.residue) if has_code and item.residue else None,
        "expected": measures(item.residue.residue),
        "unknown_residue": item.residue.unknown,
        "sign_off": item.sign_off,
        "wave": item.wave,
        "settled_by": item.settled_by.value if item.settled_by else None,
        "handler": item.handler,
        "missing": item.missing,
        "gate": item.gate,
        "person": item.person,
        "held_by": item.held_by,
        "begun": item.begun,
        "undoable_until": time(_at(item)),
        "closes_on": item.closes_on,
    }


def _left(item: Left) -> Shape:
    return {**_step(item), "why": item.why.value, "text": item.text}


def _step(item: PlannedUndo | Left) -> Shape:
    return {
        "path": item.path,
        "action": item.action,
        "version": item.version,
        "reversibility": item.reversibility.value,
    }


def tell(found: Preview) -> None:
    """Print `preview`."""
    parts: list[Part] = [Text.assemble(safe(found.saga_id, "bold"), "  ", status(found.status))]
    if found.status.is_end:
        parts.append(Text("it has ended: nothing is undone any more"))
    elif not found.undone:
        parts.append(Text("an unwind would undo nothing"))
    else:
        parts += [
            Text(),
            *section(Text(_ORDER, "bold"), [_steps(found.undone, has_code=found.has_code)]),
        ]
        if found.has_code and found.expected.is_worth_telling:
            parts.append(safe(f"expected to remain in all: {found.expected}"))
    if found.pivot is not None and not found.status.is_end:
        parts.append(Text("it is past its pivot: by itself it may not unwind", "yellow"))
    if found.remains:
        title = "remains for good" if found.status.is_end else "and could not undo"
        parts += [Text(), *section(Text(title, "bold yellow"), [_remains(found.remains)])]
    show(*parts)


def _steps(items: Sequence[PlannedUndo], *, has_code: bool) -> RenderableType:
    table = grid("right", "", "fixed", "rest")
    for item in items:
        table.add_row(
            Text(str(item.wave or "-"), style="dim"),
            safe(item.label, "bold"),
            Text(item.reversibility.label),
            safe("; ".join(_notes(item, has_code=has_code)), "dim"),
        )
    return table


def _notes(item: PlannedUndo, *, has_code: bool) -> list[str]:
    """What is worth knowing of one undo before it runs."""
    how = f": {_SETTLED_BY[item.settled_by]}" if item.settled_by else ": it is settled first"
    notes = {
        item.reversibility.on_unwind: not item.reversibility.is_undoable,
        f"in doubt{how}": item.in_doubt,
        f"a person has to act first: {item.person}": item.person is not None,
        f"waits for {item.held_by}": item.held_by is not None,
        f"asks {item.gate}": item.gate is not None,
        f"can be undone until {_until(item)}": _until(item) is not None,
        "somebody may have to accept what it leaves": item.sign_off,
        f"may leave: {item.residue}": has_code and bool(item.residue),
    }
    return [note for note, holds in notes.items() if holds]


def _until(item: PlannedUndo) -> str | None:
    at = _at(item)
    return item.closes_on if at is None else moment(at)


def _at(item: PlannedUndo) -> int | None:
    return None if item.undoable_until is None else micros(item.undoable_until)


def _remains(items: Sequence[Left]) -> RenderableType:
    table = grid("right", "", "fixed", "rest")
    for number, item in enumerate(items, start=1):
        table.add_row(
            Text(str(number), style="dim"),
            safe(item.label, "bold"),
            Text(item.reversibility.label),
            safe("" if item.text == item.reversibility.label else item.text, "dim"),
        )
    return table
