"""What was written of a saga, read back: checked against its chain, and decoded."""

from collections.abc import Sequence

from sagas.chain import Row, verify
from sagas.entries import Entry, read
from sagas.errors import Corrupt
from sagas.fold import fold
from sagas.ports import Loaded
from sagas.state import SagaState


def restored(journal_id: str, loaded: Loaded) -> SagaState:
    """The state of a saga that is to go on from its journal.

    Raises:
        Corrupt: The journal was changed, or cannot be read.
    """
    check_intact(journal_id, loaded)
    return fold(loaded.row.id, entries_of(loaded.rows))


def check_intact(journal_id: str, loaded: Loaded) -> None:
    """Refuse entries that are not those that were written.

    Raises:
        Corrupt: One was changed, removed, inserted or moved.
    """
    row = loaded.row
    broken = verify(journal_id, row.id, loaded.rows, head=row.head, head_hash=row.head_hash)
    if broken is not None:
        raise Corrupt(
            f"{broken.reason}; restore the journal from a backup (`sagas verify {row.id}` checks it)"
        )


def entries_of(rows: Sequence[Row]) -> list[tuple[int, int, Entry]]:
    """Stored rows as entries.

    Raises:
        Corrupt: One cannot be read.
    """
    entries, unread = readable(rows)
    if unread is not None:
        raise unread
    return entries


def readable(rows: Sequence[Row]) -> tuple[list[tuple[int, int, Entry]], Corrupt | None]:
    """Stored rows as entries, up to the first that cannot be read; and why it cannot."""
    entries: list[tuple[int, int, Entry]] = []
    for row in rows:
        payload = None if row.payload is None else row.payload.encode()
        try:
            entries.append((row.seq, row.at, read(row.kind, row.version, row.body, payload)))
        except Corrupt as error:
            return entries, type(error)(f"{row.saga_id}, entry {row.seq}: {error}")
    return entries, None
