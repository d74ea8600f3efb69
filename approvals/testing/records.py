"""What was asked of the local Slack, and what it brought to the app.

Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from approvals.testing.payloads import Json

__all__ = ["Call", "Delivery"]


@dataclass(slots=True, kw_only=True)
class Call:
    """One call of the Web API or of a `response_url`.

    Attributes:
        method: Such as `chat.postMessage`; `response_url` for a post to one.
        body: What was asked, fields parsed.
        token: The kind of token, `xoxb`, `xapp`, or empty.
        status: The HTTP status that was answered; None where there was no answer.
        answer: The JSON that was answered.
        faults: What is wrong with the blocks or the view.
    """

    method: str
    body: Json
    token: str
    status: int | None = None
    answer: Json = field(default_factory=dict[str, object])
    faults: tuple[str, ...] = ()

    @property
    def error(self) -> str | None:
        """Slack's name for what was wrong."""
        return self.answer.get("error")


@dataclass(slots=True, kw_only=True)
class Delivery:
    """One interaction or event that was brought to the app, and what the app said.

    Attributes:
        kind: `interactive` or `events_api`.
        payload: What it says.
        body: The bytes as they were signed; empty over Socket Mode.
        headers: The headers as they were sent.
        envelope: The id over Socket Mode.
        status: The HTTP status; 200 for an acknowledged envelope; None for no answer.
        answer: What the app said with its acknowledgement.
        text: The same as it was written.
        seconds: From sending to the acknowledgement, by the machine's clock.
        socket: The number of the socket that it went through.
        attempt: How often an event was brought before.
        reason: Why it is brought again.
        warning: What the app said that Slack would not have; none if all was well.
    """

    kind: str
    payload: Json
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    envelope: str = ""
    status: int | None = None
    answer: Json = field(default_factory=dict[str, object])
    text: str = ""
    seconds: float | None = None
    socket: int | None = None
    attempt: int = 0
    reason: str = ""
    warning: str | None = None

    @property
    def acknowledged(self) -> bool:
        """Whether the app took it."""
        return self.status is not None and 200 <= self.status < 300
