"""One saga's journal as it is exported: rows, entries, and what hangs on them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from approvals import Gate
from sagas import Coordinator
from sagas.chain import Row
from sagas.entries import Entry, read
from sagas.errors import UnknownSaga
from sagas.ports import QuestionRow, SagaRow

E = TypeVar("E", bound=Entry)


@dataclass(frozen=True)
class History:
    """Everything the database knows of a saga.

    Attributes:
        saga: Its row; None if it was never started.
    """

    journal_id: str
    saga_id: str
    saga: SagaRow | None
    rows: Sequence[Row]
    gates: Sequence[Gate] = ()
    questions: Sequence[QuestionRow] = ()

    @cached_property
    def entries(self) -> Sequence[tuple[int, Entry]]:
        """The entries with their numbers."""
        return [(row.seq, _entry(row)) for row in self.rows]

    def of(self, kind: type[E]) -> Iterator[tuple[int, E]]:
        """The entries of one kind, with their numbers."""
        for seq, entry in self.entries:
            if isinstance(entry, kind):
                yield seq, entry


async def read_history(coordinator: Coordinator, saga_id: str) -> History:
    """Export a saga's journal; an empty one if it was never started."""
    store = coordinator.store
    try:
        loaded = await coordinator.load(saga_id)
    except UnknownSaga:
        return History(store.journal_id, saga_id, None, ())
    return History(
        store.journal_id,
        saga_id,
        loaded.row,
        tuple(loaded.rows),
        tuple(await store.gates_of(saga_id)),
        tuple(await store.questions_of(saga_id)),
    )


def _entry(row: Row) -> Entry:
    payload = None if row.payload is None else row.payload.encode()
    return read(row.kind, row.version, row.body, payload)
