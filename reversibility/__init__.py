"""The vocabulary of undoing: classes, observability, windows, roles, and how they combine.

Pure.
"""

from reversibility.classes import Reversibility, is_worse, worst
from reversibility.classification import classify, hint
from reversibility.composition import Profile, compose
from reversibility.errors import ClassUpgrade, ReversibilityError
from reversibility.modifiers import Audience, Magnitude, Modifiers, OnAlarm, Window
from reversibility.observability import Observability, ObservabilityKind
from reversibility.roles import Role

__all__ = [
    "Audience",
    "ClassUpgrade",
    "Magnitude",
    "Modifiers",
    "Observability",
    "ObservabilityKind",
    "OnAlarm",
    "Profile",
    "Reversibility",
    "ReversibilityError",
    "Role",
    "Window",
    "classify",
    "compose",
    "hint",
    "is_worse",
    "worst",
]
