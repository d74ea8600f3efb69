"""The append on PostgreSQL in one statement, where it is nothing but entries and saga rows.

A transaction of several statements is several journeys to the server. Nearly every append creates
or projects sagas at most, and all of that fits into one statement, which is its own transaction.
The fence is in it: the worker's row is locked before anything is inserted, and read as it is once
the lock is held.

Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sagas.journal.operation import Record
from sagas.journal.operations.appending import creation, priors, projection
from sagas.journal.records import storable
from sagas.model import Status
from sagas.ports import Applied, CreateSaga, Lease, Op, Project, Unit

PLAIN = """
with fence as (
    select control from worker where id = $1 and state = 'alive' for share
), missing as (
    select from unnest($4::text[], $5::bigint[], $6::text[]) as prior (saga_id, seq, hash)
    where not exists (select from entry where entry.saga_id = prior.saga_id
                      and entry.seq = prior.seq and entry.hash = prior.hash)
), written as (
    insert into entry (saga_id, seq, kind, version, written_at, body, payload, hash)
    select * from unnest($7::text[], $8::bigint[], $9::text[], $10::int[], $11::bigint[],
                         $12::text[], $13::text[], $14::text[])
    where exists (select from fence where control = $2 or not $3)
        and not exists (select from missing)
)
select (select control from fence), exists (select from missing), '{}'::text[], '{}'::text[]
"""
"""Entries alone, which is what nearly every append is. Nothing is written where the entry that
another one follows is not there: a database that lost its tail would go on with a gap."""

FULL = """
with fence as (
    select control from worker where id = $1 and state = 'alive' for share
), missing as (
    select from unnest($4::text[], $5::bigint[], $6::text[]) as prior (saga_id, seq, hash)
    where not exists (select from entry where entry.saga_id = prior.saga_id
                      and entry.seq = prior.seq and entry.hash = prior.hash)
), clear as (
    select from fence where (control = $2 or not $3) and not exists (select from missing)
), created as (
    insert into saga (id, name, version, input_digest, starter, head, head_hash, owner, created_at,
                      status, reason, wake_at, updated_at, control, folded, deaths)
    select *, 0, 0, 0 from unnest(
        $7::text[], $8::text[], $9::int[], $10::text[], $11::text[], $12::bigint[], $13::text[],
        $14::bigint[], $15::bigint[], $16::text[], $17::text[], $18::bigint[], $19::bigint[])
    where exists (select from clear)
    on conflict (id) do nothing
    returning id
), projected as (
    update saga
    set status = new.status, reason = new.reason,
        wake_at = case when new.release then new.wake_at else saga.wake_at end,
        head = coalesce(new.head, saga.head), head_hash = coalesce(new.head_hash, saga.head_hash),
        owner = case when new.release then null else owner end,
        updated_at = coalesce(new.updated_at, saga.updated_at),
        deaths = case when new.release then 0 else deaths end
    from unnest(
        $20::text[], $21::text[], $22::text[], $23::bigint[], $24::bigint[], $25::text[],
        $26::bool[], $27::bigint[])
        as new (id, status, reason, wake_at, head, head_hash, release, updated_at)
    where saga.id = new.id and saga.owner = $1 and exists (select from clear)
    returning saga.id
), written as (
    insert into entry (saga_id, seq, kind, version, written_at, body, payload, hash)
    select * from unnest(
        $28::text[], $29::bigint[], $30::text[], $31::int[], $32::bigint[], $33::text[],
        $34::text[], $35::text[])
        as new (saga_id, seq, kind, version, written_at, body, payload, hash)
    where exists (select from clear)
        and (new.saga_id <> all ($7) or new.saga_id in (select id from created))
        and (new.saga_id <> all ($20) or new.saga_id in (select id from projected))
)
select (select control from fence), exists (select from missing),
       array(select id from created), array(select id from projected),
       -- what idle workers wait for
       case when $36 then pg_notify('sagas', '')::text end
"""
"""Entries are inserted only where the saga was created or projected as their unit asks; a number
that is taken fails the statement as a whole, and nothing of it stays."""

_PRIOR = 3
_CREATED = 13
_PROJECTED = 8
_WRITTEN = 8
_RELEASE = 6


@dataclass(frozen=True, slots=True)
class Batch:
    """Units that one statement can append."""

    lease: Lease
    units: Sequence[Unit]
    creations: dict[str, tuple[object, ...]]
    projections: dict[str, tuple[object, ...]]

    def statement(self) -> str:
        """The least that does it."""
        return FULL if self.creations or self.projections else PLAIN

    def values(self) -> tuple[object, ...]:
        """The values of the statement."""
        rows = [row for unit in self.units for row in unit.rows]
        written = list(zip(*rows, strict=True)) if rows else [()] * _WRITTEN
        prior = list(zip(*priors(self.units), strict=True)) or [()] * _PRIOR
        fence = (self.lease.worker, self.lease.control, self._is_guarded(), *prior)
        if not (self.creations or self.projections):
            return (*fence, *written)
        return (
            *fence,
            *_columns(self.creations, _CREATED),
            *_columns(self.projections, _PROJECTED),
            *written,
            self._is_news(),
        )

    def verdicts(self, answer: Record) -> list[Applied] | None:
        """What became of each unit; None where nothing was done and the reasons are not known."""
        control, is_cut_off, created, projected, *_ = answer
        if control is None:
            return [Applied.FENCED] * len(self.units)
        if is_cut_off or (self._is_guarded() and control != self.lease.control):
            return None
        taken = self.creations.keys() - set(created)
        foreign = self.projections.keys() - set(projected)
        return [_verdict(unit.saga_id, taken, foreign) for unit in self.units]

    def _is_guarded(self) -> bool:
        return any(unit.guarded for unit in self.units)

    def _is_news(self) -> bool:
        """Whether idle workers wait for it: something new, or something let go."""
        released = (values[_RELEASE - 1] for values in self.projections.values())
        return bool(self.creations) or any(released)


def batch(lease: Lease, units: Sequence[Unit]) -> Batch | None:
    """The units as one batch; None if they need more than one statement."""
    made = Batch(lease, units, {}, {})
    # Everybody takes locks on sagas in the order of their ids.
    for unit in sorted(units, key=lambda unit: unit.saga_id):
        for op in unit.ops:
            if not _add(made, unit, op):
                return None
    return made


def _add(made: Batch, unit: Unit, op: Op) -> bool:
    """Add an op to the batch; False if there is no place for it."""
    match op:
        case CreateSaga() if unit.saga_id not in made.creations:
            first = creation(made.lease, unit, op)
            made.creations[unit.saga_id] = (*first, Status.RUNNING.value, None, op.at, op.at)
        case Project() if unit.saga_id in made.creations:
            made.creations[unit.saga_id] = _created_as(made.creations[unit.saga_id], unit, op)
        case Project() if unit.saga_id not in made.projections:
            values = projection(made.lease, unit, op)
            # The owner is the same for all of them.
            made.projections[unit.saga_id] = (values[0], *values[2:])
        case _:
            return False
    return True


def _created_as(values: tuple[object, ...], unit: Unit, op: Project) -> tuple[object, ...]:
    """A saga's creation that is projected at once: one row cannot be touched twice."""
    *identity, head, head_hash, owner, created_at = values[:9]
    if unit.head is not None:
        head, head_hash = unit.head
    reason = None if op.reason is None else storable(op.reason)
    return (
        *identity,
        head,
        head_hash,
        None if op.release else owner,
        created_at,
        op.status.value,
        reason,
        op.wake_at if op.release else created_at,
        unit.rows[-1].at if unit.rows else created_at,
    )


def _columns(rows: dict[str, tuple[object, ...]], width: int) -> Sequence[Sequence[object]]:
    return list(zip(*rows.values(), strict=True)) if rows else [()] * width


def _verdict(saga_id: str, taken: set[str], foreign: set[str]) -> Applied:
    if saga_id in taken:
        return Applied.TAKEN
    return Applied.CONFLICT if saga_id in foreign else Applied.YES
