"""What an unwind would do at this moment, by the same planner that does it."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import RenderableType
from rich.text import Text

from compensations.plan import Effect, Standing, plan
from sagas import decide
from sagas.authoring.catalog import Catalog
from sagas.cli.reading import Reading
from sagas.cli.shapes import Shape
from sagas.cli.terminal import Part, grid, safe, section, show, status
from sagas.fold import fold
from sagas.model import Status
from sagas.state import Phase, SagaState, Step
from sagas.story.wording import labels


@dataclass(frozen=True, slots=True)
class Item:
    """One step in the preview.

    Attributes:
        residue: What its undo is declared to leave; None if that is not known here.
    """

    step: Step
    label: str
    in_doubt: bool
    stuck: bool
    residue: str | None


@dataclass(frozen=True, slots=True)
class Forecast:
    """What would be undone, in order, and what would remain."""

    saga_id: str
    status: Status
    undone: tuple[Item, ...]
    remains: tuple[Item, ...]


def of(reading: Reading, catalog: Catalog | None) -> Forecast:
    """The preview of a saga as it stands now.

    Args:
        catalog: Where declared residues are looked up, if it was named.
    """
    state = fold(reading.row.id, reading.entries)
    effects = decide.effects(state)
    named = labels(state.steps)
    remaining = [effect for effect in effects if effect.standing is Standing.REMAINS]

    def items(found: Sequence[Effect]) -> tuple[Item, ...]:
        return tuple(_item(state, effect, named[effect.path], catalog) for effect in found)

    ended = reading.row.status.is_end
    return Forecast(
        state.saga_id,
        reading.row.status,
        () if ended else items(plan(effects)),
        items(remaining),
    )


def _item(state: SagaState, effect: Effect, label: str, catalog: Catalog | None) -> Item:
    step = state.steps[effect.path]
    action = catalog.find_action(step.action, step.version) if catalog is not None else None
    declared = action.undo.residue if action is not None and action.undo is not None else None
    in_doubt = step.forward.phase in (Phase.IN_DOUBT, Phase.INTENDED)
    return Item(step, label, in_doubt, effect.standing is Standing.STUCK, declared)


def shape(found: Forecast) -> Shape:
    """`preview --json`."""
    return {
        "id": found.saga_id,
        "status": found.status.value,
        "undone": [_shape(item) for item in found.undone],
        "remains": [_shape(item) for item in found.remains],
    }


def _shape(item: Item) -> Shape:
    return {
        "path": item.step.path,
        "action": item.step.action,
        "version": item.step.version,
        "reversibility": item.step.reversibility.value,
        "in_doubt": item.in_doubt,
        "needs_a_person": item.stuck,
        "declared_residue": item.residue,
    }


def tell(found: Forecast) -> None:
    """Print `preview`."""
    parts: list[Part] = [Text.assemble(safe(found.saga_id, "bold"), "  ", status(found.status))]
    if found.status.is_end:
        parts.append(Text("it has ended: nothing is undone any more"))
    elif not found.undone:
        parts.append(Text("an unwind would undo nothing"))
    else:
        parts += [
            Text(),
            *section(Text("an unwind would undo, in this order", "bold"), [_steps(found.undone)]),
        ]
    if found.remains:
        title = "remains for good" if found.status.is_end else "and could not undo"
        parts += [Text(), *section(Text(title, "bold yellow"), [_steps(found.remains)])]
    show(*parts)


def _steps(items: Sequence[Item]) -> RenderableType:
    table = grid("right", "", "fixed", "rest")
    for number, item in enumerate(items, start=1):
        notes = (
            [item.step.reversibility.on_unwind] if not item.step.reversibility.is_undoable else []
        )
        notes += ["in doubt: it is settled first"] if item.in_doubt else []
        notes += ["a person has to act first"] if item.stuck else []
        notes += [f"may leave: {item.residue}"] if item.residue else []
        table.add_row(
            Text(str(number), style="dim"),
            safe(item.label, "bold"),
            Text(item.step.reversibility.label),
            safe("; ".join(notes), "dim"),
        )
    return table
