"""One saga's journal while it is being driven: entries on their way, and the state they add up to.

Entries are emitted without waiting, and become durable strictly in the order in which they were
emitted. The state is the fold of what is durable, never of what is hoped for. An entry that is
*guarded* (a forward intent, an end) is withdrawn if somebody has made a request in the meantime,
or if the saga's deadline has passed; whoever waits for it then looks again.

Touches: nothing but the event loop's futures.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace

from approvals.redaction import Redaction
from sagas import decide
from sagas.chain import Fields, Row, genesis, link
from sagas.driving import aftermath
from sagas.entries import Entry, body_of
from sagas.errors import JournalError, LeaseLost, Parked
from sagas.fold import apply
from sagas.ports import (
    Applied,
    CreateSaga,
    KeepPlaces,
    MoveGate,
    Op,
    OpenQuestion,
    Project,
    SpendRule,
    Unit,
)
from sagas.state import SagaState


class Withdrawn(Exception):
    """A guarded entry was not written, because a request or a deadline waits to be folded."""


class GateMoved(Exception):
    """A gate, or a line for a key, was not in the state that the entry relied on."""


class Taken(Exception):
    """The saga's id is in use."""


class LogClosed(Parked):
    """Nothing more can be written here.

    A body leaves as it does when it has to wait: a lost database is no failure of a step.
    """


class Submission:
    """Entries and changes that travel together."""

    __slots__ = ("bodies", "entries", "error", "guarded", "ops", "settled", "waiters")

    def __init__(self, entries: tuple[Entry, ...], ops: tuple[Op, ...], guarded: bool) -> None:
        self.entries = entries
        self.bodies = [body_of(entry) for entry in entries]  # what cannot be written fails here
        self.ops = ops
        self.guarded = guarded
        self.waiters: list[asyncio.Future[None]] = []
        self.settled = False
        self.error: BaseException | None = None

    @property
    def conditional(self) -> bool:
        """Whether the database may refuse it by itself."""
        return any(isinstance(op, (MoveGate, SpendRule, CreateSaga, KeepPlaces)) for op in self.ops)

    def resolve(self, error: BaseException | None = None) -> None:
        """Settle it, and tell everybody who waits."""
        self.settled, self.error = True, error
        waiters, self.waiters = self.waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)


class SagaLog:
    """The journal of one saga in this process.

    Args:
        head_hash: The hash of its last entry; None for a saga that begins.
        wake: Called when there is something to write.
    """

    def __init__(
        self,
        state: SagaState,
        journal_id: str,
        head_hash: str | None,
        wake: Callable[["SagaLog"], None],
    ) -> None:
        self.state = state
        self.saga_id = state.saga_id
        self.error: JournalError | Taken | None = None
        self._journal_id = journal_id
        self._declared = state.declared.copy()
        self._hash = head_hash or genesis(journal_id, state.saga_id)
        self._wake = wake
        self._queue: deque[Submission] = deque()
        self._sealed: list[Submission] = []
        self._sealed_hash = self._hash
        self._sealed_at = 0

    # --- for the interpreter ------------------------------------------------------------------

    def emit(self, *entries: Entry, ops: Iterable[Op] = (), guarded: bool = False) -> Submission:
        """Queue entries; they will be durable after everything emitted before.

        Raises:
            LogClosed: Nothing more can be written; `error` says why.
        """
        if self.error is not None:
            raise LogClosed
        for entry in entries:
            self._declared.add(entry)
        submission = Submission(entries, tuple(map(self._discreet, ops)), guarded)
        self._queue.append(submission)
        self._wake(self)
        return submission

    async def durable(self, submission: Submission) -> None:
        """Wait until a submission is durable and folded into the state.

        A cancellation is delivered after the fate of the submission is known: what was asked of
        the database may have happened.

        Raises:
            Withdrawn: It was guarded, and a request waits or the deadline has passed.
            GateMoved: A gate moved first.
            LogClosed: It was not written, and nothing more will be.
        """
        cancelled: asyncio.CancelledError | None = None
        while not submission.settled:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            submission.waiters.append(waiter)
            try:
                await waiter
            except asyncio.CancelledError as error:
                cancelled = error
        if cancelled is not None and not isinstance(submission.error, LogClosed):
            raise cancelled
        if submission.error is not None:
            raise submission.error

    async def commit(self, *entries: Entry, ops: Iterable[Op] = (), guarded: bool = False) -> None:
        """Emit and wait."""
        await self.durable(self.emit(*entries, ops=ops, guarded=guarded))

    @property
    def is_drained(self) -> bool:
        """Whether the state holds everything that was emitted."""
        return not (self._sealed or self._queue)

    async def drained(self) -> None:
        """Wait until everything emitted so far is durable or was refused.

        A refusal is the business of whoever emitted what was refused.

        Raises:
            LogClosed: Nothing more will be written.
        """
        for submission in (*self._sealed, *self._queue):
            with suppress(Withdrawn, GateMoved):
                await self.durable(submission)

    @property
    def redaction(self) -> Redaction:
        """What hides the saga's secrets in words, with those that are on their way to the journal."""
        return self._declared.redaction(self._journal_id)

    def _discreet(self, op: Op) -> Op:
        """What is stored for lists and inboxes has no secrets; entries are exact."""
        if isinstance(op, Project) and op.reason:
            return replace(op, reason=self.redaction.masked(op.reason))
        if isinstance(op, OpenQuestion):
            hide = self.redaction.masked
            return replace(op, question=hide(op.question), evidence=hide(op.evidence))
        return op

    # --- for the writer -----------------------------------------------------------------------

    def seal(self, now: int) -> Unit | None:
        """Number and chain what is queued: the unit to write, or None if there is nothing."""
        rows: list[Row] = []
        ops: list[Op] = []
        guarded = False
        seq, previous = self.state.head, self._hash
        overdue = decide.is_overdue(self.state, now)
        while self._queue and not (self._sealed and self._queue[0].conditional):
            submission = self._queue.popleft()
            if overdue and submission.guarded:
                submission.resolve(Withdrawn())
                continue
            self._sealed.append(submission)
            ops.extend(submission.ops)
            guarded = guarded or submission.guarded
            for entry, body in zip(submission.entries, submission.bodies, strict=True):
                seq += 1
                payload, kind = entry.payload, entry.kind
                ops.extend(aftermath.notes(self.state, entry, now))
                fields = Fields(seq, kind, entry.VERSION, now, body, payload)
                previous = link(previous, fields)
                rows.append(_row(self.saga_id, fields, previous))
        if not self._sealed:
            return None
        self._sealed_hash, self._sealed_at = previous, now
        return Unit(self.saga_id, rows, ops, guarded, (self.state.head, self._hash))

    def settle(self, applied: Applied) -> bool:
        """Take the database's answer; True if there is more to write."""
        sealed, self._sealed = self._sealed, []
        match applied:
            case Applied.YES:
                self._fold(sealed)
            case Applied.REQUESTED:
                self._take_back(sealed, lambda item: item.guarded, Withdrawn())
            case Applied.MOVED:
                self._take_back(sealed, lambda item: item.conditional, GateMoved())
            case Applied.TAKEN:
                self._sealed = sealed
                self.close(Taken(self.saga_id))
            case Applied.FENCED | Applied.CONFLICT:
                self._sealed = sealed
                self.close(LeaseLost(f"{self.saga_id} was taken over by another worker"))
        return bool(self._queue)

    def close(self, error: JournalError | Taken) -> None:
        """Write nothing more; whoever waits is told."""
        self.error = self.error or error
        waiting = [*self._sealed, *self._queue]
        self._sealed, self._queue = [], deque()
        for submission in waiting:
            submission.resolve(LogClosed())

    def _fold(self, sealed: list[Submission]) -> None:
        self._hash = self._sealed_hash
        seq = self.state.head
        for submission in sealed:
            for entry in submission.entries:
                seq += 1
                apply(self.state, seq, self._sealed_at, entry)
            submission.resolve()

    def _take_back(
        self, sealed: list[Submission], refused: Callable[[Submission], bool], error: Exception
    ) -> None:
        """Fail what was refused; what had travelled with it goes again."""
        for submission in reversed([item for item in sealed if not refused(item)]):
            self._queue.appendleft(submission)
        for submission in sealed:
            if refused(submission):
                submission.resolve(error)


def _row(saga_id: str, entry: Fields, digest: str) -> Row:
    payload = None if entry.payload is None else entry.payload.decode()
    return Row(
        saga_id,
        entry.seq,
        entry.kind,
        entry.version,
        entry.at,
        entry.body.decode(),
        payload,
        digest,
    )
