"""The JSON of delegations.

Pure.
"""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from approvals.delegation import Delegation
from sagas.web.api.shapes import Instant, Name, Reason, Sent


class DelegationShape(BaseModel):
    """Who decides for whom."""

    id: str
    delegator: str = Field(description="Whose right it is.")
    delegate: str = Field(description="Who may use it too.")
    begins: datetime
    until: datetime
    actions: list[str] = Field(description="None stands for all.")
    reason: str
    evidence: str
    made_at: datetime
    state: str = Field(description="`live`, `to come`, `over` or `revoked`.")
    revoked_at: datetime | None
    revoked_by: str | None

    @classmethod
    def of(cls, found: Delegation, *, now: datetime) -> "DelegationShape":
        """The shape of a delegation."""
        return cls(
            id=found.id,
            delegator=found.delegator,
            delegate=found.delegate,
            begins=found.begins,
            until=found.until,
            actions=list(found.actions),
            reason=found.reason,
            evidence=found.evidence,
            made_at=found.made_at,
            state=found.state(now),
            revoked_at=found.revoked_at,
            revoked_by=found.revoked_by,
        )


class DelegationBody(Sent):
    """Letting somebody else decide, while the token's owner is away."""

    delegate: Annotated[Name, Field(description="Who decides for you.")]
    until: Instant
    begins: Annotated[Instant | None, Field(description="Now if left out.")] = None
    actions: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=200)]],
        Field(max_length=100, description="The full names of the actions; all if left out."),
    ] = Field(default_factory=list[str])
    reason: Reason
