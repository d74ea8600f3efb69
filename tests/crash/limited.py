"""A worker whose partner allows few calls: a process of its own, to be killed.

`python -m tests.crash.limited URL LEDGER` says that it is there, and drives whatever is due until it
is killed. The ledger is the partner's: one line for each call that begins or ends.
"""

import asyncio
import os
import sys
import time
from datetime import timedelta

from sagas import Catalog, Limit, Reversibility, connect, current_step, event

RATE, AT_ONCE, PERIOD = 5, 3, timedelta(seconds=1)
CALL_SECONDS = 0.5

partners = Catalog("partners")
partner = Limit("partner", rate=RATE, per=PERIOD, concurrent=AT_ONCE)


def note(what: str) -> None:
    """Write one whole line, whoever else writes; the clock is the same for all processes."""
    line = f"{what} {time.monotonic():.6f} {os.getpid()} {current_step().idempotency_key}\n"
    ledger = os.open(os.environ["LEDGER"], os.O_WRONLY | os.O_APPEND)
    try:
        os.write(ledger, line.encode())
    finally:
        os.close(ledger)


@partners.action(
    reversibility=Reversibility.COMPENSATABLE, key_ttl=timedelta(hours=1), limits=[partner]
)
async def reserve(what: str) -> str:
    """One request to the partner."""
    note("begins")
    await asyncio.sleep(CALL_SECONDS)
    note("ends")
    return what


@reserve.compensation()
async def release(what: str) -> None:
    """Take it back."""


@partners.saga
async def booking(what: str) -> str:
    """One call, as soon as it may."""
    await event("go")
    return await reserve(what)


async def work(url: str) -> None:
    """Drive what is due, a few sagas at a time."""
    async with connect(url, partners, lease=5, concurrency=8) as coordinator:
        print("ready", flush=True)
        await coordinator.work()


if __name__ == "__main__":
    os.environ["LEDGER"] = sys.argv[2]
    asyncio.run(work(sys.argv[1]))
