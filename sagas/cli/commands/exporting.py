"""`history export`: sagas as files that outlive the journal, to be replayed by a test."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from sagas.cli.failing import Mistake
from sagas.cli.inputs import since as since_of
from sagas.cli.opening import opened
from sagas.cli.outputs import replace
from sagas.cli.settings import DEFAULT_DB, Db, Settings
from sagas.cli.terminal import safe, show
from sagas.coordinator import Coordinator
from sagas.model import Status
from sagas.story.wording import plural
from sagas.testing.recorded import export_history, file_name

EVERY = 2**31 - 1


def export(
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="ID", help="Sagas; every one if left out.")
    ] = None,
    *,
    to: Annotated[
        Path, typer.Option("--to", metavar="DIR", help="The directory; it is made if need be.")
    ],
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
    force: Annotated[
        bool, typer.Option("--force", help="Replace files that hold something else.")
    ] = False,
    db: Db = DEFAULT_DB,
) -> int:
    """Write each saga's history into a file of its own, to be replayed by pytest.

    A file that is there and holds something else is not replaced, and then nothing is written.
    Histories are exact: arguments, results and errors are in them with their secrets.
    """
    if ids and (status or saga or since):
        raise Mistake("name sagas, or choose them with --status, --saga and --since: not both")
    settings = Settings(db=db)
    after = since_of(since, datetime.now(UTC))

    async def main() -> tuple[int, int]:
        async with opened(settings) as coordinator:
            chosen = ids or [
                row.id
                for row in await coordinator.list(
                    status=status, saga=saga, since=after, limit=EVERY
                )
            ]
            return await _write(coordinator, chosen, to, force=force)

    written, kept = asyncio.run(main())
    unchanged = f", {kept} unchanged" if kept else ""
    show(safe(f"{plural(written, 'history', 'histories')} written to {to}{unchanged}"))
    return 0


async def _write(
    coordinator: Coordinator, ids: list[str], directory: Path, *, force: bool
) -> tuple[int, int]:
    """How many files were written, and how many held the same already."""
    _make(directory)
    for saga_id in ids:
        await coordinator.get(saga_id)
    if not force:
        async for path, _, there in _compared(coordinator, ids, directory):
            if not there and path.exists():
                raise Mistake(
                    f"{path} holds something else: --force replaces it, --to names another directory"
                )
    written = kept = 0
    async for path, content, there in _compared(coordinator, ids, directory):
        if there:
            kept += 1
            continue
        replace(path, content)
        written += 1
    return written, kept


async def _compared(
    coordinator: Coordinator, ids: list[str], directory: Path
) -> AsyncIterator[tuple[Path, bytes, bool]]:
    """The file and the content of each saga's history, and whether it is there already."""
    for saga_id in dict.fromkeys(ids):
        path = directory / file_name(saga_id)
        content = await export_history(coordinator.store, saga_id)
        yield path, content, _is_there(path, content)


def _make(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Mistake(
            f"{directory} cannot be made ({error.strerror}): name another directory"
        ) from None


def _is_there(path: Path, content: bytes) -> bool:
    try:
        return path.is_file() and path.read_bytes() == content
    except OSError as error:
        raise Mistake(f"{path} cannot be read ({error.strerror}): name another directory") from None
