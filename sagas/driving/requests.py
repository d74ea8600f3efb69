"""What people, other programs and the clock ask of a saga, folded into its journal.

People and programs commit rows; only the worker that holds the saga turns the rows into entries,
in order, before its next move. A deadline that has passed is folded after them.
"""

import asyncio
from contextlib import suppress

from approvals import GateState
from approvals.gate import may_move
from compensations import Choice, InterventionKind
from sagas import decide
from sagas.driving.drive import REOPENED, Drive
from sagas.driving.log import GateMoved, LogClosed, Withdrawn
from sagas.driving.reports import LATE, matters
from sagas.driving.windows import close_windows, raise_alarms
from sagas.entries import (
    CancelRequested,
    Compensated,
    DeadlinePassed,
    Entry,
    EventReceived,
    Failed,
    GateDecided,
    GateRevised,
    InterventionClosed,
    LockReleased,
    ParallelClosed,
    Reopened,
    Succeeded,
)
from sagas.errors import JournalError
from sagas.fold import read_residue
from sagas.frozen import sleep_regardless
from sagas.model import Direction
from sagas.ports import FoldRequests, LateAnswer, Op, Request
from sagas.state import Question, Step
from sagas.story.wording import moment
from sagas.windows import instant_in

LOOK_AGAIN = 50_000
"""The shortest wait for a deadline (microseconds): the clock may stand still, or the journal fail."""

FACTS = frozenset({Choice.HAPPENED, Choice.NOT_HAPPENED, Choice.DONE})


class Requests:
    """Folds the requests of one saga."""

    def __init__(self, drive: Drive) -> None:
        self._drive = drive
        self._lock = asyncio.Lock()

    async def fold(self) -> bool:
        """Fold everything that waits; whether there was anything."""
        async with self._lock:
            while True:
                journal = self._drive.environment.journal
                control, requests = await journal.requests(self._drive.saga_id)
                late = decide.is_overdue(self._drive.state, self._drive.now())
                try:
                    if requests or late or control != self._drive.control:
                        await self._fold(control, requests)
                except GateMoved:
                    continue  # decided at this instant, which is another request
                return late or bool(requests)

    async def raise_alarms(self) -> bool:
        """Do what is wanted of windows that are about to close; whether anything came of that.

        What was asked for before the alarm is on the record is folded instead, and comes first.

        Raises:
            LogClosed: Nothing more will be written.
        """
        try:
            async with self._lock:  # nobody else begins an unwind meanwhile
                return await raise_alarms(self._drive)
        except Withdrawn:
            await self.fold()
            return True

    async def fold_at_deadline(self) -> None:
        """Fold the deadline when it comes; returns once there is none to wait for any more."""
        drive = self._drive
        while (due := drive.state.due) is not None and drive.log.error is None:
            left = due - drive.now()
            await sleep_regardless(max(left, LOOK_AGAIN) / 1_000_000)
            if decide.is_overdue(drive.state, drive.now()):
                with suppress(JournalError, LogClosed):  # the next intent meets the deadline too
                    await self.fold()

    async def _fold(self, control: int, requests: list[Request]) -> None:
        while not self._drive.log.is_drained:  # what a call told meanwhile may be on its way
            await self._drive.log.drained()
        if self._drive.over:
            return  # it was let go of here: whoever takes it up folds what is new
        await close_windows(self._drive)
        batch = _Batch(self._drive)
        for request in requests:
            batch.take(request)
        if decide.is_overdue(self._drive.state, self._drive.now()):
            batch.pass_deadline()
        if not batch.entries and not requests and control == self._drive.control:
            return  # it came to its end meanwhile
        folded = FoldRequests(tuple(request.id for request in requests), control)
        submission = self._drive.log.emit(*batch.entries, ops=[folded, *batch.ops])
        self._drive.tells(submission)
        heard = {
            key: (entry, submission)
            for key, entry in batch.heard.items()
            if key not in self._drive.heard
        }
        self._drive.heard.update(heard)  # an attempt under way says nothing more
        try:
            await self._drive.log.durable(submission)
        except GateMoved:
            for key in heard:
                del self._drive.heard[key]
            raise
        self._drive.control = control
        self._drive.news += len(batch.entries)


class _Batch:
    """Requests that are folded together: each sees what those before it led to.

    Of a saga that is left as it is, only what became of its gates and calls is still heard.
    """

    def __init__(self, drive: Drive) -> None:
        self._drive = drive
        self._answered: set[str] = set()
        self._moved: dict[str, GateState] = {}
        self._ended = drive.state.ended is not None
        self.heard: dict[str, Entry] = {}
        self.entries: list[Entry] = []
        self.ops: list[Op] = []

    def take(self, request: Request) -> None:
        """Fold one request."""
        if request.kind in ("late", "over"):
            self._late(request)
            return
        if self._ended or (
            self._drive.is_kept and request.kind not in ("gate", "edit") and not _is_fact(request)
        ):
            return
        match request.kind:
            case "cancel":
                self._cancel(request)
            case "gate":
                self._gate(request)
            case "edit":
                self._edit(request)
            case "unlock":
                self.entries.append(
                    LockReleased(
                        key=request.ref,
                        token=int(request.state),
                        by=request.by,
                        reason=request.reason,
                        identified_by=request.identified_by,
                        channel=request.channel,
                    )
                )
            case "event":
                self._event(request)
            case _:
                self._answer(request)

    def _event(self, request: Request) -> None:
        secret = self._drive.saga.secret_places(request.ref, request.payload or b"null")
        self.entries.append(
            EventReceived(
                name=request.ref,
                key=request.state,
                by=request.by,
                payload=request.payload,
                sensitive=secret,
            )
        )

    def _cancel(self, request: Request) -> None:
        drive = self._drive
        may = drive.state.former is None and decide.may_unwind(drive.state, drive.saga.after_pivot)
        late = not may and not drive.is_unwinding
        self.entries.append(
            CancelRequested(
                by=request.by,
                reason=request.reason,
                too_late=late,
                identified_by=request.identified_by,
                channel=request.channel,
            )
        )
        if may:
            self._unwind(f"cancelled by {request.by}: {request.reason}", "cancel")

    def pass_deadline(self) -> None:
        """The saga's deadline has come: what a cancel does, unless it is unwound or left already."""
        drive = self._drive
        due = drive.state.due
        if due is None or drive.is_unwinding or drive.is_kept:
            return
        may = decide.may_unwind(drive.state, drive.saga.after_pivot)
        self.entries.append(DeadlinePassed(too_late=not may))
        if may:
            self._unwind(f"its deadline, {moment(due)}, passed", "deadline")

    def _late(self, request: Request) -> None:
        """A call took effect after it had been given up; what follows, the journal's fold says."""
        drive, late = self._drive, _told_late(self._drive.saga_id, request)
        path, direction = late.path, late.direction
        if not late.happened:
            self._over(path, direction, late.key, request)
            return
        if not self._is_news(late):
            return
        entry = _success(
            late,
            drive.state.steps[path],
            self._secret_result(path),
            self._closes_at(path, late.payload),
            sign_off=self._asks_sign_off(late),
        )
        self.heard.setdefault(late.key, entry)
        if self._ended:
            self._ended = False
            self.entries.append(Reopened(path=path, direction=direction, reason=LATE))
        closed, ops = drive.without_question(path, direction, LATE, answered=self._answered)
        self._answered.update(item.intervention for item in closed)
        self.entries += [*closed, entry]
        self.ops += ops

    def _asks_sign_off(self, late: LateAnswer) -> bool:
        """Whether a person has to accept what a late undo left; where the code is away, one has."""
        if late.direction is Direction.DO or late.payload is None:
            return False
        step = self._drive.state.steps[late.path]
        action = self._drive.environment.handlers.action(step.action, step.version)
        if action is None or action.undo is None:
            return True
        return action.undo.asks_sign_off(read_residue(late.payload))

    def _is_news(self, late: LateAnswer) -> bool:
        """Whether it adds to what the journal, and this batch before it, say of the call."""
        state, told = self._drive.state, self.heard.get(late.key)
        if told is None:
            return matters(state, late)
        if isinstance(told, Succeeded):
            attempts = state.steps[late.path].forward.attempts
            return told.via == "late" and late.unprotected and attempts > 1
        return isinstance(told, Compensated) and told.via == "person" and bool(late.payload)

    def _over(self, path: str, direction: Direction, key: str, request: Request) -> None:
        """A call that was given up goes on no longer: what can be done about it is asked anew."""
        drive = self._drive
        if self._ended or not decide.is_over(drive.state, path, direction, key):
            return
        entries, ops = drive.over_at_last(path, direction, request.at)
        self.entries += entries
        self.ops += ops

    def _gate(self, request: Request) -> None:
        """A gate was decided, or an approval was revoked or had lapsed when somebody looked."""
        gate, new = self._drive.state.gates.get(request.ref), GateState(request.state)
        if gate is None or not may_move(self._moved.get(gate.id, GateState(gate.state)), new):
            return
        self._moved[gate.id] = new
        self.entries.append(
            GateDecided(
                gate=gate.id,
                path=gate.path,
                state=request.state,
                by=request.by,
                reason=request.reason or None,
                valid_until=request.valid_until,
            )
        )

    def _edit(self, request: Request) -> None:
        """A gate asks about other arguments; one that is over already stays as it is."""
        gate = self._drive.state.gates.get(request.ref)
        if gate is None or self._moved.get(gate.id, gate.state) != GateState.PENDING:
            return
        number, _, digest = request.state.partition(" ")
        self.entries.append(
            GateRevised(
                gate=gate.id,
                path=gate.path,
                revision=int(number),
                digest=digest,
                by=request.by,
                reason=request.reason,
                identified_by=request.identified_by,
                channel=request.channel,
                sensitive=gate.sensitive,
                payload=request.payload,
            )
        )

    def _answer(self, request: Request) -> None:
        question = self._drive.state.questions.get(request.ref)
        if question is None:
            return
        said = f"{request.by}: {request.reason}"
        if (
            question.id in self._answered
        ):  # the call answered it; what is to become of the saga, not
            if request.state == Choice.UNWIND:
                self._unwind(f"decided by {said}", "person")
            return
        self._answered.add(question.id)
        self.entries.append(
            InterventionClosed(
                intervention=question.id,
                choice=request.state,
                by=request.by,
                reason=request.reason,
                identified_by=request.identified_by,
                channel=request.channel,
                payload=request.payload,
                sensitive=self._secret_result(question.path) if request.payload else None,
            )
        )
        match Choice(request.state):
            case Choice.UNWIND:
                self._unwind(f"decided by {said}", "person")
            case Choice.KEEP:
                self._keep()
            case choice if question.path is not None:
                self.entries += self._consequence(question, question.path, choice, request)
            case _:
                return

    def _consequence(
        self, question: Question, path: str, choice: Choice, request: Request
    ) -> list[Entry]:
        step = self._drive.state.steps.get(path)
        if question.what == InterventionKind.RESIDUE:
            return []  # it was undone before
        if choice is Choice.HAPPENED:
            told = Succeeded(
                path=path,
                via="person",
                payload=request.payload or b"null",
                sensitive=self._secret_result(path),
                closes_at=self._closes_at(path, request.payload),
            )
            return self._told(step.forward.key if step else "", told)
        if choice is Choice.NOT_HAPPENED and question.direction is not Direction.UNDO:
            said = f"{request.by}: {request.reason}"
            return [Failed(path=path, error="NotExecuted", message=said, via="person")]
        if choice is Choice.DONE and question.direction is not Direction.DO:
            return self._told(step.undo.key if step else "", Compensated(path=path, via="person"))
        if choice is Choice.RETRY and question.direction is Direction.DO:
            return self._retried(path)
        return []

    def _secret_result(self, path: str | None) -> list[str] | None:
        """Where the result of a step is secret, as far as its action is at hand."""
        step = self._drive.state.steps.get(path or "")
        handlers = self._drive.environment.handlers
        action = None if step is None else handlers.action(step.action, step.version)
        return None if action is None else list(action.sensitive_result) or None

    def _closes_at(self, path: str, result: bytes | None) -> int | None:
        """The instant that a result names at which the step's window closes, if it does."""
        step = self._drive.state.steps.get(path)
        if step is None or step.window is None or step.window.until is None:
            return None
        return instant_in(result, step.window.until)

    def _told(self, key: str, entry: Entry) -> list[Entry]:
        """What a person says happened; a late answer after it says nothing new."""
        if key in self.heard:
            return []
        if key:
            self.heard[key] = entry
        return [entry]

    def _retried(self, path: str) -> list[Entry]:
        """A step goes forward again, and so do the branches that were closed because it failed."""
        if self._drive.is_unwinding:
            return []
        return [
            ParallelClosed(path=group, branch=REOPENED)
            for group, failed in self._drive.state.closed.items()
            if failed != REOPENED and path.startswith(f"{group}.")
        ]

    def _unwind(self, reason: str, cause: str) -> None:
        entries, ops = self._drive.unwinding(reason, cause, answered=self._answered)
        self.entries += entries
        self.ops += ops

    def _keep(self) -> None:
        """The saga ends as it is, once nothing is under way any more."""
        if not self._drive.is_unwinding:
            self._drive.keep()


def _told_late(saga_id: str, request: Request) -> LateAnswer:
    """What a report says."""
    direction, key, attempt, *more = request.state.split(" ")
    return LateAnswer(
        saga_id,
        request.ref,
        Direction(direction),
        key,
        int(attempt),
        request.payload,
        request.reason if request.payload is None else None,
        unprotected=bool(more),
        happened=request.kind == "late",
    )


def _success(
    late: LateAnswer,
    step: Step,
    sensitive: list[str] | None,
    closes_at: int | None,
    *,
    sign_off: bool,
) -> Entry:
    if late.direction is Direction.UNDO:
        return Compensated(
            path=late.path, via="late", payload=late.payload, sign_off=sign_off or None
        )
    second = late.unprotected and decide.comes_beside(step.forward, late.attempt)
    return Succeeded(
        path=late.path,
        via="late",
        payload=late.payload,
        unstorable=late.unstorable,
        second=second or None,
        closes_at=closes_at,
        sensitive=sensitive,
    )


def _is_fact(request: Request) -> bool:
    """Whether it says what became of a call."""
    return request.kind not in ("cancel", "event") and request.state in FACTS
