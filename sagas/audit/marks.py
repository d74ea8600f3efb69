"""Which entries tell that something was undone, or decided about it: an audit finds sagas by them.

Pure.
"""

from collections.abc import Iterable

from sagas import entries as e
from sagas.audit.period import Period

MARKS: tuple[str, ...] = tuple(
    kind.__name__
    for kind in (
        e.UnwindBegan,
        e.RollbackBegan,
        e.Reopened,
        e.CompensationIntended,
        e.Compensated,
        e.CompensationFailed,
        e.InterventionClosed,
    )
)


def first_mark(rows: Iterable[tuple[str, int, int]], period: Period) -> int | None:
    """The `seq` of the first mark in a period, of rows as `(kind, at, seq)`; None if there is none."""
    found = [(at, seq) for kind, at, seq in rows if kind in MARKS and period.holds(at)]
    return min(found)[1] if found else None
