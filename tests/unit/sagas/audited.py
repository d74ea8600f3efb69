"""A journal written by hand, to be audited: one entry a second."""

import json
from typing import Any

from sagas import entries as e
from sagas.audit import AuditRecord, audited
from sagas.model import Direction
from tests.unit.sagas.script import SECOND, START

Rows = list[tuple[int, int, e.Entry]]


def rows(*entries: e.Entry) -> Rows:
    return [(seq, START + seq * SECOND, entry) for seq, entry in enumerate(entries, 1)]


def told(*entries: e.Entry) -> AuditRecord:
    """The record of a saga with these entries."""
    record = audited("s-1", rows(*entries), head_hash="h")
    assert record is not None
    return record


def started(**different: Any) -> e.Started:
    given: dict[str, Any] = {"saga": "travel.trip", "version": 1, "starter": "ana"}
    return e.Started(**(given | different), payload=b"{}")


def path_of(name: str) -> str:
    return f"trip/{name}#1"


def intended(name: str, *, attempt: int = 1, reversibility: str = "compensatable") -> e.Intended:
    return e.Intended(
        path=path_of(name),
        ordinal=1,
        action=f"travel.{name}",
        version=1,
        reversibility=reversibility,
        attempt=attempt,
        key="k",
        generation=0,
        latest_end=0,
        payload=b"{}",
    )


def done(name: str, *, via: str = "call") -> e.Succeeded:
    return e.Succeeded(path=path_of(name), via=via, payload=b'"done"')


def unwound(cause: str = "failure") -> e.UnwindBegan:
    return e.UnwindBegan(reason="no room", cause=cause, generation=1)


def undoing(name: str, *, attempt: int = 1) -> e.CompensationIntended:
    return e.CompensationIntended(
        path=path_of(name), attempt=attempt, key=f"u-{name}", generation=1, latest_end=0
    )


def compensated(name: str, *, via: str = "call", **residue: str) -> e.Compensated:
    payload = json.dumps(residue).encode() if residue else None
    return e.Compensated(path=path_of(name), via=via, payload=payload)


def failed(name: str) -> e.CompensationFailed:
    return e.CompensationFailed(path=path_of(name), error="Refusal", message="no")


def doubted(name: str, direction: Direction = Direction.DO) -> e.FoundInDoubt:
    return e.FoundInDoubt(
        path=path_of(name), direction=direction.value, reason="no answer", ended=0, observed=True
    )


def asked(
    name: str | None, what: str, direction: Direction | None = Direction.DO
) -> e.InterventionOpened:
    return e.InterventionOpened(
        intervention=f"i-{name}",
        what=what,
        question="what now?",
        evidence="nothing",
        choices=[],
        path=None if name is None else path_of(name),
        direction=None if direction is None else direction.value,
    )


def answered(name: str | None, choice: str, by: str = "ben") -> e.InterventionClosed:
    return e.InterventionClosed(
        intervention=f"i-{name}", choice=choice, by=by, reason="I looked", channel="cli"
    )


def gate(name: str) -> e.GateOpened:
    return e.GateOpened(
        gate=f"g-{name}",
        path=path_of(name),
        direction=Direction.DO.value,
        ordinal=1,
        action=f"travel.{name}",
        version=1,
        generation=0,
        digest="d",
        deadline=99,
        by="anyone",
        payload=b"{}",
    )


def decided(name: str, state: str, by: str | None = None, **more: Any) -> e.GateDecided:
    return e.GateDecided(gate=f"g-{name}", path=path_of(name), state=state, by=by, **more)


def whole() -> AuditRecord:
    """A record with one of each."""
    return told(
        started(),
        *(intended("room"), done("room")),
        *(intended("car"), doubted("car"), asked("car", "in-doubt")),
        *(answered("car", "happened"), done("car", via="person")),
        *(unwound(), undoing("car"), failed("car")),
        asked("car", "compensation-failed", Direction.UNDO),
        answered("car", "waive", by="eve"),
        *(undoing("room"), compensated("room", text="fee", amount="1.50", currency="EUR")),
        e.Ended(status="residual", reason="no room"),
    )
