"""Driving one saga as far as it can go now: `drive` is the seam between the rules and the world.

Whatever turns the crank (a script, a worker, an engine) calls it; whatever interrupts it, it can
be called again in another process, and goes on from the journal.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from compensations import InterventionKind
from sagas import decide
from sagas.decide import Stage
from sagas.divergence import misfit
from sagas.driving.calling import describe
from sagas.driving.drive import Drive, first_line
from sagas.driving.gates import Gates
from sagas.driving.log import GateMoved, LogClosed, Withdrawn
from sagas.driving.places import Body
from sagas.driving.recalling import missing_handler, unfit
from sagas.driving.requests import Requests
from sagas.driving.scopes import begin
from sagas.driving.steps import Call, Steps
from sagas.driving.undoing import Undoing
from sagas.driving.windows import close_windows
from sagas.entries import Ended, Entry, FoundInDoubt, RolledBackTo
from sagas.errors import (
    DefinitionError,
    Misfit,
    NotInSaga,
    Parked,
    PayloadError,
    StepFailed,
    TimerError,
)
from sagas.model import Direction, Status
from sagas.ports import KeepPlaces, Op, Project, ReleaseLocks
from sagas.state import Phase, Step
from sagas.story.refusals import plainly
from sagas.windows import closings

DEFECTS = (
    NameError,
    TypeError,
    AttributeError,
    ImportError,
    SyntaxError,
    AssertionError,
    NotImplementedError,
    RecursionError,
    PayloadError,
    NotInSaga,
    TimerError,
    DefinitionError,
)
"""Errors that mean that the code is wrong: they undo nothing until a person has looked."""


OURS = frozenset({"sagas", "approvals", "compensations", "reversibility", "asyncio", "pydantic"})
"""Packages whose lines tell a user nothing about their own mistake."""


@dataclass(frozen=True, slots=True)
class Done:
    """The saga reached an end."""

    status: Status


@dataclass(frozen=True, slots=True)
class ParkedUntil:
    """The saga waits: for a person, an event, or an instant (microseconds)."""

    status: Status
    wake_at: int | None


Result = Done | ParkedUntil


class Run:
    """Drives one saga."""

    def __init__(self, drive: Drive) -> None:
        self.drive = drive
        self._requests = Requests(drive)
        self._gates = Gates(drive)
        self._steps = Steps(drive, self._gates)
        self._undoing = Undoing(drive, self._gates)
        self._seen = (0, 0)
        self._fit = False
        drive.fold = self._requests.fold

    async def go(self, *, fresh: bool = False) -> Result:
        """Advance as far as possible.

        Args:
            fresh: The saga begins now: there is nothing to look up.

        Raises:
            JournalError: The journal cannot be written; somebody else may go on from it.
            Taken: A fresh saga's id is in use.
        """
        drive = self.drive
        alarm = None
        if drive.state.due is not None:
            alarm = asyncio.get_running_loop().create_task(self._requests.fold_at_deadline())
        self._fit = fresh
        try:
            result = None if fresh else await self._take_up()
            while result is None and not drive.stopping:
                result = await self._pass()
            if result is not None:
                return result
        except LogClosed:
            pass
        finally:
            if alarm is not None:
                alarm.cancel()
        if drive.log.error is not None:
            raise drive.log.error
        await drive.log.drained()
        return ParkedUntil(decide.status(drive.state), None)

    async def _take_up(self) -> Result | None:
        """See what has been asked for and what a lost worker left; the result if it has ended."""
        await self._requests.fold()
        while (ended := self.drive.state.ended) is not None:
            try:
                return await self._as_it_was(ended)
            except Withdrawn:
                self.drive.over = False
                await self._requests.fold()
        await self._admit_doubt()
        await self._ask_if_poisoned()
        self._show()
        return None

    async def _as_it_was(self, ended: Ended) -> Result:
        """Let go of a saga that has ended, because what was reported of it was known."""
        status = Status(ended.status)
        self.drive.over = True
        last = Project(status, ended.reason, None, release=True)
        await self.drive.log.commit(ops=[last], guarded=True)  # what is reported now is not lost
        return Done(status)

    def _show(self) -> None:
        """Let people see that the saga is on its way again; it travels with the next entries."""
        state = self.drive.state
        reason = state.unwind.reason if state.unwind else None
        self.drive.log.emit(ops=[Project(decide.status(state), reason, None, release=False)])

    async def _pass(self) -> Result | None:
        """Do what the saga's stage asks for; the result once nothing can be done now."""
        drive = self.drive
        await drive.told()
        drive.waits.clear()
        drive.rests.clear()
        drive.waiting.clear()
        drive.short_of = drive.behind = None
        await close_windows(drive)
        self._seen = (drive.state.head, drive.news)
        stage, news, surprises = decide.stage(drive.state), drive.news, drive.surprises
        drive.fenced = stage not in (Stage.BODY, Stage.ASK)
        try:
            again = await self._stage(stage)
        except (GateMoved, Withdrawn):
            again = True  # no end was written for what was asked, which may be folded by now
        if stage is Stage.BODY:
            news = drive.news  # what came before, the body has seen or is run again for
        if drive.log.error is not None:
            raise LogClosed
        if decide.stage(drive.state) is Stage.DONE:
            return self._done()
        await drive.log.drained()
        again = await self._requests.fold() or again or drive.stopping
        again = again or drive.surprises != surprises
        again = again or drive.news != news  # folded by somebody else in the meantime
        if again or decide.stage(drive.state) is not stage:
            return None
        return await self._park()

    async def _stage(self, stage: Stage) -> bool:
        """Work on a stage; whether to look again at once."""
        match stage:
            case Stage.UNWIND:
                await self._unwind()
            case Stage.ROLLBACK:
                await self._roll_back()
            case Stage.LEAVE:
                await self._leave()
            case Stage.AMEND:
                await self._amend()
            case Stage.BODY:
                return await self._body() or await self._amend_meanwhile()
            case Stage.ASK | Stage.DONE:
                pass
        return False

    def _done(self) -> Done:
        ended = self.drive.state.ended
        return Done(Status(ended.status) if ended else Status.STUCK)

    async def _park(self) -> Result | None:
        """Let go of the saga until something happens; None if something has."""
        drive = self.drive
        if await self._requests.raise_alarms():
            return None
        now, moved = drive.now(), (drive.state.head, drive.news) != self._seen
        due = [] if drive.state.due is None else [drive.state.due]
        waits = [*drive.waits, *due, *closings(drive.state)]
        wake_at = decide.look_again(waits, now, moved=moved)
        if wake_at is not None and wake_at <= now:
            return None
        status = decide.status(drive.state, parked=True)
        drive.over = True
        ops: list[Op] = [Project(status, self._reason(), wake_at, release=True)]
        if drive.locked:
            ops.insert(0, KeepPlaces(tuple(sorted(drive.waiting))))
        try:
            await drive.log.commit(ops=ops, guarded=True)
        except (Withdrawn, GateMoved):
            drive.over = False
            await self._requests.fold()
            return None
        return ParkedUntil(status, wake_at)

    def _reason(self) -> str | None:
        state = self.drive.state
        for question in state.questions.values():
            return first_line(f"{question.question}: {question.evidence}")
        gates, short_of = state.open_gates(), self.drive.short_of
        if short_of is not None and not any(gate.state == "pending" for gate in gates):
            return f"it waits for a permit of the limit {short_of}"
        for gate in gates:
            return f"{gate.path} waits for approval by {gate.by}"
        if self.drive.behind is not None and not state.unwinding:
            return f"it waits: {self.drive.behind}"
        return state.unwind.reason if state.unwind else None

    async def _admit_doubt(self) -> None:
        """An intent without an outcome, from before: nobody knows whether it took effect."""
        found: list[FoundInDoubt] = []
        for step in self.drive.state.steps.values():
            for direction, track in ((Direction.DO, step.forward), (Direction.UNDO, step.undo)):
                if track.phase is Phase.INTENDED:
                    found.append(
                        FoundInDoubt(
                            path=step.path,
                            direction=direction,
                            reason="the worker stopped before it knew the outcome",
                            ended=track.latest_end,
                            observed=False,
                        )
                    )
        if found:
            await self.drive.log.commit(*found)

    async def _ask_if_poisoned(self) -> None:
        """Ask a person about a saga that workers die of, instead of driving it once more."""
        drive = self.drive
        if drive.deaths < drive.environment.max_deaths or drive.state.ended is not None:
            return
        doubtful = [step.path for step in drive.state.steps.values() if step.is_in_doubt]
        where = f"with {', '.join(doubtful)} under way" if doubtful else "in its body"
        await drive.ask(
            InterventionKind.POISONED,
            f"{drive.deaths} workers died while they drove it",
            f"the last one {where}",
        )

    # --- stages -------------------------------------------------------------------------------

    async def _unwind(self) -> None:
        drive = self.drive
        if not await self._undoing.unwind():
            return
        status = decide.end_of_unwind(drive.state)
        reason = drive.state.unwind.reason if drive.state.unwind else None
        await self._end(Ended(status=status, reason=reason), status)

    async def _amend(self) -> None:
        """Undo what took effect after the end; then the saga ends as it had ended before."""
        former = self.drive.state.former
        if former is None or not await self._undoing.amend():
            return
        await self._complete(former.payload)

    async def _amend_meanwhile(self) -> bool:
        """Undo what took effect after the body had been told that it failed; nothing else waits.

        Returns:
            Whether anything came of it, or in the meantime, that the body has not seen.
        """
        drive, news = self.drive, self.drive.news
        if decide.stage(drive.state) is Stage.BODY and not drive.closing:
            await self._undoing.amend()
        return drive.news != news

    async def _complete(self, payload: bytes | None) -> None:
        """End a saga whose body has returned; what is left of late effects makes the difference."""
        left = decide.left_by_late_effects(self.drive.state)
        status, why = Status.COMPLETED, None
        if left:
            status, why = Status.RESIDUAL, f"{', '.join(left)} took effect too late"
        ended = Ended(
            status=status,
            reason=why,
            payload=payload,
            sensitive=list(self.drive.saga.sensitive_result) or None,
        )
        about = InterventionKind.WINDOW_CLOSING
        asked = [item.id for item in self.drive.state.questions.values() if item.what == about]
        entries, ops = self.drive.no_longer_asked(asked, "the saga has ended")
        await self._end(ended, status, entries, ops)

    async def _roll_back(self) -> None:
        savepoint = self.drive.state.rolling_back
        if savepoint is not None and await self._undoing.unwind(savepoint.path):
            await self.drive.log.commit(RolledBackTo(path=savepoint.path))

    async def _leave(self) -> None:
        """End the saga as it is; what is in doubt is left, on the record, and nothing stays open."""
        drive = self.drive
        answer = decide.kept(drive.state)
        if answer is None:
            return
        await drive.quiet()
        news = None
        while drive.news != news:  # what is on its way to the journal must not come after the end
            news = drive.news
            await drive.log.drained()
        entries, ops = drive.leaving(answer.by, answer.reason)
        reason = f"left as it is by {answer.by}: {answer.reason}"
        try:
            await self._end(
                Ended(status=Status.RESIDUAL, reason=reason), Status.RESIDUAL, entries, ops
            )
        except GateMoved:
            await self._gates.close(reason)
            raise

    async def _end(
        self,
        entry: Ended,
        status: Status,
        before: Sequence[Entry] = (),
        ops: Sequence[Op] = (),
    ) -> None:
        """Write the end, unless somebody asks for something first.

        Raises:
            Withdrawn: A request or a deadline is to be folded, and looked at.
            GateMoved: A request says what became of a gate.
        """
        drive = self.drive
        last: list[Op] = [Project(status, entry.reason, None, release=True)]
        if drive.locked:
            last.insert(0, ReleaseLocks(held=True))
        drive.over = True
        try:
            await drive.log.commit(*before, entry, ops=[*ops, *last], guarded=True)
        except (GateMoved, Withdrawn):
            drive.over = False
            raise

    async def _body(self) -> bool:
        drive = self.drive
        if not await self._is_fit():
            return False
        drive.diverged = drive.escaped = None
        body = Body(drive, self._steps, self._gates)
        try:
            task = begin(body)
        except Misfit as error:
            await self._diverged(misfit(error))
            return False
        try:
            is_over = await self._is_over(task)
        except asyncio.CancelledError:  # the worker closes, and waits no longer
            await body.let_go()
            raise
        if not is_over:
            await body.let_go()
        if drive.log.error is not None:
            return False
        if not task.done():
            return False  # it may end whenever it likes: its calls are refused
        left = asyncio.CancelledError() if task.cancelled() else task.exception()
        return await self._after_body(body, task, left)

    async def _is_fit(self) -> bool:
        """Whether all that was done could still be undone; looked at once, before going forward."""
        if not self._fit:
            found = next(unfit(self.drive.environment.handlers, self.drive.state), None)
            if found is not None:
                question = "what was done could not be undone by this code"
                await self._ask(InterventionKind.DIVERGED, question, found[1])
                return False
            self._fit = True
        return True

    async def _is_over(self, task: "asyncio.Task[Any]") -> bool:
        """Wait for a body's end; False once only its own affairs hold up a saga that closes."""
        over = asyncio.get_running_loop().create_task(self._end_of(task))
        try:
            await asyncio.wait({over, self.drive.halted()}, return_when=asyncio.FIRST_COMPLETED)
            return over.done()
        finally:
            over.cancel()

    async def _end_of(self, task: "asyncio.Task[Any]") -> None:
        await asyncio.wait({task})
        await self.drive.quiet(joins=True)

    async def _after_body(
        self, body: Body, task: "asyncio.Task[Any]", error: BaseException | None
    ) -> bool:
        drive = self.drive
        missing = body.left_unvisited(error)
        if drive.diverged is not None:
            await self._diverged(drive.diverged)
        elif drive.closing:
            return False
        elif drive.escaped is not None:
            await self._failed(drive.escaped)
        elif body.root.is_parked:
            return body.has_news
        elif missing is not None:
            await self._diverged(missing)
        elif error is not None:
            await self._left(error)
        else:
            await self._returned(body, task.result())
        return False

    async def _diverged(self, detail: str) -> None:
        await self._ask(InterventionKind.DIVERGED, "the body no longer does what it did", detail)

    async def _left(self, error: BaseException) -> None:
        """An exception left the body."""
        if is_defect(error):
            await self._ask(InterventionKind.DEFECT, "the body has a defect", located(error))
            return
        await self._failed(error)

    async def _failed(self, error: BaseException) -> None:
        drive = self.drive
        path, reason = _failed_path(error), why_failed(error)
        await close_windows(drive)
        if decide.may_unwind(drive.state, drive.saga.after_pivot):
            await drive.begin_unwind(reason, "failure")
            return
        reason = plainly(drive.state, reason)
        pivot = drive.state.pivot
        if path is not None and drive.state.is_rolled_back(path):
            path, reason = None, f"{reason} (in a block that was undone)"
        await drive.ask(
            InterventionKind.PAST_PIVOT,
            f"it failed after {pivot.path if pivot else 'the pivot'}, which cannot be undone: {reason}",
            decide.what_unwinding_leaves(drive.state),
            path=path,
            direction=Direction.DO if path else None,
        )

    async def _returned(self, body: Body, value: Any) -> None:
        drive = self.drive
        if body.uncalled:
            forgotten = ", ".join(sorted(item.call.path for item in body.uncalled))
            await self._ask(
                InterventionKind.DEFECT, "the body forgot an `await`", f"never awaited: {forgotten}"
            )
            return
        if not await self._settle_rest() or drive.closing:
            return
        try:
            payload = drive.saga.output.encode(value)
        except PayloadError as error:
            await self._ask(
                InterventionKind.UNUSABLE_RESULT, "the saga's result cannot be stored", str(error)
            )
            return
        if not await self._undoing.amend() or drive.closing:
            return
        await self._complete(payload)

    async def _settle_rest(self) -> bool:
        """Settle steps that the body stopped waiting for; False if one has to wait."""
        drive = self.drive
        if any(step.interrupted for step in drive.state.steps.values()):
            await drive.log.drained()  # what became of them may be on its way to the journal
        for step in list(drive.state.steps.values()):
            if step.forward.phase is not Phase.IN_DOUBT or step.is_undone:
                continue
            action = drive.environment.handlers.action(step.action, step.version)
            if action is None:
                await self._unknown(step)
                return False
            try:
                await self._steps.advance(Call(action, step.path, step.ordinal, step.arguments))
            except (Parked, GateMoved):
                return False
        return True

    async def _unknown(self, step: Step) -> None:
        """A step that the body left must be settled, and nobody here has its action."""
        handlers = self.drive.environment.handlers
        lack = missing_handler(handlers, step) or ""
        await self._ask(
            InterventionKind.DEFECT, f"{step.path} is in doubt and cannot be settled here", lack
        )

    async def _ask(self, kind: InterventionKind, question: str, evidence: str) -> None:
        await self.drive.ask(kind, question, evidence)


def why_failed(error: BaseException) -> str:
    """Why a saga is undone that was left by this exception, on one line."""
    path = _failed_path(error)
    what = describe(error) if isinstance(error, StepFailed) else _named(error)
    return first_line(what if path is None or path in what else f"{path}: {what}")


def located(error: BaseException) -> str:
    """An error's class and text, and where in the user's own code it was raised."""
    return f"{_named(error)}{_line(error)}"


def is_defect(error: BaseException) -> bool:
    """Whether the code is wrong; one such error among those of a group is enough."""
    parts: tuple[BaseException, ...] = getattr(error, "exceptions", ())
    if isinstance(error, BaseExceptionGroup):
        return any(is_defect(part) for part in parts)
    return isinstance(error, DEFECTS) and not isinstance(error.__cause__, StepFailed)


def _named(error: BaseException) -> str:
    """An error's class and text."""
    return f"{type(error).__name__}: {describe(error)}"


def _failed_path(error: BaseException) -> str | None:
    """The step whose failure this is, if it is one."""
    if isinstance(error, StepFailed):
        return error.path
    cause = error.__cause__
    return cause.path if isinstance(cause, StepFailed) else None


def _line(error: BaseException) -> str:
    """Where in the user's own code an error was raised."""
    where = ""
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        package = str(trace.tb_frame.f_globals.get("__name__", "")).partition(".")[0]
        if package not in OURS:
            file = code.co_filename.rpartition("/")[2]
            where = f" ({file}, line {trace.tb_lineno}, in {code.co_name})"
        trace = trace.tb_next
    return where
