"""What every store must do about the locks of sagas."""

import asyncio
from typing import Any

import pytest

from sagas.errors import LeaseLost, Refused
from sagas.locking import Granted, InLine, LockAnswer, Need, Turn, TurnedAway
from sagas.model import Status
from sagas.ports import Applied, KeepPlaces, Lease, Project, ReleaseLocks, Store, Unit
from tests.conformance.support import AT, SECOND, Tale, begun, registered

STEP = "book#1"
END = Project(Status.COMPLETED, None, None, release=True)
ASLEEP = Project(Status.WAITING, None, None, release=True)


def need(saga_id: str, *keys: str, **different: Any) -> Need:
    """A step that would wait."""
    given: dict[str, Any] = {"path": STEP, "waits": True, "until": None, "now": AT} | different
    return Need(saga_id=saga_id, keys=keys, **given)


async def sagas(store: Store, *names: str) -> Lease:
    """Sagas that one worker holds."""
    lease = await registered(store)
    for name in names:
        await begun(store, lease, name)
    return lease


async def end(store: Store, lease: Lease, saga_id: str) -> Applied:
    """A saga ends."""
    return (await store.commit(lease, [Unit(saga_id, [], [ReleaseLocks(held=True), END])]))[0]


async def park(store: Store, lease: Lease, saga_id: str, *paths: str) -> Applied:
    """A saga is let go of that waits with these steps."""
    return (await store.commit(lease, [Unit(saga_id, [], [KeepPlaces(paths), ASLEEP])]))[0]


async def due(store: Store) -> list[str]:
    """Who is to be looked at."""
    return sorted(await store.due(now=AT - SECOND, limit=10))


def tokens(answer: LockAnswer) -> dict[str, int]:
    assert isinstance(answer, Granted), answer
    return dict(answer.tokens)


def holders(answer: LockAnswer) -> set[str]:
    assert not isinstance(answer, Granted)
    return {row.saga_id for row in answer.behind}


class LocksSuite:
    async def test_of_two_sagas_one_gets_a_key(self, store: Store) -> None:
        lease = await sagas(store, "a", "b")
        assert tokens(await store.take_locks(lease, need("a", "room"))).keys() == {"room"}
        answer = await store.take_locks(lease, need("b", "room"))
        assert isinstance(answer, InLine)
        assert holders(answer) == {"a"}

    async def test_of_many_that_ask_at_once_one_gets_a_key(self, store: Store) -> None:
        names = [f"s{number}" for number in range(6)]
        lease = await sagas(store, *names)
        asked = (store.take_locks(lease, need(name, "room", waits=False)) for name in names)
        answers = await asyncio.gather(*asked)
        assert [type(answer) for answer in answers].count(Granted) == 1

    async def test_a_key_is_its_sagas_whichever_step_asks(self, store: Store) -> None:
        lease = await sagas(store, "a")
        first = tokens(await store.take_locks(lease, need("a", "room")))
        again = await store.take_locks(lease, need("a", "room", path="book#2"))
        assert tokens(again) == first

    async def test_all_keys_are_given_or_none(self, store: Store) -> None:
        lease = await sagas(store, "a", "b", "c")
        await store.take_locks(lease, need("a", "room"))
        await store.take_locks(lease, need("b", "room", "table", waits=False))
        assert tokens(await store.take_locks(lease, need("c", "table")))

    async def test_who_does_not_wait_is_told_who_holds_the_key(self, store: Store) -> None:
        lease = await sagas(store, "a", "b")
        await store.take_locks(lease, need("a", "room"))
        answer = await store.take_locks(lease, need("b", "room", waits=False))
        assert isinstance(answer, TurnedAway)
        assert (answer.why, holders(answer)) == (Turn.LOCKED, {"a"})

    async def test_who_has_waited_long_enough_is_turned_away(self, store: Store) -> None:
        lease = await sagas(store, "a", "b", "c")
        await store.take_locks(lease, need("a", "room"))
        await store.take_locks(lease, need("b", "room", until=AT + SECOND))
        answer = await store.take_locks(
            lease, need("b", "room", until=AT + SECOND, now=AT + SECOND)
        )
        assert isinstance(answer, TurnedAway)
        assert answer.why is Turn.LATE
        assert [row.saga_id for row in await store.locks(key="room")] == ["a"]

    async def test_the_end_gives_keys_to_the_next_and_wakes_nobody_else(self, store: Store) -> None:
        lease = await sagas(store, "a", "b", "c")
        await store.take_locks(lease, need("a", "room"))
        for name in ("b", "c"):
            await store.take_locks(lease, need(name, "room"))
            assert await park(store, lease, name, STEP) is Applied.YES
        assert await due(store) == []
        assert await end(store, lease, "a") is Applied.YES
        assert await due(store) == ["b"]
        assert tokens(await store.take_locks(lease, need("b", "room")))

    async def test_nobody_overtakes_who_waits(self, store: Store) -> None:
        lease = await sagas(store, "a", "b", "c")
        await store.take_locks(lease, need("a", "room"))
        await store.take_locks(lease, need("b", "room"))
        await end(store, lease, "a")
        assert holders(await store.take_locks(lease, need("c", "room"))) == {"b"}

    async def test_a_later_holder_has_a_larger_token(self, store: Store) -> None:
        lease = await sagas(store, "a", "b", "c")
        first = tokens(await store.take_locks(lease, need("a", "room")))["room"]
        await store.take_locks(lease, need("b", "room"))
        await end(store, lease, "a")
        second = tokens(await store.take_locks(lease, need("b", "room")))["room"]
        await end(store, lease, "b")
        assert first < second < tokens(await store.take_locks(lease, need("c", "room")))["room"]

    async def test_who_is_woken_before_it_is_let_go_of_looks_again(self, store: Store) -> None:
        lease = await sagas(store, "a", "b")
        await store.take_locks(lease, need("a", "room"))
        await store.take_locks(lease, need("b", "room"))
        await end(store, lease, "a")
        assert await park(store, lease, "b", STEP) is Applied.MOVED
        assert tokens(await store.take_locks(lease, need("b", "room")))
        assert await park(store, lease, "b") is Applied.YES

    async def test_who_looked_again_in_vain_may_be_let_go_of(self, store: Store) -> None:
        lease = await sagas(store, "a", "b", "c")
        await store.take_locks(lease, need("a", "room"))
        await store.take_locks(lease, need("c", "table"))
        await store.take_locks(lease, need("b", "room", "table"))
        await end(store, lease, "a")
        assert isinstance(await store.take_locks(lease, need("b", "room", "table")), InLine)
        assert await park(store, lease, "b", STEP) is Applied.YES

    async def test_two_that_would_wait_for_each_other_do_not(self, store: Store) -> None:
        lease = await sagas(store, "a", "b")
        await store.take_locks(lease, need("a", "room"))
        await store.take_locks(lease, need("b", "table"))
        assert isinstance(await store.take_locks(lease, need("a", "table")), InLine)
        answer = await store.take_locks(lease, need("b", "room"))
        assert isinstance(answer, TurnedAway)
        assert (answer.why, holders(answer)) == (Turn.DEADLOCK, {"a"})

    async def test_three_that_would_wait_in_a_circle_do_not(self, store: Store) -> None:
        lease = await sagas(store, "a", "b", "c")
        for name in ("a", "b", "c"):
            await store.take_locks(lease, need(name, name))
        await store.take_locks(lease, need("a", "b"))
        await store.take_locks(lease, need("b", "c"))
        answer = await store.take_locks(lease, need("c", "a"))
        assert isinstance(answer, TurnedAway)
        assert answer.why is Turn.DEADLOCK

    async def test_of_two_that_begin_to_wait_for_each_other_at_once_one_is_turned_away(
        self, store: Store
    ) -> None:
        lease = await sagas(store, "a", "b")
        await store.take_locks(lease, need("a", "room"))
        await store.take_locks(lease, need("b", "table"))
        answers = await asyncio.gather(
            store.take_locks(lease, need("a", "table")), store.take_locks(lease, need("b", "room"))
        )
        assert {type(answer) for answer in answers} == {InLine, TurnedAway}

    async def test_who_waits_for_the_one_that_asks_is_passed_by(self, store: Store) -> None:
        lease = await sagas(store, "a", "b")
        await store.take_locks(lease, need("a", "room"))
        await store.take_locks(lease, need("b", "room", "table"))
        assert tokens(await store.take_locks(lease, need("a", "table")))

    async def test_who_may_pass_another_is_woken_with_it(self, store: Store) -> None:
        lease = await sagas(store, "a", "b", "c")
        await store.take_locks(lease, need("a", "room"))
        await store.take_locks(lease, need("c", "table"))
        await store.take_locks(lease, need("b", "room", "table"))
        assert isinstance(await store.take_locks(lease, need("a", "table")), InLine)
        for name in ("a", "b"):
            await park(store, lease, name, STEP)
        await end(store, lease, "c")
        assert await due(store) == ["a", "b"]
        assert isinstance(await store.take_locks(lease, need("b", "room", "table")), InLine)
        assert tokens(await store.take_locks(lease, need("a", "table")))

    async def test_a_branch_that_waits_is_told_that_another_has_the_key(self, store: Store) -> None:
        lease = await sagas(store, "a", "b", "c")
        await store.take_locks(lease, need("b", "room"))
        await store.take_locks(lease, need("a", "room", "table"))
        await store.take_locks(lease, need("a", "table", path="book#2"))
        assert await park(store, lease, "a", STEP) is Applied.MOVED

    async def test_who_waits_no_more_is_in_nobodys_way(self, store: Store) -> None:
        lease = await sagas(store, "a", "b", "c")
        await store.take_locks(lease, need("a", "room"))
        await store.take_locks(lease, need("b", "room"))
        await store.take_locks(lease, need("c", "room"))
        await park(store, lease, "c", STEP)
        await store.commit(lease, [Unit("b", [], [ReleaseLocks(held=False)])])
        await end(store, lease, "a")
        assert await due(store) == ["c"]
        assert tokens(await store.take_locks(lease, need("c", "room")))

    async def test_a_place_that_is_not_kept_is_given_up(self, store: Store) -> None:
        lease = await sagas(store, "a", "b")
        await store.take_locks(lease, need("a", "room"))
        await store.take_locks(lease, need("b", "room"))
        await park(store, lease, "b")
        assert [row.saga_id for row in await store.locks()] == ["a"]

    async def test_a_death_changes_nothing_about_what_a_saga_holds(self, store: Store) -> None:
        dying = await store.register("dying", 0.0)
        await begun(store, dying, "a")
        await store.take_locks(dying, need("a", "room"))
        lease = await sagas(store, "b")
        assert await store.claim(lease, now=AT, only=["a"], limit=1) == ["a"]
        assert holders(await store.take_locks(lease, need("b", "room"))) == {"a"}
        with pytest.raises(LeaseLost):
            await store.take_locks(dying, need("a", "table"))

    async def test_a_saga_is_loaded_with_whether_it_holds_a_key(self, store: Store) -> None:
        lease = await sagas(store, "a", "b")
        await store.take_locks(lease, need("a", "room"))
        loaded = [await store.load(name) for name in ("a", "b")]
        assert [saga is not None and saga.locks for saga in loaded] == [True, False]

    async def test_a_refused_unit_gives_nothing_back(self, store: Store) -> None:
        lease = await sagas(store, "a", "b")
        await store.take_locks(lease, need("a", "room"))
        stale = Tale(store, "a").unit(1, ReleaseLocks(held=True), END)
        assert await store.commit(lease, [stale]) == [Applied.CONFLICT]
        assert [row.saga_id for row in await store.locks()] == ["a"]

    async def test_a_person_takes_a_key_from_a_saga_on_the_record(self, store: Store) -> None:
        lease = await sagas(store, "a", "b")
        token = tokens(await store.take_locks(lease, need("a", "room")))["room"]
        await store.take_locks(lease, need("b", "room"))
        await park(store, lease, "b", STEP)
        row = await store.release_lock("room", by="ana", reason="a is stuck", at=AT)
        assert (row.saga_id, row.number) == ("a", token)
        _, [request] = await store.requests("a")
        assert (request.kind, request.ref, request.by) == ("unlock", "room", "ana")
        assert await due(store) == ["b"]

    async def test_a_key_that_nobody_holds_cannot_be_released(self, store: Store) -> None:
        with pytest.raises(Refused, match="no saga holds the key 'room'"):
            await store.release_lock("room", by="ana", reason="why not", at=AT)

    async def test_holders_and_lines_are_listed_by_key(self, store: Store) -> None:
        lease = await sagas(store, "a", "b", "c")
        await store.take_locks(lease, need("a", "room"))
        await store.take_locks(lease, need("b", "room", "attic"))
        listed = [(row.key, row.saga_id, row.held) for row in await store.locks()]
        assert listed == [("attic", "b", False), ("room", "a", True), ("room", "b", False)]
        assert len(await store.locks(saga_id="a")) == 2
        assert await store.locks(saga_id="c") == []

    async def test_whoever_asks_lets_those_pass_for_whom_it_waits_elsewhere(
        self, store: Store
    ) -> None:
        lease = await sagas(store, "a", "b", "c")
        await store.take_locks(lease, need("c", "room"))
        await store.take_locks(lease, need("b", "table"))
        await store.take_locks(lease, need("a", "room"))
        await store.take_locks(lease, need("b", "room"))
        await store.take_locks(lease, need("a", "table", path="book#2"))
        assert isinstance(await store.take_locks(lease, need("b", "room")), InLine)
        for name in ("a", "b"):
            assert await park(store, lease, name, STEP, "book#2") is Applied.YES
        await end(store, lease, "c")
        assert "b" in await due(store)
        assert isinstance(await store.take_locks(lease, need("a", "room")), InLine)
        assert tokens(await store.take_locks(lease, need("b", "room")))

    async def test_a_wait_that_lets_others_pass_wakes_them(self, store: Store) -> None:
        lease = await sagas(store, "s", "t", "x")
        await store.take_locks(lease, need("x", "a"))
        await store.take_locks(lease, need("s", "u"))
        await store.take_locks(lease, need("t", "a", "b"))
        assert isinstance(await store.take_locks(lease, need("s", "b")), InLine)
        await park(store, lease, "s", STEP)
        assert isinstance(await store.take_locks(lease, need("x", "u")), InLine)
        assert await due(store) == ["s"]
        assert tokens(await store.take_locks(lease, need("s", "b")))
