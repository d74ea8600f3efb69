"""What every drive in one process shares."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from approvals import Directory
from approvals.policies import Policies
from sagas.authoring.action import Action
from sagas.authoring.catalog import Catalog
from sagas.authoring.saga import Saga
from sagas.driving.limiter import Limiter
from sagas.driving.reports import Reports
from sagas.driving.writer import LeaseHolder, Writer
from sagas.model import micros
from sagas.ports import Clock, Desk, FaultPoints, Journal, Locking, Rules


class Handlers:
    """Finds sagas and actions by name and version, over several catalogs."""

    def __init__(self, catalogs: Iterable[Catalog]) -> None:
        self._catalogs = {catalog.name: catalog for catalog in catalogs}

    @property
    def has_any(self) -> bool:
        """Whether this process has any code at all, and so could miss some."""
        return bool(self._catalogs)

    @property
    def sagas(self) -> list[tuple[str, int]]:
        """The names and versions of every saga that this process can drive."""
        found = (saga for catalog in self._catalogs.values() for saga in catalog.sagas)
        return sorted((saga.name, saga.version) for saga in found)

    def action(self, name: str, version: int) -> Action[..., Any] | None:
        """The action of that full name and version, if this process has it."""
        catalog = self._catalogs.get(name.partition(".")[0])
        return catalog.find_action(name, version) if catalog else None

    def versions(self, name: str) -> list[int]:
        """The versions that this process has of an action."""
        catalog = self._catalogs.get(name.partition(".")[0])
        found = (
            action.version for action in (catalog.actions if catalog else ()) if action.name == name
        )
        return sorted(found)

    def saga_versions(self, name: str) -> list[int]:
        """The versions that this process has of a saga."""
        return [version for known, version in self.sagas if known == name]

    def saga(self, name: str, version: int) -> Saga[Any, Any] | None:
        """The saga of that full name and version, if this process has it."""
        catalog = self._catalogs.get(name.partition(".")[0])
        return catalog.find_saga(name, version) if catalog else None


@dataclass(slots=True)
class Environment:
    """The surroundings of a drive.

    Attributes:
        directory: Gives who is who as of now.
        policies: What is asked for beside what the authors of actions ask for.
        reports: Where a call is reported that took effect after it had been given up.
        max_deaths: How many workers may die of a saga before a person is asked.
        abandoned: How many calls went on after their time was up.
    """

    journal: Journal
    rules: Rules
    desk: Desk
    handlers: Handlers
    clock: Clock
    directory: Callable[[], Directory]
    holder: LeaseHolder
    writer: Writer
    limiter: Limiter
    locking: Locking
    reports: Reports
    policies: Policies = field(default_factory=Policies)
    faults: FaultPoints | None = None
    max_deaths: int = 3
    abandoned: int = field(default=0)

    def now(self) -> int:
        """The present, in microseconds."""
        return micros(self.clock.now())

    async def reached(self, point: str, saga_id: str, path: str) -> None:
        """Tell the fault points, if there are any."""
        if self.faults is not None:
            await self.faults.reached(point, saga_id, path)
