"""Stopping processes where they keep nothing locked that their heirs need.

Any thread of a process may be in the middle of a transaction when the process is stopped, and on
SQLite a writer that is stopped there keeps the file locked for as long. So a process that does is
let go on for a moment and stopped again.

Touches: processes, the database's file.
"""

import asyncio
import os
import signal
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from pathlib import Path

PATIENCE_SECONDS = 60.0
MOMENT_SECONDS = 0.005


@asynccontextmanager
async def stopped(pid: int, url: str) -> AsyncGenerator[None]:
    """Stop a process now, until the block ends."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                os.kill(pid, signal.SIGSTOP)
                await asleep(pid)
                if is_writable(url):
                    break
                os.kill(pid, signal.SIGCONT)
                await asyncio.sleep(MOMENT_SECONDS)
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@asynccontextmanager
async def asleep_at_a_boundary(pid: int, url: str, leave: Path) -> AsyncGenerator[None]:
    """Wait until a process has stopped itself; let it go on when the block ends.

    Args:
        leave: The file for whose sake the process goes on; until then it stops again and again.
    """
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await asleep(pid)
            while not is_writable(url):
                os.kill(pid, signal.SIGCONT)
                await asyncio.sleep(MOMENT_SECONDS)
                await asleep(pid)
        yield
    finally:
        _give(leave, pid)


def _give(leave: Path, pid: int) -> None:
    leave.touch()
    os.kill(pid, signal.SIGCONT)


async def asleep(pid: int) -> None:
    """Wait until a process is stopped, with all its threads."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            if is_asleep(pid):
                return
            await asyncio.sleep(MOMENT_SECONDS)


async def there_is(path: Path) -> None:
    """Wait until a process has made a file."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            if await asyncio.to_thread(path.exists):
                return
            await asyncio.sleep(MOMENT_SECONDS)


def is_asleep(pid: int) -> bool:
    """Whether a process is stopped, with all its threads."""
    threads = Path(f"/proc/{pid}/task").glob("*/stat")
    return all(stat.read_text().rpartition(")")[2].split()[0] == "T" for stat in threads)


def is_writable(url: str) -> bool:
    """Whether a stopped process leaves an SQLite file to others; PostgreSQL sees to it itself."""
    scheme, _, path = url.partition(":///")
    if scheme != "sqlite":
        return True
    with closing(sqlite3.connect(path, timeout=0.1, isolation_level=None)) as connection:
        try:
            connection.execute("begin immediate")
        except sqlite3.OperationalError:
            return False
        connection.execute("rollback")
        return True
