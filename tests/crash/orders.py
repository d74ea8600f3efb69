"""What a process of the crash ring is told to do, and how it came to its end.

Pure.
"""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict

SLOW = "the event loop has been blocked"
"""What a process rightly says on a machine that has too much to do."""


class Blow(StrEnum):
    """What happens at the chosen boundary."""

    KILL = "kill"
    """The process is killed."""
    STOP = "stop"
    """The process stops itself, until it has leave to go on."""
    BACKEND = "backend"
    """The server's process that appends for it is killed; the process lives on."""


class Life(BaseModel):
    """One life of one process: where its journal is, and what befalls it.

    Attributes:
        kill_at: The blow falls at this boundary: the n-th, counted from 1, or the one of that
            name (see `tests.crash.boundaries`). None lets it live.
        leave: The file whose existence lets a process that stopped itself go on.
        hurry: By how many seconds its clock is ahead: a later life need not wait out the time that
            a call of the earlier one may have been running for.
        patience: Real seconds after which the kernel ends the process.
        pace: Seconds that pass before each call, so that other processes get their turn.
    """

    model_config = ConfigDict(frozen=True)

    url: str
    kill_at: int | str | None = None
    blow: Blow = Blow.KILL
    leave: str = ""
    hurry: float = 0.0
    lease: float = 10.0
    patience: int = 60
    pace: float = 0.0


class Order(Life):
    """Drive trips to their ends, with a person who is asked.

    Attributes:
        scenario: The name of one of `tests.crash.scenarios.SCENARIOS`.
        saga_ids: The sagas to start, or to take up again.
    """

    scenario: str
    saga_ids: tuple[str, ...]
    directory: str
    mail: str


class Errand(BaseModel):
    """A saga of `tests.crash.beasts`.

    Attributes:
        saga: Its short name.
        kind: How its beast behaves.
        times: How often it does.
    """

    model_config = ConfigDict(frozen=True)

    saga_id: str
    saga: str = "tame"
    kind: str = "meek"
    times: int = 1


class Errands(Life):
    """Drive sagas with beasts in them until each has ended, or waits for a person.

    Attributes:
        ledger: The file in which the beasts' deeds are written down.
        barrier: Nothing is done before this file exists.
        finds: The process starts nothing, and drives what it finds due.
    """

    errands: tuple[Errand, ...]
    ledger: str
    barrier: str | None = None
    finds: bool = False


class Ending(BaseModel):
    """How that life ended.

    Attributes:
        signal: The signal that ended it; None if it ended by itself.
        code: Its exit code, if it ended by itself.
        reached: The boundaries it came to, in order.
        at: When, in seconds of the monotonic clock, which all processes share.
        said: What it wrote on standard error.
    """

    model_config = ConfigDict(frozen=True)

    signal: int | None
    code: int | None
    reached: tuple[str, ...]
    at: tuple[float, ...]
    said: str

    @property
    def complaint(self) -> str:
        """What it wrote, unless the machine was so slow that it wrote of nothing else."""
        return "" if SLOW in self.said else self.said

    def calls_since(self, instant: float) -> int:
        """How many calls it began after an instant, on the strength of what it had written before.

        Args:
            instant: In seconds of the monotonic clock.
        """
        later = [line for at, line in zip(self.at, self.reached, strict=True) if at > instant]
        own = (place for place, line in enumerate(later) if _writes_an_intent(line))
        return sum(line.startswith("before-call") for line in later[: next(own, len(later))])


def _writes_an_intent(boundary: str) -> bool:
    return boundary.startswith("after-append") and "Intended" in boundary
