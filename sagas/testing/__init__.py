"""Prove that your saga survives: crash it everywhere, and look at the world.

```python
from sagas.testing import explore

report = await explore(book_trip, trip, world=world)
report.check()
```
"""

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

__all__ = [
    "Effect",
    "FaultMissed",
    "Leak",
    "NotATest",
    "NotDeterministic",
    "Report",
    "Snapshot",
    "TestingError",
    "Unexplorable",
    "Violation",
    "World",
    "WorldNotReset",
]
