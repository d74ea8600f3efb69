"""The plan that is shown is the plan that is executed: random sagas, in the simulation."""

import os
import random
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import combinations
from typing import Any

import pytest

from approvals.redaction import Redaction
from compensations.plan import Effect, concurrent, depends
from sagas import Catalog, Retry, Reversibility, Status, current_step, decide, parallel, savepoint
from sagas import entries as e
from sagas.driving.environment import Handlers
from sagas.fold import fold
from sagas.journal.memory import MemoryJournal
from sagas.previewing import Preview, foresee
from sagas.state import Phase, SagaState, Step
from sagas.testing import Responder
from sagas.testing.history import History
from sagas.testing.simulating.prompt import RealTime
from sagas.testing.simulating.run import Room, Simulation, Subject

SAGAS = 3_000 if "SAGAS_SOAK" in os.environ else 60

SOON = Retry(attempts=2, first=timedelta(milliseconds=50))
ONCE = Retry(attempts=1)

shop = Catalog("shop")


class Refused(Exception):
    """The partner has done nothing."""


def keys_of(key: str) -> list[str]:
    return [key] if key else []


def done(trouble: str) -> str:
    """What a partner answers, or does not."""
    if trouble == "refused":
        raise Refused("no room")
    if trouble == "lost" and current_step().attempt < 3:
        raise OSError("no answer")
    return "done"


def undone(trouble: str) -> None:
    if trouble == "stays":
        raise Refused("not yours")


def keyed(name: str, after: Sequence[str] = ()) -> Any:
    """An action whose partner knows our key."""

    @shop.action(
        reversibility=Reversibility.COMPENSATABLE,
        name=name,
        key_ttl=timedelta(hours=24),
        definite=Refused,
        retry=SOON,
        after=after,
        conflicts=keys_of,
    )
    async def act(key: str, trouble: str) -> str:
        return done(trouble)

    @act.compensation(retry=ONCE)
    async def undo(trouble: str, result: str) -> None:
        undone(trouble)

    return act


def probed() -> Any:
    """One whose partner can be asked."""

    @shop.action(
        reversibility=Reversibility.COMPENSATABLE,
        name="seat",
        definite=Refused,
        conflicts=keys_of,
    )
    async def act(key: str, trouble: str) -> str:
        return done(trouble)

    @act.probe()
    async def find(key: str) -> str | None:
        return None if key else "done"

    @act.compensation(repeatable=True, retry=ONCE)
    async def undo(trouble: str, result: str) -> None:
        undone(trouble)

    return act


def blind() -> Any:
    """One that may be undone whether or not it happened."""

    @shop.action(reversibility=Reversibility.COMPENSATABLE, name="flag", definite=Refused)
    async def act(key: str, trouble: str) -> str:
        return done(trouble)

    @act.compensation(repeatable=True, retry=ONCE)
    async def undo(trouble: str, result: str | None) -> None:
        undone(trouble)

    return act


def opaque() -> Any:
    """One of which only a person can tell."""

    @shop.action(reversibility=Reversibility.COMPENSATABLE, name="call", definite=Refused)
    async def act(key: str, trouble: str) -> str:
        return done(trouble)

    @act.compensation(repeatable=True, retry=ONCE)
    async def undo(trouble: str, result: str) -> None:
        undone(trouble)

    return act


ACTIONS = {
    "room": keyed("room"),
    "meal": keyed("meal", after=["room"]),
    "note": keyed("note", after=["meal", "seat"]),
    "seat": probed(),
    "flag": blind(),
    "call": opaque(),
}

Node = dict[str, Any]


@shop.saga
async def played(program: list[Node]) -> None:
    await play(program)
    raise ValueError("in the end, no")


async def play(program: list[Node]) -> None:
    for node in program:
        if "branches" in node:
            await parallel(*(play(branch) for branch in node["branches"]))
        elif "block" in node:
            await play_block(node)
        else:
            await ACTIONS[node["act"]](node["key"], node["trouble"])


async def play_block(node: Node) -> None:
    try:
        async with savepoint("block"):
            await play(node["block"])
            turn_back(left=node["left"])
    except LookupError:
        return


def turn_back(*, left: bool) -> None:
    if left:
        raise LookupError("another way")


def drawn(chance: random.Random, depth: int = 0) -> list[Node]:
    """A program."""
    return [node(chance, depth) for _ in range(chance.randint(1, 5 - depth))]


def node(chance: random.Random, depth: int) -> Node:
    shape = chance.random()
    if depth < 2 and shape < 0.2:
        return {"branches": [drawn(chance, depth + 1) for _ in range(chance.randint(2, 3))]}
    if depth < 2 and shape < 0.35:
        return {"block": drawn(chance, depth + 1), "left": chance.random() < 0.3}
    (trouble,) = chance.choices(["", "stays", "lost", "refused"], [64, 20, 14, 2])
    return {
        "act": chance.choice(list(ACTIONS)),
        "key": chance.choice(["", "", "", "x", "y"]),
        "trouble": trouble,
    }


# --- playing it -----------------------------------------------------------------------------------


class Nowhere:
    """A world that nothing is known of."""

    def reset(self) -> None: ...

    def snapshot(self) -> dict[str, str]:
        return {}

    def ledger(self) -> list[tuple[str, str, str]]:
        return []


@contextmanager
def room() -> Generator[Room]:
    journal = MemoryJournal("previewed", lambda: 0)
    with ThreadPoolExecutor(1) as threads:
        yield Room(threads, journal, RealTime())
    journal.close()


def history_of(program: list[Node], room: Room) -> History:
    subject = Subject(played, program, (shop,), Nowhere(), Responder())
    run = Simulation(subject, room, "s", ()).run()
    assert run.rested, run.trouble
    return run.history


@dataclass(frozen=True)
class Unwound:
    """What was shown at one moment of an unwind, and what came then."""

    state: SagaState
    preview: Preview
    then: list[tuple[int, e.Entry]]

    @property
    def shown(self) -> list[str]:
        return [item.path for item in self.preview.undone]

    def first(self, kind: type[e.Entry]) -> dict[str, int]:
        """The first entry of a kind about each path."""
        found: dict[str, int] = {}
        for seq, entry in self.then:
            path = getattr(entry, "path", None)
            if isinstance(entry, kind) and path is not None:
                found.setdefault(path, seq)
        return found


def moments(history: History) -> Iterator[Unwound]:
    """When the unwind began, and when something of it came to a halt."""
    unwinding = False
    for began, at, entry in history.timed:
        unwinding = unwinding or isinstance(entry, e.UnwindBegan)
        if unwinding and isinstance(entry, e.UnwindBegan | e.InterventionOpened):
            state = fold("s", [row for row in history.timed if row[0] <= began])
            preview = foresee(
                state, Handlers([shop]), status=Status.UNWINDING, now=at, secrets=Redaction("")
            )
            yield Unwound(state, preview, [row for row in history.entries if row[0] > began])


# --- comparing ------------------------------------------------------------------------------------


def compare(found: Unwound) -> None:
    intended = found.first(e.CompensationIntended)
    absent = found.first(e.Failed)
    before = {path for path in found.shown if found.state.question_about(path) is not None}
    asked = {*found.first(e.InterventionOpened), *before}
    going = {path for path in found.shown if is_going(found.state.steps[path])}

    assert set(intended) <= set(found.shown), "something was undone that was not shown"
    assert set(found.shown) <= {*intended, *asked, *absent, *going}, "something was not undone"
    for item in found.preview.undone:
        assert item.person is None or item.path in asked, "nobody was asked, although it was said"
    in_order(found, intended, asked)
    held_until_answered(found, intended)
    if not asked and not any("." in path for path in found.shown):
        assert [path for path in found.shown if path not in absent] == sorted(
            intended, key=intended.__getitem__
        )


def is_going(step: Step) -> bool:
    """Whether its undo is under way."""
    return step.undo.phase is Phase.INTENDED


def held_until_answered(found: Unwound, intended: dict[str, int]) -> None:
    """What was said to wait for a person went on when that person had answered."""
    closed = {
        it.intervention: seq for seq, it in found.then if isinstance(it, e.InterventionClosed)
    }
    for item in found.preview.undone:
        assert (item.held_by is None) == (item.wave is not None or item.person is not None)
        question = found.state.question_about(item.held_by) if item.held_by else None
        if question is not None and item.path in intended:
            assert closed[question.id] < intended[item.path]


def in_order(found: Unwound, intended: dict[str, int], asked: set[str]) -> None:
    """What was shown first went first; but for what is independent, or waits for a person."""
    effects = {effect.path: effect for effect in decide.effects(found.state)}
    over = found.first(e.Compensated)
    waves = {item.path: item.wave for item in found.preview.undone}
    for first, then in combinations(found.shown, 2):
        later, earlier = effects[first], effects[then]
        if is_free(later, earlier) or (first in asked and not depends(later, earlier)):
            continue
        one, other = waves[first], waves[then]
        assert other is None or (one is not None and one < other)
        if first in over and then in intended:
            assert over[first] < intended[then], f"{then} was undone before {first}"


def is_free(later: Effect, earlier: Effect) -> bool:
    return concurrent(later.path, earlier.path) and not depends(later, earlier)


def programs(count: int, seed: int) -> list[list[Node]]:
    chance = random.Random(seed)  # noqa: S311  it draws programs
    return [drawn(chance) for _ in range(count)]


@pytest.mark.parametrize("part", range(3))
def test_the_plan_that_is_shown_is_the_plan_that_is_executed(part: int) -> None:
    with room() as shared:
        for program in programs(SAGAS // 3, part):
            for found in moments(history_of(program, shared)):
                try:
                    compare(found)
                except AssertionError:
                    print(program, *found.preview.undone, *found.then, sep="\n")
                    raise
