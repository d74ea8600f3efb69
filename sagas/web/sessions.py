"""Who is logged in: a random cookie in the browser, its hash in the journal's database.

A session says who somebody is, never what they may do: the directory is asked for that each time.
"""

from dataclasses import dataclass, replace
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response

from approvals import Principal
from sagas.errors import Refused
from sagas.model import instant, micros
from sagas.ports import WebSession
from sagas.web import forms, secret
from sagas.web.errors import LoginNeeded
from sagas.web.office import Office

SEEN_EVERY = timedelta(minutes=1)
"""How often the use of a session is written down."""

LOGGING_OUT = "log out"
"""What the form that logs out is about."""

LOGGED_OUT = "you are not logged in, or not any more: log in first"


@dataclass(frozen=True, slots=True)
class Visitor:
    """Whoever is logged in, with the rights they have at this instant.

    Attributes:
        session: The secret of their session.
        leave: The seal of the form that logs them out.
    """

    principal: Principal
    session: str
    leave: str


def begin(principal: str, evidence: str, office: Office) -> tuple[str, WebSession]:
    """A new session and its secret; it holds once it is recorded."""
    now = office.now()
    cookie = secret.made()
    until = micros(now + office.site.longest)
    at = micros(now)
    return cookie, WebSession(secret.hashed(cookie), principal, evidence, at, at, until)


async def visitor(request: Request, office: Office) -> Visitor:
    """Who sent a request.

    Raises:
        LoginNeeded: Nobody is logged in, or not any more.
    """
    cookie = request.cookies.get(office.site.cookie)
    if not cookie:
        raise LoginNeeded(LOGGED_OUT)
    store = office.coordinator.store
    found = await store.session(secret.hashed(cookie))
    if found is None:
        raise LoginNeeded(LOGGED_OUT)
    now = office.now()
    seen = instant(found.seen_at)
    if micros(now) >= found.until or now - seen >= office.site.idle:
        await store.end_session(found.token_hash)
        raise LoginNeeded("your session is over: log in again")
    principal = _entitled(found, office)
    if now - seen >= SEEN_EVERY:
        await store.see_session(found.token_hash, micros(now))
    return Visitor(principal, cookie, forms.seal(cookie, LOGGING_OUT, now=now))


def _entitled(session: WebSession, office: Office) -> Principal:
    try:
        principal = office.coordinator.principal(session.principal)
    except Refused as error:
        raise LoginNeeded(str(error)) from error
    return replace(principal, evidence=session.evidence)


def give(response: Response, cookie: str, office: Office) -> None:
    """Let a browser keep the secret of its session."""
    site = office.site
    response.set_cookie(
        site.cookie,
        cookie,
        max_age=int(site.longest.total_seconds()),
        path="/",
        secure=site.secure,
        httponly=True,
        samesite="strict",
    )


def take(response: Response, office: Office) -> None:
    """Let a browser forget the secret of its session."""
    site = office.site
    response.delete_cookie(
        site.cookie, path="/", secure=site.secure, httponly=True, samesite="strict"
    )
