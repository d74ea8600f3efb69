"""Locks of one step: asked for before its first intent, once whoever must approve it has.

A saga that has to wait parks at no cost, and is woken by whoever lets go of what it waits for.

Touches: the journal.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from compensations import InterventionKind
from sagas.authoring.action import Action
from sagas.driving.calling import describe
from sagas.driving.drive import Drive
from sagas.driving.log import LogClosed
from sagas.entries import Blocked, Failed
from sagas.errors import JournalError, Parked, PayloadError
from sagas.locking import Granted, LockAnswer, LockRow, Need, Turn, TurnedAway
from sagas.model import span

_SHOWN = 3
"""So many holders are named where people read of them."""


@dataclass(frozen=True, slots=True)
class Place:
    """The call that needs locks, as the body made it."""

    action: Action[..., Any]
    path: str
    ordinal: int
    arguments: bytes


async def locked(
    drive: Drive, place: Place, arguments: Mapping[str, object]
) -> dict[str, int] | None:
    """The lock tokens of a call's keys; None if it has failed, because others hold some.

    Args:
        arguments: Those that it is made with.

    Raises:
        Parked: It waits.
    """
    keys = await _keys(drive, place.action, arguments)
    if not keys:
        return {}
    need = _need(drive, place, keys)
    match await _asked(drive, need):
        case Granted(tokens):
            return dict(tokens)
        case TurnedAway(why, behind):
            await _turned_away(drive, place, need, why, behind)
            return None
        case answer:
            await _in_line(drive, place, need, answer.behind)
            raise Parked


def _need(drive: Drive, place: Place, keys: tuple[str, ...]) -> Need:
    """What is asked for; who has begun to wait goes by what was recorded then."""
    locks, step = place.action.locks, drive.state.steps.get(place.path)
    now = drive.now()
    within = locks.within if locks is not None else None
    until = None if within is None else now + span(within)
    if step is not None and step.blocked:
        until = step.blocked_until
    waits = locks is None or locks.wait
    return Need(drive.saga_id, place.path, keys, waits, until, now)


async def _keys(
    drive: Drive, action: Action[..., Any], arguments: Mapping[str, object]
) -> tuple[str, ...]:
    try:
        keys: list[object] = list(action.conflict_keys(arguments))
        texts = tuple(key for key in keys if isinstance(key, str) and key)
        if len(texts) == len(keys):
            return texts
        wrong = f"conflicts= of {action.name} computes {keys!r}: each key is a text, and not empty"
    except Exception as error:  # noqa: BLE001  it is the user's own function
        wrong = f"conflicts= of {action.name} failed: {describe(error)}"
    question = "the keys of a lock cannot be computed"
    return await drive.ask_and_park(InterventionKind.DEFECT, question, wrong)


async def _asked(drive: Drive, need: Need) -> LockAnswer:
    drive.locked = True  # even if the answer is lost
    environment = drive.environment
    try:
        return await environment.locking.take_locks(environment.holder.lease, need)
    except PayloadError as error:
        await drive.ask_and_park(
            InterventionKind.DEFECT, "the keys of a lock cannot be stored", str(error)
        )
    except JournalError as error:
        drive.log.close(error)
        raise LogClosed from error


async def _in_line(drive: Drive, place: Place, need: Need, behind: tuple[LockRow, ...]) -> None:
    drive.waiting.add(place.path)
    drive.behind = _told(behind)
    if need.until is not None:
        drive.waits.append(need.until)
    if _is_news(drive, need):
        await drive.log.commit(_blocked(place, need, behind))


async def _turned_away(
    drive: Drive, place: Place, need: Need, why: Turn, behind: tuple[LockRow, ...]
) -> None:
    failed = Failed(path=place.path, error=why.value, message=_message(why, behind), via="lock")
    if _is_news(drive, need):
        await drive.log.commit(_blocked(place, need, behind), failed)
    else:
        await drive.log.commit(failed)


def _is_news(drive: Drive, need: Need) -> bool:
    step = drive.state.steps.get(need.path)
    return step is None or step.blocked != need.keys


def _blocked(place: Place, need: Need, behind: tuple[LockRow, ...]) -> Blocked:
    return Blocked(
        path=place.path,
        ordinal=place.ordinal,
        action=place.action.name,
        version=place.action.version,
        keys=list(need.keys),
        holders=sorted({row.saga_id for row in behind}),
        waits=need.waits,
        until=need.until,
        payload=place.arguments,
        sensitive=list(place.action.sensitive) or None,
    )


def _message(why: Turn, behind: tuple[LockRow, ...]) -> str:
    told = _told(behind)
    match why:
        case Turn.LOCKED:
            return told
        case Turn.LATE:
            return f"it was waited for as long as the step waits: {told}"
        case Turn.DEADLOCK:
            return f"{told}, which waits for this saga"


def _told(behind: tuple[LockRow, ...]) -> str:
    """Who holds what, or is earlier in the line for it."""
    parts = [
        f"{row.key} is held by {row.saga_id}"
        if row.held
        else f"{row.saga_id} is next for {row.key}"
        for row in behind[:_SHOWN]
    ]
    more = len(behind) - _SHOWN
    return ", ".join(parts) + (f" and {more} more" if more > 0 else "")
