"""A destination is asked about a call, and the call itself answers before it does."""

import asyncio
from datetime import timedelta

import pytest

from sagas import Catalog, Retry, Reversibility
from sagas.entries import Probed, Succeeded
from sagas.state import Phase
from tests.behaviour.acting import LIMIT
from tests.behaviour.conftest import House
from tests.behaviour.shop import Order
from tests.behaviour.world import World, ignore_cancellation, world

talk = Catalog("talk")


class Turns:
    """Who waits for whom; new for each test, since an event belongs to one event loop."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.may_answer = asyncio.Event()


turns = Turns()


@talk.action(
    reversibility=Reversibility.COMPENSATABLE,
    timeout=timedelta(milliseconds=50),
    retry=Retry(attempts=1, first=timedelta(milliseconds=5)),
)
async def tell(what: str) -> str:
    """Takes longer than it may."""
    return await world.do(what)


@tell.probe()
async def find(what: str) -> str | None:
    """Takes its time, too."""
    found = world.find(what)
    turns.asked.set()
    await turns.may_answer.wait()
    return world.find(what) or found


@tell.compensation(repeatable=True)
async def untell(what: str, result: str) -> None:
    """Undo it."""
    await world.do(f"undo-{what}")


@talk.saga
async def telling(order: Order) -> str:
    """One call."""
    return await tell("it")


@pytest.mark.usefixtures("on_both")
async def test_what_the_call_itself_tells_meanwhile_is_not_told_again_by_the_probe(
    house: House, world: World
) -> None:
    turns.__init__()  # type: ignore[misc]
    world.plan("it", ignore_cancellation)
    async with house.open(talk) as coordinator:
        handle = await coordinator.start(telling, Order(), id="s")
        async with asyncio.timeout(LIMIT):
            await turns.asked.wait()
            world.released.set()
            while True:
                state = await coordinator.state("s")
                if state.steps["telling/tell#1"].forward.phase is Phase.SUCCEEDED:
                    break
                await asyncio.sleep(0.01)
            turns.may_answer.set()
            assert (await handle.outcome()).result == "it-done"
        rows = (await coordinator.load("s")).rows
    assert [row.kind for row in rows].count(Succeeded.__name__) == 1
    assert Probed.__name__ not in [row.kind for row in rows]
