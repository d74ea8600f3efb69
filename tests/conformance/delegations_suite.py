"""What every store must keep of delegations, and of votes that are given with them."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from approvals import GateState, Vote, VoteKind
from approvals.quorum import Refusal
from sagas.errors import PayloadError, Refused
from sagas.ports import Store
from tests.conformance.support import (
    AT,
    NOW,
    SECOND,
    ballot,
    handed_over,
    person,
    registered,
    with_gate,
)

HOUR = timedelta(hours=1)


def for_ana(**different: object) -> Vote:
    """Bo's approval, with Ana's right."""
    acting = replace(
        ballot("bo"), acting_for="ana", acting_groups=frozenset({"desk"}), delegation="d-1"
    )
    return replace(acting, **different)  # type: ignore[arg-type]


class DelegationsSuite:
    async def test_a_delegation_is_read_as_it_was_made(self, store: Store) -> None:
        made = handed_over(actions=["travel.pay", "travel.email"], begins=NOW + HOUR)
        await store.create_delegation(made)
        await store.create_delegation(replace(made, reason="another"))
        assert await store.delegation("d-1") == made
        assert await store.delegation("d-2") is None

    async def test_delegations_are_listed_for_both_people(self, store: Store) -> None:
        first, second = handed_over(), handed_over("d-2", to="cy", now=NOW + HOUR)
        for made in (first, second):
            await store.create_delegation(made)
        assert await store.delegations(person="ana", live_at=None, limit=9) == [second, first]
        assert await store.delegations(person="bo", live_at=None, limit=9) == [first]
        assert await store.delegations(person=None, live_at=None, limit=1) == [second]
        assert await store.delegations(person="dan", live_at=None, limit=9) == []
        over = AT + 86_400 * SECOND
        assert await store.delegations(person="ana", live_at=over, limit=9) == []

    async def test_only_what_gives_a_right_now_is_delegated_to_a_person(self, store: Store) -> None:
        for made in (
            handed_over(),
            handed_over("d-later", by=person("cy"), begins=NOW + HOUR),
            handed_over("d-over", by=person("dan"), until=NOW + timedelta(seconds=1)),
            handed_over("d-gone", by=person("eve")),
            handed_over("d-other", to="fay"),
        ):
            await store.create_delegation(made)
        await store.revoke_delegation("d-gone", by="eve", at=AT)
        found = await store.delegated_to("bo", at=AT + SECOND)
        assert [made.id for made in found] == ["d-1"]

    async def test_only_what_gives_a_right_now_is_delegated_by_people(self, store: Store) -> None:
        for made in (
            handed_over(),
            handed_over("d-two", to="fay"),
            handed_over("d-later", by=person("cy"), begins=NOW + HOUR),
            handed_over("d-over", by=person("dan"), until=NOW + timedelta(seconds=1)),
            handed_over("d-gone", by=person("eve")),
            handed_over("d-other", by=person("gus")),
        ):
            await store.create_delegation(made)
        await store.revoke_delegation("d-gone", by="eve", at=AT)
        people = ["ana", "cy", "dan", "eve", "hal"]
        found = await store.delegated_by(people, at=AT + SECOND)
        assert sorted(made.id for made in found) == ["d-1", "d-two"]
        assert await store.delegated_by([], at=AT) == []

    async def test_a_delegation_is_revoked_once_by_one_of_the_two(self, store: Store) -> None:
        await store.create_delegation(handed_over())
        with pytest.raises(Refused, match="cy has no delegation d-1"):
            await store.revoke_delegation("d-1", by="cy", at=AT)
        revoked = await store.revoke_delegation("d-1", by="bo", at=AT)
        assert revoked == replace(handed_over(), revoked_at=NOW, revoked_by="bo")
        with pytest.raises(Refused, match="was revoked by bo before"):
            await store.revoke_delegation("d-1", by="ana", at=AT)

    async def test_a_circle_is_refused(self, store: Store) -> None:
        await store.create_delegation(handed_over())
        await store.create_delegation(handed_over("d-2", by=person("bo"), to="cy"))
        with pytest.raises(Refused, match="close a circle"):
            await store.create_delegation(handed_over("d-3", by=person("cy"), to="ana"))
        assert await store.delegation("d-3") is None
        await store.revoke_delegation("d-2", by="bo", at=AT)
        await store.create_delegation(handed_over("d-3", by=person("cy"), to="ana"))

    async def test_of_two_that_would_close_a_circle_at_once_one_is_refused(
        self, store: Store
    ) -> None:
        made = [
            store.create_delegation(handed_over()),
            store.create_delegation(handed_over("d-2", by=person("bo"), to="ana")),
        ]
        ends = await asyncio.gather(*made, return_exceptions=True)
        assert sorted(type(end).__name__ for end in ends) == ["NoneType", "Refused"]

    async def test_a_delegation_that_cannot_be_stored_is_refused(self, store: Store) -> None:
        with pytest.raises(PayloadError):
            await store.create_delegation(handed_over(reason="a\x00b"))

    async def test_a_vote_says_whose_right_it_used(self, store: Store) -> None:
        await with_gate(store, await registered(store), by="@desk")
        await store.create_delegation(handed_over())
        gate = await store.vote("g-1", for_ana(), person("bo"))
        assert (gate.state, gate.decided_by) == (GateState.APPROVED, "bo for ana")
        [vote] = await store.votes("g-1")
        assert (vote.principal, vote.acting_for, vote.delegation) == ("bo", "ana", "d-1")
        assert (vote.groups, vote.acting_groups) == (frozenset(), frozenset({"desk"}))

    @pytest.mark.parametrize(
        "different",
        [
            {"delegation": "d-2"},
            {"delegation": None},
            {"acting_for": "cy"},
            {"at": NOW + timedelta(days=1)},
        ],
    )
    async def test_a_vote_without_a_delegation_that_gives_it_is_refused(
        self, store: Store, different: dict[str, object]
    ) -> None:
        await with_gate(store, await registered(store), by="@desk")
        await store.create_delegation(handed_over(until=NOW + timedelta(hours=1)))
        if "at" in different:
            different = {"at": NOW + timedelta(hours=1)}
        with pytest.raises(Refused, match="has not asked you to decide"):
            await store.vote("g-1", for_ana(**different), person("bo"))
        [vote] = await store.votes("g-1")
        assert vote.refusal is Refusal.NOT_DELEGATED

    async def test_a_vote_after_the_delegation_was_revoked_is_refused(self, store: Store) -> None:
        await with_gate(store, await registered(store), by="@desk")
        await store.create_delegation(handed_over())
        await store.revoke_delegation("d-1", by="ana", at=AT)
        with pytest.raises(Refused, match="the delegation is over"):
            await store.vote("g-1", for_ana(), person("bo"))

    async def test_a_delegation_for_another_action_gives_no_right(self, store: Store) -> None:
        await with_gate(store, await registered(store), by="@desk")
        await store.create_delegation(handed_over(actions="travel.pay"))
        with pytest.raises(Refused, match="has not asked you to decide"):
            await store.vote("g-1", for_ana(kind=VoteKind.REJECT), person("bo"))
