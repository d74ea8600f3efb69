"""The unwind planner: what is undone, in which order, and what holds it up.

The plan is made from what the journal says was done, never by running the body again.

- *Order* is reverse order of the intents. It is an order, not a dependency: while a later effect
  is being undone an earlier one waits, but a later one that is stuck holds up only what it
  depends on.
- *Windows* come before order: of effects that can be undone for a while only, the one whose window
  closes next goes first, and whatever has to be undone before it goes before it.
- *Dependencies* are declared (`after`), or equal conflict keys, and are never passed over.
- Branches of one `parallel` are independent and unwind at the same time.

`compensations.agenda` tells by these rules what may start at a given moment.

After Garcia-Molina and Salem, "Sagas" (1987), section 5, and Bruni et al. for parallel branches.

Pure.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import inf

from reversibility import Reversibility


class Standing(StrEnum):
    """Where one effect stands on its way back."""

    DONE = "done"
    """It took effect, or may have; its undo has not finished."""
    STUCK = "stuck"
    """A person must act before it can be undone."""
    SETTLED = "settled"
    """Nothing more is to do: undone, waived, or known not to have happened."""
    REMAINS = "remains"
    """It took effect and is not undone automatically."""


@dataclass(frozen=True, slots=True)
class Effect:
    """One step as the planner sees it.

    Attributes:
        path: Its path, which also tells parallel branches apart.
        seq: The journal number of its first intent.
        action: Its action's name, for `after`.
        reversibility: Its class, as classified for these arguments.
        standing: Where it stands.
        closes_at: When its undo is no longer possible (microseconds); None if no end is known.
        conflicts: Keys of the resources it touched.
        after: Names of actions that this one depends on.
    """

    path: str
    seq: int
    action: str
    reversibility: Reversibility
    standing: Standing
    conflicts: frozenset[str] = frozenset()
    after: frozenset[str] = frozenset()
    closes_at: int | None = None


def plan(effects: Iterable[Effect]) -> list[Effect]:
    """Everything that is still to be undone, in the order in which it would be."""
    open_ = [effect for effect in effects if effect.standing in (Standing.DONE, Standing.STUCK)]
    ends = _ends(open_)
    return sorted(open_, key=lambda effect: (ends[effect.path], -effect.seq))


def turns(effects: Iterable[Effect]) -> dict[str, int]:
    """When each of them has its turn, by its path: the highest number goes first.

    Where no window closes that is the number of its intent. The numbers are the same, dealt out
    otherwise, so that what comes to light later has its turn among them.
    """
    planned = plan(effects)
    numbers = sorted((effect.seq for effect in planned), reverse=True)
    return {effect.path: number for effect, number in zip(planned, numbers, strict=True)}


def _ends(effects: Sequence[Effect]) -> dict[str, float]:
    """By when each of them is to be undone: before its window closes, and before what it holds up.

    What builds upon an effect is undone before it, and inherits its haste. So the order by these
    instants never goes against a dependency.
    """
    ends: dict[str, float] = {}
    of_action: dict[str, float] = {}
    of_key: dict[str, float] = {}
    for effect in sorted(effects, key=lambda effect: effect.seq):
        own = inf if effect.closes_at is None else effect.closes_at
        held = [of_action.get(name, inf) for name in effect.after]
        held += [of_key.get(key, inf) for key in effect.conflicts]
        end = ends[effect.path] = min(own, *held, inf)
        of_action[effect.action] = min(end, of_action.get(effect.action, inf))
        for key in effect.conflicts:
            of_key[key] = min(end, of_key.get(key, inf))
    return ends


def depends(later: Effect, earlier: Effect) -> bool:
    """Whether `later` needs `earlier` to be still in place while it is undone."""
    return earlier.action in later.after or bool(later.conflicts & earlier.conflicts)


def concurrent(first: str, second: str) -> bool:
    """Whether two paths lie in different branches of one `parallel`.

    A branch is a component such as `2.1`, the second `parallel` of its scope, first branch.
    """
    for one, other in zip(components(first), components(second), strict=False):
        if one != other:
            mine, theirs = branch(one), branch(other)
            return mine is not None and theirs is not None and mine[0] == theirs[0]
    return False


def branch(component: str) -> tuple[str, str] | None:
    """The `parallel` and branch that a path component names, if any; names begin with a letter."""
    group, dot, index = component.partition(".")
    return (group, index) if dot and group.isdigit() else None


def components(path: str) -> list[str]:
    """The parts of a path: scopes and branches from the outside in, and the call's own name."""
    return path.replace(":", "/").split("/")
