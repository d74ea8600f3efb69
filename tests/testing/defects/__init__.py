"""Planted defects, each with the rule that finds it: of sagas as users write them, and of our own.

A defect of ours is a function or two of the coordinator replaced while one exploration runs.
"""

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, cast

from tests.testing.sagas import Make, Sample

Plant = Callable[[], AbstractContextManager[None]]


@dataclass(frozen=True)
class Defect:
    """Something that is wrong.

    Attributes:
        what: What it is, in one sentence.
        rule: The rule that says so; or the error that refuses to explore such a saga.
        broken: Makes the saga.
        sound: Makes the saga as it should be; None if it is sound as long as nothing is planted.
        plant: Plants the defect while the context is open.
    """

    name: str
    what: str
    rule: str
    broken: Make
    plant: Plant
    sound: Make | None = None


@contextmanager
def nothing() -> Generator[None]:
    """The coordinator as it is."""
    yield


@contextmanager
def replaced(*changes: tuple[Any, str, Any]) -> Generator[None]:
    """Attributes, or items of a dict, with other values: `(owner, name, value)`."""
    before = [(owner, name, _get(owner, name)) for owner, name, _ in changes]
    for change in changes:
        _set(*change)
    try:
        yield
    finally:
        for change in before:
            _set(*change)


def _get(owner: Any, name: Any) -> Any:
    return cast(Any, owner)[name] if isinstance(owner, dict) else owner.__dict__[name]


def _set(owner: Any, name: Any, value: Any) -> None:
    if isinstance(owner, dict):
        owner[name] = value
    else:
        setattr(owner, name, value)


__all__ = ["Defect", "Make", "Plant", "Sample", "nothing", "replaced"]
