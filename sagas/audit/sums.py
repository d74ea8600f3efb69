"""What audited sagas come to, in all, by saga and by action: it grows with the names, not the sagas.

Pure.
"""

from dataclasses import dataclass, field
from datetime import datetime

from compensations import Total
from sagas.audit.model import AuditRecord, Remaining, add_remaining
from sagas.audit.period import Period
from sagas.model import micros


@dataclass(slots=True)
class Sum(Total):
    """What some sagas or steps come to, with the measures of what remains of them.

    Attributes:
        sagas: How many sagas had a part in it.
        undone: How many steps were undone.
        attempts: How often their undo was called.
        remaining: How many things remain.
        waived: How many of them a person left as they are.
        accepted: How many of them a person accepted as what an undo left.
    """

    sagas: int = 0
    undone: int = 0
    attempts: int = 0
    remaining: int = 0
    waived: int = 0
    accepted: int = 0


@dataclass(slots=True)
class AuditSums:
    """The sums of a period.

    A saga whose undoing goes on from one period into the next is told in both. What was undone or
    recorded as residue counts in the period of that instant, so that sums of periods can be added.
    """

    period: Period = field(default_factory=Period)
    total: Sum = field(default_factory=Sum)
    by_saga: dict[str, Sum] = field(default_factory=dict[str, Sum])
    by_action: dict[str, Sum] = field(default_factory=dict[str, Sum])

    def add(self, record: AuditRecord) -> None:
        """Add what one saga comes to."""
        saga = self.by_saga.setdefault(record.saga, Sum())
        saga.sagas += 1
        self.total.sagas += 1
        for action in record.actions:
            self.by_action.setdefault(action, Sum()).sagas += 1
        for step in record.undone:
            if step.ended and self._holds(step.ended):
                for one in (self.total, saga, self.by_action[step.action]):
                    one.undone += 1
                    one.attempts += step.attempts
        for item in record.remains:
            if self._holds(item.at):
                for one in (self.total, saga, self.by_action[item.action]):
                    _remains(one, item)

    def _holds(self, at: datetime | None) -> bool:
        return at is None or self.period.holds(micros(at))


def _remains(one: Sum, item: Remaining) -> None:
    one.remaining += 1
    one.waived += item.waived_by is not None
    one.accepted += item.accepted_by is not None
    add_remaining(one, item)
