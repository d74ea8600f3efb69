"""Locks of sagas: taken or waited for in one transaction, let go of in the one that ends the saga.

Pure.
"""

from collections.abc import Callable, Iterable, Sequence

from sagas.errors import LeaseLost, Refused
from sagas.journal import records, statements
from sagas.journal import statements_locks as sql
from sagas.journal.operation import Hint, Operation, Query, Record, StartOver
from sagas.journal.operations import desk
from sagas.locking import (
    Granted,
    InLine,
    LockAnswer,
    LockRow,
    Need,
    Ties,
    TurnedAway,
    in_the_way,
    ties,
    verdict,
)
from sagas.ports import Applied, KeepPlaces, Lease, ReleaseLocks, Unit


def take(lease: Lease, need: Need) -> Operation[LockAnswer]:
    """Give a step all of its keys, or a place in the line for each that it lacks, or nothing."""
    if not (yield Query(statements.FENCE, (lease.worker,))):
        raise LeaseLost(f"worker {lease.worker} was declared dead: it takes no locks")
    own = _rows((yield Query(sql.LOCKS_OF, (need.saga_id,))))
    tokens = {row.key: row.number for row in own if row.held and row.key in need.keys}
    lacking = sorted(set(need.keys) - tokens.keys())
    if not lacking:
        return Granted(tokens)
    yield Query(sql.ALONE)
    line = _rows((yield Query(sql.LINE, (records.listed(lacking),))))
    tied = yield from _ties(need, line)
    stops = in_the_way(need, line, tied)
    answer = verdict(need, stops, tied)
    match answer:
        case None:
            return Granted(tokens | (yield from _take(need, lacking, own, tied)))
        case InLine():
            yield from _wait(need, lacking, own, tied, stops)
        case TurnedAway():
            yield from _leave(need)
        case Granted():
            pass
    return answer


def _ties(need: Need, line: Sequence[LockRow]) -> Operation[Ties]:
    """Who waits for whom, among the sagas in these lines and those whom they wait for."""
    waits: list[tuple[str, str, bool]] = []
    known: set[str] = set()
    frontier = {row.saga_id for row in line} | {need.saga_id}
    while frontier:
        found = yield Query(sql.AHEAD, (records.listed(sorted(frontier)),))
        known |= frontier
        waits += [(waiter, other, bool(held)) for waiter, other, held in found]
        frontier = {other for _, other, _ in found} - known
    return ties(need.saga_id, waits)


def _take(
    need: Need, lacking: list[str], own: Sequence[LockRow], tied: Ties
) -> Operation[dict[str, int]]:
    listed = records.listed(lacking)
    taken = yield Query(sql.TAKE_LOCKS, (listed, need.saga_id, need.path))
    if len(taken) != len(lacking):
        raise StartOver  # what was let go of a moment ago was not seen to be free
    yield from _leave(need)
    if any(row.path != need.path and not row.held for row in own):
        yield Query(sql.WAKE_OWN, (need.saga_id, listed))
        yield from _let_pass(tied)
    return {key: number for number, key in taken}


def _wait(
    need: Need,
    lacking: list[str],
    own: Sequence[LockRow],
    tied: Ties,
    stops: Sequence[LockRow],
) -> Operation[None]:
    yield Query(sql.LOOKED_AGAIN, (need.saga_id, need.path))
    stands = {row.key for row in own if row.path == need.path and not row.held}
    missing = [key for key in lacking if key not in stands]
    if not missing:
        return
    values = (records.listed(missing), need.saga_id, need.path, need.until)
    yield Query(sql.STAND_IN_LINE, values)
    if any(row.saga_id in tied.waiting for row in stops):
        yield from _let_pass(tied)


def _let_pass(tied: Ties) -> Operation[None]:
    """Have those look again who may stand in a circle in which a mere place holds somebody up."""
    if tied.waiting:
        sagas = records.listed(sorted(tied.waiting))
        yield from _look_again((yield Query(sql.WAKE_PLACES, (sagas,))))


def _leave(need: Need) -> Operation[None]:
    left = yield Query(sql.LEAVE_LINE, (need.saga_id, need.path))
    yield from _wake(left)


def _wake(removed: Sequence[Record]) -> Operation[None]:
    """Have those look again who waited for what was removed."""
    if not removed:
        return
    keys = records.listed(sorted({row[0] for row in removed}))
    yield from _look_again((yield Query(sql.NEXT_IN_LINE, (keys,))))


def _look_again(woken: Sequence[Record]) -> Operation[None]:
    if woken:
        yield Query(sql.WAKE_WAITING, (records.listed(sorted({row[0] for row in woken})),))
        yield Hint()


# --- with what a saga appends -----------------------------------------------------------------


def hold_lines(units: Iterable[Unit]) -> Operation[None]:
    """Lock the lines in which these units change something, in the order in which everybody does."""
    sagas = {
        unit.saga_id
        for unit in units
        if any(isinstance(op, KeepPlaces | ReleaseLocks) for op in unit.ops)
    }
    if sagas:
        yield Query(sql.HOLD_LINES, (records.listed(sorted(sagas)),))


def let_go(saga_id: str, op: ReleaseLocks) -> Operation[Applied]:
    """Leave every line and, at the end, give back every key."""
    yield from _wake((yield Query(sql.LET_GO_LOCKS, (saga_id, op.held))))
    return Applied.YES


def keep_places(
    lease: Lease, saga_id: str, op: KeepPlaces, *, settling: bool
) -> Operation[Applied]:
    """Leave the lines in which the saga waits no more; refused if one in which it does has moved."""
    yield from _wake((yield Query(sql.KEEP_PLACES, (saga_id, records.listed(op.paths)))))
    if (yield Query(sql.UNWOKEN, (saga_id,))):
        return Applied.YES
    if settling and not (yield Query(sql.IS_OWNED, (saga_id, lease.worker))):
        return Applied.YES  # it was let go of by the append whose answer was lost, and woken since
    return Applied.MOVED


# --- for people -------------------------------------------------------------------------------


def locks(*, saga_id: str | None, key: str | None, limit: int) -> Operation[list[LockRow]]:
    """Holders and lines, by key."""
    return _rows((yield Query(sql.LOCKS, (saga_id, key, limit))))


def releasing(
    key: str, *, by: desk.Asker, reason: str, at: int
) -> Callable[[bool], Operation[LockRow]]:
    """What takes a key from the saga that holds it, and is made again for each attempt.

    Each attempt is about the holder that the first one found: the next one keeps what it was given.
    """
    found: list[LockRow] = []

    def make(settling: bool) -> "Operation[LockRow]":  # evaluating it would take its time
        return _release(key, found, by=by, reason=reason, at=at, settling=settling)

    return make


def _release(
    key: str, found: list[LockRow], *, by: desk.Asker, reason: str, at: int, settling: bool
) -> Operation[LockRow]:
    if not found:
        found[:] = _rows((yield Query(sql.HOLDER, (key,))))
    if not found:
        raise Refused(f"no saga holds the key {key!r}: see `sagas locks`")
    row = found[0]
    held = yield from desk.hold(row.saga_id)
    named = f"unlock {row.number}"
    if settling and (yield Query(statements.DELIVERY, (row.saga_id, named))):
        return row
    removed = yield Query(sql.RELEASE_LOCK, (row.number,))
    if not removed:
        raise Refused(f"{row.saga_id} gave back the key {key!r} a moment ago: see `sagas locks`")
    yield from _wake(removed)
    yield from desk.ask(
        held, "unlock", ref=key, by=by, reason=reason, state=str(row.number), at=at, key=named
    )
    return row


def _rows(found: Sequence[Record]) -> list[LockRow]:
    return [records.lock_row(record) for record in found]
