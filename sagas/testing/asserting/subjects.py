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
        AssertionError: It is of a saga that there is not.
        TypeError: There is none; the message says how to read one.
    """
    __tracebackhide__ = True
    found: object = getattr(subject, "history", subject)
    if not isinstance(found, History):
        raise TypeError(
            f"{type(subject).__name__} has no history: "
            "pass `await read_history(coordinator.store, saga_id)`"
        )
    if not found.entries:
        raise AssertionError(
            f"there is no saga {found.saga_id!r} in this journal: nothing was recorded under that "
            "id. Look at the id, at the database that was read, and whether the saga was started"
        )
    return found
