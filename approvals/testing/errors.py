"""What goes wrong in a test because of the test.

Pure.
"""

from approvals.errors import ApprovalError

__all__ = ["Impossible", "NotInstalled", "TestingError", "Unexpected"]


class TestingError(ApprovalError):
    """The test as set up proves nothing; the message says what to mend."""

    __test__ = False  # no test, whatever pytest makes of its name


class Impossible(TestingError):
    """A person cannot do that: it is not on their screen, or the screen would not let them."""


class NotInstalled(TestingError):
    """An optional library that this needs is not there; the message says what to install."""


class Unexpected(TestingError):
    """The server was asked for something that it does not know; raised when it closes."""
