"""Entries for stories, with nothing in them that the story does not tell."""

from sagas import entries as e
from sagas.model import Direction


def started() -> e.Started:
    return e.Started(saga="travel.trip", version=1, starter="ana", payload=b"{}")


def intended(name: str, *, reversibility: str = "compensatable") -> e.Intended:
    return e.Intended(
        path=f"trip/{name}#1",
        ordinal=1,
        action=f"travel.{name}",
        version=1,
        reversibility=reversibility,
        attempt=1,
        key="k",
        generation=0,
        latest_end=0,
        payload=b"{}",
    )


def succeeded(name: str, *, via: str = "call") -> e.Succeeded:
    return e.Succeeded(path=f"trip/{name}#1", via=via, payload=b'"done"')


def doubted(name: str, *, observed: bool = True) -> e.FoundInDoubt:
    return e.FoundInDoubt(
        path=f"trip/{name}#1",
        direction=Direction.DO.value,
        reason="no answer",
        ended=0,
        observed=observed,
    )


def unwound() -> e.UnwindBegan:
    return e.UnwindBegan(reason="no room", cause="failure", generation=1)


def undoing(name: str) -> e.CompensationIntended:
    return e.CompensationIntended(
        path=f"trip/{name}#1", attempt=1, key="u", generation=1, latest_end=0
    )


def compensated(name: str, *, residue: str | None = None) -> e.Compensated:
    payload = None if residue is None else f'{{"text":"{residue}"}}'.encode()
    return e.Compensated(path=f"trip/{name}#1", payload=payload)


def gate(name: str) -> e.GateOpened:
    return e.GateOpened(
        gate=f"g-{name}",
        path=f"trip/{name}#1",
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
