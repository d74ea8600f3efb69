"""`list`, `show`, `history` and `preview`: what there is, what happened, what an unwind would do."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from sagas.cli import drilled, forecast, horizons, shapes, targets, telling
from sagas.cli.failing import Mistake
from sagas.cli.inputs import since as since_of
from sagas.cli.opening import opened, or_nothing
from sagas.cli.reading import Reading, read
from sagas.cli.settings import DEFAULT_DB, Db, Json, Limit, Settings, newest
from sagas.cli.terminal import grid, safe, show
from sagas.cli.terminal import status as status_text
from sagas.model import Status, micros
from sagas.ports import SagaRow
from sagas.previewing import Preview
from sagas.story.wording import moment

SagaId = Annotated[str, typer.Argument(metavar="ID", help="The saga's id.")]


def list_(
    *,
    status: Annotated[
        Status | None, typer.Option("--status", help="Only sagas that stand there.")
    ] = None,
    saga: Annotated[
        str | None, typer.Option("--saga", metavar="NAME", help="Only sagas of that full name.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="T", help="Only those started since: 2h, 7d, 2027-03-01."),
    ] = None,
    limit: Limit = 100,
    json: Json = False,
    db: Db = DEFAULT_DB,
) -> int:
    """List sagas, the newest first."""
    settings = Settings(db=db)
    after = since_of(since, datetime.now(UTC))

    async def main() -> list[SagaRow]:
        async with opened(settings) as coordinator:
            return list(await coordinator.list(status=status, saga=saga, since=after, limit=limit))

    rows = asyncio.run(or_nothing(main()))
    if json:
        print(shapes.dump([shapes.saga(row) for row in rows]))
    else:
        show(_table(rows, limit) if rows else "no sagas")
    return 0


def _table(rows: list[SagaRow], limit: int) -> RenderableType:
    table = grid("", "", "fixed", "fixed", "rest")
    table.add_row(*(Text(word, style="dim") for word in ("id", "saga", "status", "started", "")))
    for row in rows:
        reason = "" if row.status is Status.COMPLETED else row.reason or ""
        table.add_row(
            safe(row.id, "bold"),
            safe(row.saga),
            status_text(row.status),
            Text(moment(row.created_at).removesuffix(" UTC")),
            safe(reason, "dim", limit=120),
        )
    if len(rows) < limit:
        return table
    return Group(table, Text(newest(limit), style="dim"))


def show_(
    id_: SagaId,
    *,
    target: Annotated[
        str | None,
        typer.Option(
            "--target",
            metavar="TARGET",
            help="The catalog, to tell stale drills and lives of keys by.",
        ),
    ] = None,
    json: Json = False,
    db: Db = DEFAULT_DB,
) -> int:
    """Show what was done and undone, and what it waits for."""
    settings = Settings(db=db)
    catalog = targets.load(target).catalog if target is not None else None

    async def main() -> tuple[Reading, drilled.Stands]:
        async with opened(settings) as coordinator:
            reading = await read(coordinator, id_)
            return reading, await drilled.stands(coordinator.store, reading.story, catalog)

    reading, stands = asyncio.run(main())
    found = horizons.ahead(reading, catalog, micros(datetime.now(UTC)))
    if json:
        commands = [line.command for line in telling.commands(reading, settings)]
        shape = shapes.show(reading, commands)
        shape["horizon"] = found.shape()
        for step in shape["steps"]:
            step["drill"] = stands.shape(step["action"], step["version"])
        print(shapes.dump(shape))
    else:
        telling.summary(reading, settings, found.parts(), stands.parts())
    return 0


def history(
    id_: SagaId,
    *,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Write the story as one page instead."),
    ] = None,
    json: Json = False,
    db: Db = DEFAULT_DB,
) -> int:
    """Tell a saga's story, entry by entry.

    `sagas history export` writes files to be replayed; of a saga whose id is `export`, the story is
    told by `sagas history -- export`.
    """
    if html is not None and json:
        raise Mistake("--html and --json exclude each other: choose one")
    settings = Settings(db=db)
    reading = _reading(settings, id_)
    if html is not None:
        from sagas.cli import html as page

        page.write(reading, html, now=datetime.now(UTC))
        show(safe(f"{html} tells the story of {id_}"))
    elif json:
        print(shapes.dump(shapes.history(reading)))
    else:
        telling.timeline(reading, settings)
    return 0


def preview(
    id_: SagaId,
    *,
    target: Annotated[
        str | None,
        typer.Option(
            "--target", metavar="TARGET", help="The catalog, to tell what compensations declare."
        ),
    ] = None,
    json: Json = False,
    db: Db = DEFAULT_DB,
) -> int:
    """Show what an unwind would undo now, and leave."""
    settings = Settings(db=db)
    catalogs = [targets.load(target).catalog] if target is not None else []

    async def main() -> Preview:
        async with opened(settings, *catalogs) as coordinator:
            return await coordinator.preview(id_)

    found = asyncio.run(main())
    if json:
        print(shapes.dump(forecast.shape(found)))
    else:
        forecast.tell(found)
    return 0


def _reading(settings: Settings, saga_id: str) -> Reading:
    async def main() -> Reading:
        async with opened(settings) as coordinator:
            return await read(coordinator, saga_id)

    return asyncio.run(main())
