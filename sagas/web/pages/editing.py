"""Editing what a gate asks: a form with a field for each value, and what came of it.

What was typed is never lost: where an edit has no effect, the form comes back as it was sent.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from fastapi import APIRouter, Request, Response
from pydantic import ValidationError

from approvals import Gate
from approvals.presentation import in_words
from approvals.redaction import Redaction
from approvals.revision import bar_to_edit
from sagas.errors import PayloadError, Refused
from sagas.web import fields as at
from sagas.web import forms
from sagas.web.deciding import Draft, NotCounted, edit, find_gate
from sagas.web.errors import WebError
from sagas.web.office import Office
from sagas.web.pages.sending import sent_once
from sagas.web.rendering import html
from sagas.web.sessions import Visitor, visitor

LONGEST_EDITED = 16 * 1024
"""Bytes of arguments that a form has room for."""

CHANNEL = "web"
_TITLE = "Nothing was changed"
_NO_FAULTS: Mapping[str, str] = {}


def router(office: Office) -> APIRouter:
    """The pages on which gates are edited."""
    routes = APIRouter()

    @routes.api_route("/gates/{gate_id}/edit", methods=["GET", "HEAD"])
    async def edit_page(request: Request, gate_id: str) -> Response:
        who = await visitor(request, office)
        return await _page(await find_gate(gate_id, office), who, office, {})

    @routes.post("/gates/{gate_id}/edit")
    async def propose(request: Request, gate_id: str) -> Response:
        forms.check_origin(request.headers, office.site)
        who = await visitor(request, office)
        sent = forms.fields(
            await request.body(),
            request.headers,
            _FIXED,
            needed=_FIXED,
            free=(at.PREFIX,),
        )
        about = purpose(gate_id, sent["revision"], sent["digest"])
        seal = forms.check(who.session, about, sent["seal"], now=office.now(), site=office.site)
        gate = await find_gate(gate_id, office)
        try:
            await sent_once(seal, who, office)
            await _propose(gate, sent, who, office)
        except (WebError, Refused, PayloadError, at.Unreadable) as error:
            if isinstance(error, WebError) and error.status not in (403, 409, 422):
                raise
            now = await find_gate(gate_id, office)
            return await _page(now, who, office, sent, error)
        return Response(status_code=303, headers={"location": f"/gates/{gate.id}"})

    return routes


_FIXED = ("seal", "revision", "digest", "reason")


def purpose(gate_id: str, revision: str, digest: str) -> str:
    """What the form of an edit is about: this gate, and the revision that was shown."""
    return f"edit {gate_id} {revision} {digest}"


async def _propose(gate: Gate, sent: Mapping[str, str], who: Visitor, office: Office) -> None:
    fields = await _fields(gate, office)
    draft = Draft(
        arguments="",
        revision=int(sent["revision"]),
        digest=sent["digest"],
        reason=sent["reason"],
    )
    try:
        draft = replace(draft, arguments=at.arguments_of(gate.arguments, fields, sent))
    except at.Unreadable:
        with suppress(
            PayloadError, WebError
        ):  # no text is no JSON: it is refused, which is recorded
            await edit(gate.id, draft, who.principal, office, channel=CHANNEL)
        raise
    await edit(gate.id, draft, who.principal, office, channel=CHANNEL)


async def _fields(gate: Gate, office: Office) -> list[at.Field]:
    """The fields of what a gate asks.

    Raises:
        Refused: It cannot be edited here.
    """
    if len(gate.arguments) > LONGEST_EDITED:
        raise Refused(f"that is too long for a form: `sagas edit {gate.id}` edits it")
    schema = await office.coordinator.edit_schema(gate.id)
    hidden = Redaction(office.coordinator.store.journal_id, gate.stakes.sensitive)
    return at.fields_of(gate.arguments, schema, hidden, gate.policy.pinned)


async def _page(
    gate: Gate,
    who: Visitor,
    office: Office,
    sent: Mapping[str, str],
    error: Exception | None = None,
) -> Response:
    now = office.now()
    fields: Sequence[at.Field] = ()
    bar = bar_to_edit(gate, who.principal, now=now)
    try:
        fields = await _fields(gate, office) if bar is None else ()
    except Refused as refused:
        bar = str(refused)
    hide = in_words(gate, office.coordinator.store.journal_id).masked
    refusal, faults = (None, _NO_FAULTS) if error is None else _told(error, fields)
    return html(
        "edit.html",
        office.site,
        status=200 if refusal is None else refusal.status,
        visitor=who,
        gate=gate,
        bar=bar and hide(bar),
        fields=fields,
        sent=sent,
        refusal=refusal,
        faults=faults,
        seal=forms.seal(who.session, purpose(gate.id, str(gate.revision), gate.digest), now=now),
    )


def _told(error: Exception, fields: Sequence[at.Field]) -> tuple[WebError, Mapping[str, str]]:
    """A refusal, and what of it belongs beside a field."""
    if isinstance(error, NotCounted | WebError):
        return error, {}
    if isinstance(error, at.Unreadable):
        return WebError(422, "see beside the fields what is wrong", title=_TITLE), error.faults
    if isinstance(error, Refused):
        return WebError(409, str(error), title=_TITLE), {}
    faults = _beside(error.__cause__, fields)
    detail = "see beside the fields what is wrong" if faults else str(error)
    return WebError(422, detail, title=_TITLE), faults


def _beside(cause: BaseException | None, fields: Sequence[at.Field]) -> dict[str, str]:
    """What the action's types say, by field; nothing if any of it belongs to none."""
    if not isinstance(cause, ValidationError):
        return {}
    faults: dict[str, str] = {}
    for fault in cause.errors(include_url=False, include_context=False, include_input=False):
        place = tuple(str(part) for part in fault["loc"])
        named = [field for field in fields if place[: len(field.path)] == field.path]
        if not named:
            return {}
        within = ".".join(place[len(named[0].path) :])
        faults[named[0].name] = f"{within}: {fault['msg']}" if within else fault["msg"]
    return faults
