"""The role of each effect in its saga: derived from the order of effects, never declared.

Compensatable, pivot and retriable are the three roles of the flexible transaction model
(Mehrotra, Rastogi, Silberschatz and Korth, 1992) as later used for sagas.

Pure.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import TypeAlias

from reversibility.classes import Reversibility

__all__ = ["Effect", "Role", "derive", "pivot_index"]

Effect: TypeAlias = tuple[Reversibility, bool]
"""The class of an effect whose intent is recorded or planned, and whether it is known not to
have been executed."""


class Role(StrEnum):
    """What may become of an effect when its saga fails."""

    COMPENSATABLE = "compensatable"
    """Before the pivot: it is undone."""
    PIVOT = "pivot"
    """The first effect that cannot be undone: from its intent on, the saga goes forward."""
    RETRIABLE = "retriable"
    """After the pivot: it is carried through."""


def pivot_index(effects: Sequence[Effect]) -> int | None:
    """Return the position of the pivot in `effects`, or ``None`` where there is none.

    The pivot is the first irreversible or unknown effect that is not known to be unexecuted; an
    effect in doubt may have happened, so it counts.
    """
    for index, (reversibility, known_not_executed) in enumerate(effects):
        if reversibility.is_pivot and not known_not_executed:
            return index
    return None


def derive(effects: Sequence[Effect]) -> list[Role]:
    """Return the role of each of `effects`, in their order."""
    pivot = pivot_index(effects)
    if pivot is None:
        return [Role.COMPENSATABLE] * len(effects)
    before, after = pivot, len(effects) - pivot - 1
    return [Role.COMPENSATABLE] * before + [Role.PIVOT] + [Role.RETRIABLE] * after
