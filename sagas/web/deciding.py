"""Deciding on behalf of somebody who was identified: one way for pages and for programs.

What was shown is what is decided: a vote names the digest of the gate as it was shown, and a gate
that is another by now stays open.
"""

from dataclasses import dataclass

from approvals import Gate, Presentation, Principal, VoteKind
from approvals.revision import bar_to_edit
from sagas.coordinator import Coordinator
from sagas.errors import Refused
from sagas.ports import QuestionRow
from sagas.rights import rights_of
from sagas.web.errors import WebError
from sagas.web.office import Office

LONGEST_REASON = 2_000
LONGEST_SHOWN = 64 * 1024
"""Bytes of arguments of which a page shows every one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ballot:
    """What somebody says about a gate that was shown to them.

    Attributes:
        digest: The gate's, as it was shown.
        seen: The presentation's own, if one was shown.
    """

    kind: VoteKind
    digest: str
    seen: str | None
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """Other arguments that somebody proposes for a gate.

    Attributes:
        arguments: All of them, as JSON text.
        revision: The one that they had before them.
        digest: That revision's.
    """

    arguments: str
    revision: int
    digest: str
    reason: str | None


class NotCounted(WebError):
    """A vote or an edit that has no effect, with the gate as it is."""

    def __init__(
        self, status: int, detail: str, gate: Gate, title: str = "Your vote has no effect"
    ) -> None:
        super().__init__(status, detail, title=title)
        self.gate = gate


async def find_gate(gate_id: str, office: Office) -> Gate:
    """A gate.

    Raises:
        WebError: There is none of that id.
    """
    gate = await office.coordinator.store.gate(gate_id) if is_id(gate_id) else None
    if gate is None:
        raise WebError(404, "there is no such gate: see the inbox", title="No such gate")
    return gate


async def find_question(question_id: str, office: Office) -> QuestionRow:
    """An intervention.

    Raises:
        WebError: There is none of that id.
    """
    store = office.coordinator.store
    question = await store.question(question_id) if is_id(question_id) else None
    if question is None:
        raise WebError(
            404, "there is no such intervention: see the inbox", title="No such intervention"
        )
    return question


def is_id(text: str) -> bool:
    """Whether a text could be an id at all."""
    return text.isprintable() and len(text) <= 200


async def vote(
    gate_id: str, ballot: Ballot, principal: Principal, office: Office, *, channel: str
) -> Gate:
    """Count a vote of somebody who was identified.

    Raises:
        NotCounted: The vote has no effect; it says what was decided, by whom and when.
        WebError: There is no such gate, or the vote lacks something.
    """
    gate = await find_gate(gate_id, office)
    reason = checked_reason(ballot.reason)
    if reason is None and _needs_reason(gate, ballot.kind):
        raise WebError(422, "this decision needs a reason: say why", title="A reason is missing")
    try:
        return await _vote(
            gate, ballot, principal, office.coordinator, reason=reason, channel=channel
        )
    except Refused as error:
        now = await find_gate(gate_id, office)
        acting = await office.coordinator.acting_for(principal)
        person = await office.coordinator.in_live_groups(principal, [now])
        entitled = not now.state.is_open or rights_of(person, now, office.now(), acting)
        raise NotCounted(409 if entitled else 403, str(error), now) from error


def _needs_reason(gate: Gate, kind: VoteKind) -> bool:
    if kind is VoteKind.WITHDRAW:
        return False
    if kind is VoteKind.REVOKE:
        return True
    return gate.state.is_open and (kind is VoteKind.REJECT or gate.policy.reason_required)


async def _vote(
    gate: Gate,
    ballot: Ballot,
    person: Principal,
    coordinator: Coordinator,
    *,
    reason: str | None,
    channel: str,
) -> Gate:
    """Hand a vote to the coordinator, which refuses and records what was not shown like this."""
    why, digest, seen = reason or "", ballot.digest, ballot.seen
    match ballot.kind:
        case VoteKind.APPROVE:
            return await coordinator.approve(
                gate.id, by=person, reason=reason, digest=digest, seen=seen, channel=channel
            )
        case VoteKind.REJECT:
            return await coordinator.reject(
                gate.id, by=person, reason=why, digest=digest, seen=seen, channel=channel
            )
        case VoteKind.WITHDRAW:
            return await coordinator.withdraw(gate.id, by=person, reason=reason, channel=channel)
        case VoteKind.REVOKE:
            return await coordinator.revoke(gate.id, by=person, reason=why, channel=channel)


async def edit(
    gate_id: str, draft: Draft, principal: Principal, office: Office, *, channel: str
) -> Gate:
    """Let a gate ask about other arguments, on behalf of somebody who was identified.

    Raises:
        NotCounted: The edit has no effect; it says why, and has the gate as it is.
        PayloadError: These are no arguments of the action.
        WebError: There is no such gate, or the edit lacks a reason.
    """
    await find_gate(gate_id, office)
    reason = checked_reason(draft.reason)
    if reason is None:
        raise WebError(422, "an edit needs a reason: say why", title="A reason is missing")
    try:
        return await office.coordinator.edit(
            gate_id,
            draft.arguments,
            reason=reason,
            by=principal,
            revision=draft.revision,
            digest=draft.digest,
            channel=channel,
        )
    except Refused as error:
        now = await find_gate(gate_id, office)
        barred = now.state.is_open and bar_to_edit(now, principal, now=office.now())
        raise NotCounted(403 if barred else 409, str(error), now, _UNCHANGED) from error


_UNCHANGED = "Nothing was changed"


async def shown_gate(gate: Gate, office: Office) -> Presentation:
    """A gate as people see it on a page of its own: all of it, unless it is too long for a page."""
    whole = len(gate.arguments) <= LONGEST_SHOWN
    return await office.coordinator.presentation(gate.id, whole=whole)


def checked_reason(text: str | None) -> str | None:
    """A reason as it is recorded; None for a blank one.

    Raises:
        WebError: It is too long.
    """
    reason = (text or "").replace("\r\n", "\n").strip()
    if len(reason) > LONGEST_REASON:
        raise WebError(422, f"the reason is longer than {LONGEST_REASON} characters: shorten it")
    return reason or None


async def resolve(
    question_id: str,
    choice: str,
    principal: Principal,
    office: Office,
    *,
    reason: str | None,
    result_json: str | None,
    channel: str,
) -> QuestionRow:
    """Answer an intervention on behalf of somebody who was identified.

    Raises:
        Refused: It is answered already, or the choice is not on offer or lacks a result.
        PayloadError: The result does not fit the action's type.
        WebError: There is no such intervention, or the answer lacks a reason.
    """
    await find_question(question_id, office)
    why = checked_reason(reason)
    if why is None:
        raise WebError(422, "an answer needs a reason: say why", title="A reason is missing")
    return await office.coordinator.resolve(
        question_id, choice, reason=why, result_json=result_json, by=principal, channel=channel
    )
