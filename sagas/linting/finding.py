"""A finding, what is known when it is looked for, and the form of a rule.

Pure.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from sagas.authoring.catalog import Catalog
from sagas.ports import Drill

MAX_AGE = timedelta(days=90)
"""For how long a drill counts, unless somebody says otherwise."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that should be otherwise.

    Attributes:
        code: The rule that found it, such as `D001`; it never changes its meaning.
        subject: The full name of the action or saga it is about.
        reason: What was seen.
        mend: What to do about it.
    """

    code: str
    subject: str
    version: int
    reason: str
    mend: str


@dataclass(frozen=True, slots=True)
class Known:
    """What is recorded about a catalog, and the present.

    Attributes:
        now: The present instant, in microseconds since 1970.
        drills: The last drill of each action, by its full name and version.
        max_age: For how long a drill counts.
    """

    now: int
    drills: Mapping[tuple[str, int], Drill] = field(default_factory=dict[tuple[str, int], Drill])
    max_age: timedelta = MAX_AGE


Rule = Callable[[Catalog, Known], Iterable[Finding]]
"""What there is to find in a catalog, given what is recorded."""
