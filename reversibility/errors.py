"""Errors of this package.

    ReversibilityError
    ├─ ClassUpgrade         a computed class is better than the declared one
    ├─ InvalidDeclaration   a declaration that cannot be right
    └─ NaiveInstant         a datetime that names no instant

Pure.
"""

from reversibility.classes import Reversibility

__all__ = ["ClassUpgrade", "InvalidDeclaration", "NaiveInstant", "ReversibilityError"]


class ReversibilityError(Exception):
    """The root of every error this package raises."""


class ClassUpgrade(ReversibilityError):
    """A class computed from the arguments is better than the declared one.

    A reviewer approved the declaration; code that runs later may only be more careful than that.
    """

    def __init__(self, declared: Reversibility, computed: Reversibility) -> None:
        # The parts are the arguments, so that the error survives pickling between processes.
        super().__init__(declared, computed)
        self.declared = declared
        self.computed = computed

    def __str__(self) -> str:
        return (
            f"the class computed from the arguments, {self.computed.value!r}, is better than the "
            f"declared one, {self.declared.value!r}: a computed class may only get worse; declare "
            f"{self.computed.value!r}, the best case, and compute the worse ones"
        )


class InvalidDeclaration(ReversibilityError, ValueError):
    """A declaration contradicts itself or holds a value that cannot be right."""


class NaiveInstant(ReversibilityError, ValueError):
    """A datetime without a time zone does not say which instant it means."""
