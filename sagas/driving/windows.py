"""Windows found closed, put on the record before anything is decided that depends on them."""

from sagas import windows
from sagas.driving.drive import Drive

__all__ = ["close_windows"]


async def close_windows(drive: Drive) -> bool:
    """Write down which windows have closed; whether there were any.

    Raises:
        LogClosed: Nothing more will be written.
    """
    if not drive.state.windowed or drive.over:
        return False
    found = windows.closing(drive.state, drive.now())
    new = [entry for entry in found if entry.path not in drive.shutting]
    if new:
        drive.shutting.update(entry.path for entry in new)
        await drive.log.commit(*new)
        drive.shutting.difference_update(entry.path for entry in new)
    elif found:
        await drive.log.drained()  # another part of the saga is writing it
    return bool(found)
