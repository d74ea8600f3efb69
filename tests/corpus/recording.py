"""Records the histories that later releases must be able to read.

`python -m tests.corpus.recording FILE` drives one saga for each scene and writes what the journal
holds of it, one JSON object a line. A released file is never changed: a new release adds its own.
"""

import asyncio
import json
import sys
import tempfile
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sagas
from sagas import Coordinator, StepFailed, StepInterrupted, parallel, savepoint
from tests.behaviour.acting import approve_all, kinds, only_question, until
from tests.behaviour.conftest import House
from tests.behaviour.shop import (
    Order,
    delayed,
    gated,
    hasty,
    keyed,
    keyless,
    labelled,
    look_up,
    mail,
    probed,
    publish,
    sharing,
    shop,
)
from tests.behaviour.world import (
    Refusal,
    World,
    ignore_cancellation,
    lose_answer,
    raising,
    refuse,
    renew,
    wait_for_release,
)

WEEK = timedelta(days=7)


@shop.saga
async def record_everything(order: Order) -> str:
    """A body that uses all there is, and completes."""
    when = sagas.now()
    sagas.uuid()
    await look_up("price")
    await labelled("case", f"{when:%Y}")
    await parallel(keyed("flight"), delayed("hotel"))
    try:
        async with savepoint("block"):
            await keyed("inside")
            await keyed("refused")
    except Refusal:
        await probed("another way")
    await sagas.sleep(timedelta(milliseconds=1))
    found = await sagas.event("paid", until=when + WEEK)
    await gated("visa")
    await mail("tickets")
    return str(found)


@shop.saga
async def record_unwinding(order: Order) -> str:
    """A body that fails after a few steps, one of them in a branch."""
    await sharing("case-a")
    await hasty("room")
    await parallel(keyed("flight"), keyed("refused"))
    return "never"


@shop.saga
async def record_interrupted(order: Order) -> str:
    """A body that stops waiting for a step, and is asked about it."""
    try:
        async with asyncio.timeout(0.02):
            await keyed("slow")
    except StepInterrupted:
        await publish("news")
    return "done"


@shop.saga
async def record_late(order: Order) -> str:
    """A body that goes another way where a call is held not to have happened."""
    try:
        return await keyless("it")
    except StepFailed:
        return await keyed("instead")


@shop.saga
async def record_waiting(order: Order) -> str:
    """A body that waits."""
    await keyed("flight")
    return str(await sagas.event("paid", until=sagas.now() + WEEK))


async def completed(coordinator: Coordinator, world: World) -> None:
    """Everything, to its end."""
    world.plan("refused", refuse)
    world.plan("another way", lose_answer)
    world.plan("hotel", refuse)
    handle = await coordinator.start(record_everything, Order(items=["a"]), id="completed")
    await handle.settled()
    await coordinator.send("completed", "paid", {"by": "ana"}, key="k")
    await handle.settled()
    await approve_all(coordinator)
    await handle.outcome()


async def residual(coordinator: Coordinator, world: World) -> None:
    """Unwound, with a fee and something that a person left as it is."""
    world.plan("refused", refuse)
    world.plan("undo-case-a", *[raising(Refusal("no"))] * 3)
    world.plan("undo-flight", lose_answer)
    handle = await coordinator.start(record_unwinding, Order(), id="residual")
    await handle.outcome()
    question = await only_question(coordinator)
    await coordinator.resolve(question.id, "waive", reason="it is paid for")
    await handle.outcome()


async def rejected(coordinator: Coordinator, world: World) -> None:
    """A step that was left, and a gate that was rejected."""
    world.plan("slow", wait_for_release)
    handle = await coordinator.start(record_interrupted, Order(), id="rejected")
    await until(lambda: _has_gate(coordinator))
    world.released.set()
    [gate] = await coordinator.store.waiting_gates()
    await coordinator.reject(gate.id, by="ben", reason="not today")
    await handle.outcome()


async def _has_gate(coordinator: Coordinator) -> bool:
    return bool(await coordinator.store.waiting_gates())


async def cancelled(coordinator: Coordinator, world: World) -> None:
    """Undone because somebody asked for it."""
    handle = await coordinator.start(record_waiting, Order(), id="cancelled")
    await handle.settled()
    await coordinator.cancel("cancelled", reason="ana stays at home")
    await handle.outcome()


async def late(coordinator: Coordinator, world: World) -> None:
    """Undone because its deadline passed."""
    deadline = datetime.now(UTC) + timedelta(milliseconds=300)
    handle = await coordinator.start(record_waiting, Order(), id="late", deadline=deadline)
    await handle.outcome()


async def reopened(coordinator: Coordinator, world: World) -> None:
    """Ended, and undone again in part: a call that was given up took effect after all."""
    world.plan("it", ignore_cancellation)
    handle = await coordinator.start(record_late, Order(), id="reopened")
    await handle.outcome()
    question = await only_question(coordinator)
    await coordinator.resolve(question.id, "not-happened", reason="I saw nothing")
    await until(lambda: _has_ended(coordinator, "Ended"))
    world.released.set()
    await until(lambda: _has_ended(coordinator, "Reopened"))


async def _has_ended(coordinator: Coordinator, after: str) -> bool:
    found = await kinds(coordinator, "reopened")
    return after in found and found[-1] == "Ended"


async def waiting(coordinator: Coordinator, world: World) -> None:
    """One that has not ended."""
    await (await coordinator.start(record_waiting, Order(), id="waiting")).settled()


SCENES: tuple[Callable[[Coordinator, World], Awaitable[None]], ...] = (
    completed,
    residual,
    rejected,
    cancelled,
    late,
    reopened,
    waiting,
)


async def record(directory: Path) -> list[dict[str, object]]:
    """The history of each scene."""
    found: list[dict[str, object]] = []
    for scene in SCENES:
        world = renew()
        house = House(f"sqlite:///{directory / scene.__name__}.db", world)
        async with house.open(shop) as coordinator:
            await scene(coordinator, world)
            loaded = await coordinator.load(scene.__name__)
            found.append(
                {
                    "journal": coordinator.store.journal_id,
                    "saga": scene.__name__,
                    "status": loaded.row.status.value,
                    "rows": [row[1:] for row in loaded.rows],
                }
            )
    return found


def main(path: Path) -> None:
    """Write the file."""
    with tempfile.TemporaryDirectory() as directory:
        found = asyncio.run(record(Path(directory)))
    path.write_text("".join(f"{json.dumps(item)}\n" for item in found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
