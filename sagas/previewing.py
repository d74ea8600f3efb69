"""What an unwind would do at this moment, by the same planner that does it.

The order is that of the agenda which the unwind takes its next undo from. What cannot be known
before it is tried is said to be so: an undo may fail, and a step in doubt may turn out not to have
happened. Pure.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from approvals import Approval
from approvals.redaction import Redaction
from compensations import Estimate, Expected
from compensations.agenda import Agenda
from compensations.plan import Effect, Standing, plan
from reversibility import Reversibility
from sagas import decide
from sagas.driving.environment import Handlers
from sagas.driving.estimating import estimate
from sagas.driving.recalling import why_not_undone
from sagas.model import Status, instant
from sagas.state import Phase, SagaState, Step
from sagas.story.model import Lasting
from sagas.story.wording import labels
from sagas.windows import closes_at, closes_on


class Settling(StrEnum):
    """How it would be found out whether a step in doubt took effect."""

    ANSWER = "answer"
    """Its call is under way, and is waited for; if its worker died, it is in doubt after that."""
    KEY = "key"
    """It is called again under its live key."""
    PROBE = "probe"
    """Its destination is asked."""
    UNKNOWN = "unknown"
    """It is not: its compensation is safe to run in either case."""
    PERSON = "person"
    """Only a person can tell."""


@dataclass(frozen=True, slots=True)
class PlannedUndo:
    """One effect that is still to be undone.

    Attributes:
        label: Its path as people are shown it.
        wave: When its turn comes, from 1: those of one wave could run side by side. None if that
            is not before a person has acted.
        in_doubt: Whether nobody knows yet whether it took effect.
        settled_by: How that would be found out; None if it is known, or the code is not at hand.
        handler: Its compensation; None if there is none, or the code is not at hand.
        missing: What the code of today lacks to undo it, in one line.
        gate: Whom its compensation asks before it runs, in words.
        person: Why a person has to act at it, if one has.
        held_by: The path of the step at which a person has to act before its turn comes.
        residue: What its compensation is declared or estimated to leave; unknown without its code.
        sign_off: Whether somebody may have to accept what it leaves.
        begun: Whether its undo was called already.
        undoable_until: When its window closes, as far as that is known.
        closes_on: The event that will close its window.
    """

    path: str
    label: str
    action: str
    version: int
    reversibility: Reversibility
    wave: int | None
    in_doubt: bool
    settled_by: Settling | None = None
    handler: str | None = None
    missing: str | None = None
    gate: str | None = None
    person: str | None = None
    held_by: str | None = None
    residue: Estimate = field(default_factory=Estimate)
    sign_off: bool = False
    begun: bool = False
    undoable_until: datetime | None = None
    closes_on: str | None = None


@dataclass(frozen=True, slots=True)
class Left:
    """Something that an unwind leaves, or has left.

    Attributes:
        text: What it is, in words.
    """

    path: str
    label: str
    action: str
    version: int
    reversibility: Reversibility
    why: Lasting
    text: str


@dataclass(frozen=True, slots=True)
class Preview:
    """What an unwind would do now, and what it could not.

    Attributes:
        has_code: Whether this process has any catalog, and so could tell what compensations say.
        pivot: The path of the first irreversible step that may have happened: after it a failure
            does not unwind the saga without a person, if its `after_pivot` is "ask".
        undone: What would be undone, in order; nothing of a saga that has ended.
        remains: What could not be undone, and what was left by what is undone already.
    """

    saga_id: str
    status: Status
    has_code: bool
    pivot: str | None
    undone: tuple[PlannedUndo, ...]
    remains: tuple[Left, ...]

    @property
    def expected(self) -> Expected:
        """What all of it is expected to leave, and how much of that nobody can tell."""
        return Expected.of(item.residue for item in self.undone)

    @property
    def people(self) -> tuple[PlannedUndo, ...]:
        """Those at which a person has to act."""
        return tuple(item for item in self.undone if item.person is not None)


def foresee(
    state: SagaState, handlers: Handlers, *, status: Status, now: int, secrets: Redaction
) -> Preview:
    """The preview of a saga as it stands.

    Args:
        handlers: Where compensations are looked up. Where there is no code at all, nothing is said
            to be missing of it.
        now: The present (microseconds): keys expire.
        secrets: What hides the saga's secrets in words.
    """
    effects = decide.effects(state)
    named = labels(state.steps)
    view = _View(state, handlers, now, secrets)
    planned: tuple[PlannedUndo, ...] = ()
    if not status.is_end:
        looked = [_planned(view, effect, named[effect.path]) for effect in plan(effects)]
        planned = _ordered(effects, looked)
    return Preview(
        saga_id=state.saga_id,
        status=status,
        has_code=handlers.has_any,
        pivot=state.pivot.path if state.pivot is not None else None,
        undone=planned,
        remains=tuple(_left(state, effects, named)),
    )


# --- one effect -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _View:
    """What is looked at, and with what."""

    state: SagaState
    handlers: Handlers
    now: int
    secrets: Redaction


def _planned(view: _View, effect: Effect, label: str) -> PlannedUndo:
    step = view.state.steps[effect.path]
    until = closes_at(step)
    found = PlannedUndo(
        path=step.path,
        label=label,
        action=step.action,
        version=step.version,
        reversibility=step.reversibility,
        wave=None,
        in_doubt=_is_in_doubt(step),
        person=_asked_already(view, effect),
        begun=step.undo.attempts > 0,
        undoable_until=None if until is None else instant(until),
        closes_on=closes_on(step),
        residue=Estimate(unknown="its code is not at hand"),
    )
    return _with_code(view, found, step) if view.handlers.has_any else found


def _with_code(view: _View, found: PlannedUndo, step: Step) -> PlannedUndo:
    """With what its compensation says of itself."""
    action = view.handlers.action(step.action, step.version)
    lack = _lack(view.handlers, step)
    missing = None if lack is None else view.secrets.masked(lack.partition("\n")[0])
    undo = action.undo if action is not None else None
    if action is None or undo is None:
        leaves = Estimate() if action is not None and lack is None else found.residue
        return replace(found, missing=missing, person=found.person or missing, residue=leaves)
    settling = (
        _settling(step, action.policy(step.reversibility), view.now) if found.in_doubt else None
    )
    asks = undo.options.approval
    return replace(
        found,
        settled_by=settling,
        handler=undo.name,
        missing=missing,
        gate=asks.describe() if isinstance(asks, Approval) else None,
        person=found.person or missing or _asked_then(step, settling, undo.policy(), view.now),
        sign_off=undo.sign_off is not False,
        residue=estimate(action, step).masked(view.secrets.masked),
    )


def _is_in_doubt(step: Step) -> bool:
    return step.forward.phase in (Phase.IN_DOUBT, Phase.INTENDED) and not step.late


def _asked_already(view: _View, effect: Effect) -> str | None:
    """What a person is asked about a step that cannot be undone before there is an answer."""
    if effect.standing is not Standing.STUCK:
        return None
    question = view.state.question_about(effect.path)
    if question is not None:
        return view.secrets.masked(question.question)
    return "it took effect too late, or twice"


def _lack(handlers: Handlers, step: Step) -> str | None:
    """What its undo needs and nobody has."""
    lack = why_not_undone(handlers, step)
    action = handlers.action(step.action, step.version)
    if lack is not None or action is None or action.undo is None:
        return lack
    if action.undo.binding.needs_result and step.happened and step.result is None:
        return f"{action.undo.name} needs the result of {step.path}, which could not be stored"
    return None


def _settling(step: Step, policy: decide.CallPolicy, now: int) -> Settling:
    """What would settle it now."""
    if step.forward.phase is Phase.INTENDED:
        return Settling.ANSWER
    match decide.settle(step.forward, policy, now):
        case decide.CompensateUnknown():
            return Settling.UNKNOWN
        case decide.Ask():
            return Settling.PERSON
        case decide.Act():
            return Settling.KEY
        case decide.Wait(until) if until > now:
            return _settling(step, policy, until)
        case _:
            return Settling.PROBE


def _asked_then(
    step: Step, settling: Settling | None, policy: decide.CallPolicy, now: int
) -> str | None:
    """What a person will be asked when its turn comes, as far as that is known before."""
    if settling is Settling.PERSON:
        return f"only a person can tell whether {step.path} took effect"
    move = decide.undo(step.undo, policy, now)
    return "its undo needs a person" if isinstance(move, decide.Ask) else None


# --- the order ------------------------------------------------------------------------------------


def _ordered(effects: Iterable[Effect], looked: list[PlannedUndo]) -> tuple[PlannedUndo, ...]:
    """With the turn of each, as the agenda of an unwind would give it."""
    asked = {item.path for item in looked if item.person is not None}
    agenda, waves = Agenda(effects), dict[str, int]()
    number = 0
    while free := agenda.take():
        number += 1
        for effect in free:
            waves[effect.path] = number
            stands = Standing.STUCK if effect.path in asked else Standing.SETTLED
            agenda.put(replace(effect, standing=stands))
    roots: dict[str, str] = {}
    found: list[PlannedUndo] = []
    for item in looked:
        holder = agenda.held_by(item.path)
        if holder is not None:
            roots[item.path] = roots.get(holder.path, holder.path)
        held_by = roots.get(item.path)
        found.append(replace(item, wave=waves.get(item.path), held_by=held_by))
    return tuple(found)


# --- what remains ---------------------------------------------------------------------------------


def _left(state: SagaState, effects: Iterable[Effect], named: dict[str, str]) -> Iterable[Left]:
    for effect in effects:
        if effect.standing is Standing.REMAINS:
            yield _one_left(state, effect.path, named, Lasting.IRREVERSIBLE)
    for path, residue in state.residue():
        yield _one_left(state, path, named, Lasting.RESIDUE, str(residue))


def _one_left(
    state: SagaState, path: str, named: dict[str, str], why: Lasting, text: str | None = None
) -> Left:
    step = state.steps[path]
    return Left(
        path=path,
        label=named[path],
        action=step.action,
        version=step.version,
        reversibility=step.reversibility,
        why=why,
        text=text or step.reversibility.label,
    )
