"""What every store must keep of messages to people."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from approvals import GateState
from approvals.aftermath import Aftermath
from compensations import Choice
from sagas.errors import LeaseLost, Refused
from sagas.ports import (
    Announcement,
    CloseQuestion,
    Delivery,
    DeliveryState,
    Lease,
    MoveGate,
    NewDelivery,
    NoteAftermath,
    Settlement,
    Store,
    Unannounced,
)
from tests.conformance.support import (
    AT,
    NOW,
    SECOND,
    ballot,
    begun,
    person,
    question,
    registered,
    with_gate,
    with_question,
)

Another = Callable[[], Awaitable[Store]]

MAIL = NewDelivery(
    channel="mail",
    target="ana@example.org",
    saying="asked",
    level=0,
    rest=(("mail", "bo@example.org"), ("slack", "C1")),
    for_whom=("ana for zoe",),
)
ASKED = Announcement(next_at=AT + SECOND, says="pending.1", at=AT, new=(MAIL,))
SENT = Settlement(state=DeliveryState.SENT, at=AT, says="pending.1", receipt={"id": "<1@x>"})


async def due(store: Store, now: int = AT) -> list[Unannounced]:
    return await store.unannounced(now=now, limit=10)


async def take(
    store: Store, lease: Lease, now: int = AT, *, having: tuple[int, ...] = ()
) -> list[Delivery]:
    return await store.take(lease, channel="mail", now=now, limit=10, having=having)


async def listed(store: Store) -> list[Delivery]:
    return await store.deliveries(saga_id=None, state=None, limit=100)


async def queued(store: Store, lease: Lease) -> None:
    """A gate of which ana is to be told."""
    await with_gate(store, lease)
    [found] = await due(store)
    assert await store.announce(found, ASKED)


async def sent(store: Store, lease: Lease) -> Delivery:
    """A gate of which ana was told."""
    await queued(store, lease)
    [taken] = await take(store, lease)
    settled = await store.settle(lease, taken, SENT)
    assert settled is not None
    return settled


class DeliveriesSuite:
    # --- announcing ---------------------------------------------------------------------------

    async def test_a_gate_that_opens_is_to_be_announced(self, store: Store) -> None:
        _, gate = await with_gate(store, await registered(store))
        assert await due(store) == [Unannounced(id=gate.id, subject=gate, notify_at=AT)]
        assert await due(store, AT - 1) == []

    async def test_an_intervention_that_opens_is_to_be_announced(self, store: Store) -> None:
        await with_question(store, await registered(store))
        assert await due(store) == [
            Unannounced(id="i-1", subject=await store.question("i-1"), notify_at=AT)
        ]

    async def test_what_was_announced_is_announced_again_when_it_said(self, store: Store) -> None:
        await queued(store, await registered(store))
        assert await due(store) == []
        [found] = await due(store, AT + SECOND)
        assert [each.target for each in found.told] == ["ana@example.org"]

    async def test_what_cannot_be_read_here_is_put_off(self, store: Store) -> None:
        lease = await registered(store)
        await with_gate(store, lease)
        tale = await begun(store, lease, "bill-1")
        await store.commit(lease, [tale.unit(1, question())])
        for found in await due(store):
            unread = replace(found, subject=None)
            later = Announcement(next_at=AT + SECOND, says="", at=AT)
            assert await store.announce(unread, later)
        assert await due(store) == []
        assert {found.id for found in await due(store, AT + SECOND)} == {"g-1", "i-1"}

    async def test_one_of_two_that_announce_a_gate_does(
        self, store: Store, another: Another
    ) -> None:
        await with_gate(store, await registered(store))
        [found], other = await due(store), await another()
        assert await store.announce(found, ASKED)
        assert not await other.announce(found, ASKED)
        assert len(await listed(store)) == 1

    async def test_a_gate_that_is_decided_at_the_instant_it_opened_is_announced_anew(
        self, store: Store
    ) -> None:
        _, gate = await with_gate(store, await registered(store))
        [found] = await due(store)
        decided = await store.vote(gate.id, ballot("bo"), person("bo"))
        assert not await store.announce(found, ASKED)
        assert await due(store) == [Unannounced(id=gate.id, subject=decided, notify_at=AT)]

    async def test_a_vote_that_decides_nothing_has_its_gate_announced_anew(
        self, store: Store
    ) -> None:
        _, gate = await with_gate(store, await registered(store), quorum=3)
        assert await store.announce((await due(store))[0], ASKED)
        await store.vote(gate.id, ballot("bo"), person("bo"))
        [found] = await due(store)
        after = await store.vote(gate.id, ballot("cy"), person("cy"))
        assert not await store.announce(found, ASKED)  # which does not know of the second
        [found] = await due(store)
        assert found.subject == after == replace(gate, voted=2)
        assert await store.announce(found, ASKED)

    async def test_a_vote_that_is_refused_has_nothing_announced(self, store: Store) -> None:
        _, gate = await with_gate(store, await registered(store), by="bo")
        assert await store.announce((await due(store))[0], replace(ASKED, next_at=None))
        with pytest.raises(Refused):
            await store.vote(gate.id, ballot("cy"), person("cy"))
        assert await due(store) == []

    async def test_a_gate_that_is_decided_later_is_to_be_announced(self, store: Store) -> None:
        lease = await registered(store)
        message = await sent(store, lease)
        await store.vote("g-1", ballot("bo", at=NOW + timedelta(microseconds=1)), person("bo"))
        assert await due(store) == []
        [found] = await due(store, AT + 1)
        assert found.told == (message,)

    async def test_a_gate_that_its_saga_moves_is_to_be_announced(self, store: Store) -> None:
        lease = await registered(store)
        tale, gate = await with_gate(store, lease)
        assert await store.announce((await due(store))[0], ASKED)
        move = MoveGate(gate.id, GateState.PENDING, GateState.CANCELLED, AT + 1)
        await store.commit(lease, [tale.unit(1, move)])
        assert [found.notify_at for found in await due(store, AT + 1)] == [AT + 1]

    async def test_race_what_became_of_a_gate_has_it_announced_anew(self, store: Store) -> None:
        lease = await registered(store)
        tale, gate = await with_gate(store, lease)
        [found] = await due(store)
        done = NoteAftermath((gate.id, "g-2"), Aftermath.DONE, AT)  # at the instant it opened
        await store.commit(lease, [tale.unit(1, done)])
        assert not await store.announce(found, ASKED)
        [found] = await due(store)
        assert found.subject == replace(gate, aftermath=Aftermath.DONE)
        assert await store.announce(found, ASKED)

    async def test_race_a_message_is_repaired_when_more_became_of_it_while_it_was_sent(
        self, store: Store
    ) -> None:
        lease = await registered(store)
        tale, gate = await with_gate(store, lease)
        [found] = await due(store)
        assert await store.announce(found, ASKED)
        [taken] = await take(store, lease)
        decided = MoveGate(gate.id, GateState.PENDING, GateState.CANCELLED, AT)
        told = NoteAftermath((gate.id,), Aftermath.UNDOING, AT)
        await store.commit(lease, [tale.unit(1, decided, told)])
        settled = await store.settle(lease, taken, replace(SENT, says="cancelled.1"))
        assert settled is not None
        assert settled.state is DeliveryState.STALE

    @pytest.mark.parametrize("is_closed", [True, False], ids=["closed", "answered"])
    async def test_an_intervention_that_is_over_is_to_be_announced(
        self, store: Store, is_closed: bool
    ) -> None:
        lease = await registered(store)
        tale = await with_question(store, lease)
        assert await store.announce((await due(store))[0], replace(ASKED, next_at=None))
        assert await due(store, AT + 1) == []
        if is_closed:
            await store.commit(lease, [tale.unit(1, CloseQuestion("i-1", AT + 1))])
        else:
            await store.answer(
                "i-1", Choice.RETRY, by="bo", reason="again", payload=None, at=AT + 1
            )
        assert [found.notify_at for found in await due(store, AT + 1)] == [AT + 1]

    async def test_a_target_is_told_once_of_one_level(self, store: Store) -> None:
        lease = await registered(store)
        await queued(store, lease)
        [found] = await due(store, AT + SECOND)
        higher = replace(MAIL, level=1, saying="reminded")
        plan = replace(ASKED, new=(MAIL, higher), next_at=None)
        assert await store.announce(found, plan)
        told = [(each.saying, each.level) for each in await listed(store)]
        assert told == [("reminded", 1), ("asked", 0)]

    async def test_a_message_that_says_something_else_is_marked(self, store: Store) -> None:
        lease = await registered(store)
        message = await sent(store, lease)
        [found] = await due(store, AT + SECOND)
        same = replace(ASKED, new=(), stale=(message.id,))
        assert await store.announce(found, same)
        assert [each.state for each in await listed(store)] == [DeliveryState.SENT]
        [found] = await due(store, AT + SECOND)
        assert await store.announce(found, replace(same, says="approved.1"))
        assert [each.state for each in await listed(store)] == [DeliveryState.STALE]

    async def test_a_message_that_nobody_needs_is_not_sent(self, store: Store) -> None:
        lease = await registered(store)
        await queued(store, lease)
        [found] = await due(store, AT + SECOND)
        [message] = found.told
        assert await store.announce(found, replace(ASKED, new=(), moot=(message.id,)))
        assert [each.state for each in await listed(store)] == [DeliveryState.MOOT]
        assert await take(store, lease) == []

    # --- taking in hand -----------------------------------------------------------------------

    async def test_a_message_is_taken_by_one_dispatcher(
        self, store: Store, another: Another
    ) -> None:
        first, other = await registered(store), await another()
        second = await registered(other)
        await queued(store, first)
        [taken] = await take(store, first)
        assert (taken.state, taken.attempts) == (DeliveryState.SENDING, 1)
        assert taken.rest == MAIL.rest
        assert await take(other, second) == []

    async def test_a_message_is_taken_when_it_is_due_and_not_before(self, store: Store) -> None:
        lease = await registered(store)
        await queued(store, lease)
        assert await take(store, lease, AT - 1) == []
        assert await store.next_delivery(lease) == AT
        assert len(await take(store, lease)) == 1

    async def test_messages_of_another_channel_are_left(self, store: Store) -> None:
        lease = await registered(store)
        await queued(store, lease)
        assert await store.take(lease, channel="slack", now=AT, limit=10, having=()) == []

    async def test_race_what_a_dead_dispatcher_had_in_hand_may_have_been_sent(
        self, store: Store, another: Another
    ) -> None:
        dying, other = await store.register("dying", 0.0), await another()
        await queued(store, await registered(store))
        [taken] = await take(store, dying)
        heir = await registered(other)
        assert await other.next_delivery(heir) == 0
        [found] = await take(other, heir)
        assert (found.id, found.state, found.attempts) == (taken.id, DeliveryState.UNKNOWN, 2)

    async def test_a_dispatcher_that_is_declared_dead_takes_nothing(
        self, store: Store, another: Another
    ) -> None:
        dying, other = await store.register("dying", 0.0), await another()
        await queued(store, await registered(store))
        await other.next_delivery(await registered(other))
        with pytest.raises(LeaseLost):
            await take(store, dying)

    async def test_what_a_dispatcher_has_forgotten_comes_back_to_it_in_doubt(
        self, store: Store
    ) -> None:
        lease = await registered(store)
        await queued(store, lease)
        [taken] = await take(store, lease)
        assert await take(store, lease, having=(taken.id,)) == []
        [again] = await take(store, lease)
        assert (again.id, again.state) == (taken.id, DeliveryState.UNKNOWN)

    # --- settling -----------------------------------------------------------------------------

    async def test_what_became_of_a_message_is_kept(self, store: Store) -> None:
        message = await sent(store, await registered(store))
        assert (message.state, message.receipt) == (DeliveryState.SENT, {"id": "<1@x>"})
        assert (message.attempts, message.next_at) == (0, None)
        assert await listed(store) == [message]
        assert await store.deliveries_about("g-1") == [message]

    async def test_what_is_in_other_hands_by_now_is_left_alone(
        self, store: Store, another: Another
    ) -> None:
        dying, other = await store.register("dying", 0.0), await another()
        await queued(store, await registered(store))
        [taken] = await take(store, dying)
        heir = await registered(other)
        await other.next_delivery(heir)
        [found] = await take(other, heir)
        assert await store.settle(dying, taken, SENT) is None
        assert await other.settle(heir, found, SENT) is not None

    async def test_race_a_message_that_was_sent_while_the_gate_was_decided_has_to_be_repaired(
        self, store: Store
    ) -> None:
        lease = await registered(store)
        await queued(store, lease)
        [taken] = await take(store, lease)
        await store.vote("g-1", ballot("bo"), person("bo"))
        settled = await store.settle(lease, taken, SENT)
        assert settled is not None
        assert (settled.state, settled.next_at) == (DeliveryState.STALE, AT)

    async def test_a_message_that_failed_and_is_not_needed_any_more_is_not_tried_again(
        self, store: Store
    ) -> None:
        lease = await registered(store)
        await queued(store, lease)
        [taken] = await take(store, lease)
        await store.vote("g-1", ballot("bo"), person("bo"))
        again = Settlement(state=DeliveryState.QUEUED, at=AT, next_at=AT + 1, error="not now")
        settled = await store.settle(lease, taken, again)
        assert settled is not None
        assert (settled.state, settled.next_at) == (DeliveryState.MOOT, None)

    async def test_a_message_that_failed_is_due_again_later(self, store: Store) -> None:
        lease = await registered(store)
        await queued(store, lease)
        [taken] = await take(store, lease)
        again = Settlement(state=DeliveryState.QUEUED, at=AT, next_at=AT + 5, error="not now")
        await store.settle(lease, taken, again)
        assert await take(store, lease) == []
        [taken] = await take(store, lease, AT + 5)
        assert (taken.attempts, taken.error) == (2, "not now")

    async def test_race_a_message_that_is_given_up_goes_to_the_next_place_at_once(
        self, store: Store
    ) -> None:
        lease = await registered(store)
        await queued(store, lease)
        [taken] = await take(store, lease)
        dead = Settlement(state=DeliveryState.DEAD, at=AT, error="no such user", reroute=True)
        await store.settle(lease, taken, dead)
        [following] = await take(store, lease)
        assert following.target == "bo@example.org"
        assert following.rest == (("slack", "C1"),)

    async def test_a_place_that_has_the_message_already_is_not_told_twice(
        self, store: Store
    ) -> None:
        lease = await registered(store)
        await with_gate(store, lease)
        other = replace(MAIL, target="bo@example.org", rest=())
        [found] = await due(store)
        assert await store.announce(found, replace(ASKED, new=(MAIL, other)))
        first, _ = await take(store, lease)
        dead = Settlement(state=DeliveryState.DEAD, at=AT, error="no such user", reroute=True)
        await store.settle(lease, first, dead)
        targets = [(each.channel, each.target) for each in await listed(store)]
        assert sorted(targets) == [("mail", "ana@example.org"), ("mail", "bo@example.org")]

    # --- told together ------------------------------------------------------------------------

    async def test_a_message_that_is_shown_among_others_is_found_by_what_shows_it(
        self, store: Store
    ) -> None:
        lease = await registered(store)
        await queued(store, lease)
        [taken] = await take(store, lease)
        joined = replace(SENT, state=DeliveryState.UNKNOWN, next_at=AT, round_up="a-1")
        settled = await store.settle(lease, taken, joined)
        assert settled is not None
        assert (settled.round_up, settled.attempts) == ("a-1", 0)
        assert await store.gathered("a-1") == [settled]
        assert await store.gathered("a-2") == []
        assert await store.gathered_at("mail", MAIL.target, limit=1) == [settled]
        assert await store.gathered_at("mail", MAIL.target, limit=0) == []
        assert await store.gathered_at("slack", MAIL.target, limit=1) == []

    async def test_what_shows_a_message_is_kept_when_it_is_changed(self, store: Store) -> None:
        lease = await registered(store)
        await queued(store, lease)
        [taken] = await take(store, lease)
        await store.settle(lease, taken, replace(SENT, says="other", round_up="a-1"))
        [again] = await take(store, lease)
        settled = await store.settle(lease, again, SENT)
        assert settled is not None
        assert settled.round_up == "a-1"

    @pytest.mark.parametrize(
        "found",
        [
            Settlement(state=DeliveryState.LOST, at=AT, error="gone"),
            replace(SENT, round_up="a-2"),
        ],
        ids=["lost", "told anew"],
    )
    async def test_what_was_shown_with_one_that_has_lost_its_message_is_looked_at_again(
        self, store: Store, found: Settlement
    ) -> None:
        lease = await registered(store)
        await with_gate(store, lease)
        [asked] = await due(store)
        three = tuple(replace(MAIL, target=target) for target in ("one", "beside", "apart"))
        assert await store.announce(asked, replace(ASKED, new=three))
        one, beside, apart = sorted(await take(store, lease), key=lambda each: each.id)
        await store.settle(lease, one, replace(SENT, says="other", round_up="a-1"))
        await store.settle(lease, beside, replace(SENT, round_up="a-1"))
        await store.settle(lease, apart, replace(SENT, round_up="b-1"))
        [again] = await take(store, lease)
        await store.settle(lease, again, found)
        stands = {each.target: (each.state, each.next_at) for each in await listed(store)}
        assert stands["one"][0] is found.state
        assert stands["beside"] == (DeliveryState.STALE, AT)
        assert stands["apart"] == (DeliveryState.SENT, None)

    async def test_a_message_of_its_own_is_among_no_others(self, store: Store) -> None:
        message = await sent(store, await registered(store))
        assert message.round_up is None
        assert await store.gathered_at("mail", MAIL.target, limit=1) == []

    async def test_what_waits_at_a_place_is_counted_from_the_newest_back(
        self, store: Store
    ) -> None:
        message = await sent(store, await registered(store))
        at = ("mail", MAIL.target)
        assert await store.waiting_at(*at, before=message.id + 1, limit=9) == [message]
        assert await store.waiting_at(*at, before=message.id + 1, limit=0) == []
        assert await store.waiting_at(*at, before=message.id, limit=9) == []
        assert await store.waiting_at("mail", "bo@example.org", before=9, limit=9) == []

    @pytest.mark.parametrize("says", ["rejected.1", "approved.1.done", "answered"])
    async def test_what_is_told_to_be_over_waits_no_more(self, store: Store, says: str) -> None:
        lease = await registered(store)
        await queued(store, lease)
        [taken] = await take(store, lease)
        await store.settle(lease, taken, replace(SENT, says=says))
        assert await store.waiting_at("mail", MAIL.target, before=taken.id + 1, limit=9) == []

    async def test_neither_reminders_nor_what_was_given_up_wait(self, store: Store) -> None:
        lease = await registered(store)
        await with_gate(store, lease)
        [found] = await due(store)
        reminder = replace(MAIL, saying="reminded", level=1)
        assert await store.announce(found, replace(ASKED, new=(MAIL, reminder)))
        first, second = sorted(await take(store, lease), key=lambda each: each.saying)
        dead = Settlement(state=DeliveryState.DEAD, at=AT, error="no such user")
        await store.settle(lease, first, dead)
        assert await store.waiting_at("mail", MAIL.target, before=second.id + 1, limit=9) == []

    # --- reading ------------------------------------------------------------------------------

    async def test_messages_are_listed_by_saga_and_state(self, store: Store) -> None:
        message = await sent(store, await registered(store))
        assert await store.deliveries(saga_id="trip-1", state="sent", limit=1) == [message]
        assert await store.deliveries(saga_id="trip-2", state=None, limit=1) == []
        assert await store.deliveries(saga_id=None, state="dead", limit=1) == []

    async def test_nothing_is_ahead_where_nothing_was_opened(self, store: Store) -> None:
        assert await store.next_delivery(await registered(store)) is None
