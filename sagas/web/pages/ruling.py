"""Standing rules: those there are, what each has allowed, and giving one after a look at what it does.

What is given is what was previewed, letter by letter: the form that gives it holds for that alone.
"""

import json
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal, InvalidOperation

from fastapi import APIRouter, Request, Response

from approvals import ApprovalError
from approvals.rule import Budget, StandingRule, standing_rule
from sagas.errors import Refused
from sagas.granting import new_id
from sagas.model import micros
from sagas.web import forms
from sagas.web.deciding import checked_reason
from sagas.web.errors import WebError
from sagas.web.granting import find_rule, uses_of
from sagas.web.office import Office
from sagas.web.pages.sending import sent_once
from sagas.web.rendering import html
from sagas.web.sessions import Visitor, visitor

MOST = 200
PAGE = 50
LAST = 20
"""On so many gates of its action a rule is tried before it is given."""

_TEXTS = (
    *("action", "version", "where", "days", "uses", "budget", "amount", "currency"),
    *("agent", "requester", "reason"),
)
_PREVIEW = "preview a standing rule"


def router(office: Office) -> APIRouter:
    """The pages of standing rules."""
    routes = APIRouter()
    _add_giving(routes, office)
    _add_looking(routes, office)
    return routes


def _add_looking(routes: APIRouter, office: Office) -> None:
    @routes.api_route("/rules", methods=["GET", "HEAD"])
    async def rules(request: Request) -> Response:
        who = await visitor(request, office)
        every, now = request.query_params.get("show") == "all", office.now()
        found = await office.coordinator.store.rules(
            action=None, live_at=None if every else micros(now), limit=MOST
        )
        shown = [rule for rule in found if every or rule.state(now) == "live"]
        return html("rules.html", office.site, visitor=who, rules=shown, every=every, now=now)

    @routes.api_route("/rules/{rule_id}", methods=["GET", "HEAD"])
    async def rule_page(request: Request, rule_id: str) -> Response:
        after = request.query_params.get("after")
        return await _rule_page(rule_id, await visitor(request, office), office, after=after)

    @routes.post("/rules/{rule_id}")
    async def revoke(request: Request, rule_id: str) -> Response:
        forms.check_origin(request.headers, office.site)
        who = await visitor(request, office)
        names = ("seal", "reason")
        sent = forms.fields(await request.body(), request.headers, names, needed=names)
        about = _revoking(rule_id)
        seal = forms.check(who.session, about, sent["seal"], now=office.now(), site=office.site)
        try:
            await sent_once(seal, who, office)
            reason = checked_reason(sent["reason"]) or ""
            await office.coordinator.revoke_rule(rule_id, by=who.principal, reason=reason)
        except Refused as error:
            refusal = WebError(409, str(error), title="Nothing was changed")
            return await _rule_page(rule_id, who, office, refusal=refusal)
        return Response(status_code=303, headers={"location": f"/rules/{rule_id}"})


def _add_giving(routes: APIRouter, office: Office) -> None:
    @routes.api_route("/rules/new", methods=["GET", "HEAD"])
    async def new(request: Request) -> Response:
        who = await visitor(request, office)
        given = {name: request.query_params.get(name, "") for name in ("action", "version")}
        return await _form(given, who, office)

    @routes.post("/rules/new")
    async def give(request: Request) -> Response:
        forms.check_origin(request.headers, office.site)
        who = await visitor(request, office)
        sent = forms.fields(
            await request.body(),
            request.headers,
            ("seal", "anything", "decision", *_TEXTS),
            needed=("seal", "decision", *_TEXTS),
        )
        giving = sent["decision"] == "give"
        about = _giving(sent) if giving else _PREVIEW
        seal = forms.check(who.session, about, sent["seal"], now=office.now(), site=office.site)
        try:
            await sent_once(seal, who, office)
            rule = _rule(sent, who, office)
            if not giving:
                return await _form(sent, who, office, rule=rule)
            made = await office.coordinator.create_rule(rule, by=who.principal)
        except (ApprovalError, Refused) as error:
            refusal = WebError(422, str(error), title="No rule was given")
            return await _form(sent, who, office, refusal=refusal)
        return Response(status_code=303, headers={"location": f"/rules/{made.id}"})


def _revoking(rule_id: str) -> str:
    return f"revoke the standing rule {rule_id}"


def _giving(sent: Mapping[str, str]) -> str:
    """What the form that gives a rule is about: exactly what was previewed."""
    said = [sent.get(name, "").replace("\r\n", "\n") for name in (*_TEXTS, "anything")]
    return f"give a standing rule {json.dumps(said)}"


def _rule(sent: Mapping[str, str], who: Visitor, office: Office) -> StandingRule:
    """The rule that a form describes.

    Raises:
        ApprovalDefinitionError: It lacks a limit, or its limits cannot be right.
        Refused: A number is none.
    """
    now = office.now()
    days = _number(sent["days"], "the days that it holds", most=366)
    return standing_rule(
        id=new_id(),
        action=sent["action"].strip(),
        version=_number(sent["version"] or "1", "the version", most=10**6),
        by=who.principal,
        reason=checked_reason(sent["reason"]) or "",
        now=now,
        until=now + timedelta(days=days),
        uses=_number(sent["uses"], "how often it may be used", most=10**6),
        where=[line.strip() for line in sent["where"].splitlines() if line.strip()],
        anything="anything" in sent,
        budget=_budget(sent),
        agent=sent["agent"].strip() or None,
        requester=sent["requester"].strip() or None,
    )


def _number(text: str, what: str, *, most: int) -> int:
    digits = text.strip()
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= 9 and int(digits) <= most):
        raise Refused(f"{what}: give a whole number, such as 7, of {most} at most")
    return int(digits)


def _budget(sent: Mapping[str, str]) -> Budget | None:
    number, _, currency = sent["budget"].strip().partition(" ")
    if not number:
        return None
    try:
        total = Decimal(number)
    except InvalidOperation:
        raise Refused("the budget: give an amount, such as 500 or 500 EUR") from None
    return Budget(
        total=total,
        currency=currency.strip() or None,
        path=sent["amount"].strip() or None,
        currency_path=sent["currency"].strip() or None,
    )


async def _form(
    sent: Mapping[str, str],
    who: Visitor,
    office: Office,
    *,
    rule: StandingRule | None = None,
    refusal: WebError | None = None,
) -> Response:
    now = office.now()
    tried = () if rule is None else await office.coordinator.try_rule(rule, last=LAST)
    return html(
        "rule_new.html",
        office.site,
        status=200 if refusal is None else refusal.status,
        visitor=who,
        sent=sent,
        rule=rule,
        tried=tried,
        allowed=sum(one.why_not is None for one in tried),
        now=now,
        refusal=refusal,
        preview_seal=forms.seal(who.session, _PREVIEW, now=now),
        give_seal=None if rule is None else forms.seal(who.session, _giving(sent), now=now),
    )


async def _rule_page(
    rule_id: str,
    who: Visitor,
    office: Office,
    *,
    after: str | None = None,
    refusal: WebError | None = None,
) -> Response:
    rule, now = await find_rule(rule_id, office), office.now()
    return html(
        "rule.html",
        office.site,
        status=200 if refusal is None else refusal.status,
        visitor=who,
        rule=rule,
        uses=await uses_of(rule, office, after=after, limit=PAGE),
        first=after is None,
        now=now,
        refusal=refusal,
        seal=forms.seal(who.session, _revoking(rule_id), now=now),
    )
