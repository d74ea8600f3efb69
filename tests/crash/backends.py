"""Killing the server's own processes."""

import os
import signal

import asyncpg

_LATEST = """
select pid from pg_stat_activity
where datname = current_database() and application_name = 'agent-sagas'
order by query ~ 'entry' desc, state_change desc limit 1
"""


async def kill_a_backend(url: str) -> None:
    """Kill, with SIGKILL, the process on the server that appended last.

    The server takes that for a crash: it ends every session, and recovers.
    """
    connection = await asyncpg.connect(url)
    try:
        pid = await connection.fetchval(_LATEST)
        os.kill(pid, signal.SIGKILL)
    finally:
        connection.terminate()
