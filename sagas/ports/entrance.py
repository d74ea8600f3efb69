"""Who may come in: sessions, links and tokens.

Pure.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

__all__ = ["ApiToken", "Entrance", "Keys", "LoginLink", "Scope", "WebSession"]


@dataclass(frozen=True, slots=True)
class WebSession:
    """A browser that somebody is logged in with; instants are microseconds since 1970.

    Attributes:
        token_hash: The SHA-256 of what the browser shows.
        principal: The name of whoever is logged in; what they may do, the directory says.
        evidence: How they were identified when they logged in.
        until: When it is over, however much it is used.
    """

    token_hash: str
    principal: str
    evidence: str
    begun_at: int
    seen_at: int
    until: int


@dataclass(frozen=True, slots=True)
class LoginLink:
    """A link that logs somebody in, once; instants are microseconds since 1970.

    Attributes:
        token_hash: The SHA-256 of what the link holds.
        evidence: How whoever had it made was identified.
        used_by: The hash of the session that it began, if it did.
    """

    token_hash: str
    principal: str
    evidence: str
    made_at: int
    until: int
    used_by: str | None = None


class Scope(StrEnum):
    """What a token of a program is good for, at most."""

    READ = "read"
    DECIDE = "decide"
    GRANT = "grant"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiToken:
    """What a program shows to act for its owner; instants are microseconds since 1970.

    Attributes:
        id: Its public name, by which it is listed and revoked.
        token_hash: The SHA-256 of what the program shows.
        label: What it is for, in its owner's words.
    """

    id: str
    token_hash: str
    owner: str
    label: str
    scopes: frozenset[Scope]
    made_at: int
    until: int
    revoked_at: int | None = None


class Entrance(Protocol):
    """Who is let in by a browser. Of what is secret, it is given hashes only."""

    async def record_link(self, link: LoginLink) -> None:
        """Add a link that logs somebody in, once."""
        ...

    async def link(self, token_hash: str) -> LoginLink | None:
        """A link, whether or not it still opens anything."""
        ...

    async def enter(self, link_hash: str, session: WebSession) -> bool:
        """Use a link up and begin a session with it; False if it is unknown, used up or over."""
        ...

    async def begin_session(self, session: WebSession) -> None:
        """Add a session."""
        ...

    async def session(self, token_hash: str) -> WebSession | None:
        """A session, whether or not its time is over."""
        ...

    async def see_session(self, token_hash: str, at: int) -> None:
        """Note that a session was used."""
        ...

    async def end_session(self, token_hash: str) -> None:
        """Log a browser out; nothing, if it is."""
        ...

    async def spend(self, form_hash: str, *, spender: str, until: int, at: int) -> bool:
        """Take a form, once; False if another sending of it was first.

        Args:
            spender: Unlike that of any other sending.
            until: Until when it has to be remembered.
        """
        ...


class Keys(Protocol):
    """The tokens of programs. Of what is secret, it is given hashes only."""

    async def record_token(self, token: ApiToken) -> None:
        """Add a token."""
        ...

    async def token(self, token_hash: str) -> ApiToken | None:
        """A token, whether or not it still opens anything."""
        ...

    async def tokens(self, owner: str) -> list[ApiToken]:
        """The tokens of a person, the oldest first, with those that are over or revoked."""
        ...

    async def revoke_token(self, token_id: str, *, owner: str, at: int) -> ApiToken | None:
        """Take a token back for ever; None if that person has none of that id."""
        ...
