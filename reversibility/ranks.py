"""String enums whose members are ranked, best first, and never compared by spelling.

Pure.
"""

from enum import StrEnum
from typing import NoReturn

__all__ = ["Ranked"]


class Ranked(StrEnum):
    """A ``StrEnum`` whose members are listed from best to worst.

    Members are strings, so ``<`` would compare their spelling and put "irreversible" before
    "read-only" without a word. The operators are therefore errors.
    """

    @property
    def rank(self) -> int:
        """Position from best (0) to worst."""
        return list(type(self)).index(self)

    def __lt__(self, value: str, /) -> NoReturn:
        raise self._no_operator("<", value)

    def __le__(self, value: str, /) -> NoReturn:
        raise self._no_operator("<=", value)

    def __gt__(self, value: str, /) -> NoReturn:
        raise self._no_operator(">", value)

    def __ge__(self, value: str, /) -> NoReturn:
        raise self._no_operator(">=", value)

    def _no_operator(self, operator: str, value: str) -> TypeError:
        return TypeError(
            f"'{operator}' would compare the spelling of {self.value!r} and {str(value)!r}: "
            f"compare their .rank, or use the functions made for {type(self).__name__}"
        )
