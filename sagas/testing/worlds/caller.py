"""Who is calling: the key and the direction of the step that a fake is called by.

Pure.
"""

from sagas.authoring import context
from sagas.model import Direction


def key_of(given: str | None) -> str:
    """The key that was sent, or else the step's; empty for a call that no step makes."""
    if given is not None:
        return given
    step = context.step.get()
    return step.idempotency_key if step is not None else ""


def direction_of(otherwise: Direction = Direction.DO) -> Direction:
    """Whether the step that calls does something or undoes it."""
    step = context.step.get()
    return step.direction if step is not None else otherwise
