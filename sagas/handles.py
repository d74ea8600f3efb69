"""What whoever started a saga holds: its handle, and its outcome in the end."""

import asyncio
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sagas.authoring.saga import Saga
from sagas.driving.run import Done, Result
from sagas.frozen import check_loop_clock
from sagas.model import Outcome, Status
from sagas.ports import SagaRow
from sagas.reader import Reader
from sagas.state import SagaState
from sagas.worker import Worker

O = TypeVar("O")  # noqa: E741

LOOK_SECONDS = 0.5


@dataclass(slots=True, weakref_slot=True)
class Following:
    """What this process knows of a saga; it lasts as long as somebody holds a handle."""

    changed: asyncio.Event
    result: Result | None = None
    state: SagaState | None = None


class Handle(Generic[O]):
    """A saga that was started or resumed here."""

    def __init__(
        self,
        reader: Reader,
        worker: Worker,
        saga: Saga[Any, O],
        saga_id: str,
        following: Following,
    ) -> None:
        self._reader = reader
        self._worker = worker
        self._saga = saga
        self._following = following
        self.id = saga_id

    async def outcome(self, *, timeout: float | None = None) -> Outcome[O]:
        """Wait until the saga has ended, or is stuck and a person must act.

        Args:
            timeout: Give up after this many seconds; the saga goes on.

        Raises:
            TimeoutError: It has not ended in time.
            Unreadable: It was driven by a newer agent-sagas, and this one cannot read it.
        """
        async with asyncio.timeout(timeout):
            return await self._wait(parked=False)

    async def settled(self) -> Outcome[O]:
        """Wait until the saga has ended or has to wait for something."""
        return await self._wait(parked=True)

    async def status(self) -> Status:
        """Where the saga is now."""
        return (await self._reader.get(self.id)).status

    async def _wait(self, *, parked: bool) -> Outcome[O]:
        """Wait for a saga's end, or until a person must act; with `parked` any wait will do."""
        following, saga_id = self._following, self.id
        while True:
            check_loop_clock()
            following.changed.clear()
            result, state = following.result, following.state
            reopened = self._worker.follows(saga_id)
            if isinstance(result, Done) and state is not None and not reopened:
                return outcome_of(self._saga, state, result.status)
            unread = self._worker.unread(saga_id)
            if unread is not None:
                raise unread
            if not self._worker.drives(saga_id):
                row = await self._reader.get(saga_id)
                if row.status.is_end or _rests(row, parked=parked):
                    return outcome_of(self._saga, await self._reader.state(saga_id), row.status)
            await self.soon()

    async def soon(self) -> None:
        """Wait until something changed here, or it is time to look whether something did elsewhere."""
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                await self._following.changed.wait()
        except TimeoutError:
            return

    def __repr__(self) -> str:
        return f"<handle of {self._saga.name} {self.id}>"


def _rests(row: SagaRow, *, parked: bool) -> bool:
    """Whether a saga waits for a person (or for anything), and nothing has been asked of it since."""
    waits = row.status is Status.STUCK or (
        parked and row.status in (Status.WAITING, Status.UNWINDING)
    )
    return waits and row.owner is None and row.control == row.folded


def outcome_of(saga: Saga[Any, O], state: SagaState, status: Status) -> Outcome[O]:
    """A saga's outcome from its folded state."""
    ended = state.ended
    result = None
    if ended is not None and status is Status.COMPLETED and ended.payload is not None:
        result = saga.output.decode(ended.payload)
    reason = ended.reason if ended is not None else None
    if ended is None:
        reason = next(
            (f"{item.question}: {item.evidence}" for item in state.questions.values()),
            state.unwind.reason if state.unwind else None,
        )
    residue = tuple(item for _, item in state.residue())
    return Outcome(state.saga_id, status, result, reason, residue)
