"""Permits of limits: taken and given back in one transaction, by the database's own clock.

Whoever looks at a bucket holds its row, so that two never give the same place away. Buckets are
locked in one order, before permits and sagas.

Pure.
"""

from collections.abc import Mapping, Sequence

from sagas.allotment import (
    HEAD_LASTS,
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
    allotment, told = yield from _allotment(buckets, wants)
    answers: dict[int, Answer] = {}
    heads: dict[str, tuple[Want, Refused]] = {}
    for index in allotment.in_order(wants):
        want = wants[index]
        answers[index] = answer = allotment.ask(want)
        if isinstance(answer, Granted):
            yield from _grant(want, allotment)
        elif answer.sent_away:
            yield from _note(want, answer, allotment)
        else:
            heads = dict.fromkeys(answer.lacking, (want, answer)) | heads
    yield from _tell(wants[0].process, heads, told, allotment)
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


def _allotment(
    buckets: Sequence[str], wants: Sequence[Want]
) -> Operation[tuple[Allotment, dict[str, int]]]:
    """What there is to give; and until when each head lasts that this process has told of."""
    named = records.listed(buckets)
    yield Query(statements.LAPSED_OF, (named,))
    [[now]] = yield Query(statements.CLOCK)
    rooms = {bucket: Room() for bucket in buckets}
    for bucket, kind, count, oldest in (yield Query(statements.ROOM, (named,))):
        _add(rooms[bucket], Kind(kind), count, oldest)
    holders = {want.holder for want in wants} | {want.start for want in wants}
    found = yield Query(statements.HELD_PERMITS, (named, records.listed(sorted(holders))))
    held = {(bucket, Kind(kind), holder) for bucket, kind, holder, *_ in found}
    turns = {holder: at for _, kind, holder, at, _ in found if kind == Kind.TURN}
    told: dict[str, int] = {}
    for bucket, kind, holder, at, until in found:
        if kind == Kind.HEAD and holder == wants[0].process:
            told[bucket] = until
        elif kind == Kind.HEAD:
            rooms[bucket].heads.append(at)
    return Allotment(now, rooms, held, turns), told


def _add(room: Room, kind: Kind, count: int, oldest: int) -> None:
    match kind:
        case Kind.START:
            room.starts, room.oldest = count, oldest
        case Kind.CALL:
            room.calls = count
        case Kind.TURN:
            room.turns = count
        case Kind.HEAD:
            pass


def _grant(want: Want, allotment: Allotment) -> Operation[None]:
    now = allotment.now
    for demand in want.demands:
        if demand.rate is not None:
            until = now + want.begins_within + demand.per + TICK
            yield _hold(want, demand.bucket, Kind.START, now, until)
        if demand.concurrent is not None:
            until = now + want.begins_within + want.lasts
            yield _hold(want, demand.bucket, Kind.CALL, now, until)
        if want.holder in allotment.turns:
            turn = (demand.bucket, Kind.TURN.value, want.holder, "")
            yield Query(statements.GIVE_BACK, turn)


def _note(want: Want, refused: Refused, allotment: Allotment) -> Operation[None]:
    until = allotment.now + refused.after + LONGEST_TURN
    for bucket in refused.lacking:
        yield _hold(want, bucket, Kind.TURN, allotment.since(want), until)


def _tell(
    process: str,
    heads: Mapping[str, tuple[Want, Refused]],
    told: Mapping[str, int],
    allotment: Allotment,
) -> Operation[None]:
    """Tell other processes since when the first of those waits who will soon ask again."""
    for bucket in told.keys() - heads.keys():
        yield Query(statements.GIVE_BACK, (bucket, Kind.HEAD.value, process, ""))
    for bucket, (want, refused) in heads.items():
        due = allotment.now + refused.after
        if told.get(bucket, 0) < due + HEAD_LASTS // 2:
            yield _hold(want, bucket, Kind.HEAD, allotment.since(want), due + HEAD_LASTS)


def _hold(want: Want, bucket: str, kind: Kind, at: int, until: int) -> Query:
    match kind:
        case Kind.START:
            holder, start = want.start, want.start
        case Kind.CALL:
            holder, start = want.holder, want.start
        case Kind.TURN:
            holder, start = want.holder, ""
        case Kind.HEAD:
            holder, start = want.process, ""
    values = (bucket, kind.value, holder, start, want.saga_id, at, until)
    return Query(statements.HOLD, values)
