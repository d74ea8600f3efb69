"""What the Slack channel has to be told: tokens, signing secrets, who may take part and in what.

From the environment, or from a file of TOML; the environment counts first::

    bot_token = "xoxb-..."              # SAGAS_SLACK_BOT_TOKEN
    app_token = "xapp-..."              # SAGAS_SLACK_APP_TOKEN: for Socket Mode
    signing_secrets = ["..."]           # SAGAS_SLACK_SIGNING_SECRETS: for HTTP; two while changed
    teams = ["T0123"]                   # SAGAS_SLACK_TEAMS: workspaces and organizations
    guests = false                      # SAGAS_SLACK_GUESTS
    by_email = false                    # SAGAS_SLACK_BY_EMAIL
    web_only = ["irreversible"]         # SAGAS_SLACK_WEB_ONLY: classes that Slack may only reject
    round_up_above = 10                 # SAGAS_SLACK_ROUND_UP_ABOVE: messages of their own; 0: all

In the environment, several are parted by commas. Whoever can read the file can speak as the app:
let nobody else read it. Touches: the environment, the file.
"""

import os
import re
import stat
import tomllib
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, PrivateAttr, SecretStr, ValidationError, ValidationInfo
from pydantic import field_validator as checks
from pydantic_core import ErrorDetails

from approvals.channels.port import ROUND_UP_ABOVE
from approvals.errors import ChannelDefinitionError
from reversibility import Reversibility

try:
    from pydantic_settings import (
        BaseSettings,
        NoDecode,
        PydanticBaseSettingsSource,
        SettingsConfigDict,
    )
except ModuleNotFoundError as missing:  # pragma: no cover
    raise ChannelDefinitionError(
        "Slack needs libraries that are not installed: pip install 'agent-sagas[slack]'"
    ) from missing

__all__ = ["SlackSettings"]

_PREFIX: Final = "SAGAS_SLACK_"
_TEAM = re.compile(r"[TE][A-Z0-9]{1,30}\Z")
_STOPPED = re.compile(r"at (?:line [0-9]+, column [0-9]+|end of document)(?=\)\Z)")
_LOOPBACK = re.compile(
    r"http://(?:127\.0\.0\.1|localhost|\[::1\]):[0-9]{1,5}(?:/[A-Za-z0-9/.-]*)?\Z"
)
_MENDS: Final = {
    "bot_token": "copy the Bot User OAuth Token (xoxb-...) from OAuth & Permissions of the app",
    "app_token": (
        "make an app-level token (xapp-...) with connections:write under Basic Information of the "
        "app"
    ),
    "signing_secrets": (
        "copy the Signing Secret from Basic Information of the app; give two, parted by a comma, "
        "while it is changed"
    ),
    "teams": (
        "name the ids of your workspaces (T...) or organizations (E...), parted by commas; they are "
        "in the address app.slack.com/client/T..."
    ),
    "guests": "write true or false",
    "by_email": "write true or false",
    "web_only": f"name classes, parted by commas: {', '.join(Reversibility)}",
    "round_up_above": (
        "write how many requests wait at one place with messages of their own, or 0 if all have one"
    ),
    "api_url": "leave it out, or give the address of a Slack for tests",
}


def _parted(value: object) -> object:
    """A list that the environment holds as one text."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


class SlackSettings(BaseSettings):
    """What is set for Slack.

    `load` reads it, with errors that say what to do.
    """

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX,
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    bot_token: SecretStr
    """As whom the app speaks (xoxb-...)."""
    app_token: SecretStr | None = None
    """What opens Socket Mode (xapp-...)."""
    signing_secrets: Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(_parted)] = ()
    """What requests over HTTP are signed with; two while one takes the other's place."""
    teams: Annotated[frozenset[str], NoDecode, BeforeValidator(_parted)] = Field(min_length=1)
    """The workspaces (T...) and organizations (E...) whose people may take part."""
    guests: bool = False
    """Whether their guests may take part."""
    by_email: bool = False
    """Whether whoever is not in the directory by their Slack id counts by confirmed address."""
    web_only: Annotated[frozenset[Reversibility], NoDecode, BeforeValidator(_parted)] = frozenset()
    """Classes of effects that are not approved in Slack, only rejected.

    An effect whose class nobody knows counts as irreversible.
    """
    round_up_above: int = Field(default=ROUND_UP_ABOVE, ge=0)
    """How many requests wait at one place with messages of their own; those above share one.

    0 if each has its own.
    """
    api_url: str | None = None
    """Where Slack's Web API is, for tests and demonstrations."""
    _file: Path | None = PrivateAttr(default=None)

    @classmethod
    def load(cls, path: str | Path | None = None) -> "SlackSettings":
        """Read the environment and, where one is named, a file.

        Raises:
            ChannelDefinitionError: Something is missing or cannot be right; the message names the
                variable or the key, and never what it holds.
        """
        content = {} if path is None else _read(Path(path))
        try:
            found = cls(**content)
        except ValidationError as error:
            raise ChannelDefinitionError(_faults(error, path)) from None
        found._file = None if path is None else Path(path)
        return found

    @property
    def file(self) -> Path | None:
        """The file that was read, if one was."""
        return self._file

    def is_open_to_all(self) -> bool:
        """Whether any user of this machine can read or change the file: the secrets in it are none.

        Where files have no such rights, as on Windows, it says no.
        """
        if self._file is None or os.name != "posix":
            return False
        return bool(self._file.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH))

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment count before what is given."""
        return env_settings, init_settings

    def needs_app_token(self) -> str:
        """What opens Socket Mode.

        Raises:
            ChannelDefinitionError: It is not set.
        """
        if self.app_token is None:
            raise _unset("app_token", "Socket Mode")
        return self.app_token.get_secret_value()

    def needs_signing_secrets(self) -> tuple[str, ...]:
        """What requests over HTTP are signed with.

        Raises:
            ChannelDefinitionError: None is set.
        """
        if not self.signing_secrets:
            raise _unset("signing_secrets", "requests of Slack over HTTP")
        return tuple(secret.get_secret_value() for secret in self.signing_secrets)

    @checks("bot_token", "app_token")
    @classmethod
    def _is_its_kind(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        kind = "xoxb-" if info.field_name == "bot_token" else "xapp-"
        if value is None:
            return None
        text = value.get_secret_value().strip()
        if not text.startswith(kind) or not text.isascii() or not text.isprintable():
            raise ValueError(f"it does not begin with {kind}, or is not a token at all")
        return SecretStr(text)

    @checks("signing_secrets")
    @classmethod
    def _is_one_or_two(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if len(value) > 2:
            raise ValueError("there are more than two")
        if not all(secret.get_secret_value().strip() for secret in value):
            raise ValueError("one of them is blank")
        return value

    @checks("web_only")
    @classmethod
    def _counts_the_unknown(cls, value: frozenset[Reversibility]) -> frozenset[Reversibility]:
        if Reversibility.IRREVERSIBLE in value:
            return value | {Reversibility.UNKNOWN}
        return value

    @checks("teams")
    @classmethod
    def _are_ids(cls, value: frozenset[str]) -> frozenset[str]:
        if not all(_TEAM.match(team) for team in value):
            raise ValueError("one of them is no id of a workspace or an organization")
        return value

    @checks("api_url")
    @classmethod
    def _is_address(cls, value: str | None) -> str | None:
        if value is not None and not _LOOPBACK.match(value):
            raise ValueError("it is not on this machine's loopback")
        return value


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise ChannelDefinitionError(
            f"{path}: what is set for Slack cannot be read ({error.strerror}); create the file, or "
            "name another"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        # what the error quotes of the file may be a secret: where it stopped is none
        where = _STOPPED.search(str(error))
        at = f" ({where[0]})" if where else ""
        raise ChannelDefinitionError(f"{path}: this is not TOML{at}; mend the file") from None


def _faults(error: ValidationError, path: str | Path | None) -> str:
    details = error.errors(include_input=False, include_url=False, include_context=False)
    found = {str(detail["loc"][0]): _fault(detail) for detail in reversed(details)}
    before = "" if path is None else f"{path} or the environment: "
    return before + "; ".join(
        f"{_named(key, path)} {said}" for key, said in reversed(found.items())
    )


def _fault(detail: ErrorDetails) -> str:
    key = str(detail["loc"][0])
    if key not in _MENDS:
        return f"is not known; the keys are {', '.join(_MENDS)}"
    if detail["type"] in ("missing", "too_short"):
        return f"is not set: {_MENDS[key]}"
    return f"cannot be right ({_said(detail)}): {_MENDS[key]}"


def _said(detail: ErrorDetails) -> str:
    """Why, in words of ours or of the library's, neither of which quote the value."""
    message = detail["msg"].removeprefix("Value error, ")
    return f"{message[:1].lower()}{message[1:]}"


def _named(key: str, path: str | Path | None) -> str:
    return f"{_PREFIX}{key.upper()}" + ("" if path is None else f" ({key})")


def _unset(key: str, what: str) -> ChannelDefinitionError:
    return ChannelDefinitionError(
        f"{_PREFIX}{key.upper()} is not set, and {what} cannot do without: {_MENDS[key]}"
    )
