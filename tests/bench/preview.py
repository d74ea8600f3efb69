"""`python -m tests.bench.preview [STEPS]`: what a preview and a plan cost, beside a raw read.

A saga of so many steps waits at a gate, in an SQLite file. Its entries are read raw, read and
folded, and its unwind is previewed; then the planning of an unwind of 10,000 effects is timed.

Touches: a database in a directory of its own, the terminal.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from statistics import median

from compensations.agenda import Agenda
from compensations.plan import Effect, Standing
from reversibility import Reversibility
from sagas import Catalog, approval, connect

STEPS = 50
TIMES = 100
EFFECTS = 10_000

bench = Catalog("bench")


@bench.action(reversibility=Reversibility.COMPENSATABLE, repeatable=True)
async def keep(item: int) -> str:
    """Does nothing."""
    return str(item)


@keep.compensation()
async def give_up(item: int, result: str) -> None:
    """Does nothing."""


@bench.action(
    reversibility=Reversibility.IRREVERSIBLE,
    approval=approval(by="anyone", within=timedelta(hours=1)),
)
async def publish(count: int) -> None:
    """Waits for people."""


@bench.saga
async def keeping(count: int) -> None:
    """So many steps, and a gate."""
    for item in range(count):
        await keep(item)
    await publish(count)


async def timed(work: Callable[[], Awaitable[object]]) -> float:
    """The median of some times (milliseconds)."""
    times: list[float] = []
    for _ in range(TIMES):
        begun = time.perf_counter()
        await work()
        times.append((time.perf_counter() - begun) * 1000)
    return median(times)


async def reading(steps: int) -> None:
    """A preview, beside what it reads."""
    with tempfile.TemporaryDirectory() as place:
        async with connect(f"sqlite:///{place}/bench.db", bench) as coordinator:
            await (await coordinator.start(keeping, steps, id="s")).settled()
            raw = await timed(lambda: coordinator.load("s"))
            state = await timed(lambda: coordinator.state("s"))
            preview = await timed(lambda: coordinator.preview("s"))
    print(
        f"a saga of {steps} steps: preview {preview:.1f} ms; its entries read raw {raw:.1f} ms, "
        f"read and folded {state:.1f} ms"
    )


def planning(shape: str, path: Callable[[int], str]) -> None:
    """An unwind of many effects: its first plan, and all that follows."""
    effects = [
        Effect(path(number), number, "act", Reversibility.COMPENSATABLE, Standing.DONE)
        for number in range(EFFECTS)
    ]
    begun = time.perf_counter()
    agenda = Agenda(effects)
    free = agenda.take()
    planned = time.perf_counter()
    while free:
        agenda.put(replace(free.pop(), standing=Standing.SETTLED))
        free += agenda.take()
    unwound = time.perf_counter()
    print(
        f"{EFFECTS} effects {shape}: planned in {planned - begun:.2f} s, "
        f"what became ready after each in {unwound - planned:.2f} s altogether"
    )


if __name__ == "__main__":
    asyncio.run(reading(int(sys.argv[1]) if len(sys.argv) > 1 else STEPS))
    planning("in sequence", lambda number: f"trip/a#{number}")
    planning("side by side", lambda number: f"trip/1.{number}:a#1")
    planning("in blocks of ten", lambda number: f"trip/b#{number // 10}/a#{number}")
