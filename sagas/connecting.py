"""The composition root: a database URL and catalogs in, a coordinator out.

The only place that picks adapters. They are imported here, when they are asked for.
"""

import asyncio
import getpass
import logging
import os
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from approvals import Approval, Directory, OperatingSystemDirectory, TomlDirectory
from approvals.channels import Channels
from approvals.directory import LiveGroups
from approvals.policies import Policies
from approvals.requirement import groups_named
from approvals.toml_policies import load_policies
from sagas.authoring.catalog import Catalog, check_order
from sagas.authoring.limit import check_agreement
from sagas.authoring.saga import Saga
from sagas.clock import SteadyClock, ticks
from sagas.coordinator import Coordinator
from sagas.discreet import keep_tokens_out_of_the_log
from sagas.dispatching.dispatcher import Dispatcher
from sagas.driving.environment import Handlers
from sagas.errors import DefinitionError, SagaError
from sagas.frozen import check_loop_clock
from sagas.journal import open_store
from sagas.model import Outcome
from sagas.ports import Clock, FaultPoints, Lease, Store
from sagas.tenure import Surroundings
from sagas.worker import Worker

I = TypeVar("I")  # noqa: E741
O = TypeVar("O")  # noqa: E741
T = TypeVar("T")

log = logging.getLogger("sagas")

LEASE_SECONDS = 10.0
CONCURRENCY = 1000
GRACE_SECONDS = 10.0
MAX_DEATHS = 3


@asynccontextmanager
async def connect(
    url: str,
    *catalogs: Catalog,
    directory: str | Path | Directory | None = None,
    policies: str | Path | Policies | None = None,
    channels: str | Path | Channels | None = None,
    lease: float | None = None,
    concurrency: int = CONCURRENCY,
    grace: float = GRACE_SECONDS,
    max_deaths: int = MAX_DEATHS,
    clock: Clock | None = None,
    user: str | None = None,
    fault_points: FaultPoints | None = None,
) -> AsyncGenerator[Coordinator]:
    """Open a journal and coordinate the sagas of some catalogs over it.

    An SQLite file is created if it does not exist; a PostgreSQL database is set up by
    `sagas migrate`. Nothing is driven but what this process starts or resumes, unless
    `coordinator.work()` runs.

    Args:
        url: `sqlite:///file.db` or `postgresql://user@host/database`.
        directory: Who may approve: a TOML file, or a `Directory`. Without one (and without
            SAGAS_DIRECTORY in the environment) every operating-system user is a person and there
            are no groups.
        policies: What is asked for beside what the authors of actions ask for: a TOML file, or
            `Policies`. SAGAS_POLICIES names a file too; it is read now and not again.
        channels: How people are told what waits for them: a TOML file, or `Channels`. Without
            (and without SAGAS_CHANNELS in the environment) nobody is told. Messages are sent
            while `coordinator.work()` or `coordinator.dispatch()` runs. With a channel of Slack,
            the directory knows Slack's user groups too.
        lease: Seconds for which a silent process keeps its sagas; SAGAS_LEASE, or 10.
        concurrency: How many sagas are driven at the same time; those that are started beyond it
            wait in the journal for their turn.
        grace: Seconds for which leaving the block waits for calls under way.
        max_deaths: How many workers may die while they drive a saga before a person is asked
            whether it may go on.
        clock: The time that decisions are made by. By default the database's on PostgreSQL, the
            host's on SQLite.
        user: Who this process acts for; the operating-system user.
        fault_points: Told of every boundary that a crash could fall on; for tests.

    Raises:
        DefinitionError: A catalog is incomplete, or two have one name.
        JournalUnavailable: The database cannot be used; the message says why and what to do.
        SchemaMismatch: It was made by another version.
        UnsafeDatabase: It would lose what it acknowledged.
        SagaError: The event loop's clock is frozen.
    """
    coordinator = await open_coordinator(
        url,
        catalogs,
        directory=directory,
        policies=policies,
        channels=channels or os.environ.get("SAGAS_CHANNELS") or None,
        lease=lease,
        concurrency=concurrency,
        grace=grace,
        max_deaths=max_deaths,
        clock=clock,
        user=user,
        fault_points=fault_points,
    )
    try:
        yield coordinator
    finally:
        await coordinator.close()


async def open_coordinator(
    url: str,
    catalogs: Iterable[Catalog],
    *,
    directory: str | Path | Directory | None = None,
    policies: str | Path | Policies | None = None,
    channels: str | Path | Channels | None = None,
    lease: float | None = None,
    concurrency: int = CONCURRENCY,
    grace: float = GRACE_SECONDS,
    max_deaths: int = MAX_DEATHS,
    clock: Clock | None = None,
    user: str | None = None,
    fault_points: FaultPoints | None = None,
    groups: LiveGroups | None = None,
) -> Coordinator:
    """As `connect`, without a context and an environment: the caller closes it.

    Args:
        groups: Those whose members somebody else keeps, where no channel brings them.
    """
    check_loop_clock()
    known = list(catalogs)
    check_catalogs(known)
    check_limits(concurrency=concurrency, grace=grace, max_deaths=max_deaths)
    seconds = lease_seconds(lease)
    keep_tokens_out_of_the_log()
    people = directory_source(directory)
    told = Channels.load(channels) if isinstance(channels, (str, Path)) else channels
    live = groups if told is None or told.groups is None else told.groups
    laid_over = policies_given(policies)
    warn_of_idle(laid_over, [action.name for catalog in known for action in catalog.actions])
    handlers = Handlers(known)
    store = await open_store(url)
    time_source = clock or await clock_of(store)
    around = Surroundings(
        store=store,
        open_store=partial(open_store, url),
        handlers=handlers,
        clock=time_source,
        directory=people if live is None else lambda: live.over(people()),
        policies=laid_over,
        lease_seconds=seconds,
        max_deaths=max_deaths,
        faults=fault_points,
    )

    if live is not None:
        live.watch(groups_that_decide(known, laid_over))
    return assemble(
        around,
        concurrency=concurrency,
        grace=grace,
        user=user or getpass.getuser(),
        channels=told,
        groups=live,
    )


def assemble(
    around: Surroundings,
    *,
    concurrency: int,
    grace: float,
    user: str,
    channels: Channels | None = None,
    groups: LiveGroups | None = None,
) -> Coordinator:
    """A coordinator and its worker over surroundings that are made."""

    def worker(coordinator: Coordinator) -> Worker:
        return Worker(around, concurrency=concurrency, grace=grace, finished=coordinator.finished)

    return Coordinator(
        around.store,
        around.handlers,
        clock=around.clock,
        directory=around.directory,
        policies=around.policies,
        user=user,
        worker=worker,
        dispatcher=None if channels is None else partial(dispatcher, around, channels),
        groups=groups,
    )


def dispatcher(
    around: Surroundings, channels: Channels, coordinator: Coordinator, worker: Worker
) -> Dispatcher:
    """What tells people what waits for them."""

    async def lease() -> Lease:
        return (await worker.begin()).holder.lease

    return Dispatcher(
        around.store,
        channels,
        present=coordinator.presentation,
        directory=around.directory,
        clock=around.clock,
        lease=lease,
        faults=around.faults,
    )


def run_sync(
    saga: Saga[I, O],
    input: I,
    /,
    *,
    id: str,
    url: str = "sqlite:///sagas.db",
    catalog: Catalog,
    directory: str | Path | Directory | None = None,
    deadline: timedelta | datetime | None = None,
    timeout: float | None = None,
) -> Outcome[O]:
    """Start a saga and wait for its outcome, from code that is not async.

    For scripts and notebooks; it works inside a running event loop too, in a thread of its own.

    Args:
        deadline: As for `coordinator.start`.
        timeout: How long this call waits (seconds); the saga goes on.

    Raises:
        TimeoutError: It has not ended within `timeout` seconds; starting the same id goes on.
        SagaError: As `connect` and `coordinator.start`.
    """

    async def main() -> Outcome[O]:
        async with connect(url, catalog, directory=directory) as coordinator:
            return await coordinator.run(saga, input, id=id, deadline=deadline, timeout=timeout)

    return _blocking(main)


def check_catalogs(catalogs: list[Catalog]) -> None:
    """Refuse catalogs that cannot be served together.

    Raises:
        DefinitionError: One is incomplete, two have one name, two limits do, or actions of several
            come after each other in a cycle.
    """
    names = [catalog.name for catalog in catalogs]
    for name in names:
        if names.count(name) > 1:
            raise DefinitionError(
                f"two catalogs are named {name!r}: names in the journal must be unique"
            )
    for catalog in catalogs:
        catalog.check()
    check_order(action for catalog in catalogs for action in catalog.actions)
    check_agreement(limit for catalog in catalogs for limit in catalog.limits)


async def clock_of(store: Store) -> SteadyClock:
    """The clock that goes with a database: its own where it runs on another machine."""
    clock = SteadyClock()
    if store.keeps_time:
        asked = ticks()
        clock.set(await store.time(), asked=asked)
    return clock


def check_limits(*, concurrency: int, grace: float, max_deaths: int) -> None:
    """Refuse numbers with which nothing could run.

    Raises:
        SagaError: One is out of range.
    """
    if concurrency < 1:
        raise SagaError(f"concurrency is at least 1, not {concurrency}: nothing would be driven")
    if max_deaths < 1:
        raise SagaError(f"max_deaths is at least 1, not {max_deaths}: nothing would be driven")
    try:
        is_fit = 0 <= grace <= 86_400
    except TypeError:  # a timedelta, as in other places
        is_fit = False
    if not is_fit:
        raise SagaError(f"the grace is a number of seconds from 0 to 86400, not {grace}")


def lease_seconds(given: float | None) -> float:
    """The lease, from the argument, the environment, or the default.

    Raises:
        SagaError: It is not a positive number.
    """
    text = os.environ.get("SAGAS_LEASE") if given is None else str(given)
    if text is None:
        return LEASE_SECONDS
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds <= 86_400:
        raise SagaError(f"the lease is a number of seconds from 0.1 to 86400, not {text!r}")
    return seconds


def directory_source(given: str | Path | Directory | None) -> Callable[[], Directory]:
    """Who is who, asked anew for each decision.

    Raises:
        DirectoryError: The file cannot be read.
    """
    chosen = given if given is not None else os.environ.get("SAGAS_DIRECTORY") or None
    if chosen is None:
        return OperatingSystemDirectory
    if not isinstance(chosen, (str, Path)):
        people = chosen
        return lambda: people
    path = Path(chosen)
    TomlDirectory.load(path)  # a mistake in it shows now, not at the first gate
    return lambda: TomlDirectory.load(path)


def policies_given(given: str | Path | Policies | None) -> Policies:
    """What is asked for beside what the authors of actions ask for.

    Raises:
        ApprovalDefinitionError: The file cannot be read.
    """
    chosen = given if given is not None else os.environ.get("SAGAS_POLICIES") or None
    if chosen is None:
        return Policies()
    return load_policies(chosen) if isinstance(chosen, (str, Path)) else chosen


def groups_that_decide(catalogs: Iterable[Catalog], policies: Policies) -> set[str]:
    """Every group that a gate of these actions may ask, without the mark."""
    declared = [
        effect.options.approval
        for catalog in catalogs
        for action in catalog.actions
        for effect in (action, action.undo)
        if effect is not None
    ]
    asked = [*declared, *(rule.asks for rule in policies.rules)]
    return {name for each in asked if isinstance(each, Approval) for name in groups_named(each)}


def warn_of_idle(policies: Policies, actions: Sequence[str]) -> None:
    """Say which names in policies no action here has: in another process one may, or it is misspelt.

    A process without actions, which only decides, says nothing.
    """
    for policy, pattern in policies.without(actions) if actions else ():
        near = get_close_matches(pattern, actions, n=1)
        meant = f" (did you mean {near[0]}?)" if near else ""
        log.warning(
            "policy %r asks for nothing here about %r: no action of this process is called that%s",
            policy.name,
            pattern,
            meant,
        )


def _blocking(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run to the end: in this thread, or in one of its own where a loop is running here."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(main())
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="sagas-run-sync") as pool:
        return pool.submit(lambda: asyncio.run(main())).result()
