"""A finding, what is known when it is looked for, and the form of a rule.

Pure.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any

from sagas.authoring.catalog import Catalog
from sagas.ports import Drill
from sagas.state import SagaState

MAX_AGE = timedelta(days=90)
"""For how long a drill counts, unless somebody says otherwise."""


class Level(StrEnum):
    """How much a finding matters."""

    WARNING = "warning"
    """It should be mended; `sagas lint` exits with 1."""
    NOTE = "note"
    """It is so by somebody's will, or may be; it should be known."""


@dataclass(frozen=True, slots=True)
class Place:
    """A line of source code."""

    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that should be otherwise, or be known.

    Attributes:
        code: The rule that found it, such as `D001`; it never changes its meaning.
        subject: The full name of the action or saga it is about.
        reason: What was seen.
        mend: What to do about it.
        place: Where; None if the source cannot be had, or it is about no line.
    """

    code: str
    subject: str
    version: int
    reason: str
    mend: str
    level: Level = Level.WARNING
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What is recorded about a catalog, and the present.

    Attributes:
        now: The present instant, in microseconds since 1970.
        drills: The last drill of each action, by its full name and version.
        max_age: For how long a drill counts.
        runs: Recorded sagas.
    """

    now: int
    drills: Mapping[tuple[str, int], Drill] = field(default_factory=dict[tuple[str, int], Drill])
    max_age: timedelta = MAX_AGE
    runs: tuple[SagaState, ...] = ()


Rule = Callable[[Catalog, Known], Iterable[Finding]]
"""What there is to find in a catalog, given what is recorded."""


def place_of(fn: Callable[..., Any]) -> Place | None:
    """Where a function is written."""
    code = getattr(fn, "__code__", None)
    return Place(code.co_filename, code.co_firstlineno) if code is not None else None
