"""Trials and sweeps: a saga is killed at a boundary, taken up again, and judged.

A trial is a saga of its own. Its first lives are killed at the boundaries that the trial names,
the last one goes on to the end. After each life the journal and the books are compared.

A sweep makes one trial for each boundary, counted 1, 2, 3 and so on, until lives pass untouched:
it ends by itself. Since two branches of a saga do not always take the same turns, the n-th boundary
of one life need not be the n-th of another; so a boundary that no kill has hit is tried again, and
one that is never hit is an error.
"""

import asyncio
import signal
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count, repeat
from pathlib import Path
from uuid import uuid4

from examples.travel.booking import travel
from sagas import Coordinator, connect
from sagas.testing.history import History, read_history
from tests.crash.books import MAIL_FILE, read_books
from tests.crash.boundaries import names
from tests.crash.nursery import Nursery
from tests.crash.oracle import violations, violations_at_the_end
from tests.crash.orders import Ending, Order
from tests.crash.scenarios import APPROVERS, PERSON, Scenario, detours

HURRY_SECONDS = 60.0
"""Longer than a call may take together with the lag of every probe."""

LIVES = 25
"""After as many kills a saga is left in peace: with lives that short it may not get on."""

UNTOUCHED = 2
"""A sweep ends after as many lives that passed untouched."""

ENOUGH = 5
"""After as many problems a sweep ends: what is wrong is known."""

TRIES = 30
"""How often, in all, boundaries that timing hid are tried again."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Where trials take place: a scenario, a database, and the world's directory.

    Attributes:
        reader: Connected to the database, and driving nothing.
        mark: Makes the ids of sagas unique in the world, which several databases share.
    """

    scenario: Scenario
    url: str
    world: Path
    nurseries: Sequence[Nursery]
    reader: Coordinator
    mark: str = field(default_factory=lambda: uuid4().hex[:8], init=False)

    def name(self, number: int | str) -> str:
        """The id of a saga; none is the beginning of another."""
        return f"{self.scenario.name}-{self.mark}-{number}-"

    def order(self, *saga_ids: str, life: int = 0) -> Order:
        """One life that drives these sagas; later lives are in a hurry."""
        return Order(
            url=self.url,
            scenario=self.scenario.name,
            saga_ids=saga_ids,
            directory=str(approvers(self.world)),
            mail=str(self.world / MAIL_FILE),
            hurry=HURRY_SECONDS * life,
        )

    async def wrong_now(self, saga_id: str) -> list[str]:
        """What is wrong with a saga that may go on."""
        history = await read_history(self.reader.store, saga_id)
        return violations(history, read_books(self.world, saga_id))

    async def wrong_in_the_end(self, saga_id: str) -> list[str]:
        """What is wrong with a saga that should have ended."""
        return self.judge(await read_history(self.reader.store, saga_id))

    def judge(self, history: History) -> list[str]:
        """What is wrong with a saga that should have ended, and has this journal."""
        books = read_books(self.world, history.saga_id)
        return violations_at_the_end(history, books, self.scenario.end)


@asynccontextmanager
async def stage_for(
    scenario: Scenario, url: str, world: Path, nurseries: Sequence[Nursery]
) -> AsyncGenerator[Stage]:
    """Connect to the database, for reading."""
    people = approvers(world)
    async with connect(url, travel, detours, directory=people, user=PERSON) as reader:
        yield Stage(scenario, url, world, nurseries, reader)


def approvers(world: Path) -> Path:
    """The file that says who may approve."""
    path = world / "approvers.toml"
    if not path.exists():
        path.write_text(APPROVERS)
    return path


Kills = Iterable[int | str | None]
"""The boundaries at which the lives of one saga are killed, one after the other."""


# --- a trial ----------------------------------------------------------------------------------


@dataclass(slots=True)
class Trial:
    """The lives of one saga, and what was found wrong with it.

    Attributes:
        written: How many entries of each kind are in its journal.
    """

    saga_id: str
    written: Counter[str] = field(default_factory=Counter[str])
    lives: list[Ending] = field(default_factory=list[Ending])
    problems: list[str] = field(default_factory=list[str])

    @property
    def kills(self) -> int:
        """How many of its lives were killed."""
        return sum(life.signal == signal.SIGKILL for life in self.lives)

    @property
    def report(self) -> list[str]:
        """Its problems, and where each life ended."""
        ends = [life.reached[-1] if life.reached else "at once" for life in self.lives[-3:]]
        return [
            f"{self.saga_id} (the last lives ended at {ends}): {text}" for text in self.problems
        ]


async def attempt(stage: Stage, nursery: Nursery, saga_id: str, kills: Kills) -> Trial:
    """Let a saga live through its kills to its end, and judge it after each life."""
    assert (await read_history(stage.reader.store, saga_id)).saga is None, f"{saga_id} is not new"
    trial = Trial(saga_id)
    for life, boundary in enumerate([*kills, None]):
        order = stage.order(saga_id, life=life).model_copy(update={"kill_at": boundary})
        ending = await asyncio.to_thread(nursery.run, order)
        trial.lives.append(ending)
        if ending.signal is None:
            break
        trial.problems += await stage.wrong_now(saga_id)
    trial.problems += unexpected(trial.lives)
    history = await read_history(stage.reader.store, saga_id)
    trial.problems += stage.judge(history)
    trial.written.update(row.kind for row in history.rows)
    return trial


def unexpected(lives: Sequence[Ending]) -> list[str]:
    """Whatever else ended a life than its end or its kill, and whatever it complained of."""
    problems = [f"it said: {life.complaint}" for life in lives if life.complaint]
    problems += [
        f"a life was ended by signal {life.signal}"
        for life in lives
        if life.signal not in (None, signal.SIGKILL)
    ]
    if lives[-1].code != 0:
        problems.append(f"the last life ended with {lives[-1].code} (signal {lives[-1].signal})")
    return problems


# --- a sweep ----------------------------------------------------------------------------------


@dataclass(slots=True)
class Sweep:
    """What came of a sweep.

    Attributes:
        hit: The boundaries at which a life was killed.
        passed: The boundaries of lives that passed untouched, from the start to the end.
    """

    trials: list[Trial] = field(default_factory=list[Trial])
    hit: set[str] = field(default_factory=set[str])
    passed: set[str] = field(default_factory=set[str])
    seconds: float = 0.0

    @property
    def problems(self) -> list[str]:
        """Everything that was found wrong."""
        return [text for trial in self.trials for text in trial.report]

    @property
    def kills(self) -> int:
        """How many lives were killed."""
        return sum(trial.kills for trial in self.trials)

    @property
    def missed(self) -> set[str]:
        """Boundaries of untouched lives that no kill has hit."""
        return self.passed - self.hit

    def note(self, trial: Trial) -> None:
        """Take a trial into account."""
        self.trials.append(trial)
        first, *_ = trial.lives
        if first.signal == signal.SIGKILL:
            self.hit.update(names(first.reached)[-1])
        elif first.code == 0:
            passed = (name for group in names(first.reached) for name in group)
            self.passed.update(name for name in passed if was_written(name, trial.written))

    def __str__(self) -> str:
        return (
            f"{len(self.hit)} boundaries hit, {self.kills} kills in {len(self.trials)} sagas, "
            f"{self.seconds:.1f} s"
        )


def was_written(name: str, written: Counter[str]) -> bool:
    """Whether a boundary is other than an append that was refused because of a request."""
    point, kind, *_, number = name.split(" ")
    return not point.endswith("append") or kind == "no" or int(number) <= written[kind]


Plan = Callable[[int], Kills]
"""The kills of the n-th saga of a sweep."""


def once(boundary: int) -> Kills:
    """Kill the first life at the boundary."""
    return (boundary,)


def again_and_again(boundary: int) -> Kills:
    """Kill every life at the boundary, as long as any reaches it."""
    return repeat(boundary, LIVES)


def twice(first: int, boundary: int) -> Kills:
    """Kill the first life at one boundary and the second at another."""
    return (first, boundary)


async def life_of(stage: Stage) -> Ending:
    """A life that nobody disturbs."""
    return await asyncio.to_thread(stage.nurseries[0].run, stage.order(stage.name("undisturbed")))


async def sweep(
    stage: Stage, plan: Plan = once, *, first: int = 1, step: int = 1, fewest: int = 1
) -> Sweep:
    """Try every boundary from `first` on, or every so many, until lives pass untouched.

    Args:
        fewest: With fewer kills than this a trial counts as untouched.
    """
    found, began = Sweep(), time.monotonic()
    numbers = count(first, step)
    untouched = 0

    async def lane(nursery: Nursery) -> None:
        nonlocal untouched
        while untouched < UNTOUCHED and len(found.problems) < ENOUGH:
            boundary = next(numbers)
            trial = await attempt(stage, nursery, stage.name(boundary), plan(boundary))
            untouched += trial.kills < fewest
            found.note(trial)

    await asyncio.gather(*map(lane, stage.nurseries))
    if plan is once and not found.problems:
        await _try_again(stage, found)
    found.seconds = time.monotonic() - began
    return found


async def _try_again(stage: Stage, found: Sweep) -> None:
    """Aim, by name, at what was missed."""
    tries = 0
    while found.missed and tries < TRIES:
        for boundary in sorted(found.missed):
            tries += 1
            saga_id = stage.name(f"again-{tries}")
            found.note(await attempt(stage, stage.nurseries[0], saga_id, (boundary,)))
