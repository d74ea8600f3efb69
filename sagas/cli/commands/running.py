"""`run` and `worker`: driving sagas from here."""

from datetime import timedelta
from typing import Annotated, Any
from uuid import uuid4

import typer

from sagas.authoring.saga import Saga
from sagas.cli import targets
from sagas.cli.failing import Mistake
from sagas.cli.following import Follower
from sagas.cli.inputs import json_bytes
from sagas.cli.logs import logged
from sagas.cli.opening import opened
from sagas.cli.settings import (
    DEFAULT_DB,
    AsUser,
    ChannelsFile,
    Db,
    DirectoryFile,
    GroupsFile,
    LeaseSeconds,
    PoliciesFile,
    Settings,
    starter,
)
from sagas.cli.stopping import interruptible
from sagas.cli.terminal import safe, show
from sagas.connecting import CONCURRENCY, GRACE_SECONDS, MAX_DEATHS, check_catalogs
from sagas.coordinator import Coordinator, check_id
from sagas.errors import TimerError, UnknownSaga
from sagas.journal.urls import parse
from sagas.model import Status
from sagas.moments import given_duration

EXITS = {
    Status.COMPLETED: 0,
    Status.COMPENSATED: 3,
    Status.RESIDUAL: 4,
    Status.STUCK: 5,
    Status.WAITING: 6,
    Status.RUNNING: 6,
    Status.UNWINDING: 6,
}


def run(  # noqa: PLR0913  one for each option
    target: Annotated[str, typer.Argument(metavar="TARGET", help="module:catalog.saga")],
    *,
    input_: Annotated[
        str | None,
        typer.Option("--input", metavar="JSON|@FILE", help="What the saga is started with."),
    ] = None,
    id_: Annotated[
        str | None,
        typer.Option("--id", metavar="ID", help="Yours, and unique for ever; made up if left out."),
    ] = None,
    deadline: Annotated[
        float | None,
        typer.Option(
            "--deadline",
            metavar="SECONDS",
            help="How long from its start until it is undone, if it has not ended.",
        ),
    ] = None,
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="Return as soon as the saga has to wait.")
    ] = False,
    db: Db = DEFAULT_DB,
    directory: DirectoryFile = None,
    channels: GroupsFile = None,
    policies: PoliciesFile = None,
    as_user: AsUser = None,
    lease: LeaseSeconds = None,
) -> int:
    """Start a saga, or go on with one, and wait for its end.

    With the id of a saga that exists and the same input it goes on with that saga; the input may
    then be left out. Exits with 0 if it completed, 3 if it was compensated, 4 if something remains,
    5 if it is stuck, 6 if it waits (--no-wait).
    """
    settings = Settings(
        db=db, directory=directory, as_user=as_user, policies=policies, groups=channels
    )
    found = targets.load(target)
    saga = found.one_saga()
    check_catalogs([found.catalog])
    value: Any = None
    if input_ is not None:
        value = saga.input.decode(json_bytes(input_, saga.input.what))
        saga.input.encode(value)
    elif id_ is None:
        raise Mistake(f"{saga.name} needs an input: --input JSON or --input @FILE")
    within = _deadline(deadline, starts=input_ is not None)
    saga_id = id_ if id_ is not None else f"{saga.short_name}-{uuid4().hex[:8]}"
    check_id(saga_id)
    user = starter(settings)

    async def main() -> int:
        async with opened(
            settings, found.catalog, user=user, lease=lease, make=input_ is not None
        ) as coordinator:
            if input_ is not None:
                await coordinator.start(saga, value, id=saga_id, deadline=within)
            else:
                await _resume(coordinator, saga, saga_id)
            follower = Follower(coordinator, saga_id, settings, found.catalog)
            return EXITS[await follower.follow(wait=not no_wait)]

    again = settings.command("run", target, "--id", saga_id)
    return interruptible(main(), f"{saga_id} stays as it is; go on with: {again}")


def _deadline(seconds: float | None, *, starts: bool) -> timedelta | None:
    """The deadline as it was typed.

    Raises:
        Mistake: It is no time, or the saga is not started but gone on with.
    """
    if seconds is None:
        return None
    if not starts:
        raise Mistake("--deadline is set when a saga starts: give its --input too")
    try:
        within = timedelta(seconds=seconds)
        given_duration("--deadline", within)
    except (TimerError, OverflowError, ValueError):
        raise Mistake(
            f"--deadline is a number of seconds, above zero and at most a century, not {seconds:g}"
        ) from None
    return within


async def _resume(coordinator: Coordinator, saga: Saga[Any, Any], saga_id: str) -> None:
    """Go on with a saga that exists.

    Raises:
        UnknownSaga: There is none of that id, or it is another one.
    """
    row = await coordinator.store.saga(saga_id)
    if row is None:
        raise UnknownSaga(
            f"there is no saga {saga_id!r} in this journal: give --input to start one, or see "
            "`sagas list`"
        )
    if row.saga != saga.name:
        raise UnknownSaga(f"{saga_id} is a {row.saga}, not a {saga.name}: name its own target")
    await coordinator.resume(saga_id)


def worker(
    target: Annotated[list[str], typer.Argument(metavar="TARGET...", help="module:catalog")],
    *,
    concurrency: Annotated[
        int, typer.Option("--concurrency", min=1, help="How many sagas are driven at a time.")
    ] = CONCURRENCY,
    db: Db = DEFAULT_DB,
    directory: DirectoryFile = None,
    policies: PoliciesFile = None,
    channels: ChannelsFile = None,
    lease: LeaseSeconds = None,
    grace: Annotated[
        float,
        typer.Option(
            "--grace",
            metavar="SECONDS",
            min=0,
            help="For how long it waits for running actions when it is asked to stop.",
        ),
    ] = GRACE_SECONDS,
    max_deaths: Annotated[
        int,
        typer.Option(
            "--max-deaths",
            min=1,
            help="How many workers may die of a saga before a person is asked.",
        ),
    ] = MAX_DEATHS,
) -> int:
    """Drive sagas of these catalogs until SIGTERM, SIGHUP or Ctrl-C.

    Every saga that is due is driven, and people are told what waits for them, if there are
    channels. Asked to stop, it begins nothing new and lets running actions
    finish; asked twice, it ends at once.
    """
    settings = Settings(db=db, directory=directory, policies=policies, channels=channels)
    catalogs = targets.catalogs(target)
    check_catalogs(catalogs)

    async def main() -> int:
        async with opened(
            settings,
            *catalogs,
            lease=lease,
            concurrency=concurrency,
            grace=grace,
            max_deaths=max_deaths,
            make=True,
        ) as coordinator:
            names = ", ".join(catalog.name for catalog in catalogs)
            where = parse(settings.db).shown
            show(safe(f"drives {names} on {where}; Ctrl-C or SIGTERM ends it"))
            await coordinator.work()
        return 0

    with logged():
        return interruptible(main(), "stopped", clean=True)
