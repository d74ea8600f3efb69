"""`migrate` and `verify`: keeping the journal."""

import asyncio
from dataclasses import dataclass
from typing import Annotated

import typer

from sagas.chain import Break
from sagas.chain import verify as verify_chain
from sagas.cli import shapes
from sagas.cli.failing import ERROR
from sagas.cli.opening import opened
from sagas.cli.settings import DEFAULT_DB, Db, Json, Settings
from sagas.cli.terminal import safe, show
from sagas.coordinator import Coordinator
from sagas.entries import GateOpened
from sagas.errors import Corrupt
from sagas.flaws import (
    decided_twice,
    flaw_of_decision,
    flaw_of_row,
    flaws_of_uses,
    never_opened,
)
from sagas.journal import migrate as bring_up_to_date
from sagas.journal.urls import parse
from sagas.restoring import readable
from sagas.story.wording import plural

EVERY = 2**31 - 1


def migrate(db: Db = DEFAULT_DB) -> int:
    """Make the journal's tables, or bring them up to date."""
    done = bring_up_to_date(db)
    for line in done:
        show(safe(line))
    if not done:
        show(safe(f"{parse(db).shown} is up to date"))
    return 0


@dataclass(slots=True)
class Verified:
    """What was verified, and what was found broken."""

    sagas: int
    entries: int
    broken: list[Break]


def verify(
    id_: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="One saga; every saga if left out.")
    ] = None,
    *,
    json: Json = False,
    db: Db = DEFAULT_DB,
) -> int:
    """Check that no entry was changed, removed or moved.

    Exits with 1 and says which entry, if one was.
    """
    settings = Settings(db=db)

    async def main() -> Verified:
        async with opened(settings) as coordinator:
            return await _verify(coordinator, id_)

    found = asyncio.run(main())
    if json:
        print(
            shapes.dump(
                {
                    "sagas": found.sagas,
                    "entries": found.entries,
                    "broken": [
                        {"id": item.saga_id, "seq": item.seq, "reason": item.reason}
                        for item in found.broken
                    ],
                }
            )
        )
    else:
        _tell(found)
    return ERROR if found.broken else 0


def _tell(found: Verified) -> None:
    for item in found.broken:
        show(safe(f"{item.saga_id}: {item.reason}", "bold red"))
    intact = found.sagas - len({item.saga_id for item in found.broken})
    show(
        safe(
            f"{plural(found.sagas, 'saga')}, {plural(found.entries, 'entry', 'entries')}: {intact} intact"
        )
    )


async def _verify(coordinator: Coordinator, saga_id: str | None) -> Verified:
    if saga_id is not None:
        ids = [(await coordinator.get(saga_id)).id]
    else:
        ids = [row.id for row in await coordinator.list(limit=EVERY)]
    verified = Verified(len(ids), 0, [])
    for each in ids:
        await _verify_one(coordinator, each, verified)
    return verified


async def _verify_one(coordinator: Coordinator, saga_id: str, verified: Verified) -> None:
    loaded = await coordinator.load(saga_id)
    journal_id = coordinator.store.journal_id
    verified.entries += len(loaded.rows)
    row = loaded.row
    found = verify_chain(journal_id, saga_id, loaded.rows, head=row.head, head_hash=row.head_hash)
    if found is not None:
        verified.broken.append(found)
    flaws = await _flaws(coordinator, saga_id)
    if flaws:  # somebody may have decided between two of the looks
        flaws = [flaw for flaw in await _flaws(coordinator, saga_id) if flaw in flaws]
    verified.broken += [Break(saga_id, 0, flaw) for flaw in flaws]


async def _flaws(coordinator: Coordinator, saga_id: str) -> list[str]:
    """What is wrong with a saga's gates."""
    store = coordinator.store
    loaded = await coordinator.load(saga_id)
    gates = await store.gates_of(saga_id)
    read, unreadable = readable(loaded.rows)
    entries = [entry for _, _, entry in read]
    recorded = {entry.gate: entry for entry in entries if isinstance(entry, GateOpened)}
    found = [
        flaw_of_row(gate, recorded.get(gate.id), journal_id=store.journal_id) for gate in gates
    ]
    flaws = [flaw for flaw in found if flaw is not None]
    if unreadable is not None:  # the rest cannot be told without the entries
        return flaws
    for gate in gates:
        try:
            votes = await store.votes(gate.id)
            flaw = flaw_of_decision(gate, votes, entries, loaded.requests)
        except Corrupt as error:
            flaw = str(error)
        flaws += [] if flaw is None else [flaw]
    uses = flaws_of_uses(saga_id, await store.rule_uses_at([gate.id for gate in gates]), entries)
    return [*flaws, *uses, *decided_twice(entries), *never_opened(gates, entries)]
