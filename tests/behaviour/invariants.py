"""What must hold of every saga in a journal, whatever was done to it.

Checked from the exported rows and from the world's ledger alone.
"""

from collections.abc import Sequence
from itertools import pairwise

from compensations.plan import Standing, concurrent
from sagas import Coordinator, Status, chain, decide
from sagas import entries as e
from sagas.fold import apply
from sagas.model import Direction
from sagas.ports import Loaded
from sagas.restoring import entries_of
from sagas.state import Phase, SagaState
from tests.behaviour.world import Effect, World

Rows = Sequence[tuple[int, int, e.Entry]]


async def check_all(coordinator: Coordinator, world: World) -> None:
    """Check every saga of a journal."""
    assert not world.orphans, f"called without a durable intent: {world.orphans}"
    for row in await coordinator.list(limit=10_000):
        await check(coordinator, world, row.id)


async def check(coordinator: Coordinator, world: World, saga_id: str) -> None:
    """Check one saga."""
    loaded = await coordinator.load(saga_id)
    broken = chain.verify(coordinator.store.journal_id, saga_id, loaded.rows)
    assert broken is None, broken
    rows = entries_of(loaded.rows)
    state = SagaState(saga_id)
    for seq, at, entry in rows:
        _check_legal(state, entry)
        _check_deadline(state, at, entry)
        apply(state, seq, at, entry)
    _check_reopened(rows)
    _check_ends(rows, state, loaded)
    effects = [effect for effect in world.effects if effect.saga_id == saga_id]
    _check_ledger(rows, effects)
    _check_order(rows, state)
    await _check_nothing_open(coordinator, saga_id, state)
    _check_clean(state, effects)


def _check_legal(state: SagaState, entry: e.Entry) -> None:
    assert (state.ended is None) is not isinstance(entry, e.Reopened), f"{entry} after the end"
    if isinstance(entry, e.UnwindBegan):
        assert not state.unwinding, "the unwind began twice"
    if isinstance(entry, e.Intended):
        _check_forward(state, entry)
    if isinstance(entry, e.CompensationIntended):
        step = state.steps[entry.path]
        assert step.may_have_happened, f"{entry.path} is undone, but it did not happen"
        assert step.happened or entry.unknown
        assert step.undo.phase not in (Phase.SUCCEEDED, Phase.WAIVED), f"{entry.path} undone twice"
        assert state.unwinding or state.rolling_back is not None or step.late
        if step.undo.attempts:
            assert step.undo.key == entry.key, "the key changed between attempts"
    if isinstance(entry, e.Ended):
        open_ = [
            step.path
            for step in state.steps.values()
            if _is_open(step.forward.phase, step.forward.doubt)
            and step.undo.phase not in (Phase.SUCCEEDED, Phase.WAIVED)
            and step.reversibility.has_effect
        ]
        assert not open_, f"it ended while {open_} are open"
        assert decide.kept(state) or not [
            item.path
            for item in decide.effects(state, late=True)
            if item.standing not in (Standing.SETTLED, Standing.REMAINS)
        ], "it ended while a late effect is neither undone nor left by a person"


def _check_reopened(rows: Rows) -> None:
    """A saga is reopened for one reason only, and that is the next entry."""
    for (_, _, entry), (_, _, following) in pairwise(rows):
        if isinstance(entry, e.Reopened):
            assert isinstance(following, (e.Succeeded, e.Compensated, e.InterventionClosed))
            assert not isinstance(following, (e.Succeeded, e.Compensated)) or (
                (following.path, following.via) == (entry.path, "late")
            )


def _check_deadline(state: SagaState, at: int, entry: e.Entry) -> None:
    """The deadline is recorded once, in time, and before anything else that goes forward."""
    if isinstance(entry, e.DeadlinePassed):
        assert state.due is not None, "a deadline that had no consequence any more was recorded"
        assert at >= state.due, "the deadline passed early"
        assert state.pivot is not None or not entry.too_late
    if isinstance(entry, (e.Intended, e.GateOpened)) or _is_completion(entry):
        assert state.due is None or at < state.due, f"{entry} although the deadline has passed"
    if isinstance(entry, e.TimerFired):
        until = state.timers[entry.path].until
        assert until is not None
        assert at >= until, f"the timer {entry.path} fired early"


def _is_completion(entry: e.Entry) -> bool:
    return isinstance(entry, e.Ended) and entry.status == Status.COMPLETED


def _is_open(phase: Phase, doubt: bool) -> bool:
    return phase in (Phase.INTENDED, Phase.IN_DOUBT) or (phase is Phase.NONE and doubt)


def _check_forward(state: SagaState, entry: e.Intended) -> None:
    step = state.steps.get(entry.path)
    if entry.attempt == 1:
        assert not state.unwinding, f"{entry.path} was begun after the unwind began"
        assert state.rolling_back is None, f"{entry.path} was begun during a rollback"
    else:
        assert step is not None
        assert step.forward.key == entry.key, "the key changed between attempts"
        overtaken = step.forward.via == "late" and step.forward.phase is Phase.SUCCEEDED
        assert step.forward.phase in (Phase.NONE, Phase.IN_DOUBT) or overtaken
    if state.unwinding:
        assert step is not None
        assert not step.reversibility.is_pivot, "an irreversible step was called in an unwind"
    if entry.gate is not None:
        assert state.gates[entry.gate].state == "consumed"


def _check_ends(rows: Rows, state: SagaState, loaded: Loaded) -> None:
    status = loaded.row.status
    ends = [seq for seq, _, entry in rows if isinstance(entry, e.Ended)]
    reopened = sum(isinstance(entry, e.Reopened) for _, _, entry in rows)
    assert [seq for seq, _, _ in rows] == list(range(1, len(rows) + 1))
    if status.is_end:
        assert ends[-1:] == [rows[-1][0]]
        assert len(ends) == reopened + 1
        assert status is decide.status(state)
    elif state.ended is not None:  # it goes on because of what is not folded yet
        assert status is Status.RUNNING
        assert any(request.kind == "late" for request in loaded.requests)
    else:
        assert len(ends) == reopened
        shown = (decide.status(state), decide.status(state, parked=True))
        assert status in shown, f"{status} is shown, the journal says {shown}"


def _check_ledger(rows: Rows, effects: Sequence[Effect]) -> None:
    keys = {
        (entry.path, Direction.DO if isinstance(entry, e.Intended) else Direction.UNDO, entry.key)
        for _, _, entry in rows
        if isinstance(entry, (e.Intended, e.CompensationIntended))
    }
    assert len({effect.key for effect in effects}) == len(effects), "two effects under one key"
    for effect in effects:
        assert (effect.path, effect.direction, effect.key) in keys, f"{effect} has no intent"


def _check_order(rows: Rows, state: SagaState) -> None:
    """A later effect is undone before an earlier one, unless it was stuck or in another branch."""
    begun = {
        entry.path: seq
        for seq, _, entry in reversed(rows)
        if isinstance(entry, e.CompensationIntended)
    }
    undone = {entry.path: seq for seq, _, entry in rows if isinstance(entry, e.Compensated)}
    asked = {entry.path for _, _, entry in rows if isinstance(entry, e.InterventionOpened)}
    heard = {
        entry.path: seq
        for seq, _, entry in rows
        if isinstance(entry, e.Succeeded) and entry.via == "late"
    }
    for earlier, since in begun.items():
        for later, until in undone.items():
            first, second = state.steps[earlier], state.steps[later]
            if not first.forward.seq < second.forward.seq < since or later in asked:
                continue
            if concurrent(earlier, later) or heard.get(later, 0) > since or first.late:
                continue  # what was heard late is undone when it is heard
            assert until < since, f"{earlier} was undone before {later}"


async def _check_nothing_open(coordinator: Coordinator, saga_id: str, state: SagaState) -> None:
    if state.ended is None:
        return
    gates = [
        gate.id
        for gate in await coordinator.store.gates_of(saga_id)
        if gate.state in ("pending", "approved")
    ]
    assert not gates, "a gate is open although the saga has ended"
    questions = await coordinator.store.questions_of(saga_id)
    assert all(q.state != "open" for q in questions), "a question is open after the end"


def _check_clean(state: SagaState, effects: Sequence[Effect]) -> None:
    """Never a false green."""
    if state.ended is None or state.ended.status == Status.RESIDUAL:
        return
    all_undone = state.ended.status == Status.COMPENSATED
    undone = {  # an undo that came before its effect undid nothing
        effect.path: place
        for place, effect in enumerate(effects)
        if effect.direction is Direction.UNDO
    }
    by_person = {s.path for s in state.steps.values() if s.undo.via == "person"}
    for place, effect in enumerate(effects):
        step = state.steps[effect.path]
        told = step.forward.phase is Phase.SUCCEEDED and not step.late
        if effect.direction is Direction.UNDO or not step.reversibility.has_effect:
            continue
        if (all_undone or not told) and effect.path not in by_person:
            assert undone.get(effect.path, -1) > place, f"{effect.path} remains in the world"
    assert not all_undone or not state.residue()
