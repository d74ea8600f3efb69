"""Opening the journal for one command."""

from collections.abc import AsyncGenerator, Awaitable
from contextlib import asynccontextmanager
from typing import TypeVar

from approvals import OperatingSystemDirectory
from approvals.channels.configuration import live_groups
from approvals.policies import Policies
from sagas.authoring.catalog import Catalog
from sagas.cli.failing import Mistake, complain
from sagas.cli.settings import Settings
from sagas.connecting import CONCURRENCY, GRACE_SECONDS, MAX_DEATHS, lease_seconds, open_coordinator
from sagas.coordinator import Coordinator
from sagas.journal.urls import SqliteUrl, parse

T = TypeVar("T")


class NoJournalYet(Mistake):
    """The file that would hold the journal does not exist."""


@asynccontextmanager
async def opened(
    settings: Settings,
    *catalogs: Catalog,
    user: str | None = None,
    lease: float | None = None,
    concurrency: int = CONCURRENCY,
    grace: float = GRACE_SECONDS,
    max_deaths: int = MAX_DEATHS,
    make: bool = False,
) -> AsyncGenerator[Coordinator]:
    """A coordinator over the journal that the settings name; closed when the block ends.

    Args:
        user: In whose name sagas are started.
        make: Whether a file that is missing is made; a command that only looks makes none.

    Raises:
        NoJournalYet: There is no file, and none was to be made.
    """
    lease_seconds(lease)
    if not make:
        check_exists(settings)
    coordinator = await open_coordinator(
        settings.db,
        catalogs,
        directory=settings.directory or OperatingSystemDirectory(),
        policies=settings.policies or Policies(),
        channels=settings.channels or None,
        lease=lease,
        concurrency=concurrency,
        grace=grace,
        max_deaths=max_deaths,
        user=user or "nobody",
        groups=live_groups(settings.groups) if settings.groups else None,
    )
    try:
        yield coordinator
    finally:
        await coordinator.close()


def check_exists(settings: Settings) -> None:
    """Refuse an SQLite file that is not there.

    Raises:
        NoJournalYet: It is not there.
    """
    url = parse(settings.db)
    if isinstance(url, SqliteUrl) and not url.path.exists():
        raise NoJournalYet(
            f"{url.shown} does not exist yet: `sagas run` or `sagas migrate` makes it, or name "
            "another one with --db"
        )


async def or_nothing(rows: Awaitable[list[T]]) -> list[T]:
    """What is listed; nothing, with a word about it, where there is no journal yet."""
    try:
        return await rows
    except NoJournalYet as error:
        complain(str(error))
        return []
