"""What every check asks about a call: was it recorded, under its key, once, and told truly?

Touches: the world, by way of the trial.
"""

from collections.abc import Sequence
from typing import Any

from sagas.authoring.action import Action
from sagas.authoring.options import Options
from sagas.model import Direction
from sagas.testing.actions.findings import Finding, difference
from sagas.testing.actions.trial import MOST_ATTEMPTS, Answered, Told, Trial
from sagas.testing.errors import Unexplorable
from sagas.testing.world import Effect


async def judged(trial: Trial, told: Answered) -> list[Finding]:
    """What is wrong with the first call of an action, as the world shows it."""
    ledger = await trial.world.ledger()
    changed = difference(trial.begun, await trial.world.snapshot())
    found = [*await _explained(trial, told, ledger, changed)]
    if not trial.reversibility.has_effect:
        return found
    if told.told is Told.DONE and not ledger:
        found.append(
            await trial.finding(
                "effects_are_recorded",
                f"{trial.action.name} is {trial.reversibility} and returned, and the ledger of the "
                "world is empty: let the world record what the action does, or declare it read-only",
            )
        )
    return [*found, *await recorded(trial, ledger, trial.action.options, Direction.DO)]


async def _explained(
    trial: Trial, told: Answered, ledger: Sequence[Effect], changed: str
) -> list[Finding]:
    happened = bool(ledger or changed)
    if told.told is Told.REFUSED and happened:
        what = changed or f"{len(ledger)} effects in the ledger"
        return [
            await trial.finding(
                "definite_means_nothing_happened",
                f"it raised {told.error}, which states that nothing happened, and it did: {what}",
            )
        ]
    if told.told is Told.LOST and not told.is_transport and not happened:
        return [
            await trial.finding(
                "errors_are_explained",
                f"it raised {told.error} and nothing happened, but a saga cannot know that, and "
                "would leave the step in doubt: mend it, name the error in definite=, "
                "or raise NotExecuted",
            )
        ]
    if told.told is Told.DONE and told.payload is None:
        return [await trial.finding("results_are_storable", told.error)]
    return []


async def recorded(
    trial: Trial,
    effects: Sequence[Effect],
    options: Options,
    direction: Direction,
    *,
    attempts: int = 1,
) -> list[Finding]:
    """What is wrong with the entries in the ledger of one call.

    Args:
        attempts: How many attempts there were; only of one is it known that it has one effect.
    """
    key, found = trial.key(direction), list[Finding]()
    # A destination that knows no keys has none to record.
    allowed = {key} if options.key_ttl is not None else {key, ""}
    strays = [effect for effect in effects if effect.key not in allowed]
    if strays:
        found.append(
            await trial.finding(
                "effects_carry_the_key",
                f"{strays[0].name!r} was done under the key {strays[0].key!r} and not under the "
                f"step's, {key!r}: send current_step().idempotency_key",
            )
        )
    wrong = [effect for effect in effects if effect.direction != direction]
    if wrong:
        found.append(
            await trial.finding(
                "effects_tell_their_direction",
                f"{wrong[0].name!r} is recorded as {wrong[0].direction!r}, not as {direction.value!r}",
            )
        )
    if len(effects) > 1 and attempts == 1:
        names = ", ".join(effect.name for effect in effects)
        found.append(
            await trial.finding(
                "one_effect_a_step",
                f"one call had {len(effects)} effects ({names}), of which a crash can leave some "
                "behind: make each an action of its own, and repeat nothing inside an action",
            )
        )
    return found


async def settled(trial: Trial, told: Answered) -> Answered:
    """What a saga would learn of a call whose answer was lost: by its key, or by its probe."""
    options, attempt = trial.action.options, 1
    may_repeat = options.key_ttl is not None or options.repeatable
    while told.told is Told.LOST and may_repeat and attempt < MOST_ATTEMPTS:
        attempt += 1
        told = await trial.do(attempt)
    if told.told is Told.LOST and trial.action.asks is not None:
        found = await trial.probe()
        return found if found.payload is not None else told
    return told


async def repeated(trial: Trial, rule: str, *, keyed: bool) -> list[Finding]:
    """What is wrong if a call that was answered is made again under the same key.

    Args:
        keyed: Whether the destination knows the key, so that it answers as it did before and has
            no second effect; otherwise a repetition only does no harm.
    """
    first = await settled(trial, await trial.do())
    if first.told is not Told.DONE:
        return []
    held, ledger = await trial.world.snapshot(), await trial.world.ledger()
    again = await trial.do(2)
    if again.told is not Told.DONE:
        said = f"the second call under the same key raised {again.error}"
        return [] if again.is_transport else [await trial.finding(rule, said)]
    differs = difference(held, await trial.world.snapshot())
    if differs:
        said = f"a second call under the same key changed the world: {differs}"
        return [await trial.finding(rule, said)]
    more = len(await trial.world.ledger()) - len(ledger)
    if keyed and more:
        said = f"a second call under the same key had {more} more effects"
        return [await trial.finding(rule, said)]
    if keyed and not _same(trial.action, first.payload, again.payload):
        return [await trial.finding(rule, "a second call under the same key got another result")]
    return []


def _same(action: Action[..., Any], first: bytes | None, second: bytes | None) -> bool:
    if first is None or second is None:
        return first == second
    return action.result.same(first, second)


def refuse_what_is_no_action(given: object, check: str) -> None:
    """See that an action is what was handed over.

    Raises:
        Unexplorable: It is something else.
    """
    if not isinstance(given, Action):
        raise Unexplorable(
            f"{check} takes an action, made by @catalog.action(...), not {given!r}: "
            "pass the decorated name itself"
        )


def nothing_shown(action: Action[..., Any], last: Answered | None) -> Unexplorable:
    """The error for a check in which no call was ever answered."""
    why = f"; the last one said: {last.error}" if last is not None else ""
    return Unexplorable(
        f"no call of {action.name} had a result, so nothing is shown{why}: "
        "pass examples that its world accepts, or a world that answers"
    )
