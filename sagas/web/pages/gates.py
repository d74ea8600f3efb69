"""One gate: everything that is known of what would run, and the form that decides it."""

from collections.abc import Mapping

from fastapi import APIRouter, Request, Response

from approvals import Gate, VoteKind, present
from sagas.errors import SagaError
from sagas.restoring import readable
from sagas.story import StepState, Story, tell
from sagas.web import forms
from sagas.web.deciding import Ballot, NotCounted, find_gate, vote, where_it_stands
from sagas.web.errors import WebError
from sagas.web.office import Office
from sagas.web.pages.sending import sent_once
from sagas.web.rendering import html
from sagas.web.rights import rights_of
from sagas.web.sessions import Visitor, visitor

CHANNEL = "web"


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
            ("seal", "digest", "decision", "reason"),
            needed=("seal", "digest", "decision"),
        )
        purpose = f"decide {gate_id} {sent['digest']}"
        seal = forms.check(who.session, purpose, sent["seal"], now=office.now(), site=office.site)
        ballot = Ballot(
            kind=_kind(sent["decision"]), digest=sent["digest"], reason=sent.get("reason")
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


def _kind(text: str) -> VoteKind:
    try:
        return VoteKind(text)
    except ValueError:
        raise WebError(
            400, "a decision is approve or reject: nothing was decided", title="No decision"
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
    story = await _story(gate.saga_id, office)
    done = [] if story is None else _done_so_far(story)
    now = office.now()
    shown = present(gate, reversibility=office.reversibility(gate), done=done, now=now)
    votes = await office.coordinator.store.votes(gate.id)
    own = next((vote for vote in reversed(votes) if vote.principal == who.principal.name), None)
    return html(
        "gate.html",
        office.site,
        status=200 if refusal is None else refusal.status,
        visitor=who,
        gate=gate,
        shown=shown,
        votes=votes,
        own=own,
        is_open=gate.state.is_open and now < gate.deadline,
        standing=where_it_stands(gate, office),
        rights=rights_of(who.principal, gate, now),
        refusal=refusal,
        reason=reason or "",
        seal=forms.seal(who.session, f"decide {gate.id} {gate.digest}", now=now),
    )


async def _story(saga_id: str, office: Office) -> Story | None:
    """A saga's story as far as it can be read here."""
    try:
        loaded = await office.coordinator.load(saga_id)
    except SagaError:
        return None
    entries, _ = readable(loaded.rows)
    if not entries:
        return None
    return tell(saga_id, entries, status=loaded.row.status, reason=loaded.row.reason, asked=[])


def _done_so_far(story: Story) -> list[str]:
    return [
        f"{step.label}: {step.reversibility.label}"
        for step in story.steps
        if step.state is StepState.DONE
    ]
