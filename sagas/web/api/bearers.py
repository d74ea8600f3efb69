"""Who sends a request of the API: the owner of the token that it shows, with their rights of now.

Cookies count for nothing here, so that no page of another site can make a browser send anything.
"""

import time
from dataclasses import dataclass, replace

from starlette.requests import Request

from approvals import Principal
from sagas.errors import Refused
from sagas.ports import ApiToken, Scope
from sagas.web import secret
from sagas.web.errors import WebError
from sagas.web.guarding import address, too_often
from sagas.web.office import Office
from sagas.web.tokens import PREFIX, standing

_ASK = {"www-authenticate": 'Bearer realm="sagas"'}


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever sends a request, and by which token."""

    principal: Principal
    token: ApiToken


async def caller(request: Request, office: Office, scope: Scope) -> Caller:
    """Who sends a request.

    Raises:
        WebError: There is no token, or one that opens nothing, or not this.
    """
    kind, _, word = request.headers.get("authorization", "").partition(" ")
    word = word.strip()
    if kind.lower() != "bearer" or not word:
        raise WebError(401, "send a token: Authorization: Bearer sagas_…", headers=_ASK)
    token = await _token(word, request, office)
    principal = _owner(token, office)
    if scope not in token.scopes:
        raise WebError(
            403, f"this token lacks the scope {scope.value}: make one that has it", headers=_ASK
        )
    return Caller(principal, token)


async def deciding_caller(request: Request, office: Office, scope: Scope = Scope.DECIDE) -> Caller:
    """Who decides something, unless they do so too often.

    Raises:
        WebError: As for `caller`, or it is too often.
    """
    found = await caller(request, office, scope)
    wait = office.decisions.take(found.token.id, time.monotonic())
    if wait is not None:
        raise too_often(wait)
    return found


async def _token(word: str, request: Request, office: Office) -> ApiToken:
    known = word.startswith(PREFIX)
    token = await office.coordinator.store.token(secret.hashed(word)) if known else None
    if token is None:
        wait = office.attempts.take(address(request.scope), time.monotonic())
        if wait is not None:
            raise too_often(wait)
        raise _invalid("this is no token of this journal")
    stands = standing(token, now=office.now())
    if stands != "valid":
        raise _invalid(f"this token is {stands}")
    return token


def _owner(token: ApiToken, office: Office) -> Principal:
    try:
        principal = office.coordinator.principal(token.owner)
    except Refused as error:
        raise _invalid(str(error)) from error
    return replace(principal, evidence=f"token {token.id} of {token.owner}")


def _invalid(why: str) -> WebError:
    return WebError(
        401,
        f"{why}: make one with `sagas token create`",
        headers={"www-authenticate": 'Bearer realm="sagas", error="invalid_token"'},
    )
