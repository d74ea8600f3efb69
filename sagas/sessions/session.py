"""Steering a session: one turn after the other, each durable before anything comes of it."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, ParamSpec, TypeVar, cast

from pydantic import JsonValue, ValidationError
from pydantic_core import from_json, to_json

from sagas.authoring import context
from sagas.authoring.action import Action
from sagas.authoring.naming import check_name
from sagas.authoring.session import (
    TURN,
    Abort,
    Commit,
    Perform,
    Release,
    RollBack,
    SessionSaga,
    SetSavepoint,
    Turn,
)
from sagas.decider import Decider
from sagas.driving.steps import failure
from sagas.errors import DefinitionError, PayloadError, SessionBusy, SessionOver, SessionStuck
from sagas.handles import Handle
from sagas.model import Outcome
from sagas.sessions.turns import Standing, Told, holds_up, open_blocks, turns_of
from sagas.state import Phase, SagaState

__all__ = ["Session"]

P = ParamSpec("P")
R = TypeVar("R")


class Session:
    """A saga whose steps are chosen one by one; from `coordinator.session`.

    Whatever was asked for is in the journal before it is done. A process that ends in the middle
    loses nothing: another one opens the session by its id, reads `turns()`, and goes on.

    One turn is taken at a time, and each is answered to what was known: whoever has not been told of
    a turn that is in the journal, by its outcome or by `turns()`, can ask for that turn alone, and is
    given its outcome. So a program that is run again from its start gets what is recorded and goes
    on; a model that chooses otherwise the second time is refused, and reads `turns()` first.

    Attributes:
        id: The saga's.
    """

    def __init__(self, decider: Decider, saga: SessionSaga, handle: Handle[JsonValue]) -> None:
        self._decider = decider
        self._saga = saga
        self._handle = handle
        self._known = 0
        self.id = handle.id

    def __repr__(self) -> str:
        return f"<session {self.id} of {self._saga.name}>"

    # --- calls --------------------------------------------------------------------------------

    async def call(self, action: Action[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call an action of the catalog, and wait for what comes of it, gates included.

        A step that fails undoes nothing: what was done before it stays until `roll_back` or `abort`.

        Returns:
            Its result, as the journal has it.

        Raises:
            StepFailed: It is known not to have happened; or one of the action's declared errors.
            PayloadError: An argument cannot be stored.
            DefinitionError: The action is not of the session's catalog.
            SessionBusy: Nothing has come yet of another turn.
            SessionStuck: A person has to act first.
            SessionOver: It has ended, or is being undone.
        """
        arguments = action.inputs.encode(action.shape.arguments(args, kwargs))
        step = await self._called(action, arguments)
        return cast(R, action.result.recall(step.result or b"null"))

    async def invoke(self, name: str, arguments: Mapping[str, JsonValue]) -> JsonValue:
        """Call an action by its name with JSON values, as models name their tools.

        Args:
            name: With or without the catalog's.
            arguments: By the names of its inputs.

        Returns:
            Its result, as JSON values.

        Raises:
            PayloadError: The arguments do not fit the action's types; the message names each.
            DefinitionError: There is no such action; the message names those there are.
            StepFailed: As for `call`, and so are the others.
        """
        action = self._action(name)
        given = action.inputs.decode(_plain(action, arguments))
        step = await self._called(action, action.inputs.encode(given))
        return cast(JsonValue, from_json(step.result or b"null"))

    async def _called(self, action: Action[..., Any], arguments: bytes) -> Any:
        if self._saga.catalog.find_action(action.name, action.version) is not action:
            raise DefinitionError(
                f"{action.name} version {action.version} is not in the catalog of {self._saga.name}: "
                f"a session calls actions of the catalog {self._saga.catalog.name!r}"
            )
        turn = Perform(
            action=action.name,
            version=action.version,
            arguments=from_json(arguments),
            because=context.reason.get(),
        )
        told, state = await self._take(turn)
        step = state.steps[told.path or ""]
        if step.forward.phase is Phase.FAILED:  # though it may have taken effect later
            raise failure(action, step)
        while step.result is None:  # nobody has one that could be given: the saga cannot go on
            self._check(state, told)
            await self._handle.soon()
            state = await self._at_rest()
            step = state.steps[step.path]
        return step

    def _action(self, name: str) -> Action[..., Any]:
        newest: dict[str, Action[..., Any]] = {}
        for action in self._saga.catalog.actions:
            known = newest.get(action.name)
            if not action.retired and (known is None or known.version < action.version):
                newest[action.name] = action
        full = name if "." in name else f"{self._saga.catalog.name}.{name}"
        if full not in newest:
            names = ", ".join(sorted(action.short_name for action in newest.values()))
            raise DefinitionError(
                f"there is no action {name!r} to call: there are {names or 'none'}"
            )
        return newest[full]

    # --- blocks -------------------------------------------------------------------------------

    @asynccontextmanager
    async def savepoint(self, name: str) -> AsyncGenerator[None]:
        """A block that is rolled back if an exception leaves it, and released if none does.

        Raises:
            DefinitionError: A block of that name is open.
        """
        await self.set_savepoint(name)
        try:
            yield
        except Exception as error:
            if name in await self._open():
                await self.roll_back(name, reason=f"{type(error).__name__}: {error}")
            raise
        if name in await self._open():
            await self.release(name)

    async def set_savepoint(self, name: str) -> None:
        """Begin a block that can be rolled back alone.

        Raises:
            DefinitionError: The name cannot be used, or a block of that name is open.
            SessionBusy: As for `call`, and so are the others.
        """
        check_name("savepoint", name)
        if name in await self._open():
            raise DefinitionError(f"a savepoint {name!r} is open: release it, or roll back to it")
        await self._take(SetSavepoint(name=name))

    async def release(self, name: str) -> None:
        """Close a block, and those inside it; what was done stays, and can be undone with the rest.

        Raises:
            DefinitionError: No block of that name is open.
            SessionBusy: As for `call`, and so are the others.
        """
        await self._check_open(name)
        await self._take(Release(name=name))

    async def roll_back(self, name: str, *, reason: str) -> Sequence[Told]:
        """Undo a block, with those inside it, and close it; the session goes on before it.

        Returns:
            The calls that were undone, in the order in which they were made, each with what remains
            of it.

        Raises:
            DefinitionError: No block of that name is open.
            SessionBusy: As for `call`, and so are the others.
        """
        await self._check_open(name)
        rolled_back, state = await self._take(RollBack(name=name, reason=reason or "rolled back"))
        return [
            each
            for each in turns_of(state)
            if each.standing is Standing.UNDONE
            and (each.path or "").startswith(f"{rolled_back.path}/")
        ]

    async def _check_open(self, name: str) -> None:
        blocks = await self._open()
        if name not in blocks:
            raise DefinitionError(
                f"no savepoint {name!r} is open: open are {', '.join(blocks) or 'none'}"
            )

    async def _open(self) -> dict[str, str]:
        """The blocks that are open after what is known."""
        return open_blocks((await self._told())[: self._known])

    # --- its end ------------------------------------------------------------------------------

    async def commit(self, result: JsonValue = None) -> Outcome[JsonValue]:
        """End the session; what was done stays.

        Raises:
            SessionBusy: As for `call`, and so are the others.
        """
        try:
            turn = Commit(result=result)
        except ValidationError as error:
            raise PayloadError("the result of a session is plain JSON values") from error
        await self._take(turn)
        return await self._handle.outcome()

    async def abort(self, reason: str) -> Outcome[JsonValue]:
        """Have everything undone that can be.

        Past an irreversible step it is too late for that: then a person is asked, as by a rollback.

        Returns:
            How it ended; or that it is stuck, because a person has to act.

        Raises:
            Refused: It has ended.
            SessionBusy: It is too late to cancel it, and nobody has told you of its last turn.
        """
        await self._decider.cancel(self.id, reason=reason)
        state = await self._at_rest()
        told = next((each for each in turns_of(state) if each.is_open), None)
        asked = any(holds_up(question, told) for question in state.questions.values())
        if state.ended is None and state.unwind is None and not asked:
            with suppress(SessionOver, SessionStuck):
                await self._take(Abort(reason=reason or "aborted"))
        return await self._handle.outcome()

    # --- what is so ---------------------------------------------------------------------------

    async def turns(self) -> Sequence[Told]:
        """Every turn so far, and what became of it: what a model is told before it chooses.

        From here on all that have an outcome are known.
        """
        told = await self._told()
        self._known = sum(not each.is_open for each in told)
        return told

    async def pending(self) -> Told | None:
        """The turn of which nothing has come yet, if there is one."""
        return next((each for each in await self._told() if each.is_open), None)

    async def settle(self) -> Told | None:
        """Wait for what comes of the pending turn; None if there is none.

        Raises:
            SessionStuck: A person has to act first.
            SessionOver: It has ended, or is being undone.
        """
        told = await self._told()
        number = next((each.number for each in told if each.is_open), len(told) + 1)
        if len(turns_of(await self._at_rest())) < number:  # nor was one on its way
            return None
        return (await self._come(number))[0]

    async def outcome(self, *, timeout: float | None = None) -> Outcome[JsonValue]:
        """Wait until it has ended, or is stuck and a person must act.

        Args:
            timeout: Give up after this many seconds; the session goes on.

        Raises:
            TimeoutError: It has not ended in time.
        """
        return await self._handle.outcome(timeout=timeout)

    async def _told(self) -> list[Told]:
        return turns_of(await self._decider.state(self.id))

    # --- taking a turn ------------------------------------------------------------------------

    async def _take(self, turn: Turn) -> tuple[Told, SagaState]:
        """Ask for the turn after those that are known, once, and wait for what comes of it."""
        number = self._known + 1
        state = await self._at_rest()
        if len(turns_of(state)) < number:
            self._check(state)
            payload = turn.model_dump(mode="json")
            sent = await self._decider.send(self.id, TURN, payload, key=f"session-turn-{number}")
            state = await self._at_rest()
            if not sent and len(turns_of(state)) < number:
                self._check(state)
                raise SessionBusy(
                    f"turn {number} of {self.id} cannot be sent: another event has come under its "
                    f"key, session-turn-{number}; abort the session"
                )
        while len(turns_of(state)) < number:  # it was sent, and is on its way
            self._check(state)
            await self._handle.soon()
            state = await self._at_rest()
        if turns_of(state)[number - 1].turn != turn:
            self._check(state)
            raise SessionBusy(
                f"turn {number} of {self.id} is another one, and nobody has told you of it: "
                "await session.settle(), read session.turns(), and choose again"
            )
        return await self._come(number)

    async def _come(self, number: int) -> tuple[Told, SagaState]:
        """Wait for what comes of a turn."""
        while True:
            state = await self._at_rest()
            told = turns_of(state)[number - 1]
            if not told.is_open:
                self._known = max(self._known, number)
                return told, state
            self._check(state, told)
            await self._handle.soon()

    async def _at_rest(self) -> SagaState:
        """What is so once the saga waits for something, or has ended."""
        await self._handle.settled()
        return await self._decider.state(self.id)

    def _check(self, state: SagaState, told: Told | None = None) -> None:
        """Refuse to go on with what nobody can steer any more.

        Args:
            told: The turn that is waited for.

        Raises:
            SessionOver: It has ended, or is being undone.
            SessionStuck: A person has to act first.
        """
        if state.ended is not None:
            why = f": {state.ended.reason}" if state.ended.reason else ""
            raise SessionOver(f"{self.id} is {state.ended.status}{why}")
        if state.unwind is not None:
            raise SessionOver(f"{self.id} is being undone: {state.unwind.reason}")
        for question in (each for each in state.questions.values() if holds_up(each, told)):
            raise SessionStuck(
                f"{self.id} waits for a person: {question.question}: {question.evidence}; "
                "`sagas inbox` has the answers"
            )


def _plain(action: Action[..., Any], arguments: Mapping[str, JsonValue]) -> bytes:
    """Arguments by their names, as JSON.

    Raises:
        PayloadError: They are no JSON, or one is not the action's.
    """
    foreign = sorted(str(name) for name in arguments if name not in action.shape.inputs)
    if foreign:
        raise PayloadError(
            f"{action.name} takes no {', '.join(foreign)}: "
            f"it takes {', '.join(action.shape.inputs) or 'nothing'}"
        )
    try:
        return to_json(dict(arguments))
    except ValueError as error:
        raise PayloadError(f"input of {action.name} is plain JSON values: {error}") from error
