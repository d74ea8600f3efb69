"""`slack`: deciding in Slack without a public address, and setting it up."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from approvals.channels import Channels
from approvals.channels.configuration import slack_settings
from sagas.cli import shapes, targets
from sagas.cli.commands.serving import dispatching
from sagas.cli.failing import ERROR, Mistake
from sagas.cli.logs import logged
from sagas.cli.opening import NoJournalYet, opened
from sagas.cli.settings import (
    DEFAULT_DB,
    ChannelsFile,
    Db,
    DirectoryFile,
    Json,
    Settings,
)
from sagas.cli.stopping import interruptible
from sagas.cli.terminal import Part, grid, safe, show
from sagas.connecting import check_catalogs

if TYPE_CHECKING:
    from approvals.channels.slack.settings import SlackSettings
    from sagas.slack.checking import Finding

MOST_CONNECTIONS = 5


def slack(
    target: Annotated[
        list[str] | None, typer.Argument(metavar="[TARGET]...", help="module:catalog")
    ] = None,
    *,
    connections: Annotated[
        int,
        typer.Option(
            "--connections",
            min=1,
            max=MOST_CONNECTIONS,
            help="How many sockets are open; Slack allows ten for an app.",
        ),
    ] = 2,
    db: Db = DEFAULT_DB,
    directory: DirectoryFile = None,
    channels: ChannelsFile = None,
) -> int:
    """Let people decide in Slack by Socket Mode, until SIGTERM, SIGHUP or Ctrl-C.

    It drives no saga: `sagas worker` does. People are told what waits for them over every channel
    of the file. With the targets it checks arguments and results that people give.
    """
    told, chosen = _named(channels)
    chosen.needs_app_token()  # what is missing shows at once
    settings = Settings(db=db, directory=directory, channels=told)
    catalogs = targets.catalogs(target or [])
    check_catalogs(catalogs)
    from sagas.cli import hearing

    async def main() -> int:
        async with (
            opened(settings, *catalogs, make=True) as coordinator,
            dispatching(coordinator, settings),
        ):
            await hearing.by_sockets(coordinator, chosen, told, connections=connections)
        return 0

    with logged():
        return interruptible(main(), "stopped", clean=True)


def _named(channels: str | None) -> tuple[Channels, "SlackSettings"]:
    """The channels, and what is set for the one of Slack.

    Raises:
        Mistake: There is none.
    """
    found = slack_settings(channels) if channels else {}
    if not channels or not found:
        raise Mistake(
            "there is no channel of Slack: name a file of channels with --channels, and in it "
            '[channels.slack] with kind = "slack"'
        )
    [chosen] = found.values()
    return Channels.load(channels), chosen


def manifest(
    *,
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="What people see the app as.")
    ] = "Sagas",
    url: Annotated[
        str | None,
        typer.Option(
            "--url",
            metavar="URL",
            help="Where Slack reaches `sagas serve`: https://host. Socket Mode, if left out.",
        ),
    ] = None,
    by_email: Annotated[
        bool, typer.Option("--by-email", help="Look for people by their addresses as well.")
    ] = False,
) -> int:
    """Print the manifest that a Slack app is made from."""
    from approvals.channels.slack.manifest import manifest_json

    print(manifest_json(name=name, url=url, by_email=by_email), end="")
    return 0


def check(
    *,
    json: Json = False,
    db: Db = DEFAULT_DB,
    directory: DirectoryFile = None,
    channels: ChannelsFile = None,
) -> int:
    """Tell what is missing before people can decide in Slack, and what to do about it."""
    chosen, places, names = _checked(channels)
    settings = Settings(db=db, directory=directory)
    from sagas.slack.checking import check as checked

    async def found_by(now: Callable[[], datetime]) -> Sequence["Finding"]:
        people = settings.people()
        return await checked(chosen, places=places, names=names, directory=people, now=now)

    async def main() -> Sequence["Finding"]:
        try:
            async with opened(settings) as coordinator:
                return await found_by(coordinator.now)
        except NoJournalYet:
            return await found_by(_host_time)

    found = asyncio.run(main())
    if json:
        print(shapes.dump([_shape(each) for each in found]))
    else:
        show(_table(found))
    return 0 if all(each.is_well for each in found) else ERROR


def _checked(channels: str | None) -> tuple["SlackSettings", list[str], list[str]]:
    """What is set for Slack, the places that routes name there, and whom there are routes for."""
    if channels is None:
        from approvals.channels.slack.settings import SlackSettings

        return SlackSettings.load(), [], []
    told, chosen = _named(channels)
    named: Mapping[str, object] = slack_settings(channels)
    places = [each.target for each in told.routes.places() if each.channel in named]
    return chosen, places, list(told.routes.by_name)


def _host_time() -> datetime:
    return datetime.now(UTC)


def _shape(found: "Finding") -> shapes.Shape:
    return {
        "what": found.what,
        "ok": found.is_well,
        "said": found.said,
        "mend": found.mend,
    }


def _table(found: Sequence["Finding"]) -> Part:
    table = grid("", "", "rest")
    for each in found:
        word = Text("ok", style="green") if each.is_well else Text("!!", style="bold red")
        said = each.said if each.mend is None else f"{each.said}: {each.mend}"
        table.add_row(word, safe(each.what, "bold"), safe(said, limit=400))
    return table
