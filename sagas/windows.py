"""Windows of a saga: until when each effect can be undone, and which of them have closed.

What the fold says of a step changes only by entries. A window that has closed is therefore written
down by whoever drives the saga, before anything that depends on it; what is due is found here.

Pure.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import cast

from pydantic_core import from_json

from sagas.entries import WindowClosed
from sagas.model import micros
from sagas.state import SagaState, Step

__all__ = ["closing", "closings", "instant_in"]


def closing(state: SagaState, now: int) -> list[WindowClosed]:
    """What says of each window that has closed by now that it has, in the order in which they did.

    An undo that was called before its window closed was called in time, and is carried through:
    such a window is not closed any more.
    """
    due = [(at, step.path) for at, step in _open(state) if at <= now]
    return [WindowClosed(path=path, closed_at=at) for at, path in sorted(due)]


def closings(state: SagaState) -> list[int]:
    """The instants at which windows close that are open (microseconds)."""
    return [at for at, _ in _open(state)]


def _open(state: SagaState) -> Iterator[tuple[int, Step]]:
    if state.ended is not None:
        return
    for step in (state.steps[path] for path in state.windowed):
        limits = step.may_have_happened and not step.undo.attempts and not step.is_undone
        if limits and step.closes_at is not None:
            yield step.closes_at, step


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
