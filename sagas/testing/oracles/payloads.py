"""The rule about what is stored: it comes back as it was.

Pure.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from pydantic_core import from_json

from sagas.entries import Succeeded
from sagas.errors import PayloadError
from sagas.payloads import Codec, check_bytes
from sagas.testing.oracles.evidence import Evidence
from sagas.testing.oracles.steps import DO, Step


def every_payload_round_trips(evidence: Evidence) -> Iterator[str]:
    """What was accepted decodes, and encodes to the same bytes.

    Arguments and results are read with the types of their action, if the catalog has it; every
    payload is JSON that each database stores unchanged.
    """
    for seq, _, entry in evidence.timed:
        wrong = None if entry.payload is None else _unfit(entry.payload)
        if wrong is not None:
            yield f"entry {seq}: {wrong}"
    for step in evidence.steps.values():
        for wrong in _changed(evidence, step):
            yield f"{step.path}: {wrong}"


def _changed(evidence: Evidence, step: Step) -> Iterator[str]:
    action = evidence.action(step)
    if action is None:
        return
    checks = [(action.inputs, step.given(DO))] if step.intents else []
    checks += [
        (action.result, told.payload)
        for _, _, told in step.told
        if isinstance(told, Succeeded) and told.payload is not None
    ]
    for codec, payload in checks:
        wrong = _does_not_return(codec, payload)
        if wrong is not None:
            yield wrong


@lru_cache(maxsize=4096)
def _unfit(payload: bytes) -> str | None:
    try:
        check_bytes(payload, "its payload")
        from_json(payload)
    except (PayloadError, ValueError) as error:
        return str(error)
    return None


@lru_cache(maxsize=4096)
def _does_not_return(codec: Codec[Any], payload: bytes) -> str | None:
    try:
        again = codec.encode(codec.decode(payload))
    except PayloadError as error:
        return str(error)
    return None if again == payload else f"{codec.what} comes back as other bytes"
