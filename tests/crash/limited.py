"""A worker whose partner allows few calls: a process of its own, to be killed.

`python -m tests.crash.limited URL LEDGER NAME COUNT` starts that many sagas and drives whatever is
due until it is killed. The ledger is the partner's: one line for each call that begins or ends.
"""

import asyncio
import os
import sys
import time
from datetime import timedelta

from sagas import Catalog, Limit, Reversibility, connect, current_step

RATE, AT_ONCE, PERIOD = 5, 3, timedelta(seconds=1)
CALL_SECONDS = 0.15

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
    """One call."""
    return await reserve(what)


async def work(url: str, name: str, count: int) -> None:
    """Start sagas, and drive what is due."""
    async with connect(url, partners, lease=5) as coordinator:
        for number in range(count):
            saga_id = f"{name}-{number}"
            await coordinator.start(booking, saga_id, id=saga_id)
        await coordinator.work()


if __name__ == "__main__":
    os.environ["LEDGER"] = sys.argv[2]
    asyncio.run(work(sys.argv[1], sys.argv[3], int(sys.argv[4])))
