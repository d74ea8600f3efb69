"""The timeline: entries told as beats, each attempt together with its outcome.

Pure.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from compensations.interventions import WITH_DIFF
from sagas import entries as e
from sagas.fold import read_residue
from sagas.model import Direction
from sagas.story.model import Beat, Mark
from sagas.story.wording import clock, moment

Row = tuple[int, int, e.Entry]

_KNOWN_BY = {
    "probe": "found by asking the destination",
    "person": "settled by a person",
    "gate": "",
    "before": "the state before could not be read",
    "cancel": "never called",
    "late": "the call answered after it had been given up",
}


@dataclass(slots=True)
class Telling:
    """The beats so far, and which of them are still open.

    Attributes:
        open: The attempt of each call, and each timer, whose outcome is not told yet, as an index
            into `beats`.
    """

    labels: Mapping[str, str]
    beats: list[Beat] = field(default_factory=list[Beat])
    open: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])

    def label(self, path: str | None) -> str:
        """How a path is called here."""
        return self.labels.get(path or "", path or "")

    def tell(self, seq: int, at: int, mark: Mark, verb: str, **parts: Any) -> None:
        """Add a beat."""
        path = parts.get("path")
        parts.setdefault("subject", self.label(path))
        self.beats.append(Beat(seq=seq, last=seq, at=at, mark=mark, verb=verb, **parts))

    def begin(self, key: tuple[str, str]) -> None:
        """Leave the last beat open, to be closed under that key."""
        self.open[key] = len(self.beats) - 1

    def close(self, key: tuple[str, str], seq: int, at: int, mark: Mark, **parts: Any) -> bool:
        """Complete an open beat with its outcome; False if there is none."""
        index = self.open.pop(key, None)
        if index is None:
            return False
        beat = self.beats[index]
        parts["detail"] = _joined(beat.detail, parts.get("detail", ""))
        parts["more"] = (*beat.more, *parts.get("more", ()))
        self.beats[index] = replace(beat, last=seq, took=at - beat.at, mark=mark, **parts)
        return True


def tell(rows: Iterable[Row], labels: Mapping[str, str]) -> tuple[Beat, ...]:
    """The timeline of a saga's entries, in order."""
    telling = Telling(labels)
    for seq, at, entry in rows:
        _TELLERS[type(entry)](telling, seq, at, entry)
    return tuple(telling.beats)


def _joined(*parts: str | None) -> str:
    return ", ".join(part for part in parts if part)


def _attempt_number(attempt: int) -> str:
    return f"attempt {attempt}" if attempt > 1 else ""


# --- the saga ---------------------------------------------------------------------------------


def _started(t: Telling, seq: int, at: int, entry: e.Started) -> None:
    what = f"{entry.saga} version {entry.version}"
    until = f"deadline {moment(entry.deadline)}" if entry.deadline is not None else ""
    t.tell(
        seq,
        at,
        Mark.STARTED,
        "started",
        subject=what,
        detail=_joined(f"by {entry.starter}", until),
        more=_facts(input=_text(entry.payload)),
    )


def _cancel_requested(t: Telling, seq: int, at: int, entry: e.CancelRequested) -> None:
    late = "too late: it cannot be undone as a whole any more" if entry.too_late else ""
    detail = _joined(f"by {entry.by}: {entry.reason}", late)
    more = _facts(identified_by=entry.identified_by, channel=entry.channel)
    t.tell(seq, at, Mark.ASKED, "cancel asked", detail=detail, more=more)


def _deadline_passed(t: Telling, seq: int, at: int, entry: e.DeadlinePassed) -> None:
    late = "too late: an irreversible step has begun" if entry.too_late else ""
    t.tell(seq, at, Mark.ASKED, "deadline passed", detail=late)


def _ended(t: Telling, seq: int, at: int, entry: e.Ended) -> None:
    t.tell(
        seq,
        at,
        Mark.ENDED,
        "ended",
        subject=entry.status,
        detail=entry.reason or "",
        more=_facts(result=_text(entry.payload)),
    )


def _reopened(t: Telling, seq: int, at: int, entry: e.Reopened) -> None:
    call = "the undo of this step" if entry.direction == Direction.UNDO else "this step"
    detail = f"{call} took effect after the end"
    t.tell(seq, at, Mark.TURNED, "reopened", path=entry.path, detail=detail)


# --- what a body reads ------------------------------------------------------------------------


def _recorded(t: Telling, seq: int, at: int, entry: e.Recorded) -> None:
    t.tell(
        seq,
        at,
        Mark.NOTED,
        "recorded",
        path=entry.path,
        detail=entry.what,
        more=_facts(value=_text(entry.payload)),
    )


def _timer_set(t: Telling, seq: int, at: int, entry: e.TimerSet) -> None:
    until = f"until {moment(entry.until)}" if entry.until is not None else ""
    t.tell(seq, at, Mark.WAITED, "waits", path=entry.path, detail=until)
    t.begin((entry.path, "timer"))


def _timer_fired(t: Telling, seq: int, at: int, entry: e.TimerFired) -> None:
    t.close((entry.path, "timer"), seq, at, Mark.WAITED, verb="waited")


def _event_received(t: Telling, seq: int, at: int, entry: e.EventReceived) -> None:
    t.tell(
        seq,
        at,
        Mark.NOTED,
        "received",
        subject=entry.name,
        detail=f"from {entry.by}",
        more=_facts(payload=_text(entry.payload)),
    )


def _event_taken(t: Telling, seq: int, at: int, entry: e.EventTaken) -> None:
    t.close((entry.path, "timer"), seq, at, Mark.WAITED, verb="waited", detail="the event came")


# --- steps ------------------------------------------------------------------------------------


def _intended(t: Telling, seq: int, at: int, entry: e.Intended) -> None:
    t.tell(
        seq,
        at,
        Mark.RUNNING,
        "does",
        path=entry.path,
        direction=Direction.DO,
        detail=_attempt_number(entry.attempt),
        more=_facts(
            action=f"{entry.action} version {entry.version}",
            class_=entry.reversibility,
            idempotency_key=entry.key,
            gate=entry.gate,
            approval_waived=entry.waiver,
            arguments=_text(entry.payload),
            state_before=entry.before,
        ),
    )
    t.begin((entry.path, Direction.DO))


def _succeeded(t: Telling, seq: int, at: int, entry: e.Succeeded) -> None:
    lost = f"its result cannot be stored: {entry.unstorable}" if entry.unstorable else ""
    _settled(
        t,
        seq,
        at,
        entry.path,
        Direction.DO,
        mark=Mark.DONE,
        verb="did",
        via=entry.via,
        detail=lost,
        result=entry.payload,
    )


_NEVER_CALLED = frozenset({"gate", "probe", "person", "cancel", "lock"})
"""Ways in which a step is known not to have happened that are not the answer of its call."""


def _failed(t: Telling, seq: int, at: int, entry: e.Failed) -> None:
    detail = f"{entry.error}: {entry.message}" if entry.message else entry.error
    verb = "did not" if entry.via in _NEVER_CALLED else "failed"
    _settled(
        t,
        seq,
        at,
        entry.path,
        Direction.DO,
        mark=Mark.FAILED,
        verb=verb,
        via=entry.via,
        detail=detail,
    )


def _settled(
    t: Telling,
    seq: int,
    at: int,
    path: str,
    direction: Direction,
    *,
    mark: Mark,
    verb: str,
    via: str,
    detail: str = "",
    result: bytes | None = None,
) -> None:
    """An outcome: of the open attempt if the call itself told it, else a beat of its own."""
    more = _facts(result=_text(result))
    if via == "call" and t.close(
        (path, direction), seq, at, mark, verb=verb, detail=detail, more=more
    ):
        return
    t.open.pop((path, direction), None)
    how = _KNOWN_BY.get(via, "" if via == "call" else via)
    t.tell(
        seq, at, mark, verb, path=path, direction=direction, detail=_joined(detail, how), more=more
    )


def _found_in_doubt(t: Telling, seq: int, at: int, entry: e.FoundInDoubt) -> None:
    direction = Direction(entry.direction)
    key = (entry.path, direction)
    if entry.observed and t.close(key, seq, at, Mark.DOUBT, verb="in doubt", detail=entry.reason):
        return
    index = t.open.pop(key, None)
    if index is not None:
        t.beats[index] = replace(t.beats[index], mark=Mark.DOUBT, verb="began")
    t.tell(
        seq, at, Mark.DOUBT, "in doubt", path=entry.path, direction=direction, detail=entry.reason
    )


def _postponed(t: Telling, seq: int, at: int, entry: e.Postponed) -> None:
    detail = _joined(
        f"{entry.error}: {entry.message}" if entry.message else entry.error,
        f"again from {clock(entry.until, fine=True)}",
    )
    key = (entry.path, entry.direction)
    if not t.close(key, seq, at, Mark.FAILED, verb="refused", detail=detail):
        t.tell(seq, at, Mark.FAILED, "refused", path=entry.path, detail=detail)


def _probed(t: Telling, seq: int, at: int, entry: e.Probed) -> None:
    early = "" if entry.counts or entry.answer != "absent" else "too early to count"
    detail = _joined(f"the destination says: {entry.answer}", early, entry.message)
    t.tell(
        seq,
        at,
        Mark.NOTED,
        "probed",
        path=entry.path,
        direction=Direction(entry.direction),
        detail=detail,
        more=_facts(found=_text(entry.payload)),
    )


def _blocked(t: Telling, seq: int, at: int, entry: e.Blocked) -> None:
    keys, held = ", ".join(entry.keys), ", ".join(entry.holders)
    verb = "waits for its turn" if entry.waits else "finds it locked"
    until = f"until {moment(entry.until)}" if entry.until is not None else ""
    detail = _joined(f"{keys}: {held}", until)
    t.tell(seq, at, Mark.WAITED, verb, path=entry.path, detail=detail)


def _lock_released(t: Telling, seq: int, at: int, entry: e.LockReleased) -> None:
    detail = f"by {entry.by}: {entry.reason}"
    more = _facts(token=str(entry.token), identified_by=entry.identified_by)
    t.tell(seq, at, Mark.TURNED, "lock released", subject=entry.key, detail=detail, more=more)


def _interrupted(t: Telling, seq: int, at: int, entry: e.Interrupted) -> None:
    t.tell(seq, at, Mark.NOTED, "left alone", path=entry.path, detail="the body stopped waiting")


def _parallel_closed(t: Telling, seq: int, at: int, entry: e.ParallelClosed) -> None:
    branch = f"{entry.path.rpartition('/')[2]}.{entry.branch + 1}"
    detail = "failed: the other branches begin nothing new"
    t.tell(seq, at, Mark.NOTED, "closed", subject=f"branch {branch}", detail=detail)


# --- gates ------------------------------------------------------------------------------------


def _gate_opened(t: Telling, seq: int, at: int, entry: e.GateOpened) -> None:
    undo = "to undo it, " if entry.direction == Direction.UNDO else ""
    t.tell(
        seq,
        at,
        Mark.ASKED,
        "asked",
        path=entry.path,
        direction=Direction(entry.direction),
        detail=f"{undo}approval by {entry.by}",
        more=_facts(
            gate=entry.gate,
            deadline=moment(entry.deadline),
            action=f"{entry.action} version {entry.version}",
            arguments=_text(entry.payload),
            digest=entry.digest,
        ),
    )


def _gate_revised(t: Telling, seq: int, at: int, entry: e.GateRevised) -> None:
    t.tell(
        seq,
        at,
        Mark.ASKED,
        "edited",
        path=entry.path,
        detail=f"by {entry.by}: {entry.reason}",
        more=_facts(
            gate=entry.gate,
            revision=str(entry.revision),
            arguments=_text(entry.payload),
            digest=entry.digest,
            identified_by=entry.identified_by,
            channel=entry.channel,
        ),
    )


def _gate_decided(t: Telling, seq: int, at: int, entry: e.GateDecided) -> None:
    mark = {"approved": Mark.AGREED, "rejected": Mark.REFUSED}.get(entry.state, Mark.NOTED)
    by = f"by {entry.by}" if entry.by else ""
    detail = ": ".join(part for part in (by, entry.reason) if part)
    facts = _facts(
        gate=entry.gate,
        valid_until=None if entry.valid_until is None else moment(entry.valid_until),
    )
    t.tell(seq, at, mark, entry.state, path=entry.path, detail=detail, more=facts)


def _gate_consumed(t: Telling, seq: int, at: int, entry: e.GateConsumed) -> None:
    taken = f" of {entry.amount}" if entry.amount else ""
    rule = f", and a use{taken} of rule {entry.rule}" if entry.rule else ""
    detail = f"by {entry.gate}, which is used up{rule}"
    t.tell(seq, at, Mark.NOTED, "admitted", path=entry.path, detail=detail)


# --- unwinding --------------------------------------------------------------------------------


def _window_alarmed(t: Telling, seq: int, at: int, entry: e.WindowAlarmed) -> None:
    detail = f"closes at {moment(entry.closes_at)}"
    more = _facts(response=entry.response)
    t.tell(seq, at, Mark.NOTED, "window closing", path=entry.path, detail=detail, more=more)


def _window_closed(t: Telling, seq: int, at: int, entry: e.WindowClosed) -> None:
    detail = f"could be undone until {moment(entry.closed_at)}"
    t.tell(seq, at, Mark.TURNED, "window closed", path=entry.path, detail=detail)


def _unwind_began(t: Telling, seq: int, at: int, entry: e.UnwindBegan) -> None:
    more = _facts(cause=entry.cause, generation=str(entry.generation))
    t.tell(seq, at, Mark.TURNED, "unwinds", detail=entry.reason, more=more)


def _guard_asked(t: Telling, seq: int, at: int, entry: e.GuardAsked) -> None:
    words = {"held": "as it was left", "changed": "has changed since", "failed": "cannot be told"}
    detail = _joined(words.get(entry.answer, entry.answer), entry.message)
    t.tell(seq, at, Mark.NOTED, "guard asked", path=entry.path, detail=detail)


def _compensation_intended(t: Telling, seq: int, at: int, entry: e.CompensationIntended) -> None:
    unknown = "without knowing whether it took effect" if entry.unknown else ""
    t.tell(
        seq,
        at,
        Mark.RUNNING,
        "undoes",
        path=entry.path,
        direction=Direction.UNDO,
        detail=_joined(_attempt_number(entry.attempt), unknown),
        more=_facts(idempotency_key=entry.key, gate=entry.gate),
    )
    t.begin((entry.path, Direction.UNDO))


def _compensated(t: Telling, seq: int, at: int, entry: e.Compensated) -> None:
    residue = f"leaves: {read_residue(entry.payload)}" if entry.payload is not None else ""
    _settled(
        t,
        seq,
        at,
        entry.path,
        Direction.UNDO,
        mark=Mark.UNDONE,
        verb="undid",
        via=entry.via,
        detail=_joined(residue, "to be accepted" if entry.sign_off else ""),
    )


def _compensation_failed(t: Telling, seq: int, at: int, entry: e.CompensationFailed) -> None:
    detail = f"{entry.error}: {entry.message}" if entry.message else entry.error
    _settled(
        t,
        seq,
        at,
        entry.path,
        Direction.UNDO,
        mark=Mark.FAILED,
        verb="not undone",
        via="call",
        detail=detail,
    )


def _savepoint_set(t: Telling, seq: int, at: int, entry: e.SavepointSet) -> None:
    t.tell(seq, at, Mark.NOTED, "savepoint", subject=t.label(entry.path))


def _rollback_began(t: Telling, seq: int, at: int, entry: e.RollbackBegan) -> None:
    t.tell(
        seq, at, Mark.TURNED, "rolls back", subject=f"to {t.label(entry.path)}", detail=entry.reason
    )


def _rolled_back(t: Telling, seq: int, at: int, entry: e.RolledBackTo) -> None:
    t.tell(seq, at, Mark.TURNED, "rolled back", subject=f"to {t.label(entry.path)}")


# --- people -----------------------------------------------------------------------------------


def _intervention_opened(t: Telling, seq: int, at: int, entry: e.InterventionOpened) -> None:
    t.tell(
        seq,
        at,
        Mark.ASKED,
        "asked",
        path=entry.path,
        direction=Direction(entry.direction) if entry.direction else None,
        detail=f"a person: {_asked(entry.question, _in_short(entry))}",
        more=_facts(
            intervention=entry.intervention, kind=entry.what, choices=", ".join(entry.choices)
        ),
    )


def _asked(question: str, known: str) -> str:
    """What is asked, and what is known of it, as one sentence or two."""
    if not known:
        return question
    return f"{question} {known}" if question.endswith("?") else f"{question}: {known}"


def _in_short(entry: e.InterventionOpened) -> str:
    """What is known, without the diff below it."""
    if entry.what in WITH_DIFF:
        return entry.evidence.partition("\n")[0]
    return entry.evidence


def _intervention_closed(t: Telling, seq: int, at: int, entry: e.InterventionClosed) -> None:
    t.tell(
        seq,
        at,
        Mark.AGREED,
        "answered",
        subject=entry.choice,
        detail=f"by {entry.by}: {entry.reason}" if entry.by else entry.reason,
        more=_facts(
            intervention=entry.intervention,
            result=_text(entry.payload),
            identified_by=entry.identified_by,
            channel=entry.channel,
        ),
    )


def _facts(**given: str | None) -> tuple[tuple[str, str], ...]:
    """What is known of the given, named for people."""
    return tuple(
        (name.rstrip("_").replace("_", " "), value)
        for name, value in given.items()
        if value is not None
    )


def _text(payload: bytes | None) -> str | None:
    return None if payload is None or payload == b"null" else payload.decode()


_TELLERS: dict[type[e.Entry], Callable[[Telling, int, int, Any], None]] = {
    e.Started: _started,
    e.CancelRequested: _cancel_requested,
    e.DeadlinePassed: _deadline_passed,
    e.Ended: _ended,
    e.Reopened: _reopened,
    e.Recorded: _recorded,
    e.TimerSet: _timer_set,
    e.TimerFired: _timer_fired,
    e.EventReceived: _event_received,
    e.EventTaken: _event_taken,
    e.Blocked: _blocked,
    e.LockReleased: _lock_released,
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
    e.WindowAlarmed: _window_alarmed,
    e.WindowClosed: _window_closed,
    e.UnwindBegan: _unwind_began,
    e.GuardAsked: _guard_asked,
    e.CompensationIntended: _compensation_intended,
    e.Compensated: _compensated,
    e.CompensationFailed: _compensation_failed,
    e.SavepointSet: _savepoint_set,
    e.RollbackBegan: _rollback_began,
    e.RolledBackTo: _rolled_back,
    e.InterventionOpened: _intervention_opened,
    e.InterventionClosed: _intervention_closed,
}
