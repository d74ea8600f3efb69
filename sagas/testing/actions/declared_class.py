"""Whether an action is what its declaration says: its class, its key, its definite errors.

Touches: the world, by way of the action.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from compensations.plan import Effect, Standing, plan
from reversibility import ClassUpgrade, ObservabilityKind, Reversibility
from sagas import decide
from sagas.authoring.action import Action
from sagas.decide import CallPolicy
from sagas.state import Phase, Track
from sagas.testing.actions.findings import Finding, difference, report_of, smallest
from sagas.testing.actions.inputs import inputs_of
from sagas.testing.actions.judging import (
    judged,
    nothing_shown,
    refuse_what_is_no_action,
    repeated,
    settled,
)
from sagas.testing.actions.trial import Answered, Told, Trial
from sagas.testing.actions.watching import Watched
from sagas.testing.report import Report
from sagas.testing.world import World


async def check_declared_class(
    action: Action[..., Any],
    *examples: object,
    world: World,
    runs: int = 25,
    seed: int = 0,
    strategies: Mapping[Any, Any] | None = None,
) -> Report:
    """Call an action, and see whether the world agrees with what the action declares.

    - A read-only action changes nothing.
    - Any other has one effect, recorded under the key of its step.
    - With `key_ttl`, one key is one effect and two keys are two; with `repeatable`, a repetition
      changes nothing more.
    - An irreversible action has a gate or a waiver, and no compensation; one that can be undone
      has a compensation that the planner calls.
    - Where nothing can tell what became of a call, it is never repeated by itself.
    - An error that states that nothing happened tells the truth, and an error after which nothing
      has happened states it.

    Args:
        examples: Inputs, each a mapping of the arguments by name, or the only argument itself.
            Without any, inputs are made of the parameters' types and shrunk (needs hypothesis).
        runs: How many inputs are made.
        seed: The same seed makes the same inputs, with the same hypothesis and the same modules
            loaded: it also draws on the constants of your code.
        strategies: For hypothesis: strategies by parameter name or by class, for types of which
            it could not make values by itself.

    Raises:
        WorldNotReset: The world remembers something after `reset()`.
        NotDeterministic: An input was wrong once and right another time.
        Leak: A call goes on after its time was up.
        Unexplorable: An example does not fit, no input could be made, or no call had a result.
    """
    began = time.perf_counter()
    refuse_what_is_no_action(action, "check_declared_class")
    declared = _DeclaredClass(action, world, seed)
    inputs = inputs_of(action, examples, strategies=strategies, runs=runs, seed=seed)
    found = smallest([*_of_the_declaration(action), *await inputs.tried(declared)])
    if not found and not declared.done:
        raise nothing_shown(action, declared.last)
    again = f"await check_declared_class({action.__name__}, {{input}}world=...)"
    return report_of(
        action.name,
        found,
        again=again,
        runs=declared.trials,
        seed=seed,
        seconds=time.perf_counter() - began,
    )


def _of_the_declaration(action: Action[..., Any]) -> Iterator[Finding]:
    """What can be seen without calling anything."""
    reversibility = action.options.reversibility
    if action.undo is not None and not reversibility.is_undoable:
        yield _declared(
            "irreversible_has_no_compensation",
            f"{action.name} is {reversibility} and has the compensation {action.undo.name}, "
            "which no unwind ever calls",
        )
    for direction, policy in _policies(action):
        if _is_repeated_blindly(policy, undo=direction == "undo"):
            yield _declared(
                "keyless_is_never_repeated",
                f"{action.name}: after a lost answer its {direction} would be called again, though "
                "no key, no probe and no `repeatable` says that this is safe",
            )


def _declared(rule: str, detail: str) -> Finding:
    return Finding(rule, detail, "", "nothing was called")


def _policies(action: Action[..., Any]) -> Iterator[tuple[str, CallPolicy]]:
    yield "do", action.policy(action.options.reversibility)
    if action.undo is not None:
        yield "undo", action.undo.policy()


def _is_repeated_blindly(policy: CallPolicy, *, undo: bool) -> bool:
    """Whether the rules would repeat a call in doubt that nothing can settle."""
    blind = policy.observability.kind is ObservabilityKind.NEITHER
    if not blind or not policy.reversibility.has_effect:
        return False
    track = Track(phase=Phase.IN_DOUBT, seq=1, attempts=1, failures=1, key="key", doubt=True)
    if undo:
        return isinstance(decide.undo(track, policy, 0), decide.Act)
    moves = [
        decide.forward(track, policy, 0, past_pivot=False),
        decide.forward(track, policy, 0, past_pivot=True),
        decide.settle(track, policy, 0),
    ]
    return any(isinstance(move, decide.Act) for move in moves)


class _DeclaredClass:
    """Tries one input after another."""

    def __init__(self, action: Action[..., Any], world: World, seed: int) -> None:
        self.done = self.trials = 0
        self.last: Answered | None = None
        self._action = action
        self._world = Watched(world)
        self._seed = seed

    async def __call__(self, encoded: bytes, /) -> Sequence[Finding]:
        """What is wrong with one input."""
        trial = await self._trial(encoded)
        try:
            reversibility = trial.reversibility
        except ClassUpgrade as error:
            return [await trial.finding("classes_only_get_worse", str(error))]
        found = await self._handled(trial, reversibility)
        found += await self._called(trial, reversibility)
        if not reversibility.has_effect:
            return found
        if self._action.options.key_ttl is not None:
            found += await repeated(await self._trial(encoded), "one_key_is_one_effect", keyed=True)
            found += await self._two_keys(await self._trial(encoded))
        elif self._action.options.repeatable:
            again = await self._trial(encoded)
            found += await repeated(again, "repetition_does_no_harm", keyed=False)
        return found

    async def _trial(self, encoded: bytes) -> Trial:
        self.trials += 1
        trial = Trial(self._action, self._world, encoded, number=self.trials, seed=self._seed)
        return await trial.begin()

    async def _handled(self, trial: Trial, reversibility: Reversibility) -> list[Finding]:
        """Whether there is a person, or a compensation, where the class needs one."""
        action = self._action
        gate = action.gate(reversibility) or action.waiver
        if reversibility.needs_approval and gate is None:
            said = f"{action.name} is {reversibility} for this input, and nobody is asked"
            return [await trial.finding("irreversible_has_a_gate", said)]
        if reversibility.is_undoable and (action.undo is None or not _is_planned(action)):
            said = f"{action.name} is {reversibility}, and an unwind finds no compensation for it"
            return [await trial.finding("undoable_has_a_compensation", said)]
        return []

    async def _called(self, trial: Trial, reversibility: Reversibility) -> list[Finding]:
        told = await trial.do()
        found = await judged(trial, told)
        if not reversibility.has_effect:
            found = [*await self._only_read(trial), *found]
        told = self.last = await settled(trial, told)
        self.done += told.told is Told.DONE
        return found

    async def _only_read(self, trial: Trial) -> list[Finding]:
        changed = difference(trial.begun, await trial.world.snapshot())
        ledger = await trial.world.ledger()
        if not changed and not ledger:
            return []
        said = f"it is declared read-only, and had an effect: {changed or tuple(ledger[0])}"
        return [await trial.finding("read_only_changes_nothing", said)]

    async def _two_keys(self, trial: Trial) -> list[Finding]:
        """Two calls of one saga with the same input are two, and neither swallows the other."""
        if (await trial.do()).told is Told.REFUSED or not await trial.world.ledger():
            return []
        if (await trial.do(ordinal=2)).told is not Told.DONE:
            return []  # the destination may have room for one only
        keys = {effect.key for effect in await trial.world.ledger()}
        if trial.key(ordinal=2) in keys:
            return []
        said = (
            "a second step with the same input, and a key of its own, had no effect under it: "
            "send current_step().idempotency_key, not a key made of the input"
        )
        return [await trial.finding("two_keys_are_two_effects", said)]


def _is_planned(action: Action[..., Any]) -> bool:
    """Whether the planner undoes a step of this action that has taken effect."""
    done = Effect("check/1", 1, action.name, action.options.reversibility, Standing.DONE)
    return done in plan([done])
