"""Rules about calls that were seen to be made.

Pure.
"""

from collections.abc import Iterator
from hashlib import sha256

from sagas.testing.oracles.evidence import Call, Evidence, direction_of
from sagas.testing.oracles.steps import DO


def a_call_begins_after_its_intent(evidence: Evidence) -> Iterator[str]:
    """When a call began, the intent of this very attempt was durable."""
    if not evidence.calls:
        return
    durable = {
        (entry.path, direction_of(entry), entry.key, entry.attempt): seq
        for seq, _, entry in reversed(evidence.intents)
    }
    for call in evidence.calls:
        seq = durable.get((call.path, call.direction, call.key, call.attempt))
        if seq is None:
            yield f"{_named(call)} was called, and there is no intent of it"
        elif seq > call.began:
            yield f"{_named(call)} was called after entry {call.began}; its intent is entry {seq}"


def an_attempt_is_called_once(evidence: Evidence) -> Iterator[str]:
    """One intent is one call; another call has an intent of its own."""
    seen: set[tuple[str, int]] = set()
    for call in evidence.calls:
        if (call.key, call.attempt) in seen:
            yield f"{_named(call)} was called twice"
        seen.add((call.key, call.attempt))


def what_is_called_is_what_was_intended(evidence: Evidence) -> Iterator[str]:
    """A step is called with the arguments in the journal, and every attempt with the same ones."""
    sent: dict[str, str] = {}
    for call in evidence.calls:
        if call.digest is None:
            continue
        if sent.setdefault(call.key, call.digest) != call.digest:
            yield f"{_named(call)} has other arguments than an attempt before it, and the same key"
        step = evidence.steps.get(call.path)
        if step is None or call.direction != DO:
            continue
        if sha256(step.given(DO)).hexdigest() != call.digest:
            yield f"{_named(call)} has other arguments than its intent"


def nothing_is_called_after_the_end(evidence: Evidence) -> Iterator[str]:
    """Once a saga has ended no call is made for it, unless a late answer reopens it."""
    opened = [seq for seq, _ in evidence.reopened]
    for end, _ in evidence.ends:
        until = next((seq for seq in opened if seq > end), None)
        for call in evidence.calls:
            if call.began >= end and (until is None or call.began < until):
                yield f"{_named(call)} was called after the end, entry {end}"


def _named(call: Call) -> str:
    return f"attempt {call.attempt} to {call.direction} {call.path}"
