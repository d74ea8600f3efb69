"""How the compensations of a saga's steps stand by their drills, for `show`."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from rich.text import Text

from sagas.authoring.catalog import Catalog
from sagas.authoring.digest import digest_of
from sagas.cli import shapes
from sagas.cli.terminal import Part, grid, safe, section
from sagas.linting.drilling import Standing, reason_for, standing
from sagas.linting.finding import MAX_AGE
from sagas.ports import Drill, Store
from sagas.story import Story

LIMIT = 300


@dataclass(frozen=True, slots=True)
class Stand:
    """How one action stands."""

    standing: Standing
    drill: Drill | None
    reason: str


@dataclass(frozen=True, slots=True)
class Stands:
    """How the actions of a saga stand that have a compensation, by name and version.

    Attributes:
        drilled: The catalogs of which any drill is recorded.
    """

    of: Mapping[tuple[str, int], Stand] = field(default_factory=dict[tuple[str, int], Stand])
    drilled: frozenset[str] = frozenset()

    def parts(self) -> list[Part]:
        """What people should know; nothing of catalogs that nobody drills."""
        table = grid("", "rest")
        for (action, _), stand in sorted(self.of.items()):
            if stand.standing is not Standing.PASSED and _catalog_of(action) in self.drilled:
                table.add_row(safe(action, "bold"), safe(stand.reason, limit=LIMIT))
        if not table.row_count:
            return []
        return section(Text("not known to be undoable today", "bold yellow"), [table])

    def shape(self, action: str, version: int) -> shapes.Shape | None:
        """The member `drill` of a step in `show --json`."""
        stand = self.of.get((action, version))
        if stand is None:
            return None
        drill = stand.drill
        return {
            "standing": stand.standing.value,
            "at": None if drill is None else shapes.time(drill.at),
            "sandbox": None if drill is None else drill.sandbox,
            "detail": None if drill is None else drill.detail,
        }


async def stands(store: Store, story: Story, catalog: Catalog | None) -> Stands:
    """How a saga's actions stand; with the catalog also whether their code has changed."""
    undoable = {
        (step.action, step.version) for step in story.steps if step.reversibility.is_undoable
    }
    last: dict[tuple[str, int], Drill] = {}
    for name in sorted({_catalog_of(action) for action, _ in undoable}):
        last |= {(drill.action, drill.version): drill for drill in await store.drills(name)}
    now = await store.time()
    found: dict[tuple[str, int], Stand] = {}
    for action, version in undoable:
        known = catalog.find_action(action, version) if catalog is not None else None
        digest = digest_of(known) if known is not None else None
        drill = last.get((action, version))
        stood = standing(drill, now=now, max_age=MAX_AGE, digest=digest)
        found[action, version] = Stand(stood, drill, reason_for(stood, drill, digest))
    return Stands(found, frozenset(_catalog_of(action) for action, _ in last))


def _catalog_of(action: str) -> str:
    return action.partition(".")[0]
