"""The class of an effect: what can be done about it once it has happened.

Pure.
"""

from collections.abc import Iterable

from reversibility.ranks import Ranked

__all__ = ["Reversibility", "is_worse", "worst"]


class Reversibility(Ranked):
    """What can be done about an effect, from best to worst.

    ``UNKNOWN`` is the worst: an effect nobody trustworthy has described is treated as
    irreversible, and a class that is not known cannot be outvoted by one that is.
    """

    READ_ONLY = "read-only"
    """Nobody but us can observe an effect."""
    REVERSIBLE = "reversible"
    """An exact inverse restores the former state."""
    COMPENSATABLE = "compensatable"
    """A counter-action makes the business whole; a residue may remain."""
    IRREVERSIBLE = "irreversible"
    """No counter-action makes the business whole."""
    UNKNOWN = "unknown"
    """Nobody trustworthy declared the class."""

    @property
    def has_effect(self) -> bool:
        """Whether anyone but us may observe that it happened."""
        return self is not Reversibility.READ_ONLY

    @property
    def is_undoable(self) -> bool:
        """Whether an unwind may undo it without asking a person."""
        return self in (Reversibility.REVERSIBLE, Reversibility.COMPENSATABLE)

    @property
    def needs_approval(self) -> bool:
        """Whether it stands behind a gate unless somebody waives it."""
        return self in (Reversibility.IRREVERSIBLE, Reversibility.UNKNOWN)

    @property
    def is_pivot(self) -> bool:
        """Whether a saga that has begun it can only go forward."""
        return self in (Reversibility.IRREVERSIBLE, Reversibility.UNKNOWN)

    @property
    def label(self) -> str:
        """A few words for people, to stand inside a sentence or a column."""
        return _LABELS[self]

    @property
    def on_unwind(self) -> str:
        """One sentence for people: what an unwind does about the effect."""
        return _ON_UNWIND[self]


_LABELS = {
    Reversibility.READ_ONLY: "changes nothing",
    Reversibility.REVERSIBLE: "can be undone",
    Reversibility.COMPENSATABLE: "can be compensated",
    Reversibility.IRREVERSIBLE: "cannot be undone",
    Reversibility.UNKNOWN: "not known to be undoable",
}

_ON_UNWIND = {
    Reversibility.READ_ONLY: "There is nothing to undo.",
    Reversibility.REVERSIBLE: "The former state is restored, unless somebody has changed it since.",
    Reversibility.COMPENSATABLE: "A counter-action makes up for it; a residue may remain.",
    Reversibility.IRREVERSIBLE: "It is never undone automatically: a person decides what follows.",
    Reversibility.UNKNOWN: "Nobody has declared what can be done: a person decides what follows.",
}


def worst(classes: Iterable[Reversibility]) -> Reversibility:
    """Return the worst of `classes`; of none at all, ``READ_ONLY``.

    This is the join of a finite total order: associative, commutative, idempotent and monotone,
    with ``READ_ONLY`` as its identity and ``UNKNOWN`` absorbing everything.
    """
    return max(classes, key=_rank, default=Reversibility.READ_ONLY)


def is_worse(a: Reversibility, b: Reversibility) -> bool:
    """Whether `a` is strictly worse than `b`."""
    return a.rank > b.rank


def _rank(reversibility: Reversibility) -> int:
    return reversibility.rank
