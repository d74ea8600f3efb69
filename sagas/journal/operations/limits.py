"""Permits of limits: taken and given back in one transaction, by the database's own clock.

Whoever looks at a bucket holds its row, so that two never give the same place away. Buckets are
locked in one order, before permits and sagas.

Pure.
"""

from collections.abc import Sequence

from sagas.allotment import (
    LONGEST_TURN,
    TICK,
    Allotment,
    Answer,
    Granted,
    Kind,
    Mark,
    Refused,
    Room,
    Want,
)
from sagas.journal import records, statements
from sagas.journal.operation import Hint, Operation, Query, StartOver


def exchange(wants: Sequence[Want], marks: Sequence[Mark]) -> Operation[list[Answer]]:
    """Change and give back permits, then give what can be given, to whoever waited longest."""
    buckets = sorted({mark.bucket for mark in marks}.union(*(want.buckets for want in wants)))
    yield from _lock(buckets)
    yield from _mark(marks)
    if not wants:
        return []
    allotment = yield from _allotment(buckets, wants)
    answers: dict[int, Answer] = {}
    for index in allotment.in_order(wants):
        answers[index] = answer = allotment.ask(wants[index])
        if isinstance(answer, Granted):
            yield from _grant(wants[index], allotment)
        elif answer.sent_away:
            yield from _note(wants[index], answer, allotment)
    return [answers[index] for index in range(len(wants))]


def tidy() -> Operation[None]:
    """Remove what has lapsed, and buckets of which nothing is held."""
    yield Query(statements.LAPSED)
    yield Query(statements.EMPTY_BUCKETS)


def _lock(buckets: Sequence[str]) -> Operation[None]:
    named = records.listed(buckets)
    yield Query(statements.MAKE_BUCKETS, (named,))
    if len((yield Query(statements.LOCK_BUCKETS, (named,)))) != len(buckets):
        raise StartOver  # one was found empty and removed meanwhile


def _mark(marks: Sequence[Mark]) -> Operation[None]:
    freed: list[str] = []
    for mark in marks:
        place = (mark.bucket, mark.kind.value, mark.holder, mark.start)
        if mark.keep is not None:
            yield Query(statements.KEEP_PERMIT, (*place, mark.ago, mark.keep))
        elif (yield Query(statements.GIVE_BACK, place)) and mark.kind is not Kind.TURN:
            freed.append(mark.bucket)
    woken = False
    for bucket in sorted(set(freed)):
        count = freed.count(bucket)
        woken = bool((yield Query(statements.WAKE, (bucket, count)))) or woken
    if woken:
        yield Hint()


def _allotment(buckets: Sequence[str], wants: Sequence[Want]) -> Operation[Allotment]:
    named = records.listed(buckets)
    yield Query(statements.LAPSED_OF, (named,))
    [[now]] = yield Query(statements.CLOCK)
    rooms = {bucket: Room() for bucket in buckets}
    for bucket, kind, count, oldest in (yield Query(statements.ROOM, (named,))):
        _add(rooms[bucket], Kind(kind), count, oldest)
    holders = {want.holder for want in wants} | {want.start for want in wants}
    found = yield Query(statements.HELD_PERMITS, (named, records.listed(sorted(holders))))
    held = {(bucket, Kind(kind), holder) for bucket, kind, holder, _ in found}
    since = {holder: at for _, kind, holder, at in found if kind == Kind.TURN}
    return Allotment(now, rooms, held, since)


def _add(room: Room, kind: Kind, count: int, oldest: int) -> None:
    match kind:
        case Kind.START:
            room.starts, room.oldest = count, oldest
        case Kind.CALL:
            room.calls = count
        case Kind.TURN:
            room.turns = count


def _grant(want: Want, allotment: Allotment) -> Operation[None]:
    now = allotment.now
    for demand in want.demands:
        if demand.rate is not None:
            until = now + want.begins_within + demand.per + TICK
            yield _hold(want, demand.bucket, Kind.START, now, until)
        if demand.concurrent is not None:
            until = now + want.begins_within + want.lasts
            yield _hold(want, demand.bucket, Kind.CALL, now, until)
        if want.holder in allotment.since:
            turn = (demand.bucket, Kind.TURN.value, want.holder, "")
            yield Query(statements.GIVE_BACK, turn)


def _note(want: Want, refused: Refused, allotment: Allotment) -> Operation[None]:
    since = allotment.since.get(want.holder, allotment.now)
    until = allotment.now + refused.after + LONGEST_TURN
    for bucket in want.buckets:
        yield _hold(want, bucket, Kind.TURN, since, until)


def _hold(want: Want, bucket: str, kind: Kind, at: int, until: int) -> Query:
    holder = want.start if kind is Kind.START else want.holder
    start = "" if kind is Kind.TURN else want.start
    values = (bucket, kind.value, holder, start, want.saga_id, at, until)
    return Query(statements.HOLD, values)
