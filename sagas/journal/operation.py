"""How an operation is written once for every database: it yields steps and is sent their rows.

An operation is a generator. It knows neither a connection nor a loop; a driver runs it inside one
transaction, sends each step's rows back in, and returns what the generator returns. What is raised
inside it rolls the transaction back.

Pure.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, NamedTuple, TypeVar

from sagas.chain import Row

T = TypeVar("T")

Record = Sequence[Any]
"""One row that a statement returned: what is in it, the statement says."""


class Query(NamedTuple):
    """A statement of `sagas.journal.statements`, with its values in order."""

    statement: str
    values: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True)
class Entries:
    """Entries to be appended by one set-based statement; each driver has its own.

    The driver raises `Violation` where a number is taken, or where an entry that they follow is not
    there as they know it.

    Attributes:
        priors: Saga, number and hash of the entries that they follow.
    """

    rows: list[Row]
    priors: list[tuple[str, int, str]]


@dataclass(frozen=True, slots=True)
class Hint:
    """Tell whoever waits for a change that there is one, once this transaction is committed."""


Step = Query | Entries | Hint
Operation = Generator[Step, list[Record], T]


class Mode(Enum):
    """What an operation needs around it."""

    LOOK = auto()
    """It is one statement, which only reads: that is a snapshot by itself."""
    READ = auto()
    """One snapshot for several statements; nothing is changed."""
    WRITE = auto()
    """One transaction, all or nothing."""


Making = Callable[[bool], Operation[T]]
"""Makes the operation anew for each attempt.

It is told whether an earlier attempt may have been committed without our learning of it.
"""


class Violation(Exception):
    """Raised at a step by the driver: a key is taken, or an entry does not follow the last one."""


class StartOver(Exception):
    """Raised by an operation: what it relied on has changed; roll back and begin again."""
