"""`check`: before a deploy, which running sagas the new code would strand."""

import asyncio
import json as json_text
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated

import typer
from rich.text import Text

from sagas.authoring.catalog import Catalog
from sagas.cli import shapes, targets
from sagas.cli.failing import ERROR
from sagas.cli.opening import opened
from sagas.cli.settings import DEFAULT_DB, Db, Json, Settings
from sagas.cli.terminal import Part, diff, grid, safe, section, show, status
from sagas.connecting import check_catalogs
from sagas.driving.rehearsal import Lack, Rehearsal, Verdict
from sagas.story.wording import plural


@dataclass(slots=True)
class Tally:
    """What all the rehearsals came to.

    Attributes:
        needed: How many sagas need each piece of code that is not there.
    """

    checked: int = 0
    blocked: int = 0
    needed: Counter[Lack] = field(default_factory=Counter[Lack])

    def count(self, found: Rehearsal) -> None:
        """Count one."""
        self.checked += 1
        self.blocked += found.verdict is Verdict.BLOCKED
        self.needed.update(found.lacks)


def check(
    target: Annotated[list[str], typer.Argument(metavar="TARGET...", help="module:catalog")],
    *,
    json: Json = False,
    db: Db = DEFAULT_DB,
) -> int:
    """Tell, before a deploy, which running sagas this code would strand.

    The body of every saga that has not ended is run against its journal. No action is called, and
    nothing is written. Exits with 1 if a saga would be blocked.
    """
    settings = Settings(db=db)
    catalogs = targets.catalogs(target)
    check_catalogs(catalogs)
    listing = _Listing()
    tally = asyncio.run(_each(settings, catalogs, listing.tell if json else _tell))
    if json:
        listing.close(tally)
    else:
        _sum_up(tally)
    return ERROR if tally.blocked else 0


async def _each(
    settings: Settings, catalogs: list[Catalog], tell: Callable[[Rehearsal], None]
) -> Tally:
    """Tell of each saga as soon as it is known: there may be more than memory holds."""
    tally = Tally()
    async with opened(settings, *catalogs) as coordinator:
        async for found in coordinator.check():
            tally.count(found)
            tell(found)
    return tally


# --- in words ---------------------------------------------------------------------------------


def _tell(found: Rehearsal) -> None:
    if found.verdict is Verdict.SAME:
        return
    title = Text.assemble(
        safe(found.saga_id, "bold"),
        "  ",
        ("blocked", "bold red"),
        safe(f"  {found.saga} version {found.version}, ", "dim"),
        status(found.status),
    )
    show(*section(title, [diff(item.diff) for item in found.findings]))
    print()


def _sum_up(tally: Tally) -> None:
    parts: list[Part] = []
    if tally.needed:
        table = grid("", "rest")
        for lack, count in sorted(tally.needed.items()):
            table.add_row(safe(_advice(lack), "bold"), safe(f"for {plural(count, 'saga')}", "dim"))
        parts += [*section(Text("keep, until the sagas that need it have ended", "bold"), [table])]
        parts.append(Text())
    same = tally.checked - tally.blocked
    parts.append(safe(f"{plural(tally.checked, 'saga')}: {same} the same, {tally.blocked} blocked"))
    show(*parts)


def _advice(lack: Lack) -> str:
    """How a piece of code is kept."""
    catalog, _, name = lack.name.partition(".")
    if lack.kind == "saga":
        return f'@{catalog}.saga(name="{name}", version={lack.version})'
    return f'@{catalog}.retired("{name}", version={lack.version})'


# --- as JSON ----------------------------------------------------------------------------------


class _Listing:
    """Writes one JSON object, and the list of sagas in it item by item."""

    def __init__(self) -> None:
        self._begun = False

    def tell(self, found: Rehearsal) -> None:
        """Write one saga."""
        self._next(",")
        print(json_text.dumps(_shape(found)), end="")

    def close(self, tally: Tally) -> None:
        """Write the rest."""
        self._next("")
        needed = [
            {"kind": lack.kind, "name": lack.name, "version": lack.version, "sagas": count}
            for lack, count in sorted(tally.needed.items())
        ]
        print(f'],\n"needed": {json_text.dumps(needed)},')
        same = tally.checked - tally.blocked
        print(f'"checked": {tally.checked}, "same": {same}, "blocked": {tally.blocked}}}')

    def _next(self, between: str) -> None:
        print(between if self._begun else '{"sagas": [')
        self._begun = True


def _shape(found: Rehearsal) -> shapes.Shape:
    return {
        "id": found.saga_id,
        "saga": found.saga,
        "version": found.version,
        "status": found.status.value,
        "verdict": found.verdict.value,
        "findings": [
            {"trouble": item.trouble.value, "path": item.path, "diff": item.diff}
            for item in found.findings
        ],
    }
