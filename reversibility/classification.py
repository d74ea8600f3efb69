"""The class an effect gets: what was declared, or worse, never better.

Pure.
"""

from reversibility.classes import Reversibility, is_worse, worst
from reversibility.errors import ClassUpgrade

__all__ = ["classify", "hint"]


def classify(declared: Reversibility, computed: Reversibility) -> Reversibility:
    """Return the class `computed` from the resolved arguments, which may only get worse.

    Raises:
        ClassUpgrade: `computed` is better than `declared`.
    """
    if is_worse(declared, computed):
        raise ClassUpgrade(declared, computed)
    return computed


def hint(declared: Reversibility, hinted: Reversibility) -> Reversibility:
    """Return the worse of `declared` and what an untrusted source `hinted`.

    A better hint is no error, since whoever gave it was never asked to be right.
    """
    return worst((declared, hinted))
