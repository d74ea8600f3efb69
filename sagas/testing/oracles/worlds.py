"""Rules that hold the journal against what the world recorded.

Pure.
"""

from collections.abc import Iterator

from sagas.entries import Compensated, CompensationFailed, Failed, FoundInDoubt, Succeeded
from sagas.model import Status
from sagas.testing.oracles.evidence import Evidence
from sagas.testing.oracles.steps import DO, UNDO, Step


def what_is_said_to_have_happened_did(evidence: Evidence) -> Iterator[str]:
    """The world knows every effect, and every undo of one, that the journal says took place.

    What a person says is taken as it is. An undo of what never happened has nothing to undo.
    """
    if not evidence.watched:
        return
    for step in evidence.steps.values():
        done = _key(step, DO)
        for seq, _, told in step.told:
            if not isinstance(told, Succeeded | Compensated) or told.via == "person":
                continue
            if isinstance(told, Succeeded):
                if step.has_effect and done not in evidence.taken:
                    yield f"entry {seq} says that {step.path} happened; the world knows nothing of it"
            elif done in evidence.taken and not _undone_before(evidence, step, seq):
                yield f"entry {seq} says that {step.path} is undone; the world knows nothing of it"


def _key(step: Step, direction: str) -> str:
    intents = step.intents if direction == DO else step.undos
    return intents[-1][2].key if intents else ""


def _undone_before(evidence: Evidence, step: Step, seq: int) -> bool:
    """Whether the world knows of an undo that had been intended by then."""
    return any(entry.key in evidence.taken for number, _, entry in step.undos if number < seq)


def what_is_said_not_to_have_happened_did_not(evidence: Evidence) -> Iterator[str]:
    """The world knows nothing of a call that failed.

    What a person says is taken as it is, and a call that went on after its time was up may take
    effect later: it is reported then.
    """
    for step in evidence.steps.values():
        for direction in (DO, UNDO):
            if direction == DO and not step.has_effect:
                continue
            about = step.about(direction)
            seq, last = next(((seq, told) for seq, _, told in reversed(about)), (0, None))
            if not isinstance(last, Failed | CompensationFailed) or _by_person(last):
                continue
            running = any(isinstance(told, FoundInDoubt) and told.running for _, _, told in about)
            if _key(step, direction) in evidence.taken and not running:
                yield f"entry {seq} says that {step.path} ({direction}) failed; the world knows better"


def _by_person(entry: Failed | CompensationFailed) -> bool:
    return isinstance(entry, Failed) and entry.via == "person"


def every_effect_is_undone_or_stands_rightly(evidence: Evidence) -> Iterator[str]:
    """What the world holds at the end is what the journal says that it holds.

    Each effect inside what was unwound or rolled back, and each that the body was not told of, has
    been undone after it, unless a person decided otherwise; of a saga that is compensated, that is
    each effect. What was not unwound was not undone.

    What two worlds recorded has no order: there an undo counts wherever it is.
    """
    if evidence.end is None or evidence.is_kept:
        return
    undone = {
        path: (place, effect.source)
        for place, (effect, path, direction) in enumerate(evidence.effects)
        if direction == UNDO
    }
    for place, (effect, path, direction) in enumerate(evidence.effects):
        step = evidence.steps[path]
        since, source = undone.get(path, (-1, effect.source))
        stands = direction == DO and step.has_effect and source == effect.source and since < place
        if stands and _must_be_gone(evidence, step):
            yield f"{effect.name} stands, and it is {evidence.end.status}: {path} was not undone"


def _must_be_gone(evidence: Evidence, step: Step) -> bool:
    course = step.course
    if course.by_person or course.left or _was_judged(step):
        return False
    if evidence.end is not None and evidence.end.status == Status.COMPENSATED:
        return True
    if step.is_pivot and course.happened:
        return False
    told = course.happened is True and not course.late
    return not told or any(scope.holds(step.path) for scope in evidence.scopes)


def _was_judged(step: Step) -> bool:
    """Whether a person told of one of its effects, or has seen it."""
    return any(answer.says("not-happened", "done", "waive", "retry") for _, answer in step.answers)


def the_world_is_as_before(evidence: Evidence) -> Iterator[str]:
    """Once a saga is compensated the world is as it was before, in what `compare` looks at.

    If something is recorded to remain and nobody said what to compare, nothing is demanded; nor if
    a person said what had happened or been undone, because only they know.
    """
    if not evidence.watched or (evidence.before is None and evidence.after is None):
        return
    if evidence.end is None or evidence.end.status != Status.COMPENSATED:
        return
    steps = evidence.steps.values()
    if any(step.course.by_person or _was_judged(step) for step in steps):
        return
    compare = evidence.compare
    if compare is None:
        remains = any(step.course.residue for step in steps)
        if not remains and evidence.before != evidence.after:
            yield f"the world was {evidence.before!r} and is {evidence.after!r}"
    elif compare(evidence.before) != compare(evidence.after):
        yield f"the world was {compare(evidence.before)!r} and is {compare(evidence.after)!r}"
