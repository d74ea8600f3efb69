"""The inbox: what waits for a person, a page at a time; and all questions, a page at a time."""

from fastapi import APIRouter, Request, Response

from approvals import Gate, Presentation, present
from sagas.web.office import Office
from sagas.web.pages.together import PAGE, kinds
from sagas.web.queue import questions, waiting
from sagas.web.rendering import html
from sagas.web.sessions import visitor


def router(office: Office) -> APIRouter:
    """The inbox, and the page of all questions."""
    routes = APIRouter()

    @routes.api_route("/", methods=["GET", "HEAD"])
    async def inbox(request: Request) -> Response:
        who = await visitor(request, office)
        everything = request.query_params.get("show") == "all"
        after = request.query_params.get("after")
        page = await waiting(who.principal, office, mine=not everything, after=after, limit=PAGE)
        asked = await questions(office, after=None, limit=PAGE) if after is None else None
        theirs = [gate for gate, rights in page.items if rights.approve]
        return html(
            "inbox.html",
            office.site,
            visitor=who,
            items=[(gate, _presented(gate, office), rights) for gate, rights in page.items],
            asked=asked,
            together=kinds(theirs, after),
            everything=everything,
            first=after is None,
            following=page.following,
        )

    @routes.api_route("/interventions", methods=["GET", "HEAD"])
    async def interventions(request: Request) -> Response:
        who = await visitor(request, office)
        after = request.query_params.get("after")
        asked = await questions(office, after=after, limit=PAGE)
        return html("questions.html", office.site, visitor=who, asked=asked, first=after is None)

    return routes


def _presented(gate: Gate, office: Office) -> Presentation:
    return present(gate, now=office.now(), key=office.coordinator.store.journal_id)
