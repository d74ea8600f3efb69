"""Sagas: where they stand, and what happened in each of them."""

from fastapi import APIRouter, Request, Response

from approvals import Gate
from sagas.discreet import redaction_of, without_secrets
from sagas.errors import Corrupt, UnknownSaga
from sagas.model import Status
from sagas.restoring import readable
from sagas.story import StepState, Story, tell
from sagas.web.errors import WebError
from sagas.web.guarding import POLICY
from sagas.web.office import Office
from sagas.web.rendering import html
from sagas.web.sessions import visitor

SAGAS = 50

WORDS = {
    StepState.WAITING: "waits",
    StepState.RUNNING: "running",
    StepState.IN_DOUBT: "in doubt",
    StepState.DONE: "done",
    StepState.FAILED: "not done",
    StepState.UNDOING: "being undone",
    StepState.UNDO_IN_DOUBT: "undo in doubt",
    StepState.UNDO_FAILED: "not undone",
    StepState.UNDONE: "undone",
    StepState.WAIVED: "left as it is",
}


def router(office: Office) -> APIRouter:
    """The pages of sagas."""
    routes = APIRouter()

    @routes.api_route("/sagas", methods=["GET", "HEAD"])
    async def sagas_page(request: Request) -> Response:
        who = await visitor(request, office)
        status = _status(request.query_params.get("status"))
        rows = await office.coordinator.list(status=status, limit=SAGAS)
        return html(
            "sagas.html",
            office.site,
            visitor=who,
            rows=rows,
            chosen=status,
            statuses=list(Status),
            most=SAGAS,
        )

    @routes.api_route("/sagas/{saga_id:path}", methods=["GET", "HEAD"])
    async def saga_page(request: Request, saga_id: str) -> Response:
        who = await visitor(request, office)
        story = await _story(saga_id, office)
        gates = await office.coordinator.store.gates_of(saga_id)
        questions = await office.coordinator.store.questions_of(saga_id)
        return html(
            "saga.html",
            office.site,
            visitor=who,
            story=story,
            words=WORDS,
            gates=[gate for gate in gates if _waits(gate)],
            questions=[question for question in questions if question.state == "open"],
        )

    @routes.api_route("/history/{saga_id:path}", methods=["GET", "HEAD"])
    async def history_page(request: Request, saga_id: str) -> Response:
        await visitor(request, office)
        _check_id(saga_id)
        document = await office.history(office.coordinator, saga_id)
        policy = POLICY.format(style=f"'sha256-{document.style_hash}'")
        return Response(
            document.html,
            media_type="text/html; charset=utf-8",
            headers={"content-security-policy": policy},
        )

    return routes


def _waits(gate: Gate) -> bool:
    return gate.state.is_open


def _status(text: str | None) -> Status | None:
    if not text:
        return None
    try:
        return Status(text)
    except ValueError:
        raise WebError(400, "there is no such status: see the list") from None


def _check_id(saga_id: str) -> None:
    if not saga_id.isprintable():
        raise UnknownSaga("there is no saga of that id: see the list")


async def _story(saga_id: str, office: Office) -> Story:
    _check_id(saga_id)
    loaded = await office.coordinator.load(saga_id)
    entries, unread = readable(loaded.rows)
    if not entries:
        raise unread or Corrupt(f"{saga_id} has no entry that can be read here")
    redaction = redaction_of(entries, office.coordinator.store.journal_id)
    shown = without_secrets(entries, redaction)
    return tell(saga_id, shown, status=loaded.row.status, reason=loaded.row.reason, asked=[])
