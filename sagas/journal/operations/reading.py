"""What the interpreter reads of a saga.

Pure.
"""

from approvals import Gate, Vote
from approvals.gate import is_intact
from sagas.errors import Corrupt, UnknownSaga
from sagas.journal import records, statements
from sagas.journal.operation import Operation, Query
from sagas.ports import Loaded, Request


def load(saga_id: str) -> Operation[Loaded | None]:
    """A saga with its entries and waiting requests; needs one snapshot."""
    found = yield Query(statements.SAGA_TO_DRIVE, (saga_id,))
    if not found:
        return None
    entries = yield Query(statements.ENTRIES, (saga_id,))
    requests = yield Query(statements.REQUESTS, (saga_id,))
    return Loaded(
        row=records.saga_row(found[0]),
        rows=[records.entry_row(entry) for entry in entries],
        requests=[records.request(request) for request in requests],
        locks=bool(found[0][-1]),
    )


def requests(saga_id: str) -> Operation[tuple[int, list[Request]]]:
    """The value of `control` and the requests it counts; needs one snapshot."""
    found = yield Query(statements.CONTROL, (saga_id,))
    if not found:
        raise UnknownSaga(f"there is no saga {saga_id!r} in this journal")
    waiting = yield Query(statements.REQUESTS, (saga_id,))
    return found[0][0], [records.request(request) for request in waiting]


def gate(journal_id: str, gate_id: str) -> Operation[Gate | None]:
    """A gate, if what it shows is what its digest stands for."""
    found = yield Query(statements.GATE, (gate_id,))
    if not found:
        return None
    read = records.gate(found[0])
    if not is_intact(read, journal_id=journal_id):
        raise Corrupt(
            f"gate {gate_id} was changed after it was opened: what it shows is not what its digest "
            "stands for; nothing may be decided on it"
        )
    return read


def votes(gate_id: str) -> Operation[list[Vote]]:
    """The votes on a gate, in the order in which they were ruled on, the refused ones too."""
    found = yield Query(statements.VOTES, (gate_id,))
    return [records.vote(vote) for vote in found]
