"""What people were asked, what they answered, and what the saga waits for.

Pure.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from approvals.gate import GateState, may_move
from sagas import entries as e
from sagas.model import Direction, Status
from sagas.state import SagaState, Timer
from sagas.story.model import Asked, GateStory, QuestionStory, RevisionStory, Wait, WaitKind

Row = tuple[int, int, e.Entry]


def gates(
    rows: Iterable[Row], asked: Sequence[Asked], labels: Mapping[str, str]
) -> tuple[GateStory, ...]:
    """Every gate, in the order in which they opened."""
    found: dict[str, GateStory] = {}
    for _, at, entry in rows:
        if isinstance(entry, e.GateOpened):
            found[entry.gate] = _opened(at, entry, labels)
        elif isinstance(entry, e.GateRevised):
            found[entry.gate] = _revised(found[entry.gate], at, entry)
        elif isinstance(entry, e.GateDecided):
            found[entry.gate] = _decided(found[entry.gate], at, entry)
        elif isinstance(entry, e.GateConsumed):
            found[entry.gate] = replace(found[entry.gate], state="consumed")
    for item in asked:
        if item.kind == "gate" and item.ref in found and _is_next(found[item.ref], item):
            found[item.ref] = replace(
                found[item.ref],
                state=item.state,
                decided=item.at,
                decided_by=item.by or None,
                reason=item.reason or None,
            )
    return tuple(found.values())


def _is_next(gate: GateStory, item: Asked) -> bool:
    return may_move(GateState(gate.state), GateState(item.state))


def _opened(at: int, entry: e.GateOpened, labels: Mapping[str, str]) -> GateStory:
    return GateStory(
        id=entry.gate,
        path=entry.path,
        label=labels.get(entry.path, entry.path),
        direction=Direction(entry.direction),
        action=entry.action,
        version=entry.version,
        state="pending",
        asked=entry.by,
        digest=entry.digest,
        arguments=entry.payload or b"{}",
        called=entry.payload or b"{}",
        opened=at,
        deadline=entry.deadline,
    )


def _revised(gate: GateStory, at: int, entry: e.GateRevised) -> GateStory:
    revision = RevisionStory(
        number=entry.revision,
        by=entry.by,
        reason=entry.reason,
        at=at,
        arguments=entry.payload or b"{}",
        digest=entry.digest,
    )
    return replace(
        gate,
        arguments=revision.arguments,
        digest=revision.digest,
        revisions=(*gate.revisions, revision),
    )


def _decided(gate: GateStory, at: int, entry: e.GateDecided) -> GateStory:
    """A gate after a decision; a later loss of the approval keeps who had given it."""
    return replace(
        gate,
        state=entry.state,
        decided=at,
        decided_by=entry.by or gate.decided_by,
        reason=entry.reason or gate.reason,
        valid_until=entry.valid_until or gate.valid_until,
    )


def questions(
    rows: Iterable[Row], asked: Sequence[Asked], labels: Mapping[str, str]
) -> tuple[QuestionStory, ...]:
    """Every intervention, in the order in which they opened."""
    found: dict[str, QuestionStory] = {}
    for _, at, entry in rows:
        if isinstance(entry, e.InterventionOpened):
            found[entry.intervention] = _question(at, entry, labels)
        elif isinstance(entry, e.InterventionClosed):
            found[entry.intervention] = replace(
                found[entry.intervention],
                state="closed",
                closed=at,
                choice=entry.choice,
                by=entry.by,
                reason=entry.reason,
                identified_by=entry.identified_by,
                channel=entry.channel,
                result=entry.payload,
            )
    for item in asked:
        if item.kind == "answer" and item.ref in found and found[item.ref].state == "open":
            found[item.ref] = replace(
                found[item.ref],
                state="answered",
                closed=item.at,
                choice=item.state,
                by=item.by,
                reason=item.reason,
                identified_by=item.identified_by,
                channel=item.channel,
            )
    return tuple(found.values())


def _question(at: int, entry: e.InterventionOpened, labels: Mapping[str, str]) -> QuestionStory:
    return QuestionStory(
        id=entry.intervention,
        kind=entry.what,
        path=entry.path,
        label=labels.get(entry.path or "", entry.path or "the saga"),
        direction=Direction(entry.direction) if entry.direction else None,
        question=entry.question,
        evidence=entry.evidence,
        choices=tuple(entry.choices),
        state="open",
        opened=at,
    )


def waits(
    state: SagaState,
    status: Status,
    *,
    gates: Sequence[GateStory],
    questions: Sequence[QuestionStory],
    asked: Sequence[Asked],
    labels: Mapping[str, str],
) -> tuple[Wait, ...]:
    """What has to come before the saga goes on; nothing, once it has ended."""
    if status.is_end:
        return ()
    found = [_for_person(item) for item in questions if item.state == "open"]
    found += [_for_approval(gate) for gate in gates if gate.state == "pending"]
    if state.unwind is None:
        sent = {item.ref for item in asked if item.kind == "event"}
        found += [
            _for_time(timer, labels)
            for timer in state.timers.values()
            if _is_open(timer) and timer.what not in sent
        ]
    if asked or status in (Status.RUNNING, Status.UNWINDING):
        found.append(Wait(kind=WaitKind.WORKER, text="a worker that drives it"))
    return tuple(found)


def _for_person(question: QuestionStory) -> Wait:
    return Wait(
        kind=WaitKind.INTERVENTION,
        ref=question.id,
        label=question.label,
        text=question.question,
    )


def _for_approval(gate: GateStory) -> Wait:
    return Wait(
        kind=WaitKind.GATE,
        ref=gate.id,
        label=gate.label,
        text=f"approval by {gate.asked}",
        until=gate.deadline,
    )


def _for_time(timer: Timer, labels: Mapping[str, str]) -> Wait:
    label = labels.get(timer.path, timer.path)
    if timer.what == "sleep" and timer.path.rpartition("/")[2].startswith("sleep#"):
        return Wait(kind=WaitKind.SLEEP, label=label, text="its time", until=timer.until)
    return Wait(
        kind=WaitKind.EVENT,
        ref=timer.what,
        label=label,
        text=f"the event {timer.what}",
        until=timer.until,
    )


def _is_open(timer: Timer) -> bool:
    return not timer.fired and timer.event is None and not timer.interrupted
