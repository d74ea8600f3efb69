"""Delegations: who decides for whom, asking somebody to, and taking that back."""

from collections.abc import Mapping
from datetime import timedelta

from fastapi import APIRouter, Request, Response

from approvals import ApprovalError
from approvals.delegation import delegation
from sagas.acting import new_id
from sagas.errors import Refused
from sagas.model import micros
from sagas.web import forms
from sagas.web.deciding import checked_reason
from sagas.web.errors import WebError
from sagas.web.office import Office
from sagas.web.pages.sending import sent_once
from sagas.web.rendering import html
from sagas.web.sessions import Visitor, visitor

MOST = 200

_MAKING = "delegate"
_TEXTS = ("to", "days", "actions", "reason")


def router(office: Office) -> APIRouter:
    """The page of delegations."""
    routes = APIRouter()

    @routes.api_route("/delegations", methods=["GET", "HEAD"])
    async def delegations(request: Request) -> Response:
        return await _page(await visitor(request, office), office, {})

    @routes.post("/delegations")
    async def delegate(request: Request) -> Response:
        forms.check_origin(request.headers, office.site)
        who = await visitor(request, office)
        names = ("seal", *_TEXTS)
        sent = forms.fields(await request.body(), request.headers, names, needed=names)
        seal = forms.check(who.session, _MAKING, sent["seal"], now=office.now(), site=office.site)
        try:
            await sent_once(seal, who, office)
            await _delegate(sent, who, office)
        except (ApprovalError, Refused) as error:
            refusal = WebError(422, str(error), title="Nobody was asked")
            return await _page(who, office, sent, refusal)
        return Response(status_code=303, headers={"location": "/delegations"})

    @routes.post("/delegations/{delegation_id}")
    async def undelegate(request: Request, delegation_id: str) -> Response:
        forms.check_origin(request.headers, office.site)
        who = await visitor(request, office)
        sent = forms.fields(await request.body(), request.headers, ("seal",), needed=("seal",))
        about = _ending(delegation_id)
        seal = forms.check(who.session, about, sent["seal"], now=office.now(), site=office.site)
        try:
            await sent_once(seal, who, office)
            await office.coordinator.undelegate(delegation_id, by=who.principal)
        except Refused as error:
            refusal = WebError(409, str(error), title="Nothing was changed")
            return await _page(who, office, {}, refusal)
        return Response(status_code=303, headers={"location": "/delegations"})

    return routes


def _ending(delegation_id: str) -> str:
    return f"end the delegation {delegation_id}"


async def _delegate(sent: Mapping[str, str], who: Visitor, office: Office) -> None:
    days = sent["days"].strip()
    if not (days.isascii() and days.isdecimal() and len(days) <= 3):
        raise Refused("the days that it lasts: give a whole number, such as 7")
    now = office.now()
    asked = delegation(
        id=new_id(),
        by=who.principal,
        to=sent["to"].strip(),
        now=now,
        until=now + timedelta(days=int(days)),
        reason=checked_reason(sent["reason"]) or "",
        actions=sent["actions"].replace(",", " ").split(),
    )
    await office.coordinator.delegate(asked, by=who.principal)


async def _page(
    who: Visitor, office: Office, sent: Mapping[str, str], refusal: WebError | None = None
) -> Response:
    now = office.now()
    found = await office.coordinator.store.delegations(person=None, live_at=micros(now), limit=MOST)
    name = who.principal.name
    return html(
        "delegations.html",
        office.site,
        status=200 if refusal is None else refusal.status,
        visitor=who,
        items=[
            (
                each,
                forms.seal(who.session, _ending(each.id), now=now)
                if name in (each.delegator, each.delegate)
                else None,
            )
            for each in found
        ],
        now=now,
        sent=sent,
        refusal=refusal,
        seal=forms.seal(who.session, _MAKING, now=now),
    )
