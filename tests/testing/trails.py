"""Sagas that are recorded under one release of their code and replayed under another."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sagas import Catalog, Coordinator, NotExecuted, connect
from sagas.journal import migrate
from sagas.testing import History, read_history
from tests.behaviour.shop import Order, keyed, shop
from tests.behaviour.world import World, raising, refuse

Body = Callable[[Order], Any]
Leave = Callable[[Coordinator], Awaitable[object]]

DAY = timedelta(days=1)


def of(body: Body, *, version: int = 1) -> Catalog:
    """A catalog with that body alone, always under one name."""
    made = Catalog("bodies")
    made.saga(name="saga", version=version)(body)
    return made


def journal_in(directory: Path) -> str:
    """The URL of an empty journal."""
    path = directory / "sagas.db"
    path.write_bytes(_empty())
    return f"sqlite:///{path}"


@cache
def _empty() -> bytes:
    """The file of a journal without a saga."""
    with TemporaryDirectory() as directory:
        path = Path(directory) / "sagas.db"
        migrate(f"sqlite:///{path}")
        return path.read_bytes()


async def recorded(url: str, body: Body, leave: Leave | None = None) -> History:
    """What is recorded of a saga that was driven to where it ends or waits.

    Args:
        leave: What is done to it then.
    """
    made = of(body)
    async with connect(url, made, shop) as coordinator:
        saga = made.find_saga("bodies.saga", 1)
        assert saga is not None
        handle = await coordinator.start(saga, Order(), id="s")
        await handle.settled()
        if leave is not None:
            await leave(coordinator)
            await handle.settled()
        return await read_history(coordinator.store, "s")


async def cancel(coordinator: Coordinator) -> None:
    """Ask for the saga to be undone."""
    await coordinator.cancel("s", reason="enough")


def refuse_second(world: World) -> None:
    """The partner refuses what is called `second`."""
    world.plan("second", refuse)


def leave_first(world: World) -> None:
    """The partner cannot undo what is called `first`."""
    world.plan("undo-first", *[raising(NotExecuted("not now"))] * 3)


async def two(order: Order) -> str:
    """Two steps."""
    await keyed("first")
    return await keyed("second")
