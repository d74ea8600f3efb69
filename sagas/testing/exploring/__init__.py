"""Explorers: they run a saga under every schedule of faults, and look at what is left of it.

Each of them is a plain async function that returns a `Report`, for pytest or any program.
"""

from collections.abc import Callable, Sequence
from difflib import get_close_matches
from functools import partial
from inspect import signature
from typing import Any, TypedDict, Unpack

from sagas.authoring.catalog import Catalog
from sagas.authoring.saga import Saga
from sagas.testing.errors import Unexplorable
from sagas.testing.exploring import profiles
from sagas.testing.exploring.exploration import GOES_BY_ITSELF, Exploration, Rule, Wishes
from sagas.testing.exploring.waiting import wait_for
from sagas.testing.people import Responder
from sagas.testing.report import Report
from sagas.testing.simulating.faults import BOUNDARIES, Fault, parse
from sagas.testing.simulating.run import Subject
from sagas.testing.world import Snapshot, World

__all__ = [
    "Options",
    "explore",
    "explore_crashes",
    "explore_decisions",
    "explore_failures",
    "explore_races",
    "explore_unknown",
    "explore_unwind",
    "explore_versions",
]

_EXPLORERS = [name for name in __all__ if name.startswith("explore")]
NO_OPTIONS = {"saga", "old", "new", "input", "options"}

SCHEDULES = 600
LAST_WORDS_SECONDS = 10.0

ELSEWHERE = (
    "this saga does not come to that place. The text of `only=` is that of one report: it holds for "
    "the code, the input and the seed of that report. Explore without `only=` for a new one"
)


class Options(TypedDict, total=False):
    """What every explorer can be told.

    Attributes:
        catalogs: Other catalogs that the saga takes actions from.
        people: Who approves and answers; by default everything is approved and the truth told.
        compare: What of the world's snapshot must be as before once the saga was undone; all of
            it if left out, unless something is declared to remain.
        rules: Facts of your own: each is given the evidence of a run, and yields one sentence for
            each violation.
        seed: Chooses where not everything can be tried.
        url: A database to keep the journals in; in memory if left out.
        only: One schedule, as a report names it.
        until: Stop as soon as this rule was broken: what was found once is soon found again.
        patience: How long one run may take in real time (seconds).
    """

    catalogs: Sequence[Catalog]
    people: Responder
    compare: Callable[[Snapshot], object]
    rules: Sequence[Rule]
    seed: int
    url: str
    only: str
    until: str
    patience: float


async def explore(
    saga: Saga[Any, Any],
    input: object,  # noqa: A002  the word of `coordinator.start`
    *,
    world: World,
    schedules: int = SCHEDULES,
    **options: Unpack[Options],
) -> Report:
    """Run a saga under everything that can go wrong: crashes, failures, doubt, people, races.

    Args:
        schedules: How many runs there are at least, if the saga is large enough; beyond what is
            tried in any case, pairs of faults are.

    Raises:
        TestingError: The exploration would prove nothing; the message says what to mend.
    """
    work = partial(profiles.default, schedules=schedules)
    return await _explore("explore", saga, input, work, world=world, options=options)


async def explore_crashes(
    saga: Saga[Any, Any],
    input: object,  # noqa: A002
    *,
    world: World,
    depth: int = 1,
    processes: bool = False,
    **options: Unpack[Options],
) -> Report:
    """Kill the process before and after every append and every call.

    Args:
        depth: 2 kills the process that recovers too, at each of its boundaries.
        processes: Each life is a process of the operating system, and is killed by SIGKILL. The
            saga is a module's, and the world is outside of this process. Without `url=` the
            journals are in a file that is removed at the end.

    Raises:
        TestingError: As `explore`.
    """
    if depth < 1:
        raise Unexplorable(f"depth is at least 1, not {depth}: nothing would be killed")
    work = partial(profiles.crashes, depth=depth)
    return await _explore(
        "explore_crashes",
        saga,
        input,
        work,
        world=world,
        options=options,
        processes=processes,
    )


async def explore_failures(
    saga: Saga[Any, Any],
    input: object,  # noqa: A002
    *,
    world: World,
    **options: Unpack[Options],
) -> Report:
    """Let every step fail: refused, lost, hanging, cancelled, with an answer of the wrong type.

    Raises:
        TestingError: As `explore`.
    """
    return await _explore(
        "explore_failures", saga, input, profiles.failures, world=world, options=options
    )


async def explore_unknown(
    saga: Saga[Any, Any],
    input: object,  # noqa: A002
    *,
    world: World,
    **options: Unpack[Options],
) -> Report:
    """Carry out every storage call and every action, and lose the answer.

    Raises:
        TestingError: As `explore`.
    """
    return await _explore(
        "explore_unknown", saga, input, profiles.unknown, world=world, options=options
    )


async def explore_unwind(
    saga: Saga[Any, Any],
    input: object,  # noqa: A002
    *,
    world: World,
    **options: Unpack[Options],
) -> Report:
    """Let each step fail, then crash everywhere in the unwind, and let each undo fail.

    Raises:
        TestingError: As `explore`.
    """
    return await _explore(
        "explore_unwind", saga, input, profiles.unwinding, world=world, options=options
    )


async def explore_decisions(
    saga: Saga[Any, Any],
    input: object,  # noqa: A002
    *,
    world: World,
    **options: Unpack[Options],
) -> Report:
    """Decide every gate in every way: no, never, twice, too late, about something else.

    Raises:
        TestingError: As `explore`.
    """
    return await _explore(
        "explore_decisions", saga, input, profiles.decided, world=world, options=options
    )


async def explore_races(
    saga: Saga[Any, Any],
    input: object,  # noqa: A002
    *,
    world: World,
    most: int | None = None,
    **options: Unpack[Options],
) -> Report:
    """Let a second owner take over, and somebody cancel, at every point where that is possible.

    Args:
        most: So many of these points, chosen by the seed; all of them if left out.

    Raises:
        TestingError: As `explore`.
    """
    if most is not None and most < 1:
        raise Unexplorable(f"most is at least 1, not {most}: nothing would be tried")
    work = partial(profiles.races, most=most)
    return await _explore("explore_races", saga, input, work, world=world, options=options)


async def explore_versions(
    old: Saga[Any, Any],
    new: Saga[Any, Any],
    input: object,  # noqa: A002
    *,
    world: World,
    **options: Unpack[Options],
) -> Report:
    """Stop the saga everywhere under the old code, and go on under the new.

    Args:
        old: The saga in the catalog as it was.
        new: The same saga, by name and version, in the catalog as it is.

    Raises:
        TestingError: As `explore`.
    """
    if new.catalog.find_saga(old.name, old.version) is None:
        raise Unexplorable(
            f"the new catalog has no {old.name} version {old.version}: nothing of it could go on "
            "there. Keep the old version beside the new one, or give both the same version"
        )
    return await _explore(
        "explore_versions",
        old,
        input,
        profiles.versions,
        world=world,
        options=options,
        later=(new.catalog, *options.get("catalogs", ())),
    )


async def _explore(
    name: str,
    saga: Saga[Any, Any],
    input: object,  # noqa: A002
    work: Callable[[Exploration], None],
    *,
    world: World,
    options: Options,
    later: Sequence[Catalog] = (),
    processes: bool = False,
) -> Report:
    _check(name, saga, world, options)
    subject = Subject(
        saga,
        input,
        (saga.catalog, *options.get("catalogs", ())),
        world,
        options.get("people") or Responder(),
        url=options.get("url"),
        compare=options.get("compare"),
        later=later,
        seed=options.get("seed", 0),
    )
    only = options.get("only")
    if only is not None:
        faults = parse(only)
        if processes:
            check_kills(faults)

        def one(exploration: Exploration) -> None:
            exploration.attempt(faults)

        work = one

    patience = options.get("patience", 60.0)
    wishes = Wishes(
        options.get("rules", ()),
        rerun=f"{name}(..., processes=True" if processes else f"{name}(...",
        until=options.get("until"),
        missed=GOES_BY_ITSELF if only is None else ELSEWHERE,
        processes=processes,
        patience=patience,
    )
    # A process that hangs ends itself, and says where.
    longest = patience + LAST_WORDS_SECONDS if processes else patience
    report = await wait_for(Exploration(subject, wishes), work, patience=longest)
    if only is None and not report.faults_planned and not report.violations:
        raise Unexplorable(
            f"{name} found nothing in {saga.name} that could go wrong in its way, so it shows "
            "nothing: give an input that takes the saga to its steps, or leave it out"
        )
    return report


def check_kills(faults: Sequence[Fault]) -> None:
    """Refuse what does not happen to real processes.

    Raises:
        Unexplorable: It is no kill.
    """
    for fault in faults:
        if fault.kind not in BOUNDARIES:
            raise Unexplorable(
                f"real processes are killed, and nothing else happens to them: leave out "
                f"processes=True for {fault.code!r}"
            )


def _check(explorer: str, saga: object, world: World, options: Options) -> None:
    if not isinstance(saga, Saga):
        raise Unexplorable(
            f"{saga!r} is no saga: hand over what `@catalog.saga` made of a function"
        )
    for option in sorted(options.keys() - Options.__annotations__.keys()):
        raise Unexplorable(f"{explorer} has no option {option!r}: {_instead(explorer, option)}")
    check_world(world)


def _instead(explorer: str, option: str) -> str:
    """What may have been meant by an option that an explorer does not have."""
    own = {name: set(signature(globals()[name]).parameters) - NO_OPTIONS for name in _EXPLORERS}
    known = own[explorer] | Options.__annotations__.keys()
    if near := get_close_matches(option, known, n=1):
        return f"did you mean {near[0]!r}?"
    if owners := [name for name in _EXPLORERS if option in own[name]]:
        return f"{' and '.join(owners)} has it"
    return f"it has {', '.join(sorted(known))}"


def check_world(world: World) -> None:
    """Refuse what is no world.

    Raises:
        Unexplorable: It lacks a method.
    """
    if isinstance(world, type):
        raise Unexplorable(f"{world.__name__} is a class of worlds: make one, {world.__name__}()")
    for method in ("reset", "snapshot", "ledger"):
        if not callable(getattr(world, method, None)):
            raise Unexplorable(
                f"{type(world).__name__} is no world: it has no `{method}()`. A world forgets "
                "everything (reset), says what it holds (snapshot) and what was done to it (ledger)"
            )
