"""The paths of standing rules."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from approvals import ApprovalDefinitionError, Principal
from approvals.rule import StandingRule, standing_rule
from sagas.errors import Refused
from sagas.granting import new_id
from sagas.model import micros
from sagas.ports import Scope
from sagas.web.api.bearers import caller, deciding_caller
from sagas.web.api.rule_shapes import (
    RevocationBody,
    RuleBody,
    RuleShape,
    TriedRuleShape,
    UsedRuleShape,
)
from sagas.web.deciding import checked_reason
from sagas.web.errors import WebError
from sagas.web.granting import find_rule, uses_of
from sagas.web.office import Office


def add(routes: APIRouter, office: Office) -> None:
    """Add the paths."""
    _add_looking(routes, office)
    _add_giving(routes, office)


def _add_looking(routes: APIRouter, office: Office) -> None:
    @routes.get("/rules")
    async def rules(
        request: Request,
        *,
        action: Annotated[str | None, Query(max_length=200)] = None,
        every: Annotated[
            bool, Query(alias="all", description="Also those that allow nothing more.")
        ] = False,
        limit: Annotated[int, Query(ge=1, le=100)] = 50,
    ) -> list[RuleShape]:
        """Standing rules, the newest first."""
        await caller(request, office, Scope.READ)
        if action is not None and not action.isprintable():
            return []
        now = office.now()
        found = await office.coordinator.store.rules(
            action=action, live_at=None if every else micros(now), limit=limit
        )
        return [RuleShape.of(rule, now=now) for rule in found if every or rule.state(now) == "live"]

    @routes.get("/rules/{rule_id}")
    async def rule(
        request: Request,
        rule_id: str,
        *,
        after: Annotated[str | None, Query(max_length=250)] = None,
        limit: Annotated[int, Query(ge=1, le=100)] = 50,
    ) -> UsedRuleShape:
        """A standing rule, with a page of what it has allowed, the newest first."""
        await caller(request, office, Scope.READ)
        found = await find_rule(rule_id, office)
        page = await uses_of(found, office, after=after, limit=limit)
        return UsedRuleShape.with_uses(found, page, now=office.now())


def _add_giving(routes: APIRouter, office: Office) -> None:
    @routes.post("/rules")
    async def give(request: Request, body: RuleBody) -> TriedRuleShape:
        """Give a standing rule, as the approval of the token's owner; or preview one."""
        who = await deciding_caller(request, office, Scope.GRANT)
        coordinator = office.coordinator
        try:
            given = _rule(body, who.principal, office)
            tried = await coordinator.try_rule(given)
            if not body.preview:
                given = await coordinator.create_rule(given, by=who.principal)
        except (ApprovalDefinitionError, Refused) as error:
            raise WebError(422, str(error), title="No rule was given") from error
        return TriedRuleShape.with_trials(given, tried, made=not body.preview, now=office.now())

    @routes.post("/rules/{rule_id}/revocation")
    async def revoke(request: Request, rule_id: str, body: RevocationBody) -> RuleShape:
        """Let a standing rule allow nothing more; anybody may who has such a token."""
        who = await deciding_caller(request, office, Scope.GRANT)
        await find_rule(rule_id, office)
        reason = checked_reason(body.reason) or ""
        revoked = await office.coordinator.revoke_rule(rule_id, by=who.principal, reason=reason)
        return RuleShape.of(revoked, now=office.now())


def _rule(body: RuleBody, person: Principal, office: Office) -> StandingRule:
    """The rule that is asked for.

    Raises:
        ApprovalDefinitionError: It lacks a limit, or its limits cannot be right.
    """
    return standing_rule(
        id=new_id(),
        action=body.action,
        version=body.version,
        by=person,
        reason=checked_reason(body.reason) or "",
        now=office.now(),
        until=body.until,
        uses=body.uses,
        where=body.where,
        anything=body.anything,
        budget=None if body.budget is None else body.budget.budget(),
        agent=body.agent,
        requester=body.requester,
    )
