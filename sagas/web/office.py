"""What every page and every answer of the API is made with."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from approvals import Gate
from reversibility import Reversibility
from sagas.authoring.catalog import Catalog
from sagas.coordinator import Coordinator
from sagas.web.bucket import Buckets
from sagas.web.site import Site


@dataclass(frozen=True, slots=True)
class Document:
    """A page that needs nothing else, with the hash of the one style that it brings along."""

    html: str
    style_hash: str


History = Callable[[Coordinator, str], Awaitable[Document]]
"""Tells a saga's whole history as one page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """A coordinator, the code that it knows, and how the inbox is set up.

    Attributes:
        decisions: How often each session and each token may send something.
        attempts: How often each address may try to get in.
    """

    coordinator: Coordinator
    catalogs: Sequence[Catalog]
    site: Site
    history: History
    decisions: Buckets
    attempts: Buckets

    def now(self) -> datetime:
        """The present instant, by the clock that decisions are made by."""
        return self.coordinator.now()

    def reversibility(self, gate: Gate) -> Reversibility:
        """The class of what a gate holds back, as the code declares it, if it is known here."""
        for catalog in self.catalogs:
            action = catalog.find_action(gate.action, gate.action_version)
            if action is not None:
                return action.options.reversibility
            for known in catalog.actions:
                if known.undo is not None and known.undo.name == gate.action:
                    return known.undo.options.reversibility
        return Reversibility.UNKNOWN
