"""What every store must show of how people decide."""

import pytest

from approvals import GateState, VoteKind
from sagas.errors import Refused
from sagas.model import instant
from sagas.ports import Store
from tests.conformance.support import (
    AT,
    NOW,
    ballot,
    consuming,
    person,
    registered,
    with_approval,
    with_gate,
)


class FiguresSuite:
    async def test_a_gate_is_counted_from_the_instant_at_which_it_opened(
        self, store: Store
    ) -> None:
        await with_gate(store, await registered(store))
        [gate] = await store.asked_since(AT)
        assert (gate.action, gate.state, gate.opened_at, gate.decided_at) == (
            "travel.email_itinerary",
            GateState.PENDING,
            NOW,
            None,
        )
        assert await store.asked_since(AT + 1) == []

    async def test_a_gate_that_was_used_keeps_when_it_was_decided(self, store: Store) -> None:
        lease = await registered(store)
        tale, gate = await with_approval(store, lease)
        await store.commit(lease, [tale.unit(1, consuming(gate))])
        [found] = await store.asked_since(0)
        assert (found.state, found.decided_at) == (GateState.CONSUMED, NOW)

    async def test_a_vote_is_counted_from_the_instant_at_which_it_was_cast(
        self, store: Store
    ) -> None:
        _, gate = await with_gate(store, await registered(store))
        given = ballot("bo", VoteKind.REJECT, at=instant(AT + 5), reason="no")
        await store.vote(gate.id, given, person("bo"))
        [found] = await store.cast_since(AT + 5)
        assert (found.principal, found.kind, found.opened_at) == ("bo", VoteKind.REJECT, NOW)
        assert (found.cast_at, found.has_reason) == (instant(AT + 5), True)
        assert await store.cast_since(AT + 6) == []

    async def test_a_blank_reason_is_none(self, store: Store) -> None:
        _, gate = await with_gate(store, await registered(store))
        await store.vote(gate.id, ballot("bo", reason="  "), person("bo"))
        assert [vote.has_reason for vote in await store.cast_since(0)] == [False]

    async def test_a_vote_that_was_refused_or_withdrawn_says_nothing(self, store: Store) -> None:
        _, gate = await with_gate(store, await registered(store), by=["bo", "cy"], quorum=2)
        with pytest.raises(Refused):
            await store.vote(gate.id, ballot("eve"), person("eve"))
        await store.vote(gate.id, ballot("bo"), person("bo"))
        await store.vote(gate.id, ballot("bo", VoteKind.WITHDRAW), person("bo"))
        votes = await store.cast_since(0)
        assert [(vote.principal, vote.kind) for vote in votes] == [("bo", VoteKind.APPROVE)]
