"""Whether a request that says that it comes from Slack does.

Slack signs the raw bytes of a body with a secret that it shares with the app, and with the second at
which it sent them. The signature says nothing about whether the request came before: `Accepted`
has a key for whoever remembers that. Touches: nothing; the clock is handed in.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, cast

from slack_sdk.signature import Clock, SignatureVerifier

from approvals.errors import ChannelDefinitionError

__all__ = ["LARGEST_BODY", "Accepted", "Headers", "NotSlack", "Signatures"]

LARGEST_BODY: Final = 65_536
"""How many bytes a body may have."""

Headers = Mapping[str, str] | Iterable[tuple[str | bytes, str | bytes]]
"""As a server hands them over: a mapping, or pairs; a name may come twice in pairs."""

_WINDOW = timedelta(seconds=300)
_REMEMBERED = timedelta(hours=2)
_TIMESTAMP: Final = "x-slack-request-timestamp"
_SIGNATURE: Final = "x-slack-signature"
_SECONDS = re.compile(r"[0-9]{1,12}\Z")
_SIGNED = re.compile(r"v0=[0-9a-f]{64}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A request that Slack signed, lately."""

    replay_key: str
    """SHA-256 of the signature, in hexadecimal: the same request has it again, and no other."""
    sent_at: datetime
    """When Slack says that it sent it; aware, in UTC."""
    remember_until: datetime
    """When it may be forgotten; aware, in UTC. The window has refused it by itself for long then,
    so that a clock which is set forward and back again lets no request count twice."""


@dataclass(frozen=True, slots=True)
class NotSlack:
    """A request that is refused."""

    why: str
    """For our own log: it quotes nothing that came from outside."""
    is_too_large: bool = False
    """Whether it was refused by its size, before its signature was looked at."""


class _At(Clock):
    """The library's clock, standing still."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self) -> float:
        return self._at.timestamp()


class Signatures:
    """Tells what Slack signed, with one secret or, while it is being changed, with either of two.

    Args:
        secrets: The signing secrets of the app: the one that counts, and the one before or after.
        now: The time; aware.

    Raises:
        ChannelDefinitionError: There is no secret, a blank one, or more than two.
    """

    def __init__(self, secrets: Sequence[str], *, now: Callable[[], datetime]) -> None:
        if not 1 <= len(secrets) <= 2:
            raise ChannelDefinitionError(
                f"a Slack app has one signing secret, or two while it is changed, not {len(secrets)}: "
                "copy it from Basic Information of the app"
            )
        if not all(secret.strip() for secret in secrets):
            raise ChannelDefinitionError(
                "a signing secret is blank: copy it from Basic Information of the Slack app"
            )
        self._secrets = tuple(secrets)
        self._now = now

    def __repr__(self) -> str:
        return f"<Signatures of {len(self._secrets)}>"

    def check(self, body: bytes, headers: Headers) -> Accepted | NotSlack:
        """Say whether Slack signed these bytes within the last five minutes; it never raises.

        A timestamp that lies further ahead than that is refused as well: somebody's clock is wrong.

        Args:
            body: As it was received, not decoded.
            headers: As they were received; names are compared without regard to case.
        """
        if len(body) > LARGEST_BODY:
            return NotSlack(f"the body is larger than {LARGEST_BODY} bytes", is_too_large=True)
        if not _is_text(body):
            return NotSlack("the body is not UTF-8")
        found = _wanted(headers)
        if isinstance(found, NotSlack):
            return found
        now = self._now()
        timestamp, signature = found
        if not self._is_signed(body, timestamp, signature, now):
            return NotSlack(_why_not(int(timestamp), now))
        sent_at = datetime.fromtimestamp(int(timestamp), tz=UTC)
        return Accepted(
            replay_key=hashlib.sha256(signature.encode("ascii")).hexdigest(),
            sent_at=sent_at,
            remember_until=sent_at + _REMEMBERED,
        )

    def _is_signed(self, body: bytes, timestamp: str, signature: str, now: datetime) -> bool:
        """Whether one of the secrets fits; every one is tried, so that the time tells nothing."""
        clock = _At(now)
        answers = [
            SignatureVerifier(secret, clock).is_valid(body, timestamp, signature)
            for secret in self._secrets
        ]
        return any(answers)


def _wanted(headers: object) -> tuple[str, str] | NotSlack:
    """The timestamp and the signature, each there once and of the right form."""
    timestamps = _values(headers, _TIMESTAMP)
    signatures = _values(headers, _SIGNATURE)
    if len(timestamps) != 1 or len(signatures) != 1:
        return NotSlack("it has no timestamp and signature of Slack, or has several")
    if not _SECONDS.match(timestamps[0]):
        return NotSlack("its timestamp is no number of seconds")
    if not _SIGNED.match(signatures[0]):
        return NotSlack("its signature has not the form of one")
    return timestamps[0], signatures[0]


def _values(headers: object, name: str) -> list[str]:
    """All values of a header; what is neither text nor bytes counts as an empty one."""
    return [_text(value) for key, value in _pairs(headers) if _text(key).lower() == name]


def _pairs(headers: object) -> list[tuple[object, object]]:
    given: object = headers
    if isinstance(headers, Mapping):
        given = cast("Mapping[object, object]", headers).items()
    if not isinstance(given, Iterable):
        return []
    found: list[tuple[object, object]] = []
    for item in cast("Iterable[object]", given):
        if isinstance(item, (tuple, list)):
            parts = cast("Sequence[object]", item)
            if len(parts) == 2:
                found.append((parts[0], parts[1]))
    return found


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return value if isinstance(value, str) else ""


def _is_text(body: bytes) -> bool:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _why_not(timestamp: int, now: datetime) -> str:
    apart = abs(now.timestamp() - timestamp)
    if apart > _WINDOW.total_seconds():
        return (
            f"it was sent more than {int(_WINDOW.total_seconds())} s before or after now: it is "
            "old, or this machine's clock is wrong"
        )
    return "no signing secret fits its signature"
