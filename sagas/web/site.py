"""What one inbox is set up with: where it is reached, how people log in, and how long that holds.

Pure.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from ipaddress import ip_address
from urllib.parse import urlsplit

from sagas.errors import SagaError

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
LONGEST_BODY = 64 * 1024
"""Bytes of a request's body; a longer one is refused before it is read."""


class Claim(StrEnum):
    """What a provider says of a person, by which the directory knows them."""

    SUB = "sub"
    EMAIL = "email"


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """An OpenID Connect provider that people log in with."""

    issuer: str
    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    claim: Claim = Claim.SUB


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often something may be done: so many at once, and one more every `every`."""

    burst: int
    every: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One inbox.

    Attributes:
        origins: How browsers may reach it, such as `https://approve.example.org`; the first one is
            told to people.
        links: Whether one-time links log in.
        idle: How long a session holds that nobody uses.
        longest: How long a session holds at all.
        form: How long a form may be sent after it was shown.
        requests: How often one address may ask for anything.
        attempts: How often one address may try to log in, or show a token that is none.
        decisions: How often one session, or one token, may send something.
    """

    origins: tuple[str, ...]
    links: bool = True
    provider: Provider | None = None
    idle: timedelta = timedelta(hours=2)
    longest: timedelta = timedelta(hours=12)
    form: timedelta = timedelta(hours=2)
    requests: Pace = Pace(burst=300, every=timedelta(milliseconds=50))
    attempts: Pace = Pace(burst=20, every=timedelta(seconds=3))
    decisions: Pace = Pace(burst=60, every=timedelta(seconds=1))

    @property
    def url(self) -> str:
        """Where people find it."""
        return self.origins[0]

    @property
    def hosts(self) -> frozenset[str]:
        """What a request's Host may say: nothing else, or a name that was bound anew could read."""
        return frozenset(urlsplit(origin).netloc for origin in self.origins)

    @property
    def secure(self) -> bool:
        """Whether browsers reach it through TLS."""
        return self.url.startswith("https://")

    @property
    def cookie(self) -> str:
        """The name of the cookie: on loopback with the port, which cookies do not know."""
        return "__Host-sagas" if self.secure else f"sagas-{urlsplit(self.url).port or 80}"


def origins_of(url: str | None, *, port: int) -> tuple[str, ...]:
    """The origins of an inbox: what `--url` says, or loopback in its three spellings.

    Raises:
        SagaError: The URL is no origin, or would carry sessions in the clear.
    """
    if url is None:
        return tuple(f"http://{host}:{port}" for host in LOOPBACK)
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise _no_origin(url) from None
    bare = parts.path in ("", "/") and not (parts.query or parts.fragment or parts.username)
    if parts.scheme not in ("http", "https") or not parts.hostname or not bare:
        raise _no_origin(url)
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise SagaError(
            f"{url} would carry sessions in the clear: put a reverse proxy with TLS in front, and "
            "give its https:// URL"
        )
    return (f"{parts.scheme}://{parts.netloc.lower()}",)


def _no_origin(url: str) -> SagaError:
    return SagaError(f"{url!r} is no URL of an inbox: https://host or https://host:port")


def is_loopback(host: str) -> bool:
    """Whether a host's name or address stays on this machine."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:  # a name, which may be anybody's: 127.example.org
        return False
