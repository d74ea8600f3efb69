"""The branches of one `parallel`.

Once a branch fails, the others begin nothing new; that is recorded, so that a body that runs again
closes them at the same place. What is running is waited for, and the failure of the lowest branch
is raised. A failed branch beats one that waits.
"""

import asyncio
from collections.abc import Awaitable, Coroutine, Sequence
from typing import Any

from sagas.driving.log import GateMoved, Withdrawn
from sagas.driving.places import Place, enter
from sagas.entries import ParallelClosed
from sagas.errors import Parked

Task = asyncio.Task[Any]


async def join(
    outer: Place, path: str, branches: Sequence[tuple[Awaitable[Any], Place]]
) -> tuple[Any, ...]:
    """Run branches, each in its own scope, and gather their results.

    Raises:
        Parked: A branch has to wait, and none failed.
    """
    scopes = [scope for _, scope in branches]
    recorded = outer.body.drive.state.closed.get(path)
    if recorded is not None:
        _close_but(scopes, recorded)
    tasks = [_start(work, scope) for work, scope in branches]
    await _wait(outer, path, tasks, scopes)
    failures = [error for task in tasks if (error := _failure(task)) is not None]
    if failures:
        await _cancel_gates(outer, path)
        raise _with_notes(failures)
    if any(isinstance(task.exception(), Parked) for task in tasks):
        outer.park()
    return tuple(task.result() for task in tasks)


def drop(branches: Sequence[Awaitable[Any]]) -> None:
    """Close branches that will not run."""
    for work in branches:
        if isinstance(work, Coroutine):
            work.close()


async def _wait(outer: Place, path: str, tasks: Sequence[Task], scopes: Sequence[Place]) -> None:
    pending = set(tasks)
    while pending:
        try:
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            for task in pending:
                task.cancel()
            continue
        failed = [index for index, task in enumerate(tasks) if task in done and _failure(task)]
        if failed and not any(scope.closed for scope in scopes):
            _close(outer, path, scopes, failed[0])


def _close(outer: Place, path: str, scopes: Sequence[Place], failed: int) -> None:
    _close_but(scopes, failed)
    drive = outer.body.drive
    if path not in drive.state.closed and not drive.closing:
        drive.log.emit(ParallelClosed(path=path, branch=failed))


async def _cancel_gates(outer: Place, path: str) -> None:
    body = outer.body
    while not body.drive.closing:
        try:
            await body.gates.cancel(f"{path}.", "another branch failed")
        except (GateMoved, Withdrawn):
            await body.drive.folded()
        else:
            return


def _start(work: Awaitable[Any], scope: Place) -> Task:
    async def run() -> Any:
        enter(scope)
        scope.task = asyncio.current_task()
        return await work

    return asyncio.get_running_loop().create_task(run())


def _failure(task: Task) -> BaseException | None:
    """How a branch failed, if it did: waiting is no failure."""
    if not task.done():
        return None
    if task.cancelled():
        return asyncio.CancelledError()
    error = task.exception()
    return None if isinstance(error, Parked) else error


def _close_but(scopes: Sequence[Place], failed: int) -> None:
    for index, scope in enumerate(scopes):
        scope.closed = index != failed


def _with_notes(failures: list[BaseException]) -> BaseException:
    first = failures[0]
    for other in failures[1:]:
        first.add_note(f"another branch failed too: {type(other).__name__}: {other}")
    return first
