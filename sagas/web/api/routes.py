"""The paths of the API."""

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.security import HTTPBearer

from approvals import Gate, present
from approvals.presentation import in_words
from sagas.errors import UnknownSaga
from sagas.model import Status
from sagas.ports import Scope
from sagas.web import deciding
from sagas.web.answering import PROBLEM
from sagas.web.api import delegations, rules
from sagas.web.api.bearers import caller, deciding_caller
from sagas.web.api.shapes import (
    AnswerBody,
    EditBody,
    GateBrief,
    GateShape,
    InboxShape,
    Problem,
    QuestionShape,
    QuestionsShape,
    SagaShape,
    VoteBody,
)
from sagas.web.office import Office
from sagas.web.queue import questions, waiting

CHANNEL = "api"
_PROBLEMS = {
    400: "the request is malformed",
    401: "there is no token, or one that opens nothing",
    403: "the token, or its owner, may not do this",
    404: "there is no such thing",
    409: "it was decided already, or is another by now",
    413: "the body is too long",
    421: "the inbox is not reached under this name",
    422: "something does not validate, or is missing",
    429: "that is too often",
    503: "the journal or the directory cannot be used now",
}
_SCHEMA = Problem.model_json_schema()
_bearer = HTTPBearer(auto_error=False, description="From `sagas token create`.")


def router(office: Office) -> APIRouter:
    """The API."""
    routes = APIRouter(
        prefix="/api/v1",
        dependencies=[Depends(_bearer)],
        responses={
            status: {"description": why, "content": {PROBLEM: {"schema": _SCHEMA}}}
            for status, why in _PROBLEMS.items()
        },
    )
    _add_gates(routes, office)
    _add_edits(routes, office)
    _add_questions(routes, office)
    _add_sagas(routes, office)
    rules.add(routes, office)
    delegations.add(routes, office)
    return routes


def _add_gates(routes: APIRouter, office: Office) -> None:
    @routes.get("/inbox")
    async def inbox(
        request: Request,
        *,
        mine: Annotated[bool, Query(description="Only gates that are yours to decide.")] = False,
        after: Annotated[str | None, Query(max_length=300)] = None,
        limit: Annotated[int, Query(ge=1, le=100)] = 50,
    ) -> InboxShape:
        """What waits for people, the oldest first."""
        who = await caller(request, office, Scope.READ)
        page = await waiting(who.principal, office, mine=mine, after=after, limit=limit)
        asked = QuestionsShape(interventions=[], next=None)
        if after is None:
            asked = await _asked(office, after=None, limit=limit)
        return InboxShape(
            gates=[GateBrief.of(gate, _at_a_glance(gate, office)) for gate, _ in page.items],
            next=page.following,
            interventions=asked.interventions,
            next_interventions=asked.next,
        )

    @routes.get("/gates/{gate_id}")
    async def gate(request: Request, gate_id: str) -> GateShape:
        """A gate, with everything that people are shown of it."""
        await caller(request, office, Scope.READ)
        return await _whole(await deciding.find_gate(gate_id, office), office)

    @routes.post("/gates/{gate_id}/votes")
    async def vote(request: Request, gate_id: str, body: VoteBody) -> GateShape:
        """Vote at a gate; a vote that is said again changes nothing and is answered alike."""
        who = await deciding_caller(request, office)
        ballot = deciding.Ballot(
            kind=body.decision, digest=body.digest, seen=body.seen, reason=body.reason
        )
        try:
            gate = await deciding.vote(gate_id, ballot, who.principal, office, channel=CHANNEL)
        except deciding.NotCounted as error:
            error.members["gate"] = await _dumped(error.gate, office)
            raise
        return await _whole(gate, office)


def _add_edits(routes: APIRouter, office: Office) -> None:
    @routes.post("/gates/{gate_id}/edits")
    async def edit(request: Request, gate_id: str, body: EditBody) -> GateShape:
        """Let a gate ask about other arguments; whoever edits does not decide about it."""
        who = await deciding_caller(request, office)
        draft = deciding.Draft(
            arguments=body.arguments_json,
            revision=body.revision,
            digest=body.digest,
            reason=body.reason,
        )
        try:
            gate = await deciding.edit(gate_id, draft, who.principal, office, channel=CHANNEL)
        except deciding.NotCounted as error:
            error.members["gate"] = await _dumped(error.gate, office)
            raise
        return await _whole(gate, office)


def _add_questions(routes: APIRouter, office: Office) -> None:
    @routes.get("/interventions")
    async def interventions(
        request: Request,
        *,
        after: Annotated[str | None, Query(max_length=300)] = None,
        limit: Annotated[int, Query(ge=1, le=100)] = 50,
    ) -> QuestionsShape:
        """The interventions that wait for an answer, the oldest first."""
        await caller(request, office, Scope.READ)
        return await _asked(office, after=after, limit=limit)

    @routes.get("/interventions/{question_id}")
    async def question(request: Request, question_id: str) -> QuestionShape:
        """An intervention."""
        await caller(request, office, Scope.READ)
        return QuestionShape.of(await deciding.find_question(question_id, office))

    @routes.post("/interventions/{question_id}/answer")
    async def answer(request: Request, question_id: str, body: AnswerBody) -> QuestionShape:
        """Answer an intervention."""
        who = await deciding_caller(request, office)
        row = await deciding.resolve(
            question_id,
            body.choice.value,
            who.principal,
            office,
            reason=body.reason,
            result_json=body.result_json,
            channel=CHANNEL,
        )
        return QuestionShape.of(row)


def _add_sagas(routes: APIRouter, office: Office) -> None:
    @routes.get("/sagas")
    async def sagas(
        request: Request,
        *,
        status: Status | None = None,
        saga: Annotated[str | None, Query(max_length=200)] = None,
        limit: Annotated[int, Query(ge=1, le=100)] = 50,
    ) -> list[SagaShape]:
        """Sagas, the newest first."""
        await caller(request, office, Scope.READ)
        if saga is not None and not saga.isprintable():
            return []
        rows = await office.coordinator.list(status=status, saga=saga, limit=limit)
        return [SagaShape.of(row) for row in rows]

    @routes.get("/sagas/{saga_id:path}")
    async def saga(request: Request, saga_id: str) -> SagaShape:
        """A saga."""
        await caller(request, office, Scope.READ)
        if not saga_id.isprintable():
            raise UnknownSaga("there is no saga of that id")
        return SagaShape.of(await office.coordinator.get(saga_id))


async def _asked(office: Office, *, after: str | None, limit: int) -> QuestionsShape:
    page = await questions(office, after=after, limit=limit)
    return QuestionsShape.of(page.items, page.following)


def _at_a_glance(gate: Gate, office: Office) -> Any:
    return present(gate, now=office.now(), key=office.coordinator.store.journal_id)


async def _whole(gate: Gate, office: Office) -> GateShape:
    shown = await deciding.shown_gate(gate, office)
    store = office.coordinator.store
    votes, refused = await store.votes(gate.id), await store.refused_edits(gate.id)
    hide = in_words(gate, store.journal_id).masked
    return GateShape.whole(
        replace(gate, reason=gate.reason and hide(gate.reason)),
        shown,
        [replace(vote, reason=vote.reason and hide(vote.reason)) for vote in votes],
        [replace(edit, reason=hide(edit.reason)) for edit in refused],
    )


async def _dumped(gate: Gate, office: Office) -> dict[str, Any]:
    return (await _whole(gate, office)).model_dump(mode="json")
