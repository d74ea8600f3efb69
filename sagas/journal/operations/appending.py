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

from collections.abc import Sequence

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
from sagas.journal.operations import locks, rules
from sagas.ports import (
    Applied,
    CloseQuestion,
    CreateSaga,
    FoldRequests,
    KeepPlaces,
    Lease,
    MoveGate,
    NoteAftermath,
    Op,
    OpenGate,
    OpenQuestion,
    Project,
    ReleaseLocks,
    SpendRule,
    Survived,
    Unit,
)


class Appending:
    """Appends these units; makes the operation anew for each attempt."""

    def __init__(self, lease: Lease, units: Sequence[Unit]) -> None:
        self._lease = lease
        self._size = len(units)
        # Everybody takes locks on sagas in the order of their ids; the sort keeps each saga's
        # units in their own order.
        self._order = sorted(range(self._size), key=lambda index: units[index].saga_id)
        self._units = [units[index] for index in self._order]
        self._is_careful = False

    def __call__(self, settling: bool) -> Operation[list[Applied]]:
        """The operation; `settling` says that it may have been committed before."""
        return self._append(settling=settling)

    def _append(self, *, settling: bool) -> Operation[list[Applied]]:
        fenced = yield from self._fenced(settling=settling)
        if fenced is None:
            yield from rules.hold_rules(self._units)
            yield from locks.hold_lines(self._units)
        if fenced is not None:
            verdicts = fenced
        elif settling or self._is_careful:
            verdicts = yield from self._one_by_one(settling=settling)
        else:
            verdicts = yield from self._together()
        answers = dict(zip(self._order, verdicts, strict=True))
        return [answers[index] for index in range(self._size)]

    def _fenced(self, *, settling: bool) -> Operation[list[Applied] | None]:
        """A dead worker appends nothing; but what it appended while it lived it did append."""
        found = yield Query(statements.FENCE, (self._lease.worker,))
        if found:
            self._control = found[0][0]
            return None
        verdicts: list[Applied] = []
        for unit in self._units:
            landed = settling and (yield from _landed(unit))
            verdicts.append(Applied.YES if landed else Applied.FENCED)
        return verdicts

    def _together(self) -> Operation[list[Applied]]:
        try:
            verdicts = yield from self._operate_all()
            accepted = zip(self._units, verdicts, strict=True)
            units = [unit for unit, verdict in accepted if verdict is Applied.YES]
            if rows := [row for unit in units for row in unit.rows]:
                yield Entries(rows, priors(units))
        except Violation:
            self._is_careful = True
            raise StartOver from None
        return verdicts

    def _operate_all(self) -> Operation[list[Applied]]:
        answers = _Answers((yield from self._requested()))
        for unit in self._units:
            verdict = answers.known(unit)
            if verdict is None:
                verdict = yield from _operate(self._lease, unit)
                if verdict is not Applied.YES and len(unit.ops) > 1:
                    raise Violation  # another of them may have been carried out: take it back
            answers.add(unit, verdict)
        return answers.verdicts

    def _one_by_one(self, *, settling: bool) -> Operation[list[Applied]]:
        answers = _Answers((yield from self._requested()))
        for unit in self._units:
            verdict = answers.known(unit)
            verdict = verdict or (yield from _alone(self._lease, unit, settling=settling))
            if verdict is not Applied.YES and settling and (yield from _landed(unit)):
                verdict = Applied.YES
            answers.add(unit, verdict)
        return answers.verdicts

    def _requested(self) -> Operation[set[str]]:
        """The sagas of guarded units with requests that the worker may not have seen."""
        requested: set[str] = set()
        if self._control == self._lease.control:
            return requested
        for saga_id in sorted({unit.saga_id for unit in self._units if unit.guarded}):
            if (yield Query(statements.IS_REQUESTED, (saga_id,))):
                requested.add(saga_id)
        return requested


class _Answers:
    """What became of the units so far, and what follows for the next ones of their sagas."""

    def __init__(self, requested: set[str]) -> None:
        self._requested = requested
        self._refused: dict[str, Applied] = {}
        self.verdicts: list[Applied] = []

    def known(self, unit: Unit) -> Applied | None:
        """Why a unit is refused before it is tried: what it builds on was, or a request waits."""
        if unit.saga_id in self._refused:
            return self._refused[unit.saga_id]
        return Applied.REQUESTED if unit.guarded and unit.saga_id in self._requested else None

    def add(self, unit: Unit, verdict: Applied) -> None:
        """Note what became of the next unit."""
        if verdict is not Applied.YES:
            self._refused[unit.saga_id] = verdict
        self.verdicts.append(verdict)


def _alone(lease: Lease, unit: Unit, *, settling: bool) -> Operation[Applied]:
    yield Query(statements.SAVEPOINT)
    try:
        verdict = yield from _operate(lease, unit, settling=settling)
        if verdict is Applied.YES and unit.rows:
            yield Entries(unit.rows, priors([unit]))
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
    for op in unit.ops:
        if isinstance(op, KeepPlaces | ReleaseLocks):
            verdict = yield from _in_lines(lease, unit, op, settling=settling)
            if verdict is not Applied.YES:
                return verdict
            continue
        queries, refusal = _queries(lease, unit, op)
        found: list[Record] = []
        for query in queries:
            found = yield query
        if refusal is not None and not found:
            settled = settling and (yield from _was_carried_out(unit, op))
            if not settled:
                return refusal
        if isinstance(op, CreateSaga) or (isinstance(op, Project) and op.release):
            yield Hint()  # what idle workers wait for
    return Applied.YES


def _in_lines(
    lease: Lease, unit: Unit, op: KeepPlaces | ReleaseLocks, *, settling: bool
) -> Operation[Applied]:
    if isinstance(op, ReleaseLocks):
        return (yield from locks.let_go(unit.saga_id, op))
    return (yield from locks.keep_places(lease, unit.saga_id, op, settling=settling))


_Plain = (
    CreateSaga
    | Project
    | OpenGate
    | MoveGate
    | NoteAftermath
    | SpendRule
    | OpenQuestion
    | CloseQuestion
    | FoldRequests
    | Survived
)
"""What is carried out by statements that do not depend on each other."""


def _queries(lease: Lease, unit: Unit, op: _Plain) -> tuple[list[Query], Applied | None]:
    """What carries an op out, and what it means if the last of them returns no row."""
    match op:
        case CreateSaga():
            values = creation(lease, unit, op)
            return [Query(statements.CREATE_SAGA, values)], Applied.TAKEN
        case Project():
            values = projection(lease, unit, op)
            return [Query(statements.PROJECT, values)], Applied.CONFLICT
        case MoveGate():
            values = (op.gate_id, op.old.value, op.new.value, op.at)
            return [Query(statements.MOVE_GATE, values)], Applied.MOVED
        case SpendRule():
            return [rules.use(unit.saga_id, op)], Applied.MOVED
        case _:
            return _never_refused(lease, unit, op), None


def _never_refused(
    lease: Lease,
    unit: Unit,
    op: OpenGate | NoteAftermath | OpenQuestion | CloseQuestion | FoldRequests | Survived,
) -> list[Query]:
    match op:
        case OpenGate():
            return [Query(statements.OPEN_GATE, records.gate_values(op.gate))]
        case NoteAftermath():
            noted = (records.listed(op.gate_ids), op.became.value, op.at)
            return [Query(statements.NOTE_AFTERMATH, noted)]
        case OpenQuestion():
            values = records.question_values(unit.saga_id, op)
            return [Query(statements.OPEN_QUESTION, values)]
        case CloseQuestion():
            return [Query(statements.CLOSE_QUESTION, (op.intervention_id, op.at))]
        case Survived():
            return [Query(statements.SURVIVED, (unit.saga_id, lease.worker))]
        case FoldRequests():
            folded = (records.listed(op.request_ids),)
            control = (unit.saga_id, op.control)
            return [
                Query(statements.FOLD_REQUESTS, folded),
                Query(statements.FOLD_CONTROL, control),
            ]


def _was_carried_out(unit: Unit, op: Op) -> Operation[bool]:
    """Whether a refused op is as it would be if the lost append had been committed."""
    match op:
        case MoveGate():
            found: list[Record] = yield Query(statements.GATE_STATE, (op.gate_id,))
            return bool(found) and found[0][0] == op.new.value
        case SpendRule():
            return (yield from rules.was_used(op))
        case Project():
            # It was ours when it was first tried, and a living worker loses a saga only by letting
            # it go. With entries, these tell.
            return op.release and not unit.rows
        case _:
            return False


def priors(units: Sequence[Unit]) -> list[tuple[str, int, str]]:
    """Saga, number and hash of the entries that these units follow, where they are known."""
    first: dict[str, tuple[int, str] | None] = {}
    for unit in units:
        if unit.rows:
            first.setdefault(unit.saga_id, unit.before)
    return [(saga_id, *before) for saga_id, before in first.items() if before and before[0]]


def creation(lease: Lease, unit: Unit, op: CreateSaga) -> tuple[object, ...]:
    """The values of `CREATE_SAGA`."""
    head, head_hash = unit.head or (0, None)
    return (
        unit.saga_id,
        op.saga,
        op.version,
        op.input_digest,
        op.starter,
        head,
        head_hash,
        lease.worker,
        op.at,
    )


def projection(lease: Lease, unit: Unit, op: Project) -> tuple[object, ...]:
    """The values of `PROJECT`."""
    reason = None if op.reason is None else records.storable(op.reason)
    head, head_hash = unit.head or (None, None)
    at = unit.rows[-1].at if unit.rows else None
    return (
        unit.saga_id,
        lease.worker,
        op.status.value,
        reason,
        op.wake_at,
        head,
        head_hash,
        op.release,
        at,
    )
