"""Windows of a saga: until when each effect can be undone, and which of them have closed.

What the fold says of a step changes only by entries. A window that has closed is therefore written
down by whoever drives the saga, before anything that depends on it; what is due is found here.

Pure.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from pydantic_core import from_json

from compensations import InterventionKind
from compensations.plan import Standing
from sagas.decide import Stage, stage, standing
from sagas.entries import WindowAlarmed, WindowClosed
from sagas.model import Direction, micros, span
from sagas.state import Phase, SagaState, Step

__all__ = [
    "Horizon",
    "KeyLife",
    "UndoLimit",
    "alarms",
    "closes_at",
    "closes_on",
    "closing",
    "closings",
    "horizon",
    "instant_in",
    "moot",
]


@dataclass(frozen=True, slots=True)
class UndoLimit:
    """Until when one effect can be undone.

    Attributes:
        until: The instant at which that ends (microseconds); None if it is not known.
        event: The event with which it ends, where it is waited for.
    """

    path: str
    until: int | None
    event: str | None


@dataclass(frozen=True, slots=True)
class KeyLife:
    """Until when the destination honours the key of a call of which nobody knows the outcome."""

    path: str
    direction: Direction
    until: int


@dataclass(frozen=True, slots=True)
class Horizon:
    """What can be undone until when, and which keys expire when; what ends first comes first."""

    undo: tuple[UndoLimit, ...]
    keys: tuple[KeyLife, ...]


def horizon(state: SagaState, key_ttl: Callable[[Step, Direction], timedelta | None]) -> Horizon:
    """How far ahead a saga can still be undone, and its doubt settled by asking again.

    What has an end in the past is in it too, for as long as nobody has written down that it closed.

    Args:
        key_ttl: How long the destination honours the key of a call, if it does.
    """
    if state.ended is not None:
        return Horizon((), ())
    undo = [
        UndoLimit(step.path, closes_at(step), closes_on(step))
        for step in state.steps.values()
        if _can_be_undone(state, step)
    ]
    keys = [
        KeyLife(step.path, direction, track.at + span(ttl))
        for step in state.steps.values()
        for direction in Direction
        if (track := step.track(direction)).phase in (Phase.INTENDED, Phase.IN_DOUBT)
        and (ttl := key_ttl(step, direction)) is not None
    ]
    return Horizon(
        tuple(sorted(undo, key=_end_of)),
        tuple(sorted(keys, key=lambda item: item.until)),
    )


def _end_of(limit: UndoLimit) -> tuple[bool, int, bool]:
    return limit.until is None, limit.until or 0, limit.event is None


def closes_at(step: Step) -> int | None:
    """When the undo of a step is no longer possible (microseconds), as far as that is known."""
    return step.ends_at


def closes_on(step: Step) -> str | None:
    """The event that will close the window of a step."""
    if step.window is None or step.closes_at is not None or not _is_limited(step):
        return None
    return step.window.event


def _can_be_undone(state: SagaState, step: Step) -> bool:
    stands = standing(state, step)
    return stands in (Standing.DONE, Standing.STUCK) and step.reversibility.is_undoable


def _is_limited(step: Step) -> bool:
    """Whether its window counts: an undo that was called in time is carried through."""
    open_ = step.window is not None and step.closed_at is None
    return open_ and step.may_have_happened and not step.undo.attempts and not step.is_undone


def closing(state: SagaState, now: int) -> list[WindowClosed]:
    """What says of each window that has closed by now that it has, in the order in which they did.

    An undo that was called before its window closed was called in time, and is carried through:
    such a window is not closed any more.
    """
    due = [(at, step.path) for at, step in _open(state) if at <= now]
    return [WindowClosed(path=path, closed_at=at) for at, path in sorted(due)]


def closings(state: SagaState) -> list[int]:
    """The instants at which something is to be done about open windows (microseconds)."""
    return [_alarm_at(state, step, at) or at for at, step in _open(state)]


def alarms(state: SagaState, now: int) -> list[WindowAlarmed]:
    """What says of each window that it is about to close, and what is wanted then; once for each.

    A saga that is undone, in whole or in part, needs no alarm, nor one that workers die of.
    """
    due = [
        (at, step)
        for at, step in _open(state)
        if (alarm := _alarm_at(state, step, at)) is not None and alarm <= now
    ]
    return [
        WindowAlarmed(path=step.path, closes_at=at, response=step.window.on_alarm)
        for at, step in sorted(due, key=lambda item: item[0])
        if step.window is not None
    ]


def moot(state: SagaState, closing: Collection[str] = ()) -> set[str]:
    """The questions about windows that are not about to close any more.

    Args:
        closing: The steps whose windows are just found closed.
    """
    return {
        question.id
        for question in state.questions.values()
        if question.what == InterventionKind.WINDOW_CLOSING
        and question.path is not None
        and (question.path in closing or closes_at(state.steps[question.path]) is None)
    }


def _alarm_at(state: SagaState, step: Step, at: int) -> int | None:
    """When the alarm of a window that closes at that instant is to be raised, if it still is."""
    if step.window is None or step.window.alarm is None or step.alarmed:
        return None
    asked = {question.what for question in state.questions.values()}
    if InterventionKind.POISONED in asked or stage(state) not in (Stage.BODY, Stage.ASK):
        return None
    return at - span(step.window.alarm)


def _open(state: SagaState) -> Iterator[tuple[int, Step]]:
    if state.ended is not None:
        return
    for step in (state.steps[path] for path in state.windowed):
        at = closes_at(step)
        if at is not None:
            yield at, step


def instant_in(payload: bytes | None, field: str) -> int | None:
    """The instant in a field of a stored result (microseconds); None if it holds no aware one.

    Args:
        payload: The result's bytes.
        field: Its name; dots lead into what it holds.
    """
    found: object = None if payload is None else from_json(payload)
    for name in field.split("."):
        found = cast(dict[str, object], found).get(name) if isinstance(found, dict) else None
    try:
        moment = datetime.fromisoformat(found) if isinstance(found, str) else None
    except ValueError:
        return None
    return micros(moment) if moment is not None and moment.tzinfo is not None else None
