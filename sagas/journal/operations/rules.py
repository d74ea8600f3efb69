"""Approvals given beforehand: making standing rules, finding them, taking them back, using them.

Pure.
"""

import json
from collections.abc import Iterable

from approvals import Gate
from approvals.conditions import condition
from approvals.rule import Budget, StandingRule, amount_of_units, units_of
from sagas.errors import Refused
from sagas.journal import records
from sagas.journal import statements_rules as statements
from sagas.journal.operation import Operation, Query, Record
from sagas.model import instant, micros
from sagas.ports import RuleUse, SpendRule, Unit


def create_rule(rule: StandingRule) -> Operation[None]:
    """Add a rule, once."""
    yield Query(statements.CREATE_RULE, _values(rule))


def rule(rule_id: str) -> Operation[StandingRule | None]:
    """A rule, with what was used of it."""
    found = yield Query(statements.RULE, (rule_id,))
    return _rule(found[0]) if found else None


def rules(*, action: str | None, live_at: int | None, limit: int) -> Operation[list[StandingRule]]:
    """Rules, the newest first; None leaves a filter out."""
    found = yield Query(statements.RULES, (action, live_at, limit))
    return [_rule(row) for row in found]


def matching_rules(action: str, version: int, *, at: int) -> Operation[list[StandingRule]]:
    """The rules for an action that are neither revoked nor over."""
    found = yield Query(statements.MATCHING_RULES, (action, version, at))
    return [_rule(row) for row in found]


def revoke_rule(
    rule_id: str, *, by: str, reason: str, at: int, settling: bool
) -> Operation[StandingRule]:
    """Let a rule allow nothing more."""
    revoked = yield Query(statements.REVOKE_RULE, (rule_id, at, by, reason))
    found = yield from rule(rule_id)
    if found is None:
        raise Refused(
            f"there is no standing rule {rule_id}; `sagas rules list` shows those there are"
        )
    before = (found.revoked_by, found.revoked_at)
    if not revoked and not (settling and before == (by, instant(at))):
        raise Refused(f"{rule_id} was revoked by {found.revoked_by} before")
    return found


_END = (2**63 - 1, "")
"""After whatever a rule allowed."""


def rule_uses(
    rule_id: str, *, after: tuple[int, str] | None, limit: int
) -> Operation[list[RuleUse]]:
    """A page of what a rule allowed, the newest first."""
    found = yield Query(statements.RULE_USES, (rule_id, *(after or _END), limit))
    return [RuleUse(*row) for row in found]


def rule_uses_at(gates: Iterable[str]) -> Operation[list[RuleUse]]:
    """What rules allowed at these gates, in their order."""
    uses: list[RuleUse] = []
    for gate in gates:
        uses += [RuleUse(*row) for row in (yield Query(statements.RULE_USE_AT, (gate,)))]
    return uses


def gates_of_action(action: str, *, limit: int) -> Operation[list[Gate]]:
    """The gates in front of an action, the newest first."""
    found = yield Query(statements.GATES_OF_ACTION, (action, limit))
    return [records.gate(row) for row in found]


def hold_rules(units: Iterable[Unit]) -> Operation[None]:
    """Lock the rules that these units use, in the order in which everybody locks them."""
    used = {op.rule_id for unit in units for op in unit.ops if isinstance(op, SpendRule)}
    if used:
        yield Query(statements.LOCK_RULES, (records.listed(sorted(used)),))


def use(saga_id: str, op: SpendRule) -> Query:
    """What uses a rule that is held; it returns no row where the rule does not allow it."""
    return Query(statements.USE_RULE, (op.rule_id, op.gate_id, saga_id, op.units, op.at))


def was_used(op: SpendRule) -> Operation[bool]:
    """Whether the rule was used for this gate."""
    found = yield Query(statements.USED_RULE, (op.gate_id,))
    return bool(found) and found[0][0] == op.rule_id


def _values(made: StandingRule) -> tuple[object, ...]:
    budget = made.budget
    return (
        made.id,
        made.action,
        made.version,
        json.dumps([str(one) for one in made.where]),
        made.agent,
        made.requester,
        made.grantor,
        made.evidence,
        made.reason,
        micros(made.made_at),
        micros(made.until),
        made.uses,
        None if budget is None else budget.to_json(),
        None if budget is None else units_of(budget.total),
    )


def _rule(record: Record) -> StandingRule:
    """The row of a statement that reads rules."""
    *made, revoked_at, revoked_by, revoked_because, used, spent = record
    conditions, budget = json.loads(made[3]), made[12]
    return StandingRule(
        id=made[0],
        action=made[1],
        version=made[2],
        where=tuple(condition(text) for text in conditions),
        agent=made[4],
        requester=made[5],
        grantor=made[6],
        evidence=made[7],
        reason=made[8],
        made_at=instant(made[9]),
        until=instant(made[10]),
        uses=made[11],
        budget=None if budget is None else Budget.from_json(budget),
        used=used,
        spent=amount_of_units(spent),
        revoked_at=None if revoked_at is None else instant(revoked_at),
        revoked_by=revoked_by,
        revoked_because=revoked_because,
    )
