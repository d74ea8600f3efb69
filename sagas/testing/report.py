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
        more = "" if self.schedules == 1 else f" (and in {self.schedules - 1:,} other schedules)"
        lines = [f"{self.rule}: {self.detail}", f"  when: {self.schedule}{more}"]
        lines += [f"  {line}" for line in self.history]
        lines += [f"  effect: {' '.join(effect)}" for effect in self.ledger]
        return "\n".join([*lines, f"  again: {self.rerun}"])


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
        parts: The same figures for each explorer that took part.
    """

    saga: str
    seed: int = 0
    schedules: int = 0
    faults_planned: int = 0
    faults_landed: int = 0
    violations: list[Violation] = field(default_factory=list[Violation])
    seconds: float = 0.0
    parts: dict[str, "Report"] = field(default_factory=dict[str, "Report"])

    @property
    def summary(self) -> str:
        """One line."""
        found = len(self.violations)
        return (
            f"{self.saga}: {self.schedules:,} schedules, {self.faults_planned:,} faults planned, "
            f"{self.faults_landed:,} landed, {found} violation{'' if found == 1 else 's'}, "
            f"{self.seconds:.1f} s, seed {self.seed}"
        )

    def check(self) -> None:
        """Raise an `AssertionError` that shows every violation, if there is one."""
        if self.violations:
            shown = "\n\n".join(str(violation) for violation in self.violations)
            raise AssertionError(f"{self.summary}\n\n{shown}")

    def __str__(self) -> str:
        return "\n\n".join([self.summary, *(str(violation) for violation in self.violations)])
