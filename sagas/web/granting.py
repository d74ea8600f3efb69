"""Standing rules and delegations as they are asked for: one way for pages and for programs."""

from collections.abc import Sequence
from dataclasses import dataclass

from approvals import Principal
from approvals.delegation import Delegation
from approvals.rule import StandingRule
from sagas.ports import RuleUse
from sagas.web.deciding import is_id
from sagas.web.errors import WebError
from sagas.web.marks import cursor, mark
from sagas.web.office import Office


async def find_rule(rule_id: str, office: Office) -> StandingRule:
    """A standing rule.

    Raises:
        WebError: There is none of that id.
    """
    rule = await office.coordinator.store.rule(rule_id) if is_id(rule_id) else None
    if rule is None:
        raise WebError(404, "there is no such standing rule: see the rules", title="No such rule")
    return rule


@dataclass(frozen=True, slots=True)
class Uses:
    """One page of what a rule has allowed, the newest first.

    Attributes:
        following: Where the next page begins; None if this is the last.
    """

    items: Sequence[RuleUse]
    following: str | None


async def uses_of(rule: StandingRule, office: Office, *, after: str | None, limit: int) -> Uses:
    """A page of what a rule has allowed.

    Raises:
        WebError: `after` is no mark of a page.
    """
    found = await office.coordinator.store.rule_uses(rule.id, after=cursor(after), limit=limit + 1)
    shown = found[:limit]
    follows = len(found) > limit
    return Uses(shown, mark(shown[-1].at, shown[-1].gate_id) if follows else None)


async def find_delegation(delegation_id: str, office: Office) -> Delegation:
    """A delegation.

    Raises:
        WebError: There is none of that id.
    """
    store = office.coordinator.store
    found = await store.delegation(delegation_id) if is_id(delegation_id) else None
    if found is None:
        raise WebError(
            404, "there is no such delegation: see the delegations", title="No such delegation"
        )
    return found


def check_theirs(found: Delegation, person: Principal) -> None:
    """Refuse whoever has no part in a delegation.

    Raises:
        WebError: It is neither from them nor to them.
    """
    if person.name not in (found.delegator, found.delegate):
        raise WebError(
            403,
            f"this is between {found.delegator} and {found.delegate}: one of the two takes it back",
            title="Not yours",
        )
