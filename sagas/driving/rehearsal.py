"""Running a body against its journal alone: would this code take the same way?

Nothing is called and nothing is written. A step whose outcome is recorded gives it, as in every
replay; where the journal ends, or something is open, the rehearsal ends too. What was done is held
against the compensations of today besides, because an unwind may begin at any moment.

The body runs in a thread and an event loop of its own, so that one that hangs or blocks can be
left behind.

Touches: a thread.
"""

import asyncio
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NoReturn

from sagas import decide, divergence
from sagas.authoring.saga import Saga
from sagas.decide import Stage
from sagas.driving.drive import Drive
from sagas.driving.environment import Handlers
from sagas.driving.gates import Gates
from sagas.driving.log import LogClosed, SagaLog, Submission
from sagas.driving.places import PARTING_SECONDS, Body
from sagas.driving.recalling import unfit
from sagas.driving.run import is_defect, located, why_failed
from sagas.driving.scopes import begin
from sagas.driving.steps import Call, Steps
from sagas.entries import Entry, Recorded, RollbackBegan, SavepointSet, TimerSet
from sagas.errors import Misfit, Parked, PayloadError
from sagas.model import Status
from sagas.ports import Op
from sagas.state import SagaState, Step

PATIENCE_SECONDS = 5.0
"""How long a body may take: it waits for nothing."""

IMPATIENCE_SECONDS = 0.5
"""How long the body of a saga may take if that of another one of its kind has hung."""


class Verdict(StrEnum):
    """What would become of a saga under this code."""

    SAME = "same"
    BLOCKED = "blocked"


class Reach(StrEnum):
    """How far a body came."""

    WAITS = "waits"
    """It waits for something that is recorded and still open."""
    GOES_ON = "goes-on"
    """It asks for something that is not recorded."""
    RETURNED = "returned"
    LEFT = "left"
    """An exception left it."""


@dataclass(frozen=True, slots=True)
class End:
    """Where a body came to an end, or the journal before it.

    Attributes:
        what: What it asks for that is new, each on one line; or why a saga that it left is undone.
        payload: What it returned, as it would be stored.
    """

    reach: Reach
    what: tuple[str, ...] = ()
    payload: bytes | None = None


class Trouble(StrEnum):
    """Why a saga would be blocked."""

    NO_SAGA = "no-saga"
    DIVERGED = "diverged"
    DEFECT = "defect"
    HANGS = "hangs"
    CANNOT_UNDO = "cannot-undo"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Finding:
    """One reason.

    Attributes:
        path: The step that it is about; None for the saga as a whole.
        diff: One line that says it and, where there is one, a diff below.
    """

    trouble: Trouble
    path: str | None
    diff: str


@dataclass(frozen=True, slots=True, order=True)
class Lack:
    """Code that a saga needs and that is not there.

    Attributes:
        kind: "saga" or "action".
    """

    kind: str
    name: str
    version: int


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What was found out about one saga.

    Attributes:
        status: Where the saga stood when it was read.
        findings: Why it would be blocked; none if it would not.
        lacks: What would have to be kept.
        end: How far its body came; None if it was not run, or did not come back.
    """

    saga_id: str
    saga: str
    version: int
    status: Status
    findings: tuple[Finding, ...] = ()
    lacks: tuple[Lack, ...] = ()
    end: End | None = None

    @property
    def verdict(self) -> Verdict:
        """Whether it would go on as it began."""
        return Verdict.BLOCKED if self.findings else Verdict.SAME

    @property
    def diff(self) -> str:
        """All that was found, each with its diff."""
        return "\n".join(finding.diff for finding in self.findings)


async def rehearse(
    state: SagaState, handlers: Handlers, *, now: int, patience: float = PATIENCE_SECONDS
) -> Rehearsal:
    """Find out what this code would make of a saga.

    Args:
        state: The fold of its entries; it is used up.
        now: The present, in microseconds.
        patience: How many seconds its body may take.
    """
    findings = [
        Finding(Trouble.CANNOT_UNDO, step.path, why)
        for step, why in (() if _is_over(state) else unfit(handlers, state))
    ]
    lacks = _lacking(handlers, (state.steps[item.path or ""] for item in findings))
    saga, end = handlers.saga(state.saga, state.version), None
    if saga is None:
        lacks.insert(0, Lack("saga", state.saga, state.version))
        versions = handlers.saga_versions(state.saga)
        missing = divergence.missing_code(state.saga, state.version, versions)
        why = f"no catalog here has the saga {state.saga} version {state.version}\n{missing}"
        findings.insert(0, Finding(Trouble.NO_SAGA, None, why))
    elif decide.stage(state) in (Stage.BODY, Stage.ASK, Stage.ROLLBACK):
        trouble, end = await _apart(state, saga, now, patience)
        findings += [] if trouble is None else [trouble]
    status = decide.status(state, parked=True)
    return Rehearsal(
        state.saga_id, state.saga, state.version, status, tuple(findings), tuple(lacks), end
    )


def _is_over(state: SagaState) -> bool:
    """Whether nothing will be undone any more."""
    return decide.stage(state) in (Stage.DONE, Stage.LEAVE)


def _lacking(handlers: Handlers, steps: Iterable[Step]) -> list[Lack]:
    """The actions of steps that nobody here has."""
    missing = {
        Lack("action", step.action, step.version)
        for step in steps
        if handlers.action(step.action, step.version) is None
    }
    return sorted(missing)


# --- the body ---------------------------------------------------------------------------------


_Came = tuple[Finding | None, End | None]
"""What is wrong with a body, and how far it came."""


async def _apart(state: SagaState, saga: Saga[Any, Any], now: int, patience: float) -> _Came:
    """Run the body in a thread of its own, and leave that behind if it does not come back."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[_Came] = loop.create_future()

    def deliver(came: _Came) -> None:
        if not answer.done():
            answer.set_result(came)

    def run() -> None:
        try:
            came = asyncio.run(_body(state, saga, now, patience))
        except BaseException as error:  # noqa: BLE001  whatever it raises is about this saga alone
            came = _defect(located(error)), None
        try:
            loop.call_soon_threadsafe(deliver, came)
        except RuntimeError:
            return  # nobody waits any more

    threading.Thread(target=run, name=f"sagas-rehearse-{saga.short_name}", daemon=True).start()
    try:
        async with asyncio.timeout(patience + 4 * PARTING_SECONDS):
            return await answer
    except TimeoutError:
        return _hanging(patience, "blocks its thread"), None


async def _body(state: SagaState, saga: Saga[Any, Any], now: int, patience: float) -> _Came:
    journal = _Ended(state)
    drive = _Still(journal, saga, now)
    gates = Gates(drive)
    body = journal.body = Body(drive, _Recorded(drive, gates, journal), gates)
    try:
        task = begin(body)
    except Misfit as error:
        return Finding(Trouble.DIVERGED, None, divergence.misfit(error)), None
    await asyncio.wait({task}, timeout=patience)
    if not task.done():
        await body.let_go()
        return _hanging(patience, "waits for something that is not recorded"), None
    if drive.diverged is not None:
        return Finding(Trouble.DIVERGED, None, drive.diverged), None
    if body.root.is_parked or drive.closing:
        reach = Reach.GOES_ON if journal.asked else Reach.WAITS
        return None, End(reach, tuple(journal.asked))
    return _end(body, task)


def _hanging(patience: float, how: str) -> Finding:
    return Finding(
        Trouble.HANGS, None, f"the body did not come back within {patience:g} s: it {how}"
    )


def _end(body: Body, task: "asyncio.Task[Any]") -> _Came:
    """What is wrong with the end of a body that came to one."""
    error = asyncio.CancelledError() if task.cancelled() else task.exception()
    missing = body.left_unvisited(error)
    if missing is not None:
        return Finding(Trouble.DIVERGED, None, missing), None
    if error is not None:
        left = End(Reach.LEFT, (why_failed(error),))
        return _defect(located(error)) if is_defect(error) else None, left
    if body.uncalled:
        forgotten = ", ".join(sorted(item.call.path for item in body.uncalled))
        return _defect(f"never awaited: {forgotten}"), None
    try:
        payload = body.drive.saga.output.encode(task.result())
    except PayloadError as unstorable:
        return _defect(f"its result cannot be stored: {unstorable}"), None
    return None, End(Reach.RETURNED, payload=payload)


def _defect(what: str) -> Finding:
    return Finding(Trouble.DEFECT, None, f"the body has a defect: {divergence.one_line(what)}")


# --- what it runs on --------------------------------------------------------------------------


class _Ended(SagaLog):
    """A journal that ends where it ends: whoever would write has come as far as it goes.

    Attributes:
        asked: What the body asked for that is not recorded, each on one line.
    """

    body: Body

    def __init__(self, state: SagaState) -> None:
        super().__init__(state, "", None, lambda _: None)
        self.asked: list[str] = []

    def emit(self, *entries: Entry, ops: Iterable[Op] = (), guarded: bool = False) -> Submission:
        """Refuse to write, and leave the body.

        Raises:
            LogClosed: Always.
        """
        self.asked += [label for label in map(_label, entries) if label is not None]
        self.body.leave()
        raise LogClosed


def _label(entry: Entry) -> str | None:
    """What a body asks for that would write this entry; None if it asked for it before."""
    match entry:
        case Recorded(path=path, what=what):
            return f"sagas.{what}()  at {path}"
        case TimerSet(path=path, what="sleep"):
            return f"sagas.sleep()  at {path}"
        case TimerSet(path=path, what=what):
            return f'sagas.event("{what}")  at {path}'
        case SavepointSet(path=path):
            return f"{divergence.savepoint_label(path)}  at {path}"
        case RollbackBegan(path=path, reason=reason):
            return f"{divergence.savepoint_label(path)} is rolled back: {reason}"
        case _:
            return None


class _Still(Drive):
    """A drive that does nothing."""

    def __init__(self, log: SagaLog, saga: Saga[Any, Any], now: int) -> None:
        nowhere: Any = None  # whatever would be asked of the surroundings is refused before
        super().__init__(nowhere, log, saga)
        self._now = now

    def now(self) -> int:
        """The present, in microseconds."""
        return self._now

    async def pause(self, until: int) -> NoReturn:
        """Wait for nothing.

        Raises:
            Parked: Always.
        """
        raise Parked

    async def ask(self, *args: Any, **more: Any) -> NoReturn:
        """Ask nobody.

        Raises:
            Parked: Always.
        """
        raise Parked


class _Recorded(Steps):
    """Gives what is recorded, and moves no step."""

    def __init__(self, drive: Drive, gates: Gates, journal: _Ended) -> None:
        super().__init__(drive, gates)
        self._journal = journal

    async def _move(self, call: Call, step: Step | None) -> NoReturn:
        if step is None:
            action = call.action
            label = divergence.call_label(
                action.name, action.version, call.arguments, action.sensitive
            )
            self._journal.asked.append(f"{label}  at {call.path}")
        raise Parked
