"""Every rollback of a period, told one saga at a time from what the journal holds.

What is kept while it is told does not grow with the journal. Touches: the store.
"""

from collections import OrderedDict
from collections.abc import AsyncGenerator, Iterable
from difflib import get_close_matches

from sagas.audit import AuditRecord, Criteria, Period, Unaudited, audited, first_mark
from sagas.discreet import redaction_of, without_secrets
from sagas.errors import Corrupt, Refused
from sagas.ports import Loaded, Store
from sagas.restoring import check_intact, entries_of

PAGE = 1000
REMEMBERED = 20_000
"""So many sagas are remembered as told; one that was forgotten is looked at again, and not told again."""


async def rollbacks(
    store: Store, period: Period, criteria: Criteria, *, known: Iterable[str] = ()
) -> AsyncGenerator[AuditRecord | Unaudited]:
    """The sagas of which something was undone in a period, by the instant of the first such entry.

    Those that cannot be told are told as such, whatever the criteria.

    Args:
        known: The names of sagas that there are, whether or not one was started.

    Raises:
        Refused: None is told, and there is no saga of the name that was asked for.
    """
    seen, is_empty = _Seen(), True
    place = (period.since, "", 0)
    while page := await store.rollback_marks(place, until=period.until, limit=PAGE):
        for _, saga_id, seq in page:
            if seen.before(saga_id):
                continue
            told = await _told(store, saga_id, seq, period)
            if isinstance(told, Unaudited) or (told is not None and criteria.fit(told)):
                is_empty = False
                yield told
        place = page[-1]
    if is_empty and criteria.saga is not None:
        await _check_name(store, criteria.saga, known)


async def _check_name(store: Store, name: str, known: Iterable[str]) -> None:
    """Refuse a name that no saga has. It is looked at last: rows can be changed, entries cannot."""
    names = set(known)
    if name in names or await store.sagas(status=None, saga=name, since=None, limit=1):
        return
    names |= {row.saga for row in await store.sagas(status=None, saga=None, since=None, limit=PAGE)}
    near = get_close_matches(name, sorted(names), n=1)
    meant = f" (did you mean {near[0]}?)" if near else "; `sagas list` shows those there are"
    raise Refused(f"no saga is called {name!r} in this journal{meant}")


class _Seen:
    """The sagas that were looked at lately, at most so many as are remembered."""

    def __init__(self) -> None:
        self._ids: OrderedDict[str, None] = OrderedDict()

    def before(self, saga_id: str) -> bool:
        """Whether it was looked at; from now on it was."""
        known = saga_id in self._ids
        self._ids[saga_id] = None
        self._ids.move_to_end(saga_id)
        if len(self._ids) > REMEMBERED:
            self._ids.popitem(last=False)
        return known


async def _told(
    store: Store, saga_id: str, seq: int, period: Period
) -> AuditRecord | Unaudited | None:
    """A saga that was met by an entry; None if it was told before, or nothing was undone."""
    loaded = await store.load(saga_id)
    if loaded is None:
        return Unaudited(id=saga_id, reason="it has entries, and its row is gone")
    if first_mark(((row.kind, row.at, row.seq) for row in loaded.rows), period) != seq:
        return None
    try:
        return account(store.journal_id, loaded)
    except Corrupt as error:
        return Unaudited(id=saga_id, reason=str(error))
    except (LookupError, ValueError) as error:
        reason = f"its entries do not fit together ({type(error).__name__}: {error})"
        return Unaudited(id=saga_id, reason=reason)


def account(journal_id: str, loaded: Loaded) -> AuditRecord | None:
    """One saga's audit record; None if nothing of it was undone.

    Raises:
        Corrupt: Its entries were changed, or cannot be read.
        LookupError: They do not fit together.
        ValueError: They do not fit together.
    """
    check_intact(journal_id, loaded)
    entries = entries_of(loaded.rows)
    shown = without_secrets(entries, redaction_of(entries, journal_id))
    return audited(loaded.row.id, shown, head_hash=loaded.rows[-1].hash)
