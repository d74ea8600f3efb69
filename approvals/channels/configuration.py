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

Touches: the file, the environment.
"""

import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from approvals.channels.port import Channel
from approvals.channels.routes import Routes
from approvals.errors import ChannelDefinitionError

__all__ = ["Channels"]


@dataclass(frozen=True, slots=True)
class Channels:
    """The channels there are, the routes over them, and where the inbox is.

    Args:
        channels: Each with a name of its own.
        routes: Who is told where.
        link: The address of the web inbox, without a path; None if there is none.

    Raises:
        ChannelDefinitionError: A route leads to a channel that is not there, or to a target that
            it could never reach.
    """

    channels: Sequence[Channel]
    routes: Routes
    link: str | None = None

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
        channels = [_made(name, made, str(path)) for name, made in stored.channels.items()]
        routes = Routes(stored.routes, stored.interventions, stored.otherwise)
        return cls(channels, routes, stored.link)


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


class _File(_Stored):
    link: str | None = None
    interventions: list[str] = []
    otherwise: list[str] = []
    routes: dict[str, list[str]] = {}
    channels: dict[str, _Mail] = {}


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
            f"{'.'.join(str(part) for part in detail['loc'])}: {_fault(detail['type'], detail['msg'])}"
            for detail in error.errors(include_input=False, include_url=False)
        ]
        raise ChannelDefinitionError(f"{source}: {'; '.join(faults)}") from None


def _fault(kind: str, message: str) -> str:
    if kind == "extra_forbidden":
        return (
            "this key is not known; a secret is never in the file: password_from names the "
            "environment variable that holds it"
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


def _secret(variable: str | None, where: str) -> str | None:
    if variable is None:
        return None
    value = os.environ.get(variable)
    if not value:
        raise ChannelDefinitionError(
            f"{where}: the environment variable {variable} is not set; set it to the secret"
        )
    return value
