"""Gates as people decide them in Slack: at once, with a reason, or after a look at everything.

Who may, and whether it still counts, is ruled by the coordinator; refusals are told in its words.
"""

from contextlib import suppress

from approvals import Gate, Presentation, Principal, VoteKind
from approvals.channels.slack.actions import Click, GateRef, Submission
from approvals.channels.slack.modals import REASON, details_view, outcome_view, reason_view
from approvals.gate import GateState, expire
from approvals.presentation import in_words
from approvals.quorum import still_needed
from approvals.revision import bar_to_edit
from approvals.seen import is_cut
from approvals.standing import standing
from sagas.errors import JournalError, Refused
from sagas.rights import Rights, rights_of
from sagas.slack.answers import Answer, Declined, Said, Shown, Turned, sentence
from sagas.slack.office import CHANNEL, Office
from sagas.slack.who import decider_of, identify

__all__ = [
    "LONGEST_SHOWN",
    "approve",
    "ask_for_reason",
    "check_waits",
    "find_gate",
    "given_reason",
    "refusal",
    "show_details",
    "turn_page",
    "vote_with_reason",
    "worded",
]

LONGEST_SHOWN = 256 * 1024
"""Bytes of arguments of which the pages show every one."""


# --- what is clicked ----------------------------------------------------------------------------


async def approve(click: Click, ref: GateRef, office: Office) -> Answer:
    """Count an approval at once, or ask for its reason where one is required."""
    gate = await find_gate(ref, office)
    _check_approvable(gate, ref, office)
    if gate.policy.reason_required:
        return await ask_for_reason(click, ref, office, kind=VoteKind.APPROVE)
    person = await decider_of(gate, click.sender.user, office)
    return await _vote(gate, ref, person, office, kind=VoteKind.APPROVE, reason=None)


async def ask_for_reason(
    click: Click, ref: GateRef, office: Office, *, kind: VoteKind = VoteKind.REJECT
) -> Answer:
    """Open the form for a reason, for whoever can use it."""
    gate = await find_gate(ref, office)
    person = await decider_of(gate, click.sender.user, office)
    view = await check_waits(gate, ref, office)
    person = await office.coordinator.in_live_groups(person, [gate])
    rights = await _rights(gate, person, office)
    if not rights:
        raise Declined(rights.bar or "You have no say here.")
    return Shown(reason_view(ref, view, vote=kind, required=True, origin=click.origin))


async def show_details(click: Click, ref: GateRef, office: Office) -> Answer:
    """Show everything, with what this person can do about it."""
    return Shown(await _details(click, ref, office))


async def turn_page(click: Click, ref: GateRef, office: Office) -> Answer:
    """Show another page of everything."""
    return Turned(await _details(click, ref, office))


async def _details(click: Click, ref: GateRef, office: Office) -> dict[str, object]:
    gate = await find_gate(ref, office)
    person = await identify(click.sender.user, office)
    person = await office.coordinator.in_live_groups(person, [gate])
    rights = await _rights(gate, person, office)
    approves = rights.approve and gate.stakes.reversibility not in office.team.web_only
    whole = len(gate.arguments) <= LONGEST_SHOWN
    return details_view(
        await office.coordinator.presentation(gate.id, whole=whole),
        page=ref.page,
        decides=rights.reject,
        approves=approves,
        edits=approves and bar_to_edit(gate, person, now=office.now()) is None,
        origin=click.origin,
    )


# --- what is sent -------------------------------------------------------------------------------


async def vote_with_reason(sent: Submission, ref: GateRef, office: Office) -> Answer:
    """Count a vote whose reason was filled in."""
    gate = await find_gate(ref, office)
    kind = _kind(sent.carried.vote)
    reason = given_reason(sent)
    if kind is VoteKind.APPROVE:
        _check_approvable(gate, ref, office)
    person = await decider_of(gate, sent.sender.user, office)
    return await _vote(gate, ref, person, office, kind=kind, reason=reason)


def given_reason(sent: Submission) -> str:
    """The reason that was filled in.

    Raises:
        Declined: It is blank.
    """
    reason = (sent.values.get(REASON) or "").replace("\r\n", "\n").strip()
    if not reason:
        raise Declined("A reason is missing: say why.")
    return reason


def _kind(text: str | None) -> VoteKind:
    try:
        return VoteKind(text or "")
    except ValueError:
        raise Declined("The form does not say what to decide: open the request again.") from None


async def _vote(
    gate: Gate,
    ref: GateRef,
    person: Principal,
    office: Office,
    *,
    kind: VoteKind,
    reason: str | None,
) -> Said:
    try:
        decided = await _cast(ref, person, office, kind=kind, reason=reason)
    except Refused as error:
        raise await refusal(str(error), ref, office) from error
    return Said(title=_TITLES[kind], text=await _counted(decided, person, office, kind=kind))


async def _cast(
    ref: GateRef, person: Principal, office: Office, *, kind: VoteKind, reason: str | None
) -> Gate:
    """Hand a vote to the coordinator, which refuses and records what was not shown like this."""
    coordinator, why = office.coordinator, reason or ""
    match kind:
        case VoteKind.APPROVE:
            return await coordinator.approve(
                ref.gate_id,
                by=person,
                reason=reason,
                digest=ref.digest,
                seen=ref.seen,
                channel=CHANNEL,
            )
        case VoteKind.REJECT:
            return await coordinator.reject(
                ref.gate_id,
                by=person,
                reason=why,
                digest=ref.digest,
                seen=ref.seen,
                channel=CHANNEL,
            )
        case VoteKind.WITHDRAW:
            return await coordinator.withdraw(
                ref.gate_id, by=person, reason=reason, channel=CHANNEL
            )
        case VoteKind.REVOKE:
            return await coordinator.revoke(ref.gate_id, by=person, reason=why, channel=CHANNEL)


_TITLES = {
    VoteKind.APPROVE: "Approval counted",
    VoteKind.REJECT: "Rejection counted",
    VoteKind.WITHDRAW: "Vote withdrawn",
    VoteKind.REVOKE: "Approval taken back",
}


async def _counted(gate: Gate, person: Principal, office: Office, *, kind: VoteKind) -> str:
    """What a vote has brought about; the vote is committed, whatever can be read by now."""
    if kind is VoteKind.REJECT and gate.state.is_open:
        return f"Your rejection counts; it takes {gate.policy.rejections} to reject."
    if kind is not VoteKind.APPROVE:
        return _ENDED[kind]
    if gate.state in (GateState.APPROVED, GateState.CONSUMED):
        return "Your approval counts: it is approved, and runs."
    if not gate.state.is_open:
        return worded(gate, standing(gate, now=office.now()), office)
    with suppress(JournalError):
        votes = await office.coordinator.store.votes(gate.id)
        own = [vote for vote in votes if vote.principal == person.name and vote.refusal is None]
        lent = f", for {own[-1].acting_for}" if own and own[-1].acting_for else ""
        return sentence(f"your approval counts{lent}; still needed: {still_needed(gate, votes)}")
    return "Your approval counts; more are needed."


_ENDED = {
    VoteKind.REJECT: "Rejected: it does not run.",
    VoteKind.WITHDRAW: "Your vote is withdrawn.",
    VoteKind.REVOKE: "Taken back: it does not run on that approval.",
}


# --- what is common to them ---------------------------------------------------------------------


async def find_gate(ref: GateRef, office: Office) -> Gate:
    """The gate as it stands.

    Raises:
        Declined: There is none of that id.
    """
    known = ref.gate_id.isprintable()
    gate = await office.coordinator.store.gate(ref.gate_id) if known else None
    if gate is None:
        raise Declined("There is no such request here: see the inbox.")
    return gate


async def check_waits(gate: Gate, ref: GateRef, office: Office) -> Presentation:
    """The gate as people see it, if it waits and is what was shown.

    Raises:
        Declined: It is decided, or asks for something else by now.
    """
    view = await office.coordinator.presentation(gate.id)
    now = office.now()
    if not expire(gate, now).state.is_open:
        raise Declined(worded(gate, standing(expire(gate, now), now=now), office))
    if (view.digest, view.revision) != (ref.digest, ref.revision):
        raise _outdated("It has changed since this was shown: nothing was decided.", view)
    return view


async def refusal(why: str, ref: GateRef, office: Office) -> Declined:
    """Why something has no effect, with what the gate asks by now if that is something else."""
    gate = await find_gate(ref, office)
    told = worded(gate, why, office)
    if not gate.state.is_open or gate.digest == ref.digest:
        return Declined(told)
    return _outdated(told, await office.coordinator.presentation(gate.id))


def worded(gate: Gate, text: str, office: Office) -> str:
    """A sentence about a gate, without its secrets."""
    return sentence(in_words(gate, office.coordinator.store.journal_id).masked(text))


def _outdated(text: str, view: Presentation) -> Declined:
    changes = [
        f"{change.name}: {change.before or '(nothing)'} -> {change.after or '(nothing)'}"
        for change in view.changes
    ]
    by = f" {view.editor} made revision {view.revision} of it." if view.editor else ""
    told = "\n".join([f"{text}{by}", *(["What was changed:", *changes] if changes else [])])
    return Declined(told, view=outcome_view(view, told))


async def _rights(gate: Gate, person: Principal, office: Office) -> Rights:
    return rights_of(person, gate, office.now(), await office.coordinator.acting_for(person))


def _check_approvable(gate: Gate, ref: GateRef, office: Office) -> None:
    where = office.inbox_of(gate.id)
    if gate.stakes.reversibility in office.team.web_only:
        label = gate.stakes.reversibility.label
        raise Declined(
            f"What is {label} is not approved in Slack, only rejected; nothing was decided. "
            f"Approve it here: {where}"
        )
    if is_cut(ref.seen):
        raise Declined(
            "Not everything that would run was shown here, and what was not seen is not approved; "
            f"nothing was decided. All of it: Details, or {where}"
        )
