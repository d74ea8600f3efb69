"""What a request is refused with: a status, a title and a sentence that says what to do.

Pure.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any


class WebError(Exception):
    """A request that is not carried out; nothing was decided.

    Args:
        status: The HTTP status.
        detail: What is wrong and what to do, in a sentence for people.
        title: The same in a few words; the status's own phrase if left out.
        headers: What the answer says besides.
        members: Further members of the problem, for programs.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        title: str | None = None,
        headers: Mapping[str, str] | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title or phrase(status)
        self.detail = detail
        self.headers = dict(headers or {})
        self.members = dict(members or {})


class LoginNeeded(WebError):
    """Nobody is logged in, or not any more."""

    def __init__(self, detail: str = "log in first") -> None:
        super().__init__(401, detail, title="Log in first")


def phrase(status: int) -> str:
    """What HTTP calls a status."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"
