"""Rows as they are read: sagas, interventions, requests.

Pure.
"""

from dataclasses import dataclass

from compensations import Choice
from sagas.chain import Row
from sagas.model import Status

__all__ = ["Loaded", "QuestionRow", "Request", "SagaRow"]


@dataclass(frozen=True, slots=True)
class Request:
    """Something that somebody who does not hold the lease wants of the saga.

    Attributes:
        identified_by: How it is known that they asked, where that was looked at.
        channel: Where it came in.
    """

    id: int
    kind: str
    ref: str
    by: str
    reason: str
    state: str
    at: int
    payload: bytes | None = None
    valid_until: int | None = None
    identified_by: str | None = None
    channel: str | None = None


@dataclass(frozen=True, slots=True)
class SagaRow:
    """The saga's own row."""

    id: str
    saga: str
    version: int
    input_digest: str
    starter: str
    status: Status
    reason: str | None
    head: int
    head_hash: str | None
    owner: int | None
    control: int
    folded: int
    wake_at: int | None
    created_at: int
    updated_at: int
    deaths: int = 0


@dataclass(frozen=True, slots=True)
class QuestionRow:
    """An intervention as it is stored.

    Attributes:
        identified_by: How whoever answered was identified.
        channel: Where the answer came in.
    """

    id: str
    saga_id: str
    path: str | None
    kind: str
    question: str
    evidence: str
    choices: tuple[Choice, ...]
    wants_result: bool
    state: str
    opened_at: int
    choice: str | None = None
    by: str | None = None
    reason: str | None = None
    closed_at: int | None = None
    identified_by: str | None = None
    channel: str | None = None


@dataclass(frozen=True, slots=True)
class Loaded:
    """A saga with its entries and the requests that wait.

    Attributes:
        locks: Whether it holds keys, or waits for some.
    """

    row: SagaRow
    rows: list[Row]
    requests: list[Request]
    locks: bool = False
