"""What people and other programs ask for: requests, votes and answers.

Whoever asks does not hold the lease and writes no entries. A request is a row, committed together
with the raised `control` of its saga and of the worker that owns it, so that no guarded unit is
applied between the request and its being seen.

Pure.
"""

from dataclasses import dataclass, replace

from approvals import Gate, GateState, Principal, Vote, cast, wording
from approvals.gate import is_intact
from approvals.quorum import Refusal
from compensations import Choice, ChoiceError
from compensations.interventions import check_choice
from sagas.errors import Refused, UnknownSaga
from sagas.journal import records, statements
from sagas.journal.operation import Hint, Operation, Query, StartOver
from sagas.journal.operations import delegations
from sagas.model import Status, instant, micros
from sagas.ports import LateAnswer, QuestionRow

_NAME_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Held:
    """A saga under lock, and its owner's row with it."""

    id: str
    owner: int | None
    status: Status
    updated_at: int


@dataclass(frozen=True, slots=True)
class Counted:
    """A gate after a vote; with a refusal, the vote itself had no effect."""

    gate: Gate
    refusal: str | None


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks for something, how that is known, and where it came in."""

    name: str
    identified_by: str | None = None
    channel: str | None = None


def cancel(saga_id: str, *, by: Asker, reason: str, at: int) -> Operation[None]:
    """Ask for a saga to be undone; a second time changes nothing."""
    held = yield from hold(saga_id)
    if held.status.is_end:
        raise Refused(f"{_ended(held, at)}: there is nothing to cancel")
    if (yield Query(statements.IS_CANCELLED, (saga_id,))):
        return
    yield from ask(held, "cancel", by=by, reason=reason, at=at)


def send(
    saga_id: str, name: str, payload: bytes, *, key: str, by: str, at: int, settling: bool
) -> Operation[bool]:
    """Deliver an event once per key; False if it was delivered before."""
    held = yield from hold(saga_id)
    delivered = yield Query(statements.DELIVERY, (saga_id, key))
    if delivered:
        return settling and tuple(delivered[0]) == (by, at)
    if held.status.is_end:
        raise Refused(f"{_ended(held, at)}: nobody waits for the event {name!r} any more")
    yield from ask(
        held, "event", ref=name, by=Asker(by), state=key, at=at, payload=payload, key=key
    )
    return True


def vote(
    journal_id: str, gate_id: str, given: Vote, voter: Principal, *, settling: bool
) -> Operation[Counted]:
    """Count a vote, and decide the gate if it is enough or if its time is over.

    One that is refused is recorded with its refusal.
    """
    if given.principal != voter.name:
        raise Refused(f"the vote is {given.principal}'s, but {voter.name} was identified")
    if given.groups != voter.groups:
        raise Refused(f"the vote claims other groups than those that {voter.name} is in")
    found = yield Query(statements.SAGA_OF_GATE, (gate_id,))
    if not found:
        raise Refused(f"there is no gate {gate_id}")
    held = yield from hold(found[0][0])
    gate = records.gate((yield Query(statements.LOCK_GATE, (gate_id,)))[0])
    if not is_intact(gate, journal_id=journal_id):
        raise Refused(
            f"gate {gate_id} was tampered with: what it shows is not what its digest stands for; "
            "nothing was decided"
        )
    given = yield from _checked(given, gate)
    counted = [records.vote(row) for row in (yield Query(statements.COUNTED_VOTES, (gate_id,)))]
    ruling = cast(gate, counted, given, now=given.at)
    if ruling.counted or not ruling.accepted:
        yield from _record(gate_id, replace(given, refusal=ruling.refusal), settling=settling)
    if ruling.gate.state is not gate.state:
        yield Query(statements.DECIDE_GATE, records.decision_values(ruling.gate))
        yield from decide(held, ruling.gate, at=micros(given.at))
    elif ruling.counted:
        yield Query(statements.COUNT_VOTE, (gate_id, ruling.gate.voted))
        yield Hint()
    return Counted(ruling.gate, None if ruling.accepted else ruling.message)


def _checked(given: Vote, gate: Gate) -> Operation[Vote]:
    """The vote; refused if it uses somebody's right without a delegation that gives it now."""
    if given.acting_for is None or given.refusal is not None:
        return given
    found = yield from delegations.delegation(given.delegation or "")
    is_theirs = found is not None and (found.delegator, found.delegate) == (
        given.acting_for,
        given.principal,
    )
    if found is not None and is_theirs and found.gives(given.at, gate.action):
        return given
    return replace(given, refusal=Refusal.NOT_DELEGATED)


def _record(gate_id: str, given: Vote, *, settling: bool) -> Operation[None]:
    """Keep a vote, and a refused one once, however often its transaction is made."""
    if settling and given.refusal is not None:
        place = (gate_id, given.principal, micros(given.at))
        if (yield Query(statements.REFUSED_VOTE, place)):
            return
    yield Query(statements.RECORD_VOTE, records.vote_values(gate_id, given))


def answer(
    intervention_id: str,
    choice: Choice,
    *,
    by: Asker,
    reason: str,
    payload: bytes | None,
    at: int,
    settling: bool,
) -> Operation[QuestionRow]:
    """Close an intervention with an answer."""
    found = yield Query(statements.SAGA_OF_QUESTION, (intervention_id,))
    if not found:
        raise Refused(f"there is no intervention {intervention_id}")
    held = yield from hold(found[0][0])
    question = yield from _question(statements.LOCK_QUESTION, intervention_id)
    if question.state != "open":
        if settling and (question.choice, question.by, question.closed_at) == (choice, by.name, at):
            return question
        raise Refused(_closed(question, at))
    try:
        check_choice(
            choice.value,
            question.choices,
            has_result=payload is not None,
            wants_result=question.wants_result,
        )
    except ChoiceError as error:
        raise Refused(str(error)) from error
    answered = (choice.value, by.name, reason, at, by.identified_by, by.channel)
    yield Query(statements.ANSWER, (intervention_id, *answered))
    yield from ask(
        held,
        "answer",
        ref=intervention_id,
        by=by,
        reason=reason,
        state=choice.value,
        at=at,
        payload=payload,
    )
    return (yield from _question(statements.QUESTION, intervention_id))


def report(late: LateAnswer, *, by: str, at: int, settling: bool) -> Operation[bool]:
    """Tell a saga of a late answer; False if it was told before, or has no use for it."""
    held = yield from hold(late.saga_id)
    key = f"late {late.key} {late.attempt}"
    if delivered := (yield Query(statements.DELIVERY, (held.id, key))):
        return settling and tuple(delivered[0]) == (by, at)
    if held.status.is_end:
        if not late.happened:
            return False
        reason = f"{late.path} took effect after the saga had ended"
        yield Query(statements.REOPEN, (held.id, reason))
    yield from ask(
        held,
        "late" if late.happened else "over",
        ref=late.path,
        by=Asker(by),
        reason=late.unstorable or "",
        state=f"{late.direction} {late.key} {late.attempt}{' unprotected' * late.unprotected}",
        at=at,
        payload=late.payload,
        key=key,
    )
    return True


def _question(statement: str, intervention_id: str) -> Operation[QuestionRow]:
    found = yield Query(statement, (intervention_id,))
    return records.question_row(found[0])


def hold(saga_id: str) -> Operation[Held]:
    """Lock the owner's row and then the saga's, in the order in which appends lock them."""
    found = yield Query(statements.OWNER, (saga_id,))
    if not found:
        raise UnknownSaga(f"there is no saga {saga_id!r} in this journal: see `sagas list`")
    owner = found[0][0]
    if owner is not None:
        yield Query(statements.LOCK_WORKER, (owner,))
    present, status, updated_at = (yield Query(statements.LOCK_SAGA, (saga_id,)))[0]
    if present != owner:
        raise StartOver
    return Held(saga_id, owner, Status(status), updated_at)


def decide(held: Held, gate: Gate, *, at: int) -> Operation[None]:
    """Ask the saga to take note of what became of a gate."""
    decided_by = "" if gate.state is GateState.EXPIRED else gate.decided_by or ""
    yield from ask(
        held,
        "gate",
        ref=gate.id,
        by=Asker(decided_by),
        reason=gate.reason or "",
        state=gate.state.value,
        at=at,
        valid_until=None if gate.valid_until is None else micros(gate.valid_until),
    )


def ask(
    held: Held,
    kind: str,
    *,
    ref: str = "",
    by: Asker,
    reason: str = "",
    state: str = "",
    at: int,
    payload: bytes | None = None,
    valid_until: int | None = None,
    key: str | None = None,
) -> Operation[None]:
    """Make a request, and raise what says that one waits."""
    text = None if payload is None else payload.decode()
    values = (held.id, kind, ref, by.name, reason, state, text, valid_until, at, key)
    yield Query(statements.REQUEST, (*values, by.identified_by, by.channel))
    yield Query(statements.RAISE_SAGA, (held.id,))
    if held.owner is not None:
        yield Query(statements.RAISE_WORKER, (held.owner,))
    yield Hint()


def _ended(held: Held, now: int) -> str:
    return f"{held.id} ended ({held.status}) at {_time(held.updated_at, now)}"


def _closed(question: QuestionRow, now: int) -> str:
    when = f" at {_time(question.closed_at, now)}" if question.closed_at is not None else ""
    if question.state == "closed":
        return f"{question.id} was closed{when}: no answer is needed any more"
    because = f": {wording.cut(question.reason, _NAME_LIMIT)}" if question.reason else ""
    return f"{question.id} was already answered by {question.by}{when}: {question.choice}{because}"


def _time(value: int, now: int) -> str:
    return wording.instant(instant(value), now=instant(now))
