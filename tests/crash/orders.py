"""What a process of the crash ring is told to do, and how it came to its end.

Pure.
"""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Blow(StrEnum):
    """What happens at the chosen boundary."""

    KILL = "kill"
    """The process is killed."""
    STOP = "stop"
    """The process stops itself, until it has leave to go on."""
    BACKEND = "backend"
    """The server's process that appends for it is killed; the process lives on."""


class Order(BaseModel):
    """One life of one process: which saga it drives, and when it is killed.

    Attributes:
        scenario: The name of one of `tests.crash.scenarios.SCENARIOS`.
        saga_ids: The sagas to start, or to take up again.
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
    scenario: str
    saga_ids: tuple[str, ...]
    directory: str
    mail: str
    kill_at: int | str | None = None
    blow: Blow = Blow.KILL
    leave: str = ""
    hurry: float = 0.0
    lease: float = 10.0
    patience: int = 30
    pace: float = 0.0


class Ending(BaseModel):
    """How that life ended.

    Attributes:
        signal: The signal that ended it; None if it ended by itself.
        code: Its exit code, if it ended by itself.
        reached: The boundaries it came to, in order.
        said: What it wrote on standard error.
    """

    model_config = ConfigDict(frozen=True)

    signal: int | None
    code: int | None
    reached: tuple[str, ...]
    said: str
