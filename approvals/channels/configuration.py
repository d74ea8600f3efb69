"""The channels of one installation: which there are, who is told where, and where the inbox is.

As a file::

    link = "https://sagas.example.org"          # optional: the web inbox
    interventions = ["mail:ops@example.org"]    # questions that only a person can answer
    otherwise = ["mail:ops@example.org"]        # whoever has no route, and the last resort

    [routes]
    ana = ["mail:ana@example.org"]
    "@travel-desk" = ["mail:desk@example.org", "mail:ana@example.org"]

    [channels.mail]
    kind = "mail"
    host = "smtp.example.org"
    sender = "sagas@example.org"
    user = "sagas"                              # optional
    password_from = "SAGAS_MAIL_PASSWORD"       # the variable that holds it, never the password

    [channels.slack]
    kind = "slack"
    settings = "slack.toml"                     # optional, beside this file; else SAGAS_SLACK_*

Touches: the file, the environment.
"""

import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from approvals.channels.port import Channel
from approvals.channels.routes import Routes
from approvals.directory import LiveGroups
from approvals.errors import ChannelDefinitionError

if TYPE_CHECKING:
    from approvals.channels.notice import Notice
    from approvals.channels.slack.message import Message
    from approvals.channels.slack.settings import SlackSettings

__all__ = ["Channels", "live_groups", "slack_settings"]

_PATIENCE = timedelta(seconds=2)
"""How long a decision waits for Slack to tell who is in a group."""


@dataclass(frozen=True, slots=True)
class Channels:
    """The channels there are, the routes over them, and where the inbox is.

    Args:
        channels: Each with a name of its own.
        routes: Who is told where.
        link: The address of the web inbox, without a path; None if there is none.
        groups: Those that a channel knows the members of, as Slack does; None if none does.

    Raises:
        ChannelDefinitionError: A route leads to a channel that is not there, or to a target that
            it could never reach.
    """

    channels: Sequence[Channel]
    routes: Routes
    link: str | None = None
    groups: LiveGroups | None = None

    def __post_init__(self) -> None:
        names = [channel.name for channel in self.channels]
        for name in names:
            if names.count(name) > 1:
                raise ChannelDefinitionError(
                    f"two channels are named {name!r}: give each a name of its own"
                )
        if self.link is not None and not self.link.startswith(("https://", "http://")):
            raise ChannelDefinitionError(
                f"the link {self.link!r} is no address of an inbox: begin it with https://"
            )
        known = self.by_name()
        for place in self.routes.places():
            if place.channel not in known:
                raise ChannelDefinitionError(
                    f"a route leads to {place}, and there is no channel {place.channel!r}: add it, "
                    f"or name one of: {', '.join(sorted(known)) or 'none'}"
                )
            known[place.channel].check(place.target)

    def by_name(self) -> dict[str, Channel]:
        """The channels by their names."""
        return {channel.name: channel for channel in self.channels}

    @classmethod
    def load(cls, path: str | Path) -> "Channels":
        """Read the file at `path`.

        Raises:
            ChannelDefinitionError: The file cannot be read, says something that cannot be right,
                or names a variable that is not set.
        """
        stored = _parse(_read(Path(path)), str(path))
        settings = _slack(stored, Path(path))
        channels = [_made(name, made, str(path)) for name, made in stored.mails().items()]
        channels += [_slack_channel(name, each) for name, each in settings.items()]
        routes = Routes(stored.routes, stored.interventions, stored.otherwise)
        return cls(channels, routes, stored.link, _groups(settings))


def live_groups(path: str | Path) -> LiveGroups | None:
    """The groups that a channel of the file at `path` knows the members of, and nothing else of it.

    Raises:
        ChannelDefinitionError: As for `Channels.load`, but for what other channels need.
    """
    return _groups(_slack(_parse(_read(Path(path)), str(path)), Path(path)))


def slack_settings(path: str | Path) -> "dict[str, SlackSettings]":
    """What is set for Slack by the file at `path`, by the name of the channel; empty without one.

    Raises:
        ChannelDefinitionError: As for `live_groups`.
    """
    return _slack(_parse(_read(Path(path)), str(path)), Path(path))


class _Stored(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class _Mail(_Stored):
    kind: Literal["mail"]
    host: str
    sender: str
    port: int | None = None
    user: str | None = None
    password_from: str | None = None
    security: Literal["starttls", "tls", "none"] = "starttls"


class _Slack(_Stored):
    kind: Literal["slack"]
    settings: str | None = None


class _File(_Stored):
    link: str | None = None
    interventions: list[str] = []
    otherwise: list[str] = []
    routes: dict[str, list[str]] = {}
    channels: dict[str, Annotated[_Mail | _Slack, Field(discriminator="kind")]] = {}

    def mails(self) -> dict[str, _Mail]:
        """The channels of mail."""
        return {name: each for name, each in self.channels.items() if isinstance(each, _Mail)}

    def slacks(self) -> dict[str, _Slack]:
        """The channels of Slack."""
        return {name: each for name, each in self.channels.items() if isinstance(each, _Slack)}


def _read(path: Path) -> Mapping[str, object]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise ChannelDefinitionError(
            f"{path}: the channels cannot be read ({error.strerror}); create the file, or name "
            "another"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ChannelDefinitionError(
            f"{path}: this is not TOML ({error}); mend the file"
        ) from error


def _parse(content: Mapping[str, object], source: str) -> _File:
    try:
        return _File.model_validate(content)
    except ValidationError as error:
        faults = [
            f"{_place(detail['type'], detail['loc'])}: {_fault(detail['type'], detail['msg'])}"
            for detail in error.errors(include_input=False, include_url=False)
        ]
        raise ChannelDefinitionError(f"{source}: {'; '.join(faults)}") from None


def _place(kind: str, loc: tuple[int | str, ...]) -> str:
    """Where a fault is in the file; the library names the kind of a channel as a part of it."""
    parts = [*loc[:2], *loc[3:]] if loc[:1] == ("channels",) else list(loc)
    parts += ["kind"] if kind.startswith("union_tag") else []
    return ".".join(str(part) for part in parts)


def _fault(kind: str, message: str) -> str:
    if kind.startswith("union_tag"):
        return 'there are channels of the kinds "mail" and "slack": name one of them as kind'
    if kind == "extra_forbidden":
        return (
            "this key is not known; a secret is never in the file: password_from names the "
            "environment variable that holds it, and settings the file of a channel of Slack"
        )
    return f"{message[:1].lower()}{message[1:]}; mend the value"


def _made(name: str, stored: _Mail, source: str) -> Channel:
    from approvals.channels.mail import Mail  # its library comes with the extra `mail`

    return Mail(
        name=name,
        host=stored.host,
        port=stored.port,
        sender=stored.sender,
        user=stored.user,
        password=_secret(stored.password_from, f"{source}: channels.{name}.password_from"),
        security=stored.security,
    )


def _slack(stored: _File, path: Path) -> "dict[str, SlackSettings]":
    """What is set for the channel of Slack, by its name, if there is one.

    Raises:
        ChannelDefinitionError: There are two, or something is missing.
    """
    named = stored.slacks()
    if len(named) > 1:
        raise ChannelDefinitionError(
            f"{path}: {' and '.join(named)} are both of the kind slack: one installation has one "
            "app, which reaches all of its workspace's conversations by one channel"
        )
    if not named:
        return {}
    from approvals.channels.slack.settings import SlackSettings  # with the extra `slack`

    return {
        name: SlackSettings.load(None if each.settings is None else path.parent / each.settings)
        for name, each in named.items()
    }


def _slack_channel(name: str, settings: "SlackSettings") -> Channel:
    from approvals.channels.slack.calling import SLACK_API
    from approvals.channels.slack.message import news_of
    from approvals.channels.slack.posting import SlackChannel

    return SlackChannel(
        settings.bot_token.get_secret_value(),
        partial(_message, settings),
        story=news_of,
        name=name,
        api_url=settings.api_url or SLACK_API,
        round_up_above=settings.round_up_above,
    )


def _message(settings: "SlackSettings", notice: "Notice") -> "Message":
    """What a notice says, without a button that approves what is not approved in Slack."""
    from approvals.channels.slack.message import message_of
    from approvals.presentation import Presentation

    view = notice.subject
    is_kept = isinstance(view, Presentation) and view.reversibility in settings.web_only
    return message_of(notice, may_approve=not is_kept)


def _groups(settings: "dict[str, SlackSettings]") -> LiveGroups | None:
    if not settings:
        return None
    from approvals.channels.slack.calling import SLACK_API, web_client
    from approvals.channels.slack.groups import SlackGroups

    [chosen] = settings.values()
    client = web_client(
        chosen.bot_token.get_secret_value(),
        base_url=chosen.api_url or SLACK_API,
        timeout=_PATIENCE,
    )
    return SlackGroups(client, None, partial(datetime.now, UTC))


def _secret(variable: str | None, where: str) -> str | None:
    if variable is None:
        return None
    value = os.environ.get(variable)
    if not value:
        raise ChannelDefinitionError(
            f"{where}: the environment variable {variable} is not set; set it to the secret"
        )
    return value
