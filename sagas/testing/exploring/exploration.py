"""One exploration: many runs of one saga, each judged, and what they found together.

Touches: threads.
"""

import logging
import random
import threading
import time
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

from compensations import InterventionKind
from sagas.authoring.catalog import Catalog
from sagas.entries import InterventionOpened
from sagas.journal.memory import MemoryJournal
from sagas.testing.errors import FaultMissed, Leak, NotDeterministic, Unexplorable, in_one_line
from sagas.testing.exploring import garbage
from sagas.testing.exploring.demands import unmet
from sagas.testing.exploring.telling import first_difference, lines
from sagas.testing.history import History
from sagas.testing.oracles import Evidence, violations
from sagas.testing.people import exploring
from sagas.testing.report import Report, Violation
from sagas.testing.simulating.faults import Fault, Kind, code_of, describe, named
from sagas.testing.simulating.nursery import Nursery, setting_of
from sagas.testing.simulating.prompt import PromptDatabase, RealTime
from sagas.testing.simulating.run import Room, Run, Simulation, Subject

BLOCKING = frozenset(
    {
        InterventionKind.DEFECT,
        InterventionKind.DIVERGED,
        InterventionKind.MISSING_HANDLER,
        InterventionKind.UNUSABLE_RESULT,
    }
)
"""Questions that other code than before raises."""

Rule = Callable[[Evidence], Iterable[str]]

GOES_BY_ITSELF = (
    "the saga, an action or the world does something else each time. Let nothing in them depend on "
    "a clock, on chance or on what an earlier run left behind"
)


@dataclass(frozen=True)
class Wishes:
    """What an exploration was asked for besides its subject.

    Attributes:
        rules: The user's own rules: each yields one sentence for each violation.
        until: The rule that, once it was broken, ends the exploration.
        missed: What it means that a fault did not strike, and what to do then.
        rerun: How this exploration is called, for the text that makes a schedule happen again.
        processes: Whether each life is that of a real process.
        patience: How long one run, and one process, may take (seconds).
    """

    rules: Sequence[Rule] = ()
    rerun: str = "explore(..."
    until: str | None = None
    missed: str = GOES_BY_ITSELF
    processes: bool = False
    patience: float = 60.0


class Enough(Exception):
    """Nothing more is tried."""


class Exploration:
    """Runs schedules and keeps the shortest evidence of each rule that broke."""

    def __init__(self, subject: Subject, wishes: Wishes) -> None:
        self._ending = ExitStack()
        if wishes.processes and subject.url is None:
            subject = replace(subject, url=self._file())
        self.subject = subject
        self.random = random.Random(subject.seed)  # noqa: S311  it chooses schedules
        self._wishes = wishes
        self._room = Room(
            ThreadPoolExecutor(1, thread_name_prefix="sagas-exploring"),
            MemoryJournal(f"explored-{subject.seed}", lambda: 0) if subject.url is None else None,
            RealTime(),
        )
        self._report = Report(subject.saga.name, subject.seed)
        self._part = self._report
        self._found: dict[str, Violation] = {}
        self._found_in_part: dict[str, Violation] = self._found
        self._token = uuid4().hex[:8]
        self._runs = 0
        self._done: dict[str, Run] = {}
        self.began_at = time.monotonic()
        self.stopped = False

    @property
    def schedules(self) -> int:
        """How many runs there were."""
        return self._report.schedules

    def explore(self, work: Callable[["Exploration"], None]) -> Report:
        """Do the work between two untouched runs, which must be alike.

        Raises:
            TestingError: The exploration would prove nothing; the message says what to mend.
        """
        began = time.monotonic()
        threads = set(threading.enumerate())
        with _silence(), garbage.set_aside():
            try:
                self._prepare()
                first = self.untouched
                self._report.untouched = _ending(first)
                self._check_alike(first, self._run(()), NotDeterministic)
                with suppress(Enough):
                    work(self)
                self._check_alike(first, self._run(()), Leak)
            finally:
                self._close()
        self._check_threads(threads)
        self._report.violations = _sorted(self._found)
        self._report.seconds = time.monotonic() - began
        return self._report

    def stop(self) -> None:
        """Have nothing more tried: whoever explores wants to know no more."""
        self.stopped = True
        if self._room.nursery is not None:
            self._room.nursery.close()

    @property
    def untouched(self) -> Run:
        """The run in which nothing goes wrong."""
        return self.attempt(())

    def _file(self) -> str:
        directory = TemporaryDirectory(prefix="sagas-explored-", ignore_cleanup_errors=True)
        return f"sqlite:///{Path(self._ending.enter_context(directory)) / 'journal.db'}"

    def _prepare(self) -> None:
        subject, wishes = self.subject, self._wishes
        if subject.url is None:
            return
        check_rates(subject.catalogs)
        # Whatever is wrong with the database shows here, and a file is made before time counts.
        PromptDatabase.open(subject.url, self._room.real_time, []).disconnect()
        if not wishes.processes:
            return
        setting = setting_of(
            subject.saga,
            subject.input,
            subject.catalogs,
            subject.people,
            url=subject.url,
            patience=wishes.patience,
        )
        self._room.nursery = Nursery(setting)
        check_outside(self.untouched)

    def _close(self) -> None:
        room = self._room
        if room.nursery is not None:
            room.nursery.close()
        room.threads.shutdown(wait=False)
        if room.memory is not None:
            room.memory.close()
        room.real_time.close()
        self._ending.close()

    @contextmanager
    def part(self, name: str) -> Generator[None]:
        """What is tried inside is counted under this name too."""
        began = time.monotonic()
        self._part = self._report.parts.setdefault(
            name, Report(self._report.saga, self._report.seed)
        )
        self._found_in_part = {}
        try:
            yield
        finally:
            self._part.violations = _sorted(self._found_in_part)
            self._part.seconds += time.monotonic() - began
            self._part, self._found_in_part = self._report, self._found

    def has_tried(self, kinds: Collection[Kind]) -> bool:
        """Whether a fault of one of these kinds was planned."""
        return any(fault.kind in kinds for run in self._done.values() for fault in run.faults)

    def attempt(self, faults: Sequence[Fault]) -> Run:
        """Run a schedule and judge it, unless it was run before.

        Raises:
            FaultMissed: A fault of it did not strike.
            Enough: Whoever explores wants to know no more.
        """
        code = code_of(faults)
        if code in self._done:
            return self._done[code]
        if self.stopped:
            raise Enough
        run = self._run(faults)
        self._done[code] = run
        for report in {id(self._report): self._report, id(self._part): self._part}.values():
            report.schedules += 1
            report.faults_planned += len(faults)
            report.faults_landed += len(faults) - len(run.missed)
        if run.missed:
            raise FaultMissed(
                f"{run.missed[0]} did not strike in the schedule `{code}`: {self._wishes.missed}"
            )
        self._judge(run, code)
        if self._wishes.until in self._found:
            self.stopped = True
        return run

    def _run(self, faults: Sequence[Fault]) -> Run:
        self._runs += 1
        garbage.collect(self._runs)
        self.began_at = time.monotonic()
        saga_id = self.subject.saga.short_name
        if self.subject.url is not None:
            saga_id = f"{saga_id}-{self._token}-{self._runs}"
        return Simulation(self.subject, self._room, saga_id, faults).run()

    # --- judging --------------------------------------------------------------------------------

    def _judge(self, run: Run, code: str) -> None:
        struck = [named(fault, run.seen.boundaries, run.seen.storage) for fault in run.faults]
        shown: dict[str, str] = {}
        for rule, detail in self._broken(run):
            shown.setdefault(rule, detail)
        for rule, detail in shown.items():
            violation = Violation(
                rule=rule,
                detail=detail,
                schedule=describe(struck),
                history=lines(run.history),
                ledger=tuple(run.evidence.ledger),
                seed=self.subject.seed,
                rerun=f"{self._wishes.rerun}, seed={self.subject.seed}, only={code!r})",
            )
            for found in {
                id(found): found for found in (self._found, self._found_in_part)
            }.values():
                found[rule] = shorter(violation, found.get(rule))

    def _broken(self, run: Run) -> Iterator[tuple[str, str]]:
        if run.trouble is not None:
            yield "it_comes_to_rest", run.trouble
        yield from violations(run.evidence, rested=run.rested)
        if self.subject.later:
            for told in blocked(run.history):
                yield "the_new_code_goes_on", told
        else:
            yield from unmet(self.subject.saga, run)
        for rule in self._wishes.rules:
            name = getattr(rule, "__name__", "rule")
            for detail in _told_by(rule, name, run):
                yield name, detail

    def _check_alike(
        self, first: Run, again: Run, error: type[NotDeterministic] | type[Leak]
    ) -> None:
        difference = first_difference(first.history, again.history, exact=self.subject.url is None)
        if difference is None:
            return
        if error is Leak:
            raise Leak(
                "after the exploration the same run goes another way than before it, so something "
                f"of a run went on into the next: {difference}. Keep what an action or the body "
                "remembers in the world, and forget it in `reset()`"
            )
        raise NotDeterministic(
            f"two runs in which nothing went wrong differ: {difference}. Let the body take the "
            "time, random ids and waits from `sagas` (now, uuid, sleep), and the world from "
            "nothing but its calls; and let an action keep nothing from one run to the next: no "
            "cache, and no client that belongs to an event loop"
        )

    def _check_threads(self, before: set[threading.Thread]) -> None:
        left = [
            thread
            for thread in threading.enumerate()
            if thread not in before
            and thread.is_alive()
            and not thread.name.startswith(("sagas-", "journal ", "asyncio_", "AnyIO"))
        ]
        if left:
            raise Leak(
                f"an action left the thread {left[0].name!r} running: have it end what it begins "
                "before it returns, or begin what is to live longer (a pool, a client) before you "
                "explore"
            )


def check_rates(catalogs: Iterable[Catalog]) -> None:
    """Refuse what takes real time in a database.

    Raises:
        Unexplorable: There is a limit with a rate.
    """
    for _, limit in chain.from_iterable(catalog.limits for catalog in catalogs):
        if limit.rate is not None:
            raise Unexplorable(
                f"the limit {limit.name!r} has a rate, and a database counts by its own time, over "
                "all runs: explore this catalog without url= and processes=True"
            )


def check_outside(run: Run) -> None:
    """Refuse a world that real processes cannot reach.

    Raises:
        Unexplorable: It has nothing of what they did.
    """
    steps = [step for step in run.evidence.steps.values() if step.has_effect]
    if steps and not run.evidence.ledger:
        raise Unexplorable(
            f"the journal says that {steps[0].path} took effect, and the world's ledger is empty: "
            "a process of its own reaches no world in the memory of this one. Let both use one "
            "that is outside, as `Provider(at=path)` or `HttpWorld` are"
        )


@contextmanager
def _silence() -> Generator[None]:
    """Keep what simulated processes have to say out of the log of this one."""
    log = logging.getLogger("sagas")
    log.addFilter(_is_real)
    try:
        yield
    finally:
        log.removeFilter(_is_real)


def _is_real(record: logging.LogRecord) -> bool:
    return not exploring.get()


def blocked(history: History) -> Iterator[str]:
    """What keeps other code from going on with a saga."""
    for seq, entry in history.of(InterventionOpened):
        if entry.what in BLOCKING:
            yield f"entry {seq}: {entry.question}: {entry.evidence}"


def _ending(run: Run) -> str:
    """How a saga ended; its status, if it did not."""
    evidence = run.evidence
    if evidence.end is not None:
        return evidence.end.status
    return "nothing" if evidence.history.saga is None else evidence.history.saga.status.value


def _told_by(rule: Rule, name: str, run: Run) -> list[str]:
    """What a rule of the user's finds in a run.

    Raises:
        Unexplorable: It fails, or gives something else than sentences.
    """
    where = f"the rule {name} on the schedule `{code_of(run.faults)}`"
    try:
        found: Any = rule(run.evidence)
        told = None if found is None or isinstance(found, str) else list(found)
    except Exception as error:
        raise Unexplorable(
            f"{where} failed ({in_one_line(error)}): have it yield a sentence for each "
            "violation, and raise nothing"
        ) from error
    if told is None:
        raise Unexplorable(
            f"{where} gave {found!r}: have it yield a sentence for each violation, or return a list"
        )
    return told


def shorter(new: Violation, found: Violation | None) -> Violation:
    """Of two violations of one rule that with the shorter journal; it counts both."""
    if found is None:
        return new
    kept = found if len(found.history) <= len(new.history) else new
    return replace(kept, schedules=found.schedules + 1)


def _sorted(found: dict[str, Violation]) -> list[Violation]:
    return sorted(found.values(), key=lambda violation: violation.rule)
