"""Logging in by a link, and logging out.

Opening a link shows a page and uses nothing up, so that previews and scanners of mail do no harm;
the button on it logs in.
"""

import time

from fastapi import APIRouter, Request, Response

from sagas.model import micros
from sagas.ports import LoginLink
from sagas.web import forms, secret, sessions
from sagas.web.errors import LoginNeeded, WebError
from sagas.web.guarding import address, too_often
from sagas.web.office import Office
from sagas.web.rendering import html


def router(office: Office) -> APIRouter:
    """The door."""
    routes = APIRouter()

    @routes.api_route("/login", methods=["GET", "HEAD"])
    async def login(request: Request) -> Response:
        try:
            who = await sessions.visitor(request, office)
        except LoginNeeded:
            who = None
        return html("login.html", office.site, visitor=who, why=None)

    @routes.api_route("/enter/{word}", methods=["GET", "HEAD"])
    async def link_page(request: Request, word: str) -> Response:
        link = await _link(request, word, office)
        return html("link.html", office.site, visitor=None, link=link, word=word)

    @routes.post("/enter/{word}")
    async def enter(request: Request, word: str) -> Response:
        forms.check_origin(request.headers, office.site)
        forms.fields(await request.body(), request.headers, ())
        link = await _link(request, word, office)
        cookie, session = sessions.begin(link.principal, link.evidence, office)
        if not await office.coordinator.store.enter(link.token_hash, session):
            raise _spent()
        response = Response(status_code=303, headers={"location": "/"})
        sessions.give(response, cookie, office)
        return response

    @routes.post("/logout")
    async def logout(request: Request) -> Response:
        forms.check_origin(request.headers, office.site)
        who = await sessions.visitor(request, office)
        sent = forms.fields(await request.body(), request.headers, ("seal",), needed=("seal",))
        now = office.now()
        forms.check(who.session, sessions.LOGGING_OUT, sent["seal"], now=now, site=office.site)
        await office.coordinator.store.end_session(secret.hashed(who.session))
        response = Response(status_code=303, headers={"location": "/login"})
        sessions.take(response, office)
        return response

    return routes


async def _link(request: Request, word: str, office: Office) -> LoginLink:
    """A link that opens.

    Raises:
        WebError: It opens nothing, or somebody tries too many.
    """
    if not office.site.links:
        raise WebError(404, "this inbox is not entered by links: log in", title="No links here")
    found = await office.coordinator.store.link(secret.hashed(word))
    if found is None:
        check_attempts(request, office)
        raise _spent()
    if found.used_by is not None or micros(office.now()) >= found.until:
        raise _spent()
    return found


def check_attempts(request: Request, office: Office) -> None:
    """Count an attempt to get in that failed.

    Raises:
        WebError: There were too many from this address.
    """
    wait = office.attempts.take(address(request.scope), time.monotonic())
    if wait is not None:
        raise too_often(wait)


def _spent() -> WebError:
    return WebError(
        410,
        "this link was used, is over, or never was one: make another with `sagas login`",
        title="This link opens nothing",
    )
