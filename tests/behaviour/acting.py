"""What people do in a scenario: wait, approve, answer."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from sagas import Coordinator, Handle, Outcome
from sagas.journal.operations import ownership
from sagas.ports import QuestionRow

LIMIT = 10.0


async def approve_all(coordinator: Coordinator, *, by: str = "ben") -> None:
    """Approve every gate that waits."""
    for gate in await coordinator.store.waiting_gates():
        await coordinator.approve(gate.id, by=by)


async def only_gate(coordinator: Coordinator) -> str:
    """The id of the one gate that waits."""
    [gate] = await coordinator.store.waiting_gates()
    return gate.id


async def only_question(coordinator: Coordinator) -> QuestionRow:
    """The one intervention that waits."""
    [question] = await coordinator.store.waiting_questions()
    return question


async def answer(
    coordinator: Coordinator, handle: Handle[Any], choice: str, **more: Any
) -> Outcome[Any]:
    """Answer the one intervention that waits, and wait for what comes of it."""
    question = await only_question(coordinator)
    await coordinator.resolve(question.id, choice, reason="I looked", **more)
    return await handle.outcome(timeout=LIMIT)


async def until(holds: Callable[[], Awaitable[bool]], *, tries: int = 400) -> None:
    """Wait until something holds."""
    for _ in range(tries):
        if await holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came to hold")


async def kinds(coordinator: Coordinator, saga_id: str = "s") -> list[str]:
    """The kinds of a saga's entries, in order."""
    return [row.kind for row in (await coordinator.load(saga_id)).rows]


async def bury(coordinator: Coordinator) -> None:
    """Declare its worker dead, as another one would; its heart has not told it yet."""
    environment = await coordinator._worker.begin()
    store: Any = coordinator.store
    await store._write(partial(_burial, environment.holder.lease.worker))


def _burial(worker: int, settling: bool) -> Any:
    return ownership.bury([(worker, True)])


async def states(coordinator: Coordinator) -> list[str]:
    """How the gates of the saga `s` stand, in the order in which they opened."""
    return [gate.state.value for gate in await coordinator.store.gates_of("s")]
