"""Until when what was done can be undone, and keys are honoured, for `show`."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from rich.text import Text

from sagas.authoring.catalog import Catalog
from sagas.cli import shapes
from sagas.cli.reading import Reading
from sagas.cli.terminal import Part, grid, safe, section
from sagas.fold import fold
from sagas.model import Direction
from sagas.state import Step
from sagas.story.wording import labels, moment
from sagas.windows import Horizon, UndoLimit, horizon


@dataclass(frozen=True, slots=True)
class Ahead:
    """The horizon of one saga.

    Attributes:
        named: What people call its steps.
        now: When it is looked at (microseconds).
    """

    horizon: Horizon
    named: dict[str, str]
    now: int

    def parts(self) -> list[Part]:
        """What people should know; nothing of what can be undone as long as one likes."""
        table = grid("", "", "rest")
        for limit in self.horizon.undo:
            if limit.until is not None or limit.event is not None:
                until, over = self._end(limit)
                table.add_row(until, safe(self.named[limit.path], "bold"), over)
        for key in self.horizon.keys:
            over = Text("over", "yellow") if key.until <= self.now else Text("")
            of = f"the key of {self.named[key.path]}"
            table.add_row(Text(moment(key.until)), safe(of, "bold"), over)
        title = Text("can be undone, or asked again, until", "bold")
        return section(title, [table]) if table.row_count else []

    def shape(self) -> shapes.Shape:
        """The member `horizon` of `show --json`."""
        return {
            "undo": [
                {
                    "path": item.path,
                    "until": shapes.time(item.until),
                    "event": item.event,
                    "over": item.until is not None and item.until <= self.now,
                }
                for item in self.horizon.undo
            ],
            "keys": [
                {
                    "path": item.path,
                    "direction": item.direction.value,
                    "until": shapes.time(item.until),
                    "over": item.until <= self.now,
                }
                for item in self.horizon.keys
            ],
        }

    def _end(self, limit: UndoLimit) -> tuple[Text, Text]:
        if limit.until is None:
            return safe(f"the event {limit.event}"), Text("")
        over = Text("over", "yellow") if limit.until <= self.now else Text("")
        return Text(moment(limit.until)), over


def ahead(reading: Reading, catalog: Catalog | None, now: int) -> Ahead:
    """The horizon of a saga; keys are told with the catalog, which says how long they live."""
    state = fold(reading.row.id, reading.entries)
    return Ahead(horizon(state, key_life(catalog)), labels(state.steps), now)


def key_life(catalog: Catalog | None) -> Callable[[Step, Direction], timedelta | None]:
    """How long the destination of a call honours its key, as a catalog says."""

    def of(step: Step, direction: Direction) -> timedelta | None:
        action = None if catalog is None else catalog.find_action(step.action, step.version)
        called = action if direction is Direction.DO or action is None else action.undo
        return None if called is None else called.options.key_ttl

    return of
