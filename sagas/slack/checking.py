"""What is missing before people can decide in Slack, with the mend for each.

Touches: Slack.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final, cast

from approvals.channels.slack.calling import SLACK_API, Unanswered, answer, record, web_client
from approvals.channels.slack.manifest import SCOPES
from approvals.channels.slack.people import SLACK_CLAIM
from approvals.channels.slack.settings import SlackSettings
from approvals.directory import Directory, OperatingSystemDirectory
from approvals.names import ANYONE, GROUP_MARK, SLACK_MARK

__all__ = ["Finding", "check"]

_PATIENCE: Final = timedelta(seconds=10)
_MOST_SKEW: Final = timedelta(seconds=60)
_BY_EMAIL: Final = "users:read.email"
_MEMBERS: Final = 200
_ANEW: Final = "add what is missing under OAuth & Permissions of the app, and install the app anew"
_BOT_MEND: Final = "copy the Bot User OAuth Token (xoxb-...) from OAuth & Permissions of the app"
_SOCKET_MEND: Final = (
    "make an app-level token (xapp-...) with connections:write under Basic Information of the app, "
    "and switch Socket Mode on"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    what: str
    is_well: bool
    said: str
    """How it is, in words."""
    mend: str | None = None
    """What to do; None if it is well."""


@dataclass(slots=True)
class _Asking:
    """What is asked of Slack with one token."""

    client: Any
    settings: SlackSettings
    directory: Directory
    home: str = ""
    headers: Mapping[str, str] | None = None

    async def ask(self, call: Awaitable[Any]) -> Mapping[str, object]:
        """The answer to a call; its headers are kept."""

        async def kept() -> Any:
            response = await call
            self.headers = {str(key).lower(): str(value) for key, value in response.headers.items()}
            return response

        return await answer(kept())


async def check(
    settings: SlackSettings,
    *,
    places: Collection[str],
    names: Collection[str],
    directory: Directory,
    now: Callable[[], datetime],
) -> Sequence[Finding]:
    """Look at everything that deciding in Slack needs.

    Args:
        settings: What is set.
        places: The targets on the channel of Slack that routes name.
        names: The people and groups that there are routes for.
        directory: Who may decide.
        now: The time that signatures are held against; aware.
    """
    client: Any = web_client(
        settings.bot_token.get_secret_value(),
        base_url=settings.api_url or SLACK_API,
        timeout=_PATIENCE,
    )
    asking = _Asking(client, settings, directory)
    found = [each async for each in _of_token(asking, now)]
    if found[0].is_well:
        found += [each async for each in _of_use(asking, places)]
    found += _strangers(directory, names)
    return [*_of_file(settings), *found, *[each async for each in _of_transports(asking)]]


def _of_file(settings: SlackSettings) -> list[Finding]:
    """Whether the tokens are kept from others on this machine."""
    if settings.file is None:
        return []
    name = settings.file.name
    if not settings.is_open_to_all():
        return [Finding(what="settings file", is_well=True, said=f"others cannot read {name}")]
    said = f"every user of this machine can read or change {name}, and speak as the app"
    return [Finding(what="settings file", is_well=False, said=said, mend=f"chmod o-rwx {name}")]


async def _of_token(asking: _Asking, now: Callable[[], datetime]) -> AsyncGenerator[Finding, None]:
    """Whose the token is, what it may do, and what time Slack has."""
    try:
        said = await asking.ask(asking.client.auth_test())
    except Unanswered as error:
        yield _refused("bot token", error, _BOT_MEND)
        return
    team, above = said.get("team_id"), said.get("enterprise_id")
    asking.home = str(above or team)
    yield Finding(what="bot token", is_well=True, said=f"it is of the workspace {team}")
    is_ours = bool({team, above} & asking.settings.teams)
    yield Finding(
        what="workspace",
        is_well=is_ours,
        said="its people may take part" if is_ours else f"{team} is not among those that are set",
        mend=None if is_ours else f"add {team} to SAGAS_SLACK_TEAMS, or teams of the settings",
    )
    headers = asking.headers or {}
    yield _scopes(headers.get("x-oauth-scopes"), by_email=asking.settings.by_email)
    yield _clock(headers.get("date"), now())


def _scopes(said: str | None, *, by_email: bool) -> Finding:
    if said is None:
        return Finding(what="scopes", is_well=True, said="Slack does not say which there are")
    given = {scope.strip() for scope in said.split(",")}
    missing = sorted({*SCOPES, *([_BY_EMAIL] if by_email else [])} - given)
    if not missing:
        return Finding(what="scopes", is_well=True, said="all that are used are there")
    return Finding(what="scopes", is_well=False, said=f"missing: {', '.join(missing)}", mend=_ANEW)


def _clock(said: str | None, now: datetime) -> Finding:
    try:
        theirs = parsedate_to_datetime(said or "").astimezone(UTC)
    except ValueError:
        return Finding(what="clock", is_well=True, said="Slack does not say what time it is")
    apart = abs(now - theirs)
    is_well = apart <= _MOST_SKEW
    return Finding(
        what="clock",
        is_well=is_well,
        said=f"it is {apart.total_seconds():.0f} s from Slack's",
        mend=None if is_well else "set the clock of this host, or of the database's, by NTP",
    )


async def _of_use(asking: _Asking, places: Collection[str]) -> AsyncGenerator[Finding, None]:
    """Whether messages reach the places of the routes, and people and groups are known."""
    for place in sorted(set(places)):
        yield await (_person if place.startswith(("U", "W")) else _conversation)(asking, place)
    yield await _groups(asking)
    if not places:
        yield Finding(
            what="routes",
            is_well=False,
            said="none leads to Slack",
            mend='name places such as "slack:C0123" in the file of channels',
        )


async def _person(asking: _Asking, place: str) -> Finding:
    try:
        await asking.ask(asking.client.users_info(user=place))
    except Unanswered as error:
        return _refused(place, error, "name the id of a person of Slack")
    known = asking.directory.identified(SLACK_CLAIM, f"{asking.home}/{place}")
    return _known(asking, place, [place], [] if known is None else [known.name])


async def _conversation(asking: _Asking, place: str) -> Finding:
    try:
        said = record(
            (await asking.ask(asking.client.conversations_info(channel=place))).get("channel")
        )
        if said.get("is_archived") is True:
            return Finding(
                what=place, is_well=False, said="it is archived", mend="name another one in routes"
            )
        if said.get("is_member") is not True and said.get("is_im") is not True:
            mend = "invite the app there: /invite @ and its name"
            return Finding(what=place, is_well=False, said="the app is not in it", mend=mend)
        listed = (
            await asking.ask(asking.client.conversations_members(channel=place, limit=_MEMBERS))
        ).get("members")
    except Unanswered as error:
        return _refused(place, error, "name its id, and invite the app there")
    named = cast("list[object]", listed) if isinstance(listed, list) else []
    members = [each for each in named if isinstance(each, str)]
    known = [asking.directory.identified(SLACK_CLAIM, f"{asking.home}/{each}") for each in members]
    return _known(asking, place, members, [each.name for each in known if each is not None])


def _refused(what: str, error: Unanswered, otherwise: str) -> Finding:
    """What Slack refused, with the mend that its code tells, or else another one."""
    return Finding(what=what, is_well=False, said=error.fault, mend=error.mend or otherwise)


def _known(asking: _Asking, place: str, members: Sequence[str], known: Sequence[str]) -> Finding:
    if known:
        said = f"the app reaches it; known there: {', '.join(sorted(known)[:5])}"
        return Finding(what=place, is_well=True, said=said)
    if asking.settings.by_email:
        said = "the app reaches it; people are looked for by their addresses"
        return Finding(what=place, is_well=True, said=said)
    example = next(iter(members), "U0123")
    mend = f'give people their Slack ids in it, such as slack = "{asking.home}/{example}"'
    if isinstance(asking.directory, OperatingSystemDirectory):
        mend = f"name a file of people with --directory, and {mend}"
    return Finding(
        what=place,
        is_well=False,
        said=f"nobody there is known in {asking.directory.source}",
        mend=mend,
    )


def _strangers(directory: Directory, names: Collection[str]) -> list[Finding]:
    """Routes of nobody: a group without members, or a person whom the directory does not know."""
    if isinstance(directory, OperatingSystemDirectory):
        return []
    mend = f"write the name as {directory.source} has it, or add it there"
    return [
        Finding(what=f"route of {name}", is_well=False, said="nobody is known by it", mend=mend)
        for name in sorted(names)
        if not _is_known(directory, name)
    ]


def _is_known(directory: Directory, name: str) -> bool:
    if name == ANYONE or name.startswith(GROUP_MARK + SLACK_MARK):
        return True  # Slack alone knows who is in its user groups
    if name.startswith(GROUP_MARK):
        return bool(directory.members(name.removeprefix(GROUP_MARK)))
    return directory.groups_of(name) is not None


async def _groups(asking: _Asking) -> Finding:
    try:
        await asking.ask(asking.client.usergroups_list())
    except Unanswered as error:
        return _refused("user groups", error, _ANEW)
    return Finding(what="user groups", is_well=True, said="they can be read")


async def _of_transports(asking: _Asking) -> AsyncGenerator[Finding, None]:
    """How clicks come: by Socket Mode, over HTTP, or not at all."""
    settings = asking.settings
    if settings.app_token is not None:
        yield await _socket(asking.client, settings.app_token.get_secret_value())
    if settings.signing_secrets:
        said = f"{len(settings.signing_secrets)} set, for requests to `sagas serve`"
        yield Finding(what="signing secrets", is_well=True, said=said)
    if settings.app_token is None and not settings.signing_secrets:
        yield Finding(
            what="clicks",
            is_well=False,
            said="neither an app-level token nor a signing secret is set",
            mend=f"for `sagas slack`, {_SOCKET_MEND}, and set SAGAS_SLACK_APP_TOKEN; for `sagas "
            "serve`, set SAGAS_SLACK_SIGNING_SECRETS",
        )


async def _socket(client: Any, token: str) -> Finding:
    try:
        await answer(client.apps_connections_open(app_token=token))
    except Unanswered as error:
        said = f"Slack opens no socket: {error.code}"
        return Finding(what="app token", is_well=False, said=said, mend=_SOCKET_MEND)
    return Finding(what="app token", is_well=True, said="Slack opens sockets, for `sagas slack`")
