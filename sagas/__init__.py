"""Sagas for agents: every action is finished, undone, or put before a person.

```python
from sagas import Catalog, Reversibility, connect

travel = Catalog("travel")
```

A newcomer needs five names: `Catalog`, `Reversibility`, `approval`, `connect`, and `parallel`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from approvals import approval, waived
from compensations import Residue, Retry
from reversibility import OnAlarm, Reversibility, Window
from sagas.authoring.body import because, event, now, parallel, savepoint, sleep, uuid
from sagas.authoring.catalog import Catalog
from sagas.authoring.context import current_step
from sagas.authoring.limit import Limit
from sagas.authoring.locks import Locks
from sagas.errors import (
    ApprovalExpired,
    ApprovalRejected,
    DefinitionError,
    Locked,
    NotExecuted,
    SagaError,
    StepFailed,
    StepInterrupted,
)
from sagas.model import Outcome, Status

if TYPE_CHECKING:
    from sagas.connecting import connect, run_sync
    from sagas.coordinator import Coordinator
    from sagas.handles import Handle

__all__ = [
    "ApprovalExpired",
    "ApprovalRejected",
    "Catalog",
    "Coordinator",
    "DefinitionError",
    "Handle",
    "Limit",
    "Locked",
    "Locks",
    "NotExecuted",
    "OnAlarm",
    "Outcome",
    "Residue",
    "Retry",
    "Reversibility",
    "SagaError",
    "Status",
    "StepFailed",
    "StepInterrupted",
    "Window",
    "approval",
    "because",
    "connect",
    "current_step",
    "event",
    "now",
    "parallel",
    "run_sync",
    "savepoint",
    "sleep",
    "uuid",
    "waived",
]

_LAZY = {
    "connect": "sagas.connecting",
    "run_sync": "sagas.connecting",
    "Coordinator": "sagas.coordinator",
    "Handle": "sagas.handles",
}


def __getattr__(name: str) -> Any:
    """What runs sagas is loaded when it is first used; defining them does not need it."""
    module = _LAZY.get(name)
    if module is None:
        raise AttributeError(f"module 'sagas' has no attribute {name!r}")
    return getattr(import_module(module), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
