"""Who decides for whom: letting somebody else decide, and taking it back.

Pure.
"""

import json
from collections.abc import Sequence

from approvals.delegation import Delegation, circle_with
from sagas.errors import Refused
from sagas.journal import records, statements
from sagas.journal import statements_delegations as ours
from sagas.journal.operation import Operation, Query, Record, StartOver
from sagas.model import instant, micros


def create_delegation(made: Delegation) -> Operation[None]:
    """Add a delegation, once, unless it closes a circle."""
    bucket = (records.listed([ours.LOCK]),)
    yield Query(statements.MAKE_BUCKETS, bucket)
    if not (yield Query(statements.LOCK_BUCKETS, bucket)):
        raise StartOver  # it was found empty and removed meanwhile
    span = (micros(made.begins), micros(made.until))
    known = [_delegation(row) for row in (yield Query(ours.OVERLAPPING, span))]
    circle = circle_with(made, known)
    if circle is not None:
        raise Refused(
            f"this would close a circle ({' to '.join(circle)}), and nobody in it would decide: "
            "delegate to somebody who is there"
        )
    yield Query(ours.CREATE_DELEGATION, _values(made))


def delegation(delegation_id: str) -> Operation[Delegation | None]:
    """A delegation, whether or not it still gives a right."""
    found = yield Query(ours.DELEGATION, (delegation_id,))
    return _delegation(found[0]) if found else None


def delegations(
    *, person: str | None, live_at: int | None, limit: int
) -> Operation[list[Delegation]]:
    """Delegations, the newest first; None leaves a filter out."""
    found = yield Query(ours.DELEGATIONS, (person, live_at, limit))
    return [_delegation(row) for row in found]


def delegated_to(person: str, at: int) -> Operation[list[Delegation]]:
    """The delegations to a person that give a right at an instant."""
    found = yield Query(ours.DELEGATED_TO, (person, at))
    return [_delegation(row) for row in found]


def delegated_by(people: Sequence[str], at: int) -> Operation[list[Delegation]]:
    """The delegations of these people that give a right at an instant."""
    found = yield Query(ours.DELEGATED_BY, (records.listed(people), at))
    return [_delegation(row) for row in found]


def revoke_delegation(
    delegation_id: str, *, by: str, at: int, settling: bool
) -> Operation[Delegation]:
    """Take a delegation back, or give it back."""
    revoked = yield Query(ours.REVOKE_DELEGATION, (delegation_id, at, by))
    found = yield from delegation(delegation_id)
    if found is None or by not in (found.delegator, found.delegate):
        raise Refused(
            f"{by} has no delegation {delegation_id}; `sagas delegations` lists those there are"
        )
    if not revoked and not (settling and (found.revoked_by, found.revoked_at) == (by, instant(at))):
        raise Refused(f"{delegation_id} was revoked by {found.revoked_by} before")
    return found


def _values(made: Delegation) -> tuple[object, ...]:
    return (
        made.id,
        made.delegator,
        made.delegate,
        micros(made.begins),
        micros(made.until),
        json.dumps(made.actions),
        made.reason,
        made.evidence,
        micros(made.made_at),
    )


def _delegation(record: Record) -> Delegation:
    """The row of `{delegation}`."""
    return Delegation(
        id=record[0],
        delegator=record[1],
        delegate=record[2],
        begins=instant(record[3]),
        until=instant(record[4]),
        actions=tuple(json.loads(record[5])),
        reason=record[6],
        evidence=record[7],
        made_at=instant(record[8]),
        revoked_at=None if record[9] is None else instant(record[9]),
        revoked_by=record[10],
    )
