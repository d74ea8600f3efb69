"""What an assertion may be about: a history, or anything that has one."""

from typing import Protocol, runtime_checkable

from sagas.testing.history import History


@runtime_checkable
class HasHistory(Protocol):
    """Something that ran a saga, such as a run of the simulation."""

    @property
    def history(self) -> History:
        """What its journal holds."""
        ...


def history_of(subject: History | HasHistory) -> History:
    """The history that an assertion is about.

    Raises:
        TypeError: There is none; the message says how to read one.
    """
    if isinstance(subject, History):
        return subject
    found: object = getattr(subject, "history", None)
    if isinstance(found, History):
        return found
    raise TypeError(
        f"{type(subject).__name__} has no history: "
        "pass `await read_history(coordinator.store, saga_id)`"
    )
