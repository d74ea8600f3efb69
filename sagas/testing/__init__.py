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
    NotAHistory,
    NotATest,
    NotDeterministic,
    NotInstalled,
    TestingError,
    Undrillable,
    Unexplorable,
    WorldNotReset,
)
from sagas.testing.report import Report, Violation
from sagas.testing.world import Effect, Snapshot, World

if TYPE_CHECKING:
    from sagas.testing.actions import check_declared_class, check_payload, check_round_trip
    from sagas.testing.asserting import (
        ANY,
        assert_effects,
        assert_history,
        assert_unwound,
        bound,
        entry,
    )
    from sagas.testing.clocks import FrozenClock, VirtualClock, frozen_time
    from sagas.testing.drills import Drilled, Sandbox, drill
    from sagas.testing.exploring import (
        explore,
        explore_crashes,
        explore_decisions,
        explore_failures,
        explore_races,
        explore_unknown,
        explore_unwind,
        explore_versions,
    )
    from sagas.testing.history import History, read_history
    from sagas.testing.oracles import Call, Evidence, Rule
    from sagas.testing.people import Responder, TestDirectory, Truth
    from sagas.testing.recorded import export_history, read_exported
    from sagas.testing.replaying import Replayed, Verdict, replay
    from sagas.testing.worlds import (
        AnswerLost,
        HttpWorld,
        KeyReused,
        NotAskable,
        Provider,
        Recording,
        Refused,
        Worlds,
    )

__all__ = [
    "ANY",
    "AnswerLost",
    "Call",
    "Drilled",
    "Effect",
    "Evidence",
    "FaultMissed",
    "FrozenClock",
    "History",
    "HttpWorld",
    "KeyReused",
    "Leak",
    "NotAHistory",
    "NotATest",
    "NotAskable",
    "NotDeterministic",
    "NotInstalled",
    "Provider",
    "Recording",
    "Refused",
    "Replayed",
    "Report",
    "Responder",
    "Rule",
    "Sandbox",
    "Snapshot",
    "TestDirectory",
    "TestingError",
    "Truth",
    "Undrillable",
    "Unexplorable",
    "Verdict",
    "Violation",
    "VirtualClock",
    "World",
    "WorldNotReset",
    "Worlds",
    "assert_effects",
    "assert_history",
    "assert_unwound",
    "bound",
    "check_declared_class",
    "check_payload",
    "check_round_trip",
    "drill",
    "entry",
    "explore",
    "explore_crashes",
    "explore_decisions",
    "explore_failures",
    "explore_races",
    "explore_unknown",
    "explore_unwind",
    "explore_versions",
    "export_history",
    "frozen_time",
    "read_exported",
    "read_history",
    "replay",
]

_LAZY = {
    "ANY": "sagas.testing.asserting",
    "AnswerLost": "sagas.testing.worlds",
    "Call": "sagas.testing.oracles",
    "Drilled": "sagas.testing.drills",
    "Evidence": "sagas.testing.oracles",
    "FrozenClock": "sagas.testing.clocks",
    "History": "sagas.testing.history",
    "HttpWorld": "sagas.testing.worlds",
    "KeyReused": "sagas.testing.worlds",
    "NotAskable": "sagas.testing.worlds",
    "Provider": "sagas.testing.worlds",
    "Recording": "sagas.testing.worlds",
    "Refused": "sagas.testing.worlds",
    "Replayed": "sagas.testing.replaying",
    "Responder": "sagas.testing.people",
    "Rule": "sagas.testing.oracles",
    "Sandbox": "sagas.testing.drills",
    "TestDirectory": "sagas.testing.people",
    "Truth": "sagas.testing.people",
    "Verdict": "sagas.testing.replaying",
    "VirtualClock": "sagas.testing.clocks",
    "Worlds": "sagas.testing.worlds",
    "assert_effects": "sagas.testing.asserting",
    "assert_history": "sagas.testing.asserting",
    "assert_unwound": "sagas.testing.asserting",
    "bound": "sagas.testing.asserting",
    "check_declared_class": "sagas.testing.actions",
    "check_payload": "sagas.testing.actions",
    "check_round_trip": "sagas.testing.actions",
    "drill": "sagas.testing.drills",
    "entry": "sagas.testing.asserting",
    "explore": "sagas.testing.exploring",
    "explore_crashes": "sagas.testing.exploring",
    "explore_decisions": "sagas.testing.exploring",
    "explore_failures": "sagas.testing.exploring",
    "explore_races": "sagas.testing.exploring",
    "explore_unknown": "sagas.testing.exploring",
    "explore_unwind": "sagas.testing.exploring",
    "explore_versions": "sagas.testing.exploring",
    "export_history": "sagas.testing.recorded",
    "frozen_time": "sagas.testing.clocks",
    "read_exported": "sagas.testing.recorded",
    "read_history": "sagas.testing.history",
    "replay": "sagas.testing.replaying",
}


def __getattr__(name: str) -> Any:
    """What needs more than the bare minimum is loaded when it is first used."""
    module = _LAZY.get(name)
    if module is None:
        raise AttributeError(f"module 'sagas.testing' has no attribute {name!r}")
    return getattr(import_module(module), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
