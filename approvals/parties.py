"""For whom a saga acts: those whom separation of duties keeps from deciding about it.

Pure.
"""

import json
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from approvals.errors import ApprovalDefinitionError
from approvals.names import fault_of_name
from approvals.storing import reading

__all__ = ["Parties"]

_WORDS = {
    "starter": "started this saga",
    "requester": "asked for it",
    "agent": "are the agent that acts",
    "owner": "own the agent that acts",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parties:
    """Who has a part in a saga.

    Naming somebody here takes a right from them where duties are separated, and never gives them
    one: nobody votes because they are named. It can let a standing rule apply that was given for
    this agent or this requester only, and nobody checks a program's word for that. So such a limit
    narrows a rule for programs that tell the truth, and keeps out none that lies.

    Raises:
        ApprovalDefinitionError: A name could be nobody's, or a group's.
    """

    starter: str
    """Whoever started the saga."""
    requester: str | None = None
    """Whoever asked for what it does, if somebody else did."""
    agent: str | None = None
    """The agent that chose its actions."""
    owner: str | None = None
    """Whoever answers for the agent."""

    def __post_init__(self) -> None:
        for role in ("requester", "agent", "owner"):
            name = getattr(self, role)
            fault = None if name is None else fault_of_name(name)
            if fault is not None:
                raise ApprovalDefinitionError(
                    f"{role}={name!r} {fault}; give the name under which they would approve"
                )

    @property
    def names(self) -> frozenset[str]:
        """Everyone who has a part."""
        return frozenset(name for _, name in self._roles())

    def part_of(self, name: str) -> str | None:
        """What a person's part is, told to them, or None: ``started this saga``."""
        return next((_WORDS[role] for role, known in self._roles() if known == name), None)

    def describe(self) -> str:
        """Word it for people: ``ana, agent booking-bot of ben``."""
        agent = f", agent {self.agent}" if self.agent else ""
        owner = f"{' of' if agent else ', owner'} {self.owner}" if self.owner else ""
        asked = f", asked by {self.requester}" if self.requester else ""
        return f"{self.starter}{asked}{agent}{owner}"

    def _roles(self) -> list[tuple[str, str]]:
        given = ((role, getattr(self, role)) for role in _WORDS)
        return [(role, name) for role, name in given if name is not None]

    def to_json(self) -> str:
        """Write them as canonical JSON."""
        return json.dumps(dict(self._roles()), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "Parties":
        """Read what `to_json` wrote.

        Raises:
            PolicyUnreadable: The text is something else.
        """
        with reading("the stored parties of a gate"):
            return cls(**_Stored.model_validate_json(text).model_dump())


class _Stored(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    starter: str
    requester: str | None = None
    agent: str | None = None
    owner: str | None = None
