"""A standing rule: a person's approval, given beforehand, of calls of one action within limits.

A rule names its action exactly and says which arguments it is for; it ends, it is used up, and what
cannot be undone is counted against a budget. It counts as the vote of its grantor and as no more: what
the requirement says about quorum, separation of duties and reasons holds, and the grantor's rights
are those of the instant at which the rule is used. What cannot be told is not allowed. Pure.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation

from pydantic import BaseModel, ConfigDict

from approvals.conditions import Condition, condition, values_at
from approvals.errors import ApprovalDefinitionError
from approvals.gate import Gate, GateState
from approvals.names import fault_of_name
from approvals.principal import Principal
from approvals.quorum import Vote, VoteKind, quorum_holds
from approvals.storing import reading
from approvals.subject import FORWARD
from approvals.wording import instant, visible

__all__ = ["Budget", "StandingRule", "decided_by_rule", "standing_rule", "units_of", "why_not"]

LONGEST = timedelta(days=90)
"""How long a rule may hold."""
MOST_USES = 10_000
"""How often a rule may be used, at most."""

_UNITS = 6
"""How many decimals of an amount are counted."""
_MOST = Decimal(10) ** 12
_FARTHEST = 100
"""An amount with an exponent beyond this is not looked into: writing it out could take for ever."""
_PATTERN = frozenset("*?[]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How much a rule may allow in all.

    Raises:
        ApprovalDefinitionError: It cannot be counted.
    """

    total: Decimal
    currency: str | None = None
    """In what: ``EUR``; None counts without one."""
    path: str | None = None
    """Where the amount is in the arguments: ``order.amount``; None for what the action declares."""
    currency_path: str | None = None
    """Where the currency is, if it has to be looked at."""

    def __post_init__(self) -> None:
        if not self.total.is_finite() or self.total <= 0 or units_of(self.total) is None:
            raise ApprovalDefinitionError(
                f"a budget of {self.total} cannot be counted; give a positive amount below "
                f"{_MOST:,f}, with {_UNITS} decimals at most"
            )
        if self.currency is None and (self.path is None or self.currency_path is not None):
            raise ApprovalDefinitionError(
                "the budget does not say in which currency it is; give one, such as EUR"
            )
        if self.currency_path is not None and self.path is None:
            raise ApprovalDefinitionError(
                "the budget says where the currency is, and not where the amount is; give both, or "
                "neither for what the action declares"
            )

    def amount_of(self, gate: Gate) -> Decimal | None:
        """How much of it a call would take; None if that cannot be told."""
        found = self._declared(gate) if self.path is None else self._given(gate, self.path)
        if found is None or found < 0 or units_of(found) is None:
            return None
        return found

    def _declared(self, gate: Gate) -> Decimal | None:
        size = gate.stakes.magnitude
        return size.amount if size is not None and size.currency == self.currency else None

    def _given(self, gate: Gate, path: str) -> Decimal | None:
        if self.currency_path is not None:
            currencies = values_at(gate.arguments, self.currency_path)
            if currencies != [self.currency]:
                return None
        elif self.currency is not None and self._is_declared_otherwise(gate):
            return None
        found = values_at(gate.arguments, path) or []
        return _number(found[0]) if len(found) == 1 else None

    def _is_declared_otherwise(self, gate: Gate) -> bool:
        """Whether the action says that it moves something in another currency."""
        size = gate.stakes.magnitude
        return size is not None and size.currency not in (None, self.currency)

    def describe(self) -> str:
        """Word it for people: ``500 EUR by order.amount``."""
        unit = f" {self.currency}" if self.currency else ""
        return f"{self.total:f}{unit} by {self.path or 'what the action declares'}"

    def to_json(self) -> str:
        """Write it as canonical JSON."""
        form = {
            "currency": self.currency,
            "currency_path": self.currency_path,
            "path": self.path,
            "total": str(self.total),
        }
        return json.dumps(form, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "Budget":
        """Read what `to_json` wrote.

        Raises:
            PolicyUnreadable: The text is something else.
        """
        with reading("the budget of a standing rule"):
            return cls(**_Stored.model_validate_json(text).model_dump())


class _Stored(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    total: Decimal
    currency: str | None = None
    path: str | None = None
    currency_path: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingRule:
    """An approval given beforehand; made by `standing_rule`. Instants are aware and in UTC.

    Raises:
        ApprovalDefinitionError: It lacks a limit, or its limits cannot be right.
    """

    id: str
    action: str
    """The full name of the action, letter by letter."""
    version: int
    where: tuple[Condition, ...]
    """Conditions on the arguments, all of which hold; none stands for any arguments."""
    agent: str | None
    """Only for this agent."""
    requester: str | None
    """Only for what this person asked for, or started where nobody else asked."""
    grantor: str
    """Whose approval it is."""
    evidence: str
    """How the grantor was identified."""
    reason: str
    made_at: datetime
    until: datetime
    """From this instant on it allows nothing."""
    uses: int
    """How often it may be used."""
    budget: Budget | None
    """How much it may allow in all."""
    used: int = 0
    """How often it was used."""
    spent: Decimal = Decimal(0)
    """How much of the budget those uses took."""
    revoked_at: datetime | None = None
    revoked_by: str | None = None
    revoked_because: str | None = None

    def __post_init__(self) -> None:
        _check_action(self.action, self.version)
        _check_limits(made_at=self.made_at, until=self.until, uses=self.uses)
        _check_words(self)

    @property
    def name(self) -> str:
        """The name under which it decides: ``rule r-1``."""
        return f"rule {self.id}"

    def describe(self, *, now: datetime) -> str:
        """Word what it allows, for people."""
        where = " and ".join(str(one) for one in self.where) or "with any arguments"
        parts = [
            f"{self.action} version {self.version}",
            f"where {where}" if self.where else where,
            *([f"for the agent {self.agent}"] if self.agent else []),
            *([f"asked for by {self.requester}"] if self.requester else []),
            f"{self.uses} {'time' if self.uses == 1 else 'times'}",
            *([f"for {self.budget.describe()} in all"] if self.budget else []),
            f"until {instant(self.until, now=now)}",
        ]
        return visible(", ".join(parts))

    def state(self, now: datetime) -> str:
        """Where it stands, in one word: ``live``, ``revoked``, ``over`` or ``used up``."""
        if self.revoked_at is not None:
            return "revoked"
        if now >= self.until:
            return "over"
        return "used up" if self.used >= self.uses else "live"

    def amount_of(self, gate: Gate) -> Decimal | None:
        """How much of its budget a call would take; None without a budget, or if none can tell."""
        return None if self.budget is None else self.budget.amount_of(gate)

    def after(self, gate: Gate) -> "StandingRule":
        """The rule once it was used for a gate."""
        amount = self.amount_of(gate) or Decimal(0)
        return replace(self, used=self.used + 1, spent=self.spent + amount)


def standing_rule(  # noqa: PLR0913 (a keyword for each limit)
    *,
    id: str,  # noqa: A002  (as everywhere else)
    action: str,
    version: int,
    by: Principal,
    reason: str,
    now: datetime,
    until: datetime,
    uses: int,
    where: str | Iterable[str] = (),
    anything: bool = False,
    budget: Budget | None = None,
    agent: str | None = None,
    requester: str | None = None,
) -> StandingRule:
    """Give an approval beforehand.

    Args:
        id: Unlike any other rule's.
        action: The full name of the action.
        version: The version of the action.
        by: Who gives it: an identified person.
        reason: Shown wherever the rule decides.
        now: When it is given.
        until: When it ends, 90 days from now at the latest.
        uses: How often it may be used.
        where: Conditions on the arguments, all of which have to hold.
        anything: Say so where it is for any arguments.
        budget: How much it may allow in all.
        agent: Only for this agent.
        requester: Only for what this person asks for.

    Raises:
        ApprovalDefinitionError: It lacks a limit, or its limits cannot be right.
    """
    texts = (where,) if isinstance(where, str) else tuple(where)
    _check_scope(texts, anything=anything)
    return StandingRule(
        id=id,
        action=action,
        version=version,
        where=tuple(condition(text) for text in texts),
        agent=agent,
        requester=requester,
        grantor=by.name,
        evidence=by.evidence,
        reason=reason,
        made_at=now,
        until=until,
        uses=uses,
        budget=budget,
    )


def why_not(
    rule: StandingRule, gate: Gate, rights: frozenset[str] | None, *, now: datetime
) -> str | None:
    """Why a rule does not allow what a gate asks; None if it does.

    Args:
        rule: The rule, with what was used of it.
        gate: The gate.
        rights: The groups that the grantor is in now; None if they are not known any more.
        now: The present.
    """
    return _out_of_force(rule, now) or out_of_scope(rule, gate) or _beyond(rule, gate, rights)


def out_of_scope(rule: StandingRule, gate: Gate) -> str | None:
    """Why a call is none that a rule is about; None if it is one."""
    if (gate.action, gate.action_version) != (rule.action, rule.version):
        return f"it is for {rule.action} version {rule.version}"
    if gate.direction != FORWARD:
        return "it is not for undoing"
    parties = gate.parties
    if rule.agent is not None and parties.agent != rule.agent:
        return f"it is for the agent {rule.agent}"
    if rule.requester not in (None, parties.requester or parties.starter):
        return f"it is for what {rule.requester} asks for"
    return next(
        (f"{one} does not hold" for one in rule.where if one.holds(gate.arguments) is not True),
        None,
    )


def lacks_budget(gate: Gate) -> bool:
    """Whether a rule for such a call has to have a budget: it moves so much, for ever."""
    size = gate.stakes.magnitude
    return gate.stakes.reversibility.needs_approval and size is not None and size.amount is not None


def grants(rule: StandingRule, gate: Gate, rights: frozenset[str] | None) -> bool:
    """Whether the grantor's approval alone is what the gate asks for."""
    if rights is None:
        return False
    vote = Vote(
        principal=rule.grantor,
        kind=VoteKind.APPROVE,
        reason=rule.reason,
        channel="rule",
        at=gate.opened_at,
        revision=gate.revision,
        groups=rights,
        evidence=rule.evidence,
    )
    known: Mapping[str, frozenset[str]] = {rule.grantor: rights}
    return quorum_holds(gate, [vote], known)


def decided_by_rule(gate: Gate, rule: StandingRule, *, now: datetime) -> Gate:
    """The gate, approved by a rule that allows it."""
    return replace(
        gate,
        state=GateState.APPROVED,
        decided_at=now,
        decided_by=rule.name,
        reason=rule.reason,
        valid_until=now + gate.policy.valid_for,
    )


def units_of(amount: Decimal) -> int | None:
    """An amount in millionths; None if it is finer than that, or too large to be counted."""
    exponent = amount.as_tuple().exponent
    if not isinstance(exponent, int) or abs(exponent) > _FARTHEST or abs(amount) >= _MOST:
        return None
    fraction = amount.as_integer_ratio()
    whole, rest = divmod(fraction[0] * 10**_UNITS, fraction[1])
    return None if rest else whole


def amount_of_units(units: int) -> Decimal:
    """The amount that so many millionths are."""
    return Decimal(units).scaleb(-_UNITS)


def _out_of_force(rule: StandingRule, now: datetime) -> str | None:
    if rule.revoked_at is not None:
        return f"it was revoked by {rule.revoked_by}"
    if now >= rule.until:
        return "it is over"
    return "it is used up" if rule.used >= rule.uses else None


def _beyond(rule: StandingRule, gate: Gate, rights: frozenset[str] | None) -> str | None:
    """What of the rule's limits, or of the gate's requirement, the call goes beyond."""
    if rule.budget is None:
        if lacks_budget(gate):
            return "it has no budget, and this cannot be undone"
    else:
        amount = rule.budget.amount_of(gate)
        if amount is None:
            return "how much of its budget this takes cannot be told"
        if rule.spent + amount > rule.budget.total:
            return "its budget does not suffice"
    if not grants(rule, gate, rights):
        return f"{rule.grantor} alone could not approve this"
    return None


def _number(value: object) -> Decimal | None:
    if isinstance(value, str):
        try:
            value = Decimal(value)
        except InvalidOperation:
            return None
    return value if isinstance(value, Decimal) and value.is_finite() else None


def _check_action(action: str, version: int) -> None:
    if not action.strip() or "." not in action or _PATTERN & set(action):
        raise ApprovalDefinitionError(
            f"{action!r} is not the full name of one action; write it out, such as travel.pay: a "
            "standing rule takes no patterns"
        )
    if version < 1:
        raise ApprovalDefinitionError(f"{action} has no version {version}; versions begin with 1")


def _check_scope(where: tuple[str, ...], *, anything: bool) -> None:
    if not where and not anything:
        raise ApprovalDefinitionError(
            "the rule has no condition on the arguments; give one, such as 'amount <= 100', or say "
            "that it is for anything"
        )
    if where and anything:
        raise ApprovalDefinitionError(
            "the rule is said to be for anything, and has conditions; leave one of them out"
        )


def _check_words(rule: StandingRule) -> None:
    for name in (rule.agent, rule.requester):
        fault = None if name is None else fault_of_name(name)
        if fault is not None:
            raise ApprovalDefinitionError(f"{name!r} {fault}; name the agent or person exactly")
    if not rule.reason.strip():
        raise ApprovalDefinitionError(
            "a standing rule needs a reason, for those who see what it has decided"
        )


def _check_limits(*, made_at: datetime, until: datetime, uses: int) -> None:
    if not made_at < until <= made_at + LONGEST:
        raise ApprovalDefinitionError(
            f"a standing rule ends within {LONGEST.days} days, and not in the past; give another "
            "end"
        )
    if not 1 <= uses <= MOST_USES:
        raise ApprovalDefinitionError(
            f"a standing rule is used 1 to {MOST_USES} times, not {uses}; give another number"
        )
