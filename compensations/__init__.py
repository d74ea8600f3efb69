"""How an effect is undone: binding, order, retries, residue, and what a person is asked.

Most users import these names from `sagas`.
"""

from compensations.errors import BindingError, ChoiceError, CompensationError
from compensations.estimate import Estimate, Expected
from compensations.interventions import Choice, Intervention, InterventionKind
from compensations.residue import Residue
from compensations.retry import Retry
from compensations.total import Total

__all__ = [
    "BindingError",
    "Choice",
    "ChoiceError",
    "CompensationError",
    "Estimate",
    "Expected",
    "Intervention",
    "InterventionKind",
    "Residue",
    "Retry",
    "Total",
]
