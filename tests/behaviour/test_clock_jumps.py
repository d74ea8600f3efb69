"""Clocks that jump: nothing fires early by the clock's own account, and nothing is done twice.

The jump comes right after an entry is durable, so that it falls into the wait that follows.
"""

from datetime import timedelta

import pytest

import sagas
from sagas import Retry, Reversibility, Status, frozen
from sagas.ports import FaultPoints
from tests.behaviour.acting import LIMIT, approve_all, kinds
from tests.behaviour.conftest import House, ShiftedClock
from tests.behaviour.shop import DAY, HOUR, PATIENT, Order, gated, keyed, lagging, shop
from tests.behaviour.world import World, lose_answer, wait_for_release
from tests.behaviour.world import world as partner

SECOND = timedelta(seconds=1)
JUMPS = [
    pytest.param(DAY, id="a-day-ahead"),
    pytest.param(-DAY, id="a-day-back"),
    pytest.param(SECOND, id="a-second-ahead"),
    pytest.param(-SECOND, id="a-second-back"),
]
jumps = pytest.mark.parametrize("by", JUMPS)


@shop.action(
    reversibility=Reversibility.COMPENSATABLE,
    key_ttl=DAY,
    retry=Retry(attempts=3, first=timedelta(milliseconds=200)),
    timeout=PATIENT,
)
async def resting(what: str) -> str:
    """Attempts with a wait between them that is worth the name."""
    return await partner.do(what)


@resting.compensation()
async def undo_resting(what: str, result: str) -> None:
    """Undo it."""
    await partner.do(f"undo-{what}")


@shop.saga
async def resting_once(order: Order) -> str:
    return await resting("first")


@shop.saga
async def gated_once(order: Order) -> str:
    return await gated("asked")


@shop.saga
async def sleeping_an_hour(order: Order) -> str:
    await sagas.sleep(HOUR)
    return await keyed("after")


@shop.saga
async def napping_once(order: Order) -> str:
    await sagas.sleep(timedelta(milliseconds=200))
    return await keyed("after")


@shop.saga
async def lagging_once(order: Order) -> str:
    return await lagging("it")


@shop.saga
async def two_in_an_hour(order: Order) -> str:
    await keyed("first")
    return await keyed("second")


class Jump(FaultPoints):
    """Sets the clock once an entry of a kind is durable."""

    def __init__(self, clock: ShiftedClock, kind: str, by: timedelta) -> None:
        self._clock = clock
        self._kind = kind
        self._by = by
        self.landed = False

    async def reached(self, point: str, saga_id: str, path: str) -> None:
        if point == "after-append" and self._kind in path.split(",") and not self.landed:
            self._clock.forward(self._by)
            self.landed = True


@pytest.fixture(autouse=True)
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Every wait in place, in seconds."""
    seen: list[float] = []

    async def sleep(seconds: float) -> None:
        seen.append(seconds)
        await frozen.sleep_regardless(seconds)

    monkeypatch.setattr("sagas.driving.drive.sleep_regardless", sleep)
    monkeypatch.setattr("sagas.driving.requests.sleep_regardless", sleep)
    return seen


@jumps
async def test_a_wait_between_attempts_is_as_long_as_it_was_meant(
    house: House, world: World, naps: list[float], by: timedelta
) -> None:
    world.plan("first", lose_answer)
    jump = Jump(house.clock, "FoundInDoubt", by)
    async with house.open(fault_points=jump) as coordinator:
        outcome = await coordinator.run(resting_once, Order(), id="s", timeout=LIMIT)
    assert jump.landed
    assert world.done == ["first"]
    if by == DAY:  # the key is dead by the clock: a person is asked, and nothing is called
        assert (outcome.status, world.count("first")) == (Status.STUCK, 1)
    else:
        assert (outcome.completed, world.count("first")) == (True, 2)
    assert all(0 < nap <= 1 for nap in naps)


@jumps
async def test_a_gate_expires_by_the_clock_and_not_before(
    house: House, world: World, by: timedelta
) -> None:
    jump = Jump(house.clock, "GateOpened", by)
    async with house.open(fault_points=jump) as coordinator:
        handle = await coordinator.start(gated_once, Order(), id="s")
        await handle.settled()
        assert jump.landed
        if by < HOUR:
            await approve_all(coordinator)
        outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.status is (Status.COMPLETED if by < HOUR else Status.COMPENSATED)
    assert world.done == (["asked"] if by < HOUR else [])


@jumps
async def test_a_timer_fires_once_and_never_early(
    house: House, world: World, by: timedelta
) -> None:
    jump = Jump(house.clock, "TimerSet", by)
    async with house.open(fault_points=jump) as coordinator:
        handle = await coordinator.start(sleeping_an_hour, Order(), id="s")
        if by < HOUR:
            await handle.settled()
            await coordinator.resume("s")
            assert "TimerFired" not in await kinds(coordinator)
            house.clock.forward(HOUR - by)
            await coordinator.resume("s")
        assert (await handle.outcome(timeout=LIMIT)).completed
        assert (await kinds(coordinator)).count("TimerFired") == 1
    assert jump.landed


@jumps
async def test_a_nap_is_over_by_the_clock_and_not_before(
    house: House, world: World, naps: list[float], by: timedelta
) -> None:
    jump = Jump(house.clock, "TimerSet", by)
    async with house.open(fault_points=jump) as coordinator:
        handle = await coordinator.start(napping_once, Order(), id="s")
        if by == -DAY:
            assert (await handle.settled()).status is Status.WAITING
            assert "TimerFired" not in await kinds(coordinator)
            house.clock.forward(DAY + SECOND)
            await coordinator.resume("s")
        assert (await handle.outcome(timeout=LIMIT)).completed
        assert (await kinds(coordinator)).count("TimerFired") == 1
    assert jump.landed
    assert all(0 < nap <= 1 for nap in naps)


@jumps
async def test_the_lag_of_a_probe_ends_by_the_clock(
    house: House, world: World, by: timedelta
) -> None:
    world.plan("it", lose_answer)
    world.hidden.add("it")
    jump = Jump(house.clock, "Probed", by)
    async with house.open(fault_points=jump) as coordinator:
        handle = await coordinator.start(lagging_once, Order(), id="s")
        if by < HOUR:
            await handle.settled()
            assert world.count("it") == 1
            world.hidden.clear()
            house.clock.forward(timedelta(minutes=2) - by)
            await coordinator.resume("s")
        assert (await handle.outcome(timeout=LIMIT)).completed
    assert jump.landed
    assert world.done == ["it"]


@jumps
async def test_a_deadline_passes_by_the_clock_before_the_next_intent(
    house: House, world: World, naps: list[float], by: timedelta
) -> None:
    jump = Jump(house.clock, "Intended", by)
    async with house.open(fault_points=jump) as coordinator:
        handle = await coordinator.start(two_in_an_hour, Order(), id="s", deadline=HOUR)
        outcome = await handle.outcome(timeout=LIMIT)
    assert jump.landed
    assert outcome.status is (Status.COMPLETED if by < HOUR else Status.COMPENSATED)
    assert world.count("second") == (1 if by < HOUR else 0)
    assert all(nap > 0 for nap in naps)


@jumps
async def test_a_jump_while_nobody_runs_fires_nothing_early(
    house: House, world: World, by: timedelta
) -> None:
    async with house.open() as coordinator:
        await (await coordinator.start(sleeping_an_hour, Order(), id="s")).settled()
    house.clock.forward(by)
    async with house.open() as coordinator:
        handle = await coordinator.resume("s")
        if by < HOUR:
            await handle.settled()
            assert "TimerFired" not in await kinds(coordinator)
            house.clock.forward(HOUR - by)
            await coordinator.resume("s")
        assert (await handle.outcome(timeout=LIMIT)).completed


@pytest.mark.usefixtures("on_both")
@pytest.mark.parametrize("by", [DAY, -DAY], ids=str)
async def test_a_worker_whose_clock_jumped_takes_no_saga_from_another(
    house: House, world: World, by: timedelta
) -> None:
    world.plan("first", wait_for_release)
    async with house.open() as coordinator, house.open(clock=ShiftedClock(by)) as other:
        handle = await coordinator.start(two_in_an_hour, Order(), id="s")
        await world.under_way.wait()
        before = (await coordinator.get("s")).owner
        await other.resume("s")
        assert (await coordinator.get("s")).owner == before
        world.released.set()
        assert (await handle.outcome(timeout=LIMIT)).completed
    assert world.count("first") == 1
