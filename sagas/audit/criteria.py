"""Which sagas somebody wants to be told of. A saga that is chosen is told whole.

Pure.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from reversibility import Reversibility
from sagas.audit.model import AuditRecord, Remaining, Undone
from sagas.errors import Refused
from sagas.model import Status

W = TypeVar("W", bound=StrEnum)


@dataclass(frozen=True, slots=True, kw_only=True)
class Criteria:
    """What a saga has to be; None asks for nothing.

    Attributes:
        saga: Its full name.
        action: The full name of an action of which a step was undone, remains, or failed to be.
        reversibility: The class of such a step.
        approver: Somebody who decided something in it.
        end: How it ended, or where it stands.
    """

    saga: str | None = None
    action: str | None = None
    reversibility: Reversibility | None = None
    approver: str | None = None
    end: Status | None = None

    def fit(self, record: AuditRecord) -> bool:
        """Whether a saga is one of those."""
        return (
            self.saga in (None, record.saga)
            and self.end in (None, record.end)
            and self._fit_decisions(record)
            and self._fit_steps(record)
        )

    def _fit_decisions(self, record: AuditRecord) -> bool:
        wanted = self.approver
        return wanted is None or any(wanted in item.people for item in record.decisions)

    def _fit_steps(self, record: AuditRecord) -> bool:
        if self.action is None and self.reversibility is None:
            return True
        return any(map(self._fits, record.undone)) or any(map(self._fits, record.remains))

    def _fits(self, item: Undone | Remaining) -> bool:
        return self.action in (None, item.action) and self.reversibility in (
            None,
            item.reversibility,
        )


def given(what: str, kind: type[W], value: str | None) -> W | None:
    """A word that somebody chose.

    Raises:
        Refused: It is none of those there are.
    """
    try:
        return None if value is None else kind(value)
    except ValueError:
        words = ", ".join(item.value for item in kind)
        raise Refused(f"{value!r} is no {what}: choose one of {words}") from None
