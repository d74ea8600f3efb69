"""Making and revoking standing rules: who may, and what a rule would have allowed lately.

Touches: the journal, by its port.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from approvals import Directory, Gate, Principal
from approvals.rule import StandingRule, grants, lacks_budget, out_of_scope, why_not
from sagas.chance import random_uuid
from sagas.errors import Refused
from sagas.model import micros
from sagas.ports import Rules

__all__ = ["Tried", "create", "new_id", "revoke", "try_out"]

LOOKED_AT = 20
"""Among so many gates of an action is looked for one that its grantor could approve alone."""

_ID_LENGTH = 12


@dataclass(frozen=True, slots=True)
class Tried:
    """What a rule would have done at a gate.

    Attributes:
        why_not: Why it would not have allowed it; None if it would have.
    """

    gate: Gate
    why_not: str | None


def new_id() -> str:
    """An id for a rule."""
    return f"r-{random_uuid().hex[:_ID_LENGTH]}"


async def try_out(
    rules: Rules, rule: StandingRule, directory: Directory, *, last: int = LOOKED_AT
) -> Sequence[Tried]:
    """What a rule would have allowed of the last gates of its action, one after the other."""
    rights = directory.groups_of(rule.grantor)
    tried: list[Tried] = []
    for gate in reversed(await rules.gates_of_action(rule.action, limit=last)):
        reason = why_not(rule, gate, rights, now=rule.made_at)
        if reason is None:
            rule = rule.after(gate)
        tried.append(Tried(gate, reason))
    return tried


async def create(
    rules: Rules, rule: StandingRule, directory: Directory, *, by: Principal, now: datetime
) -> StandingRule:
    """Make a rule, as the approval of whoever was identified.

    Raises:
        Refused: They could not approve such a call alone; or it needs a budget.
        ApprovalDefinitionError: Its limits are not right from now on.
    """
    made = replace(rule, id=rule.id or new_id(), grantor=by.name, evidence=by.evidence, made_at=now)
    await _check(rules, made, directory)
    await rules.create_rule(made)
    return made


async def revoke(
    rules: Rules, rule_id: str, *, by: Principal, reason: str, now: datetime
) -> StandingRule:
    """Let a rule allow nothing more. Anybody who was identified may: people are asked again then.

    Raises:
        Refused: There is none of that id, it was revoked before, or the reason is blank.
    """
    if not reason.strip():
        raise Refused("a revocation needs a reason, for the grantor of the rule")
    return await rules.revoke_rule(rule_id, by=by.name, reason=reason, at=micros(now))


async def _check(rules: Rules, rule: StandingRule, directory: Directory) -> None:
    """Refuse a rule that nobody could have seen a use of, or that its grantor has no right to give.

    Raises:
        Refused: The message says why.
    """
    found = [
        gate
        for gate in await rules.gates_of_action(rule.action, limit=LOOKED_AT)
        if out_of_scope(replace(rule, where=(), agent=None, requester=None), gate) is None
    ]
    if not found:
        raise Refused(
            f"no gate has stood in front of {rule.action} version {rule.version} here, so that it "
            "is not known what would be approved: decide some by hand first"
        )
    rights = directory.groups_of(rule.grantor)
    if not any(grants(rule, gate, rights) for gate in found):
        raise Refused(
            f"{rule.grantor} alone could not approve {rule.action}, which asks for "
            f"{found[0].policy.describe()}: a standing rule is the approval of one person"
        )
    if rule.budget is None and any(lacks_budget(gate) for gate in found):
        raise Refused(
            f"{rule.action} cannot be undone and declares how much it moves: give the rule a budget"
        )
