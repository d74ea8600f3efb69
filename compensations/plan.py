"""The unwind planner: what is undone, in which order, and what holds it up.

The plan is made from what the journal says was done, never by running the body again.

- *Order* is reverse order of the intents. It is an order, not a dependency: while a later effect
  is being undone an earlier one waits, but a later one that is stuck holds up only what it
  depends on.
- *Dependencies* are declared (`after`), or equal conflict keys, and are never passed over.
- Branches of one `parallel` are independent and unwind at the same time.

`compensations.agenda` tells by these rules what may start at a given moment.

After Garcia-Molina and Salem, "Sagas" (1987), section 5, and Bruni et al. for parallel branches.

Pure.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

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


def plan(effects: Iterable[Effect]) -> list[Effect]:
    """Everything that is still to be undone, in the order in which it would be."""
    open_ = [effect for effect in effects if effect.standing in (Standing.DONE, Standing.STUCK)]
    return sorted(open_, key=lambda effect: -effect.seq)


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
