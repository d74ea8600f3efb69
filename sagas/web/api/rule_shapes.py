"""The JSON of standing rules.

Pure.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, Field

from approvals.rule import MOST_USES, Budget, StandingRule, amount_of_units
from sagas.granting import Tried
from sagas.model import instant
from sagas.web.api.shapes import Instant, Name, Reason, Sent
from sagas.web.granting import Uses


class BudgetShape(BaseModel):
    """How much a rule may allow in all."""

    total: str
    currency: str | None
    amount_at: str | None = Field(description="Null for what the action declares.")
    currency_at: str | None

    @classmethod
    def of(cls, budget: Budget) -> "BudgetShape":
        """The shape of a budget."""
        return cls(
            total=str(budget.total),
            currency=budget.currency,
            amount_at=budget.path,
            currency_at=budget.currency_path,
        )


class RuleShape(BaseModel):
    """A standing rule."""

    id: str
    action: str
    version: int
    where: list[str]
    agent: str | None
    requester: str | None
    grantor: str = Field(description="Whose approval it is.")
    evidence: str
    reason: str
    made_at: datetime
    until: datetime
    uses: int
    used: int
    budget: BudgetShape | None
    spent: str
    state: str = Field(description="`live`, `revoked`, `over` or `used up`.")
    revoked_at: datetime | None
    revoked_by: str | None
    revoked_because: str | None

    @classmethod
    def of(cls, rule: StandingRule, *, now: datetime) -> "RuleShape":
        """The shape of a rule."""
        return cls(**_members(rule, now))


class UseShape(BaseModel):
    """A call that a standing rule allowed."""

    gate_id: str
    saga_id: str
    amount: str | None
    at: datetime


class UsedRuleShape(RuleShape):
    """A standing rule with a page of what it has allowed, the newest first."""

    allowed: list[UseShape]
    next: str | None = Field(description="Where the next page begins: send it as `after`.")

    @classmethod
    def with_uses(cls, rule: StandingRule, page: Uses, *, now: datetime) -> "UsedRuleShape":
        """The shape of a rule and a page of its uses."""
        allowed = [
            UseShape(
                gate_id=use.gate_id,
                saga_id=use.saga_id,
                amount=None if use.units is None else f"{amount_of_units(use.units):f}",
                at=instant(use.at),
            )
            for use in page.items
        ]
        return cls(**_members(rule, now), allowed=allowed, next=page.following)


class TrialShape(BaseModel):
    """What a rule would have done at a gate."""

    gate_id: str
    saga_id: str
    allowed: bool
    why_not: str | None


class TriedRuleShape(RuleShape):
    """A standing rule with what it would have allowed lately, the oldest first."""

    made: bool = Field(description="False for a preview, which makes none.")
    tried: list[TrialShape]

    @classmethod
    def with_trials(
        cls, rule: StandingRule, tried: Sequence[Tried], *, made: bool, now: datetime
    ) -> "TriedRuleShape":
        """The shape of a rule that was tried."""
        trials = [
            TrialShape(
                gate_id=one.gate.id,
                saga_id=one.gate.saga_id,
                allowed=one.why_not is None,
                why_not=one.why_not,
            )
            for one in tried
        ]
        return cls(**_members(rule, now), made=made, tried=trials)


def _members(rule: StandingRule, now: datetime) -> dict[str, Any]:
    return {
        "id": rule.id,
        "action": rule.action,
        "version": rule.version,
        "where": [str(one) for one in rule.where],
        "agent": rule.agent,
        "requester": rule.requester,
        "grantor": rule.grantor,
        "evidence": rule.evidence,
        "reason": rule.reason,
        "made_at": rule.made_at,
        "until": rule.until,
        "uses": rule.uses,
        "used": rule.used,
        "budget": None if rule.budget is None else BudgetShape.of(rule.budget),
        "spent": f"{rule.spent:f}",
        "state": rule.state(now),
        "revoked_at": rule.revoked_at,
        "revoked_by": rule.revoked_by,
        "revoked_because": rule.revoked_because,
    }


Path = Annotated[str, Field(min_length=1, max_length=200)]


class BudgetBody(Sent):
    """How much a rule may allow in all."""

    total: Annotated[Decimal, Field(strict=False, gt=0, lt=10**12, decimal_places=6)]
    currency: Annotated[str | None, Field(min_length=1, max_length=20)] = None
    amount_at: Annotated[
        Path | None, Field(description="Where the amount is; what the action declares if left out.")
    ] = None
    currency_at: Path | None = None

    def budget(self) -> Budget:
        """The budget.

        Raises:
            ApprovalDefinitionError: It cannot be counted.
        """
        return Budget(
            total=self.total,
            currency=self.currency,
            path=self.amount_at,
            currency_path=self.currency_at,
        )


class RuleBody(Sent):
    """An approval of calls of one action, given beforehand."""

    action: Annotated[str, Field(max_length=200, description="Its full name: `travel.pay`.")]
    version: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    where: Annotated[
        list[Annotated[str, Field(max_length=500)]],
        Field(max_length=20, description="Conditions on its arguments, all of which hold."),
    ] = Field(default_factory=list[str])
    anything: Annotated[bool, Field(description="Whatever its arguments are.")] = False
    until: Instant
    uses: Annotated[int, Field(ge=1, le=MOST_USES)]
    budget: BudgetBody | None = None
    agent: Annotated[Name | None, Field(description="Only for this agent.")] = None
    requester: Annotated[Name | None, Field(description="Only for what this person asks for.")] = (
        None
    )
    reason: Reason
    preview: Annotated[
        bool, Field(description="Say what it would have allowed lately, and make none.")
    ] = False


class RevocationBody(Sent):
    """Why a rule allows nothing more."""

    reason: Reason
