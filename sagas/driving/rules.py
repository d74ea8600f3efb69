"""Standing rules at a gate: which one decides it, and whether it still does when it is used.

A rule decides only the first gate that stands in front of a call since the saga was last unwound:
once one has come to nothing, people are asked.
"""

import logging
from dataclasses import dataclass

from approvals import ApprovalError
from approvals import Gate as Row
from approvals.rule import StandingRule, grants, units_of, why_not
from sagas.driving.drive import Drive
from sagas.errors import Corrupt
from sagas.model import Direction, instant
from sagas.ports import SpendRule
from sagas.state import Gate

__all__ = ["Spending", "Unfit", "deciding", "spending", "stands"]

log = logging.getLogger("sagas")


@dataclass(frozen=True, slots=True)
class Spending:
    """A use of a rule, to be written with the intent."""

    rule: str
    op: SpendRule
    amount: str | None


@dataclass(frozen=True, slots=True)
class Unfit:
    """A rule does not allow what it had allowed."""

    reason: str


async def deciding(drive: Drive, gate: Row) -> StandingRule | None:
    """The rule that allows what a new gate asks; None if people have to be asked.

    Raises:
        JournalUnavailable: It cannot be told now.
    """
    if gate.direction != Direction.DO or _stood_before(drive, gate):
        return None
    try:
        found = await drive.environment.rules.matching_rules(
            gate.action, gate.action_version, at=drive.now()
        )
        return next((rule for rule in found if _why_not(drive, rule, gate) is None), None)
    except ApprovalError as error:  # people can always be asked
        log.warning("%s: no standing rule is looked at for %s: %s", drive.saga_id, gate.id, error)
        return None


async def spending(drive: Drive, gate: Gate) -> Spending | Unfit:
    """How an approval that a rule gave is used; everything is asked again at the last moment.

    Raises:
        JournalUnavailable: It cannot be told now.
        ApprovalError: The same; who is who is not known at this moment.
    """
    try:
        stored = await drive.environment.journal.gate(gate.id)
    except Corrupt as error:
        return Unfit(str(error))
    rule = await drive.environment.rules.rule(gate.rule or "")
    if rule is None or stored is None:
        return Unfit(f"there is no standing rule {gate.rule} any more")
    flaw = _why_not(drive, rule, stored)
    if flaw is not None:
        return Unfit(f"{rule.name} does not allow it any more: {flaw}")
    amount = rule.amount_of(stored)
    units = None if amount is None else units_of(amount)
    return Spending(
        rule.id,
        SpendRule(rule.id, gate.id, units, drive.now()),
        None if amount is None else f"{amount:f}",
    )


async def stands(drive: Drive, rule_id: str, gate: Row) -> bool:
    """Whether a rule that was used for a gate is in force still, its own use aside.

    Raises:
        JournalUnavailable: It cannot be told now.
        ApprovalError: The same; who is who is not known at this moment.
    """
    rule = await drive.environment.rules.rule(rule_id)
    if rule is None or rule.state(instant(drive.now())) not in ("live", "used up"):
        return False
    return grants(rule, gate, drive.environment.directory().groups_of(rule.grantor))


def _stood_before(drive: Drive, gate: Row) -> bool:
    """Whether another gate has stood in front of the call since the saga was last unwound."""
    return any(
        (known.path, known.direction, known.generation)
        == (gate.path, gate.direction, gate.generation)
        for known in drive.state.gates.values()
    )


def _why_not(drive: Drive, rule: StandingRule, gate: Row) -> str | None:
    rights = drive.environment.directory().groups_of(rule.grantor)
    return why_not(rule, gate, rights, now=instant(drive.now()))
