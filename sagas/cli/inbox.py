"""Putting the inbox together from what was typed, and serving it."""

import gc
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.types import ASGIApp

from sagas.cli import html
from sagas.cli.failing import Mistake
from sagas.cli.reading import read
from sagas.coordinator import Coordinator
from sagas.web import serving
from sagas.web.app import make_app
from sagas.web.office import Document
from sagas.web.oidc import check_provider
from sagas.web.site import Claim, Provider, Site, is_loopback, origins_of

SECRET_VARIABLE = "SAGAS_OIDC_CLIENT_SECRET"  # noqa: S105  the name of a variable


@dataclass(frozen=True, slots=True)
class Plan:
    """An inbox that can be served: its socket is bound, so that nobody else takes its port."""

    site: Site
    listener: socket.socket


def plan(
    *, host: str, port: int, url: str | None, links: bool | None, provider: Provider | None = None
) -> Plan:
    """Check what was typed, and bind the socket.

    Raises:
        SagaError: The URL cannot be right, or the address cannot be had.
        Mistake: Others would reach it in the clear, or nobody could log in.
    """
    if url is None and not is_loopback(host):
        raise Mistake(
            f"{host} can be reached by other machines: put a reverse proxy with TLS in front, and "
            "name it with --url https://HOST"
        )
    if links is False and provider is None:
        raise Mistake("nobody could log in: leave --no-links out, or name an --oidc-issuer")
    origins_of(url, port=port)
    listener = serving.bound(host, port)
    bound_port: int = listener.getsockname()[1]
    site = Site(
        origins=origins_of(url, port=bound_port),
        links=provider is None if links is None else links,
        provider=provider,
    )
    return Plan(site, listener)


def provider(issuer: str | None, client_id: str | None, claim: Claim) -> Provider | None:
    """The provider that was named, with the secret of the environment.

    Raises:
        SagaError: It cannot be right.
        Mistake: It was named by half.
    """
    if issuer is None and client_id is None:
        return None
    if issuer is None or client_id is None:
        raise Mistake("a provider needs both --oidc-issuer and --oidc-client-id")
    word = os.environ.get(SECRET_VARIABLE) or None
    found = Provider(issuer=issuer, client_id=client_id, client_secret=word, claim=claim)
    check_provider(found)
    return found


async def serve(
    coordinator: Coordinator,
    planned: Plan,
    *,
    trusted_proxy: str | None,
    ready: Callable[[], None],
    signed: Mapping[str, ASGIApp] | None = None,
) -> None:
    """Serve the inbox until cancelled.

    Args:
        signed: As for `make_app`.
    """
    app = make_app(coordinator, planned.site, history=history, signed=signed)
    keep_what_was_made()
    await serving.serve(app, planned.listener, trusted_proxies=trusted_proxy, ready=ready)


def keep_what_was_made() -> None:
    """Have the garbage collector leave alone what lives as long as this process that serves.

    To look through all of it costs one request in some hundred a fifth of a second.
    """
    gc.collect()
    gc.freeze()


async def history(coordinator: Coordinator, saga_id: str) -> Document:
    """A saga's whole history, as `sagas history --html` writes it."""
    reading = await read(coordinator, saga_id)
    return Document(html.page(reading, now=datetime.now(UTC)), html.style_hash())
