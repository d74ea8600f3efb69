"""Rules about idempotency keys: what they are made of, and whose they are.

Pure.
"""

from collections import Counter
from collections.abc import Iterator

from sagas.entries import FoundInDoubt, Probed, Succeeded
from sagas.model import Direction, idempotency_key
from sagas.testing.oracles.evidence import Evidence, direction_of
from sagas.testing.oracles.steps import DO, UNDO, Answer, Step, Told


def a_key_belongs_to_one_call(evidence: Evidence) -> Iterator[str]:
    """No two calls share a key."""
    for seq, _, entry in evidence.intents:
        owner = evidence.owners[entry.key]
        if owner != (entry.path, direction_of(entry)):
            yield f"entry {seq} begins {entry.path} under the key of {owner[0]} ({owner[1]})"


def a_call_keeps_its_key(evidence: Evidence) -> Iterator[str]:
    """Every attempt at a call is made under one key.

    An undo that was called while nobody knew of an effect has another key once the effect has come
    to light: the first undo may have come before it.
    """
    for step in evidence.steps.values():
        for seq, _, entry in step.intents[1:]:
            if entry.key != step.intents[0][2].key:
                yield f"entry {seq} is another attempt at {step.path}, under another key"
        for seq, key in _changes(step):
            if not _came_to_light(step, key, seq):
                yield f"entry {seq} is another attempt to undo {step.path}, under another key"


def _changes(step: Step) -> Iterator[tuple[int, str]]:
    """Where the key of its undo changes, and which it was before."""
    key = step.undos[0][2].key if step.undos else ""
    for seq, _, entry in step.undos:
        if entry.key != key:
            yield seq, key
        key = entry.key


def _came_to_light(step: Step, key: str, before: int) -> bool:
    """Whether it turned out to have happened after an undo for which that was not known."""
    first = next((seq for seq, _, entry in step.undos if entry.key == key), 0)
    unknown = any(entry.unknown for _, _, entry in step.undos if entry.key == key)
    return unknown and any(
        first < seq < before and isinstance(told, Succeeded) and told.via == "late"
        for seq, _, told in step.told
    )


def a_key_holds_nothing_else(evidence: Evidence) -> Iterator[str]:
    """A key is made of the journal, the saga, the step, the direction and the generation alone.

    The generation is that of the call's first attempt; an undo that is called anew is counted.
    """
    for step in evidence.steps.values():
        if step.intents:
            seq, _, first = step.intents[0]
            if first.key != _expected(evidence, step.path, DO, first.generation):
                yield f"entry {seq} begins {step.path} under a key that is not made of its place"
        known: list[str] = []
        for seq, _, entry in step.undos:
            if entry.key in known:
                continue
            if entry.key != _expected(evidence, _place(step, known), UNDO, entry.generation):
                yield f"entry {seq} undoes {step.path} under a key that is not made of its place"
            known.append(entry.key)


def _place(step: Step, known: list[str]) -> str:
    return f"{step.path} again {len(known)}" if known else step.path


def _expected(evidence: Evidence, place: str, direction: str, generation: int) -> str:
    history = evidence.history
    return idempotency_key(
        history.journal_id, history.saga_id, place, Direction(direction), generation
    )


def attempts_are_counted(evidence: Evidence) -> Iterator[str]:
    """The attempts under one key are numbered 1, 2, 3 and so on."""
    counts: Counter[str] = Counter()
    for seq, _, entry in evidence.intents:
        counts[entry.key] += 1
        if entry.attempt != counts[entry.key]:
            yield f"entry {seq} is attempt {entry.attempt} at {entry.path}, not {counts[entry.key]}"


def every_effect_was_intended(evidence: Evidence) -> Iterator[str]:
    """What the world did had been written down before, with its key and its direction.

    An effect under a key that the journal does not know is this saga's only if the ledger is.
    """
    for effect in evidence.ledger:
        owner = evidence.owners.get(effect.key)
        if owner is None:
            if evidence.watched:
                yield f"{effect.name} ({effect.direction}) happened, and no intent has its key"
        elif owner[1] != effect.direction:
            yield f"{effect.name} was a {effect.direction} under the key to {owner[1]} {owner[0]}"


def no_call_took_effect_twice(evidence: Evidence) -> Iterator[str]:
    """A step is done once and undone once, whatever the keys: repetitions have no further effect.

    There may be a second effect if the action says that repeating it does no harm, if somebody
    allowed another attempt or the destination had no trace of the first, if the first attempt was
    still running when its time was up, or if the first undo may have come before the effect.
    """
    if len(evidence.effects) < 2:
        return
    places = Counter((path, direction) for _, path, direction in evidence.effects)
    for (path, direction), count in places.items():
        step = evidence.steps[path]
        if count > 1 and count > 1 + _allowed(evidence, step, direction):
            yield f"{count} effects of {path} ({direction})"


def _allowed(evidence: Evidence, step: Step, direction: str) -> float:
    """How many further effects nobody can blame on the saga."""
    declared = evidence.declared(step, direction)
    if declared is not None and declared.repeatable:
        return float("inf")
    keys = {entry.key for _, _, entry in step.undos} if direction == UNDO else set[str]()
    return sum(map(_may_be_another, step.about(direction))) + max(len(keys) - 1, 0)


def _may_be_another(item: Told) -> bool:
    told = item[2]
    if isinstance(told, Answer):
        return told.allows_another
    if isinstance(told, Probed):
        return told.answer == "absent" and told.counts
    return isinstance(told, FoundInDoubt) and told.running
