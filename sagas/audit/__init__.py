"""An audit of what was undone: which facts it tells of a saga, made from the journal's entries alone.

Pure.
"""

from sagas.audit.criteria import Criteria, given
from sagas.audit.marks import MARKS, first_mark
from sagas.audit.model import (
    AuditRecord,
    Cause,
    Decision,
    Doubt,
    Failure,
    Matter,
    Proof,
    Remaining,
    Rollback,
    Unaudited,
    Undone,
)
from sagas.audit.period import Period, given_period
from sagas.audit.recording import audited
from sagas.audit.sums import AuditSums, Sum

__all__ = [
    "MARKS",
    "AuditRecord",
    "AuditSums",
    "Cause",
    "Criteria",
    "Decision",
    "Doubt",
    "Failure",
    "Matter",
    "Period",
    "Proof",
    "Remaining",
    "Rollback",
    "Sum",
    "Unaudited",
    "Undone",
    "audited",
    "first_mark",
    "given",
    "given_period",
]
