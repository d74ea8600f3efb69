"""A strict local Slack, for tests of what asks people in Slack.

```python
from approvals.testing import SlackServer

async with SlackServer() as slack:
    ann = slack.person("U1", name="Ann")
    slack.channel("C1", name="approvals", members=["U1"])
```
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from approvals.testing.blocks import block_faults
from approvals.testing.clock import Clock
from approvals.testing.errors import Impossible, NotInstalled, TestingError, Unexpected
from approvals.testing.faults import Fault
from approvals.testing.methods import METHODS
from approvals.testing.records import Call, Delivery
from approvals.testing.signing import Forgery
from approvals.testing.views import view_faults
from approvals.testing.workspace import Channel, Ephemeral, Message, UserGroup, View

if TYPE_CHECKING:
    from approvals.testing.outcome import Outcome
    from approvals.testing.page import SlackPage
    from approvals.testing.person import Person
    from approvals.testing.server import ALL_SCOPES, SlackServer

__all__ = [
    "ALL_SCOPES",
    "METHODS",
    "Call",
    "Channel",
    "Clock",
    "Delivery",
    "Ephemeral",
    "Fault",
    "Forgery",
    "Impossible",
    "Message",
    "NotInstalled",
    "Outcome",
    "Person",
    "SlackPage",
    "SlackServer",
    "TestingError",
    "Unexpected",
    "UserGroup",
    "View",
    "block_faults",
    "view_faults",
]

_LAZY = {
    "ALL_SCOPES": "approvals.testing.server",
    "Outcome": "approvals.testing.outcome",
    "Person": "approvals.testing.person",
    "SlackPage": "approvals.testing.page",
    "SlackServer": "approvals.testing.server",
}


def __getattr__(name: str) -> Any:
    """What needs aiohttp is loaded when it is first used."""
    module = _LAZY.get(name)
    if module is None:
        raise AttributeError(f"module 'approvals.testing' has no attribute {name!r}")
    try:
        return getattr(import_module(module), name)
    except ModuleNotFoundError as missing:
        if str(missing.name).partition(".")[0] != "aiohttp":
            raise
        raise NotInstalled(f"{name} needs aiohttp: pip install 'agent-sagas[slack]'") from missing


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
