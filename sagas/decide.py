"""What happens next: moves as values, decided from folded state.

Three questions are answered here, each by a function that touches nothing:

- `forward`: a step that the body is waiting for;
- `settle`: a step of unknown outcome in a saga that unwinds;
- `undo`: a compensation.

And of a saga as a whole: which `stage` it is in, whether a failure unwinds it, how it ends.

The interpreter carries the answer out and asks again. Time is an argument.

Pure.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from compensations import Choice, InterventionKind, Retry
from compensations.plan import Effect, Standing, depends, plan
from reversibility import Observability, ObservabilityKind, Reversibility
from sagas.entries import InterventionClosed
from sagas.model import AfterPivot, Direction, Status, instant
from sagas.state import NEVER, Phase, SagaState, Step, Track

KEY_MARGIN = timedelta(seconds=5)
"""Clocks of two machines may differ by this much before a live key is trusted too long."""


IDLE_MICROS = 1_000_000
"""How long a saga is left alone of which a look moved nothing, although an instant had come."""


STARTS_WITHIN = timedelta(seconds=2)
"""A call begins this soon after its intent was made, or not at all."""


def starts_within(track: Track | None) -> timedelta:
    """How soon after its intent a call is to begin: the later, the more often that failed.

    An intent says when its call is over at the latest. A call that begins long after it, because
    the journal was slow, could outlast that.
    """
    return STARTS_WITHIN * 2 ** min(track.unmade, 6) if track is not None else STARTS_WITHIN


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPolicy:
    """What the rules need to know of an action or a compensation.

    Attributes:
        accepts_unknown: Whether the compensation is safe when the outcome is unknown.
    """

    reversibility: Reversibility
    observability: Observability
    retry: Retry
    timeout: timedelta
    lag: timedelta = timedelta(0)
    accepts_unknown: bool = False


@dataclass(frozen=True, slots=True)
class Act:
    """Make the next attempt."""

    attempt: int


@dataclass(frozen=True, slots=True)
class Probe:
    """Ask the destination whether the last attempt took effect."""

    absent_counts: bool


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing until an instant (microseconds)."""

    until: int


@dataclass(frozen=True, slots=True)
class Settled:
    """Nothing is open any more."""


@dataclass(frozen=True, slots=True)
class KnownAbsent:
    """Every attempt is known not to have happened."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unwind:
    """The step cannot be settled going forward, but an unwind can deal with it."""

    reason: str


@dataclass(frozen=True, slots=True)
class CompensateUnknown:
    """Run the compensation without knowing whether the step took effect: it says that it may."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Only a person can tell."""

    reason: str


_ABSENT = KnownAbsent("the destination has no trace of it")

Move = Act | Probe | Wait | Settled | KnownAbsent | Unwind | CompensateUnknown | Ask


def forward(track: Track, policy: CallPolicy, now: int, *, past_pivot: bool) -> Move:
    """The next move for a step that the body waits for."""
    if track.phase is Phase.NONE or _is_wanted(track):
        return _first_or_next(track, policy, now)
    if track.phase is not Phase.IN_DOUBT:
        return Settled()
    if not policy.reversibility.has_effect:
        return _again_or(track, policy, now, KnownAbsent(track.message or "it failed"))
    return _resolve(track, policy, now, _give_up(track, policy, past_pivot=past_pivot))


def settle(track: Track, policy: CallPolicy, now: int) -> Move:
    """The next move for a step of unknown outcome while the saga unwinds."""
    if track.phase is not Phase.IN_DOUBT:
        return Settled()
    if not policy.reversibility.has_effect:
        return KnownAbsent("it only reads")
    observable = _observable(track, policy, now)
    if observable in (ObservabilityKind.PROBE, ObservabilityKind.BOTH):
        return _probe(track, policy, now, _ABSENT)
    if not policy.reversibility.is_undoable:
        return Ask(_doubt(track))
    if policy.accepts_unknown:
        return CompensateUnknown()
    if observable is ObservabilityKind.KEY:
        return _again_or(track, policy, now, Ask(_doubt(track)))
    return Ask(_doubt(track))


def undo(track: Track, policy: CallPolicy, now: int) -> Move:
    """The next move for a compensation."""
    if track.phase is Phase.NONE or _is_wanted(track):
        return _first_or_next(track, policy, now)
    if track.phase is Phase.FAILED:
        return Ask(f"{track.error}: {track.message}")
    if track.phase is not Phase.IN_DOUBT:
        return Settled()
    return _resolve(track, policy, now, Ask(_doubt(track)))


def _is_wanted(track: Track) -> bool:
    return track.phase is Phase.IN_DOUBT and track.wanted


def _first_or_next(track: Track, policy: CallPolicy, now: int) -> Move:
    """No attempt so far, every one is known not to have happened, or a person wants another."""
    if track.failures >= policy.retry.attempts:
        return KnownAbsent(track.message or "it failed")
    return Act(track.attempts + 1) if now >= track.not_before else Wait(track.not_before)


def _resolve(track: Track, policy: CallPolicy, now: int, exhausted: Move) -> Move:
    """Settle doubt by the key, the probe, both, or nothing."""
    observable = _observable(track, policy, now)
    if observable is ObservabilityKind.NEITHER:
        return Ask(_doubt(track))
    if observable is ObservabilityKind.KEY:
        return _again_or(track, policy, now, exhausted)
    if observable is ObservabilityKind.BOTH and track.failures < policy.retry.attempts:
        return _probe_first(track, _again_or(track, policy, now, exhausted))
    return _probe(track, policy, now, _again_or(track, policy, now, _ABSENT))


def _probe_first(track: Track, again: Move) -> Move:
    """With a live key an "absent" need not be final: the key keeps a repetition harmless."""
    return again if track.absent or track.probed_early else Probe(absent_counts=False)


def _probe(track: Track, policy: CallPolicy, now: int, absent: Move) -> Move:
    """Ask until "absent" counts: later than the last attempt can be running, plus the lag."""
    if track.absent:
        return absent
    counts_from = track.last_end + policy.lag // timedelta(microseconds=1)
    if not track.probed_early or now >= counts_from:
        return Probe(absent_counts=now >= counts_from)
    if track.last_end >= NEVER:
        return Ask(f"{_doubt(track)}, so that finding nothing means nothing")
    return Wait(counts_from)


def _observable(track: Track, policy: CallPolicy, now: int) -> ObservabilityKind:
    """What is left of the declared observability: keys expire, a failed probe counts as none."""
    declared = policy.observability
    if track.blind and declared.probe:
        declared = Observability(key_ttl=declared.key_ttl, repeatable=declared.repeatable)
    return declared.at(
        now=instant(now), first_intent=instant(track.at), timeout=policy.timeout, margin=KEY_MARGIN
    )


def _again_or(track: Track, policy: CallPolicy, now: int, exhausted: Move) -> Move:
    """Another attempt after its wait, or what follows when the budget is used up.

    Attempts whose end nobody saw (a crash) do not count against the budget.
    """
    if track.failures >= policy.retry.attempts:
        return exhausted
    if not track.failures:
        return Act(track.attempts + 1)
    due = max(track.not_before, track.failed_at + wait_after(track, policy))
    return Act(track.attempts + 1) if now >= due else Wait(due)


def wait_after(track: Track, policy: CallPolicy) -> int:
    """The wait after the failures so far, in microseconds."""
    return policy.retry.delay(track.failures, salt=track.key) // timedelta(microseconds=1)


def _give_up(track: Track, policy: CallPolicy, *, past_pivot: bool) -> Move:
    if policy.reversibility.is_undoable and not past_pivot:
        return Unwind(_doubt(track))
    return Ask(_doubt(track))


def _doubt(track: Track) -> str:
    goes_on = "; the call goes on" if track.running else ""
    times = f"{track.attempts} attempt{'s' if track.attempts != 1 else ''}"
    return f"after {times}: {track.message}{goes_on}"


def answer_settles(track: Track, policy: CallPolicy, now: int) -> bool:
    """Whether a definite "nothing happened" settles the call.

    It speaks for one attempt only. If an earlier one is in doubt, it settles that one too only
    while the destination still knows our key and so answers as it did before, or if there is no
    effect to be in doubt about. What is only `repeatable` has no such memory: the earlier attempt
    may have happened all the same.
    """
    if not track.doubt or not policy.reversibility.has_effect:
        return True
    keyed = Observability(key_ttl=policy.observability.key_ttl)
    return keyed.key_alive(
        now=instant(now), first_intent=instant(track.at), timeout=policy.timeout, margin=KEY_MARGIN
    )


def outlived_its_key(track: Track, policy: CallPolicy, now: int) -> bool:
    """Whether a call that answers now may have arrived when the destination had forgotten its key."""
    return not policy.observability.key_alive(
        now=instant(now), first_intent=instant(track.at), timeout=timedelta(0), margin=KEY_MARGIN
    )


def is_news(
    state: SagaState,
    path: str,
    direction: Direction,
    key: str,
    payload: bytes | None,
    *,
    attempt: int,
    unprotected: bool = False,
) -> bool:
    """Whether a late success changes what is known of a call.

    Args:
        key: The key it was made under: an undo that does not count any more had another.
        attempt: Which attempt tells of it.
        payload: What it returned: what an undo left is news even if a person knew of the undo.
        unprotected: It may have outlived its key: if another attempt succeeded, it is a second effect.
    """
    step = state.steps.get(path)
    if step is None or not step.reversibility.has_effect or step.track(direction).key != key:
        return False
    if direction is Direction.DO:
        return not step.happened or (unprotected and is_second(step, attempt))
    by_person = step.undo.via == "person" and payload is not None
    return step.undo.phase is not Phase.SUCCEEDED or by_person


def is_second(step: Step, attempt: int) -> bool:
    """Whether a success is one too many: another attempt has told of one, and nobody was asked yet.

    What was told in time was told by the last attempt.
    """
    track = step.forward
    by_another = track.via == "late" or (track.via == "call" and track.attempts != attempt)
    return step.happened and track.attempts > 1 and by_another and not step.twice


def comes_beside(track: Track, attempt: int) -> bool:
    """Whether a success of this attempt may come beside another's; not if it is the one under way."""
    is_under_way = track.phase is Phase.INTENDED and track.attempts == attempt
    return track.attempts > 1 and not is_under_way


def is_over(state: SagaState, path: str, direction: Direction, key: str) -> bool:
    """Whether it matters that a call is over that was given up: nobody knows what became of it."""
    step = state.steps.get(path)
    if step is None or step.track(direction).key != key:
        return False
    track = step.track(direction)
    return track.running > 0 and track.phase in (Phase.IN_DOUBT, Phase.INTENDED)


class Stage(StrEnum):
    """What a saga needs next."""

    DONE = "done"
    LEAVE = "leave"
    ASK = "ask"
    BODY = "body"
    ROLLBACK = "rollback"
    UNWIND = "unwind"
    AMEND = "amend"
    """The saga had completed: what took effect afterwards is undone, and nothing else."""


ABOUT_THE_SAGA = frozenset(
    {
        InterventionKind.PAST_PIVOT,
        InterventionKind.DEFECT,
        InterventionKind.DIVERGED,
        InterventionKind.UNUSABLE_RESULT,
    }
)
"""Questions that hold up the whole body, not one step of it."""


def stage(state: SagaState) -> Stage:
    """Which of its parts a saga is in."""
    if state.ended is not None:
        return Stage.DONE
    if any(question.what == InterventionKind.POISONED for question in state.questions.values()):
        return Stage.ASK
    if state.unwinding:
        return Stage.UNWIND
    if kept(state) is not None:
        return Stage.LEAVE
    if state.former is not None:
        return Stage.AMEND
    if any(question.what in ABOUT_THE_SAGA for question in state.questions.values()):
        return Stage.ASK
    if state.rolling_back is not None:
        return Stage.ROLLBACK
    return Stage.BODY


def kept(state: SagaState) -> InterventionClosed | None:
    """The answer by which a saga is left as it is, if there is one."""
    return next((answer for answer in state.answers if answer.choice == Choice.KEEP), None)


def may_unwind(state: SagaState, after_pivot: AfterPivot) -> bool:
    """Whether a failure or a cancel unwinds the saga without asking a person."""
    return state.pivot is None or after_pivot is AfterPivot.UNWIND


def is_overdue(state: SagaState, now: int) -> bool:
    """Whether the deadline has passed and nothing has come of that yet."""
    return state.due is not None and now >= state.due


def effects(
    state: SagaState,
    *,
    within: str | None = None,
    late: bool = False,
    of: Iterable[str] | None = None,
) -> list[Effect]:
    """The steps as the planner sees them.

    Args:
        within: Only the steps inside this savepoint.
        late: Only those that took effect after they had been given up.
        of: Only of the steps with these paths.
    """
    inside = f"{within}/" if within else ""
    if of is None:
        of = sorted(state.late, key=state.order.__getitem__) if late else state.steps
    return [
        _effect(step, standing(state, step))
        for step in map(state.steps.__getitem__, of)
        if step.forward.attempts
        and step.path.startswith(inside)
        and (not late or _is_late(state, step))
    ]


def _is_late(state: SagaState, step: Step) -> bool:
    return step.late or is_for_a_person(state, step)


def _effect(step: Step, stands: Standing) -> Effect:
    return Effect(
        path=step.path,
        seq=step.forward.seq,
        action=step.action,
        reversibility=step.reversibility,
        standing=stands,
        conflicts=step.conflicts,
        after=step.after,
        closes_at=step.ends_at,
    )


def standing(state: SagaState, step: Step) -> Standing:
    """Where a step stands on its way back."""
    if not step.reversibility.has_effect or not step.may_have_happened:
        return Standing.SETTLED
    if is_for_a_person(state, step):
        return Standing.STUCK
    if step.undo.phase in (Phase.SUCCEEDED, Phase.WAIVED):
        return Standing.SETTLED
    if state.question_about(step.path) is not None:
        return Standing.STUCK
    if step.reversibility.is_pivot and step.happened:
        return Standing.REMAINS
    return Standing.DONE


def is_for_a_person(state: SagaState, step: Step) -> bool:
    """Whether a late effect is to be shown to a person, who has not decided yet.

    It cannot be undone, or something was built upon it that stays, or it is a second one.
    """
    if step.twice and not step.twice_seen:
        return True
    if not step.late or step.seen or step.undo.phase is not Phase.NONE:
        return False
    return step.reversibility.is_pivot or (not state.unwinding and is_built_upon(state, step))


def is_built_upon(state: SagaState, step: Step) -> bool:
    """Whether an effect that came later depends on this one, and stays in place."""
    own, block = _effect(step, Standing.DONE), state.rolling_back
    return any(
        depends(_effect(later, Standing.DONE), own)
        for later in state.steps.values()
        if later.forward.seq > step.forward.seq
        and later.may_have_happened
        and later.undo.phase is not Phase.SUCCEEDED
        and not (block is not None and later.path.startswith(f"{block.path}/"))
    )


def unsigned(state: SagaState, *, within: str | None = None) -> list[str]:
    """The paths of steps, in order, whose residue a person has to accept.

    Args:
        within: Only the steps inside this savepoint.
    """
    inside = f"{within}/" if within else ""
    found = [path for path in state.unsigned if path.startswith(inside)]
    return sorted(found, key=state.order.__getitem__)


def left_by_late_effects(state: SagaState) -> list[str]:
    """The paths of late effects of which something remains."""
    left = [
        item.path
        for item in effects(state, late=True)
        if item.standing is Standing.REMAINS or state.steps[item.path].residue is not None
    ]
    return left + [step.path for step in state.steps.values() if step.second is not None]


def what_unwinding_leaves(state: SagaState) -> str:
    """For people: what an unwind would undo, and what it would leave."""
    items = effects(state)
    undone = [item.path for item in plan(items)]
    left = [item.path for item in items if item.standing is Standing.REMAINS]
    return (
        f"unwinding would undo {', '.join(undone) or 'nothing'} "
        f"and leave {', '.join(left) or 'nothing'}"
    )


def end_of_unwind(state: SagaState) -> Status:
    """How an unwound saga ends: clean only if nothing is left."""
    remains = any(item.standing is Standing.REMAINS for item in effects(state))
    return Status.RESIDUAL if remains or state.residue() else Status.COMPENSATED


def status(state: SagaState, *, parked: bool = False) -> Status:
    """The status people are shown."""
    if state.ended is not None:
        return Status(state.ended.status)
    if state.questions:
        return Status.STUCK
    if state.unwinding and not (parked and state.open_gates()):
        return Status.UNWINDING
    return Status.WAITING if parked else Status.RUNNING


def look_again(waits: Sequence[int], now: int, *, moved: bool) -> int | None:
    """When a parked saga is looked at again (microseconds); None if it waits for no instant.

    Args:
        waits: The instants that those parts of it wait for that were reached, and will act.
        moved: Whether anything came of this look at it. An instant that has passed and of which
            nothing came is not looked at again at once, or there would be no end of looking.
    """
    if not waits:
        return None
    return min(waits) if moved else max(min(waits), now + IDLE_MICROS)
