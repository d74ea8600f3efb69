"""`delegate`, `delegations`, `undelegate`: letting somebody else decide while one is away."""

import asyncio
from datetime import datetime
from typing import Annotated

import typer
from rich.text import Text

from approvals.delegation import Delegation, delegation
from sagas.acting import new_id
from sagas.cli import shapes
from sagas.cli.inputs import later
from sagas.cli.opening import opened, or_nothing
from sagas.cli.settings import DEFAULT_DB, AsUser, Db, DirectoryFile, Json, Settings, acting
from sagas.cli.terminal import CommandLine, grid, safe, show
from sagas.model import micros

LIMIT = 1000


def delegate(
    to: Annotated[str, typer.Argument(metavar="TO", help="Who decides for you.")],
    *,
    until: Annotated[
        str, typer.Option("--until", metavar="T", help="When it ends: 7d, 2027-03-01T09:00.")
    ],
    from_: Annotated[
        str | None, typer.Option("--from", metavar="T", help="When it begins; now if left out.")
    ] = None,
    action: Annotated[
        list[str] | None,
        typer.Option("--action", metavar="NAME", help="Only about this action; may be repeated."),
    ] = None,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it is recorded.")],
    db: Db = DEFAULT_DB,
    directory: DirectoryFile = None,
    as_user: AsUser = None,
) -> int:
    """Let somebody else decide for you, for a time."""
    settings = Settings(db=db, directory=directory, as_user=as_user)
    person = acting(settings)

    async def main() -> Delegation:
        async with opened(settings) as coordinator:
            now = coordinator.now()
            asked = delegation(
                id=new_id(),
                by=person,
                to=to,
                now=now,
                until=later(until, "--until", now),
                begins=None if from_ is None else later(from_, "--from", now),
                actions=action or (),
                reason=reason,
            )
            return await coordinator.delegate(asked, by=person)

    made = asyncio.run(main())
    revoking = CommandLine(settings.command("undelegate", made.id))
    show(safe(f"{made.id}: {made.describe(now=made.made_at)}"), revoking)
    return 0


def delegations(
    *,
    every: Annotated[
        bool, typer.Option("--all", help="Also those that are revoked or over.")
    ] = False,
    json: Json = False,
    db: Db = DEFAULT_DB,
) -> int:
    """List who decides for whom, the newest first."""
    now: list[datetime] = []

    async def main() -> list[Delegation]:
        async with opened(Settings(db=db)) as coordinator:
            now.append(coordinator.now())
            live_at = None if every else micros(now[0])
            return await coordinator.store.delegations(person=None, live_at=live_at, limit=LIMIT)

    found = asyncio.run(or_nothing(main()))
    if json:
        print(shapes.dump([shapes.delegation(each, now=now[0]) for each in found]))
    elif not found:
        show("everybody decides for themselves")
    else:
        table = grid("fixed", "fixed", "rest")
        for each in found:
            words = safe(f"{each.describe(now=now[0])}: {each.reason}")
            table.add_row(Text(each.id, style="bold"), Text(each.state(now[0])), words)
        show(table)
    return 0


def undelegate(
    id_: Annotated[str, typer.Argument(metavar="DELEGATION", help="Its id, from `delegations`.")],
    *,
    db: Db = DEFAULT_DB,
    directory: DirectoryFile = None,
    as_user: AsUser = None,
) -> int:
    """Take a delegation back; or give one back that was made to you."""
    settings = Settings(db=db, directory=directory, as_user=as_user)
    person = acting(settings)

    async def main() -> Delegation:
        async with opened(settings) as coordinator:
            return await coordinator.undelegate(id_, by=person)

    found = asyncio.run(main())
    show(safe(f"{found.id}: {found.delegate} decides for {found.delegator} no more"))
    return 0
