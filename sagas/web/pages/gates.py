"""One gate: everything that is known of what would run, and the form that decides it."""

from collections.abc import Mapping, Sequence

from fastapi import APIRouter, Request, Response
from markupsafe import Markup

from approvals import Gate, Vote, VoteKind
from approvals.rendering import render_html
from approvals.revision import RefusedEdit, bar_to_edit
from sagas.rights import rights_of
from sagas.web import forms
from sagas.web.deciding import Ballot, NotCounted, find_gate, shown_gate, vote
from sagas.web.errors import WebError
from sagas.web.office import Office
from sagas.web.pages.sending import sent_once
from sagas.web.rendering import html
from sagas.web.sessions import Visitor, visitor

CHANNEL = "web"
REFUSED_SHOWN = 20
"""Of the votes and edits that were refused, the last ones are enough for a page."""


def router(office: Office) -> APIRouter:
    """The pages of gates."""
    routes = APIRouter()

    @routes.api_route("/gates/{gate_id}", methods=["GET", "HEAD"])
    async def gate_page(request: Request, gate_id: str) -> Response:
        who = await visitor(request, office)
        return await _page(await find_gate(gate_id, office), who, office)

    @routes.api_route("/gates/{gate_id}/state", methods=["GET", "HEAD"])
    async def gate_state(request: Request, gate_id: str) -> Mapping[str, str]:
        await visitor(request, office)
        gate = await find_gate(gate_id, office)
        return {"state": gate.state.value, "digest": gate.digest}

    @routes.post("/gates/{gate_id}")
    async def decide(request: Request, gate_id: str) -> Response:
        forms.check_origin(request.headers, office.site)
        who = await visitor(request, office)
        sent = forms.fields(
            await request.body(),
            request.headers,
            ("seal", "digest", "seen", "decision", "reason"),
            needed=("seal", "digest", "seen", "decision"),
        )
        about = purpose(gate_id, sent["digest"], sent["seen"])
        seal = forms.check(who.session, about, sent["seal"], now=office.now(), site=office.site)
        ballot = Ballot(
            kind=_kind(sent["decision"]),
            digest=sent["digest"],
            seen=sent["seen"],
            reason=sent.get("reason"),
        )
        gate = await find_gate(gate_id, office)
        try:
            await sent_once(seal, who, office)
            await vote(gate_id, ballot, who.principal, office, channel=CHANNEL)
        except NotCounted as error:
            return await _page(error.gate, who, office, refusal=error)
        except WebError as error:
            if error.status not in (409, 422):
                raise
            now = await find_gate(gate_id, office)
            return await _page(now, who, office, refusal=error, reason=ballot.reason)
        return _seen(gate)

    return routes


def purpose(gate_id: str, digest: str, seen: str) -> str:
    """What the form of a gate is about: this gate, and what was shown of it."""
    return f"decide {gate_id} {digest} {seen}"


def _kind(text: str) -> VoteKind:
    try:
        return VoteKind(text)
    except ValueError:
        raise WebError(
            400,
            "a decision is one of approve, reject, withdraw and revoke: nothing was decided",
            title="No decision",
        ) from None


def _seen(gate: Gate) -> Response:
    return Response(status_code=303, headers={"location": f"/gates/{gate.id}"})


async def _page(
    gate: Gate,
    who: Visitor,
    office: Office,
    *,
    refusal: WebError | None = None,
    reason: str | None = None,
) -> Response:
    shown = await shown_gate(gate, office)
    person = await office.coordinator.in_live_groups(who.principal, [gate])
    store = office.coordinator.store
    votes = await store.votes(gate.id)
    own = _own(votes, who)
    now = office.now()
    return html(
        "gate.html",
        office.site,
        status=200 if refusal is None else refusal.status,
        visitor=who,
        gate=gate,
        shown=shown,
        fragment=Markup(render_html(shown)),  # noqa: S704  escaped where it was rendered
        own=own,
        rights=rights_of(person, gate, now, await office.coordinator.acting_for(person)),
        may_edit=bar_to_edit(gate, person, now=now) is None,
        refused=_refused(votes, await store.refused_edits(gate.id)),
        refusal=refusal,
        reason=reason or "",
        seal=forms.seal(who.session, purpose(gate.id, gate.digest, shown.seen), now=now),
    )


def _refused(
    votes: Sequence[Vote], edits: Sequence[RefusedEdit]
) -> list[tuple[str, Vote | RefusedEdit]]:
    """What was refused here, the last first, each with what it was."""
    found: list[tuple[str, Vote | RefusedEdit]] = [
        *((vote.kind.value, vote) for vote in votes if vote.refusal),
        *(("edit", edit) for edit in edits),
    ]
    return sorted(found, key=lambda each: each[1].at, reverse=True)[:REFUSED_SHOWN]


def _own(votes: Sequence[Vote], who: Visitor) -> Vote | None:
    """What this person said and has not taken back."""
    said = [vote for vote in votes if vote.principal == who.principal.name and not vote.refusal]
    return said[-1] if said and said[-1].kind is not VoteKind.WITHDRAW else None
