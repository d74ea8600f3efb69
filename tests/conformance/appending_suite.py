"""What every store must do with the units of those who hold a lease."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

import pytest

from approvals import GateState
from sagas.chain import verify
from sagas.errors import Refused
from sagas.journal.operation import Making, Mode, Operation, Query
from sagas.journal.store import SqlStore
from sagas.model import Status, micros
from sagas.ports import (
    Applied,
    CloseQuestion,
    FoldRequests,
    MoveGate,
    Op,
    OpenGate,
    Project,
    Store,
    Unit,
)
from tests.conformance.support import (
    AT,
    SECOND,
    Tale,
    begun,
    consuming,
    gate_of,
    question,
    registered,
    with_approval,
    with_gate,
    with_question,
)

Opening = Callable[[], Awaitable[Store]]

_HERE = Project(Status.RUNNING, None, None, release=False)
PLAIN_AND_NOT: Sequence[Sequence[Op]] = ([], [_HERE], [_HERE, _HERE])
"""What makes an append on PostgreSQL one short statement, one long one, and several."""


class AppendingSuite:
    async def test_what_was_appended_is_read_back_to_the_byte(self, store: Store) -> None:
        lease = await registered(store)
        tale = await begun(store, lease)
        rows = tale.entries(
            2, body='{"a":-0.0}', payload='{"b": 1e2, "a": "Žluť 🛫 \\ud83d", "a":1}'
        )
        await store.commit(lease, [Unit(tale.saga_id, rows)])
        loaded = await store.load(tale.saga_id)
        assert loaded is not None
        assert loaded.rows[1:] == rows

    async def test_the_chain_of_what_was_read_back_verifies(self, store: Store) -> None:
        lease = await registered(store)
        tale = await begun(store, lease)
        await store.commit(lease, [tale.unit(5)])
        loaded = await store.load(tale.saga_id)
        assert loaded is not None
        assert verify(store.journal_id, tale.saga_id, loaded.rows, head=6) is None

    async def test_a_saga_that_nobody_created_cannot_be_loaded(self, store: Store) -> None:
        assert await store.load("nowhere") is None

    async def test_no_units_are_appended_without_asking_the_database(self, store: Store) -> None:
        assert await store.commit(await registered(store), []) == []

    async def test_a_new_saga_runs_and_is_owned_by_whoever_created_it(self, store: Store) -> None:
        lease = await registered(store)
        await begun(store, lease, count=2)
        row = await store.saga("trip-1")
        assert row is not None
        assert (row.status, row.owner, row.head, row.saga, row.starter, row.created_at) == (
            Status.RUNNING,
            lease.worker,
            2,
            "travel.book_trip",
            "ana",
            AT,
        )

    async def test_a_saga_id_is_taken_once(self, store: Store) -> None:
        lease = await registered(store)
        await begun(store, lease)
        assert await store.commit(lease, [Tale(store).beginning()]) == [Applied.TAKEN]

    async def test_of_two_stores_that_create_one_saga_one_is_told_that_it_is_taken(
        self, store: Store, another: Opening
    ) -> None:
        other = await another()
        leases = [await registered(store), await registered(other)]
        for number in range(20):
            tales = [Tale(each, f"trip-{number}") for each in (store, other)]
            answers = await asyncio.gather(
                store.commit(leases[0], [tales[0].beginning(3)]),
                other.commit(leases[1], [tales[1].beginning(3)]),
            )
            assert sorted(str(answer[0].value) for answer in answers) == ["taken", "yes"]

    async def test_a_number_is_given_to_one_entry_only(self, store: Store) -> None:
        lease = await registered(store)
        tale = await begun(store, lease)
        twin = Tale(store, tale.saga_id, tale.head, tale.hash)
        assert await store.commit(lease, [tale.unit()]) == [Applied.YES]
        assert await store.commit(lease, [twin.unit()]) == [Applied.CONFLICT]

    async def test_a_batch_with_one_conflicting_unit_applies_the_others(self, store: Store) -> None:
        lease = await registered(store)
        tales = [await begun(store, lease, f"trip-{number}") for number in range(3)]
        await store.commit(lease, [Tale(store, "trip-1", 1, tales[1].hash).unit()])
        assert await store.commit(lease, [tale.unit() for tale in tales]) == [
            Applied.YES,
            Applied.CONFLICT,
            Applied.YES,
        ]
        assert [await _head(store, tale.saga_id) for tale in tales] == [2, 2, 2]

    @pytest.mark.parametrize("ops", PLAIN_AND_NOT, ids=["entries", "projected", "several"])
    @pytest.mark.parametrize("landed", [False, True])
    async def test_what_is_appended_again_is_applied_once(
        self, store: Store, ops: Sequence[Op], landed: bool
    ) -> None:
        lease = await registered(store)
        tale = await begun(store, lease)
        unit = tale.unit(2, *ops)
        if landed:
            await store.commit(lease, [unit])
        assert await store.commit(lease, [unit], again=True) == [Applied.YES]
        assert await _head(store, tale.saga_id) == 3

    async def test_an_approval_whose_use_is_appended_again_is_used_once(self, store: Store) -> None:
        lease = await registered(store)
        tale, gate = await with_approval(store, lease)
        unit = tale.unit(1, consuming(gate))
        assert await store.commit(lease, [unit]) == [Applied.YES]
        assert gate.valid_until is not None
        later = unit.used_at(micros(gate.valid_until))
        assert await store.commit(lease, [later], again=True) == [Applied.YES]
        assert await store.commit(lease, [tale.unit(1, consuming(gate))]) == [Applied.MOVED]

    async def test_an_approval_that_lapses_before_its_use_is_appended_again_is_not_used(
        self, store: Store
    ) -> None:
        lease = await registered(store)
        tale, gate = await with_approval(store, lease)
        assert gate.valid_until is not None
        later = tale.unit(1, consuming(gate)).used_at(micros(gate.valid_until))
        assert await store.commit(lease, [later], again=True) == [Applied.MOVED]

    async def test_a_release_that_is_appended_again_is_a_release(self, store: Store) -> None:
        lease = await registered(store)
        tale = await begun(store, lease)
        unit = tale.unit(1, Project(Status.WAITING, None, AT, release=True))
        assert await store.commit(lease, [unit]) == [Applied.YES]
        assert await store.commit(lease, [unit], again=True) == [Applied.YES]

    async def test_what_somebody_else_wrote_meanwhile_is_not_taken_for_ours(
        self, store: Store
    ) -> None:
        lease = await registered(store)
        tale = await begun(store, lease)
        other = replace(tale)
        await store.commit(lease, [Unit(tale.saga_id, other.entries(1, body='{"other":1}'))])
        assert await store.commit(lease, [tale.unit()], again=True) == [Applied.CONFLICT]

    @pytest.mark.parametrize("ops", PLAIN_AND_NOT, ids=["entries", "projected", "several"])
    async def test_entries_that_follow_none_that_is_there_are_refused(
        self, store: Store, ops: Sequence[Op]
    ) -> None:
        lease = await registered(store)
        tale = await begun(store, lease)
        tale.entries()  # which the journal has lost
        assert await store.commit(lease, [tale.unit(2, *ops)]) == [Applied.CONFLICT]
        assert await _head(store, tale.saga_id) == 1

    @pytest.mark.parametrize("ops", PLAIN_AND_NOT, ids=["entries", "projected", "several"])
    async def test_entries_that_follow_another_one_than_is_there_are_refused(
        self, store: Store, ops: Sequence[Op]
    ) -> None:
        lease = await registered(store)
        await begun(store, lease)
        stranger = Tale(store, "trip-1", 1, "another hash")
        assert await store.commit(lease, [stranger.unit(1, *ops)]) == [Applied.CONFLICT]
        assert await _head(store, "trip-1") == 1

    async def test_answers_come_in_the_order_of_the_units(self, store: Store) -> None:
        lease = await registered(store)
        await begun(store, lease, "trip-b")
        units = [
            Tale(store, "trip-c").beginning(),
            Tale(store, "trip-b").beginning(),
            Tale(store, "trip-a").beginning(),
        ]
        assert await store.commit(lease, units) == [Applied.YES, Applied.TAKEN, Applied.YES]

    async def test_two_units_of_one_saga_travel_in_one_batch(self, store: Store) -> None:
        lease = await registered(store)
        tale = await begun(store, lease)
        assert await store.commit(lease, [tale.unit(), tale.unit()]) == [Applied.YES, Applied.YES]
        assert await _head(store, tale.saga_id) == 3

    async def test_a_refused_unit_takes_the_later_ones_of_its_saga_with_it(
        self, store: Store
    ) -> None:
        lease = await registered(store)
        tale, gate = await with_gate(store, lease)
        refused = tale.unit(1, MoveGate(gate.id, GateState.APPROVED, GateState.CONSUMED, AT))
        other = Tale(store, "trip-2")
        assert await store.commit(lease, [refused, tale.unit(), other.beginning()]) == [
            Applied.MOVED,
            Applied.MOVED,
            Applied.YES,
        ]
        assert await _head(store, tale.saga_id) == 2

    async def test_a_refused_unit_changes_nothing(self, store: Store) -> None:
        lease = await registered(store)
        tale, gate = await with_gate(store, lease)
        gone = MoveGate(gate.id, GateState.APPROVED, GateState.CONSUMED, AT)
        project = Project(Status.UNWINDING, "changed", None, release=True)
        opening = OpenGate(gate_of(store, tale.saga_id, "g-2"))
        unit = tale.unit(1, opening, question(), project, gone)
        assert await store.commit(lease, [unit]) == [Applied.MOVED]
        row = await store.saga(tale.saga_id)
        assert row is not None
        assert (row.status, row.owner) == (Status.RUNNING, lease.worker)
        assert await store.gate("g-2") is None
        assert await store.question("i-1") is None
        assert await _head(store, tale.saga_id) == 2

    async def test_a_saga_is_projected_as_its_unit_says(self, store: Store) -> None:
        lease = await registered(store)
        tale = await begun(store, lease)
        project = Project(Status.WAITING, "at a gate", AT + SECOND, release=True)
        await store.commit(lease, [tale.unit(2, project)])
        row = await store.saga(tale.saga_id)
        assert row is not None
        assert (row.status, row.reason, row.wake_at, row.owner) == (
            Status.WAITING,
            "at a gate",
            AT + SECOND,
            None,
        )
        assert (row.head, row.head_hash) == (3, tale.hash)

    async def test_a_projection_without_entries_leaves_the_head(self, store: Store) -> None:
        lease = await registered(store)
        tale = await begun(store, lease, count=3)
        project = Project(Status.WAITING, None, None, release=False)
        assert await store.commit(lease, [Unit(tale.saga_id, [], [project])]) == [Applied.YES]
        row = await store.saga(tale.saga_id)
        assert row is not None
        assert (row.head, row.head_hash) == (3, tale.hash)

    async def test_a_saga_that_is_driven_stays_due(self, store: Store) -> None:
        lease = await registered(store)
        tale = await begun(store, lease)
        project = Project(Status.UNWINDING, None, AT + SECOND, release=False)
        await store.commit(lease, [tale.unit(1, project)])
        row = await store.saga(tale.saga_id)
        assert row is not None
        assert row.wake_at == AT

    async def test_a_saga_created_and_released_in_one_unit_is_as_released(
        self, store: Store
    ) -> None:
        lease = await registered(store)
        project = Project(Status.WAITING, "at a gate\x00", AT + SECOND, release=True)
        assert await store.commit(lease, [Tale(store).beginning(2, project)]) == [Applied.YES]
        row = await store.saga("trip-1")
        assert row is not None
        assert (row.status, row.reason, row.wake_at, row.owner, row.head) == (
            Status.WAITING,
            "at a gate?",
            AT + SECOND,
            None,
            2,
        )

    async def test_a_reason_that_a_database_cannot_hold_is_shown_with_marks(
        self, store: Store
    ) -> None:
        lease = await registered(store)
        tale = await begun(store, lease)
        project = Project(Status.STUCK, "a\x00b\ud800c", None, release=False)
        await store.commit(lease, [tale.unit(1, project)])
        row = await store.saga(tale.saga_id)
        assert row is not None
        assert row.reason == "a?b?c"

    async def test_a_former_owner_does_not_project(self, store: Store) -> None:
        lease, successor = await registered(store), await registered(store)
        tale = await begun(store, lease)
        release = Project(Status.WAITING, None, AT, release=True)
        await store.commit(lease, [tale.unit(1, release)])
        await store.claim(successor, now=AT, only=None, limit=1)
        late = Project(Status.COMPLETED, None, None, release=True)
        assert await store.commit(lease, [tale.unit(1, late)]) == [Applied.CONFLICT]
        row = await store.saga(tale.saga_id)
        assert row is not None
        assert (row.status, row.owner) == (Status.WAITING, successor.worker)
        assert await _head(store, tale.saga_id) == 2

    # --- requests -----------------------------------------------------------------------------

    async def test_a_guarded_unit_is_refused_after_a_request_was_acknowledged(
        self, store: Store
    ) -> None:
        lease = await registered(store)
        tale = await begun(store, lease)
        await store.cancel(tale.saga_id, by="ana", reason="ill", at=AT)
        assert await store.commit(lease, [tale.unit(guarded=True)]) == [Applied.REQUESTED]
        assert await _head(store, tale.saga_id) == 1

    async def test_an_unguarded_unit_is_applied_although_a_request_waits(
        self, store: Store
    ) -> None:
        lease = await registered(store)
        tale = await begun(store, lease)
        await store.cancel(tale.saga_id, by="ana", reason="ill", at=AT)
        assert await store.commit(lease, [tale.unit()]) == [Applied.YES]

    async def test_a_guarded_unit_is_applied_while_a_request_waits_for_another_saga(
        self, store: Store
    ) -> None:
        lease = await registered(store)
        tale, other = await begun(store, lease), await begun(store, lease, "trip-2")
        await store.cancel(tale.saga_id, by="ana", reason="ill", at=AT)
        units = [tale.unit(guarded=True), other.unit(guarded=True)]
        assert await store.commit(lease, units) == [Applied.REQUESTED, Applied.YES]

    async def test_a_guarded_unit_is_applied_once_the_request_is_folded(self, store: Store) -> None:
        lease = await registered(store)
        tale = await begun(store, lease)
        await store.cancel(tale.saga_id, by="ana", reason="ill", at=AT)
        control, waiting = await store.requests(tale.saga_id)
        fold = FoldRequests(tuple(request.id for request in waiting), control)
        assert await store.commit(lease, [tale.unit(1, fold)]) == [Applied.YES]
        assert await store.commit(lease, [tale.unit(guarded=True)]) == [Applied.YES]
        assert await store.requests(tale.saga_id) == (1, [])

    async def test_folding_an_older_request_leaves_a_newer_one_waiting(self, store: Store) -> None:
        lease = await registered(store)
        tale = await begun(store, lease)
        await store.send(tale.saga_id, "landed", b"1", key="a", by="gds", at=AT)
        control, waiting = await store.requests(tale.saga_id)
        await store.send(tale.saga_id, "landed", b"2", key="b", by="gds", at=AT)
        fold = FoldRequests(tuple(request.id for request in waiting), control)
        await store.commit(lease, [tale.unit(1, fold)])
        assert await store.commit(lease, [tale.unit(guarded=True)]) == [Applied.REQUESTED]
        assert [request.payload for request in (await store.requests(tale.saga_id))[1]] == [b"2"]

    async def test_no_guarded_unit_is_applied_after_a_request_was_acknowledged(
        self, store: Store, another: Opening
    ) -> None:
        lease, desk = await registered(store), await another()
        for number in range(20):
            tale = await begun(store, lease, f"trip-{number}")
            asked = asyncio.create_task(desk.cancel(tale.saga_id, by="ana", reason="ill", at=AT))
            answer = Applied.YES
            while answer is Applied.YES:
                acknowledged = asked.done()
                [answer] = await store.commit(lease, [tale.unit(guarded=True)])
                assert not (acknowledged and answer is Applied.YES)
            await asked

    async def test_requests_and_appends_do_not_wait_in_a_circle(
        self, store: Store, another: Opening
    ) -> None:
        lease, desk = await registered(store), await another()
        tales = [await begun(store, lease, f"trip-{number}") for number in range(5)]
        stop = asyncio.get_running_loop().time() + 1.0
        done = {"appends": 0, "requests": 0}

        async def append() -> None:
            nonlocal lease
            while asyncio.get_running_loop().time() < stop:
                project = Project(Status.WAITING, None, None, release=False)
                units = [tale.unit(1, project) for tale in tales]
                assert await store.commit(lease, units) == [Applied.YES] * 5
                lease = await store.renew(lease)
                done["appends"] += 1

        async def ask(number: int) -> None:
            while asyncio.get_running_loop().time() < stop:
                key = f"{number}-{done['requests']}"
                saga_id = f"trip-{(number + done['requests']) % 5}"
                await desk.send(saga_id, "tick", b"1", key=key, by="clock", at=AT)
                done["requests"] += 1

        async with asyncio.timeout(20):
            await asyncio.gather(append(), *(ask(number) for number in range(4)))
        assert min(done.values()) > 3

    # --- fences -------------------------------------------------------------------------------

    async def test_a_worker_declared_dead_appends_nothing(self, store: Store) -> None:
        dead = await store.register("short", 0.0)
        tale = await begun(store, dead)
        successor = await registered(store)
        await asyncio.sleep(0.005)
        assert await store.claim(successor, now=AT, only=None, limit=5) == [tale.saga_id]
        units = [tale.unit(), Tale(store, "trip-2").beginning()]
        assert await store.commit(dead, units) == [Applied.FENCED, Applied.FENCED]
        assert await _head(store, tale.saga_id) == 1
        assert await store.saga("trip-2") is None

    async def test_a_dead_worker_changes_no_other_rows(self, store: Store) -> None:
        dead = await store.register("short", 0.0)
        tale, gate = await with_gate(store, dead)
        await asyncio.sleep(0.005)
        await store.claim(await registered(store), now=AT, only=None, limit=5)
        move = MoveGate(gate.id, GateState.PENDING, GateState.CANCELLED, AT)
        assert await store.commit(dead, [tale.unit(1, move)]) == [Applied.FENCED]
        stored = await store.gate(gate.id)
        assert stored is not None
        assert stored.state is GateState.PENDING

    async def test_a_retired_worker_appends_nothing(self, store: Store) -> None:
        lease = await registered(store)
        tale = await begun(store, lease)
        await store.retire(lease)
        assert await store.commit(lease, [tale.unit()]) == [Applied.FENCED]

    # --- gates and questions ------------------------------------------------------------------

    async def test_an_approval_is_consumed_once_under_concurrency(
        self, store: Store, another: Opening
    ) -> None:
        lease, other = await registered(store), await another()
        tale, gate = await with_approval(store, lease)
        twin = Tale(other, tale.saga_id, tale.head, tale.hash)
        units = [tale.unit(1, consuming(gate)), twin.unit(1, consuming(gate))]
        answers = await asyncio.gather(
            store.commit(lease, [units[0]]), other.commit(lease, [units[1]])
        )
        assert sorted(str(answer[0].value) for answer in answers) == ["moved", "yes"]
        stored = await store.gate(gate.id)
        assert stored is not None
        assert stored.state is GateState.CONSUMED

    async def test_an_approval_that_has_lapsed_is_not_used_however_late_its_unit_comes(
        self, store: Store
    ) -> None:
        lease = await registered(store)
        tale, gate = await with_approval(store, lease)
        assert gate.valid_until is not None
        late = replace(consuming(gate), at=micros(gate.valid_until))
        assert await store.commit(lease, [tale.unit(1, late)]) == [Applied.MOVED]
        stored = await store.gate(gate.id)
        assert stored is not None
        assert stored.state is GateState.APPROVED

    async def test_a_cancelled_gate_says_when(self, store: Store) -> None:
        lease = await registered(store)
        tale, gate = await with_gate(store, lease)
        move = MoveGate(gate.id, GateState.PENDING, GateState.CANCELLED, AT + SECOND)
        assert await store.commit(lease, [tale.unit(1, move)]) == [Applied.YES]
        stored = await store.gate(gate.id)
        assert stored is not None
        assert stored.decided_at is not None
        assert stored.decided_at.timestamp() == AT / SECOND + 1

    async def test_a_gate_is_read_back_as_it_was_opened(self, store: Store) -> None:
        lease = await registered(store)
        _, gate = await with_gate(store, lease, by=("@desk", "bo"), quorum=2, separate=True)
        assert await store.gate(gate.id) == gate

    async def test_a_gate_opens_once(self, store: Store) -> None:
        lease = await registered(store)
        tale, gate = await with_gate(store, lease)
        assert await store.commit(lease, [tale.unit(1, OpenGate(gate))]) == [Applied.CONFLICT]

    async def test_a_question_is_read_back_as_it_was_asked(self, store: Store) -> None:
        lease = await registered(store)
        await with_question(store, lease)
        asked, stored = question(), await store.question("i-1")
        assert stored is not None
        assert (stored.question, stored.evidence, stored.choices, stored.wants_result) == (
            asked.question,
            asked.evidence,
            asked.choices,
            asked.wants_result,
        )
        assert (stored.state, stored.opened_at) == ("open", AT)

    async def test_a_moot_question_is_closed(self, store: Store) -> None:
        lease = await registered(store)
        tale = await with_question(store, lease)
        await store.commit(lease, [tale.unit(1, CloseQuestion("i-1", AT))])
        stored = await store.question("i-1")
        assert stored is not None
        assert (stored.state, stored.closed_at) == ("closed", AT)

    # --- what goes wrong inside ----------------------------------------------------------------

    async def test_what_an_operation_raises_leaves_nothing_behind(self, store: Store) -> None:
        lease = await registered(store)
        await begun(store, lease)

        def half_done(_: bool) -> Operation[None]:
            yield Query("update saga set status = 'stuck' where id = $1", ("trip-1",))
            raise Refused("enough")

        assert isinstance(store, SqlStore)
        making: Making[None] = half_done
        with pytest.raises(Refused, match="enough"):
            await store._database.run(making, Mode.WRITE)
        row = await store.saga("trip-1")
        assert row is not None
        assert row.status is Status.RUNNING

    async def test_a_waiter_that_is_cancelled_does_not_stop_the_append(self, store: Store) -> None:
        lease = await registered(store)
        tale = await begun(store, lease)
        task = asyncio.create_task(store.commit(lease, [tale.unit(200)]))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert await store.commit(lease, [tale.unit()]) == [Applied.YES]
        assert await _head(store, tale.saga_id) == 202


async def _head(store: Store, saga_id: str) -> int:
    loaded = await store.load(saga_id)
    return loaded.rows[-1].seq if loaded else 0
