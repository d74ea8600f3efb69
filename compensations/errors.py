"""Errors of this package.

Pure.
"""


class CompensationError(Exception):
    """The root: everything this package raises on purpose."""


class BindingError(CompensationError):
    """A compensation or probe asks for what the journal does not hold."""


class ChoiceError(CompensationError):
    """A choice that the intervention does not offer, or that lacks what it needs."""
