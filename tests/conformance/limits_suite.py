"""What every store must do about permits that all workers count together."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

from sagas.allotment import (
    HEAD_LASTS,
    POLL,
    Answer,
    Demand,
    Granted,
    Kind,
    Mark,
    Refused,
    Want,
)
from sagas.model import Status
from sagas.ports import Project, Store
from tests.conformance.support import AT, SECOND, Tale, registered

Opening = Callable[[], Awaitable[Store]]

HOUR = 3600 * SECOND
FEW = Demand("few", concurrent=2)
SELDOM = Demand("seldom", rate=2, per=HOUR)


def want(number: int, *demands: Demand, **different: Any) -> Want:
    """A call that asks, and would wait."""
    asked = Want(
        process="here",
        saga_id="trip-1",
        holder=f"call-{number}",
        start=f"start-{number}",
        demands=demands,
        begins_within=10 * SECOND,
        lasts=30 * SECOND,
        patience=SECOND,
    )
    return replace(asked, **different)


def over(asked: Want, demand: Demand) -> Mark:
    """Its place is free."""
    return Mark(demand.bucket, Kind.CALL, asked.holder, asked.start)


def granted(answers: Sequence[Answer]) -> list[bool]:
    return [isinstance(answer, Granted) for answer in answers]


async def _hours(store: Store, asked: Want) -> int:
    """For how many hours it would wait."""
    [answer] = await store.exchange([replace(asked, patience=100 * HOUR)], [])
    assert isinstance(answer, Refused)
    return round(answer.after / HOUR)


async def parked(store: Store, saga_id: str) -> None:
    """A saga that was let go and looks again in an hour."""
    project = Project(Status.WAITING, None, AT + HOUR, release=True)
    await store.commit(await registered(store), [Tale(store, saga_id).beginning(1, project)])


class LimitsSuite:
    async def test_no_more_places_are_given_than_there_are(self, store: Store) -> None:
        answers = await store.exchange([want(number, FEW) for number in range(4)], [])
        assert granted(answers) == [True, True, False, False]

    async def test_no_more_starts_are_given_than_the_rate(self, store: Store) -> None:
        answers = await store.exchange([want(number, SELDOM) for number in range(3)], [])
        assert granted(answers) == [True, True, False]

    async def test_a_place_that_is_given_back_is_given_to_the_next(self, store: Store) -> None:
        first, second, third = (want(number, FEW) for number in range(3))
        await store.exchange([first, second, third], [])
        assert granted(await store.exchange([third], [over(first, FEW)])) == [True]

    async def test_a_start_counts_until_a_period_after_the_call_began(self, store: Store) -> None:
        brief = Demand("brief", rate=1, per=SECOND // 5)
        first, second = want(1, brief), want(2, brief)
        assert granted(await store.exchange([first], [])) == [True]
        begun = Mark("brief", Kind.START, first.start, first.start, keep=brief.per)
        assert granted(await store.exchange([second], [begun])) == [False]
        await asyncio.sleep(brief.per / SECOND + 0.05)
        assert granted(await store.exchange([second], [])) == [True]

    async def test_a_span_that_began_earlier_is_over_earlier(self, store: Store) -> None:
        first, second, third = (want(number, SELDOM) for number in range(3))
        await store.exchange([first, second], [])
        begun = Mark("seldom", Kind.START, first.start, first.start, keep=HOUR, ago=HOUR + SECOND)
        assert granted(await store.exchange([third], [begun])) == [True]

    async def test_what_nobody_gives_back_lapses_when_the_call_is_over_at_the_latest(
        self, store: Store
    ) -> None:
        only = Demand("only", concurrent=1)
        gone = replace(want(1, only), begins_within=0, lasts=SECOND // 20)
        await store.exchange([gone], [])
        await asyncio.sleep(0.1)
        assert granted(await store.exchange([want(2, only)], [])) == [True]

    async def test_a_call_that_is_begun_again_keeps_the_place_it_holds(self, store: Store) -> None:
        only = Demand("only", concurrent=1)
        again = replace(want(1, only), start="start-2")
        await store.exchange([want(1, only)], [])
        assert granted(await store.exchange([again, want(3, only)], [])) == [True, False]

    async def test_the_end_of_an_earlier_attempt_leaves_the_place_to_the_later(
        self, store: Store
    ) -> None:
        only = Demand("only", concurrent=1)
        first, again = want(1, only), replace(want(1, only), start="start-2")
        await store.exchange([first], [])
        await store.exchange([again], [])
        late = over(first, only)
        assert granted(await store.exchange([want(3, only)], [late])) == [False]

    async def test_each_beginning_of_a_call_counts_against_the_rate(self, store: Store) -> None:
        once = Demand("once", rate=1, per=HOUR)
        again = replace(want(1, once), start="start-2")
        await store.exchange([want(1, once)], [])
        assert granted(await store.exchange([again], [])) == [False]

    async def test_a_start_that_is_asked_for_twice_counts_once(self, store: Store) -> None:
        await store.exchange([want(1, SELDOM)], [])
        assert granted(await store.exchange([want(1, SELDOM), want(2, SELDOM)], [])) == [True, True]

    async def test_a_call_gets_all_it_needs_or_nothing(self, store: Store) -> None:
        only = Demand("only", concurrent=1)
        await store.exchange([want(1, only)], [])
        both = want(2, FEW, only)
        assert granted(await store.exchange([both], [])) == [False]
        others = [want(3, FEW), want(4, FEW)]
        assert granted(await store.exchange(others, [])) == [True, True]

    async def test_buckets_are_counted_apart(self, store: Store) -> None:
        wants = [want(n, Demand(f"hotel\n{n}", concurrent=1)) for n in range(3)]
        assert granted(await store.exchange(wants, [])) == [True, True, True]

    async def test_names_and_keys_may_be_any_text(self, store: Store) -> None:
        odd = Demand('O\'Hotel "ž"\n[1]; --', concurrent=1)
        assert granted(await store.exchange([want(1, odd)], [])) == [True]
        assert granted(await store.exchange([want(2, odd)], [])) == [False]

    async def test_a_call_that_is_refused_is_told_when_to_ask_again(self, store: Store) -> None:
        [_, _, answer] = await store.exchange([want(number, SELDOM) for number in range(3)], [])
        assert isinstance(answer, Refused)
        assert (answer.sent_away, answer.lacking) == (True, ("seldom",))
        assert HOUR - 60 * SECOND < answer.after <= HOUR + SECOND

    async def test_whoever_sleeps_in_the_line_is_counted_and_whoever_has_ended_is_not(
        self, store: Store
    ) -> None:
        once = Demand("once", rate=1, per=HOUR)
        await store.exchange([want(0, once)], [])
        for number in (1, 2):
            await parked(store, f"trip-{number}")
            await store.exchange([want(number, once, saga_id=f"trip-{number}")], [])
        assert await _hours(store, want(3, once)) == 3
        lease = await registered(store)
        await store.claim(lease, now=AT + HOUR, only=["trip-1"], limit=1)
        ended = Project(Status.COMPENSATED, None, None, release=True)
        await store.commit(lease, [Tale(store, "trip-1", 1).unit(1, ended)])
        assert await _hours(store, want(4, once)) == 2

    async def test_who_has_waited_longest_is_served_first(self, store: Store) -> None:
        only = Demand("only", concurrent=1)
        first, early, late = (want(number, only, patience=0) for number in range(3))
        await store.exchange([first], [])
        await store.exchange([early], [])
        await asyncio.sleep(0.01)
        await store.exchange([late], [])
        answers = await store.exchange([late, early], [over(first, only)])
        assert granted(answers) == [False, True]

    async def test_a_place_that_is_given_back_wakes_who_has_waited_longest(
        self, store: Store
    ) -> None:
        only = Demand("only", concurrent=1)
        first = want(0, only)
        await store.exchange([first], [])
        for number in (2, 1):
            await parked(store, f"trip-{number}")
            await store.exchange([want(number, only, saga_id=f"trip-{number}", patience=0)], [])
            await asyncio.sleep(0.01)
        lease = await registered(store)
        assert await store.claim(lease, now=AT, only=None, limit=5) == []
        await store.exchange([], [over(first, only)])
        assert await store.claim(lease, now=AT, only=None, limit=5) == ["trip-2"]

    async def test_a_place_that_is_given_back_ends_the_wait_for_a_change(
        self, store: Store, another: Opening
    ) -> None:
        only, other = Demand("only", concurrent=1), await another()
        first = want(0, only)
        await store.exchange([first], [])
        await parked(store, "trip-1")
        await store.exchange([want(1, only, patience=0)], [])
        await store.changed(0.05)
        wait = asyncio.create_task(store.changed(30))
        await asyncio.sleep(0.05)
        assert not wait.done()
        await other.exchange([], [over(first, only)])
        async with asyncio.timeout(5):
            await wait

    async def test_what_is_free_is_left_to_another_process_that_has_waited_for_longer(
        self, store: Store
    ) -> None:
        once = Demand("once", rate=1, per=HOUR)
        first, mine = want(1, once), want(2, once)
        other = want(3, once, process="there", waited=SECOND, patience=2 * HOUR)
        await store.exchange([first], [])
        assert granted(await store.exchange([other], [])) == [False]
        freed = Mark("once", Kind.START, first.start, first.start)
        assert granted(await store.exchange([mine], [freed])) == [False]
        assert granted(await store.exchange([other], [])) == [True]

    async def test_a_process_that_does_not_come_back_is_not_waited_for_for_ever(
        self, store: Store
    ) -> None:
        only = Demand("only", concurrent=1)
        first, mine = want(1, only), want(2, only)
        await store.exchange([first], [])
        await store.exchange([want(3, only, process="there", waited=SECOND)], [])
        await store.exchange([], [over(first, only)])
        await asyncio.sleep((POLL + HEAD_LASTS) / SECOND + 0.02)
        assert granted(await store.exchange([mine], [])) == [True]

    async def test_whoever_waits_no_more_holds_nobody_up(self, store: Store) -> None:
        only = Demand("only", concurrent=1)
        first, mine = want(1, only), want(2, only)
        there = {"process": "there", "waited": SECOND}
        await store.exchange([first], [])
        await store.exchange([want(3, only, **there)], [])
        await store.exchange([want(4, only, **there, patience=0)], [over(first, only)])
        await store.exchange([], [over(want(4, only), only)])
        assert granted(await store.exchange([mine], [])) == [True]

    async def test_several_that_ask_at_once_get_no_more_than_there_is(
        self, store: Store, another: Opening
    ) -> None:
        stores = [store, await another(), await another()]
        wide, narrow = Demand("wide", rate=7, per=HOUR), Demand("narrow", concurrent=5)

        async def ask(each: Store, number: int) -> list[bool]:
            demands = (wide, narrow) if number % 2 else (narrow, wide)
            return granted(await each.exchange([want(number, *demands)], []))

        asked = (ask(stores[number % 3], number) for number in range(24))
        assert sum(answer for answers in await asyncio.gather(*asked) for answer in answers) == 5

    async def test_tidying_removes_what_has_lapsed_and_nothing_else(self, store: Store) -> None:
        gone = replace(want(1, Demand("old", concurrent=1)), begins_within=0, lasts=1)
        await store.exchange([gone, want(2, FEW), want(3, FEW)], [])
        await asyncio.sleep(0.01)
        await store.tidy()
        await store.tidy()
        assert granted(await store.exchange([want(4, FEW)], [])) == [False]

    async def test_tidying_and_asking_do_not_disturb_each_other(
        self, store: Store, another: Opening
    ) -> None:
        other, done = await another(), asyncio.Event()
        only = Demand("only", concurrent=1)

        async def tidying() -> None:
            while not done.is_set():
                await other.tidy()

        task = asyncio.create_task(tidying())
        for number in range(30):
            asked = want(number, only)
            assert granted(await store.exchange([asked], [])) == [True]
            assert granted(await store.exchange([want(100 + number, only)], [])) == [False]
            await store.exchange([], [over(asked, only)])
        done.set()
        await task

    async def test_asking_for_nothing_does_not_ask_the_database(self, store: Store) -> None:
        assert await store.exchange([], []) == []
