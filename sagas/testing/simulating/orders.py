"""What an exploration and the interpreter in which its processes are born say to each other.

They say it in pickles, over two pipes that nobody else has.

Touches: pipes.
"""

import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, BinaryIO

from sagas.testing.errors import Unexplorable
from sagas.testing.simulating.carried import Carried
from sagas.testing.simulating.faults import Fault


@dataclass(frozen=True, slots=True)
class Place:
    """Where another interpreter finds an object."""

    module: str
    name: str

    def find(self) -> Any:
        """The object."""
        return getattr(import_module(self.module), self.name)


@dataclass(frozen=True, slots=True)
class Setting:
    """What is the same for all processes of an exploration.

    Attributes:
        saga_name: The saga's full name.
        luggage: The input and the people, pickled: whoever reads it imports first.
        patience: How long a process may live (seconds).
    """

    saga: Place
    saga_name: str
    catalogs: Sequence[Place]
    luggage: bytes
    url: str
    patience: float


@dataclass(frozen=True, slots=True)
class Order:
    """One process, please."""

    saga_id: str
    faults: Sequence[Fault]
    carried: Carried


@dataclass(frozen=True, slots=True)
class Ready:
    """Processes can be born."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A process asks for the world's ledger."""


@dataclass(frozen=True, slots=True)
class Lived:
    """What a process leaves.

    Attributes:
        over: Whether it came to its rest; it is killed now if not.
    """

    over: bool
    carried: Carried


@dataclass(frozen=True, slots=True)
class Raised:
    """It could not live, or not be born."""

    error: BaseException


@dataclass(frozen=True, slots=True)
class Ended:
    """A process has ended, and is gone.

    Attributes:
        signal: What killed it; 0 if nothing did.
        said: What it wrote to standard output and standard error.
    """

    signal: int
    said: str


class Line:
    """One end of the two pipes."""

    def __init__(self, source: BinaryIO, sink: BinaryIO) -> None:
        self._source = source
        self._sink = sink

    def say(self, message: object) -> None:
        """Say something.

        Raises:
            Unexplorable: It cannot be said in a pickle.
        """
        try:
            text = pickle.dumps(message)
        except Exception as error:  # whatever a type of the user's raises
            raise Unexplorable(
                f"the next process needs what this one knows, and it cannot be pickled ({error}): "
                "let the actions return what is of types that a module defines"
            ) from error
        self._sink.write(text)
        self._sink.flush()

    def hear(self) -> Any:
        """What is said next.

        Raises:
            EOFError: Nothing is said any more.
        """
        return pickle.load(self._source)  # noqa: S301  it is said by a process of our own

    def close(self) -> None:
        """Hang up."""
        self._source.close()
        self._sink.close()
