"""The branches of one `parallel`.

Once a branch fails, the others begin nothing new; that is recorded, so that a body that runs again
closes them at the same place. What is running is waited for, and the failure of the lowest branch
is raised. A failed branch beats one that waits, and whose failure was raised is recorded too: one
that waited may fail later, and the body must not hear of another failure when it runs again.
"""

import asyncio
from collections.abc import Awaitable, Coroutine, Sequence
from typing import Any

from sagas.driving.calling import describe
from sagas.driving.drive import REOPENED
from sagas.driving.log import GateMoved, Withdrawn
from sagas.driving.places import Place
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
    drive = outer.body.drive
    drive.join()
    try:
        return await _join(outer, path, branches)
    finally:
        outer.body.open.discard(f"{path}.")
        drive.joined()


async def _join(
    outer: Place, path: str, branches: Sequence[tuple[Awaitable[Any], Place]]
) -> tuple[Any, ...]:
    scopes = [scope for _, scope in branches]
    recorded = outer.body.drive.state.closed.get(path)
    if recorded is not None and recorded != REOPENED:
        _close_but(scopes, recorded)
    running = [(outer.body.run(work, scope), scope) for work, scope in branches]
    first = await _wait(outer, path, running)
    failures = {
        index: error
        for index, (task, scope) in enumerate(running)
        if (error := _failure(task, scope)) is not None
    }
    if failures:
        raised = recorded if recorded in failures else min(failures)
        if first is not None and raised != first:
            _record(outer, path, raised)
        await _cancel_gates(outer, path)
        raise _with_notes([failures.pop(raised), *failures.values()])
    if outer.body.left or any(scope.parked for scope in scopes):
        outer.park()
    return tuple(task.result() for task, _ in running)


def drop(branches: Sequence[Awaitable[Any]]) -> None:
    """Close branches that will not run."""
    for work in branches:
        if isinstance(work, Coroutine):
            work.close()


async def _wait(outer: Place, path: str, running: Sequence[tuple[Task, Place]]) -> int | None:
    """Wait for all of them; which one failed first, unless that is recorded."""
    first: int | None = None
    scopes = [scope for _, scope in running]
    pending = {task for task, _ in running}
    while pending:
        try:
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            for task in pending:
                task.cancel()
            continue
        failed = [
            index
            for index, (task, scope) in enumerate(running)
            if task in done and _failure(task, scope) is not None
        ]
        if failed and first is None and not any(scope.closed for scope in scopes):
            first = failed[0]
            _close_but(scopes, first)
            _record(outer, path, first)
    return first


def _record(outer: Place, path: str, failed: int) -> None:
    if not outer.body.drive.closing:
        outer.body.drive.log.emit(ParallelClosed(path=path, branch=failed))


async def _cancel_gates(outer: Place, path: str) -> None:
    body = outer.body
    while not body.drive.closing:
        try:
            await body.gates.cancel(f"{path}.", "another branch failed")
        except (GateMoved, Withdrawn):
            await body.drive.folded()
        else:
            return


def _failure(task: Task, scope: Place) -> BaseException | None:
    """How a branch failed, if it did: one that was left did not, whatever it made of that."""
    if not task.done():
        return None
    if task.cancelled():
        return None if scope.is_parked else asyncio.CancelledError()
    error = task.exception()
    return None if scope.is_parked or isinstance(error, Parked) else error


def _close_but(scopes: Sequence[Place], failed: int) -> None:
    for index, scope in enumerate(scopes):
        scope.closed = index != failed


def _with_notes(failures: list[BaseException]) -> BaseException:
    first = failures[0]
    for other in failures[1:]:
        first.add_note(f"another branch failed too: {type(other).__name__}: {describe(other)}")
    return first
