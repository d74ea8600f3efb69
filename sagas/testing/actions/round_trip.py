"""Whether an action and its compensation are each other's inverse, and its probe tells the truth.

Touches: the world, by way of the action.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from pydantic import JsonValue

from sagas.authoring.action import Action, Compensation
from sagas.model import Direction
from sagas.testing.actions.findings import Finding, difference, report_of
from sagas.testing.actions.inputs import inputs_of
from sagas.testing.actions.judging import (
    judged,
    nothing_shown,
    recorded,
    refuse_what_is_no_action,
    repeated,
    settled,
)
from sagas.testing.actions.trial import MOST_ATTEMPTS, Answered, Told, Trial, residue_of
from sagas.testing.actions.watching import Watched
from sagas.testing.errors import Unexplorable
from sagas.testing.report import Report
from sagas.testing.world import World

Compare: TypeAlias = Callable[[Any, Any], bool | None]


async def check_round_trip(
    action: Action[..., Any],
    *examples: object,
    world: World,
    compare: Compare | None = None,
    runs: int = 25,
    seed: int = 0,
    strategies: Mapping[Any, Any] | None = None,
) -> Report:
    """Do and undo an action, and look at the world before and after.

    - Do and undo leave the world as it was.
    - Under one key, do twice is do, where the action declares `key_ttl`.
    - Undo twice is undo, where the compensation declares `key_ttl` or `repeatable`.
    - Undo without do harms nothing, and do is undone without its result, where the compensation
      declares with `result: T | None` that it needs no known result.
    - A probe finds nothing before, and the result after, at the latest after its lag; so does the
      probe of the compensation. Asking changes nothing.
    - Each call is recorded once in the ledger of the world, under its key.
    - An error that states that nothing happened tells the truth.

    Args:
        examples: Inputs, each a mapping of the arguments by name, or the only argument itself.
            Without any, inputs are made of the parameters' types and shrunk (needs hypothesis).
        compare: Says whether the world after the undo, the second argument, is as it should be:
            it returns False or fails an `assert` if not. Without it, the two must be equal.
        runs: How many inputs are made.
        seed: The same seed makes the same inputs, with the same hypothesis and the same modules
            loaded: it also draws on the constants of your code.
        strategies: For hypothesis: strategies by parameter name or by class, for types of which
            it could not make values by itself.

    Raises:
        WorldNotReset: The world remembers something after `reset()`.
        NotDeterministic: An input was wrong once and right another time.
        Leak: A call goes on after its time was up.
        Unexplorable: There is nothing to check, an example does not fit, no input could be made,
            or no call had a result.
    """
    began = time.perf_counter()
    refuse_what_is_no_action(action, "check_round_trip")
    _refuse_if_there_is_nothing(action)
    trip = _RoundTrip(action, world, compare, seed)
    inputs = inputs_of(action, examples, strategies=strategies, runs=runs, seed=seed)
    found = await inputs.tried(trip)
    if not found and not trip.done:
        raise nothing_shown(action, trip.last)
    compared = ", compare=..." if compare is not None else ""
    again = f"await check_round_trip({action.__name__}, {{input}}world=...{compared})"
    return report_of(
        action.name,
        found,
        again=again,
        runs=trip.trials,
        seed=seed,
        seconds=time.perf_counter() - began,
    )


def _refuse_if_there_is_nothing(action: Action[..., Any]) -> None:
    keyed = action.options.key_ttl is not None
    if action.undo is None and action.asks is None and not keyed:
        raise Unexplorable(
            f"{action.name} is {action.options.reversibility} and has no compensation, no probe and "
            "no key_ttl, so there is no round trip: use check_declared_class"
        )


@dataclass(frozen=True, slots=True)
class _Undone:
    """What became of an undo, and after how many attempts."""

    answer: Answered
    attempts: int


class _RoundTrip:
    """Tries one input after another."""

    def __init__(
        self, action: Action[..., Any], world: World, compare: Compare | None, seed: int
    ) -> None:
        self.done = self.trials = 0
        self.last: Answered | None = None
        self._action = action
        self._world = Watched(world)
        self._compare = compare
        self._seed = seed

    async def __call__(self, encoded: bytes, /) -> Sequence[Finding]:
        """What is wrong with one input."""
        found = await self._there_and_back(await self._trial(encoded))
        if self._action.options.key_ttl is not None:
            trial = await self._trial(encoded)
            found += await repeated(trial, "do_twice_is_do_once", keyed=True)
        undo = self._action.undo
        if undo is not None and undo.binding.accepts_unknown:
            found += await self._only_back(await self._trial(encoded), undo)
            found += await self._back_blindly(await self._trial(encoded), undo)
        return found

    async def _trial(self, encoded: bytes) -> Trial:
        self.trials += 1
        trial = Trial(self._action, self._world, encoded, number=self.trials, seed=self._seed)
        return await trial.begin()

    # --- there --------------------------------------------------------------------------------

    async def _there_and_back(self, trial: Trial) -> list[Finding]:
        before = await trial.read_before()
        if before.told is not Told.DONE:
            said = f"the before-image reader raised {before.error}"
            return [await trial.finding("before_image_is_read", said)]
        found = await self._nothing_found(trial)
        told = await trial.do()
        found += await judged(trial, told)
        told = self.last = await settled(trial, told)
        if told.told is not Told.DONE or told.payload is None:
            return found
        self.done += 1
        found += await self._result_found(trial, told.payload)
        if self._action.undo is None or not trial.reversibility.is_undoable:
            return found
        return found + await self._back(trial, self._action.undo, told.payload, before.payload)

    async def _nothing_found(self, trial: Trial) -> list[Finding]:
        """Ask before the call. Neither this nor the before-image may change anything."""
        told = await trial.probe()
        changed = difference(trial.begun, await trial.world.snapshot())
        if changed or await trial.world.ledger():
            said = f"a probe or a before-image changed the world: {changed or 'see its ledger'}"
            return [await trial.finding("asking_changes_nothing", said)]
        if self._action.asks is None:
            return []
        if told.told is not Told.DONE:
            return [await trial.finding("probe_tells_the_truth", f"it raised {told.error}")]
        if told.payload is not None:
            said = "it found a call that was never made"
            return [await trial.finding("probe_tells_the_truth", said)]
        return []

    async def _result_found(self, trial: Trial, result: bytes) -> list[Finding]:
        """Ask after the call."""
        asks = self._action.asks
        if asks is None:
            return []
        held = await trial.world.snapshot()
        told = await trial.probe()
        if told.told is Told.DONE and told.payload is None and asks.lag:
            await trial.after(asks.lag)
            told = await trial.probe()
        changed = difference(held, await trial.world.snapshot())
        if changed:
            said = f"the probe changed the world: {changed}"
            return [await trial.finding("asking_changes_nothing", said)]
        said = self._untrue(told, result)
        return [await trial.finding("probe_tells_the_truth", said)] if said else []

    def _untrue(self, told: Answered, result: bytes) -> str:
        if told.told is not Told.DONE:
            return f"it raised {told.error}"
        if told.payload is None:
            return "it found no trace of a call that had taken effect; a lag must be declared"
        if not self._action.result.same(told.payload, result):
            return f"it found {told.payload.decode()}, and the call had returned {result.decode()}"
        return ""

    # --- and back -----------------------------------------------------------------------------

    async def _back(
        self, trial: Trial, undo: Compensation, result: bytes, before: bytes | None
    ) -> list[Finding]:
        held, done = await trial.world.snapshot(), len(await trial.world.ledger())
        found = await self._undo_probed(trial, undo, result, before, expected=False)
        undone = await self._undone(trial, undo, result, before)
        if undone.answer.told is not Told.DONE:
            return found + await self._unanswered(trial, undone.answer, "undo_answers")
        found += await self._undo_recorded(trial, undo, held, done, undone.attempts)
        found += await self._restored(trial, undo, undone.answer, "undo_restores")
        found += await self._undo_probed(trial, undo, result, before, expected=True)
        if undo.options.key_ttl is not None or undo.options.repeatable:
            found += await self._undo_again(trial, undo, result, before, undone.attempts)
        return found

    async def _undone(
        self, trial: Trial, undo: Compensation, result: bytes | None, before: bytes | None
    ) -> _Undone:
        """Undo as a saga would: again if it was refused, or lost where that does no harm."""
        may_repeat = undo.options.key_ttl is not None or undo.options.repeatable
        attempts = 0
        while True:
            attempts += 1
            told = await trial.undo(undo, result, before, attempts)
            goes_on = told.told is Told.REFUSED or (told.told is Told.LOST and may_repeat)
            if not goes_on or attempts == MOST_ATTEMPTS:
                break
        if told.told is Told.LOST and undo.asks is not None:
            asked = await trial.probe_undo(undo, result, before)
            told = Answered(Told.DONE) if asked.value is True else told
        return _Undone(told, attempts)

    async def _unanswered(self, trial: Trial, told: Answered, rule: str) -> list[Finding]:
        if told.is_transport:
            return []
        return [await trial.finding(rule, f"the compensation raised {told.error}")]

    async def _undo_recorded(
        self, trial: Trial, undo: Compensation, held: JsonValue, done: int, attempts: int
    ) -> list[Finding]:
        """Look at what the undo added to the `done` effects that there were before."""
        effects = (await trial.world.ledger())[done:]
        changed = difference(held, await trial.world.snapshot())
        if changed and not effects:
            said = f"the compensation changed the world, and its ledger does not say so: {changed}"
            return [await trial.finding("effects_are_recorded", said)]
        return await recorded(trial, effects, undo.options, Direction.UNDO, attempts=attempts)

    async def _restored(
        self, trial: Trial, undo: Compensation, told: Answered, rule: str
    ) -> list[Finding]:
        now = await trial.world.snapshot()
        differs = difference(trial.begun, now)
        if self._compare is not None:
            said = _verdict(self._compare, trial.begun, now, differs)
            return [await trial.finding(rule, said)] if said else []
        if not differs:
            return []
        residue = residue_of(undo, told.value)
        if residue is None:
            said = f"the world is not as it was: {differs}"
            return [await trial.finding(rule, said)]
        said = (
            f"it leaves a residue ({residue}), and the world is not as it was: {differs}; pass "
            "compare=, a function of the world before and after, that says what may remain"
        )
        return [await trial.finding("residue_is_compared", said)]

    async def _undo_probed(
        self,
        trial: Trial,
        undo: Compensation,
        result: bytes,
        before: bytes | None,
        *,
        expected: bool,
    ) -> list[Finding]:
        if undo.asks is None:
            return []
        told = await trial.probe_undo(undo, result, before)
        if expected and told.value is False and undo.asks.lag:
            await trial.after(undo.asks.lag)
            told = await trial.probe_undo(undo, result, before)
        if told.told is not Told.DONE:
            said = f"the probe of the compensation raised {told.error}"
        elif told.value is not expected:
            when = "after" if expected else "before"
            said = f"the probe of the compensation says {told.value!r} {when} the undo"
        else:
            return []
        return [await trial.finding("probe_tells_the_truth", said)]

    async def _undo_again(
        self, trial: Trial, undo: Compensation, result: bytes, before: bytes | None, attempts: int
    ) -> list[Finding]:
        rule = "undo_twice_is_undo_once"
        held, ledger = await trial.world.snapshot(), await trial.world.ledger()
        told = await trial.undo(undo, result, before, attempts + 1)
        if told.told is not Told.DONE:
            return await self._unanswered(trial, told, rule)
        differs = difference(held, await trial.world.snapshot())
        if differs:
            said = f"a second undo under the same key changed the world: {differs}"
            return [await trial.finding(rule, said)]
        more = len(await trial.world.ledger()) - len(ledger)
        if more and undo.options.key_ttl is not None:
            said = f"a second undo under the same key had {more} more effects"
            return [await trial.finding(rule, said)]
        return []

    # --- without knowing ----------------------------------------------------------------------

    async def _only_back(self, trial: Trial, undo: Compensation) -> list[Finding]:
        """Undo what was never done, as a saga may where the compensation allows it."""
        rule = "undo_without_do_harms_nothing"
        before = await trial.read_before()
        if not trial.reversibility.is_undoable:
            return []
        undone = await self._undone(trial, undo, None, before.payload)
        if undone.answer.told is not Told.DONE:
            return await self._unanswered(trial, undone.answer, rule)
        differs = difference(trial.begun, await trial.world.snapshot())
        said = f"undoing a call that was never made changed the world: {differs}"
        return [await trial.finding(rule, said)] if differs else []

    async def _back_blindly(self, trial: Trial, undo: Compensation) -> list[Finding]:
        """Undo what was done, without its result."""
        rule = "undo_without_result_restores"
        before = await trial.read_before()
        told = await settled(trial, await trial.do())
        if told.told is not Told.DONE or not trial.reversibility.is_undoable:
            return []
        undone = await self._undone(trial, undo, None, before.payload)
        if undone.answer.told is not Told.DONE:
            return await self._unanswered(trial, undone.answer, rule)
        return await self._restored(trial, undo, undone.answer, rule)


def _verdict(compare: Compare, before: JsonValue, after: JsonValue, differs: str) -> str:
    """What `compare` finds wrong; empty if nothing."""
    where = differs or "nothing differs"
    try:
        is_well = compare(before, after)
    except AssertionError as error:
        return f"compare= says: {str(error) or 'an assertion failed'}; {where}"
    return f"compare= says no: {where}" if is_well is False else ""
