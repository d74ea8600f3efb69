"""What became of each turn of a session, told from its journal.

Pure.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from pydantic import JsonValue
from pydantic_core import from_json

from compensations import InterventionKind, Residue
from sagas.authoring.session import (
    TURN,
    Abort,
    Commit,
    Perform,
    Release,
    RollBack,
    SetSavepoint,
    Turn,
    read_turn,
)
from sagas.decide import ABOUT_THE_SAGA
from sagas.state import Event, Phase, Question, SagaState, Step, scope_of

__all__ = ["Standing", "Told", "holds_up", "open_blocks", "turns_of"]


WHOLE = ABOUT_THE_SAGA | {InterventionKind.POISONED}
"""Questions that hold up the whole session, whatever is asked of it."""


class Standing(StrEnum):
    """Where a turn stands."""

    WAITING = "waiting"
    """Nothing has come of it yet: a gate, a person, a call or the journal is waited for."""
    DONE = "done"
    FAILED = "failed"
    """A call that was known not to have happened; `error` says if it took effect all the same."""
    UNDONE = "undone"
    """A call that was done, and undone again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A turn, and what became of it.

    Attributes:
        number: Its place in the session, from 1.
        path: The step's or the savepoint's; None for other turns, and before it was begun.
        result: What a call gave, as JSON values.
        error: Why it failed: the class of the error, and its text.
        residue: What remains although it was undone.
    """

    number: int
    turn: Turn
    standing: Standing
    path: str | None = None
    result: JsonValue = None
    error: str | None = None
    residue: Residue | None = None

    @property
    def is_open(self) -> bool:
        """Whether something is still waited for."""
        return self.standing is Standing.WAITING


def turns_of(state: SagaState) -> list[Told]:
    """What became of each turn, in their order."""
    told: list[Told] = []
    waits = {timer.event: timer.path for timer in state.timers.values()}
    calls = {
        scope: {path: at for at, path in found.items()} for scope, found in state.calls.items()
    }
    for number, (event, turn) in enumerate(_sent(state), start=1):
        path = _made_of(state, waits.get(event.seq), calls)
        match turn:
            case Perform():
                told.append(_call(state, number, turn, path))
            case SetSavepoint():
                is_set = path is not None and path in state.savepoints
                told.append(_plain(number, turn, path, is_done=is_set))
            case RollBack() | Release():
                told.append(_closing(state, number, turn, told, is_taken=event.taken))
            case Commit() | Abort():
                told.append(_plain(number, turn, None, is_done=state.ended is not None))
    return told


def open_blocks(told: Iterable[Told]) -> dict[str, str]:
    """The blocks that are open after these turns, the outermost first: their names and paths."""
    blocks: dict[str, str] = {}
    for each in told:
        if each.is_open:
            continue
        match each.turn:
            case SetSavepoint(name=name):
                blocks[name] = each.path or ""
            case RollBack(name=name) | Release(name=name) if name in blocks:
                names = list(blocks)
                for closed in names[names.index(name) :]:
                    del blocks[closed]
            case Commit() | Abort():
                blocks.clear()
            case _:
                pass
    return blocks


def holds_up(question: Question, told: Told | None) -> bool:
    """Whether a person has to answer before a session goes on.

    Args:
        told: The turn that is waited for; None if one is to be sent.
    """
    if question.what in WHOLE:
        return True
    if told is None or question.what == InterventionKind.WINDOW_CLOSING:
        return False
    if isinstance(told.turn, Commit):
        return True
    about, path = question.path or "", told.path or ""
    return about == path or about.startswith(f"{path}/")


def _sent(state: SagaState) -> Iterator[tuple[Event, Turn]]:
    """The turns that came, in their order; what is none was never sent by a session."""
    for event in state.events.values():
        turn = read_turn(event.payload) if event.name == TURN else None
        if turn is not None:
            yield event, turn


def _made_of(state: SagaState, wait: str | None, calls: Mapping[str, dict[str, int]]) -> str | None:
    """The path of what a turn led to: the call after the wait that took it.

    Args:
        calls: The places of the recorded calls, by their scopes.
    """
    if wait is None:
        return None
    scope = scope_of(wait)
    return state.calls[scope].get(calls[scope][wait] + 1)


def _call(state: SagaState, number: int, turn: Perform, path: str | None) -> Told:
    step = state.steps.get(path) if path else None
    if step is None:
        return Told(number=number, turn=turn, standing=Standing.WAITING)
    standing = _standing(step)
    done = standing in (Standing.DONE, Standing.UNDONE)
    return Told(
        number=number,
        turn=turn,
        standing=standing,
        path=path,
        result=from_json(step.result) if done and step.result is not None else None,
        error=_error(step) if step.forward.phase is Phase.FAILED else None,
        residue=step.residue,
    )


def _standing(step: Step) -> Standing:
    if step.undo.phase is Phase.SUCCEEDED:
        return Standing.UNDONE
    match step.forward.phase:
        case Phase.SUCCEEDED:
            return Standing.DONE
        case Phase.FAILED:
            return Standing.FAILED
        case _:
            return Standing.WAITING


def _error(step: Step) -> str:
    kind, message = step.forward.error or "Failed", step.forward.message
    text = f"{kind}: {message}" if message else kind
    return f"{text}; but it took effect later" if step.late else text


def _closing(
    state: SagaState,
    number: int,
    turn: RollBack | Release,
    earlier: Iterable[Told],
    *,
    is_taken: bool,
) -> Told:
    """A turn that closes a block, with those inside it."""
    path = open_blocks(earlier).get(turn.name)
    is_done = is_taken
    if path is not None and isinstance(turn, RollBack):
        is_done = state.savepoints[path].done
    return _plain(number, turn, path, is_done=is_done)


def _plain(number: int, turn: Turn, path: str | None, *, is_done: bool) -> Told:
    return Told(
        number=number,
        turn=turn,
        standing=Standing.DONE if is_done else Standing.WAITING,
        path=path,
    )
