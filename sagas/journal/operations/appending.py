"""How units are appended: together where nothing is in the way, otherwise one by one.

*Together* is the common case: one fence, the conditions of each unit, and one insert for the
entries of all. Whatever gets in the way of it (a number that is taken, a unit refused halfway) rolls
back and begins again *one by one*, each unit in a savepoint of its own, so that a refused unit
changes nothing and disturbs no other.

When the answer to a COMMIT was lost the same units are appended again, one by one: a unit that is
refused although its last entry is there, hash for hash, was applied the first time. That holds even
if the lost transaction is still running, because its keys are waited for.

Pure.
"""

from collections.abc import Callable, Sequence
from functools import partial

from sagas.chain import Row
from sagas.journal import records, statements
from sagas.journal.operation import (
    Entries,
    Hint,
    Operation,
    Query,
    Record,
    StartOver,
    Violation,
)
from sagas.ports import (
    Applied,
    CloseQuestion,
    CreateSaga,
    FoldRequests,
    Lease,
    MoveGate,
    Op,
    OpenGate,
    OpenQuestion,
    Project,
    Unit,
)


def appending(lease: Lease, units: Sequence[Unit]) -> Callable[[bool], Operation[list[Applied]]]:
    """What appends these units, and is made again for each attempt."""
    careful = False

    def cautious() -> None:
        nonlocal careful
        careful = True

    def make(settling: bool) -> Operation[list[Applied]]:
        if settling or careful:
            return _append(lease, units, partial(_one_by_one, lease, settling=settling))
        return _append(lease, units, partial(_together, lease, cautious))

    return make


Applying = Callable[[list[Unit], set[str]], Operation[list[Applied]]]


def _append(lease: Lease, units: Sequence[Unit], apply: Applying) -> Operation[list[Applied]]:
    # Everybody takes locks on sagas in the order of their ids; the sort keeps each saga's units
    # in their own order.
    order = sorted(range(len(units)), key=lambda index: units[index].saga_id)
    ordered = [units[index] for index in order]
    control = yield from _fence(lease)
    if control is None:
        verdicts = yield from _fenced(ordered)
    else:
        requested = yield from _requested(lease, control, ordered)
        verdicts = yield from apply(ordered, requested)
    answers = dict(zip(order, verdicts, strict=True))
    return [answers[index] for index in range(len(units))]


def _fence(lease: Lease) -> Operation[int | None]:
    found = yield Query(statements.FENCE, (lease.worker,))
    return found[0][0] if found else None


def _fenced(units: list[Unit]) -> Operation[list[Applied]]:
    """A dead worker appends nothing; but what it appended while it lived it did append."""
    verdicts: list[Applied] = []
    for unit in units:
        landed = yield from _landed(unit)
        verdicts.append(Applied.YES if landed else Applied.FENCED)
    return verdicts


def _requested(lease: Lease, control: int, units: list[Unit]) -> Operation[set[str]]:
    """The sagas of guarded units with requests that the worker may not have seen."""
    requested: set[str] = set()
    if control == lease.control:
        return requested
    for saga_id in sorted({unit.saga_id for unit in units if unit.guarded}):
        if (yield Query(statements.IS_REQUESTED, (saga_id,))):
            requested.add(saga_id)
    return requested


def _together(
    lease: Lease, cautious: Callable[[], None], units: list[Unit], requested: set[str]
) -> Operation[list[Applied]]:
    try:
        verdicts = yield from _operate_all(lease, units, requested)
        accepted = zip(units, verdicts, strict=True)
        rows = [row for unit, verdict in accepted if verdict is Applied.YES for row in unit.rows]
        if rows:
            yield Entries(rows)
    except Violation:
        cautious()
        raise StartOver from None
    return verdicts


def _operate_all(lease: Lease, units: list[Unit], requested: set[str]) -> Operation[list[Applied]]:
    verdicts: list[Applied] = []
    refused: dict[str, Applied] = {}
    for unit in units:
        verdict = _known_refusal(unit, requested, refused)
        if verdict is None:
            verdict = yield from _operate(lease, unit)
            if verdict is not Applied.YES and len(unit.ops) > 1:
                raise Violation  # another of them may have been carried out: take it back
        if verdict is not Applied.YES:
            refused[unit.saga_id] = verdict
        verdicts.append(verdict)
    return verdicts


def _one_by_one(
    lease: Lease, units: list[Unit], requested: set[str], *, settling: bool
) -> Operation[list[Applied]]:
    verdicts: list[Applied] = []
    refused: dict[str, Applied] = {}
    for unit in units:
        verdict = _known_refusal(unit, requested, refused)
        verdict = verdict or (yield from _alone(lease, unit, settling=settling))
        if verdict is not Applied.YES and settling and (yield from _landed(unit)):
            verdict = Applied.YES
        if verdict is not Applied.YES:
            refused[unit.saga_id] = verdict
        verdicts.append(verdict)
    return verdicts


def _known_refusal(unit: Unit, requested: set[str], refused: dict[str, Applied]) -> Applied | None:
    """Why a unit is refused before it is tried: what it builds on was refused, or a request."""
    if unit.saga_id in refused:
        return refused[unit.saga_id]
    return Applied.REQUESTED if unit.guarded and unit.saga_id in requested else None


def _alone(lease: Lease, unit: Unit, *, settling: bool) -> Operation[Applied]:
    yield Query(statements.SAVEPOINT)
    try:
        verdict = yield from _operate(lease, unit, settling=settling)
        if verdict is Applied.YES and unit.rows:
            yield Entries(unit.rows)
    except Violation:
        verdict = Applied.CONFLICT
    if verdict is not Applied.YES:
        yield Query(statements.TAKE_BACK)
    yield Query(statements.RELEASE)
    return verdict


def _landed(unit: Unit) -> Operation[bool]:
    """Whether the unit's entries are in the journal, hash for hash."""
    if not unit.rows:
        return False
    last = unit.rows[-1]
    found = yield Query(statements.HASH_AT, (last.saga_id, last.seq))
    return bool(found) and found[0][0] == last.hash


def _operate(lease: Lease, unit: Unit, *, settling: bool = False) -> Operation[Applied]:
    """Carry out a unit's changes of other rows, in order; stop at the first refusal."""
    last = unit.rows[-1] if unit.rows else None
    for op in unit.ops:
        queries, refusal = _queries(lease, unit.saga_id, last, op)
        found: list[Record] = []
        for query in queries:
            found = yield query
        if refusal is not None and not found and not (settling and (yield from _was_moved(op))):
            return refusal
        if isinstance(op, CreateSaga) or (isinstance(op, Project) and op.release):
            yield Hint()  # what idle workers wait for
    return Applied.YES


def _queries(
    lease: Lease, saga_id: str, last: Row | None, op: Op
) -> tuple[list[Query], Applied | None]:
    """What carries an op out, and what it means if the last of them returns no row."""
    match op:
        case CreateSaga():
            values = creation(lease, saga_id, last, op)
            return [Query(statements.CREATE_SAGA, values)], Applied.TAKEN
        case Project():
            values = projection(lease, saga_id, last, op)
            return [Query(statements.PROJECT, values)], Applied.CONFLICT
        case MoveGate():
            values = (op.gate_id, op.old.value, op.new.value, op.at)
            return [Query(statements.MOVE_GATE, values)], Applied.MOVED
        case OpenGate():
            return [Query(statements.OPEN_GATE, records.gate_values(op.gate))], None
        case OpenQuestion():
            return [Query(statements.OPEN_QUESTION, records.question_values(saga_id, op))], None
        case CloseQuestion():
            return [Query(statements.CLOSE_QUESTION, (op.intervention_id, op.at))], None
        case FoldRequests():
            folded = (records.listed(op.request_ids),)
            control = (saga_id, op.control)
            queries = [
                Query(statements.FOLD_REQUESTS, folded),
                Query(statements.FOLD_CONTROL, control),
            ]
            return queries, None


def _was_moved(op: Op) -> Operation[bool]:
    """Whether a gate is where the lost append would have moved it."""
    if not isinstance(op, MoveGate):
        return False
    found: list[Record] = yield Query(statements.GATE_STATE, (op.gate_id,))
    return bool(found) and found[0][0] == op.new.value


def creation(lease: Lease, saga_id: str, last: Row | None, op: CreateSaga) -> tuple[object, ...]:
    """The values of `CREATE_SAGA`."""
    head, head_hash = (last.seq, last.hash) if last else (0, None)
    return (
        saga_id,
        op.saga,
        op.version,
        op.input_digest,
        op.starter,
        head,
        head_hash,
        lease.worker,
        op.at,
    )


def projection(lease: Lease, saga_id: str, last: Row | None, op: Project) -> tuple[object, ...]:
    """The values of `PROJECT`."""
    reason = None if op.reason is None else records.storable(op.reason)
    head, head_hash, at = (last.seq, last.hash, last.at) if last else (None, None, None)
    return (
        saga_id,
        lease.worker,
        op.status.value,
        reason,
        op.wake_at,
        head,
        head_hash,
        op.release,
        at,
    )
