"""What the undo of a step will probably leave, as its author says and as far as that is known.

An estimate that cannot be made is unknown: it is never nothing, and it never stops an unwind.

Touches nothing.
"""

import logging
from typing import Any

from compensations import Estimate, Residue
from sagas.authoring.action import Action
from sagas.authoring.handlers import Estimator
from sagas.driving.recalling import recorded_arguments
from sagas.errors import PayloadError
from sagas.state import Step

log = logging.getLogger("sagas")


def estimate(action: Action[..., Any], step: Step) -> Estimate:
    """What the compensation of a step is declared to leave, or computed from what is recorded."""
    undo = action.undo
    if undo is None or undo.estimator is None:
        return Estimate(None if undo is None else undo.residue)
    return _computed(action, undo.estimator, step)


def _computed(action: Action[..., Any], estimator: Estimator, step: Step) -> Estimate:
    if estimator.binding.needs_result and step.result is None:
        return Estimate(unknown=f"{estimator.name} needs the result of {action.name}")
    try:
        given = recorded_arguments(action, estimator.binding, estimator.name, step)
        found: object = estimator.fn(**given)
    except PayloadError:
        return Estimate(unknown=f"{estimator.name} takes what is not recorded as it expects")
    except Exception as error:
        # What it looked at may be secret, and the error's text may quote it.
        kind = type(error).__name__
        log.error(  # noqa: TRY400
            "%s: %s failed with %s: what its undo leaves is not known",
            action.name,
            estimator.name,
            kind,
            exc_info=not (action.sensitive or action.sensitive_result),
        )
        return Estimate(unknown=f"{estimator.name} failed with {kind}")
    if found is None or isinstance(found, Residue):
        return Estimate(found)
    return Estimate(unknown=f"{estimator.name} returned no Residue")
