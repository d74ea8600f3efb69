"""What is read for people.

Pure.
"""

from typing import Protocol

from approvals import Gate
from approvals.figures import AskedGate, CastVote
from sagas.ports.rows import QuestionRow, SagaRow

__all__ = ["PAGE", "Figures", "Inbox", "Library"]

PAGE = 100
"""How many items a page has, unless somebody asks for another number."""


class Library(Protocol):
    """What is read for people."""

    async def saga(self, saga_id: str) -> SagaRow | None:
        """One saga's row."""
        ...

    async def sagas(
        self, *, status: str | None, saga: str | None, since: int | None, limit: int
    ) -> list[SagaRow]:
        """Saga rows, the newest first."""
        ...

    async def live_sagas(self, after: str, limit: int) -> list[SagaRow]:
        """A page of sagas that have not ended, in the order of their ids, after that one."""
        ...

    async def rollback_marks(
        self, after: tuple[int, str, int], *, until: int, limit: int
    ) -> list[tuple[int, str, int]]:
        """A page of the entries that tell of undoing, in the order of their instants.

        They are those that `sagas.audit.MARKS` names, found without looking at others or at rows of
        sagas.

        Args:
            after: The page begins after the entry with this instant (microseconds), saga and `seq`.
            until: Only entries before this instant.
        """
        ...

    async def gates_of(self, saga_id: str) -> list[Gate]:
        """Every gate of a saga, in the order in which they opened."""
        ...

    async def questions_of(self, saga_id: str) -> list[QuestionRow]:
        """Every intervention of a saga, in the order in which they opened."""
        ...

    async def question(self, intervention_id: str) -> QuestionRow | None:
        """One intervention."""
        ...


class Inbox(Protocol):
    """What waits for people, and what they said, in pages: nobody reads all of it at once."""

    async def waiting_gates(
        self,
        *,
        person: str | None = None,
        live_at: int | None = None,
        after: tuple[int, str] | None = None,
        limit: int = PAGE,
    ) -> list[Gate]:
        """A page of the gates that can be decided, the oldest first.

        Args:
            person: Only gates that were theirs to decide when they opened; None for every gate.
            live_at: Only gates whose deadline is later than this instant (microseconds).
            after: The page begins after the gate with this opening (microseconds) and id.
        """
        ...

    async def voted_by(self, person: str, *, limit: int = PAGE) -> list[Gate]:
        """The gates at which somebody voted, the latest vote first; refused votes are none.

        Args:
            limit: How many of their votes are looked at; several may be of one gate.
        """
        ...

    async def waiting_questions(
        self, *, after: tuple[int, str] | None = None, limit: int = PAGE
    ) -> list[QuestionRow]:
        """A page of the interventions that wait for an answer, the oldest first.

        Args:
            after: The page begins after the one with this opening (microseconds) and id.
        """
        ...


class Figures(Protocol):
    """What is read to measure how people decide."""

    async def asked_since(self, since: int) -> list[AskedGate]:
        """The gates that opened at that instant or later."""
        ...

    async def cast_since(self, since: int) -> list[CastVote]:
        """The votes that were cast at that instant or later."""
        ...
