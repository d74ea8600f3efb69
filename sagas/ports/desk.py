"""What people and other programs do.

Pure.
"""

from dataclasses import dataclass
from typing import Protocol

from approvals import Gate, Principal, Vote
from approvals.revision import Proposal, RefusedEdit, Revision
from compensations import Choice
from sagas.model import Direction
from sagas.ports.rows import QuestionRow

__all__ = ["Desk", "Edits", "LateAnswer"]


@dataclass(frozen=True, slots=True)
class LateAnswer:
    """A call that was given up took effect after all, or is over and does not say so.

    Attributes:
        key: The idempotency key it was made under.
        attempt: Which attempt it was.
        payload: What is recorded of its result, or of what an undo left.
        unstorable: Why there is no payload, if it could not be stored.
        unprotected: Whether it may have outlived its key, or had none.
        happened: Whether it took effect; if not, only this is known: that it goes on no longer.
    """

    saga_id: str
    path: str
    direction: Direction
    key: str
    attempt: int
    payload: bytes | None
    unstorable: str | None = None
    unprotected: bool = False
    happened: bool = True


class Desk(Protocol):
    """What people and other programs do: each is one transaction, and raises `control`."""

    async def cancel(
        self,
        saga_id: str,
        *,
        by: str,
        reason: str,
        at: int,
        identified_by: str | None = None,
        channel: str | None = None,
    ) -> None:
        """Ask for a saga to be undone."""
        ...

    async def send(
        self, saga_id: str, name: str, payload: bytes, *, key: str, by: str, at: int
    ) -> bool:
        """Deliver an event once per `key`; False if that key was delivered before."""
        ...

    async def vote(self, gate_id: str, vote: Vote, voter: Principal) -> Gate:
        """Count a vote, and decide the gate if it is enough; record it where it is refused.

        Raises:
            Refused: The vote has no effect; the message is the truth to tell the voter.
        """
        ...

    async def answer(
        self,
        intervention_id: str,
        choice: Choice,
        *,
        by: str,
        reason: str,
        payload: bytes | None,
        at: int,
        identified_by: str | None = None,
        channel: str | None = None,
    ) -> QuestionRow:
        """Close an intervention with an answer.

        Raises:
            Refused: It is unknown, answered already, or the answer is not on offer.
        """
        ...

    async def report(self, late: LateAnswer, *, by: str, at: int) -> bool:
        """Tell a saga of a late answer, once per attempt; False if it was told before.

        A saga that has ended is live again from then on if the call took effect, for a worker to
        fold the report. Of any other answer it is told nothing.

        Raises:
            UnknownSaga: There is no such saga.
        """
        ...


class Edits(Protocol):
    """Other arguments for what people are asked about."""

    async def edit(self, gate_id: str, proposal: Proposal) -> Gate:
        """Let a gate ask about other arguments from now on; earlier votes are void.

        An edit that is refused is recorded, without its arguments.

        Raises:
            Refused: The edit has no effect; the message is the truth to tell the editor.
        """
        ...

    async def revisions(self, gate_id: str) -> list[Revision]:
        """The revisions of a gate that was edited, in order; none of one as it was asked."""
        ...

    async def refused_edits(self, gate_id: str) -> list[RefusedEdit]:
        """The edits of a gate that were refused, in order."""
        ...
