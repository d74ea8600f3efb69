"""What people and other programs ask of a saga, folded into its journal.

They commit rows; only the worker that holds the saga turns the rows into entries, in order, before
its next move.
"""

import asyncio

from compensations import Choice
from sagas import decide
from sagas.driving.drive import Drive
from sagas.entries import (
    CancelRequested,
    Compensated,
    Ended,
    Entry,
    EventReceived,
    Failed,
    GateDecided,
    InterventionClosed,
    Succeeded,
    UnwindBegan,
)
from sagas.fold import Question
from sagas.model import Direction, Status
from sagas.ports import FoldRequests, Op, Project, Request


class Requests:
    """Folds the requests of one saga."""

    def __init__(self, drive: Drive) -> None:
        self._drive = drive
        self._lock = asyncio.Lock()

    async def fold(self) -> bool:
        """Fold everything that waits; whether there was anything."""
        async with self._lock:
            control, requests = await self._drive.environment.journal.requests(self._drive.saga_id)
            if requests or control != self._drive.control:
                await self._fold(control, requests)
            return bool(requests)

    async def _fold(self, control: int, requests: list[Request]) -> None:
        await self._drive.log.drained()
        entries: list[Entry] = []
        ops: list[Op] = [FoldRequests(tuple(request.id for request in requests), control)]
        for request in requests:
            entries += self._translate(request)
        if any(isinstance(entry, (UnwindBegan, Ended)) for entry in entries):
            self._drive.fence()
        ops += [_projection(entry) for entry in entries if isinstance(entry, (UnwindBegan, Ended))]
        await self._drive.log.commit(*_once(entries), ops=ops)
        self._drive.control = control
        self._drive.news += len(entries)

    def _translate(self, request: Request) -> list[Entry]:
        match request.kind:
            case "cancel":
                return self._cancel(request)
            case "gate":
                return self._gate(request)
            case "event":
                received = EventReceived(
                    name=request.ref, key=request.state, by=request.by, payload=request.payload
                )
                return [received]
            case _:
                return self._answer(request)

    def _cancel(self, request: Request) -> list[Entry]:
        state = self._drive.state
        may = decide.may_unwind(state, self._drive.saga.after_pivot)
        asked = CancelRequested(
            by=request.by, reason=request.reason, too_late=not may and not state.unwinding
        )
        if state.unwinding or not may:
            return [asked]
        return [asked, self._unwind(f"cancelled by {request.by}: {request.reason}", "cancel")]

    def _gate(self, request: Request) -> list[Entry]:
        gate = self._drive.state.gates.get(request.ref)
        if gate is None or gate.state != "pending":
            return []
        return [
            GateDecided(
                gate=gate.id,
                path=gate.path,
                state=request.state,
                by=request.by,
                reason=request.reason or None,
                valid_until=request.valid_until,
            )
        ]

    def _answer(self, request: Request) -> list[Entry]:
        question = self._drive.state.questions.get(request.ref)
        if question is None:
            return []
        closed = InterventionClosed(
            intervention=question.id,
            choice=request.state,
            by=request.by,
            reason=request.reason,
            payload=request.payload,
        )
        return [closed, *self._consequence(question, Choice(request.state), request)]

    def _consequence(self, question: Question, choice: Choice, request: Request) -> list[Entry]:
        path = question.path
        said = f"{request.by}: {request.reason}"
        if choice is Choice.UNWIND:
            return (
                []
                if self._drive.state.unwinding
                else [self._unwind(f"decided by {said}", "person")]
            )
        if choice is Choice.KEEP:
            return [Ended(status=Status.RESIDUAL, reason=f"left as it is by {said}")]
        if path is None:
            return []
        if choice is Choice.HAPPENED:
            return [Succeeded(path=path, via="person", payload=request.payload or b"null")]
        if choice is Choice.NOT_HAPPENED and question.direction is not Direction.UNDO:
            return [Failed(path=path, error="NotExecuted", message=said, via="person")]
        if choice is Choice.DONE:
            return [Compensated(path=path, via="person")]
        return []

    def _unwind(self, reason: str, cause: str) -> UnwindBegan:
        return UnwindBegan(reason=reason, cause=cause, generation=self._drive.state.generation + 1)


def _projection(entry: Entry) -> Project:
    if isinstance(entry, Ended):
        return Project(Status(entry.status), entry.reason, None, release=True)
    reason = entry.reason if isinstance(entry, UnwindBegan) else None
    return Project(Status.UNWINDING, reason, None, release=False)


def _once(entries: list[Entry]) -> list[Entry]:
    """At most one unwind begins, however many requests ask for it."""
    kept: list[Entry] = []
    for entry in entries:
        if isinstance(entry, UnwindBegan) and any(isinstance(item, UnwindBegan) for item in kept):
            continue
        kept.append(entry)
    return kept
