"""Everything that is known of one saga, read for people."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from approvals import Gate, Presentation, Vote
from approvals.gate import expire
from approvals.redaction import Redaction
from approvals.revision import RefusedEdit
from sagas.chain import Break, Row, verify
from sagas.coordinator import Coordinator
from sagas.discreet import redaction_of, without_secrets
from sagas.entries import Entry
from sagas.ports import Delivery, QuestionRow, Request, SagaRow
from sagas.restoring import readable
from sagas.story import Asked, GateStory, Story, tell

S = TypeVar("S", Vote, RefusedEdit, Asked)

MOST_MESSAGES = 10_000
"""More messages about one saga than anyone reads."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A saga's story, and what it was made from.

    Attributes:
        entries: What was recorded, without its secrets.
        presentations: The gates that can be decided, as people see them.
        votes: What each person said, by gate.
        refused_edits: The edits that changed nothing, by gate.
        deliveries: The messages to people, by gate or intervention; the oldest first.
        broken: Where its chain does not verify, if anywhere.
        unread: Why the entries after these cannot be read, if there are any.
    """

    story: Story
    row: SagaRow
    rows: list[Row]
    entries: list[tuple[int, int, Entry]]
    gates: dict[str, Gate]
    presentations: dict[str, Presentation]
    votes: dict[str, list[Vote]]
    refused_edits: dict[str, list[RefusedEdit]]
    deliveries: dict[str, list[Delivery]]
    questions: dict[str, QuestionRow]
    broken: Break | None
    unread: str | None

    @property
    def head_hash(self) -> str:
        """The hash of the last entry: it stands for all of them."""
        return self.rows[-1].hash


async def read(coordinator: Coordinator, saga_id: str) -> Reading:
    """Read a saga.

    Raises:
        UnknownSaga: There is none of that id.
        Corrupt: Not even its first entry can be read.
    """
    loaded = await coordinator.load(saga_id)
    store = coordinator.store
    gates = {gate.id: gate for gate in await store.gates_of(saga_id)}
    votes = {gate_id: await store.votes(gate_id) for gate_id in gates}
    refused = {gate_id: await store.refused_edits(gate_id) for gate_id in gates}
    questions = {question.id: question for question in await store.questions_of(saga_id)}
    entries, unread = readable(loaded.rows)
    if unread is not None and not entries:
        raise unread
    redaction = redaction_of(entries, store.journal_id)
    entries = without_secrets(entries, redaction)
    votes = {gate: [_worded(vote, redaction) for vote in said] for gate, said in votes.items()}
    refused = {gate: [_worded(edit, redaction) for edit in said] for gate, said in refused.items()}
    row = loaded.row
    story = tell(
        saga_id,
        entries,
        status=row.status,
        reason=row.reason,
        asked=[_worded(asked_of(request), redaction) for request in loaded.requests],
    )
    story = replace(story, gates=_as_of(coordinator.now(), story.gates, gates))
    broken = verify(store.journal_id, saga_id, loaded.rows, head=row.head, head_hash=row.head_hash)
    rest = None if unread is None else str(unread)
    presentations = {
        gate.id: await coordinator.presentation(gate.id)
        for gate in gates.values()
        if gate.state.is_open
    }
    return Reading(
        story,
        row,
        loaded.rows,
        entries,
        gates,
        presentations,
        votes,
        refused,
        await _deliveries(coordinator, saga_id),
        questions,
        broken,
        rest,
    )


def _worded(said: S, redaction: Redaction) -> S:
    """What a person said, without the secrets in the reason that they gave."""
    return replace(said, reason=redaction.masked(said.reason)) if said.reason else said


def _as_of(
    now: datetime, told: tuple[GateStory, ...], gates: Mapping[str, Gate]
) -> tuple[GateStory, ...]:
    """Gates whose time is over are so, although no saga was driven to write it down."""

    def current(item: GateStory) -> GateStory:
        row = gates.get(item.id)
        if row is None or row.state.value != item.state:
            return item
        return replace(item, state=expire(row, now).state.value)

    return tuple(current(item) for item in told)


async def _deliveries(coordinator: Coordinator, saga_id: str) -> dict[str, list[Delivery]]:
    found: dict[str, list[Delivery]] = {}
    rows = await coordinator.store.deliveries(saga_id=saga_id, state=None, limit=MOST_MESSAGES)
    for row in reversed(rows):
        found.setdefault(row.subject, []).append(row)
    return found


def asked_of(request: Request) -> Asked:
    """A request as the story tells of it; the key of a call says nothing to people."""
    state = request.state.partition(" ")[0] if request.kind == "late" else request.state
    return Asked(
        request.kind,
        request.ref,
        request.by,
        state,
        request.reason,
        request.at,
        request.identified_by,
        request.channel,
    )
