"""Windows that close or are about to, put on the record before anything depends on them."""

from compensations import InterventionKind
from reversibility import OnAlarm
from sagas import decide, windows
from sagas.driving.drive import Drive
from sagas.driving.log import Withdrawn
from sagas.entries import Entry, WindowAlarmed
from sagas.ports import Op
from sagas.story.wording import moment

__all__ = ["close_windows", "raise_alarms"]


async def close_windows(drive: Drive) -> bool:
    """Write down which windows have closed; whether there were any.

    Raises:
        LogClosed: Nothing more will be written.
    """
    if not drive.state.windowed or drive.over:
        return False
    found = windows.closing(drive.state, drive.now())
    new = [entry for entry in found if entry.path not in drive.shutting]
    if found and not new:
        await drive.log.drained()  # another part of the saga is writing it
        return True
    asked = windows.moot(drive.state, {entry.path for entry in new}) - drive.shutting
    if new or asked:
        writing = {*asked, *(entry.path for entry in new)}
        drive.shutting |= writing
        entries, ops = drive.no_longer_asked(
            sorted(asked), "its window is not about to close any more"
        )
        await drive.log.commit(*new, *entries, ops=ops)
        drive.shutting -= writing
    return bool(new)


async def raise_alarms(drive: Drive) -> bool:
    """Do what is wanted of windows that are about to close; whether there were any.

    Raises:
        LogClosed: Nothing more will be written.
        Withdrawn: Somebody has asked for something, which comes first.
    """
    due = windows.alarms(drive.state, drive.now())
    for alarm in due:
        fences = drive.fences
        entries, ops = _response(drive, alarm)
        try:
            await drive.log.commit(alarm, *entries, ops=ops, guarded=True)
        except Withdrawn:
            drive.fences = fences
            raise
    return bool(due)


def _response(drive: Drive, alarm: WindowAlarmed) -> tuple[list[Entry], list[Op]]:
    why = f"{alarm.path} can be undone until {moment(alarm.closes_at)}"
    if alarm.response == OnAlarm.ACCEPT or drive.is_unwinding:
        return [], []
    may = decide.may_unwind(drive.state, drive.saga.after_pivot)
    if alarm.response == OnAlarm.UNWIND and may:
        return drive.unwinding(f"{why}, and the saga still waits", "window")
    entry, op = drive.question(
        InterventionKind.WINDOW_CLOSING,
        f"{why}: is it to be undone now?",
        decide.what_unwinding_leaves(drive.state),
        path=alarm.path,
    )
    return [entry], [op]
