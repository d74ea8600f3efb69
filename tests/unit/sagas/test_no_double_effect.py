"""Every short life of a step against a destination that loses answers, workers and memory.

The rules are asked for the next move, a destination that is as hostile as its contract allows plays
along, and the entries that the interpreter would write are folded. All lives up to a number of
choices are played. Nothing here knows how the rules reach their answers.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from reversibility import Reversibility
from sagas import entries as e
from sagas.decide import (
    Act,
    Ask,
    CallPolicy,
    CompensateUnknown,
    KnownAbsent,
    Move,
    Probe,
    Settled,
    Unwind,
    Wait,
    answer_settles,
    forward,
    settle,
)
from sagas.state import Phase
from tests.unit.sagas.script import KEY_TTL, LAG, PATH, SECOND, START, TIMEOUT, Script, policy

R = Reversibility
CHOICES = 9
TTL = KEY_TTL.total_seconds() * SECOND


class TooLong(Exception):
    """The life has used up its choices."""


@dataclass
class Fate:
    """Answers every question of a life; `lives` goes through all answers."""

    prefix: list[int]
    most: int = CHOICES
    widths: list[int] = field(default_factory=list[int])

    def choose(self, options: int) -> int:
        asked = len(self.widths)
        if asked == self.most:
            raise TooLong
        self.widths.append(options)
        if asked == len(self.prefix):
            self.prefix.append(0)
        return self.prefix[asked]


def fates(most: int = CHOICES) -> Iterator[Fate]:
    """Every sequence of answers, in order."""
    prefix: list[int] | None = []
    while prefix is not None:
        fate = Fate(prefix, most)
        yield fate
        prefix = following(fate)


def following(fate: Fate) -> list[int] | None:
    answers = fate.prefix[: len(fate.widths)]
    while answers:
        if answers[-1] + 1 < fate.widths[len(answers) - 1]:
            return [*answers[:-1], answers[-1] + 1]
        answers.pop()
    return None


class Destination:
    """Does what it is called for, once per key while it remembers the key, and may be asked."""

    def __init__(self, rules: CallPolicy) -> None:
        self.has_key = rules.observability.key_ttl is not None
        self.effects: list[int] = []
        self.refused_for_ever = False
        self.under_way: list[int] = []

    def catch_up(self, now: int) -> None:
        """Calls of lost workers arrive at the last moment they can."""
        for due in [due for due in self.under_way if due <= now]:
            self.under_way.remove(due)
            self.arrive(due)

    def arrive(self, at: int) -> None:
        remembers = self.has_key and at < START + TTL
        if remembers and (self.effects or self.refused_for_ever):
            return
        self.effects.append(at)

    def may_refuse(self, now: int) -> bool:
        """Under a key it remembers, it answers a repetition as it answered the first call."""
        return not (self.has_key and now < START + TTL and self.effects)

    def refuse(self, now: int) -> None:
        self.refused_for_ever = self.has_key and now < START + TTL

    def shows(self, now: int) -> bool:
        """It shows an effect at the last moment that its lag allows."""
        return any(at + LAG <= now for at in self.effects)


class Life:
    """One step, from its first call until nothing can be done without a person."""

    def __init__(self, rules: CallPolicy, fate: Fate) -> None:
        self.rules = rules
        self.fate = fate
        self.script = Script()
        self.destination = Destination(rules)
        self.person = False
        self.over = False

    def play(self) -> None:
        try:
            while not self.over:
                self._move()
        except TooLong:
            pass
        self.script.later(10 * TIMEOUT)
        self.destination.catch_up(self.script.now)

    @property
    def unwinding(self) -> bool:
        return self.script.state.unwinding

    def _move(self) -> None:
        self.destination.catch_up(self.script.now)
        if PATH not in self.script.state.steps:
            self._act()
            return
        match self._next():
            case Act():
                self._check_call()
                self._act()
            case Probe(counts):
                self._probe(counts=counts)
            case Wait(until):
                assert until > self.script.now
                self.script.now = until
            case Ask():
                self._ask()
            case move:
                self._conclude(move)

    def _conclude(self, move: Move) -> None:
        match move:
            case KnownAbsent():
                self._check_absent()
                self.script.fail()
            case Unwind():
                self.script.unwind()
            case _:
                assert isinstance(move, Settled | CompensateUnknown)
                self.over = True

    def _next(self) -> Move:
        track, now = self.script.step().forward, self.script.now
        if not self.unwinding and track.phase is Phase.IN_DOUBT and self.fate.choose(2):
            self.script.unwind()
        if self.unwinding:
            return settle(track, self.rules, now)
        return forward(track, self.rules, now, past_pivot=False)

    # --- what must hold -----------------------------------------------------------------------

    def _check_call(self) -> None:
        """A repetition needs a read, a key that is remembered, an absence, or a person."""
        track = self.script.step().forward
        has_effect = self.rules.reversibility.has_effect
        if self.unwinding:
            assert self.rules.reversibility.is_undoable
        if has_effect and track.doubt and not self.person:
            key_ttl = self.rules.observability.key_ttl
            keyed = key_ttl is not None and self.script.now + TIMEOUT < START + TTL
            assert keyed or self.rules.observability.repeatable or track.absent

    def _check_absent(self) -> None:
        """What is called absent has had no effect and never will."""
        if self.rules.reversibility.has_effect and not self.person:
            assert not self.destination.effects
            assert not self.destination.under_way or self.destination.refused_for_ever

    # --- what may happen ----------------------------------------------------------------------

    def _act(self) -> None:
        self.script.intend(reversibility=self.rules.reversibility)
        now = self.script.now
        match self.fate.choose(7):
            case 0:
                self.destination.arrive(now)
                self.script.later(SECOND).succeed()
                self.over = True
            case 1:
                self._refuse()
            case 2:
                self.destination.arrive(now + TIMEOUT)
                self.script.later(TIMEOUT).doubt()
            case 3:
                self.script.later(SECOND).doubt()
            case 4:
                self.destination.under_way.append(now + TIMEOUT)
                self.script.later(SECOND).crash()
            case 5:
                self.destination.arrive(now)
                self.script.later(10 * TIMEOUT).crash()
            case _:
                self._refuse(again=True)

    def _refuse(self, *, again: bool = False) -> None:
        script = self.script
        if not self.destination.may_refuse(script.now):
            script.later(SECOND).succeed()
            self.over = True
            return
        settles = answer_settles(script.step().forward, self.rules, script.now)
        if not settles:
            script.doubt()
        elif again:
            script.refuse(until=script.now + SECOND)
        else:
            self.destination.refuse(script.now)
            self._check_absent()
            script.fail()
            self.over = True

    def _probe(self, *, counts: bool) -> None:
        if self.fate.choose(2):
            self.script.probed("failed")
        elif self.destination.shows(self.script.now):
            self.script.probed("found", counts=True).succeed()
            self.over = True
        else:
            self.script.probed("absent", counts=counts)

    def _ask(self) -> None:
        if self.unwinding or self.fate.choose(2):
            self.over = True
            return
        self.person = True
        self.script.ask().answer("retry")


OBSERVED: dict[str, dict[str, bool]] = {
    "neither": {},
    "key": {"key": True},
    "probe": {"probe": True},
    "both": {"key": True, "probe": True},
}
CLASSES = [R.READ_ONLY, R.COMPENSATABLE, R.IRREVERSIBLE]


@pytest.mark.parametrize("reversibility", CLASSES)
@pytest.mark.parametrize("observed", OBSERVED)
def test_no_life_of_a_step_has_two_effects_or_forgets_one(
    observed: str, reversibility: Reversibility
) -> None:
    lives = 0
    for fate in fates():
        life = Life(policy(reversibility, attempts=2, **OBSERVED[observed]), fate)
        life.play()
        lives += 1
        step = life.script.step()
        effects = len(life.destination.effects)

        if reversibility.has_effect and not life.person:
            assert effects <= 1, fate.prefix
        if step.forward.phase is Phase.FAILED and reversibility.has_effect and not life.person:
            assert not effects, fate.prefix
        if step.forward.phase is Phase.SUCCEEDED:
            assert effects, fate.prefix
    assert lives > 50


def test_what_is_repeatable_is_never_put_before_a_person_going_forward() -> None:
    for fate in fates(6):
        life = Life(policy(R.REVERSIBLE, attempts=2, repeatable=True), fate)
        life.play()

        assert not life.person


def test_a_failure_is_written_only_where_no_attempt_is_in_doubt() -> None:
    """But for reads, and for what a live key or a counting absence has settled."""
    for fate in fates():
        life = Life(policy(R.COMPENSATABLE, attempts=2), fate)
        life.play()
        step = life.script.step()

        if step.forward.phase is Phase.FAILED and not life.person:
            assert not any(isinstance(entry, e.FoundInDoubt) for entry in life.script.written), (
                fate.prefix
            )
