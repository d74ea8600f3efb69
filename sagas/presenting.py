"""A gate as people see it, with what its saga has done and what a rejection would undo.

The planner that unwinds is the one that is asked. Pure.
"""

from collections.abc import Sequence
from datetime import datetime

from approvals import Gate, Presentation, Vote, present
from approvals.deeds import Deed, Fate
from approvals.delegation import Delegation
from compensations.plan import Standing, plan
from sagas import decide
from sagas.driving.environment import Handlers
from sagas.model import Direction
from sagas.state import Phase, SagaState, Step
from sagas.story.wording import labels

_FATES = {
    Standing.DONE: Fate.UNDONE,
    Standing.STUCK: Fate.ASKED,
    Standing.REMAINS: Fate.REMAINS,
    Standing.SETTLED: Fate.SETTLED,
}


def present_gate(
    gate: Gate,
    state: SagaState | None,
    handlers: Handlers,
    *,
    votes: Sequence[Vote],
    delegations: Sequence[Delegation] = (),
    journal_id: str,
    now: datetime,
    whole: bool = False,
    former: bytes | None = None,
) -> Presentation:
    """Prepare a gate to be shown.

    Args:
        state: The saga as it stands; None if it cannot be read here.
        handlers: Where declared residues are looked up, as far as the code is at hand.
        votes: What people have said.
        delegations: Who decides for whom now, as far as it matters here.
        now: When it is shown.
        whole: Cut nothing.
        former: The arguments of the revision before, where there is one.
    """
    backwards = gate.direction == Direction.UNDO
    return present(
        gate,
        now=now,
        key=journal_id,
        done=None if state is None else deeds(state, handlers, undoing=not backwards),
        undone=[] if state is None or backwards else _order(state),
        votes=votes,
        delegations=delegations,
        former=former,
        whole=whole,
    )


def deeds(state: SagaState, handlers: Handlers, *, undoing: bool = True) -> list[Deed]:
    """What took effect or may have, oldest first, and is not undone.

    Args:
        undoing: Whether to tell what an unwind would do about it.
    """
    named = labels(state.steps)
    standings = {effect.path: effect.standing for effect in decide.effects(state)}
    return [
        Deed(
            name=named[step.path],
            reversibility=step.reversibility,
            fate=_FATES[standings[step.path]] if undoing else Fate.SETTLED,
            is_in_doubt=step.forward.phase in (Phase.IN_DOUBT, Phase.INTENDED) and not step.late,
            leaves=_leaves(step, handlers),
        )
        for step in state.steps.values()
        if step.path in standings and step.may_have_happened and not step.is_undone
    ]


def _order(state: SagaState) -> list[str]:
    named = labels(state.steps)
    return [named[effect.path] for effect in plan(decide.effects(state))]


def _leaves(step: Step, handlers: Handlers) -> str | None:
    action = handlers.action(step.action, step.version)
    return action.undo.residue if action is not None and action.undo is not None else None
