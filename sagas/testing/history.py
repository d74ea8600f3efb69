"""One saga's journal as it is exported: rows, entries, and what hangs on them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from approvals import Gate
from sagas.chain import Row
from sagas.entries import Entry
from sagas.ports import QuestionRow, RuleUse, SagaRow, Store
from sagas.restoring import entries_of

E = TypeVar("E", bound=Entry)


@dataclass(frozen=True)
class History:
    """Everything the database knows of a saga.

    Attributes:
        saga: Its row; None if it was never started.
        uses: Those of standing rules at its gates.
    """

    journal_id: str
    saga_id: str
    saga: SagaRow | None
    rows: Sequence[Row]
    gates: Sequence[Gate] = ()
    questions: Sequence[QuestionRow] = ()
    uses: Sequence[RuleUse] = ()

    @cached_property
    def timed(self) -> Sequence[tuple[int, int, Entry]]:
        """The entries with their numbers and instants (microseconds since 1970)."""
        return entries_of(list(self.rows))

    @cached_property
    def entries(self) -> Sequence[tuple[int, Entry]]:
        """The entries with their numbers."""
        return [(seq, entry) for seq, _, entry in self.timed]

    def of(self, kind: type[E]) -> Iterator[tuple[int, E]]:
        """The entries of one kind, with their numbers."""
        for seq, entry in self.entries:
            if isinstance(entry, kind):
                yield seq, entry


async def read_history(store: Store, saga_id: str) -> History:
    """Export a saga's journal; an empty one if it was never started."""
    loaded = await store.load(saga_id)
    if loaded is None:
        return History(store.journal_id, saga_id, None, ())
    gates = await store.gates_of(saga_id)
    return History(
        store.journal_id,
        saga_id,
        loaded.row,
        tuple(loaded.rows),
        tuple(gates),
        tuple(await store.questions_of(saga_id)),
        tuple(await store.rule_uses_at([gate.id for gate in gates])),
    )
