"""What each explorer tries, one fault or two at a time.

Every schedule is planned from a run that was made: a fault strikes where that run has been, so a
fault that does not strike means that the saga or its world goes by itself.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from sagas.testing.errors import Unexplorable
from sagas.testing.exploring import plans
from sagas.testing.exploring.exploration import Exploration
from sagas.testing.simulating.faults import ALWAYS, BEFORE_EFFECT, GATES, Fault, Kind
from sagas.testing.simulating.run import Run

T = TypeVar("T")

UNDO_FAILURES = (Kind.REFUSE, Kind.LOSE_REQUEST, Kind.LOSE_ANSWER, Kind.HANG, Kind.CRASH)
LASTING = (Kind.REFUSE, Kind.LOSE_REQUEST, Kind.LOSE_ANSWER)
SLOW = (Kind.SLOW, Kind.COME_LATE)
UNWINDING = "UnwindBegan"


def crashes(exploration: Exploration, *, depth: int = 1) -> None:
    """Kill the process at every boundary; with `depth=2` again at every boundary after that."""
    with exploration.part("crashes"):
        _crash(exploration, (), depth)


def _crash(exploration: Exploration, faults: tuple[Fault, ...], depth: int) -> None:
    run = exploration.attempt(faults)
    if depth == 0:
        return
    for kill in plans.kills(run, life=len(faults) + 1):
        _crash(exploration, (*faults, kill), depth - 1)


def outages(exploration: Exploration) -> None:
    """Kill the process at every boundary, and let nobody go on for longer than a year."""
    with exploration.part("outages"):
        _each(exploration, plans.kills(exploration.untouched, kind=Kind.OUTAGE))


def failures(exploration: Exploration) -> None:
    """Let every call forward go wrong in every way, once and for good."""
    with exploration.part("failures"):
        run = exploration.untouched
        _each(exploration, plans.calls(run, "do", plans.FAILURES))
        _each(exploration, plans.calls(run, "do", LASTING, attempt=ALWAYS))


def unknown(exploration: Exploration) -> None:
    """Let every storage call fail, before and after it is carried out; and every answer be lost."""
    with exploration.part("unknown"):
        run = exploration.untouched
        _each(exploration, plans.storage(run, Kind.STORE_LOST))
        _each(exploration, plans.storage(run, Kind.STORE_DOWN))
        _each(exploration, plans.calls(run, "do", (Kind.LOSE_ANSWER,)))
        for refusal in plans.calls(run, "do", (Kind.REFUSE,)):
            undoing = exploration.attempt((refusal,))
            _each(exploration, plans.calls(undoing, "undo", (Kind.LOSE_ANSWER,)), refusal)


def unwinding(exploration: Exploration) -> None:
    """Let each step fail, and then crash everywhere in the unwind, and let each undo fail."""
    with exploration.part("unwind"):
        for refusal in plans.calls(exploration.untouched, "do", (Kind.REFUSE,)):
            undoing = exploration.attempt((refusal,))
            _each(exploration, plans.beside(undoing, refusal.path, SLOW), refusal)
            _each(exploration, _after(undoing, UNWINDING), refusal)
            _each(exploration, plans.calls(undoing, "undo", UNDO_FAILURES), refusal)
            _each(exploration, plans.calls(undoing, "undo", LASTING, attempt=ALWAYS), refusal)


_CRASHED = {
    Kind.REJECT: "GateDecided",
    Kind.EXPIRE: "GateDecided",
    Kind.REVOKE: "GateDecided",
    Kind.EDIT: "GateRevised",
}
"""Decisions after which the process is killed everywhere, and the entry from which on."""


def decisions(exploration: Exploration) -> None:
    """Let every gate be decided in every way, and crash around each decision."""
    with exploration.part("decisions"):
        run = exploration.untouched
        kinds = plans.DECISIONS if exploration.subject.url is None else plans.DECISIONS[:-1]
        for decision in plans.decisions(run, kinds):
            decided = exploration.attempt((decision,))
            if decision.kind in _CRASHED:
                _each(exploration, _after(decided, _CRASHED[decision.kind]), decision)
        for refusal in plans.calls(run, "do", (Kind.REFUSE,)):
            undoing = exploration.attempt((refusal,))
            _each(exploration, plans.decisions(undoing, kinds, but=run.gates), refusal)


def decided(exploration: Exploration) -> None:
    """Let every gate be decided in every way, where there is one.

    Raises:
        Unexplorable: No gate opened.
    """
    decisions(exploration)
    if not exploration.has_tried(GATES):
        raise Unexplorable(
            "no gate opened, so there was nothing to decide: give an input that takes the saga to "
            "an action with an approval, or explore something else"
        )


def races(exploration: Exploration, *, most: int | None = None) -> None:
    """Let a second owner, and a cancel, come at every turn of the event loop; or at `most` of them.

    A cancel comes during each unwind too.
    """
    with exploration.part("races"):
        run = exploration.untouched
        for kind in (Kind.SECOND_OWNER, Kind.CANCEL_SAGA):
            _each(exploration, _some(exploration, list(plans.turns(run, kind)), most))
        for refusal, cancel in _some(exploration, list(_late_cancels(exploration)), most):
            exploration.attempt((refusal, cancel))


def _late_cancels(exploration: Exploration) -> Iterator[tuple[Fault, Fault]]:
    for refusal in plans.calls(exploration.untouched, "do", (Kind.REFUSE,)):
        undoing = exploration.attempt((refusal,))
        struck = undoing.seen.landed[refusal.place]
        for cancel in plans.turns(undoing, Kind.CANCEL_SAGA, after=struck):
            yield refusal, cancel


def _some(exploration: Exploration, found: list[T], most: int | None) -> list[T]:
    if most is None or len(found) <= most:
        return found
    chosen = exploration.random.sample(range(len(found)), most)
    return [found[place] for place in sorted(chosen)]


def pairs(exploration: Exploration, *, until: int) -> None:
    """Let two things go wrong, chosen by the seed, until there were so many schedules."""
    with exploration.part("pairs"):
        if exploration.schedules >= until:
            return
        found = list(_pairs(exploration))
        exploration.random.shuffle(found)
        for first, second in found:
            if exploration.schedules >= until:
                return
            exploration.attempt((first, second))


def _pairs(exploration: Exploration) -> Iterator[tuple[Fault, Fault]]:
    run = exploration.untouched
    for kill in plans.kills(run):
        recovered = exploration.attempt((kill,))
        if recovered.lives < 2:
            continue
        for second in (
            *plans.kills(recovered, life=2),
            *plans.storage(recovered, Kind.STORE_LOST, life=2),
        ):
            yield kill, second
    for failure in plans.calls(run, "do", plans.FAILURES):
        failed = exploration.attempt((failure,))
        point = "before-call" if failure.kind in BEFORE_EFFECT else "after-call"
        for second in islice(_after(failed, f"{point} {failure.path}"), 1, None):
            yield failure, second


def versions(exploration: Exploration) -> None:
    """Kill the process at every boundary, and let other code go on."""
    with exploration.part("versions"):
        _each(exploration, plans.kills(exploration.untouched))


def default(exploration: Exploration, *, schedules: int) -> None:
    """Everything once, and pairs of faults until there were so many schedules."""
    crashes(exploration)
    outages(exploration)
    failures(exploration)
    unknown(exploration)
    unwinding(exploration)
    decisions(exploration)
    races(exploration, most=max(schedules // 8, 10))
    pairs(exploration, until=schedules)


def _each(exploration: Exploration, faults: Iterable[Fault], *before: Fault) -> None:
    for fault in faults:
        exploration.attempt((*before, fault))


def _after(run: Run, word: str) -> Iterator[Fault]:
    """A kill at each boundary of the first life from the first one on that says this word."""
    reached = False
    for kill in plans.kills(run):
        reached = reached or word in kill.what
        if reached:
            yield kill
