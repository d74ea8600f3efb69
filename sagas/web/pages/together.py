"""Several gates of one action on one page, each of them whole, to be decided with one reason.

Each is decided for itself, as if alone, and what came of it is told for itself. What is not shown
whole cannot be ticked, and different actions are never decided in one go.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from markupsafe import Markup

from approvals import ApprovalError, Gate, Presentation, VoteKind
from approvals.rendering import render_html
from approvals.seen import is_cut
from sagas.errors import SagaError
from sagas.web import forms
from sagas.web.answering import told
from sagas.web.deciding import Ballot, find_gate, shown_gate, vote
from sagas.web.errors import WebError
from sagas.web.office import Office
from sagas.web.pages.sending import sent_once
from sagas.web.queue import waiting
from sagas.web.rendering import html
from sagas.web.sessions import Visitor, visitor

PAGE = 25
MOST = 10
"""How many gates are decided in one go."""

_TICK = "tick/"
_CHANNEL = "web"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one of the decisions."""

    gate: Gate
    shown: Presentation
    trouble: str | None
    """Why it had no effect; None if it had."""


def router(office: Office) -> APIRouter:
    """The page of several gates."""
    routes = APIRouter()

    @routes.api_route("/together", methods=["GET", "HEAD"])
    async def together(request: Request) -> Response:
        who = await visitor(request, office)
        gates = await _alike(request.query_params, who, office)
        shown = [await shown_gate(gate, office) for gate in gates]
        listed = "\n".join(f"{each.gate_id} {each.digest} {each.seen}" for each in shown)
        return html(
            "together.html",
            office.site,
            visitor=who,
            action=request.query_params.get("action", ""),
            items=[
                (each, Markup(render_html(each)))  # noqa: S704  escaped where it was rendered
                for each in shown
            ],
            can_be_ticked=any(each.may_approve for each in shown),
            most=MOST,
            listed=listed,
            seal=forms.seal(who.session, purpose(listed), now=office.now()),
        )

    @routes.post("/together")
    async def decide(request: Request) -> Response:
        forms.check_origin(request.headers, office.site)
        who = await visitor(request, office)
        needed = ("seal", "shown", "decision", "reason")
        sent = forms.fields(
            await request.body(), request.headers, needed, needed=needed, free=(_TICK,)
        )
        listed = sent["shown"].replace("\r\n", "\n")
        seal = forms.check(
            who.session, purpose(listed), sent["seal"], now=office.now(), site=office.site
        )
        ballots = _ballots(listed, sent)
        await _check_alike(ballots, office)
        await sent_once(seal, who, office)
        outcomes = [await _outcome(gate, ballot, who, office) for gate, ballot in ballots.items()]
        return html("decided.html", office.site, visitor=who, outcomes=outcomes)

    return routes


def purpose(listed: str) -> str:
    """What the form is about: these gates, and what was shown of each."""
    return f"decide together {listed}"


def kinds(gates: Sequence[Gate], after: str | None) -> list[tuple[str, int, str]]:
    """The actions of which several of these gates wait, how many, and where those are decided."""
    counted = Counter(gate.action for gate in gates)
    begins = f"&after={quote(after)}" if after else ""
    return [
        (action, number, f"/together?action={quote(action)}{begins}")
        for action, number in counted.items()
        if number > 1
    ]


async def _alike(asked: Mapping[str, str], who: Visitor, office: Office) -> list[Gate]:
    """The gates of one action on a page of somebody's inbox that they may approve."""
    page = await waiting(who.principal, office, mine=True, after=asked.get("after"), limit=PAGE)
    return [
        gate for gate, rights in page.items if gate.action == asked.get("action") and rights.approve
    ][:MOST]


def _ballots(listed: str, sent: Mapping[str, str]) -> dict[str, Ballot]:
    """The votes for what was ticked, by gate."""
    if sent["decision"] not in (VoteKind.APPROVE, VoteKind.REJECT):
        raise WebError(
            400, "a decision is approve or reject: nothing was decided", title="No decision"
        )
    places = [line.split(" ") for line in listed.split("\n")]
    ballots = {
        gate_id: Ballot(
            kind=VoteKind(sent["decision"]), digest=digest, seen=seen, reason=sent["reason"]
        )
        for gate_id, digest, seen in places
        if f"{_TICK}{gate_id}" in sent and not is_cut(seen)
    }
    if len(ballots) < sum(name.startswith(_TICK) for name in sent):
        raise WebError(400, "something is ticked that was not shown whole: nothing was decided")
    if not ballots:
        raise WebError(
            422, "tick what you decide about: nothing was decided", title="Nothing is ticked"
        )
    return ballots


async def _check_alike(ballots: Mapping[str, Ballot], office: Office) -> None:
    gates = [await find_gate(gate_id, office) for gate_id in ballots]
    if len({(gate.action, gate.action_version, gate.direction) for gate in gates}) > 1:
        raise WebError(
            422,
            "different actions are not decided in one go: decide each on its own page",
            title="Different actions",
        )


async def _outcome(gate_id: str, ballot: Ballot, who: Visitor, office: Office) -> Outcome:
    """Decide one of them; whatever hinders that hinders none of the others."""
    trouble = None
    try:
        await vote(gate_id, ballot, who.principal, office, channel=_CHANNEL)
    except (WebError, SagaError, ApprovalError) as error:
        trouble = told(error).detail
    gate = await find_gate(gate_id, office)
    return Outcome(gate, await shown_gate(gate, office), trouble)
