"""The JSON that reading commands print: documented, and stable within a major version.

Instants are ISO 8601 in UTC with microseconds; what is not known is null; a payload is the JSON
that was stored. Members may be added; none is renamed or removed.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from pydantic_core import to_jsonable_python

from approvals import Gate, Presentation, Vote
from approvals.delegation import Delegation
from approvals.redaction import Redaction
from approvals.revision import RefusedEdit
from approvals.rule import StandingRule, amount_of_units
from compensations import Residue, Total
from reversibility import Window
from sagas.cli.reading import Reading
from sagas.entries import Entry
from sagas.granting import Tried
from sagas.locking import LockRow
from sagas.model import instant, micros
from sagas.ports import Delivery, QuestionRow, RuleUse, SagaRow
from sagas.story import CallStory, GateStory, QuestionStory, RevisionStory, StepStory

Shape = dict[str, Any]

_INSTANTS = frozenset(
    {"deadline", "until", "latest_end", "ended", "valid_until", "closes_at", "closed_at"}
)


def dump(value: object) -> str:
    """JSON text for a terminal or a program."""
    return json.dumps(value, ensure_ascii=False, indent=2).encode("utf-8", "replace").decode()


def line(value: object) -> str:
    """The same on one line, for what is read line by line."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace").decode()


def time(micros: int | None) -> str | None:
    """An instant in ISO 8601, UTC."""
    if micros is None:
        return None
    return instant(micros).isoformat(timespec="microseconds").replace("+00:00", "Z")


def value(payload: bytes | str | None) -> object:
    """A stored payload as JSON."""
    if payload is None:
        return None
    found: object = json.loads(payload)
    return found


def saga(row: SagaRow) -> Shape:
    """An item of `list --json`."""
    return {
        "id": row.id,
        "saga": row.saga,
        "version": row.version,
        "status": row.status.value,
        "reason": row.reason,
        "starter": row.starter,
        "created_at": time(row.created_at),
        "updated_at": time(row.updated_at),
        "wake_at": time(row.wake_at),
    }


def history(reading: Reading) -> list[Shape]:
    """`history --json`: every entry with its own fields, the oldest first."""
    known = len(reading.entries)
    return [
        entry(seq, at, found, row.hash)
        for (seq, at, found), row in zip(reading.entries, reading.rows[:known], strict=True)
    ] + [
        {"seq": row.seq, "at": time(row.at), "kind": row.kind, "unread": True, "hash": row.hash}
        for row in reading.rows[known:]
    ]


def entry(seq: int, at: int, found: Entry, hash_: str) -> Shape:
    """One entry, flat."""
    shape: Shape = {"seq": seq, "at": time(at), "kind": found.kind}
    for field in fields(found):
        given = getattr(found, field.name)
        if given is None or field.name == "payload":
            continue
        if field.name in _INSTANTS:
            given = time(given)
        elif field.name == "before":
            given = value(given)
        elif isinstance(given, Window):
            given = to_jsonable_python(given)
        shape[field.name] = given
    if found.payload is not None:
        shape["payload"] = value(found.payload)
    return shape | {"hash": hash_}


def show(reading: Reading, commands: Sequence[str]) -> Shape:
    """`show --json`.

    Args:
        commands: What a person could type next.
    """
    story = reading.story
    return {
        "id": story.id,
        "saga": story.saga,
        "version": story.version,
        "status": story.status.value,
        "reason": story.reason,
        "starter": story.starter,
        "started_at": time(story.started),
        "deadline": time(story.deadline),
        "ended_at": time(story.ended),
        "input": value(story.input),
        "result": value(story.result),
        "steps": [step(item) for item in story.steps],
        "gates": [
            gate(
                item,
                reading.votes.get(item.id, []),
                reading.refused_edits.get(item.id, []),
                reading.deliveries.get(item.id, []),
            )
            for item in story.gates
        ],
        "interventions": [
            intervention(item, reading.deliveries.get(item.id, [])) for item in story.questions
        ],
        "residue": [
            {"path": item.path, "action": item.action, **left.model_dump(mode="json")}
            for item, left in story.residue
        ],
        "residue_sum": total(Total.of(left for _, left in story.residue)),
        "remains": [
            {"path": item.path, "why": item.why.value, "text": item.text} for item in story.remains
        ],
        "waits_for": [
            {
                "kind": item.kind.value,
                "id": item.ref or None,
                "text": item.text,
                "until": time(item.until),
            }
            for item in story.waits
        ],
        "not_taken_up": [
            {
                "kind": item.kind,
                "id": item.ref or None,
                "by": item.by,
                "reason": item.reason or None,
            }
            for item in story.asked
        ],
        "next": list(commands),
        "head": story.head,
        "head_hash": reading.head_hash,
        "verified": reading.broken is None,
        "unread": reading.unread,
    }


def total(found: Total) -> Shape:
    """What several residues come to."""
    return {
        "in_words": found.in_words,
        "money": [
            {"amount": str(amount), "currency": currency or None}
            for currency, amount in sorted(found.money.items())
        ],
        "audience": found.audience and found.audience.value,
        "rows": found.rows,
        "time": to_jsonable_python(found.time),
    }


def measures(found: Residue | None) -> Shape:
    """A residue without its words; None where nothing was measured."""
    if found is None:
        return dict.fromkeys(("amount", "currency", "audience", "rows", "time"))
    return found.model_dump(mode="json", exclude={"text"})


def step(item: StepStory) -> Shape:
    """A step of `show --json`."""
    return {
        "path": item.path,
        "action": item.action,
        "version": item.version,
        # The class is known once the step was intended: it may depend on the arguments.
        "reversibility": item.reversibility.value if item.do.attempts else None,
        "state": item.state.value,
        "late": item.late,
        "arguments": value(item.arguments),
        "called_with": None if item.called is None else value(item.called),
        "result": value(item.result),
        "gate": item.gate,
        "waiver": item.waiver,
        "do": call(item.do),
        "undo": None if item.undo is None else call(item.undo),
        "residue": None if item.residue is None else item.residue.model_dump(mode="json"),
    }


def call(item: CallStory) -> Shape:
    """How doing or undoing went."""
    return {
        "phase": item.phase,
        "attempts": item.attempts,
        "began_at": time(item.began),
        "ended_at": time(item.ended),
        "via": item.via if item.ended is not None else None,
        "key": item.key or None,
        "error": item.error,
        "message": item.message,
    }


def gate(
    item: GateStory,
    votes: Iterable[Vote],
    refused: Iterable[RefusedEdit],
    told: Iterable[Delivery],
) -> Shape:
    """A gate of `show --json`."""
    return {
        "id": item.id,
        "path": item.path,
        "direction": item.direction.value,
        "action": item.action,
        "version": item.version,
        "state": item.state,
        "asked": item.asked,
        "arguments": value(item.arguments),
        "digest": item.digest,
        "opened_at": time(item.opened),
        "deadline": time(item.deadline),
        "decided_at": time(item.decided),
        "decided_by": item.decided_by,
        "reason": item.reason,
        "valid_until": time(item.valid_until),
        "called_with": value(item.called),
        "revisions": [revision(one) for one in item.revisions],
        "votes": [vote(given) for given in votes],
        "refused_edits": [refused_edit(each) for each in refused],
        "deliveries": [delivery(row) for row in told],
    }


def revision(item: RevisionStory) -> Shape:
    """Other arguments that a person proposed."""
    return {
        "number": item.number,
        "by": item.by,
        "reason": item.reason,
        "at": time(item.at),
        "arguments": value(item.arguments),
        "digest": item.digest,
    }


def vote(given: Vote) -> Shape:
    """What one person said."""
    return {
        "by": given.principal,
        "vote": given.kind.value,
        "reason": given.reason,
        "at": given.at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "channel": given.channel,
        "evidence": given.evidence,
        "revision": given.revision,
        "digest": given.digest,
        "seen": given.seen,
        "refusal": None if given.refusal is None else given.refusal.value,
        "acting_for": given.acting_for,
        "delegation": given.delegation,
    }


def refused_edit(refused: RefusedEdit) -> Shape:
    """An edit that changed nothing."""
    return {
        "by": refused.principal,
        "reason": refused.reason,
        "at": refused.at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "channel": refused.channel,
        "evidence": refused.evidence,
        "revision": refused.revision,
        "digest": refused.digest,
        "arguments_hash": refused.arguments_hash,
        "refusal": refused.refusal.value,
    }


def delivery(row: Delivery) -> Shape:
    """A message to people: where it went, and what became of it."""
    return {
        "channel": row.channel,
        "target": row.target,
        "saying": row.saying,
        "level": row.level,
        "for_whom": list(row.for_whom),
        "state": row.state.value,
        "attempts": row.attempts,
        "next_at": time(row.next_at),
        "error": row.error,
        "made_at": time(row.made_at),
        "changed_at": time(row.changed_at),
    }


def intervention(item: QuestionStory, told: Iterable[Delivery]) -> Shape:
    """An intervention of `show --json`."""
    return {
        "id": item.id,
        "kind": item.kind,
        "path": item.path,
        "direction": None if item.direction is None else item.direction.value,
        "question": item.question,
        "evidence": item.evidence,
        "choices": list(item.choices),
        "state": item.state,
        "opened_at": time(item.opened),
        "closed_at": time(item.closed),
        "choice": item.choice,
        "by": item.by,
        "reason": item.reason,
        "identified_by": item.identified_by,
        "channel": item.channel,
        "result": value(item.result),
        "deliveries": [delivery(row) for row in told],
    }


def inbox_gate(found: Gate, shown: Presentation, journal_id: str) -> Shape:
    """A gate in `inbox --json`."""
    redaction = Redaction(journal_id, found.stakes.sensitive)
    return {
        "id": found.id,
        "kind": "gate",
        "saga_id": found.saga_id,
        "path": found.path,
        "action": found.action,
        "direction": found.direction,
        "question": f"may {found.action} run?",
        "choices": ["approve", "reject"],
        "arguments": redaction.value(value(found.arguments)),
        "reversibility": found.stakes.reversibility.value,
        "moves": shown.cost,
        "reaches": shown.recipients,
        "because": shown.because,
        "warnings": list(shown.warnings),
        "done_so_far": list(shown.done_so_far),
        "undone_if_rejected": list(shown.undone),
        "remains_if_rejected": list(shown.remains),
        "asked": found.policy.describe(),
        "eligible": list(found.eligible),
        "votes": list(shown.votes),
        "requester": found.requester,
        "revision": found.revision,
        "editor": found.editor,
        "changes": [
            {"name": change.name, "before": change.before, "after": change.after}
            for change in shown.changes
        ],
        "digest": found.digest,
        "seen": shown.seen,
        "opened_at": found.opened_at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "deadline": found.deadline.isoformat(timespec="microseconds").replace("+00:00", "Z"),
    }


def inbox_question(found: QuestionRow, action: str | None) -> Shape:
    """An intervention in `inbox --json`."""
    return {
        "id": found.id,
        "kind": "intervention",
        "saga_id": found.saga_id,
        "path": found.path,
        "action": action,
        "reason": found.kind,
        "question": found.question,
        "evidence": found.evidence,
        "choices": [choice.value for choice in found.choices],
        "wants_result": found.wants_result,
        "opened_at": time(found.opened_at),
        "deadline": None,
    }


def rule(found: StandingRule, *, now: datetime) -> Shape:
    """A standing rule of `rules list --json`."""
    budget = found.budget
    return {
        "id": found.id,
        "action": found.action,
        "version": found.version,
        "where": [str(one) for one in found.where],
        "agent": found.agent,
        "requester": found.requester,
        "grantor": found.grantor,
        "evidence": found.evidence,
        "reason": found.reason,
        "made_at": time(micros(found.made_at)),
        "until": time(micros(found.until)),
        "uses": found.uses,
        "used": found.used,
        "budget": None
        if budget is None
        else {
            "total": str(budget.total),
            "currency": budget.currency,
            "amount_at": budget.path,
            "currency_at": budget.currency_path,
        },
        "spent": f"{found.spent:f}",
        "state": found.state(now),
        "revoked_at": None if found.revoked_at is None else time(micros(found.revoked_at)),
        "revoked_by": found.revoked_by,
        "revoked_because": found.revoked_because,
    }


def rule_use(found: RuleUse) -> Shape:
    """A call that a standing rule allowed."""
    return {
        "gate": found.gate_id,
        "saga_id": found.saga_id,
        "amount": None if found.units is None else f"{amount_of_units(found.units):f}",
        "at": time(found.at),
    }


def tried_rule(found: StandingRule, tried: Sequence[Tried], *, made: bool, now: datetime) -> Shape:
    """What `rules create --json` prints."""
    gates = [
        {
            "gate": one.gate.id,
            "saga_id": one.gate.saga_id,
            "allowed": one.why_not is None,
            "why_not": one.why_not,
        }
        for one in tried
    ]
    return rule(found, now=now) | {"made": made, "tried": gates}


def lock(row: LockRow) -> Shape:
    """A holder, or somebody in line, of `locks --json`."""
    return {
        "key": row.key,
        "saga_id": row.saga_id,
        "path": row.path,
        "state": "held" if row.held else "waiting",
        "token": row.number if row.held else None,
        "since": time(row.since),
        "until": None if row.until is None else time(row.until),
    }


def delegation(found: Delegation, *, now: datetime) -> Shape:
    """A delegation of `delegations --json`."""
    return {
        "id": found.id,
        "delegator": found.delegator,
        "delegate": found.delegate,
        "begins": time(micros(found.begins)),
        "until": time(micros(found.until)),
        "actions": list(found.actions),
        "reason": found.reason,
        "evidence": found.evidence,
        "made_at": time(micros(found.made_at)),
        "state": found.state(now),
        "revoked_at": None if found.revoked_at is None else time(micros(found.revoked_at)),
        "revoked_by": found.revoked_by,
    }
