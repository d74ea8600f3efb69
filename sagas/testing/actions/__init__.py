"""Properties of single actions, each a plain async function that returns a `Report`.

Nothing goes through a coordinator: the functions of the action are called as a saga would call
them, with a key made as a saga makes it, and the world is looked at before and after.
"""

from sagas.testing.actions.declared_class import check_declared_class
from sagas.testing.actions.payload import check_payload
from sagas.testing.actions.round_trip import check_round_trip

__all__ = ["check_declared_class", "check_payload", "check_round_trip"]
