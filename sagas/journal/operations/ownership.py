"""Who drives what: worker incarnations, their leases, and the sagas they hold.

A worker that is declared dead stays dead; whoever declares it waits for its appends under way, so
that nothing of it lands afterwards.

Pure.
"""

from collections.abc import Callable, Sequence

from sagas.errors import LeaseLost
from sagas.journal import records, statements
from sagas.journal.operation import Hint, Operation, Query
from sagas.ports import Lease, Suspects

_SECOND = 1_000_000

Gone = Callable[[tuple[str, int, int]], bool]
"""Whether the process on that host, with that id and start, is known to run no more."""


def time() -> Operation[int]:
    """What the database's clock says."""
    told: int = (yield Query(statements.TIME))[0][0]
    return told


def register(name: str, host: str, pid: int, started: int, seconds: float) -> Operation[Lease]:
    """A new incarnation."""
    values = (name, host, pid, started, _micros(seconds))
    made = yield Query(statements.REGISTER, values)
    return Lease(worker=made[0][0], control=0, seconds=seconds, at=made[0][1])


def renew(lease: Lease) -> Operation[Lease]:
    """The lease extended, with the present `control`."""
    renewed = yield Query(statements.RENEW, (lease.worker, _micros(lease.seconds)))
    if not renewed:
        raise _lost(lease)
    control, at = renewed[0]
    return Lease(worker=lease.worker, control=control, seconds=lease.seconds, at=at)


def retire(lease: Lease) -> Operation[None]:
    """The worker's row first, which waits for its appends; then its sagas."""
    yield Query(statements.RETIRE, (lease.worker,))
    yield Query(statements.LET_GO, (lease.worker,))
    yield Hint()


def survey(lease: Lease, is_gone: Gone) -> Operation[tuple[list[tuple[int, bool]], bool]]:
    """Workers that look dead (and whether their process is gone), and whether sagas are orphaned.

    Holds no locks; `bury` looks again.
    """
    suspects: list[tuple[int, bool]] = []
    for worker, host, pid, started, is_late in (yield Query(statements.OTHERS, (lease.worker,))):
        gone = is_gone((host, pid, started))
        if gone or is_late:
            suspects.append((worker, gone))
    orphans = yield Query(statements.ORPHANS)
    return suspects, bool(orphans)


def bury(suspects: Sequence[tuple[int, bool]]) -> Operation[None]:
    """Declare workers dead, in the order of their numbers, and free the sagas of all dead ones."""
    for worker, gone in suspects:
        yield Query(statements.BURY, (worker, gone))
    yield Query(statements.RELEASE_ORPHANS)


def claiming(
    lease: Lease,
    *,
    now: int,
    only: Sequence[str] | None,
    limit: int,
    known: Sequence[tuple[str, int]] | None,
    suspects: Suspects,
) -> Callable[[bool], Operation[list[str]]]:
    """What takes sagas that are due, and is made again for each attempt."""
    taken: list[str] = []

    def make(settling: bool) -> "Operation[list[str]]":  # evaluating it would take its time
        if not (settling and taken):
            taken.clear()
            code = None if known is None else records.listed(f"{name} {n}" for name, n in known)
            values: tuple[object, ...] = (
                lease.worker,
                now,
                limit,
                code,
                suspects.deaths,
                suspects.limit,
            )
            if only is None:
                return _take(lease, Query(statements.CLAIM, values), taken)
            among = (*values, records.listed(only))
            return _take(lease, Query(statements.CLAIM_AMONG, among), taken)
        again = Query(statements.CLAIM_AGAIN, (lease.worker, now, records.listed(taken)))
        return _take(lease, again, taken)

    return make


def _take(lease: Lease, query: Query, taken: list[str]) -> Operation[list[str]]:
    if not (yield Query(statements.FENCE, (lease.worker,))):
        raise _lost(lease)
    rows = yield query
    taken[:] = [row[0] for row in rows]
    return list(taken)


def held(lease: Lease) -> Operation[list[str]]:
    """The sagas that the worker holds."""
    rows = yield Query(statements.HELD, (lease.worker,))
    return [row[0] for row in rows]


def due(now: int, limit: int) -> Operation[list[str]]:
    """Some of the sagas that are due and that nobody holds."""
    rows = yield Query(statements.DUE, (now, limit))
    return [row[0] for row in rows]


def next_due(after: int, before: int) -> Operation[int | None]:
    """The first instant in a span at which a saga that nobody owns is due."""
    rows = yield Query(statements.NEXT_DUE, (after, before))
    due: int | None = rows[0][0]
    return due


def raised(lease: Lease) -> Operation[tuple[int, list[str]]]:
    """The worker's `control`, and which of its sagas have requests that are not folded yet."""
    rows = yield Query(statements.RAISED, (lease.worker,))
    if not rows:
        raise _lost(lease)
    return rows[0][0], [saga_id for _, saga_id in rows if saga_id is not None]


def _lost(lease: Lease) -> LeaseLost:
    return LeaseLost(
        f"worker {lease.worker} was declared dead: its lease ran out or its process was not seen; "
        "others take its sagas over"
    )


def _micros(seconds: float) -> int:
    return round(seconds * _SECOND)
