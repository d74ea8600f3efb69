"""What one drive of one saga holds: its log, its surroundings, and how far this pass has come.

The parts of the interpreter (`steps`, `gates`, `undoing`, `scopes`, `requests`) work on it; it
decides nothing itself.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import Any, NoReturn

from approvals import GateState
from approvals.gate import closed_as
from compensations import InterventionKind
from compensations.interventions import offered
from sagas import decide
from sagas.authoring.context import StepInfo
from sagas.authoring.saga import Saga
from sagas.clock import ticks
from sagas.driving.environment import Environment
from sagas.driving.log import LogClosed, SagaLog, Submission
from sagas.entries import (
    Entry,
    FoundInDoubt,
    GateDecided,
    InterventionClosed,
    InterventionOpened,
    UnwindBegan,
)
from sagas.errors import JournalError, LeaseLost, Parked
from sagas.frozen import sleep_regardless
from sagas.model import Direction, Status, idempotency_key, short_id
from sagas.ports import (
    CloseQuestion,
    MoveGate,
    Op,
    OpenQuestion,
    Project,
    ReleaseLocks,
    Survived,
)
from sagas.state import Phase, SagaState, Step

MOOT = "moot"
"""How a question is closed that needs no answer any more."""

REOPENED = -1
"""In the place of the branch that failed: the branches of this `parallel` go on after all."""

OVER = "the call that went on is over, and did not say that it took effect"

IN_DOUBT = frozenset({InterventionKind.IN_DOUBT, InterventionKind.COMPENSATION_IN_DOUBT})
"""Questions whether a call took effect."""

ABOUT_A_CALL = IN_DOUBT | frozenset(
    {
        InterventionKind.COMPENSATION_FAILED,
        InterventionKind.COMPENSATION_REFUSED,
        InterventionKind.GUARD,
        InterventionKind.MISSING_HANDLER,
        InterventionKind.LATE_EFFECT,
    }
)
"""Questions that the call itself answers when it takes effect."""

SHORT_WAIT = 1_000_000
"""Waits below this (microseconds) keep the coroutine; longer ones park."""

SHORTEST_NAP = 1_000
"""What waits for a clock that stands still looks at it no more often than this (microseconds)."""


class Drive:
    """One pass over one saga.

    Args:
        present: The instant at which it was taken up, where the clock is behind that.

    Attributes:
        control: Requests up to this count are folded.
        deaths: How many workers died while they drove the saga, since it last came further.
        fenced: The saga unwinds: nothing new is done.
        waits: Instants at which the parts that this pass reached want to be looked at again.
        rests: Those of them that go by the loop's clock too.
        readers: Gives up each call under way that only reads, and each wait to make a call.
        fold: Folds what people and other programs have asked for.
        over: Its end, or its release, is on its way to the journal: nothing may come after it.
        heard: The successes of calls, by their keys: each is told once, even before it is durable.
        paused: Counts short waits that are over.
        short_of: The limit that a part of it waits for.
        locked: Whether the saga may hold keys, or wait for some.
        waiting: The steps that wait for keys, of those that this pass reached.
        behind: Whom one of them waits for, in words.
        news: Counts outcomes, so that a pass that parked knows whether something came after.
        surprises: Counts the answers of calls that had been given up, for which nobody waits.
        shutting: The steps whose closed windows are on their way to the journal.
    """

    def __init__(
        self,
        environment: Environment,
        log: SagaLog,
        saga: Saga[Any, Any],
        *,
        control: int = 0,
        present: int = 0,
        deaths: int = 0,
        locked: bool = False,
    ) -> None:
        self.environment = environment
        self.log = log
        self.saga = saga
        self.control = control
        self.deaths = deaths
        self.fenced = False
        self.diverged: str | None = None
        self.escaped: BaseException | None = None
        self.over = False
        self.heard: dict[str, tuple[Entry, Submission]] = {}
        self.paused = 0
        self.short_of: str | None = None
        self.locked = locked
        self.waiting: set[str] = set()
        self.behind: str | None = None
        self.waits: list[int] = []
        self.rests: list[int] = []
        self.news = 0
        self.surprises = 0
        self.shutting: set[str] = set()
        self.readers: set[Callable[[], None]] = set()
        self.fold: Callable[[], Awaitable[bool]] = _nothing
        self._present = present
        self._asked: set[str] = set()
        self._unwinding = False
        self._kept = False
        self._stopping = False
        self._busy = 0
        self._joining = 0
        self._idle: asyncio.Future[None] | None = None
        self._halted: asyncio.Future[None] | None = None
        self._telling: Submission | None = None

    @property
    def state(self) -> SagaState:
        """What is durable."""
        return self.log.state

    @property
    def saga_id(self) -> str:
        """The saga's id."""
        return self.log.saga_id

    @property
    def closing(self) -> bool:
        """Whether nothing new is begun."""
        return self.fenced or self.stopping

    @property
    def stopping(self) -> bool:
        """Whether this process lets go of the saga."""
        return self._stopping

    @stopping.setter
    def stopping(self, value: bool) -> None:
        self._stopping = value
        self._tell()

    def now(self) -> int:
        """The present, in microseconds: what timers, gates and deadlines go by."""
        return self.environment.now()

    def present(self) -> int:
        """The present for what is measured from one call to the next.

        It never goes back, and what has been rested for is over, whatever the clock says.
        """
        self._present = max(self._present, self.environment.now())
        return self._present

    @property
    def hears(self) -> bool:
        """Whether what becomes of a call can be written here: the saga is driven, and goes on."""
        return self.log.error is None and not self.over and self.state.ended is None

    def fence(self) -> None:
        """Nothing new is done from here on; what only reads is given up at once."""
        self.fenced = True
        for give_up in list(self.readers):
            give_up()
        self._tell()

    @property
    def fences(self) -> tuple[bool, bool]:
        """Whether nothing new is done, and whether because the saga is being unwound."""
        return self.fenced, self._unwinding

    @fences.setter
    def fences(self, fences: tuple[bool, bool]) -> None:
        """As before an unwind that was not written after all; no body runs meanwhile."""
        self.fenced, self._unwinding = fences

    @property
    def holds(self) -> bool:
        """Whether the lease can be trusted to last."""
        return self.environment.holder.is_trusted

    def ready(self) -> int:
        """What the ticks say as the intent of a call with an effect is made.

        Lets go of the saga, and begins nothing, if the lease may be over.

        Raises:
            LogClosed: It may.
        """
        try:
            self.environment.holder.check()
        except LeaseLost as error:
            self.log.close(error)
            raise LogClosed from error
        return ticks()

    def survived(self) -> list[Op]:
        """What a call's end brings along: this worker has not died of it."""
        if not self.deaths:
            return []
        self.deaths = 0
        return [Survived()]

    # --- what comes without being waited for ----------------------------------------------------

    def tells(self, submission: Submission) -> None:
        """Something is on its way to the journal that no part of the saga waits for."""
        self._telling = submission

    def surprised(self, submission: Submission) -> None:
        """A call that had been given up has answered, and that is on its way to the journal."""
        self.tells(submission)
        self.surprises += 1
        self.news += 1

    @property
    def is_told(self) -> bool:
        """Whether the state holds all that came without being waited for."""
        return self._telling is None or self._telling.settled

    async def told(self) -> None:
        """Wait until it does; an end must not come after what it does not know of.

        Raises:
            LogClosed: Nothing more will be written.
        """
        while self._telling is not None and not self._telling.settled:
            await self.log.durable(self._telling)

    # --- quiescing ----------------------------------------------------------------------------

    def begin(self) -> None:
        """Something is under way."""
        self._busy += 1

    def finish(self) -> None:
        """It is over."""
        self._busy -= 1
        self._tell()

    def join(self) -> None:
        """Branches of a body are waited for, whatever they themselves wait for."""
        self._joining += 1

    def joined(self) -> None:
        """They are over."""
        self._joining -= 1
        self._tell()

    async def quiet(self, *, joins: bool = False) -> None:
        """Wait until nothing is under way.

        Args:
            joins: Wait for the branches of the body too.
        """
        while self._busy or (joins and self._joining):
            self._idle = asyncio.get_running_loop().create_future()
            await self._idle

    def halted(self) -> asyncio.Future[None]:
        """Done as soon as nothing new is begun and nothing is under way."""
        self._halted = asyncio.get_running_loop().create_future()
        self._tell()
        return self._halted

    def _tell(self) -> None:
        _set(self._idle)
        if self.closing and not self._busy:
            _set(self._halted)

    # --- waiting ------------------------------------------------------------------------------

    async def pause(self, until: int) -> None:
        """Wait for what goes by the clock alone, in place if that is short; it may not have come.

        Raises:
            Parked: It is long; the pass will be made again at that instant.
        """
        remaining = until - self.now()
        if remaining > SHORT_WAIT:
            self.waits.append(until)
            raise Parked
        await self._nap(max(remaining, SHORTEST_NAP), until)
        self.paused += 1

    async def rest(self, until: int) -> None:
        """Wait in the middle of a call, in place if it is short.

        It is over when its instant has come, or after as long by the loop's clock: a clock that is
        set back makes nobody wait longer than was meant.

        Raises:
            Parked: It is long; the pass will be made again.
        """
        remaining = until - self.present()
        if remaining > SHORT_WAIT:
            self.look_by(until)
            raise Parked
        if remaining > 0:
            await self._nap(remaining, until)
            self._present = max(self._present, until)
        self.paused += 1

    def look_by(self, until: int) -> None:
        """Look again at that instant, or after as long by the loop's clock."""
        self.waits.append(until)
        self.rests.append(until)

    async def _nap(self, micros: int, until: int) -> None:
        try:
            await sleep_regardless(micros / 1_000_000)
        except asyncio.CancelledError:
            self.waits.append(until)
            raise

    async def folded(self) -> None:
        """Wait until the requests of people and other programs are folded.

        Raises:
            Parked: One of them closes the saga, or the journal cannot be read: a body leaves then
                as it does when it has to wait, because that is no failure of a step.
        """
        try:
            await self.fold()
        except JournalError as error:
            self.log.close(error)
            raise LogClosed from error
        if self.closing:
            raise Parked

    # --- keys and ids -------------------------------------------------------------------------

    def key(self, path: str, direction: Direction, *, again: int = 0) -> str:
        """The key for a call that begins now.

        Args:
            again: How many calls of its kind there were that do not count any more.
        """
        journal_id = self.environment.journal.journal_id
        place = f"{path} again {again}" if again else path
        return idempotency_key(journal_id, self.saga_id, place, direction, self.state.generation)

    def info(self, step: Step, direction: Direction, key: str, attempt: int) -> StepInfo:
        """What the called function may know."""
        undone = step.forward.key if direction is Direction.UNDO else None
        return StepInfo(self.saga_id, step.path, attempt, direction, key, undone, step.tokens)

    def id(self, prefix: str, *parts: str) -> str:
        """A short id for people, unique in this journal."""
        return short_id(prefix, self.environment.journal.journal_id, self.saga_id, *parts)

    # --- people and ends ----------------------------------------------------------------------

    async def ask(
        self,
        kind: InterventionKind,
        question: str,
        evidence: str,
        *,
        path: str | None = None,
        direction: Direction | None = None,
        wants_result: bool = False,
    ) -> None:
        """Open an intervention, unless the same is open already."""
        if any(asked.what == kind for asked in self.state.questions_about(path)):
            return
        entry, op = self.question(
            kind, question, evidence, path=path, direction=direction, wants_result=wants_result
        )
        if entry.intervention in self._asked:
            await self.log.drained()  # two parts of the saga ask the same at one instant
            return
        self._asked.add(entry.intervention)
        await self.log.commit(entry, ops=[op])

    def question(
        self,
        kind: InterventionKind,
        question: str,
        evidence: str,
        *,
        path: str | None = None,
        direction: Direction | None = None,
        wants_result: bool = False,
    ) -> tuple[InterventionOpened, OpenQuestion]:
        """What opens an intervention."""
        back = self.state.unwinding or self.state.former is not None
        choices = offered(kind, unwinding=back)
        identity = self.id("i", path or "", kind, str(self.state.head))
        entry = InterventionOpened(
            intervention=identity,
            what=kind,
            question=question,
            evidence=evidence,
            choices=[choice.value for choice in choices],
            path=path,
            direction=direction,
        )
        return entry, OpenQuestion(
            identity, path, kind, question, evidence, choices, wants_result, self.now()
        )

    async def ask_and_park(
        self,
        kind: InterventionKind,
        question: str,
        evidence: str,
        *,
        path: str | None = None,
        direction: Direction | None = None,
        wants_result: bool = False,
    ) -> NoReturn:
        """Open an intervention, and leave the body.

        Raises:
            Parked: Always.
        """
        await self.ask(
            kind,
            question,
            evidence,
            path=path,
            direction=direction,
            wants_result=wants_result,
        )
        raise Parked

    async def begin_unwind(self, reason: str, cause: str) -> None:
        """Fence: from here on nothing new is done."""
        entries, ops = self.unwinding(reason, cause)
        if entries:
            await self.log.commit(*entries, ops=ops)

    @property
    def is_unwinding(self) -> bool:
        """Whether the unwind began, or its beginning is on its way to the journal."""
        return self._unwinding or self.state.unwinding

    @property
    def is_kept(self) -> bool:
        """Whether it is left as it is, or the answer that says so is on its way to the journal."""
        return self._kept or (not self.is_unwinding and decide.kept(self.state) is not None)

    def keep(self) -> None:
        """Fence: nothing new is done, and nothing undone, from here on."""
        self._kept = True
        self.fence()

    def unwinding(
        self, reason: str, cause: str, *, answered: Collection[str] = ()
    ) -> tuple[list[Entry], list[Op]]:
        """What begins the unwind; nothing if it has begun.

        Args:
            answered: Questions that are being closed already.
        """
        self.fence()
        if self.is_unwinding or self.is_kept:
            return [], []
        self._unwinding = True
        entries, ops = self._without_questions("the saga is being unwound", answered)
        entries.append(
            UnwindBegan(reason=reason, cause=cause, generation=self.state.generation + 1)
        )
        if self.locked:
            ops = [*ops, ReleaseLocks(held=False)]
        return entries, [*ops, Project(Status.UNWINDING, reason, None, release=False)]

    def leaving(self, by: str, reason: str) -> tuple[list[Entry], list[Op]]:
        """What must be closed before a saga ends as it is: doubt, questions, gates."""
        entries: list[Entry] = []
        ops: list[Op] = []
        settled: set[str] = set()
        for step, direction in self._doubtful():
            asked = self.state.question_about(step.path, direction)
            parts = (step.path, "left", direction, str(step.ordinal))
            identity = asked.id if asked else self.id("i", *parts)
            if asked is None:
                entries.append(_opened(identity, step, direction))
            settled.add(identity)
            entries.append(
                InterventionClosed(intervention=identity, choice="waive", by=by, reason=reason)
            )
            ops.append(CloseQuestion(identity, self.now()))
        more, closing = self._without_questions("the saga was left as it is", settled)
        for gate in self.state.open_gates():
            old = GateState(gate.state)
            new = closed_as(old)
            more.append(GateDecided(gate=gate.id, path=gate.path, state=new, reason=reason))
            closing.append(MoveGate(gate.id, old, new, self.now()))
        return [*entries, *more], [*ops, *closing]

    def _doubtful(self) -> list[tuple[Step, Direction]]:
        """Calls of which nobody knows whether they took effect."""
        return [
            (step, direction)
            for step in self.state.steps.values()
            for direction, track in ((Direction.DO, step.forward), (Direction.UNDO, step.undo))
            if track.phase in (Phase.INTENDED, Phase.IN_DOUBT)
        ]

    def without_question(
        self, path: str, direction: Direction, reason: str, *, answered: Collection[str] = ()
    ) -> tuple[list[InterventionClosed], list[Op]]:
        """Close the question about a call that took effect late; nothing if none is open.

        Args:
            answered: Questions that are being closed already.
        """
        asked = self.state.question_about(path, direction)
        if asked is not None and asked.id in answered:
            return [], []
        return self._closed(path, direction, reason, ABOUT_A_CALL)

    def over_at_last(
        self, path: str, direction: Direction, at: int
    ) -> tuple[list[Entry], list[Op]]:
        """What says that a call is over which had been given up.

        Whether it took effect, nobody knows; but now a probe or the key may tell, and a person may
        have it called again.
        """
        over = FoundInDoubt(
            path=path, direction=direction, reason=OVER, ended=at, observed=False, over=True
        )
        closed, ops = self._closed(path, direction, OVER, IN_DOUBT)
        return [*closed, over], ops

    def _closed(
        self, path: str, direction: Direction, reason: str, kinds: Collection[str]
    ) -> tuple[list[InterventionClosed], list[Op]]:
        asked = self.state.question_about(path, direction)
        if asked is None or asked.what not in kinds:
            return [], []
        moot = InterventionClosed(intervention=asked.id, choice=MOOT, by="", reason=reason)
        return [moot], [CloseQuestion(asked.id, self.now())]

    def _without_questions(
        self, reason: str, answered: Collection[str]
    ) -> tuple[list[Entry], list[Op]]:
        """Close what nobody need answer any more: where it still matters, it is asked anew."""
        moot = [identity for identity in self.state.questions if identity not in answered]
        return self.no_longer_asked(moot, reason)

    def no_longer_asked(
        self, questions: Iterable[str], reason: str
    ) -> tuple[list[Entry], list[Op]]:
        """What closes questions that nobody need answer any more."""
        moot = list(questions)
        entries: list[Entry] = [
            InterventionClosed(intervention=item, choice=MOOT, by="", reason=reason)
            for item in moot
        ]
        return entries, [CloseQuestion(item, self.now()) for item in moot]


def _opened(identity: str, step: Step, direction: Direction) -> InterventionOpened:
    does = direction is Direction.DO
    what = step.action if does else f"the undo of {step.path}"
    return InterventionOpened(
        intervention=identity,
        what=InterventionKind.IN_DOUBT if does else InterventionKind.COMPENSATION_IN_DOUBT,
        question=f"did {what} take effect?",
        evidence=(step.forward if does else step.undo).message or "",
        choices=["waive"],
        path=step.path,
        direction=direction,
    )


def _set(future: asyncio.Future[None] | None) -> None:
    if future is not None and not future.done():
        future.set_result(None)


async def _nothing() -> bool:
    return False


def first_line(text: str | None) -> str:
    """The first line of a text, for one-line reasons."""
    return (text or "").strip().split("\n", 1)[0]
