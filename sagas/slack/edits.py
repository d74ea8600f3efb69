"""Other arguments for a gate: filled in, seen as what they change, and sent.

No argument travels in a form beside what somebody filled in: what was shown is known by its hash.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from approvals import Gate
from approvals.channels.slack.actions import Click, GateRef, Submission
from approvals.channels.slack.forms import EditForm, draft_of, form_of
from approvals.channels.slack.modals import REASON, confirm_view, edit_view, told_view
from approvals.redaction import Redaction
from approvals.revision import bar_to_edit
from sagas.errors import PayloadError, Refused
from sagas.slack.answers import Answer, Declined, Faulty, Said, Shown, Turned, sentence
from sagas.slack.gates import check_waits, find_gate, given_reason, refusal, worded
from sagas.slack.office import CHANNEL, Office
from sagas.slack.who import decider_of

__all__ = ["open_form", "send_changes", "show_changes"]


async def open_form(click: Click, ref: GateRef, office: Office) -> Answer:
    """Open the form for other arguments, for whoever may edit."""
    gate = await find_gate(ref, office)
    _check_editable(gate, office)
    person = await decider_of(gate, click.sender.user, office)
    view = await check_waits(gate, ref, office)
    person = await office.coordinator.in_live_groups(person, [gate])
    bar = bar_to_edit(gate, person, now=office.now())
    if bar is not None:
        raise Declined(worded(gate, bar, office))
    form = await _form(gate, ref, office)
    if form is None:
        told = f"Its arguments fit into no form here: {office.inbox_of(gate.id)}"
        return Shown(told_view("Edit", told))
    return Shown(edit_view(form, view, origin=click.origin))


async def show_changes(sent: Submission, ref: GateRef, office: Office) -> Answer:
    """Show what was filled in as what it changes."""
    gate = await find_gate(ref, office)
    given_reason(sent)
    await decider_of(gate, sent.sender.user, office)
    draft = await _drafted(gate, sent, ref, office)
    return draft if isinstance(draft, Faulty) else _shown(draft, sent, ref, office)


async def send_changes(sent: Submission, ref: GateRef, office: Office) -> Answer:
    """Have the gate ask about the arguments whose changes were shown."""
    gate = await find_gate(ref, office)
    reason = given_reason(sent)
    person = await decider_of(gate, sent.sender.user, office)
    draft = await _drafted(gate, sent, ref, office)
    if isinstance(draft, Faulty):
        return draft
    if draft_of(draft.arguments.decode("utf-8", "surrogatepass")) != sent.carried.draft:
        return _shown(draft, sent, ref, office)
    try:
        revised = await office.coordinator.edit(
            gate.id,
            draft.text,
            reason=reason,
            by=person,
            revision=ref.revision,
            digest=ref.digest,
            channel=CHANNEL,
        )
    except (Refused, PayloadError) as error:
        raise await refusal(f"nothing was changed: {error}", ref, office) from error
    told = (
        f"Revision {revised.revision} is to be decided now, by somebody else than you; votes on "
        "earlier revisions count no more."
    )
    return Said(title="Changed", text=told)


@dataclass(frozen=True, slots=True)
class _Draft:
    """What was filled in.

    Attributes:
        text: All arguments, as JSON text.
        arguments: The same as the action takes them.
    """

    gate: Gate
    form: EditForm
    text: str
    arguments: bytes


def _shown(draft: _Draft, sent: Submission, ref: GateRef, office: Office) -> Turned:
    hidden = _redaction(draft.gate, office)
    origin = sent.carried.origin
    return Turned(
        confirm_view(draft.form, sent.values, draft.arguments, hidden, ref=ref, origin=origin)
    )


async def _drafted(gate: Gate, sent: Submission, ref: GateRef, office: Office) -> _Draft | Faulty:
    """What was filled in, or what is wrong with it beside the fields.

    Raises:
        Declined: The gate is decided, or asks for something else by now.
        FormFaults: A field has what it cannot take.
    """
    _check_editable(gate, office)
    await check_waits(gate, ref, office)
    form = await _form(gate, ref, office)
    if form is None:
        raise Declined("The form is not known here any more: open the request again.")
    text = form.filled(sent.values)
    try:
        arguments = await office.coordinator.drafted(gate.id, text)
    except Refused as error:
        raise await refusal(f"nothing was changed: {error}", ref, office) from error
    except PayloadError as error:
        beside = _beside(error.__cause__, form)
        return Faulty(beside or {REASON: worded(gate, str(error), office)})
    return _Draft(gate, form, text, arguments)


async def _form(gate: Gate, ref: GateRef, office: Office) -> EditForm | None:
    try:
        schema = await office.coordinator.edit_schema(gate.id)
    except Refused as error:
        raise await refusal(f"nothing was changed: {error}", ref, office) from error
    return form_of(schema, gate.arguments, _redaction(gate, office))


def _beside(cause: BaseException | None, form: EditForm) -> Mapping[str, str]:
    """What the action's types say, by block; nothing if any of it belongs to no field."""
    if not isinstance(cause, ValidationError):
        return {}
    faults: dict[str, str] = {}
    for fault in cause.errors(include_url=False, include_context=False, include_input=False):
        place = tuple(str(part) for part in fault["loc"])
        named = [field for field in form.fields if place[: len(field.path)] == field.path]
        if not named:
            return {}
        within = ".".join(place[len(named[0].path) :])
        faults[named[0].block_id] = sentence(
            f"{within}: {fault['msg']}" if within else fault["msg"]
        )
    return faults


def _redaction(gate: Gate, office: Office) -> Redaction:
    return Redaction(office.coordinator.store.journal_id, gate.stakes.sensitive)


def _check_editable(gate: Gate, office: Office) -> None:
    if gate.stakes.reversibility in office.team.web_only:
        raise Declined(
            f"What is {gate.stakes.reversibility.label} is only rejected in Slack; nothing was "
            f"changed. Edit it here: {office.inbox_of(gate.id)}"
        )
