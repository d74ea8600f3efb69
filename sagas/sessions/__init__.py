"""Sessions: sagas whose steps somebody chooses one by one, such as a model."""

from sagas.sessions.session import Session
from sagas.sessions.turns import Standing, Told

__all__ = ["Session", "Standing", "Told"]
