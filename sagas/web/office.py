"""What every page and every answer of the API is made with."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

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
    """A coordinator, and how the inbox over it is set up.

    Attributes:
        decisions: How often each session and each token may send something.
        attempts: How often each address may try to get in.
    """

    coordinator: Coordinator
    site: Site
    history: History
    decisions: Buckets
    attempts: Buckets

    def now(self) -> datetime:
        """The present instant, by the clock that decisions are made by."""
        return self.coordinator.now()
