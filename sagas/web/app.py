"""The inbox as one application: pages, the API, and what stands in front of both."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from approvals import ApprovalError
from sagas.coordinator import Coordinator
from sagas.errors import SagaError
from sagas.web.answering import API, answer, told
from sagas.web.api import routes
from sagas.web.bucket import Buckets
from sagas.web.errors import LoginNeeded, WebError
from sagas.web.guarding import Guard
from sagas.web.office import History, Office
from sagas.web.pages import (
    assets,
    delegating,
    editing,
    entering,
    gates,
    providing,
    questions,
    ruling,
    stories,
    together,
    waiting,
)
from sagas.web.rendering import html
from sagas.web.site import Site

_PAGES = (
    *(waiting, together, gates, editing, questions, ruling, delegating),
    *(stories, entering, providing),
)


def make_app(
    coordinator: Coordinator,
    site: Site,
    *,
    history: History,
    signed: Mapping[str, ASGIApp] | None = None,
) -> Guard:
    """The inbox over a coordinator, as an ASGI application.

    Args:
        history: Tells a saga's whole history as one page.
        signed: Applications by their paths that tell by a signature who sends to them.
    """
    office = Office(
        coordinator=coordinator,
        site=site,
        history=history,
        decisions=Buckets(site.decisions),
        attempts=Buckets(site.attempts),
    )
    app = FastAPI(
        title="agent-sagas",
        version="1",
        description="What waits for people, and their decisions. Refusals are problem+json.",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    for pages in _PAGES:
        app.include_router(pages.router(office), include_in_schema=False)
    app.include_router(routes.router(office))
    app.include_router(assets.router(), include_in_schema=False)
    _describe(app)
    _tell_refusals(app, site)
    return Guard(app, site, signed=signed)


def _describe(app: FastAPI) -> None:
    """Serve the description of the API; there is no secret in it."""

    @app.api_route(f"{API}v1/openapi.json", methods=["GET", "HEAD"], include_in_schema=False)
    async def description() -> dict[str, Any]:
        return app.openapi()


def _tell_refusals(app: FastAPI, site: Site) -> None:
    async def refuse(request: Request, error: Exception) -> Response:
        refusal = told(error)
        if isinstance(error, LoginNeeded) and not request.url.path.startswith(API):
            return _door(request, error, site)
        return answer(refusal, request.url.path, site)

    async def malformed(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101  what it was registered for
        return answer(_malformed(error), request.url.path, site)

    for kind in (WebError, HTTPException, SagaError, ApprovalError, Exception):
        app.add_exception_handler(kind, refuse)
    app.add_exception_handler(RequestValidationError, malformed)


def _door(request: Request, error: LoginNeeded, site: Site) -> Response:
    """The page to log in.

    A browser that comes by a link of another site does not show its session, which may be there:
    the page asks for itself once more, and that comes from here.
    """
    fetch = request.headers.get("sec-fetch-site")
    if request.method == "GET" and fetch == "cross-site":
        return html("again.html", site, visitor=None, path=_path(request))
    return html("login.html", site, status=401, visitor=None, why=error.detail)


def _path(request: Request) -> str:
    query = f"?{request.url.query}" if request.url.query else ""
    return f"/{request.url.path.lstrip('/')}{query}"


def _malformed(error: RequestValidationError) -> WebError:
    faults = [
        f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}"
        for fault in error.errors()[:5]
    ]
    status = 400 if error.errors() and error.errors()[0]["type"] == "json_invalid" else 422
    return WebError(status, "; ".join(faults), title="This does not validate")
