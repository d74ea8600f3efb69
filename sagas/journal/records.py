"""Stored rows to values and back.

Pure.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime

from approvals import Approval, Gate, GateState, Vote, VoteKind
from approvals.aftermath import Aftermath
from approvals.figures import AskedGate, CastVote
from approvals.parties import Parties
from approvals.quorum import Refusal
from approvals.revision import EditRefusal, RefusedEdit, Revision
from approvals.stakes import Stakes
from compensations import Choice
from sagas.chain import Row
from sagas.errors import Corrupt, PayloadError
from sagas.journal.operation import Record
from sagas.locking import LockRow
from sagas.model import Status, instant, micros
from sagas.ports import (
    Delivery,
    DeliveryState,
    Drill,
    OpenQuestion,
    QuestionRow,
    Request,
    SagaRow,
)

_SAYINGS = frozenset(VoteKind)
PASSED, FAILED = "passed", "failed"
"""The results of a drill, as they are stored."""


def saga_row(record: Record) -> SagaRow:
    """The row of `{saga}`."""
    return SagaRow(
        id=record[0],
        saga=record[1],
        version=record[2],
        input_digest=record[3],
        starter=record[4],
        status=Status(record[5]),
        reason=record[6],
        head=record[7],
        head_hash=record[8],
        owner=record[9],
        control=record[10],
        folded=record[11],
        wake_at=record[12],
        created_at=record[13],
        updated_at=record[14],
        deaths=record[15],
    )


def entry_row(record: Record) -> Row:
    """The row of `{entry}`."""
    return Row(*record)


def request(record: Record) -> Request:
    """The row of `{request}`."""
    number, kind, ref, actor, reason, state, made_at, payload, valid_until, *identity = record
    return Request(
        id=number,
        kind=kind,
        ref=ref,
        by=actor,
        reason=reason,
        state=state,
        at=made_at,
        payload=_bytes(payload),
        valid_until=valid_until,
        identified_by=identity[0],
        channel=identity[1],
    )


def question_row(record: Record) -> QuestionRow:
    """The row of `{question}`."""
    return QuestionRow(
        id=record[0],
        saga_id=record[1],
        path=record[2],
        kind=record[3],
        question=record[4],
        evidence=record[5],
        choices=_choices(record[6]),
        wants_result=bool(record[7]),
        state=record[8],
        opened_at=record[9],
        choice=record[10],
        by=record[11],
        reason=record[12],
        closed_at=record[13],
        identified_by=record[14],
        channel=record[15],
    )


def question_values(saga_id: str, op: OpenQuestion) -> tuple[object, ...]:
    """The values of `OPEN_QUESTION`."""
    return (
        op.intervention_id,
        saga_id,
        op.path,
        op.kind,
        storable(op.question),
        storable(op.evidence),
        json.dumps([choice.value for choice in op.choices]),
        op.wants_result,
        op.at,
    )


def gate(record: Record) -> Gate:
    """The row of `{gate}`."""
    return Gate(
        id=record[0],
        saga_id=record[1],
        path=record[2],
        direction=record[3],
        generation=record[4],
        revision=record[5],
        action=record[6],
        action_version=record[7],
        arguments=record[8].encode(),
        policy=Approval.from_json(record[9]),
        digest=record[10],
        parties=Parties.from_json(record[11]),
        state=GateState(record[12]),
        opened_at=instant(record[13]),
        deadline=instant(record[14]),
        decided_at=_instant(record[15]),
        decided_by=record[16],
        reason=record[17],
        valid_until=_instant(record[18]),
        eligible=tuple(json.loads(record[19])),
        stakes=Stakes.from_json(record[20]),
        because=record[21],
        editor=record[22],
        vetoers=tuple(json.loads(record[23])),
        voted=record[24],
        aftermath=None if record[25] is None else Aftermath(record[25]),
    )


def gate_values(opened: Gate) -> tuple[object, ...]:
    """The values of `OPEN_GATE`."""
    return (
        opened.id,
        opened.saga_id,
        opened.path,
        opened.direction,
        opened.generation,
        opened.revision,
        opened.action,
        opened.action_version,
        opened.arguments.decode(),
        opened.policy.to_json(),
        opened.digest,
        opened.parties.to_json(),
        opened.state.value,
        micros(opened.opened_at),
        micros(opened.deadline),
        _micros(opened.decided_at),
        opened.decided_by,
        opened.reason,
        _micros(opened.valid_until),
        json.dumps(opened.eligible),
        opened.stakes.to_json(),
        None if opened.because is None else storable(opened.because),
        opened.editor,
        json.dumps(opened.vetoers),
    )


def revision(record: Record) -> Revision:
    """The row of `{revision}`."""
    _, number, arguments, digest, stakes, actor, reason, made_at = record
    return Revision(
        number=number,
        arguments=arguments.encode(),
        digest=digest,
        stakes=Stakes.from_json(stakes),
        by=actor,
        reason=reason,
        at=instant(made_at),
    )


def revision_values(
    asked: Gate, *, by: str | None, reason: str | None, at: datetime
) -> tuple[object, ...]:
    """The values of `ADD_REVISION`, for what a gate asks about."""
    return (
        asked.id,
        asked.revision,
        asked.arguments.decode(),
        asked.digest,
        asked.stakes.to_json(),
        by,
        reason,
        micros(at),
    )


def revised_values(revised: Gate) -> tuple[object, ...]:
    """The values of `REVISE_GATE`."""
    return (
        revised.id,
        revised.revision,
        revised.arguments.decode(),
        revised.digest,
        revised.stakes.to_json(),
        revised.editor,
    )


def refused_edit(record: Record) -> RefusedEdit:
    """The row of `{refused_edit}`."""
    return RefusedEdit(
        principal=record[0],
        reason=record[1],
        channel=record[2],
        at=instant(record[3]),
        revision=record[4],
        groups=frozenset(json.loads(record[5])),
        evidence=record[6],
        digest=record[7],
        arguments_hash=record[8],
        refusal=EditRefusal(record[9]),
    )


def refused_edit_values(gate_id: str, refused: RefusedEdit) -> tuple[object, ...]:
    """The values of `RECORD_REFUSED_EDIT`."""
    return (
        gate_id,
        refused.principal,
        refused.reason,
        refused.channel,
        micros(refused.at),
        refused.revision,
        json.dumps(sorted(refused.groups)),
        refused.evidence,
        refused.digest,
        refused.arguments_hash,
        refused.refusal.value,
    )


def decision_values(decided: Gate) -> tuple[object, ...]:
    """The values of `DECIDE_GATE`."""
    return (
        decided.id,
        decided.state.value,
        _micros(decided.decided_at),
        decided.decided_by,
        decided.reason,
        _micros(decided.valid_until),
    )


def vote(record: Record) -> Vote:
    """The row of `{vote}`.

    Raises:
        Corrupt: It says nothing that a vote can say: that is neither a yes nor a no.
    """
    principal, kind, reason, channel, cast_at, revision, member_of, *shown = record
    evidence, digest, seen, refusal, acting_for, acting_groups, delegation = shown
    if kind not in _SAYINGS:
        raise Corrupt(
            f"a vote of {principal} says {kind!r}, which is no vote; upgrade this installation if a "
            "newer version wrote it"
        )
    return Vote(
        principal=principal,
        kind=VoteKind(kind),
        reason=reason,
        channel=channel,
        at=instant(cast_at),
        revision=revision,
        groups=frozenset(json.loads(member_of)),
        evidence=evidence,
        digest=digest,
        seen=seen,
        refusal=None if refusal is None else Refusal(refusal),
        acting_for=acting_for,
        acting_groups=frozenset(json.loads(acting_groups or "[]")),
        delegation=delegation,
    )


def vote_values(gate_id: str, given: Vote) -> tuple[object, ...]:
    """The values of `RECORD_VOTE`."""
    return (
        gate_id,
        given.principal,
        given.kind.value,
        given.reason,
        given.channel,
        micros(given.at),
        given.revision,
        json.dumps(sorted(given.groups)),
        given.evidence,
        given.digest,
        given.seen,
        None if given.refusal is None else given.refusal.value,
        given.acting_for,
        None if given.acting_for is None else json.dumps(sorted(given.acting_groups)),
        given.delegation,
    )


def asked_gate(record: Record) -> AskedGate:
    """The row of `ASKED_SINCE`."""
    return AskedGate(
        action=record[0],
        state=GateState(record[1]),
        opened_at=instant(record[2]),
        decided_at=_instant(record[3]),
    )


def cast_vote(record: Record) -> CastVote:
    """The row of `CAST_SINCE`."""
    return CastVote(
        principal=record[0],
        kind=VoteKind(record[1]),
        opened_at=instant(record[2]),
        cast_at=instant(record[3]),
        has_reason=bool(record[4]),
    )


def lock_row(record: Record) -> LockRow:
    """The row of `{lock}`."""
    number, key, saga_id, path, since, held, until, woken = record
    return LockRow(number, key, saga_id, path, since, bool(held), until, bool(woken))


def drill(record: Record) -> Drill:
    """The row of `{drill}`."""
    return Drill(
        id=record[0],
        action=record[1],
        version=record[2],
        digest=record[3],
        passed=record[4] == PASSED,
        detail=record[5],
        runs=record[6],
        sandbox=record[7],
        by=record[8],
        at=record[9],
    )


def drill_values(found: Drill) -> tuple[object, ...]:
    """The values of `RECORD_DRILL`."""
    return (
        found.id,
        found.action,
        found.version,
        found.digest,
        PASSED if found.passed else FAILED,
        storable(found.detail),
        found.runs,
        storable(found.sandbox),
        storable(found.by),
        found.at,
    )


def delivery(record: Record) -> Delivery:
    """The row of `{delivery}`."""
    return Delivery(
        id=record[0],
        saga_id=record[1],
        subject=record[2],
        channel=record[3],
        target=record[4],
        saying=record[5],
        level=record[6],
        rest=tuple((channel, target) for channel, target in json.loads(record[7])),
        state=DeliveryState(record[8]),
        attempts=record[9],
        next_at=record[10],
        says=record[11],
        receipt=None if record[12] is None else json.loads(record[12]),
        error=record[13],
        made_at=record[14],
        changed_at=record[15],
        for_whom=tuple(json.loads(record[16])),
        round_up=record[17],
    )


def places(route: Iterable[tuple[str, str]]) -> str:
    """A JSON array of places, each a channel and a target."""
    return json.dumps([list(place) for place in route])


def mapped(receipt: Mapping[str, str]) -> str:
    """A JSON object of texts."""
    return json.dumps(dict(receipt))


def listed(values: Iterable[str | int]) -> str:
    """A JSON array of texts, for the statements that take a set."""
    return json.dumps([str(value) for value in values])


def check_text(value: str | None, what: str) -> None:
    """Refuse text from outside that one of the databases could not hold.

    Raises:
        PayloadError: It contains a NUL character or half of a surrogate pair.
    """
    if value is not None and storable(value) != value:
        raise PayloadError(f"{what} contains a character that cannot be stored: write it without")


def storable(text: str) -> str:
    """Text for people, with what a database cannot hold replaced by question marks."""
    return text.replace("\x00", "?").encode("utf-8", "replace").decode()


def _choices(text: str) -> tuple[Choice, ...]:
    return tuple(Choice(choice) for choice in json.loads(text))


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else text.encode()


def _instant(value: int | None) -> datetime | None:
    return None if value is None else instant(value)


def _micros(value: datetime | None) -> int | None:
    return None if value is None else micros(value)
