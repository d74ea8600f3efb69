"""How an example's service runs: on a free port of the loopback, until its standard input ends.

The process that starts a service holds the other end of that pipe. When it dies, even by SIGKILL,
the kernel closes the pipe and the service leaves with it: nothing is left behind.
"""

import asyncio
import json
import os
import socket
import threading

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

LOOPBACK = "127.0.0.1"


def listen(port: int) -> socket.socket:
    """Listen on `port` of the loopback; 0 takes a free one."""
    listener = socket.create_server((LOOPBACK, port))
    # Whoever is answered in two pieces would wait 40 ms for the second one; what is accepted
    # inherits this.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def announce(listener: socket.socket) -> None:
    """Tell the parent, in one line of JSON, where we listen."""
    print(json.dumps({"port": listener.getsockname()[1]}), flush=True)


async def until_input_ends() -> None:
    """Return when the parent has closed our standard input, or died."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()

    def watch() -> None:
        while os.read(0, 1024):
            pass
        loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=watch, daemon=True).start()
    await ended.wait()


async def serve(
    app: Starlette, port: int, *, protocol: type[asyncio.Protocol] = H11Protocol
) -> None:
    """Serve `app` over HTTP until standard input ends."""
    listener = listen(port)
    server = uvicorn.Server(
        uvicorn.Config(
            app, http=protocol, ws="none", lifespan="off", log_level="warning", access_log=False
        )
    )
    announce(listener)
    async with asyncio.TaskGroup() as group:
        watcher = group.create_task(_stop_when_input_ends(server))
        await server.serve(sockets=[listener])
        watcher.cancel()


async def _stop_when_input_ends(server: uvicorn.Server) -> None:
    await until_input_ends()
    server.should_exit = True
    # Every effect is committed before its answer, so no answer is worth waiting for.
    server.force_exit = True
