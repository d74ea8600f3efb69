"""Prove that your saga survives: crash it everywhere, and look at the world.

```python
from sagas.testing import explore

report = await explore(book_trip, trip, world=world)
report.check()
```
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sagas.testing.errors import (
    FaultMissed,
    Leak,
    NotATest,
    NotDeterministic,
    TestingError,
    Unexplorable,
    WorldNotReset,
)
from sagas.testing.report import Report, Violation
from sagas.testing.world import Effect, Snapshot, World

if TYPE_CHECKING:
    from sagas.testing.worlds import (
        AnswerLost,
        HttpWorld,
        KeyReused,
        NotAskable,
        Provider,
        Recording,
        Refused,
    )

__all__ = [
    "AnswerLost",
    "Effect",
    "FaultMissed",
    "HttpWorld",
    "KeyReused",
    "Leak",
    "NotATest",
    "NotAskable",
    "NotDeterministic",
    "Provider",
    "Recording",
    "Refused",
    "Report",
    "Snapshot",
    "TestingError",
    "Unexplorable",
    "Violation",
    "World",
    "WorldNotReset",
]

_LAZY = {
    "AnswerLost": "sagas.testing.worlds",
    "HttpWorld": "sagas.testing.worlds",
    "KeyReused": "sagas.testing.worlds",
    "NotAskable": "sagas.testing.worlds",
    "Provider": "sagas.testing.worlds",
    "Recording": "sagas.testing.worlds",
    "Refused": "sagas.testing.worlds",
}


def __getattr__(name: str) -> Any:
    """What needs more than the bare minimum is loaded when it is first used."""
    module = _LAZY.get(name)
    if module is None:
        raise AttributeError(f"module 'sagas.testing' has no attribute {name!r}")
    return getattr(import_module(module), name)
