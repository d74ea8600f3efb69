"""Replaying recorded histories: what would the code of today have made of a saga of the past?

No action is called: the results come from the file.
"""

from sagas.testing.replaying.replay import replay
from sagas.testing.replaying.verdict import Replayed, Verdict

__all__ = ["Replayed", "Verdict", "replay"]
