"""Entries folded into what is true now.

The state of a saga is nothing but the fold of its entries: live, on recovery and in an audit. It
is only ever changed here, entry by entry, in the order of the journal.

Pure.
"""

from collections.abc import Callable, Iterable

from pydantic_core import from_json

from approvals.parties import Parties
from compensations import Choice, InterventionKind, Residue
from reversibility import Reversibility
from sagas import entries as e
from sagas.model import Direction, span
from sagas.state import (
    NEVER,
    Event,
    Gate,
    Phase,
    Question,
    SagaState,
    Savepoint,
    Step,
    Timer,
    Track,
    scope_of,
)


def fold(saga_id: str, rows: Iterable[tuple[int, int, e.Entry]]) -> SagaState:
    """The state after `(seq, at, entry)` triples, in order."""
    state = SagaState(saga_id)
    for seq, at, entry in rows:
        apply(state, seq, at, entry)
    return state


def apply(state: SagaState, seq: int, at: int, entry: e.Entry) -> None:
    """Change the state by one entry."""
    state.head = seq
    state.declared.add(entry)
    handler = _HANDLERS.get(type(entry))
    if handler is None:
        return
    path = _about(state, entry)
    handler(state, seq, at, entry)
    if path is not None:
        state.touch(path)


def _about(state: SagaState, entry: e.Entry) -> str | None:
    """The path that an entry tells of."""
    if isinstance(entry, e.InterventionClosed):
        question = state.questions.get(entry.intervention)
        return None if question is None else question.path
    path: str | None = getattr(entry, "path", None)
    return path


def _call(state: SagaState, path: str, ordinal: int) -> None:
    state.calls.setdefault(scope_of(path), {})[ordinal] = path
    state.order[path] = len(state.order)


def parties_of(entry: e.Started) -> Parties:
    """For whom a saga acts, as it was said when it started."""
    return Parties(
        starter=entry.starter, requester=entry.requester, agent=entry.agent, owner=entry.owner
    )


def _started(state: SagaState, seq: int, at: int, entry: e.Started) -> None:
    state.saga, state.version = entry.saga, entry.version
    state.parties = parties_of(entry)
    state.input = entry.payload or b"null"
    state.started_at = at
    state.deadline = state.due = entry.deadline


def _recorded(state: SagaState, seq: int, at: int, entry: e.Recorded) -> None:
    _call(state, entry.path, entry.ordinal)
    state.values[entry.path] = entry


def _timer_set(state: SagaState, seq: int, at: int, entry: e.TimerSet) -> None:
    _call(state, entry.path, entry.ordinal)
    state.timers[entry.path] = Timer(entry.path, entry.what, entry.until)


def _timer_fired(state: SagaState, seq: int, at: int, entry: e.TimerFired) -> None:
    state.timers[entry.path].fired = True


def _event_received(state: SagaState, seq: int, at: int, entry: e.EventReceived) -> None:
    state.events[seq] = Event(seq, entry.name, entry.payload or b"null")
    for step in (state.steps[path] for path in state.windowed):
        closes = step.window is not None and step.window.event == entry.name
        if closes and step.closes_at is None and step.may_have_happened:
            step.closes_at = at


def _event_taken(state: SagaState, seq: int, at: int, entry: e.EventTaken) -> None:
    state.events[entry.event].taken = True
    state.timers[entry.path].event = entry.event


def _step(state: SagaState, entry: e.Intended | e.GateOpened | e.Blocked) -> Step:
    step = state.steps.get(entry.path)
    if step is None:
        _call(state, entry.path, entry.ordinal)
        step = Step(entry.path, entry.ordinal, entry.action, entry.version, entry.payload or b"{}")
        step.sensitive = tuple(entry.sensitive or ())
        state.steps[entry.path] = step
    return step


def _intended(state: SagaState, seq: int, at: int, entry: e.Intended) -> None:
    after_gate = entry.path in state.steps
    step = _step(state, entry)
    if after_gate and entry.payload is not None:
        step.forward.revised = entry.payload
    step.window = step.window or entry.window
    if not step.forward.doubt and not step.happened:
        _open_window(state, step, at)
    step.intended_as = Reversibility(entry.reversibility)
    if step.closed_at is None:
        step.reversibility = step.intended_as
    step.waiver = entry.waiver
    if entry.before is not None:
        step.before = entry.before.encode()
    if entry.conflicts:
        step.conflicts = frozenset(entry.conflicts)
    if entry.tokens:
        step.tokens = dict(zip(entry.conflicts or [], entry.tokens, strict=False))
    if entry.after:
        step.after = frozenset(entry.after)
    _attempt(step.forward, seq, at, entry)


def _blocked(state: SagaState, seq: int, at: int, entry: e.Blocked) -> None:
    step = _step(state, entry)
    step.blocked, step.blocked_until = tuple(entry.keys), entry.until


def _open_window(state: SagaState, step: Step, at: int) -> None:
    """A window counts from the first intent that may have led to the effect."""
    if step.window is None:
        return
    duration = step.window.duration
    step.closes_at = None if duration is None else at + span(duration)
    step.closed_at, step.alarmed = None, False
    state.windowed.add(step.path)


def _window_alarmed(state: SagaState, seq: int, at: int, entry: e.WindowAlarmed) -> None:
    state.steps[entry.path].alarmed = True


def _window_closed(state: SagaState, seq: int, at: int, entry: e.WindowClosed) -> None:
    step = state.steps[entry.path]
    step.reversibility, step.closed_at = Reversibility.IRREVERSIBLE, entry.closed_at
    state.windowed.discard(entry.path)


def _attempt(track: Track, seq: int, at: int, entry: e.Intended | e.CompensationIntended) -> None:
    if not track.attempts:
        track.seq, track.at = seq, at
    if track.phase is not Phase.SUCCEEDED:  # a late success may have come just before
        track.phase = Phase.INTENDED
    track.attempts = entry.attempt
    track.last_at, track.latest_end = at, entry.latest_end
    track.last_end = max(track.last_end, entry.latest_end)
    track.key, track.generation, track.gate = entry.key, entry.generation, entry.gate
    track.probed_early = track.absent = track.blind = track.wanted = False


def _succeeded(state: SagaState, seq: int, at: int, entry: e.Succeeded) -> None:
    """Of several successes of one call the first counts: its result is what the body was given."""
    step = state.steps[entry.path]
    if entry.second and (step.happened or step.forward.phase is Phase.INTENDED):
        step.twice = True
    if step.happened:
        return
    step.result, step.unstorable = entry.payload, entry.unstorable
    if step.window is not None and step.window.until is not None:
        step.closes_at = at if entry.closes_at is None else entry.closes_at
    if entry.via == "late" and _was_given_up(state, step):
        step.late = True
        _undo_anew(step)
    if step.forward.phase is not Phase.FAILED:
        _settle(step.forward, Phase.SUCCEEDED, at, entry.via)


def _was_given_up(state: SagaState, step: Step) -> bool:
    """Whether the saga had gone on as if a step would not take effect any more."""
    settled = step.forward.phase in (Phase.FAILED, Phase.WAIVED)
    return settled or state.former is not None or step.undo.attempts > 0


def _undo_anew(step: Step) -> None:
    """An undo that was called before anybody knew of an effect may have come before the effect."""
    if step.undo.phase is Phase.INTENDED:
        step.again = step.undo.unknown
    elif step.undo.unknown and step.undo.phase is not Phase.WAIVED:
        step.undo, step.again = Track(), False
        step.undos += 1


def _failed(state: SagaState, seq: int, at: int, entry: e.Failed) -> None:
    step = state.steps[entry.path]
    if step.happened:
        return
    step.data = entry.data
    step.forward.error, step.forward.message = entry.error, entry.message
    _settle(step.forward, Phase.FAILED, at, entry.via)


def _settle(track: Track, phase: Phase, at: int, via: str) -> None:
    track.phase, track.ended, track.via, track.doubt = phase, at, via, False


def _track(state: SagaState, path: str, direction: str) -> Track:
    step = state.steps[path]
    return step.forward if direction == Direction.DO else step.undo


def _found_in_doubt(state: SagaState, seq: int, at: int, entry: e.FoundInDoubt) -> None:
    track = _track(state, entry.path, entry.direction)
    if track.phase is Phase.SUCCEEDED:
        return
    if entry.over:
        _is_over(track, entry)
        return
    track.phase, track.doubt, track.message = Phase.IN_DOUBT, True, entry.reason
    if entry.running:
        track.unseen_end = NEVER
        track.running += 1
    if entry.observed:
        _seen_to_fail(track, entry.ended)
    else:
        track.lost_end = max(track.lost_end, entry.ended)
        track.unseen_end = max(track.unseen_end, entry.ended)
    _undone_anew(state.steps[entry.path])


def _is_over(track: Track, entry: e.FoundInDoubt) -> None:
    """An attempt that was given up goes on no longer; once none does, their ends are known."""
    if not track.running:
        return
    track.running -= 1
    if not track.running:
        track.unseen_end = max(track.lost_end, entry.ended)
        under_way = track.latest_end if track.phase is Phase.INTENDED else 0
        track.last_end = max(track.unseen_end, under_way)
    if track.phase is Phase.IN_DOUBT:
        track.message = entry.reason


def _undone_anew(step: Step) -> None:
    if step.again:
        _undo_anew(step)


def _postponed(state: SagaState, seq: int, at: int, entry: e.Postponed) -> None:
    track = _track(state, entry.path, entry.direction)
    if track.phase is Phase.SUCCEEDED:
        return
    track.phase = Phase.IN_DOUBT if track.doubt else Phase.NONE
    track.error, track.message, track.not_before = entry.error, entry.message, entry.until
    if entry.made is False:
        track.unmade += 1
        track.last_end = max(track.unseen_end, at)
    else:
        _seen_to_fail(track, at)
    _undone_anew(state.steps[entry.path])


def _seen_to_fail(track: Track, ended: int) -> None:
    """This attempt is over. One that a lost worker made may be running all the same."""
    track.failures += 1
    track.failed_at = ended
    track.last_end = max(track.unseen_end, ended)


def _probed(state: SagaState, seq: int, at: int, entry: e.Probed) -> None:
    track = _track(state, entry.path, entry.direction)
    track.absent = entry.answer == "absent" and entry.counts
    track.probed_early = entry.answer == "absent" and not entry.counts
    track.blind = entry.answer == "failed"
    track.doubt = track.doubt and not track.absent


def _interrupted(state: SagaState, seq: int, at: int, entry: e.Interrupted) -> None:
    if entry.action is None:
        state.timers[entry.path].interrupted = True
        return
    if entry.path not in state.steps:
        _call(state, entry.path, entry.ordinal)
        state.steps[entry.path] = Step(
            entry.path, entry.ordinal, entry.action, entry.version, entry.payload or b"{}"
        )
        state.steps[entry.path].sensitive = tuple(entry.sensitive or ())
    state.steps[entry.path].interrupted = True


def _parallel_closed(state: SagaState, seq: int, at: int, entry: e.ParallelClosed) -> None:
    state.closed[entry.path] = entry.branch


def _gate_opened(state: SagaState, seq: int, at: int, entry: e.GateOpened) -> None:
    _step(state, entry)
    state.gates[entry.gate] = Gate(
        id=entry.gate,
        path=entry.path,
        direction=Direction(entry.direction),
        state="pending",
        deadline=entry.deadline,
        by=entry.by,
        digest=entry.digest,
        generation=entry.generation,
        seq=seq,
        policy=entry.policy,
        action=entry.action,
        asked=entry.payload or b"{}",
        arguments=entry.payload or b"{}",
        sensitive=entry.sensitive,
    )
    state.gate_of[entry.path, entry.direction] = entry.gate


def _gate_revised(state: SagaState, seq: int, at: int, entry: e.GateRevised) -> None:
    gate = state.gates[entry.gate]
    gate.arguments, gate.digest = entry.payload or b"{}", entry.digest
    gate.revision, gate.editor = entry.revision, entry.by


def _gate_decided(state: SagaState, seq: int, at: int, entry: e.GateDecided) -> None:
    gate = state.gates[entry.gate]
    gate.state, gate.decided_by, gate.reason = entry.state, entry.by, entry.reason
    gate.valid_until = entry.valid_until
    gate.rule = entry.rule or gate.rule


def _gate_consumed(state: SagaState, seq: int, at: int, entry: e.GateConsumed) -> None:
    state.gates[entry.gate].state = "consumed"


def _cancel_requested(state: SagaState, seq: int, at: int, entry: e.CancelRequested) -> None:
    state.cancel = state.cancel or entry


def _deadline_passed(state: SagaState, seq: int, at: int, entry: e.DeadlinePassed) -> None:
    state.due = None


def _unwind_began(state: SagaState, seq: int, at: int, entry: e.UnwindBegan) -> None:
    state.unwind, state.due = entry, None
    state.generation = entry.generation
    for (
        step
    ) in state.steps.values():  # what ran out of attempts is called again to learn its result
        step.forward.failures = 0


def _compensation_intended(
    state: SagaState, seq: int, at: int, entry: e.CompensationIntended
) -> None:
    undo = state.steps[entry.path].undo
    _attempt(undo, seq, at, entry)
    undo.unknown = undo.unknown or entry.unknown
    undo.revised = entry.payload or undo.revised


def _compensated(state: SagaState, seq: int, at: int, entry: e.Compensated) -> None:
    step = state.steps[entry.path]
    if step.undo.phase is Phase.SUCCEEDED and step.undo.via != "person":
        return
    _settle(step.undo, Phase.SUCCEEDED, at, entry.via)
    if entry.payload is not None:
        step.residue = read_residue(entry.payload)
        (state.unsigned.add if entry.sign_off else state.unsigned.discard)(step.path)
    elif not step.undos:  # what an undo left that was called too early is still there
        step.residue = None
    _undone_anew(step)


def _compensation_failed(state: SagaState, seq: int, at: int, entry: e.CompensationFailed) -> None:
    step = state.steps[entry.path]
    if step.undo.phase is Phase.SUCCEEDED:
        return
    step.undo.error, step.undo.message = entry.error, entry.message
    _settle(step.undo, Phase.FAILED, at, "call")
    _undone_anew(step)


def _savepoint_set(state: SagaState, seq: int, at: int, entry: e.SavepointSet) -> None:
    _call(state, entry.path, entry.ordinal)
    state.savepoints[entry.path] = Savepoint(entry.path, seq)


def _rollback_began(state: SagaState, seq: int, at: int, entry: e.RollbackBegan) -> None:
    savepoint = state.savepoints[entry.path]
    savepoint.began, savepoint.reason = True, entry.reason
    state.rolling[entry.path] = savepoint
    state.generation = entry.generation


def _rolled_back(state: SagaState, seq: int, at: int, entry: e.RolledBackTo) -> None:
    state.savepoints[entry.path].done = True
    state.rolling.pop(entry.path, None)


def _intervention_opened(state: SagaState, seq: int, at: int, entry: e.InterventionOpened) -> None:
    question = Question(
        entry.intervention,
        entry.what,
        entry.path,
        Direction(entry.direction) if entry.direction else None,
        entry.question,
        entry.evidence,
        entry.choices,
    )
    state.questions[entry.intervention] = question
    state.asked.setdefault(entry.path, {})[entry.intervention] = question


def _intervention_closed(state: SagaState, seq: int, at: int, entry: e.InterventionClosed) -> None:
    question = state.questions.pop(entry.intervention, None)
    if question is None:
        return  # an answer and a late success closed it at one instant
    state.asked[question.path].pop(entry.intervention)
    state.answers.append(entry)
    if entry.choice == Choice.KEEP:
        state.due = None
    if question.path is None or question.path not in state.steps:
        return
    step = state.steps[question.path]
    track = step.track(question.direction or Direction.DO)
    if question.what in _SAID_OF_WHAT_IS_THERE:
        _SAID_OF_WHAT_IS_THERE[question.what](state, step, entry)
        return
    if question.what == InterventionKind.LATE_EFFECT and entry.choice != "moot":
        step.seen = True
    if entry.choice == "retry" and question.what != InterventionKind.MISSING_HANDLER:
        _retry(step, track)  # what nobody could handle is only looked at again, doubt included
        state.gate_of.pop((step.path, str(question.direction)), None)  # another gate asks anew
    elif entry.choice == "waive" and track.phase is not Phase.SUCCEEDED:
        track.phase = Phase.WAIVED
        state.unsigned.discard(step.path)
        step.residue = Residue(f"left as it is: {entry.reason}")


def _signed_off(state: SagaState, step: Step, entry: e.InterventionClosed) -> None:
    """What remains was accepted, or made good; a question that became moot is asked anew."""
    if entry.choice == Choice.DONE:
        step.residue = None
    if entry.choice in (Choice.ACCEPT, Choice.DONE):
        state.unsigned.discard(step.path)


def _second_shown(state: SagaState, step: Step, entry: e.InterventionClosed) -> None:
    step.twice_seen = step.twice_seen or entry.choice != "moot"
    if entry.choice == "waive":
        step.second = Residue(f"it may have happened twice; left as it is: {entry.reason}")


def _guard_answered(state: SagaState, step: Step, entry: e.InterventionClosed) -> None:
    step.overruled = step.overruled or entry.choice == Choice.ANYWAY
    if entry.choice == Choice.WAIVE and step.undo.phase is not Phase.SUCCEEDED:
        step.undo.phase = Phase.WAIVED
        state.unsigned.discard(step.path)
        step.residue = Residue(f"left as it is: {entry.reason}")


_SAID_OF_WHAT_IS_THERE = {
    InterventionKind.GUARD: _guard_answered,
    InterventionKind.SECOND_EFFECT.value: _second_shown,
    InterventionKind.RESIDUE.value: _signed_off,
}


def _retry(step: Step, track: Track) -> None:
    """Another attempt was asked for; if it has taken effect meanwhile, that is what is found."""
    if track.phase is Phase.SUCCEEDED:
        return
    if track is step.forward and step.late:
        if not step.undo.attempts:
            track.phase, track.via, step.late = Phase.SUCCEEDED, "late", False
        return
    track.retry()


def _ended(state: SagaState, seq: int, at: int, entry: e.Ended) -> None:
    state.ended, state.ended_at, state.due, state.former = entry, at, None, None


def _reopened(state: SagaState, seq: int, at: int, entry: e.Reopened) -> None:
    state.former, state.ended, state.ended_at = state.ended, None, 0


def read_residue(payload: bytes) -> Residue:
    """A residue from its stored bytes."""
    return Residue.recorded(from_json(payload))


_HANDLERS: dict[type[e.Entry], Callable[..., None]] = {
    e.Started: _started,
    e.Recorded: _recorded,
    e.TimerSet: _timer_set,
    e.TimerFired: _timer_fired,
    e.EventReceived: _event_received,
    e.EventTaken: _event_taken,
    e.Blocked: _blocked,
    e.Intended: _intended,
    e.Succeeded: _succeeded,
    e.Failed: _failed,
    e.FoundInDoubt: _found_in_doubt,
    e.Postponed: _postponed,
    e.Probed: _probed,
    e.Interrupted: _interrupted,
    e.ParallelClosed: _parallel_closed,
    e.GateOpened: _gate_opened,
    e.GateRevised: _gate_revised,
    e.GateDecided: _gate_decided,
    e.GateConsumed: _gate_consumed,
    e.CancelRequested: _cancel_requested,
    e.DeadlinePassed: _deadline_passed,
    e.WindowAlarmed: _window_alarmed,
    e.WindowClosed: _window_closed,
    e.UnwindBegan: _unwind_began,
    e.CompensationIntended: _compensation_intended,
    e.Compensated: _compensated,
    e.CompensationFailed: _compensation_failed,
    e.SavepointSet: _savepoint_set,
    e.RollbackBegan: _rollback_began,
    e.RolledBackTo: _rolled_back,
    e.InterventionOpened: _intervention_opened,
    e.InterventionClosed: _intervention_closed,
    e.Ended: _ended,
    e.Reopened: _reopened,
}
