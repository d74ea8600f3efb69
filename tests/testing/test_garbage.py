"""The garbage collector: off within a schedule, and afterwards as it was."""

import gc
import weakref
from collections.abc import Iterator
from datetime import timedelta

import pytest

from sagas import Catalog, Reversibility
from sagas.testing import Provider, explore
from sagas.testing.exploring import garbage


@pytest.fixture(autouse=True)
def switched_on() -> Iterator[None]:
    """The collector on, and nothing set aside; afterwards as our tests have it."""
    gc.enable()
    gc.unfreeze()
    yield
    gc.enable()
    gc.freeze()


async def test_nothing_is_collected_within_a_schedule() -> None:
    catalog, provider = Catalog("shop"), Provider()
    seen: set[bool] = set()

    @catalog.action(reversibility=Reversibility.READ_ONLY, key_ttl=timedelta(hours=1))
    async def look() -> None:
        seen.add(gc.isenabled())

    @catalog.saga
    async def visit(guest: str) -> None:
        await look()

    await explore(visit, "ana", world=provider, only="untouched")

    assert seen == {False}
    assert gc.isenabled()


def test_what_is_set_aside_is_looked_at_again_afterwards() -> None:
    with garbage.set_aside():
        assert gc.get_freeze_count() > 0

    assert gc.get_freeze_count() == 0


def test_an_error_leaves_the_collector_as_it_was() -> None:
    with pytest.raises(ZeroDivisionError), garbage.set_aside():
        raise ZeroDivisionError

    assert gc.isenabled()


def test_whoever_has_switched_it_off_finds_it_off() -> None:
    gc.disable()

    with garbage.set_aside():
        pass

    assert not gc.isenabled()


def test_whoever_has_set_aside_something_finds_it_there() -> None:
    gc.freeze()
    before = gc.get_freeze_count()

    with garbage.set_aside():
        pass

    assert gc.get_freeze_count() >= before > 0


def test_it_is_off_within_although_somebody_has_set_aside_something() -> None:
    gc.freeze()

    with garbage.set_aside():
        assert not gc.isenabled()

    assert gc.isenabled()


def test_an_exploration_within_another_does_not_switch_it_on() -> None:
    with garbage.set_aside():
        with garbage.set_aside():
            pass
        assert not gc.isenabled()


def test_what_schedules_leave_is_put_away_now_and_then() -> None:
    class Ring:
        def __init__(self) -> None:
            self.itself = self

    with garbage.set_aside():
        left = weakref.ref(Ring())
        garbage.collect(garbage.SCHEDULES - 1)
        assert left() is not None
        garbage.collect(garbage.SCHEDULES)
        assert left() is None
