"""Standing rules and delegations: what people allow in advance, and to whom they give it.

Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from approvals import Gate
from approvals.delegation import Delegation
from approvals.rule import StandingRule
from sagas.ports.library import PAGE

__all__ = ["Delegations", "RuleUse", "Rules"]


@dataclass(frozen=True, slots=True)
class RuleUse:
    """A call that a standing rule allowed; the instant is microseconds since 1970.

    Attributes:
        units: How much of the rule's budget it took, in millionths.
    """

    gate_id: str
    rule_id: str
    saga_id: str
    units: int | None
    at: int


class Rules(Protocol):
    """Approvals that were given beforehand."""

    async def create_rule(self, rule: StandingRule) -> None:
        """Add a standing rule; nothing, if one of its id is there."""
        ...

    async def rule(self, rule_id: str) -> StandingRule | None:
        """A standing rule, with what was used of it, whether or not it still allows anything."""
        ...

    async def rules(
        self, *, action: str | None, live_at: int | None, limit: int
    ) -> list[StandingRule]:
        """Standing rules, the newest first.

        Args:
            action: Only for this action.
            live_at: Only those that are neither revoked nor over at this instant.
            limit: How many at most.
        """
        ...

    async def matching_rules(self, action: str, version: int, *, at: int) -> list[StandingRule]:
        """The rules for an action that are neither revoked nor over, the first to end first."""
        ...

    async def revoke_rule(self, rule_id: str, *, by: str, reason: str, at: int) -> StandingRule:
        """Let a rule allow nothing more.

        Raises:
            Refused: There is none of that id, or it was revoked before.
        """
        ...

    async def rule_uses(
        self, rule_id: str, *, after: tuple[int, str] | None = None, limit: int = PAGE
    ) -> list[RuleUse]:
        """A page of what a rule allowed, the newest first.

        Args:
            after: The page begins after the use of this instant (microseconds) and gate.
        """
        ...

    async def rule_uses_at(self, gates: Sequence[str]) -> list[RuleUse]:
        """What standing rules allowed at these gates, in their order."""
        ...

    async def gates_of_action(self, action: str, *, limit: int) -> list[Gate]:
        """The gates in front of an action, the newest first."""
        ...


class Delegations(Protocol):
    """Who decides for whom."""

    async def create_delegation(self, delegation: Delegation) -> None:
        """Add a delegation; nothing, if one of its id is there.

        Raises:
            Refused: It would close a circle.
        """
        ...

    async def delegation(self, delegation_id: str) -> Delegation | None:
        """A delegation, whether or not it still gives a right."""
        ...

    async def delegations(
        self, *, person: str | None, live_at: int | None, limit: int
    ) -> list[Delegation]:
        """Delegations, the newest first.

        Args:
            person: Only those from or to this person.
            live_at: Only those that are neither revoked nor over at this instant.
            limit: How many at most.
        """
        ...

    async def delegated_to(self, person: str, *, at: int) -> list[Delegation]:
        """The delegations to a person that give a right at this instant."""
        ...

    async def delegated_by(self, people: Sequence[str], *, at: int) -> list[Delegation]:
        """The delegations of these people that give a right at this instant."""
        ...

    async def revoke_delegation(self, delegation_id: str, *, by: str, at: int) -> Delegation:
        """Let a delegation give no right any more.

        Raises:
            Refused: That person has none of that id, or it was revoked before.
        """
        ...
