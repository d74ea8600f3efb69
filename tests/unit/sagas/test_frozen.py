"""Telling a frozen clock from one that goes on, without the library that froze it."""

import asyncio
import time

import pytest
from freezegun import freeze_time

from sagas.errors import SagaError
from sagas.frozen import (
    check_loop_clock,
    is_loop_clock_replaced,
    is_wall_clock_replaced,
    sleep_regardless,
)


async def test_nothing_is_frozen_as_a_rule() -> None:
    assert (is_wall_clock_replaced(), is_loop_clock_replaced()) == (False, False)


async def test_a_freeze_replaces_both_clocks() -> None:
    with freeze_time("2027-01-01"):
        assert (is_wall_clock_replaced(), is_loop_clock_replaced()) == (True, True)


async def test_a_freeze_may_leave_the_loop_its_clock() -> None:
    with freeze_time("2027-01-01", real_asyncio=True):
        assert (is_wall_clock_replaced(), is_loop_clock_replaced()) == (True, False)


@pytest.mark.parametrize("moment", ["1970-01-01 00:00:01", "2027-01-01", "2200-01-01"])
async def test_whatever_the_clock_is_set_to_a_replaced_one_is_found(moment: str) -> None:
    with freeze_time(moment), pytest.raises(SagaError, match="real_asyncio=True"):
        check_loop_clock()


async def test_a_clock_that_is_replaced_and_ticks_is_found() -> None:
    with freeze_time("2027-01-01", tick=True):
        assert is_loop_clock_replaced()


async def test_a_loop_with_a_time_of_its_own_is_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: 17.0)
    with freeze_time("2027-01-01"):
        assert not is_loop_clock_replaced()


async def test_a_sleep_ends_although_the_loop_stands_still() -> None:
    before = time.clock_gettime(time.CLOCK_MONOTONIC)
    with freeze_time("2027-01-01"):
        await sleep_regardless(0.02)
    assert time.clock_gettime(time.CLOCK_MONOTONIC) - before >= 0.02
