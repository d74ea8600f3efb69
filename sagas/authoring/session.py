"""A session: a saga whose steps are chosen one by one, from outside of its body.

Its body is ours: it takes one *turn* after the other from the journal, as events, and does what it
says. So a session is replayed, parked, unwound and taken up by another process as any saga is.

Pure.
"""

from collections.abc import Callable
from contextlib import nullcontext
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, ValidationError
from pydantic_core import to_json

from sagas.authoring.action import Action
from sagas.authoring.body import because, event, savepoint
from sagas.authoring.context import current_scope
from sagas.authoring.saga import Saga
from sagas.errors import DefinitionError, StepFailed
from sagas.model import AfterPivot

__all__ = [
    "TURN",
    "Abort",
    "Commit",
    "Perform",
    "Release",
    "RollBack",
    "SessionSaga",
    "SetSavepoint",
    "Turn",
]

TURN = "session"
"""The event that a turn arrives as."""

Find = Callable[[str, int], Action[..., Any] | None]


class _Turn(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Perform(_Turn):
    """Call an action."""

    do: Literal["call"] = "call"
    action: str
    version: int
    arguments: dict[str, JsonValue]
    because: str | None = None


class SetSavepoint(_Turn):
    """Begin a block that can be rolled back alone."""

    do: Literal["savepoint"] = "savepoint"
    name: str


class Release(_Turn):
    """Close a block, and those inside it; what was done in it stays."""

    do: Literal["release"] = "release"
    name: str


class RollBack(_Turn):
    """Undo a block, with those inside it; it is closed then."""

    do: Literal["roll-back"] = "roll-back"
    name: str
    reason: str


class Commit(_Turn):
    """End the session; what was done stays."""

    do: Literal["commit"] = "commit"
    result: JsonValue = None


class Abort(_Turn):
    """Have everything undone, when it is too late to cancel the session."""

    do: Literal["abort"] = "abort"
    reason: str


Turn = Perform | SetSavepoint | Release | RollBack | Commit | Abort

_TURNS: TypeAdapter[Turn] = TypeAdapter(Annotated[Turn, Field(discriminator="do")])


class Aborted(Exception):
    """Leaves the body."""


class RolledBack(Exception):
    """Leaves the blocks that are to be undone.

    Args:
        depth: How many blocks are open around the outermost of them.
    """

    def __init__(self, turn: RollBack, depth: int) -> None:
        super().__init__(turn.reason)
        self.depth = depth


class SessionSaga(Saga[JsonValue, JsonValue]):
    """A registered session; hand it to `coordinator.session`.

    Its input is what it is about, in the words or the JSON of whoever opens it; its result is what
    the commit says.
    """

    def __init__(
        self,
        *,
        name: str,
        version: int,
        after_pivot: AfterPivot,
        deadline: timedelta | None,
        catalog: Any,
    ) -> None:
        find: Find = catalog.find_action

        async def body(task: JsonValue) -> JsonValue:
            end = await _take(find, ())
            return end.result if isinstance(end, Commit) else None

        body.__name__ = name.rpartition(".")[2]
        super().__init__(
            body,
            name=name,
            version=version,
            after_pivot=after_pivot,
            deadline=deadline,
            namespace={},
            catalog=catalog,
        )
        self._find = find

    def secret_places(self, event: str, payload: bytes) -> list[str] | None:
        """Where the arguments of a call are secret, if the event is one."""
        turn = read_turn(payload) if event == TURN else None
        if not isinstance(turn, Perform):
            return None
        action = self._find(turn.action, turn.version)
        if action is None:
            return ["/arguments"]  # nobody here knows
        return [f"/arguments{place}" for place in action.sensitive] or None


def read_turn(payload: bytes) -> Turn | None:
    """A turn as it was sent; None if it is none."""
    try:
        return _TURNS.validate_json(payload)
    except ValidationError:
        return None


async def _take(find: Find, around: tuple[str, ...]) -> Commit | Release:
    """Take turns until one closes this block.

    Args:
        around: The blocks that are open, from the outermost to this one.

    Raises:
        RolledBack: One undoes it.
        Aborted: One undoes everything.
    """
    while True:
        turn = read_turn(to_json(await event(TURN)))
        _leave(turn, around)
        match turn:
            case Perform():
                await _perform(find, turn)
            case SetSavepoint():
                end = await _within(find, turn.name, around)
                if isinstance(end, Commit) or (end is not None and end.name != turn.name):
                    return end
            case Release() if turn.name in around:
                return turn
            case Commit():
                return turn
            case _:
                pass  # whatever it is, no session has sent it


def _leave(turn: Turn | None, around: tuple[str, ...]) -> None:
    """Leave what a turn has undone.

    Raises:
        RolledBack: A block.
        Aborted: Everything.
    """
    if isinstance(turn, RollBack) and turn.name in around:
        raise RolledBack(turn, around.index(turn.name))
    if isinstance(turn, Abort):
        raise Aborted(turn.reason)


async def _within(find: Find, name: str, around: tuple[str, ...]) -> Commit | Release | None:
    """Take the turns of a block; None once it was undone."""
    try:
        async with savepoint(name):
            return await _take(find, (*around, name))
    except RolledBack as asked:
        if asked.depth != len(around):
            raise
        return None


async def _perform(find: Find, turn: Perform) -> None:
    """Call an action; whoever asked for it reads in the journal what became of it."""
    action = find(turn.action, turn.version)
    if action is None:
        raise DefinitionError(
            f"the session calls {turn.action} version {turn.version}, which its catalog does not have"
        )
    arguments = action.inputs.encode(action.inputs.decode(to_json(turn.arguments)))
    scope = current_scope("a session is a saga")
    with because(turn.because) if turn.because else nullcontext():
        step = scope.call(action, arguments)
        try:
            await step
        except Exception as error:
            if not isinstance(error, StepFailed) and not isinstance(error.__cause__, StepFailed):
                raise  # it says nothing about the step, but of the code around it
