"""What every store must do with what people and other programs ask."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from approvals import Gate, GateState, VoteKind
from approvals.quorum import Refusal
from compensations import Choice
from sagas.errors import PayloadError, Refused, UnknownSaga
from sagas.model import Direction, Status, micros
from sagas.ports import Applied, CloseQuestion, LateAnswer, MoveGate, Project, Store
from tests.conformance.support import (
    AT,
    NOW,
    SECOND,
    ballot,
    begun,
    person,
    registered,
    with_gate,
    with_question,
)

Opening = Callable[[], Awaitable[Store]]

LATE = LateAnswer("trip-1", "trip/book#1", Direction.DO, "k1", 2, b'"room 7"')


async def ended(store: Store) -> None:
    """The saga `trip-1`, completed."""
    lease = await registered(store)
    tale = await begun(store, lease)
    project = Project(Status.COMPLETED, None, None, release=True)
    await store.commit(lease, [tale.unit(1, project)])


class DeskSuite:
    # --- cancel -------------------------------------------------------------------------------

    async def test_a_cancellation_is_a_request(self, store: Store) -> None:
        await begun(store, await registered(store))
        await store.cancel("trip-1", by="ana", reason="ill", at=AT)
        control, [request] = await store.requests("trip-1")
        assert control == 1
        assert (request.kind, request.by, request.reason, request.at) == (
            "cancel",
            "ana",
            "ill",
            AT,
        )

    async def test_a_cancellation_says_how_it_is_known_who_asked(self, store: Store) -> None:
        await begun(store, await registered(store))
        known = {"identified_by": "token of ana", "channel": "web"}
        await store.cancel("trip-1", by="ana", reason="ill", at=AT, **known)
        _, [request] = await store.requests("trip-1")
        assert (request.identified_by, request.channel) == ("token of ana", "web")

    async def test_a_second_cancellation_changes_nothing(self, store: Store) -> None:
        await begun(store, await registered(store))
        await store.cancel("trip-1", by="ana", reason="ill", at=AT)
        before = await store.requests("trip-1")
        await store.cancel("trip-1", by="bo", reason="late", at=AT)
        assert await store.requests("trip-1") == before

    async def test_of_two_cancellations_at_once_one_is_recorded(
        self, store: Store, another: Opening
    ) -> None:
        other = await another()
        await begun(store, await registered(store))
        await asyncio.gather(
            store.cancel("trip-1", by="ana", reason="ill", at=AT),
            other.cancel("trip-1", by="bo", reason="late", at=AT),
        )
        assert len((await store.requests("trip-1"))[1]) == 1

    async def test_what_has_ended_cannot_be_cancelled(self, store: Store) -> None:
        await ended(store)
        with pytest.raises(Refused) as refused:
            await store.cancel("trip-1", by="ana", reason="ill", at=AT)
        assert str(refused.value) == (
            "trip-1 ended (completed) at 10:00 UTC: there is nothing to cancel"
        )
        assert await store.requests("trip-1") == (0, [])

    async def test_what_does_not_exist_cannot_be_cancelled(self, store: Store) -> None:
        with pytest.raises(UnknownSaga, match="no saga 'nowhere'"):
            await store.cancel("nowhere", by="ana", reason="ill", at=AT)

    @pytest.mark.parametrize("reason", ["a\x00b", "a\ud800b"])
    async def test_a_reason_that_cannot_be_stored_is_refused(
        self, store: Store, reason: str
    ) -> None:
        await begun(store, await registered(store))
        with pytest.raises(PayloadError, match="the reason contains"):
            await store.cancel("trip-1", by="ana", reason=reason, at=AT)

    # --- events -------------------------------------------------------------------------------

    async def test_an_event_is_delivered_once_for_each_key(self, store: Store) -> None:
        await begun(store, await registered(store))
        first = await store.send("trip-1", "landed", b'{"at":1}', key="a", by="gds", at=AT)
        again = await store.send("trip-1", "landed", b'{"at":2}', key="a", by="gds", at=AT)
        assert (first, again) == (True, False)
        _, [request] = await store.requests("trip-1")
        assert (request.kind, request.ref, request.state, request.payload, request.by) == (
            "event",
            "landed",
            "a",
            b'{"at":1}',
            "gds",
        )

    async def test_events_arrive_in_the_order_in_which_they_were_sent(self, store: Store) -> None:
        await begun(store, await registered(store))
        for number in range(5):
            payload = str(number).encode()
            await store.send("trip-1", "tick", payload, key=str(number), by="clock", at=AT)
        _, requests = await store.requests("trip-1")
        assert [request.payload for request in requests] == [b"0", b"1", b"2", b"3", b"4"]

    async def test_one_key_serves_each_saga_once(self, store: Store) -> None:
        lease = await registered(store)
        for name in ("trip-1", "trip-2"):
            await begun(store, lease, name)
            assert await store.send(name, "landed", b"1", key="a", by="gds", at=AT)

    async def test_of_two_deliveries_at_once_one_counts(
        self, store: Store, another: Opening
    ) -> None:
        other = await another()
        await begun(store, await registered(store))
        sent = await asyncio.gather(
            *(each.send("trip-1", "x", b"1", key="a", by="gds", at=AT) for each in (store, other))
        )
        assert sorted(sent) == [False, True]

    async def test_nothing_is_delivered_to_what_has_ended(self, store: Store) -> None:
        await ended(store)
        with pytest.raises(
            Refused, match=r"^trip-1 ended \(completed\) at 10:00 UTC: nobody waits"
        ):
            await store.send("trip-1", "landed", b"1", key="a", by="gds", at=AT)

    async def test_nothing_is_delivered_to_what_does_not_exist(self, store: Store) -> None:
        with pytest.raises(UnknownSaga):
            await store.send("nowhere", "landed", b"1", key="a", by="gds", at=AT)

    # --- votes --------------------------------------------------------------------------------

    async def test_an_approval_decides_its_gate(self, store: Store) -> None:
        _, gate = await with_gate(store, await registered(store))
        decided = await store.vote(gate.id, ballot("bo", reason="fine"), person("bo"))
        assert (decided.state, decided.decided_by, decided.reason, decided.decided_at) == (
            GateState.APPROVED,
            "bo",
            "fine",
            NOW,
        )
        assert await store.gate(gate.id) == decided

    async def test_a_decision_is_a_request(self, store: Store) -> None:
        _, gate = await with_gate(store, await registered(store))
        decided = await store.vote(gate.id, ballot("bo", reason="fine"), person("bo"))
        control, [request] = await store.requests("trip-1")
        assert control == 1
        assert decided.valid_until is not None
        assert (request.kind, request.ref, request.state, request.by, request.reason) == (
            "gate",
            gate.id,
            "approved",
            "bo",
            "fine",
        )
        assert request.valid_until == micros(decided.valid_until)

    async def test_a_vote_that_decides_nothing_is_kept_and_asks_for_nothing(
        self, store: Store
    ) -> None:
        _, gate = await with_gate(store, await registered(store), quorum=2)
        after = await store.vote(gate.id, ballot("bo"), person("bo"))
        assert after.state is GateState.PENDING
        assert await store.votes(gate.id) == [ballot("bo")]
        assert await store.requests("trip-1") == (0, [])
        assert await store.gate(gate.id) == after == replace(gate, voted=1)

    async def test_one_person_is_not_a_quorum_of_two(self, store: Store) -> None:
        _, gate = await with_gate(store, await registered(store), quorum=2)
        for _ in range(2):
            after = await store.vote(gate.id, ballot("bo"), person("bo"))
            assert after.state is GateState.PENDING
        assert len(await store.votes(gate.id)) == 1

    async def test_two_people_are_a_quorum_of_two(self, store: Store) -> None:
        _, gate = await with_gate(store, await registered(store), quorum=2)
        await store.vote(gate.id, ballot("bo"), person("bo"))
        decided = await store.vote(gate.id, ballot("cy"), person("cy"))
        assert (decided.state, decided.decided_by) == (GateState.APPROVED, "bo, cy")

    async def test_whoever_comes_second_is_told_who_decided(self, store: Store) -> None:
        _, gate = await with_gate(store, await registered(store))
        await store.vote(gate.id, ballot("bo", VoteKind.REJECT, reason="dear"), person("bo"))
        with pytest.raises(Refused) as refused:
            await store.vote(gate.id, ballot("cy"), person("cy"))
        assert str(refused.value) == "already rejected by bo at 10:00 UTC: dear"

    async def test_a_vote_that_comes_too_late_is_on_the_record(self, store: Store) -> None:
        _, gate = await with_gate(store, await registered(store))
        await store.vote(gate.id, ballot("bo", VoteKind.REJECT), person("bo"))
        with pytest.raises(Refused):
            await store.vote(gate.id, ballot("cy"), person("cy"))
        assert await store.votes(gate.id) == [
            ballot("bo", VoteKind.REJECT),
            replace(ballot("cy"), refusal=Refusal.ALREADY_DECIDED),
        ]

    async def test_t27_a_wrong_digest_is_refused_recorded_and_the_gate_stays_open(
        self, store: Store
    ) -> None:
        _, gate = await with_gate(store, await registered(store))
        wrong = replace(ballot("bo"), digest="ab" * 32, seen="cd" * 32)
        with pytest.raises(Refused, match="abababababab is not that of what is to be decided"):
            await store.vote(gate.id, wrong, person("bo"))
        assert await store.gate(gate.id) == gate
        assert await store.votes(gate.id) == [replace(wrong, refusal=Refusal.WRONG_DIGEST)]
        assert await store.requests("trip-1") == (0, [])

    async def test_refused_votes_count_for_nothing(self, store: Store) -> None:
        _, gate = await with_gate(store, await registered(store), quorum=2)
        wrong = replace(ballot("bo"), digest="ab" * 32)
        with pytest.raises(Refused):
            await store.vote(gate.id, wrong, person("bo"))
        after = await store.vote(gate.id, ballot("cy"), person("cy"))
        assert after.state is GateState.PENDING

    async def test_a_vote_that_is_withdrawn_counts_no_more(self, store: Store) -> None:
        _, gate = await with_gate(store, await registered(store), quorum=2)
        for kind in (VoteKind.APPROVE, VoteKind.WITHDRAW):
            await store.vote(gate.id, ballot("bo", kind), person("bo"))
        after = await store.vote(gate.id, ballot("cy"), person("cy"))
        assert after.state is GateState.PENDING
        assert [vote.kind.value for vote in await store.votes(gate.id)] == [
            "approve",
            "withdraw",
            "approve",
        ]

    async def test_a_revocation_takes_an_unused_approval_and_is_a_request(
        self, store: Store
    ) -> None:
        _, gate = await with_gate(store, await registered(store))
        await store.vote(gate.id, ballot("bo"), person("bo"))
        revoke = ballot("cy", VoteKind.REVOKE, reason="wrong room")
        after = await store.vote(gate.id, revoke, person("cy"))
        assert (after.state, after.decided_by, after.reason) == ("revoked", "cy", "wrong room")
        _, requests = await store.requests("trip-1")
        assert [(item.kind, item.state, item.by) for item in requests] == [
            ("gate", "approved", "bo"),
            ("gate", "revoked", "cy"),
        ]

    async def test_race_the_last_quorum_vote_twice_is_one_decision_and_both_are_kept(
        self, store: Store, another: Opening
    ) -> None:
        other = await another()
        _, gate = await with_gate(store, await registered(store), quorum=2)
        await store.vote(gate.id, ballot("bo"), person("bo"))

        async def approve(desk: Store, name: str) -> str:
            try:
                return str((await desk.vote(gate.id, ballot(name), person(name))).decided_by)
            except Refused as refused:
                return str(refused)

        told = await asyncio.gather(approve(store, "cy"), approve(other, "di"))
        first = "cy" if told[0] == "bo, cy" else "di"
        truth = f"bo, {first}"
        assert sorted(told) == [f"already approved by {truth} at 10:00 UTC", truth]
        assert len(await store.votes(gate.id)) == 3
        assert len((await store.requests("trip-1"))[1]) == 1

    async def test_race_consume_against_revoke_one_of_the_two_wins(
        self, store: Store, another: Opening
    ) -> None:
        other = await another()
        lease = await registered(store)
        tale, gate = await with_gate(store, lease)
        await store.vote(gate.id, ballot("bo"), person("bo"))
        consume = MoveGate(gate.id, GateState.APPROVED, GateState.CONSUMED, AT)

        async def revoke() -> Gate | str:
            try:
                return await other.vote(gate.id, ballot("cy", VoteKind.REVOKE), person("cy"))
            except Refused as refused:
                return str(refused)

        (applied,), revoked = await asyncio.gather(
            store.commit(lease, [tale.unit(1, consume)]), revoke()
        )
        stored = await store.gate(gate.id)
        assert stored is not None
        if applied is Applied.YES:
            assert "the action has been started; cancel the saga" in str(revoked)
            assert stored.state is GateState.CONSUMED
        else:
            assert (applied, stored) == (Applied.MOVED, revoked)
            assert stored.state is GateState.REVOKED

    async def test_t6_race_consume_against_consume_one_of_the_two_wins(
        self, store: Store, another: Opening
    ) -> None:
        other = await another()
        lease = await registered(store)
        tale, gate = await with_gate(store, lease)
        await store.vote(gate.id, ballot("bo"), person("bo"))
        consume = MoveGate(gate.id, GateState.APPROVED, GateState.CONSUMED, AT)
        one, two = tale.unit(1, consume), tale.unit(1, consume)
        told = await asyncio.gather(store.commit(lease, [one]), other.commit(lease, [two]))
        assert sorted(applied is Applied.YES for (applied,) in told) == [False, True]
        stored = await store.gate(gate.id)
        assert stored is not None
        assert stored.state is GateState.CONSUMED

    async def test_of_ten_deciders_one_wins_and_everybody_is_told_the_truth(
        self, store: Store, another: Opening
    ) -> None:
        other = await another()
        _, gate = await with_gate(store, await registered(store))

        async def decide(number: int) -> str:
            name = f"person-{number}"
            kind = VoteKind.REJECT if number % 2 else VoteKind.APPROVE
            desk = store if number < 5 else other
            try:
                after = await desk.vote(gate.id, ballot(name, kind), person(name))
            except Refused as refused:
                return str(refused)
            return f"won: {after.state} by {after.decided_by}"

        told = await asyncio.gather(*(decide(number) for number in range(10)))
        [won] = [text for text in told if text.startswith("won")]
        truth = "already " + won.removeprefix("won: ") + " at 10:00 UTC"
        assert [text for text in told if text != won] == [truth] * 9
        refusals = [vote.refusal for vote in await store.votes(gate.id)]
        assert refusals == [None, *[Refusal.ALREADY_DECIDED] * 9]
        assert len((await store.requests("trip-1"))[1]) == 1

    async def test_a_gate_that_nobody_decided_in_time_expires_when_somebody_comes(
        self, store: Store
    ) -> None:
        _, gate = await with_gate(store, await registered(store))
        late = gate.deadline + timedelta(seconds=1)
        with pytest.raises(Refused, match="nobody decided before 14:00 UTC"):
            await store.vote(gate.id, ballot("bo", at=late), person("bo"))
        stored = await store.gate(gate.id)
        assert stored is not None
        assert (stored.state, stored.decided_at) == (GateState.EXPIRED, gate.deadline)
        _, [request] = await store.requests("trip-1")
        assert (request.kind, request.ref, request.state, request.by) == (
            "gate",
            gate.id,
            "expired",
            "",
        )

    async def test_whoever_may_not_decide_changes_nothing(self, store: Store) -> None:
        _, gate = await with_gate(store, await registered(store), by="@desk")
        with pytest.raises(Refused, match="you are not among the approvers"):
            await store.vote(gate.id, ballot("bo"), person("bo"))
        assert await store.gate(gate.id) == gate
        [vote] = await store.votes(gate.id)
        assert vote.refusal is Refusal.NOT_ENTITLED

    async def test_t4_nobody_votes_in_the_name_of_another(self, store: Store) -> None:
        _, gate = await with_gate(store, await registered(store))
        with pytest.raises(Refused, match="the vote is bo's, but cy was identified"):
            await store.vote(gate.id, ballot("bo"), person("cy"))

    async def test_t4_nobody_votes_with_groups_that_are_not_theirs(self, store: Store) -> None:
        _, gate = await with_gate(store, await registered(store), by="@desk")
        forged = replace(ballot("bo"), groups=frozenset({"desk"}))
        with pytest.raises(Refused, match="other groups than those that bo is in"):
            await store.vote(gate.id, forged, person("bo"))

    async def test_there_is_no_vote_without_a_gate(self, store: Store) -> None:
        with pytest.raises(Refused, match="no gate g-9"):
            await store.vote("g-9", ballot("bo"), person("bo"))

    async def test_a_cancelled_gate_takes_no_vote(self, store: Store) -> None:
        lease = await registered(store)
        tale, gate = await with_gate(store, lease)
        move = MoveGate(gate.id, GateState.PENDING, GateState.CANCELLED, AT)
        await store.commit(lease, [tale.unit(1, move)])
        with pytest.raises(Refused, match="it was cancelled at 10:00 UTC"):
            await store.vote(gate.id, ballot("bo"), person("bo"))

    # --- answers ------------------------------------------------------------------------------

    async def test_an_answer_closes_the_question(self, store: Store) -> None:
        await with_question(store, await registered(store))
        answered = await store.answer(
            "i-1", Choice.HAPPENED, by="bo", reason="I asked them", payload=b'{"no":7}', at=AT
        )
        assert (answered.state, answered.choice, answered.by, answered.closed_at) == (
            "answered",
            "happened",
            "bo",
            AT,
        )
        assert await store.waiting_questions() == []

    async def test_an_answer_is_a_request(self, store: Store) -> None:
        await with_question(store, await registered(store))
        await store.answer(
            "i-1", Choice.HAPPENED, by="bo", reason="I asked", payload=b'{"no":7}', at=AT
        )
        control, [request] = await store.requests("trip-1")
        assert control == 1
        assert (request.kind, request.ref, request.state, request.payload, request.reason) == (
            "answer",
            "i-1",
            "happened",
            b'{"no":7}',
            "I asked",
        )

    async def test_an_answer_says_how_it_is_known_who_gave_it(self, store: Store) -> None:
        await with_question(store, await registered(store))
        known = {"identified_by": "token of bo", "channel": "web"}
        answered = await store.answer(
            "i-1", Choice.RETRY, by="bo", reason="again", payload=None, at=AT, **known
        )
        assert (answered.identified_by, answered.channel) == ("token of bo", "web")
        assert await store.question("i-1") == answered
        _, [request] = await store.requests("trip-1")
        assert (request.identified_by, request.channel) == ("token of bo", "web")

    async def test_whoever_answers_second_is_told_what_was_answered(self, store: Store) -> None:
        await with_question(store, await registered(store))
        await store.answer("i-1", Choice.RETRY, by="bo", reason="try again", payload=None, at=AT)
        with pytest.raises(Refused) as refused:
            await store.answer(
                "i-1", Choice.NOT_HAPPENED, by="cy", reason="", payload=None, at=AT + SECOND
            )
        assert str(refused.value) == (
            "i-1 was already answered by bo at 10:00 UTC: retry: try again"
        )

    async def test_of_two_answers_at_once_one_counts(self, store: Store, another: Opening) -> None:
        await with_question(store, await registered(store))
        desks = [store, await another()]
        answers = await asyncio.gather(
            *(
                desk.answer("i-1", Choice.RETRY, by=f"p{n}", reason="", payload=None, at=AT)
                for n, desk in enumerate(desks)
            ),
            return_exceptions=True,
        )
        assert sum(isinstance(answer, Refused) for answer in answers) == 1
        assert len((await store.requests("trip-1"))[1]) == 1

    async def test_a_closed_question_takes_no_answer(self, store: Store) -> None:
        lease = await registered(store)
        tale = await with_question(store, lease)
        await store.commit(lease, [tale.unit(1, CloseQuestion("i-1", AT))])
        with pytest.raises(Refused, match="i-1 was closed at 10:00 UTC"):
            await store.answer("i-1", Choice.RETRY, by="bo", reason="", payload=None, at=AT)

    async def test_an_answer_that_is_not_on_offer_is_refused(self, store: Store) -> None:
        await with_question(store, await registered(store))
        with pytest.raises(Refused, match="'waive' is not on offer here"):
            await store.answer("i-1", Choice.WAIVE, by="bo", reason="", payload=None, at=AT)
        assert len(await store.waiting_questions()) == 1

    async def test_an_answer_without_the_result_that_it_needs_is_refused(
        self, store: Store
    ) -> None:
        await with_question(store, await registered(store))
        with pytest.raises(Refused, match="'happened' needs the result"):
            await store.answer("i-1", Choice.HAPPENED, by="bo", reason="", payload=None, at=AT)

    async def test_a_question_that_nobody_asked_takes_no_answer(self, store: Store) -> None:
        with pytest.raises(Refused, match="no intervention i-9"):
            await store.answer("i-9", Choice.RETRY, by="bo", reason="", payload=None, at=AT)

    # --- late successes -----------------------------------------------------------------------

    async def test_a_late_success_is_a_request(self, store: Store) -> None:
        await begun(store, await registered(store))
        assert await store.report(LATE, by="sagas", at=AT)
        control, [request] = await store.requests("trip-1")
        assert control == 1
        assert (request.kind, request.ref, request.state, request.payload, request.by) == (
            "late",
            "trip/book#1",
            "do k1 2",
            b'"room 7"',
            "sagas",
        )

    async def test_a_late_success_whose_result_cannot_be_stored_says_why(
        self, store: Store
    ) -> None:
        await begun(store, await registered(store))
        unstorable = replace(LATE, payload=None, unstorable="a\x00b\ud800")
        await store.report(unstorable, by="sagas", at=AT)
        _, [request] = await store.requests("trip-1")
        assert (request.payload, request.reason) == (None, "a?b?")

    async def test_a_late_success_is_told_once_for_each_attempt(self, store: Store) -> None:
        await begun(store, await registered(store))
        told = [
            await store.report(late, by="sagas", at=AT)
            for late in (LATE, LATE, replace(LATE, attempt=3), replace(LATE, key="k2"))
        ]
        assert told == [True, False, True, True]
        assert len((await store.requests("trip-1"))[1]) == 3

    async def test_of_two_reports_at_once_one_counts(self, store: Store, another: Opening) -> None:
        other = await another()
        await begun(store, await registered(store))
        told = await asyncio.gather(
            *(each.report(LATE, by="sagas", at=AT) for each in (store, other))
        )
        assert sorted(told) == [False, True]

    async def test_a_saga_that_has_ended_is_due_again_after_a_report(self, store: Store) -> None:
        await ended(store)
        lease = await registered(store, "another")
        assert await store.claim(lease, now=AT, only=None, limit=9) == []
        await store.report(LATE, by="sagas", at=AT)
        row = await store.saga("trip-1")
        assert row is not None
        assert (row.status, row.reason) == (
            Status.RUNNING,
            "trip/book#1 took effect after the saga had ended",
        )
        assert await store.claim(lease, now=AT, only=None, limit=9) == ["trip-1"]

    async def test_a_report_leaves_a_live_saga_as_it_is(self, store: Store) -> None:
        lease = await registered(store)
        tale = await begun(store, lease)
        await store.commit(lease, [tale.unit(1, Project(Status.STUCK, "why", None, release=True))])
        await store.report(LATE, by="sagas", at=AT)
        row = await store.saga("trip-1")
        assert row is not None
        assert (row.status, row.reason) == (Status.STUCK, "why")

    async def test_no_end_comes_between_a_report_and_its_being_seen(self, store: Store) -> None:
        lease = await registered(store)
        tale = await begun(store, lease)
        await store.report(LATE, by="sagas", at=AT)
        end = Project(Status.COMPENSATED, None, None, release=True)
        assert await store.commit(lease, [tale.unit(1, end, guarded=True)]) == [Applied.REQUESTED]

    async def test_there_is_no_report_of_what_does_not_exist(self, store: Store) -> None:
        with pytest.raises(UnknownSaga, match="no saga 'trip-1'"):
            await store.report(LATE, by="sagas", at=AT)
