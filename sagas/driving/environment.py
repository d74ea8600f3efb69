"""What every drive in one process shares."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from approvals import Directory
from sagas.authoring.action import Action
from sagas.authoring.catalog import Catalog
from sagas.authoring.saga import Saga
from sagas.driving.writer import LeaseHolder, Writer
from sagas.model import micros
from sagas.ports import Clock, FaultPoints, Journal


class Handlers:
    """Finds sagas and actions by name and version, over several catalogs."""

    def __init__(self, catalogs: Iterable[Catalog]) -> None:
        self._catalogs = {catalog.name: catalog for catalog in catalogs}

    def action(self, name: str, version: int) -> Action[..., Any] | None:
        """The action of that full name and version, if this process has it."""
        catalog = self._catalogs.get(name.partition(".")[0])
        return catalog.find_action(name, version) if catalog else None

    def saga(self, name: str, version: int) -> Saga[Any, Any] | None:
        """The saga of that full name and version, if this process has it."""
        catalog = self._catalogs.get(name.partition(".")[0])
        return catalog.find_saga(name, version) if catalog else None


@dataclass(slots=True)
class Environment:
    """The surroundings of a drive.

    Attributes:
        directory: Gives who is who as of now.
        abandoned: How many calls went on after their time was up.
    """

    journal: Journal
    handlers: Handlers
    clock: Clock
    directory: Callable[[], Directory]
    holder: LeaseHolder
    writer: Writer
    faults: FaultPoints | None = None
    abandoned: int = field(default=0)

    def now(self) -> int:
        """The present, in microseconds."""
        return micros(self.clock.now())

    async def reached(self, point: str, saga_id: str, path: str) -> None:
        """Tell the fault points, if there are any."""
        if self.faults is not None:
            await self.faults.reached(point, saga_id, path)
