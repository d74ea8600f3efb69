"""Who clicked: a person of Slack, checked with Slack, and whom the directory knows them as.

A name or a display name decides nothing: the identity is the organization or workspace and the
user's id. Slack vouches for a log-in at Slack and for no more than that. Touches: Slack.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Protocol, cast

from approvals.channels.slack.calling import Unanswered, answer, record
from approvals.directory import Directory
from approvals.principal import Principal

if TYPE_CHECKING:
    from slack_sdk.web.async_slack_response import AsyncSlackResponse

__all__ = [
    "SLACK_CLAIM",
    "SLACK_EMAIL_CLAIM",
    "AsksWhoIs",
    "SlackPeople",
    "SlackPerson",
    "Unwelcome",
]

SLACK_CLAIM: Final = "slack"
"""What a directory is asked by: ``identified("slack", "T0123/U0456")``."""

SLACK_EMAIL_CLAIM: Final = "slack-email"
"""What a directory is asked by for whoever has no Slack id there: the address, as Slack has it."""

_USER = re.compile(r"[UW][A-Z0-9]{1,30}\Z")
_HOME = re.compile(r"[TE][A-Z0-9]{1,30}\Z")
_REMEMBERED = timedelta(seconds=60)
_MOST_REMEMBERED = 1_000
_MUST_BE_SAID = ("deleted", "is_bot", "is_restricted", "is_ultra_restricted")
_MAY_BE_SAID = ("is_workflow_bot", "is_connector_bot", "is_stranger")


class AsksWhoIs(Protocol):
    """What is called of Slack's client."""

    def users_info(self, *, user: str) -> "Awaitable[AsyncSlackResponse]":
        """Ask about one user."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackPerson:
    """A person whom Slack knows, who belongs to us and may take part."""

    home: str
    """The organization (E...), or the workspace (T...) where there is none above it."""
    user: str
    """The user's id (U... or W...)."""
    team: str
    """The workspace that the user belongs to."""
    display: str
    """How Slack shows them; decides nothing."""
    email: str | None
    """The address, where Slack says that it is confirmed and lets us see it."""

    @property
    def key(self) -> str:
        """Unlike that of any other person of Slack: ``T0123/U0456``."""
        return f"{self.home}/{self.user}"


@dataclass(frozen=True, slots=True)
class Unwelcome:
    """Somebody whose click counts for nothing."""

    why: str
    """One sentence for the person."""
    may_pass: bool = False
    """Whether it could not be told, and may be otherwise soon."""


class SlackPeople:
    """Tells who a user of Slack is.

    Args:
        client: Makes each call once, with a timeout that a waiting person bears.
        teams: The workspaces (T...) and organizations (E...) whose people may take part.
        now: The time; aware.
        guests: Whether guests of these workspaces may take part.
        by_email: Whether whoever is not in the directory by their Slack id is looked for by their
            confirmed address, among those who have no Slack id there.
    """

    def __init__(
        self,
        client: AsksWhoIs,
        *,
        teams: frozenset[str],
        now: Callable[[], datetime],
        guests: bool = False,
        by_email: bool = False,
    ) -> None:
        self._client = client
        self._teams = teams
        self._now = now
        self._guests = guests
        self._by_email = by_email
        self._known: dict[str, tuple[datetime, SlackPerson | Unwelcome]] = {}
        self._forgotten = 0

    async def who_is(self, user: str, *, fresh: bool = False) -> SlackPerson | Unwelcome:
        """Say who a user is, as Slack said within the last minute.

        Args:
            user: The id, as a click carries it.
            fresh: Ask Slack now, as is right where the effect cannot be undone.
        """
        if not _USER.match(user):
            return Unwelcome("This did not come from a user of Slack, and counts for nothing.")
        if not fresh and self.remembers(user):
            return self._known[user][1]
        asked_at, forgotten = self._now(), self._forgotten
        found = await self._ask(user)
        is_clear = not (isinstance(found, Unwelcome) and found.may_pass)
        if is_clear and forgotten == self._forgotten:  # else it may be older than what was told
            self._remember(user, asked_at, found)
        return found

    def remembers(self, user: str) -> bool:
        """Whether Slack said within the last minute who a user is."""
        known = self._known.get(user)
        return known is not None and timedelta(0) <= self._now() - known[0] < _REMEMBERED

    def forget(self, user: str) -> None:
        """Forget what was said of a user, since Slack tells that it has changed."""
        self._forgotten += 1
        self._known.pop(user, None)

    def principal(self, person: SlackPerson, directory: Directory) -> Principal | Unwelcome:
        """Find whom the directory knows a person as; by their Slack id before anything else."""
        found = directory.identified(SLACK_CLAIM, person.key)
        if found is not None:
            return replace(found, evidence=f"Slack user {person.key}")
        if self._by_email and person.email is not None:
            found = directory.identified(SLACK_EMAIL_CLAIM, person.email)
            if found is not None:
                evidence = f"Slack user {person.key}, by the confirmed address {person.email}"
                return replace(found, evidence=evidence)
        return Unwelcome(
            f'You are not in {directory.source}: ask for slack = "{person.key}" to be added to '
            "your entry there."
        )

    async def _ask(self, user: str) -> SlackPerson | Unwelcome:
        try:
            said = await answer(self._client.users_info(user=user))
        except Unanswered as error:
            if error.code in ("user_not_found", "user_not_visible"):
                return Unwelcome("Slack does not know you here, so that you cannot decide.")
            return Unwelcome(
                f"Nothing was decided: who you are cannot be told now ({error}). Try again in a "
                "moment.",
                may_pass=True,
            )
        return self._checked(user, record(said.get("user")))

    def _checked(self, user: str, said: Mapping[str, object]) -> SlackPerson | Unwelcome:
        """Check what Slack says; what it does not say counts against the person."""
        if said.get("id") != user:
            return _unclear()
        if any(
            said.get(flag) is True for flag in ("is_bot", "is_workflow_bot", "is_connector_bot")
        ):
            return Unwelcome("Only people decide, and this is a bot.")
        if said.get("deleted") is True:
            return Unwelcome("This account is deactivated, so that it decides nothing.")
        if not all(isinstance(said.get(flag), bool) for flag in _MUST_BE_SAID) or not all(
            isinstance(said.get(flag, False), bool) for flag in _MAY_BE_SAID
        ):
            return _unclear()
        home = self._home(said)
        if home is None or said.get("is_stranger") is True:
            return Unwelcome("You belong to another organization, whose people do not decide here.")
        is_guest = said["is_restricted"] or said["is_ultra_restricted"]
        if is_guest and not self._guests:
            return Unwelcome("You are a guest here, and guests do not decide.")
        return _person(user, home, said)

    def _home(self, said: Mapping[str, object]) -> tuple[str, str] | None:
        """The home of a user's identity and their workspace, where one of them may take part."""
        team = said.get("team_id")
        enterprise = record(said.get("enterprise_user"))
        home = enterprise.get("enterprise_id", team)
        of = enterprise.get("teams")
        teams = cast("list[object]", of) if isinstance(of, list) else []
        if not (_is_home(team) and _is_home(home)):
            return None
        belongs = {name for name in (team, home, *teams) if isinstance(name, str)}
        return (str(home), str(team)) if belongs & self._teams else None

    def _remember(self, user: str, at: datetime, found: SlackPerson | Unwelcome) -> None:
        known = self._known.get(user)
        if known is not None and at < known[0] <= self._now():
            return  # a slow answer does not hide a later one
        if len(self._known) >= _MOST_REMEMBERED and user not in self._known:
            self._known.pop(next(iter(self._known)))
        self._known[user] = (at, found)


def _is_home(value: object) -> bool:
    return isinstance(value, str) and _HOME.match(value) is not None


def _unclear() -> Unwelcome:
    return Unwelcome(
        "Nothing was decided: Slack's answer does not tell who you are. Tell whoever runs this.",
        may_pass=True,
    )


def _person(user: str, home: tuple[str, str], said: Mapping[str, object]) -> SlackPerson:
    profile = record(said.get("profile"))
    names = (profile.get("display_name"), profile.get("real_name"), said.get("real_name"))
    shown = next((name for name in names if isinstance(name, str) and name.strip()), user)
    email = profile.get("email") if said.get("is_email_confirmed") is True else None
    return SlackPerson(
        home=home[0],
        user=user,
        team=home[1],
        display=shown,
        email=email if isinstance(email, str) and email else None,
    )
