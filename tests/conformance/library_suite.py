"""What every store must show to people."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from approvals import VoteKind
from sagas.audit import MARKS
from sagas.entries import KINDS
from sagas.errors import Refused
from sagas.model import Status, micros
from sagas.ports import OpenGate, Project, Store
from tests.conformance.support import (
    AT,
    NOW,
    SECOND,
    ballot,
    begun,
    gate_of,
    person,
    question,
    registered,
    with_gate,
    with_question,
)

Opening = Callable[[], Awaitable[Store]]


class LibrarySuite:
    async def test_gates_are_found_by_who_voted_the_latest_vote_first(self, store: Store) -> None:
        lease = await registered(store)
        for number in range(3):
            tale = await begun(store, lease, f"trip-{number}")
            asked = gate_of(store, tale.saga_id, f"g-{number}", by=["bo", "cy"], quorum=2)
            await store.commit(lease, [tale.unit(1, OpenGate(asked))])
        for number in (1, 0):
            await store.vote(f"g-{number}", ballot("bo"), person("bo"))
        await store.vote("g-2", ballot("cy"), person("cy"))
        assert [gate.id for gate in await store.voted_by("bo")] == ["g-0", "g-1"]

    async def test_a_gate_with_several_votes_of_one_person_is_found_once(
        self, store: Store
    ) -> None:
        await with_gate(store, await registered(store), by=["bo", "cy"], quorum=2)
        await store.vote("g-1", ballot("bo"), person("bo"))
        await store.vote("g-1", ballot("bo", VoteKind.REJECT, reason="no"), person("bo"))
        assert [gate.id for gate in await store.voted_by("bo")] == ["g-1"]

    async def test_no_more_votes_are_looked_at_than_are_asked_for(self, store: Store) -> None:
        lease = await registered(store)
        for number in range(2):
            tale = await begun(store, lease, f"trip-{number}")
            asked = gate_of(store, tale.saga_id, f"g-{number}", by=["bo", "cy"], quorum=2)
            await store.commit(lease, [tale.unit(1, OpenGate(asked))])
            await store.vote(asked.id, ballot("bo"), person("bo"))
        assert [gate.id for gate in await store.voted_by("bo", limit=1)] == ["g-1"]

    async def test_a_vote_that_was_refused_is_no_vote_of_anybody(self, store: Store) -> None:
        await with_gate(store, await registered(store), by="cy")
        with pytest.raises(Refused):
            await store.vote("g-1", ballot("bo"), person("bo"))
        assert await store.voted_by("bo") == []

    async def test_sagas_are_listed_the_newest_first(self, store: Store) -> None:
        lease = await registered(store)
        for number in range(3):
            await begun(store, lease, f"trip-{number}", at=AT + number)
        rows = await store.sagas(status=None, saga=None, since=None, limit=2)
        assert [row.id for row in rows] == ["trip-2", "trip-1"]

    async def test_sagas_are_listed_by_status(self, store: Store) -> None:
        lease = await registered(store)
        await begun(store, lease)
        tale = await begun(store, lease, "trip-2")
        project = Project(Status.STUCK, "who knows", None, release=True)
        await store.commit(lease, [tale.unit(1, project)])
        rows = await store.sagas(status="stuck", saga=None, since=None, limit=9)
        assert [(row.id, row.reason) for row in rows] == [("trip-2", "who knows")]

    async def test_sagas_are_listed_by_name(self, store: Store) -> None:
        await begun(store, await registered(store))
        named = await store.sagas(status=None, saga="travel.book_trip", since=None, limit=9)
        assert [row.id for row in named] == ["trip-1"]
        assert await store.sagas(status=None, saga="' or 1=1 --", since=None, limit=9) == []

    async def test_sagas_are_listed_since_they_were_created(self, store: Store) -> None:
        lease = await registered(store)
        await begun(store, lease)
        await begun(store, lease, "trip-2", at=AT + SECOND)
        rows = await store.sagas(status=None, saga=None, since=AT + 1, limit=9)
        assert [row.id for row in rows] == ["trip-2"]

    async def test_live_sagas_come_page_by_page_and_leave_out_what_has_ended(
        self, store: Store
    ) -> None:
        lease = await registered(store)
        for number in range(4):
            await begun(store, lease, f"trip-{number}", at=AT - number)
        ended = await begun(store, lease, "trip-10")
        done = Project(Status.COMPLETED, None, None, release=True)
        await store.commit(lease, [ended.unit(1, done)])
        pages = [[row.id for row in await store.live_sagas(after, 3)] for after in ("", "trip-2")]
        assert pages == [["trip-0", "trip-1", "trip-2"], ["trip-3"]]

    async def test_entries_that_tell_of_undoing_come_page_by_page_by_their_instants(
        self, store: Store
    ) -> None:
        lease = await registered(store)
        wrote = {"late": AT + 9, "b": AT + 1, "a": AT + 1, "early": AT - 1}
        for saga_id, at in wrote.items():
            tale = await begun(store, lease, saga_id)
            unit = tale.marked("UnwindBegan", at)
            await store.commit(lease, [unit])
        first = await store.rollback_marks((AT, "", 0), until=AT + 9, limit=1)
        assert first == [(AT + 1, "a", 2)]
        rest = await store.rollback_marks(first[-1], until=AT + 9, limit=9)
        assert rest == [(AT + 1, "b", 2)]
        assert await store.rollback_marks(rest[-1], until=AT + 9, limit=9) == []

    @pytest.mark.parametrize("kind", sorted(KINDS))
    async def test_only_entries_that_an_audit_looks_for_are_marks(
        self, store: Store, kind: str
    ) -> None:
        lease = await registered(store)
        tale = await begun(store, lease)
        await store.commit(lease, [tale.marked(kind, AT)])
        found = await store.rollback_marks((0, "", 0), until=AT + 1, limit=9)
        assert bool(found) == (kind in MARKS)

    async def test_a_saga_that_does_not_exist_is_not_shown(self, store: Store) -> None:
        assert await store.saga("nowhere") is None

    async def test_open_gates_are_those_that_can_be_decided(self, store: Store) -> None:
        lease = await registered(store)
        tale, gate = await with_gate(store, lease)
        other = gate_of(store, tale.saga_id, "g-2")
        await store.commit(lease, [tale.unit(1, OpenGate(other))])
        await store.vote(gate.id, ballot("bo"), person("bo"))
        assert await store.waiting_gates() == [other]
        assert [each.id for each in await store.gates_of(tale.saga_id)] == ["g-1", "g-2"]

    async def test_gates_that_wait_come_page_by_page_the_oldest_first(self, store: Store) -> None:
        lease = await registered(store)
        tale = await begun(store, lease)
        gates = [gate_of(store, tale.saga_id, f"g-{number}") for number in (3, 1, 2)]
        gates[0] = replace(gates[0], opened_at=NOW - timedelta(hours=1))
        await store.commit(lease, [tale.unit(1, *(OpenGate(gate) for gate in gates))])
        first = await store.waiting_gates(limit=2)
        assert [gate.id for gate in first] == ["g-3", "g-1"]
        last = (micros(first[-1].opened_at), first[-1].id)
        rest = await store.waiting_gates(after=last, limit=2)
        assert [gate.id for gate in rest] == ["g-2"]

    async def test_gates_that_wait_for_a_person_are_theirs_or_everybodys(
        self, store: Store
    ) -> None:
        lease = await registered(store)
        tale = await begun(store, lease)
        people = {"g-1": ("bo", 'c"y_%!\u00fc'), "g-2": ("bob",), "g-3": ()}
        opened = [
            OpenGate(replace(gate_of(store, tale.saga_id, gate_id), eligible=names))
            for gate_id, names in people.items()
        ]
        await store.commit(lease, [tale.unit(1, *opened)])

        async def waiting(person: str) -> list[str]:
            found = await store.waiting_gates(person=person, after=None, limit=9)
            return [gate.id for gate in found]

        assert await waiting("bo") == ["g-1", "g-3"]
        assert await waiting('c"y_%!\u00fc') == ["g-1", "g-3"]
        assert await waiting("%") == ["g-3"]

    async def test_gates_that_wait_for_a_person_are_those_too_that_they_may_veto(
        self, store: Store
    ) -> None:
        lease = await registered(store)
        tale = await begun(store, lease)
        vetoers = {"g-1": ("cy", "dan"), "g-2": (), "g-3": ("anyone",)}
        opened = [
            OpenGate(replace(gate_of(store, tale.saga_id, gate_id), vetoers=names))
            for gate_id, names in vetoers.items()
        ]
        await store.commit(lease, [tale.unit(1, *opened)])
        found = {
            name: [gate.id for gate in await store.waiting_gates(person=name)]
            for name in ("bo", "cy", "eve", "anyone")
        }
        assert found == {
            "bo": ["g-1", "g-2", "g-3"],
            "cy": ["g-1", "g-3"],
            "eve": ["g-3"],
            "anyone": ["g-3"],
        }
        assert [gate.vetoers for gate in await store.waiting_gates()] == [*vetoers.values()]

    async def test_a_gate_that_is_decided_waits_no_more(self, store: Store) -> None:
        _, gate = await with_gate(store, await registered(store))
        await store.vote(gate.id, ballot("bo"), person("bo"))
        assert await store.waiting_gates() == []

    async def test_a_gate_whose_deadline_is_over_waits_for_nobody_then(self, store: Store) -> None:
        _, gate = await with_gate(store, await registered(store))
        over = micros(gate.deadline)
        assert await store.waiting_gates(live_at=over - 1) == [gate]
        assert await store.waiting_gates(live_at=over) == []

    async def test_votes_are_shown_in_the_order_in_which_they_were_cast(self, store: Store) -> None:
        _, gate = await with_gate(store, await registered(store), quorum=3)
        for name in ("cy", "bo"):
            await store.vote(gate.id, ballot(name), person(name))
        assert await store.votes(gate.id) == [ballot("cy"), ballot("bo")]

    async def test_a_gate_that_does_not_exist_is_not_shown(self, store: Store) -> None:
        assert await store.gate("g-9") is None

    async def test_open_questions_are_shown_with_their_choices(self, store: Store) -> None:
        lease = await registered(store)
        tale = await with_question(store, lease)
        await store.commit(lease, [tale.unit(1, question("i-2", at=AT + 1, path=None))])
        shown = await store.waiting_questions()
        assert [(each.id, each.choices) for each in shown] == [
            ("i-1", question().choices),
            ("i-2", question().choices),
        ]
        assert await store.questions_of(tale.saga_id) == shown

    async def test_questions_come_page_by_page_the_oldest_first(self, store: Store) -> None:
        lease = await registered(store)
        tale = await with_question(store, lease)
        opened = [question("i-9", at=AT - 1), question("i-3", at=AT), question("i-2", at=AT)]
        await store.commit(lease, [tale.unit(1, *opened)])
        found: list[str] = []
        after: tuple[int, str] | None = None
        while page := await store.waiting_questions(after=after, limit=2):
            assert len(page) <= 2
            after = (page[-1].opened_at, page[-1].id)
            found += [each.id for each in page]
        assert found == ["i-9", "i-1", "i-2", "i-3"]

    async def test_a_question_that_does_not_exist_is_not_shown(self, store: Store) -> None:
        assert await store.question("i-9") is None

    async def test_every_store_of_one_database_names_the_same_journal(
        self, store: Store, another: Opening
    ) -> None:
        assert (await another()).journal_id == store.journal_id
