"""`serve` and `login`: the inbox in a browser, and how to get in."""

import asyncio
import logging
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from approvals import Principal
from approvals.channels import Channels
from approvals.channels.configuration import slack_settings
from sagas.cli import targets
from sagas.cli.logs import logged
from sagas.cli.opening import opened
from sagas.cli.settings import (
    DEFAULT_DB,
    AsUser,
    ChannelsFile,
    Db,
    DirectoryFile,
    Settings,
    acting,
)
from sagas.cli.stopping import interruptible
from sagas.cli.terminal import CommandLine, safe, show
from sagas.connecting import check_catalogs
from sagas.coordinator import Coordinator
from sagas.errors import Refused, SagaError
from sagas.web.site import Claim

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from approvals.channels.slack.settings import SlackSettings
    from sagas.cli.inbox import Plan

log = logging.getLogger("sagas")

PORT = 8421

Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        envvar="SAGAS_URL",
        metavar="URL",
        help="Where browsers reach the inbox: https://host, or loopback.",
    ),
]


def serve(  # noqa: PLR0913  one for each option
    target: Annotated[
        list[str] | None, typer.Argument(metavar="[TARGET]...", help="module:catalog")
    ] = None,
    *,
    host: Annotated[
        str, typer.Option("--host", metavar="ADDRESS", help="The address to listen on.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="The port to listen on; 0 for any.")
    ] = PORT,
    url: Url = None,
    links: Annotated[
        bool | None,
        typer.Option(
            "--links/--no-links",
            help="Whether links of `sagas login` log in; yes, unless a provider does.",
        ),
    ] = None,
    oidc_issuer: Annotated[
        str | None,
        typer.Option(
            "--oidc-issuer",
            envvar="SAGAS_OIDC_ISSUER",
            metavar="URL",
            help="The OpenID Connect provider that people log in with.",
        ),
    ] = None,
    oidc_client_id: Annotated[
        str | None,
        typer.Option(
            "--oidc-client-id",
            envvar="SAGAS_OIDC_CLIENT_ID",
            metavar="ID",
            help="As what the provider knows this inbox; its secret is SAGAS_OIDC_CLIENT_SECRET.",
        ),
    ] = None,
    oidc_claim: Annotated[
        Claim,
        typer.Option("--oidc-claim", help="By what the directory knows who logs in."),
    ] = Claim.SUB,
    trusted_proxy: Annotated[
        str | None,
        typer.Option(
            "--trusted-proxy",
            metavar="ADDRESS",
            help="The reverse proxy, whose word about the client's address is taken.",
        ),
    ] = None,
    db: Db = DEFAULT_DB,
    directory: DirectoryFile = None,
    channels: ChannelsFile = None,
    as_user: AsUser = None,
) -> int:
    """Serve the inbox and the HTTP API, until SIGTERM, SIGHUP or Ctrl-C.

    It drives no saga: `sagas worker` does. If there are channels, people are told what waits for
    them, and with Slack's signing secret they decide there. With the targets it shows the classes of their actions,
    and checks results that people give.
    """
    from sagas.cli import inbox

    told = Channels.load(channels) if channels else None  # a mistake shows before a port is taken
    slack = slack_settings(channels) if channels else {}
    settings = Settings(db=db, directory=directory, as_user=as_user, channels=told)
    catalogs = targets.catalogs(target or [])
    check_catalogs(catalogs)
    provider = inbox.provider(oidc_issuer, oidc_client_id, oidc_claim)
    plan = inbox.plan(host=host, port=port, url=url, links=links, provider=provider)

    async def main() -> int:
        async with opened(settings, *catalogs, make=True) as coordinator:
            link = await _own_link(coordinator, settings, plan)
            async with (
                dispatching(coordinator, settings),
                _slack_requests(coordinator, told, slack) as signed,
            ):
                await inbox.serve(
                    coordinator,
                    plan,
                    trusted_proxy=trusted_proxy,
                    ready=lambda: _tell(plan.site.url, link),
                    signed=signed,
                )
        return 0

    with logged():
        return interruptible(main(), "stopped", clean=True)


@asynccontextmanager
async def _slack_requests(
    coordinator: Coordinator, channels: Channels | None, slack: Mapping[str, "SlackSettings"]
) -> AsyncGenerator["Mapping[str, ASGIApp]"]:
    """What takes the requests of Slack, if it is among the channels."""
    if channels is None or not slack:
        yield {}
        return
    from sagas.cli import hearing

    [chosen] = slack.values()
    async with hearing.requests(coordinator, chosen, channels) as served:
        yield served


@asynccontextmanager
async def dispatching(coordinator: Coordinator, settings: Settings) -> AsyncGenerator[None]:
    """Tell people what waits for them, while the block lasts, if there are channels."""
    task = asyncio.ensure_future(_dispatch(coordinator)) if settings.channels else None
    try:
        yield
    finally:
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def _dispatch(coordinator: Coordinator) -> None:
    try:
        await coordinator.dispatch()
    except SagaError as error:
        log.error("nobody is told anything from here on: %s", error)  # noqa: TRY400  it says all


async def _own_link(coordinator: Coordinator, settings: Settings, plan: "Plan") -> str | None:
    """A link for whoever started this in a terminal; where output is kept, a link is a secret."""
    if not plan.site.links or not sys.stdout.isatty():
        return None
    try:
        person = acting(settings)
    except Refused:
        return None
    return await _link(coordinator, person, plan.site.url)


def _tell(url: str, link: str | None) -> None:
    if link is not None:
        show(safe(f"the inbox is at {url}; this link logs you in, once, within 10 minutes:"))
        show(CommandLine(link))
    else:
        show(safe(f"the inbox is at {url}"))
    sys.stdout.flush()


def login(
    *,
    url: Url = None,
    db: Db = DEFAULT_DB,
    directory: DirectoryFile = None,
    as_user: AsUser = None,
) -> int:
    """Print a link that logs you in to the inbox, once, within ten minutes."""
    from sagas.web.site import origins_of

    settings = Settings(db=db, directory=directory, as_user=as_user)
    [origin, *_] = origins_of(url, port=PORT)
    person = acting(settings)

    async def main() -> str:
        async with opened(settings) as coordinator:
            return await _link(coordinator, person, origin)

    print(asyncio.run(main()))
    return 0


async def _link(coordinator: Coordinator, person: Principal, origin: str) -> str:
    from sagas.web import links

    return await links.make(coordinator.store, person, now=coordinator.now(), origin=origin)
