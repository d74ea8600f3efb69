"""`deliveries`: whom was told what waits for them, and whom not."""

import asyncio
from collections.abc import Iterator
from typing import Annotated

import typer
from rich.text import Text

from sagas.cli import shapes
from sagas.cli.opening import opened, or_nothing
from sagas.cli.settings import DEFAULT_DB, Db, Json, Limit, Settings, newest
from sagas.cli.terminal import Part, grid, safe, section, show
from sagas.ports import Delivery, DeliveryState
from sagas.story.wording import moment

_STYLES = {
    DeliveryState.DEAD: "bold red",
    DeliveryState.LOST: "yellow",
    DeliveryState.UNKNOWN: "yellow",
    DeliveryState.SENT: "green",
    DeliveryState.UPDATED: "green",
}


def deliveries(
    *,
    saga: Annotated[
        str | None, typer.Option("--saga", metavar="ID", help="Only those of that saga, by its id.")
    ] = None,
    state: Annotated[
        DeliveryState | None, typer.Option("--state", help="Only those that stand there.")
    ] = None,
    limit: Limit = 100,
    json: Json = False,
    db: Db = DEFAULT_DB,
) -> int:
    """List the messages to people, the newest first."""
    settings = Settings(db=db)

    async def main() -> list[Delivery]:
        async with opened(settings) as coordinator:
            wanted = None if state is None else state.value
            return await coordinator.store.deliveries(saga_id=saga, state=wanted, limit=limit)

    rows = asyncio.run(or_nothing(main()))
    if json:
        found = [
            {"about": row.subject, "saga_id": row.saga_id} | shapes.delivery(row) for row in rows
        ]
        print(shapes.dump(found))
    else:
        show(*(_listed(rows, limit) if rows else ["nobody was told anything"]))
    return 0


def _listed(rows: list[Delivery], limit: int) -> list[Part]:
    table = grid("", "", "fixed", "fixed", "fixed")
    heads = ("about", "to", "why", "state", "since")
    table.add_row(*(Text(word, style="dim") for word in heads))
    for row in rows:
        table.add_row(
            safe(row.subject, "bold"),
            safe(f"{row.channel}:{row.target}", limit=60),
            Text(row.saying),
            Text(row.state.value, style=_STYLES.get(row.state, "")),
            Text(moment(row.changed_at).removesuffix(" UTC")),
        )
    more = [Text(newest(limit), style="dim")]
    return [table, *_errors(rows), *(more if len(rows) >= limit else [])]


def _errors(rows: list[Delivery]) -> Iterator[Part]:
    """What went wrong, once, and with which messages."""
    found: dict[str, list[str]] = {}
    for row in rows:
        if row.error:
            found.setdefault(row.error, []).append(f"{row.subject} to {row.channel}:{row.target}")
    for error, messages in found.items():
        title = safe(error, "yellow", limit=200)
        yield Text()
        yield from section(title, [safe(one, "dim", limit=100) for one in messages])
