"""Logging in with a provider: leaving for it, and coming back from it.

Coming back is a GET, as OpenID Connect has it: it logs in the browser that left, and decides
nothing.
"""

from fastapi import APIRouter, Request, Response

from sagas.errors import Refused
from sagas.web import secret, sessions
from sagas.web.errors import WebError
from sagas.web.office import Office
from sagas.web.oidc import OpenIdConnect
from sagas.web.pages.entering import check_attempts
from sagas.web.rendering import html

PATH = "/login/provider"
CALLBACK = "/login/callback"
MINUTES = 10


def router(office: Office) -> APIRouter:
    """The provider's door; no path, where there is no provider."""
    routes = APIRouter()
    provider = office.site.provider
    if provider is None:
        return routes
    connect = OpenIdConnect(provider, f"{office.site.url}{CALLBACK}")
    # With this prefix no other host of the domain can plant one, and so end somebody's log-in as
    # somebody else; it asks for the path of everything.
    name = "__Host-sagas-login" if office.site.secure else "sagas-login"

    @routes.get(PATH)
    async def leave(request: Request) -> Response:
        check_attempts(request, office)
        key = secret.made()
        response = Response(status_code=303, headers={"location": await connect.leave(key)})
        response.set_cookie(
            name,
            key,
            max_age=MINUTES * 60,
            path="/",
            secure=office.site.secure,
            httponly=True,
            samesite="lax",  # they come back from another site
        )
        return response

    @routes.get(CALLBACK)
    async def come_back(request: Request) -> Response:
        check_attempts(request, office)
        key = request.cookies.get(name)
        if not key:
            raise WebError(
                400, "this log-in was not begun in this browser, or too long ago: begin again"
            )
        identity = await connect.come_back(key, dict(request.query_params))
        try:
            person = office.coordinator.identify(identity.claim.value, identity.value)
        except Refused as error:
            raise WebError(403, str(error), title="You are not known here") from error
        cookie, session = sessions.begin(person.name, identity.evidence, office)
        await office.coordinator.store.begin_session(session)
        # The way here came from another site: a page of ours sends on, and the cookie goes along.
        response = html("again.html", office.site, visitor=None, path="/")
        response.delete_cookie(name, path="/", secure=office.site.secure, httponly=True)
        sessions.give(response, cookie, office)
        return response

    return routes
