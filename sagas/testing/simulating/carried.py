"""What goes over from one life of a simulated process to the next, whatever process that is.

Pure.
"""

import random
from dataclasses import dataclass, field

from sagas.testing.people import TestDirectory
from sagas.testing.simulating.striking import Seen


@dataclass(slots=True)
class Notes:
    """What the people around a saga remember.

    Attributes:
        gates: The number of each gate that has opened, from 1.
        asked: How often each question was asked, by its kind and path.
        sent: Whether the events that it may wait for were sent.
        misled: The gates that were decided wrongly, where a schedule says so.
    """

    gates: dict[str, int] = field(default_factory=dict[str, int])
    asked: dict[tuple[str, str | None], int] = field(
        default_factory=dict[tuple[str, str | None], int]
    )
    sent: bool = False
    misled: set[str] = field(default_factory=set[str])


@dataclass(slots=True)
class Carried:
    """A run between two lives.

    Attributes:
        chance: What is drawn at random is drawn from this.
        seconds: Since the simulation began.
        lives: How many there were.
        processes: How many processes there were; some lives have two.
        dead: Those incarnations that are taken for dead.
        rested: Whether the saga ended, or nothing more could be done.
        trouble: What kept it from coming to rest.
    """

    chance: random.Random
    seen: Seen = field(default_factory=Seen)
    notes: Notes = field(default_factory=Notes)
    directory: TestDirectory = field(default_factory=TestDirectory)
    seconds: float = 0.0
    lives: int = 0
    processes: int = 0
    dead: set[tuple[int, int]] = field(default_factory=set[tuple[int, int]])
    rested: bool = False
    trouble: str | None = None
