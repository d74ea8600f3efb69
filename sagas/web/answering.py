"""How a refusal looks: a page for people, `application/problem+json` for programs.

Whatever goes wrong is told in one sentence; what is unexpected is logged, and told in none.
"""

import logging
from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from approvals import ApprovalError
from sagas.errors import Corrupt, JournalUnavailable, PayloadError, Refused, SagaError, UnknownSaga
from sagas.web.errors import WebError, phrase
from sagas.web.rendering import html
from sagas.web.site import Site

log = logging.getLogger("sagas")

API = "/api/"
PROBLEM = "application/problem+json"
_STATUS: tuple[tuple[type[Exception], int], ...] = (
    (UnknownSaga, 404),
    (Refused, 409),
    (PayloadError, 422),
    (JournalUnavailable, 503),
    (ApprovalError, 503),
    (Corrupt, 409),
    (SagaError, 400),
)
_NOT_FOUND = "there is nothing here: begin at the inbox"


def told(error: Exception) -> WebError:
    """An error as it is told to whoever sent the request."""
    if isinstance(error, WebError):
        return error
    if isinstance(error, HTTPException):
        detail = _NOT_FOUND if error.status_code == 404 else error.detail
        return WebError(error.status_code, detail, headers=error.headers)
    for kind, status in _STATUS:
        if isinstance(error, kind):
            if status == 503:
                log.warning("%s: %s", type(error).__name__, error)
            return WebError(status, str(error))
    log.error("a request failed", exc_info=error)
    return WebError(500, "this is not expected: the log of the server says more")


def answer(error: WebError, path: str, site: Site) -> Response:
    """The refusal of a request for this path."""
    if path.startswith(API):
        return problem(error)
    return html(
        "error.html", site, status=error.status, headers=error.headers, error=error, visitor=None
    )


def problem(error: WebError) -> Response:
    """A refusal as RFC 9457 has it."""
    body = {
        "type": "about:blank",
        "title": error.title or phrase(error.status),
        "status": error.status,
        "detail": error.detail,
        **error.members,
    }
    headers: Mapping[str, str] = error.headers
    return JSONResponse(body, status_code=error.status, headers=dict(headers), media_type=PROBLEM)
