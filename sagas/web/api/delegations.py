"""The paths of delegations."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from approvals import ApprovalDefinitionError
from approvals.delegation import delegation
from sagas.acting import new_id
from sagas.errors import Refused
from sagas.model import micros
from sagas.ports import Scope
from sagas.web.api.bearers import caller, deciding_caller
from sagas.web.api.delegation_shapes import DelegationBody, DelegationShape
from sagas.web.deciding import checked_reason
from sagas.web.errors import WebError
from sagas.web.granting import check_theirs, find_delegation
from sagas.web.office import Office


def add(routes: APIRouter, office: Office) -> None:
    """Add the paths."""
    _add_looking(routes, office)
    _add_making(routes, office)


def _add_looking(routes: APIRouter, office: Office) -> None:
    @routes.get("/delegations")
    async def delegations(
        request: Request,
        *,
        every: Annotated[
            bool, Query(alias="all", description="Also those that are revoked or over.")
        ] = False,
        limit: Annotated[int, Query(ge=1, le=100)] = 50,
    ) -> list[DelegationShape]:
        """Who decides for whom, the newest first."""
        await caller(request, office, Scope.READ)
        now = office.now()
        found = await office.coordinator.store.delegations(
            person=None, live_at=None if every else micros(now), limit=limit
        )
        return [DelegationShape.of(each, now=now) for each in found]

    @routes.get("/delegations/{delegation_id}")
    async def shown(request: Request, delegation_id: str) -> DelegationShape:
        """A delegation."""
        await caller(request, office, Scope.READ)
        return DelegationShape.of(await find_delegation(delegation_id, office), now=office.now())


def _add_making(routes: APIRouter, office: Office) -> None:
    @routes.post("/delegations")
    async def delegate(request: Request, body: DelegationBody) -> DelegationShape:
        """Let somebody else decide for the token's owner, for a time."""
        who = await deciding_caller(request, office, Scope.GRANT)
        try:
            asked = delegation(
                id=new_id(),
                by=who.principal,
                to=body.delegate,
                now=office.now(),
                until=body.until,
                begins=body.begins,
                actions=body.actions,
                reason=checked_reason(body.reason) or "",
            )
            made = await office.coordinator.delegate(asked, by=who.principal)
        except (ApprovalDefinitionError, Refused) as error:
            raise WebError(422, str(error), title="Nobody was asked") from error
        return DelegationShape.of(made, now=office.now())

    @routes.post("/delegations/{delegation_id}/revocation")
    async def undelegate(request: Request, delegation_id: str) -> DelegationShape:
        """Take a delegation of the token's owner back, or give one back that was made to them."""
        who = await deciding_caller(request, office, Scope.GRANT)
        check_theirs(await find_delegation(delegation_id, office), who.principal)
        ended = await office.coordinator.undelegate(delegation_id, by=who.principal)
        return DelegationShape.of(ended, now=office.now())
