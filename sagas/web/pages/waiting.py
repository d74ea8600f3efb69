"""The inbox: what waits for a person, a page at a time."""

from fastapi import APIRouter, Request, Response

from approvals import Gate, Presentation, present
from sagas.web.marks import cursor, mark
from sagas.web.office import Office
from sagas.web.pages.together import PAGE, kinds
from sagas.web.rendering import html
from sagas.web.rights import rights_of
from sagas.web.sessions import visitor

QUESTIONS = 100


def router(office: Office) -> APIRouter:
    """The inbox."""
    routes = APIRouter()

    @routes.api_route("/", methods=["GET", "HEAD"])
    async def inbox(request: Request) -> Response:
        who = await visitor(request, office)
        everything = request.query_params.get("show") == "all"
        after = cursor(request.query_params.get("after"))
        store = office.coordinator.store
        person = None if everything else who.principal.name
        gates = await store.waiting_gates(person=person, after=after, limit=PAGE + 1)
        questions = await store.open_questions() if after is None else []
        shown = gates[:PAGE]
        now = office.now()
        theirs = [gate for gate in shown if rights_of(who.principal, gate, now).approve]
        return html(
            "inbox.html",
            office.site,
            visitor=who,
            items=[
                (gate, _presented(gate, office), rights_of(who.principal, gate, now))
                for gate in shown
            ],
            questions=questions[:QUESTIONS],
            more_questions=max(0, len(questions) - QUESTIONS),
            together=kinds(theirs, request.query_params.get("after")),
            everything=everything,
            first=after is None,
            following=mark(shown[-1]) if len(gates) > PAGE else None,
        )

    return routes


def _presented(gate: Gate, office: Office) -> Presentation:
    return present(gate, now=office.now(), key=office.coordinator.store.journal_id)
