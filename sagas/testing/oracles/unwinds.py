"""Rules about undoing: what is undone, how often, in which order, and that nothing is forgotten.

Pure.
"""

from collections.abc import Iterator

from compensations import Choice
from compensations.plan import concurrent
from sagas.entries import CompensationIntended, GuardAsked, RolledBackTo, Succeeded
from sagas.testing.oracles.evidence import Evidence, Scope
from sagas.testing.oracles.steps import UNDO, Answer, Step
from sagas.testing.oracles.windows import is_urgent


def only_what_may_have_happened_is_undone(evidence: Evidence) -> Iterator[str]:
    """A step is undone if it took effect; if nobody knows, the intent says so, and the undo may."""
    for step in evidence.steps.values():
        for seq, _, entry in step.undos:
            course = step.course_at(seq)
            if course.happened is False:
                yield f"entry {seq} undoes {step.path}, which is known not to have happened"
            elif course.happened is None and not entry.unknown:
                yield f"entry {seq} undoes {step.path}, which is not known to have happened"
            elif course.happened is None and not _accepts_unknown(evidence, step):
                yield f"entry {seq} undoes {step.path} on suspicion, which is not declared safe"


def _accepts_unknown(evidence: Evidence, step: Step) -> bool:
    declared = evidence.declared(step, "undo")
    return declared is None or declared.accepts_unknown


def nothing_is_undone_twice(evidence: Evidence) -> Iterator[str]:
    """No undo begins after the step was undone, or a person said that it is left as it is."""
    for step in evidence.steps.values():
        for seq, _, _ in step.undos:
            course = step.course_at(seq)
            if course.undone or course.left:
                yield f"entry {seq} undoes {step.path} again"


def only_what_is_unwound_is_undone(evidence: Evidence) -> Iterator[str]:
    """An undo begins in an unwind, or in the block that is rolled back; or its step came late."""
    for step in evidence.steps.values():
        for seq, _, _ in step.undos:
            if evidence.scope_at(step.path, seq) is None and not step.course_at(seq).late:
                yield f"entry {seq} undoes {step.path}, and nothing is being unwound there"


def the_irreversible_is_not_undone(evidence: Evidence) -> Iterator[str]:
    """What cannot be undone is given no undo: neither by its class nor for these arguments."""
    for step in evidence.steps.values():
        for seq, _, _ in step.undos:
            if step.is_pivot_at(seq):
                why = "past its window" if step.closed else step.reversibility.value
                yield f"entry {seq} undoes {step.path}, which is {why}"


def what_has_changed_is_not_undone(evidence: Evidence) -> Iterator[str]:
    """No undo is called once a guard has said no, or could not tell, unless a person says so."""
    for step in evidence.steps.values():
        refused = False
        for seq, _, told in step.told:
            if isinstance(told, GuardAsked):
                refused = told.answer != "held"
            elif isinstance(told, Answer):
                refused = refused and not told.says(Choice.ANYWAY)
            elif isinstance(told, CompensationIntended) and refused:
                yield f"entry {seq} undoes {step.path}, which its guard does not let be undone"


def what_came_later_is_undone_first(evidence: Evidence) -> Iterator[str]:
    """Steps are undone in reverse order of their intents, or sooner if their windows close.

    Branches of one `parallel` are independent, and a step about which a person was asked holds up
    only what it builds upon: what it names in `after`, or shares a conflict key with.
    """
    for earlier in evidence.steps.values():
        seen: set[str] = set()
        for seq, _, entry in earlier.undos:
            if entry.key in seen:
                continue
            seen.add(entry.key)
            for later in evidence.steps.values():
                if later.seq > earlier.seq and _overtaken(evidence, earlier, later, seq):
                    yield f"entry {seq} undoes {earlier.path} before {later.path}, which came later"


def _overtaken(evidence: Evidence, earlier: Step, later: Step, seq: int) -> bool:
    """Whether a later step was still there, and should not have been, when an undo began."""
    return _should_wait(evidence, earlier, later, seq) and later.course_at(seq).may_stand


def _should_wait(evidence: Evidence, earlier: Step, later: Step, seq: int) -> bool:
    """Whether an undo had to wait for that of a later step."""
    scope = evidence.scope_at(earlier.path, seq)
    if not _belongs(scope, later, seq) or not later.has_effect:
        return False
    free = concurrent(later.path, earlier.path) or later.asked_before(seq)
    free = free or is_urgent(evidence, earlier, seq)
    if free and not later.depends_on(earlier):
        return False
    if later.is_pivot_at(seq) and later.course_at(seq).happened is not None:
        return False
    return not _heard_meanwhile(later, scope)


def _belongs(scope: Scope | None, later: Step, seq: int) -> bool:
    """Whether a later step is undone together with an earlier one."""
    if later.seq >= seq:
        return False
    return scope.holds(later.path) if scope is not None else later.course_at(seq).late


def _heard_meanwhile(step: Step, scope: Scope | None) -> bool:
    """Whether a step came late when the undoing had begun: it is undone when it is heard of."""
    began = 0 if scope is None else scope.began
    return any(
        seq > began and isinstance(told, Succeeded) and told.via == "late"
        for seq, _, told in step.told
    )


def the_world_saw_the_later_undone_first(evidence: Evidence) -> Iterator[str]:
    """What a world recorded of undoing is in the same order, by time: the later effect went first.

    A ledger tells the order of what is in it, and so has to be in the order of time; what two
    worlds recorded has no order.
    """
    first: dict[tuple[str, int], int] = {}
    for place, (effect, path, direction) in enumerate(evidence.effects):
        if direction == UNDO:
            first.setdefault((path, effect.source), place)
    for (path, source), place in first.items():
        earlier = evidence.steps[path]
        for (other, other_source), later_place in first.items():
            later = evidence.steps[other]
            overtaken = later.seq > earlier.seq and place < later_place and earlier.undos
            if (
                overtaken
                and source == other_source
                and _should_wait(evidence, earlier, later, earlier.undos[0][0])
            ):
                yield f"the world had {path} undone before {other}, which came later"


def a_block_is_undone_before_the_body_goes_on(evidence: Evidence) -> Iterator[str]:
    """When a rollback ends, nothing that was done in its block stands, and nothing is in doubt."""
    for seq, _, entry in evidence.of(RolledBackTo):
        for step in evidence.steps.values():
            inside = step.path.startswith(f"{entry.path}/") and step.seq < seq
            forgotten = _is_forgotten(step, seq) or (inside and _was_missed(step, seq))
            if inside and forgotten:
                yield f"entry {seq} ends the rollback, and {step.path} is not undone"


def every_step_is_undone_at_the_end(evidence: Evidence) -> Iterator[str]:
    """When an unwind ends, what can be undone is undone, or left as it is by a person; and always
    so is what took effect too late.
    """
    if evidence.end is None or evidence.is_kept:
        return
    for step in evidence.steps.values():
        due = evidence.unwound is not None or step.course.late
        if due and _is_forgotten(step, len(evidence.history.rows)) and not _was_shown(step):
            yield f"it has ended, and {step.path} is not undone"


def _is_forgotten(step: Step, seq: int) -> bool:
    """Whether a step that can be undone may stand."""
    if not step.intents or step.seq >= seq or not step.has_effect:
        return False
    course = step.course_at(seq)
    if step.is_pivot:
        return course.happened is None and course.begun and not course.left
    return course.may_stand


def _was_missed(step: Step, seq: int) -> bool:
    """Whether its window closed while its block was rolled back, and the body was not to know."""
    return 0 < step.closed < seq and step.course_at(seq).may_stand


def _was_shown(step: Step) -> bool:
    """Whether a person decided about its late effect."""
    return any(
        answer.asked.what in ("late-effect", "second-effect") and not answer.says("moot", "unwind")
        for _, answer in step.answers
    )
