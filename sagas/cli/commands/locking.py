"""`locks`, `locks release`: which saga holds which key, who waits for it, and taking one away."""

import asyncio
from typing import Annotated

import typer
from rich.text import Text

from sagas.cli import shapes
from sagas.cli.opening import opened, or_nothing
from sagas.cli.settings import DEFAULT_DB, AsUser, Db, DirectoryFile, Json, Settings, acting
from sagas.cli.terminal import grid, safe, show
from sagas.locking import LockRow
from sagas.story.wording import moment

MOST = 10_000


def locks(
    *,
    saga: Annotated[
        str | None,
        typer.Option("--saga", metavar="ID", help="Only the keys that it holds or waits for."),
    ] = None,
    key: Annotated[str | None, typer.Option("--key", metavar="KEY", help="Only this key.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=MOST, help="At most so many.")] = 100,
    json: Json = False,
    db: Db = DEFAULT_DB,
) -> int:
    """List which saga holds which key, and who waits for it, in order."""

    async def main() -> list[LockRow]:
        async with opened(Settings(db=db)) as coordinator:
            return await coordinator.store.locks(saga_id=saga, key=key, limit=limit)

    found = asyncio.run(or_nothing(main()))
    if json:
        print(shapes.dump([shapes.lock(row) for row in found]))
    elif not found:
        show("no saga holds a key")
    else:
        table = grid("fixed", "fixed", "rest")
        for row in found:
            verb = "holds it" if row.held else "waits"
            until = f", until {moment(row.until)} at the latest" if row.until is not None else ""
            words = safe(f"{row.saga_id} {verb} since {moment(row.since)}{until} ({row.path})")
            table.add_row(safe(row.key), Text(str(row.number) if row.held else ""), words)
        show(table)
    return 0


def release(
    key: Annotated[str, typer.Argument(metavar="KEY", help="The key, from `locks`.")],
    *,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it is recorded.")],
    db: Db = DEFAULT_DB,
    directory: DirectoryFile = None,
    as_user: AsUser = None,
) -> int:
    """Take a key from the saga that holds it, on its record; the next in line may have it."""
    settings = Settings(db=db, directory=directory, as_user=as_user)
    person = acting(settings)

    async def main() -> LockRow:
        async with opened(settings) as coordinator:
            return await coordinator.release_lock(key, reason=reason, by=person)

    row = asyncio.run(main())
    show(
        safe(
            f"{row.saga_id} holds {row.key} no more; what it did under that lock it may still undo"
        )
    )
    return 0
