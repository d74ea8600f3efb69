"""What is read to measure how people decide.

Pure.
"""

from approvals.figures import AskedGate, CastVote
from sagas.journal import records, statements
from sagas.journal.operation import Operation, Query


def asked_since(since: int) -> Operation[list[AskedGate]]:
    """The gates that opened at that instant or later."""
    found = yield Query(statements.ASKED_SINCE, (since,))
    return [records.asked_gate(row) for row in found]


def cast_since(since: int) -> Operation[list[CastVote]]:
    """The votes that were cast at that instant or later."""
    found = yield Query(statements.CAST_SINCE, (since,))
    return [records.cast_vote(row) for row in found]
