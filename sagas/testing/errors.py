"""What can be wrong with an exploration itself, as opposed to the saga that is explored.

```
TestingError
├─ NotDeterministic   the same schedule gave two histories: the body or the world goes by itself
├─ WorldNotReset      the world is not empty after `reset()`
├─ FaultMissed        a fault that was planned did not happen
├─ Leak               something of one run went on into the next
├─ Unexplorable       what was handed over cannot be explored; the message says what to change
├─ Undrillable        a sandbox, or what it is asked to drill, cannot be right
├─ NotATest           a person was played outside a test
├─ NotAHistory        what should be a recorded history is none
└─ NotInstalled       an optional library that this needs is not there
```

Pure.
"""

from sagas.errors import SagaError


class TestingError(SagaError):
    """The test as set up proves nothing; the message says what to mend."""

    __test__ = False  # no test, whatever pytest makes of its name


class NotDeterministic(TestingError):
    """The same schedule gave two histories: the body, an action or the world goes by itself."""


class WorldNotReset(TestingError):
    """The world remembers something after `reset()`."""


class FaultMissed(TestingError):
    """A fault that was planned did not happen, so the run shows nothing."""


class Leak(TestingError):
    """An action left something behind that goes on into the next run."""


class Unexplorable(TestingError):
    """What was handed over cannot be explored."""


class Undrillable(TestingError):
    """A sandbox, or what it is asked to drill, cannot be right."""


class NotATest(TestingError):
    """A person was played outside a test."""


class NotAHistory(TestingError):
    """What should be a recorded history is none, or one of a newer release."""


class NotInstalled(TestingError):
    """An optional library that this needs is not there; the message says what to install."""


def in_one_line(error: BaseException) -> str:
    """What an error is and says, for a sentence that goes on after it: without further lines."""
    said = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
