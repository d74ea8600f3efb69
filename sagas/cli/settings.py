"""The options that commands share: which database, who acts, who may decide."""

import os
import pwd
import shlex
from dataclasses import dataclass
from typing import Annotated

import typer

from approvals import Directory, Principal
from approvals.channels import Channels
from sagas.cli.failing import Mistake
from sagas.connecting import directory_source
from sagas.errors import Refused
from sagas.journal.urls import parse

DEFAULT_DB = "sqlite:///sagas.db"

Db = Annotated[
    str,
    typer.Option(
        "--db",
        envvar="SAGAS_DB",
        metavar="URL",
        help="The journal: sqlite:///file.db or postgresql://user@host/database.",
    ),
]
DirectoryFile = Annotated[
    str | None,
    typer.Option(
        "--directory",
        envvar="SAGAS_DIRECTORY",
        metavar="FILE",
        help="Who may decide: a TOML file of users and groups.",
    ),
]
PoliciesFile = Annotated[
    str | None,
    typer.Option(
        "--policies",
        envvar="SAGAS_POLICIES",
        metavar="FILE",
        help="What is asked for beside what actions ask for: a TOML file of policies.",
    ),
]
ChannelsFile = Annotated[
    str | None,
    typer.Option(
        "--channels",
        envvar="SAGAS_CHANNELS",
        metavar="FILE",
        help="How people are told what waits for them: a TOML file of channels and routes.",
    ),
]
GroupsFile = Annotated[
    str | None,
    typer.Option(
        "--channels",
        envvar="SAGAS_CHANNELS",
        metavar="FILE",
        help="The TOML file of channels: with Slack in it, its user groups are asked for.",
    ),
]
AsUser = Annotated[
    str | None,
    typer.Option(
        "--as",
        metavar="USER",
        help="Act as this user of the directory; their token is in SAGAS_TOKEN.",
    ),
]
LeaseSeconds = Annotated[
    float | None,
    typer.Option(
        "--lease",
        envvar="SAGAS_LEASE",
        metavar="SECONDS",
        help="For how long a silent process keeps its sagas.",
    ),
]
MOST = 10_000
"""So many items one command lists at most."""

Limit = Annotated[
    int, typer.Option("--limit", min=1, max=MOST, help=f"At most so many; {MOST} is the most.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, in the documented shape.")]


def newest(count: int, what: str = "") -> str:
    """Say below a list that it may go on.

    Args:
        what: Of what it is a list, where that is not plain.
    """
    further = "--limit shows more" if count < MOST else "no more are listed at a time"
    return f"the newest {count}{what}; {further}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What was chosen for one command."""

    db: str = DEFAULT_DB
    directory: str | None = None
    as_user: str | None = None
    policies: str | None = None
    channels: str | Channels | None = None
    groups: str | None = None
    """The file of channels, where people are not told: those of its groups that are asked for."""

    def people(self) -> Directory:
        """Who is who, as of now."""
        return directory_source(self.directory or None)()

    def command(self, *words: str) -> str:
        """A command as one would type it to reach the same journal."""
        return " ".join(["sagas", *map(shlex.quote, words), *self._repeated()])

    def _repeated(self) -> list[str]:
        """The options without which a new command would go elsewhere."""
        options: list[str] = []
        if self.db != os.environ.get("SAGAS_DB", DEFAULT_DB):
            options += ["--db", shlex.quote(parse(self.db).shown)]
        if self.directory and self.directory != os.environ.get("SAGAS_DIRECTORY"):
            options += ["--directory", shlex.quote(self.directory)]
        return options


def operating_system_user() -> str:
    """The user this process runs as, as the kernel knows it: no variable can claim another.

    Raises:
        Mistake: The user has no name on this machine.
    """
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        raise Mistake(
            f"the user with the number {os.getuid()} has no name on this machine, so nobody can be "
            "held to have decided: give the user a name, or use --as with a token"
        ) from None


def acting(settings: Settings) -> Principal:
    """Who decides: the operating-system user, or another one by their token.

    Raises:
        Refused: The directory does not know them, or the token is not theirs.
    """
    directory = settings.people()
    if settings.as_user is not None:
        return _by_token(directory, settings.as_user)
    user = operating_system_user()
    principal = directory.principal(user)
    if principal is None:
        raise Refused(
            f"{user} is not known in {directory.source}: ask for a [users.{user}] there, or use "
            "--as with a token"
        )
    return principal


def _by_token(directory: Directory, name: str) -> Principal:
    token = os.environ.get("SAGAS_TOKEN")
    if not token:
        raise Mistake(f"--as {name} needs the token of {name} in SAGAS_TOKEN")
    principal = directory.authenticate(name, token)
    if principal is None:
        raise Refused(f"the token in SAGAS_TOKEN is not that of {name} in {directory.source}")
    return principal


def starter(settings: Settings) -> str:
    """In whose name a saga is started: the directory's name for the user, if it has one."""
    if settings.as_user is not None:
        return acting(settings).name
    user = operating_system_user()
    principal = settings.people().principal(user)
    return principal.name if principal is not None else user
