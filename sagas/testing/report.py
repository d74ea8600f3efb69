"""What an exploration found.

Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that must hold, and did not.

    Attributes:
        rule: The name of the rule, such as `every_effect_was_intended`.
        detail: What was seen, in one sentence.
        schedule: What was done to the saga: the faults, in order.
        history: The shortest journal that shows it, one line for each entry.
        ledger: What the world had recorded by then.
        seed: The exploration's seed.
        schedules: In how many schedules it was seen.
        rerun: What makes this one schedule happen again.
    """

    rule: str
    detail: str
    schedule: str
    history: Sequence[str] = ()
    ledger: Sequence[tuple[str, str, str]] = ()
    seed: int = 0
    schedules: int = 1
    rerun: str = ""

    def __str__(self) -> str:
        return shown([self])


@dataclass(slots=True)
class Report:
    """What an exploration did, and what it found.

    Attributes:
        saga: The saga's name.
        schedules: How many runs there were, each with another schedule of faults.
        faults_planned: How many faults they should have met.
        faults_landed: How many they did meet: the same number, or the exploration fails.
        violations: What must hold and did not: each rule once, with its shortest journal.
        seconds: How long it took.
        untouched: How the saga ended when nothing went wrong, or its status if it did not: what
            is no `completed` may be an input or a world that the saga never gets through.
        parts: The same figures for each explorer that took part.
    """

    saga: str
    seed: int = 0
    schedules: int = 0
    faults_planned: int = 0
    faults_landed: int = 0
    violations: list[Violation] = field(default_factory=list[Violation])
    seconds: float = 0.0
    untouched: str = "completed"
    parts: dict[str, "Report"] = field(default_factory=dict[str, "Report"])

    @property
    def summary(self) -> str:
        """One line."""
        untouched = "" if self.untouched == "completed" else f", untouched it is {self.untouched}"
        return (
            f"{self.saga}: {_counted(self.schedules, 'schedule')}, "
            f"{_counted(self.faults_planned, 'fault')} planned, {self.faults_landed:,} landed, "
            f"{_counted(len(self.violations), 'violation')}, {self.seconds:.1f} s, seed {self.seed}"
            f"{untouched}"
        )

    def check(self) -> None:
        """Raise an `AssertionError` that shows every violation, if there is one."""
        __tracebackhide__ = True
        if self.violations:
            raise AssertionError(str(self))

    def __str__(self) -> str:
        return "\n\n".join([self.summary, *map(shown, _by_journal(self.violations))])


def shown(violations: Sequence[Violation]) -> str:
    """Violations of one schedule, and its journal once."""
    first = violations[0]
    others = max(violation.schedules for violation in violations) - 1
    more = f" (and in {_counted(others, 'other schedule')})" if others else ""
    lines = [f"{violation.rule}: {violation.detail}" for violation in violations]
    lines += [f"  when: {first.schedule}{more}", *(f"  {line}" for line in first.history)]
    lines += [f"  effect: {' '.join(effect)}" for effect in first.ledger]
    return "\n".join([*lines, f"  again: {first.rerun}"])


def _by_journal(violations: Sequence[Violation]) -> list[list[Violation]]:
    """Those that one journal shows together."""
    found = dict[tuple[object, ...], list[Violation]]()
    for violation in violations:
        place = violation.schedule, violation.rerun, *violation.history, *violation.ledger
        found.setdefault(place, []).append(violation)
    return list(found.values())


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
