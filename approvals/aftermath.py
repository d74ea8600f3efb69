"""What became of an action and of its saga once nobody decides about it any more.

Pure.
"""

from enum import StrEnum

__all__ = ["Aftermath"]


class Aftermath(StrEnum):
    """The latest that is to be told of a gate after its decision; each value is letters alone."""

    DONE = "done"
    FAILED = "failed"
    IN_DOUBT = "doubt"
    """Nobody knows whether the action took effect."""
    ROLLED_BACK = "block"
    """The block of the saga that the step is in was undone, and the saga goes on."""
    UNDOING = "undoing"
    """The saga is being undone."""
    UNDONE = "undone"
    """The saga was undone, and nothing remains."""
    RESIDUAL = "residual"
    """The saga is over, and something remains that was to be undone."""
