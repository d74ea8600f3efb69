"""What is recorded of how an action was declared, held against its declaration of today.

A changed class, order or waiver blocks nothing by itself: what was done keeps what was recorded
for it, and what is still to come goes by the new declaration. Whoever deploys should know.

Touches: the user's own functions that compute them.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from reversibility import ClassUpgrade
from sagas import divergence
from sagas.authoring.action import Action
from sagas.driving.environment import Handlers
from sagas.errors import PayloadError
from sagas.state import SagaState, Step

Change = tuple[str, str, str]


def declared_otherwise(handlers: Handlers, state: SagaState) -> Iterator[str]:
    """The steps whose actions are declared otherwise now, each with a diff."""
    for step in state.steps.values():
        action = handlers.action(step.action, step.version)
        if action is None or action.retired or not step.forward.attempts:
            continue
        changed = [item for item in _options(action, step) if item[1] != item[2]]
        if changed:
            yield divergence.other_options(step.path, changed)


def _options(action: Action[..., Any], step: Step) -> Iterator[Change]:
    try:
        arguments = action.inputs.recall(step.arguments)
    except PayloadError:
        return  # the body is told of it
    try:
        now = action.classified(arguments)
    except ClassUpgrade:
        now = action.options.reversibility
    yield "class", step.reversibility.value, now.value
    asks = action.gate(now) is not None
    yield "approval", _asked(asks=step.forward.gate is not None), _asked(asks=asks)
    yield "waiver", step.waiver or "none", action.waiver or "none"
    yield "after", _listed(step.after), _listed(action.after)
    yield "conflicts", _listed(step.conflicts), _listed(action.conflict_keys(arguments))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def _asked(*, asks: bool) -> str:
    return "asked" if asks else "not asked"
