"""Places in a body: paths, replay, and leaving it when it has to wait.

A *scope* is a part of a body in which calls are made one after the other: the body itself, a
branch of `parallel`, a block under `savepoint`. The k-th call of a scope has the same path in
every run, because the path is fixed when the call is made, by the task that owns the scope. When
a body runs again, the k-th call must be the k-th recorded one; anything else has *diverged* and is
put before a person before it can have an effect.

A body that has to wait is left: `Parked` is raised at its await, its scope marked first, so that
every later call there raises it again before it takes a path. What the body returns or raises
after that is ignored.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextvars import Context, Token
from typing import Any, NoReturn, cast

from sagas import divergence
from sagas.authoring import context
from sagas.authoring.action import Action
from sagas.authoring.context import Scope
from sagas.driving.calling import describe
from sagas.driving.drive import Drive
from sagas.driving.gates import Gates
from sagas.driving.leash import PATIENCE, Endless, Leash
from sagas.driving.steps import Call, Steps
from sagas.errors import NotInSaga, Parked, StepInterrupted
from sagas.state import Phase, Step

PARTING_SECONDS = 0.5
"""How long a body that is cancelled may take to end before it is let go of."""

TURNS = 50
"""Turns of the loop in which every call of a block that was undone is told what is recorded of it."""


class Body:
    """The scopes of one run of a body."""

    def __init__(self, drive: Drive, steps: Steps, gates: Gates) -> None:
        self.drive = drive
        self.steps = steps
        self.gates = gates
        self.root: Place
        self.left = False
        self.news_at_park: int | None = None
        self.refusals = 0
        self.strands: dict[asyncio.Task[Any], Leash] = {}
        self.open: set[str] = set()
        self.uncalled: set[StepCall] = set()
        self.unvisited = {path: set(calls) for path, calls in drive.state.calls.items() if calls}

    def park(self) -> None:
        """A part of the body has to wait."""
        if self.news_at_park is None:
            self.news_at_park = self.drive.news

    def leave(self) -> None:
        """Every part of the body is left, those that wait for nothing too."""
        self.left = True
        self.park()

    def run(
        self, work: Awaitable[Any], place: "Place", ambient: Context | None = None
    ) -> asyncio.Task[Any]:
        """Run the body, or a branch of it, in a task of its own that owns a place."""
        leash = Leash(work)

        async def run() -> Any:
            enter(place)
            place.task = asyncio.current_task()
            return await leash

        task = asyncio.get_running_loop().create_task(run(), context=ambient)
        task.add_done_callback(_look_away)
        self.strands[task] = leash
        return task

    async def let_go(self) -> None:
        """Leave all that still runs, whether it lets itself be left or not."""
        self.leave()
        await asyncio.sleep(0)  # a branch that was made just now has begun, or it would warn
        for _ in range(2):
            running = [task for task in self.strands if not task.done()]
            if not running:
                return
            for task in running:
                task.cancel()
            await asyncio.wait(running, timeout=PARTING_SECONDS)
            for leash in self.strands.values():
                leash.is_cut = True

    @property
    def has_news(self) -> bool:
        """Whether an outcome came after a part of the body was left to wait."""
        return self.news_at_park is not None and self.drive.news != self.news_at_park

    def diverge(self, detail: str) -> NoReturn:
        """The body no longer does what is recorded.

        Raises:
            Parked: Always.
        """
        self.drive.diverged = self.drive.diverged or detail
        self.leave()
        raise Parked

    def visit(self, scope: str, ordinal: int) -> None:
        """A call was made again, or for the first time."""
        waiting = self.unvisited.get(scope)
        if waiting is not None:
            waiting.discard(ordinal)
            if not waiting:
                del self.unvisited[scope]

    def left_unvisited(self, error: BaseException | None) -> str | None:
        """That the body ended without making a recorded call again; None if it made them all.

        Args:
            error: What left it.
        """
        how = None if error is None else f"{type(error).__name__}: {describe(error)}"
        for scope, missing in self.unvisited.items():
            return divergence.ended_early(self.drive.state, scope, min(missing), how)
        return None

    def first_unvisited(self, scope: str) -> int:
        """Of the calls of a scope that were not made again, the one recorded before the others."""
        calls, order = self.drive.state.calls[scope], self.drive.state.order
        return min(self.unvisited[scope], key=lambda ordinal: order[calls[ordinal]])


class Place:
    """Where a running body is: one scope, with what is recorded of it.

    Attributes:
        strand: The scope that this one's task began with: the body itself, or a branch.
        task: The task that may call here.
        parked: Something here waits, so that this scope has been left.
        closed: Nothing new is begun here, because a sibling branch failed.
    """

    def __init__(
        self, body: Body, path: str, parent: "Place | None", *, strand: "Place | None" = None
    ) -> None:
        self.body = body
        self.path = path
        self.parent = parent
        self.strand = strand or self
        self.task: asyncio.Task[Any] | None = None
        self.parked = False
        self.closed = False
        self._ordinal = 0
        self._names: Counter[str] = Counter()

    # --- calls --------------------------------------------------------------------------------

    def place(self, action: Action[..., Any], arguments: bytes) -> Call:
        """Give a call its path, and hold it against what is recorded there."""
        ordinal, path, is_recorded = self.next_path(
            action.short_name, lambda: _label(action, arguments)
        )
        if is_recorded:  # what is new is refused as it is performed: it may still be moved
            self._match(action, path, arguments)
        return Call(
            action,
            path,
            ordinal,
            arguments,
            lambda: self.is_closed,
            lambda: self.body.left,
            context.reason.get(),
        )

    async def perform(self, call: Call) -> Any:
        """Perform a step of this scope."""
        drive = self.body.drive
        self.refuse_if_parked()
        step = drive.state.steps.get(call.path)
        if step is None:
            if self.is_closed:
                self.park()
            self.begin_anew(call.path, lambda: _label(call.action, call.arguments))
        elif not step.is_settled:
            self._carry_on(call.path)
        if step is None or not (step.is_settled or step.interrupted):
            await self._refuse_what_is_over(call.path, step)
        drive.begin()
        try:
            return await self.body.steps.perform(call)
        except Parked:
            self.mark_parked()
            raise
        except asyncio.CancelledError:
            if self.is_parked or drive.closing:
                self.park()  # a task group cancels what is beside a step that waits
            await self.body.steps.interrupted(call)
            raise StepInterrupted(
                f"{call.path}: the body stopped waiting for it; it goes on and is accounted for"
            ) from None
        finally:
            drive.finish()

    async def _refuse_what_is_over(self, path: str, step: Step | None) -> None:
        """Call nothing where a sibling branch failed, or in a block that was undone.

        Raises:
            Parked: A sibling's failure is what the body hears of.
            StepInterrupted: The block was undone before this step was settled.
        """
        undone = self.body.drive.state.is_rolled_back(path)
        if self.is_closed and (step is None or undone or _is_untried(step)):
            self.park()
        if undone:
            for _ in range(TURNS):  # what left the block is told first, as it was before
                await asyncio.sleep(0)
            raise StepInterrupted(f"{path}: its block was undone before it was settled")

    def unvisit(self, ordinal: int) -> None:
        """A call was moved elsewhere: what is recorded in its place has not been visited."""
        if ordinal in self.body.drive.state.calls.get(self.path, {}):
            self.body.unvisited.setdefault(self.path, set()).add(ordinal)

    def next_path(self, name: str, label: Callable[[], str]) -> tuple[int, str, bool]:
        """The next call's ordinal and path, and whether it is recorded.

        Args:
            label: Words the call, if it turns out to be another one than the recorded.

        Raises:
            Parked: What is recorded there has another path.
        """
        self._ordinal += 1
        self._names[name] += 1
        path = self.child(f"{name}#{self._names[name]}")
        known = self.body.drive.state.calls.get(self.path, {}).get(self._ordinal)
        if known is not None and known != path:
            state = self.body.drive.state
            self.body.diverge(divergence.other_call(state, self.path, self._ordinal, label(), path))
        self.body.visit(self.path, self._ordinal)
        return self._ordinal, path, known is not None

    def child(self, name: str) -> str:
        """The path of something in this scope."""
        return _inside(self.path) + name

    def _match(self, action: Action[..., Any], path: str, arguments: bytes) -> None:
        state = self.body.drive.state
        step = state.steps.get(path)
        if step is None:
            label = _label(action, arguments)
            self.body.diverge(divergence.other_kind(state, path, "no step", label))
        if (step.action, step.version) != (action.name, action.version):
            self.body.diverge(divergence.other_action(state, path, _label(action, arguments)))
        if not action.inputs.same(step.arguments, arguments) and not (
            step.is_settled and action.inputs.reads_as(step.arguments, arguments)
        ):
            self.body.diverge(divergence.other_arguments(state, path, arguments, action.sensitive))

    def begin_anew(self, path: str, label: Callable[[], str]) -> None:
        """Refuse a new call while recorded ones before it have not been made again.

        Before it is what was called in this scope and in those around it, and in the branches and
        blocks of all these that are not open now.
        """
        body = self.body
        for missing in body.unvisited:
            if self._is_past(_inside(missing)):
                recorded = body.first_unvisited(missing)
                state = body.drive.state
                body.diverge(divergence.new_call(state, missing, recorded, label(), path))

    def _carry_on(self, path: str) -> None:
        """Refuse to go on with a step while calls that were recorded before it are missing.

        What was recorded after it may still come: its call was made, and not awaited at once.
        """
        body, state = self.body, self.body.drive.state
        for missing in body.unvisited:
            recorded = body.first_unvisited(missing)
            is_earlier = state.order[state.calls[missing][recorded]] < state.order[path]
            if is_earlier and self._is_past(_inside(missing)):
                body.diverge(divergence.out_of_turn(state, missing, recorded, path))

    def _is_past(self, missing: str) -> bool:
        scope: Place | None = self
        while scope is not None:
            around = _inside(scope.path)
            if missing.startswith(around) and not any(
                part.startswith(around) and missing.startswith(part) for part in self.body.open
            ):
                return True
            scope = scope.parent
        return False

    # --- who may call, and when ---------------------------------------------------------------

    def own(self, what: str) -> None:
        """Refuse calls from a task that does not own this scope.

        Raises:
            NotInSaga: The task is another one.
        """
        if asyncio.current_task() is not self.task:
            raise NotInSaga(
                f"{what} is called from a task that does not belong to the saga's body, so its place in "
                "the journal would depend on timing: pass the coroutine to `parallel(...)` instead of "
                "gather or create_task, or call the step in the body and await it elsewhere"
            )

    @property
    def is_closed(self) -> bool:
        """Whether nothing new is begun here: a sibling branch failed, or the saga closes."""
        scope: Place | None = self
        while scope is not None:
            if scope.closed:
                return True
            scope = scope.parent
        return self.body.drive.closing

    @property
    def is_parked(self) -> bool:
        """Whether this part of the body, or one around it, waits already."""
        scope: Place | None = self
        while scope is not None:
            if scope.parked:
                return True
            scope = scope.parent
        return self.body.left or self.body.drive.diverged is not None

    def refused(self) -> Endless | None:
        """None if a call may be made here; what to return instead to a body that does not stop.

        Raises:
            Parked: This part of the body had been left.
        """
        if not self.is_parked:
            return None
        self.body.refusals += 1
        if self.body.refusals <= PATIENCE:
            raise Parked
        return Endless()

    def refuse_if_parked(self) -> None:
        """Leave the body again, if it had been left.

        Raises:
            Parked: It had.
        """
        if self.is_parked:
            raise Parked

    def mark_parked(self) -> None:
        """This part of the body has to wait, with the blocks around it in the same task."""
        scope: Place | None = self
        while scope is not None and scope.strand is self.strand:
            scope.parked = True
            scope = scope.parent
        self.body.park()

    def park(self) -> NoReturn:
        """Leave the body.

        Raises:
            Parked: Always.
        """
        self.mark_parked()
        raise Parked


class StepCall(Coroutine[Any, Any, Any]):
    """A step, called and not yet awaited."""

    __slots__ = ("_inner", "call", "scope")

    def __init__(self, scope: "Place", call: Call) -> None:
        self.scope = scope
        self.call = call
        self._inner: Coroutine[Any, Any, Any] | None = None
        scope.body.uncalled.add(self)

    def move(self, scope: "Place") -> None:
        """Make it a branch of its own; possible until it is awaited."""
        self.scope.unvisit(self.call.ordinal)
        self.scope = scope
        because = self.call.because
        self.call = scope.place(self.call.action, self.call.arguments)
        self.call.because = because

    def _begin(self) -> Coroutine[Any, Any, Any]:
        if self._inner is None:
            self.scope.body.uncalled.discard(self)
            self._inner = self.scope.perform(self.call)
        return self._inner

    def __await__(self) -> Generator[Any, Any, Any]:
        """Perform the step."""
        return self._begin().__await__()

    def send(self, value: Any) -> Any:
        """Perform the step, as a task does."""
        return self._begin().send(value)

    def throw(self, *args: Any) -> Any:
        """Deliver an exception, as a task does."""
        return self._begin().throw(*args)

    def close(self) -> None:
        """Drop it."""
        if self._inner is not None:
            self._inner.close()


def enter(place: Place) -> Token[Scope | None]:
    """Make a place the one where calls of this task are recorded."""
    return context.scope.set(cast(Scope, place))


def _look_away(task: asyncio.Task[Any]) -> None:
    """Nothing is said on the error output of how it ended: a body that was left is not looked at."""
    if not task.cancelled():
        task.exception()


def _is_untried(step: Step) -> bool:
    """Whether nothing has become of a step yet: a gate may stand open in front of it."""
    return step.forward.phase is Phase.NONE and not step.forward.attempts and not step.interrupted


def _inside(scope: str) -> str:
    """What the paths of everything in a scope begin with."""
    return scope if scope.endswith(":") else f"{scope}/"


def _label(action: Action[..., Any], arguments: bytes) -> str:
    return divergence.call_label(action.name, action.version, arguments, action.sensitive)
