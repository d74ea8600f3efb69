"""Assertions on what a saga did: its history, its unwind, and its effects on the world."""

from sagas.testing.asserting.effects import assert_effects
from sagas.testing.asserting.histories import assert_history
from sagas.testing.asserting.patterns import ANY, bound, entry
from sagas.testing.asserting.unwinds import assert_unwound

__all__ = ["ANY", "assert_effects", "assert_history", "assert_unwound", "bound", "entry"]
