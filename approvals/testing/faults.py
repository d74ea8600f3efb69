"""What goes wrong at the local Slack on demand.

Pure.
"""

from dataclasses import dataclass

__all__ = ["EVERY", "Fault", "Faults"]

EVERY = "*"
ERRORS = frozenset(
    {
        "account_inactive",
        "cant_update_message",
        "channel_not_found",
        "edit_window_closed",
        "expired_trigger_id",
        "fatal_error",
        "internal_error",
        "invalid_auth",
        "is_archived",
        "is_inactive",
        "message_not_found",
        "missing_scope",
        "not_in_channel",
        "org_login_required",
        "request_timeout",
        "restricted_action",
        "service_unavailable",
        "team_access_not_granted",
        "token_expired",
        "token_revoked",
        "user_not_in_channel",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One way for a call to go wrong.

    Attributes:
        status: The HTTP status of the answer.
        error: Slack's name for it; none for an answer that is no JSON.
        retry_after: Whole seconds, said with a 429.
        takes_effect: Whether what was asked for is done all the same.
        answers: Whether there is an answer; else the line is cut, or stays silent.
        silent: Whether the line stays open without an answer until the caller gives up.
    """

    status: int = 200
    error: str | None = None
    retry_after: int | None = None
    takes_effect: bool = False
    answers: bool = True
    silent: bool = False

    @classmethod
    def refused(cls, error: str) -> "Fault":
        """An answer that says an error of Slack's, such as `is_archived`; for a 429 see `rate_limited`.

        Raises:
            ValueError: Slack has no such error, or it is not one to play.
        """
        if error not in ERRORS:
            raise ValueError(f"{error!r} is none of {', '.join(sorted(ERRORS))}")
        return cls(error=error)

    @classmethod
    def rate_limited(cls, retry_after: int = 1) -> "Fault":
        """A 429 that says after how many whole seconds to come again."""
        return cls(status=429, error="ratelimited", retry_after=retry_after)

    @classmethod
    def broken(cls, status: int = 503, *, takes_effect: bool = False) -> "Fault":
        """A 5xx without JSON."""
        return cls(status=status, takes_effect=takes_effect)

    @classmethod
    def timeout(cls) -> "Fault":
        """It is done, and there is no answer for as long as the caller waits."""
        return cls(takes_effect=True, answers=False, silent=True)

    @classmethod
    def dropped(cls, *, takes_effect: bool) -> "Fault":
        """The connection is cut before, or after, it is done."""
        return cls(takes_effect=takes_effect, answers=False)


class Faults:
    """What is to go wrong, method by method, in the order in which it was asked for."""

    def __init__(self) -> None:
        self._planned: dict[str, list[tuple[Fault, int | None]]] = {}

    def add(self, method: str, fault: Fault, times: int | None = 1) -> None:
        """Let the next calls of a method go wrong, or all of them until mended."""
        self._planned.setdefault(method, []).append((fault, times))

    def mend(self, method: str | None = None) -> None:
        """Let nothing go wrong with a method any more, or with any."""
        if method is None:
            self._planned.clear()
        else:
            self._planned.pop(method, None)

    def take(self, method: str) -> Fault | None:
        """What goes wrong now."""
        for name in (method, EVERY):
            planned = self._planned.get(name)
            if not planned:
                continue
            fault, times = planned[0]
            if times is not None:
                planned[:1] = [(fault, times - 1)] if times > 1 else []
            return fault
        return None
