"""The JSON of the API: documented by itself, and stable within `v1`.

Members may be added; none is renamed or removed. Instants are ISO 8601 in UTC.

Pure.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from approvals import Gate, Presentation, Vote, VoteKind
from approvals.revision import RefusedEdit
from compensations import Choice
from compensations.interventions import MEANINGS
from sagas.model import Status, instant
from sagas.ports import QuestionRow, SagaRow


class Problem(BaseModel):
    """A refusal, as RFC 9457 has it."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str = Field(description="What is wrong and what to do, for people.")


class FactShape(BaseModel):
    """One of the arguments that would run; what is secret has something standing in its place."""

    name: str
    value: str
    is_secret: bool


class ChangeShape(BaseModel):
    """A value in which a revision differs from the one before."""

    name: str
    before: str | None = Field(description="Null where it was not there.")
    after: str | None = Field(description="Null where it is not there any more.")


class VoteShape(BaseModel):
    """What somebody said at a gate."""

    by: str
    vote: VoteKind
    reason: str | None
    at: datetime
    channel: str
    evidence: str
    refused: str | None = Field(description="Why it counts for nothing; null if it counts.")

    @classmethod
    def of(cls, vote: Vote) -> "VoteShape":
        """The shape of a vote."""
        return cls(
            by=vote.principal,
            vote=vote.kind,
            reason=vote.reason,
            at=vote.at,
            channel=vote.channel,
            evidence=vote.evidence,
            refused=vote.refusal.value if vote.refusal else None,
        )


class RefusedEditShape(BaseModel):
    """An edit that changed nothing."""

    by: str
    reason: str
    at: datetime
    channel: str
    evidence: str
    revision: int
    refused: str = Field(description="Why it was refused.")

    @classmethod
    def of(cls, edit: RefusedEdit) -> "RefusedEditShape":
        """The shape of a refused edit."""
        return cls(
            by=edit.principal,
            reason=edit.reason,
            at=edit.at,
            channel=edit.channel,
            evidence=edit.evidence,
            revision=edit.revision,
            refused=edit.refusal.value,
        )


class GateBrief(BaseModel):
    """A gate in a list."""

    id: str
    saga_id: str
    title: str
    state: str
    standing: str
    reversibility: str
    digest: str
    opened_at: datetime
    deadline: datetime

    @classmethod
    def of(cls, gate: Gate, shown: Presentation) -> "GateBrief":
        """The shape of a gate in a list."""
        return cls(**_brief(gate, shown))


class GateShape(GateBrief):
    """A gate with everything that is shown of it."""

    path: str
    direction: str
    action: str
    requester: str
    revision: int
    editor: str | None = Field(description="Who made this revision, and does not decide.")
    facts: list[FactShape]
    changes: list[ChangeShape] = Field(description="What differs from the revision before.")
    complete: bool = Field(description="Whether the facts are all there is.")
    may_approve: bool = Field(description="Whether a view of this may offer to approve.")
    warnings: list[str]
    because: str | None = Field(description="Why, in words that nobody has verified.")
    cannot_undo: str
    done_so_far: list[str]
    on_rejection: str
    who: str
    still_needed: str
    seen: str = Field(description="The digest of this presentation; send it with a vote.")
    decided_at: datetime | None
    decided_by: str | None
    reason: str | None
    votes: list[VoteShape]
    refused_edits: list[RefusedEditShape]

    @classmethod
    def whole(
        cls, gate: Gate, shown: Presentation, votes: list[Vote], refused: list[RefusedEdit]
    ) -> "GateShape":
        """The shape of a gate."""
        return cls(
            **_brief(gate, shown),
            path=gate.path,
            direction=gate.direction,
            action=shown.action,
            requester=gate.requester,
            revision=gate.revision,
            editor=shown.editor,
            changes=[
                ChangeShape(name=change.name, before=change.before, after=change.after)
                for change in shown.changes
            ],
            facts=[
                FactShape(name=fact.name, value=fact.value, is_secret=fact.is_secret)
                for fact in shown.facts
            ],
            complete=shown.complete,
            may_approve=shown.may_approve,
            warnings=list(shown.warnings),
            because=shown.because,
            cannot_undo=shown.cannot_undo,
            done_so_far=list(shown.done_so_far),
            on_rejection=shown.on_rejection,
            who=shown.who,
            still_needed=shown.still_needed,
            seen=shown.seen,
            decided_at=gate.decided_at,
            decided_by=gate.decided_by,
            reason=gate.reason,
            votes=[VoteShape.of(vote) for vote in votes],
            refused_edits=[RefusedEditShape.of(edit) for edit in refused],
        )


def _brief(gate: Gate, shown: Presentation) -> dict[str, Any]:
    return {
        "id": gate.id,
        "saga_id": gate.saga_id,
        "title": shown.title,
        "state": gate.state.value,
        "standing": shown.standing,
        "reversibility": shown.reversibility.value,
        "digest": gate.digest,
        "opened_at": gate.opened_at,
        "deadline": gate.deadline,
    }


class ChoiceShape(BaseModel):
    """One of the answers on offer."""

    choice: Choice
    means: str


class QuestionShape(BaseModel):
    """An intervention."""

    id: str
    saga_id: str
    path: str | None
    kind: str
    question: str
    evidence: str
    choices: list[ChoiceShape]
    wants_result: bool
    state: str
    opened_at: datetime
    choice: str | None
    by: str | None
    reason: str | None
    closed_at: datetime | None
    identified_by: str | None = Field(description="How whoever answered was identified.")
    channel: str | None = Field(description="Where the answer came in.")

    @classmethod
    def of(cls, row: QuestionRow) -> "QuestionShape":
        """The shape of an intervention."""
        return cls(
            id=row.id,
            saga_id=row.saga_id,
            path=row.path,
            kind=row.kind,
            question=row.question,
            evidence=row.evidence,
            choices=[ChoiceShape(choice=each, means=MEANINGS[each]) for each in row.choices],
            wants_result=row.wants_result,
            state=row.state,
            opened_at=instant(row.opened_at),
            choice=row.choice,
            by=row.by,
            reason=row.reason,
            closed_at=None if row.closed_at is None else instant(row.closed_at),
            identified_by=row.identified_by,
            channel=row.channel,
        )


class SagaShape(BaseModel):
    """A saga, and where it stands."""

    id: str
    saga: str
    version: int
    status: Status
    reason: str | None
    starter: str
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: SagaRow) -> "SagaShape":
        """The shape of a saga."""
        return cls(
            id=row.id,
            saga=row.saga,
            version=row.version,
            status=row.status,
            reason=row.reason,
            starter=row.starter,
            created_at=instant(row.created_at),
            updated_at=instant(row.updated_at),
        )


class QuestionsShape(BaseModel):
    """A page of the interventions that wait."""

    interventions: list[QuestionShape]
    next: str | None = Field(description="Where the next page begins: send it as `after`.")

    @classmethod
    def of(cls, rows: Sequence[QuestionRow], following: str | None) -> "QuestionsShape":
        """The shape of a page."""
        return cls(interventions=[QuestionShape.of(row) for row in rows], next=following)


class InboxShape(BaseModel):
    """A page of what waits; interventions are on the first one."""

    gates: list[GateBrief]
    next: str | None = Field(description="Where the next page begins: send it as `after`.")
    interventions: list[QuestionShape]
    next_interventions: str | None = Field(
        description="Where the next page of `/interventions` begins: send it there as `after`."
    )


class Sent(BaseModel):
    """What programs send: all of it is known, and of the right types."""

    model_config = ConfigDict(extra="forbid", strict=True)


def _in_utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise ValueError("this is out of all time") from None


Name = Annotated[str, Field(min_length=1, max_length=200)]
Reason = Annotated[str, Field(min_length=1, max_length=2_000)]
Instant = Annotated[AwareDatetime, Field(strict=False), AfterValidator(_in_utc)]
"""An instant with its offset from UTC."""


class VoteBody(Sent):
    """A vote: for what was shown, and for nothing else."""

    model_config = ConfigDict(extra="forbid", strict=False)

    decision: VoteKind
    digest: Annotated[
        str,
        Field(
            pattern="^[0-9a-fA-F]{64}$", description="That of the gate as it was shown, in full."
        ),
    ]
    seen: Annotated[str | None, Field(max_length=100)] = None
    reason: Annotated[str | None, Field(max_length=2_000)] = None


class EditBody(Sent):
    """Other arguments: all of them, as the action's own types take them."""

    arguments_json: Annotated[str, Field(description="An object, as JSON text.")]
    revision: Annotated[
        int, Field(ge=1, le=1_000_000, description="That of the gate as it was shown.")
    ]
    digest: Annotated[
        str, Field(pattern="^[0-9a-fA-F]{64}$", description="That of the revision, in full.")
    ]
    reason: Reason


class AnswerBody(Sent):
    """An answer to an intervention."""

    model_config = ConfigDict(extra="forbid", strict=False)

    choice: Choice
    reason: Reason
    result_json: Annotated[
        str | None, Field(description="For `happened`: what the call returned, as JSON text.")
    ] = None
