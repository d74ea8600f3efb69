"""Serving an application on an address, until it is told to end.

Touches: a socket.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Generator

import uvicorn
from starlette.types import ASGIApp

from sagas.errors import SagaError

GRACE_SECONDS = 5


def bound(host: str, port: int) -> socket.socket:
    """A socket on that address; port 0 stands for any.

    Raises:
        SagaError: It cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise SagaError(
            f"{host}:{port} cannot be served on ({error.strerror}): choose another --port or --host"
        ) from error
    return listener


class _Server(uvicorn.Server):
    """A server that leaves the process's signals to whoever runs it, and says when it is ready."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        await super().startup(sockets)
        if self.started:
            self._ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Capture none."""
        yield


async def serve(
    app: ASGIApp,
    listener: socket.socket,
    *,
    trusted_proxies: str | None,
    ready: Callable[[], None],
) -> None:
    """Serve until cancelled; then let requests under way finish for a few seconds.

    Args:
        trusted_proxies: Addresses whose word about the client's own address is taken.
        ready: Called once requests are answered.
    """
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        access_log=False,  # a path may hold a secret
        server_header=False,
        proxy_headers=trusted_proxies is not None,
        forwarded_allow_ips=trusted_proxies or "",
        timeout_graceful_shutdown=GRACE_SECONDS,
        ws="none",
    )
    server = _Server(config, ready)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        await asyncio.shield(running)
    finally:
        server.should_exit = True
        await running
        listener.close()
