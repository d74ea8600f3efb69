"""User groups of Slack as groups of a directory: ``approval(by="@slack:S0123")``.

A directory answers at once and Slack does not, so that members are asked for beforehand and kept
with the time: `refresh` before a decision, `keep` in the background of whatever makes calls. What is
older than a minute is not told at all; it never counts as a yes. Touches: Slack.
"""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final, NoReturn, Protocol, cast

from approvals.channels.slack.calling import Unanswered, answer
from approvals.channels.slack.people import SLACK_CLAIM
from approvals.directory import Directory
from approvals.errors import DirectoryError, DirectoryUnavailable
from approvals.names import SLACK_MARK
from approvals.principal import Principal

if TYPE_CHECKING:
    from slack_sdk.web.async_slack_response import AsyncSlackResponse

__all__ = ["FRESH_FOR", "AsksForMembers", "DirectoryWithSlack", "SlackGroups", "slack_groups_of"]

log = logging.getLogger(__name__)

FRESH_FOR: Final = timedelta(seconds=60)
"""How long what Slack said of a group's members counts."""

_GROUP = re.compile(r"S[A-Z0-9]{1,30}\Z")
_NO_SUCH_GROUP = frozenset({"no_such_subteam", "subteam_not_found", "subteam_disabled"})
_EVERY = timedelta(seconds=20)


class AsksForMembers(Protocol):
    """What is called of Slack's client."""

    def auth_test(self) -> "Awaitable[AsyncSlackResponse]":
        """Ask whose the token is."""
        ...

    def usergroups_users_list(
        self, *, usergroup: str, include_disabled: bool, team_id: str
    ) -> "Awaitable[AsyncSlackResponse]":
        """Ask who is in a user group."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Who was in a group, and when Slack was asked."""

    members: frozenset[str]
    """Users' ids."""
    asked_at: datetime
    """Before the question, so that nothing after it is vouched for; aware."""


@dataclass(slots=True, eq=False)
class SlackGroups:
    """The members of user groups, as Slack said lately.

    Args:
        client: Makes each call once.
        team: The workspace (T...) whose groups they are; None for that of the token, which Slack
            is asked for first.
        now: The time; aware.
        home: What comes before the slash in the directory's Slack ids: the organization (E...)
            where there is one above the workspace.
    """

    client: AsksForMembers
    team: str | None
    now: Callable[[], datetime]
    home: str | None = None
    _said: dict[str, Snapshot] = field(default_factory=dict[str, Snapshot])
    _watched: set[str] = field(default_factory=set[str])
    _is_to_ask: asyncio.Event = field(default_factory=asyncio.Event)
    _turns: dict[str, asyncio.Lock] = field(default_factory=dict[str, asyncio.Lock])
    _next: dict[str, asyncio.Future[None]] = field(
        default_factory=dict[str, "asyncio.Future[None]"]
    )

    def over(self, directory: Directory) -> "DirectoryWithSlack":
        """A directory whose people are in these groups, too."""
        return DirectoryWithSlack(directory, self)

    def watch(self, groups: Iterable[str]) -> None:
        """Have `keep` ask for these groups, now and from now on; others are left out."""
        wanted = slack_groups_of(groups)
        if not wanted <= self._watched:
            self._watched.update(wanted)
            self._is_to_ask.set()

    @property
    def watched(self) -> frozenset[str]:
        """The groups that were ever asked about: ``slack:S0123``."""
        return frozenset(self._watched)

    async def refresh(self, groups: Iterable[str]) -> None:
        """Ask Slack who is in these groups now; groups that are not Slack's are left out.

        Args:
            groups: Names with or without the mark of a group: ``@slack:S0123``.

        Raises:
            DirectoryUnavailable: Slack does not tell about one of them; the others are asked, too.
        """
        wanted = sorted(slack_groups_of(groups))
        self._watched.update(wanted)
        if wanted and self.team is None:
            await self._ask_whose()
        answers = await asyncio.gather(
            *(self._ask(group) for group in wanted), return_exceptions=True
        )
        for found in answers:
            if isinstance(found, BaseException):
                raise found

    async def keep(self, *, every: timedelta = _EVERY) -> NoReturn:
        """Ask again and again for every group that is watched; until it is cancelled."""
        while True:
            self._is_to_ask.clear()
            try:
                await self.refresh(self._watched)
            except DirectoryError as error:
                log.warning("%s", error)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._is_to_ask.wait(), every.total_seconds())

    def members(self, group: str) -> frozenset[str]:
        """The people in a group as the directory's Slack ids name them: ``T0123/U0456``.

        Raises:
            DirectoryUnavailable: Slack has not told within the last minute.
        """
        self.watch([group])
        said = self._said.get(group)
        if said is None or not self._is_fresh(said):
            raise DirectoryUnavailable(
                f"who is in Slack's user group {group.removeprefix(SLACK_MARK)} cannot be told now: "
                + ("Slack was not asked yet" if said is None else f"it was told at {said.asked_at}")
                + "; it is asked again by itself, and `sagas slack check` tells what is wrong"
            )
        return self._named(said)

    def _is_fresh(self, said: Snapshot) -> bool:
        return timedelta(0) <= self.now() - said.asked_at <= FRESH_FOR

    def _named(self, said: Snapshot) -> frozenset[str]:
        return frozenset(f"{self.home or self.team}/{user}" for user in said.members)

    async def _ask_whose(self) -> None:
        """Have the workspace of the token told."""
        try:
            said = await answer(self.client.auth_test())
        except Unanswered as error:
            raise DirectoryUnavailable(
                f"who is in user groups of Slack cannot be told now: {error}"
            ) from None
        team, above = said.get("team_id"), said.get("enterprise_id")
        if not isinstance(team, str) or not team:
            raise DirectoryUnavailable(
                "who is in user groups of Slack cannot be told: Slack does not say whose the token "
                "is; `sagas slack check` tells what is wrong"
            )
        self.home = above if isinstance(above, str) and above else team
        self.team = team

    async def _ask(self, group: str) -> None:
        """Wait for an answer to a question that is put from now on, together with others who do.

        Slack bears a few of these questions in a minute, and many may decide in the same second.
        """
        asking = self._next.get(group)
        if asking is None:
            asking = self._next[group] = asyncio.ensure_future(self._ask_in_turn(group))
            asking.add_done_callback(partial(self._end, group))
        await asyncio.shield(asking)

    async def _ask_in_turn(self, group: str) -> None:
        async with self._turns.setdefault(group, asyncio.Lock()):
            del self._next[group]  # whoever comes from here on is told what is asked after this
            await self._ask_now(group)

    def _end(self, group: str, done: asyncio.Future[None]) -> None:
        if self._next.get(group) is done:  # it was ended before it came to ask
            del self._next[group]
        if not done.cancelled():
            done.exception()  # whoever waits is told; perhaps nobody does any more

    async def _ask_now(self, group: str) -> None:
        asked_at = self.now()
        try:
            said = await answer(
                self.client.usergroups_users_list(
                    usergroup=group.removeprefix(SLACK_MARK),
                    include_disabled=False,
                    team_id=self.team or "",
                )
            )
            members = _users(said.get("users"))
        except Unanswered as error:
            if error.code not in _NO_SUCH_GROUP:
                raise DirectoryUnavailable(
                    f"who is in Slack's user group {group.removeprefix(SLACK_MARK)} cannot be told "
                    f"now: {error}"
                ) from None
            members = frozenset[str]()
        known = self._said.get(group)
        if known is None or known.asked_at <= asked_at:  # a slow answer does not hide a later one
            self._said[group] = Snapshot(members=members, asked_at=asked_at)


@dataclass(frozen=True, slots=True)
class DirectoryWithSlack:
    """A directory whose people are in user groups of Slack, too.

    A person belongs to them by the Slack id that the directory has for them. Whoever has none is in
    none of them.
    """

    directory: Directory
    groups: SlackGroups

    @property
    def source(self) -> str:
        """Where the knowledge comes from, for messages."""
        return f"{self.directory.source} (with user groups of Slack)"

    def principal(self, operating_system_user: str) -> Principal | None:
        """Identify the person logged in to the machine as this user, or None."""
        return self._with_groups(self.directory.principal(operating_system_user))

    def authenticate(self, name: str, token: str) -> Principal | None:
        """Identify the person of this name by their token, or None."""
        return self._with_groups(self.directory.authenticate(name, token))

    def identified(self, claim: str, value: str) -> Principal | None:
        """Identify the one person of whom a provider of log-ins says this, or None."""
        return self._with_groups(self.directory.identified(claim, value))

    def members(self, group: str) -> frozenset[str]:
        """The people in a group, by name.

        Raises:
            DirectoryUnavailable: It is one of Slack's, who has not told within the last minute.
        """
        if not group.startswith(SLACK_MARK):
            return self.directory.members(group)
        if not slack_groups_of([group]):
            return frozenset()
        found = (self.directory.identified(SLACK_CLAIM, key) for key in self.groups.members(group))
        return frozenset(person.name for person in found if person is not None)

    def groups_of(self, name: str) -> frozenset[str] | None:
        """The groups a person is in, or None where the person is not known.

        Those of Slack are left out where Slack has not told within the last minute. Whoever has to
        know whether they are, asks for the `members` of the groups that matter.
        """
        own = self.directory.groups_of(name)
        return None if own is None else own | self._of_slack(name)

    def _of_slack(self, name: str) -> frozenset[str]:
        found: set[str] = set()
        for group in self.groups.watched:
            with suppress(DirectoryUnavailable):
                found.update([group] if name in self.members(group) else [])
        return frozenset(found)

    def _with_groups(self, person: Principal | None) -> Principal | None:
        if person is None:
            return None
        return replace(person, groups=person.groups | self._of_slack(person.name))


def slack_groups_of(names: Iterable[str]) -> frozenset[str]:
    """The user groups of Slack among names of people and groups, without the mark."""
    groups = (name.removeprefix("@") for name in names)
    return frozenset(
        group
        for group in groups
        if group.startswith(SLACK_MARK) and _GROUP.match(group.removeprefix(SLACK_MARK))
    )


def _users(said: object) -> frozenset[str]:
    """The members in an answer.

    Raises:
        Unanswered: It has no list of them.
    """
    if not isinstance(said, list):
        raise Unanswered("no_answer")
    return frozenset(user for user in cast("list[object]", said) if isinstance(user, str))
