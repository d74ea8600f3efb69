"""What happened in the world, counted."""

import inspect
from collections import Counter
from collections.abc import Mapping, Sequence

from sagas.testing.world import World

Ledger = Sequence[tuple[str, str, str]]


def assert_effects(
    world: World | Ledger, expected: Mapping[str, int], *, exactly: bool = True
) -> None:
    """Each effect happened as often as expected.

    ```python
    assert_effects(world, {"book_hotel": 1, "undo book_hotel": 1})
    ```

    Args:
        world: What was acted on, or its ledger; of a world that is async, `await world.ledger()`.
        expected: How often each effect happened, by its name; `undo` before it for one that took
            it back.
        exactly: What is not named must not have happened.

    Raises:
        AssertionError: One happened more often, less often, or unexpectedly.
        TypeError: The world's ledger must be awaited first.
    """
    __tracebackhide__ = True
    found = Counter(
        name if direction == "do" else f"{direction} {name}" for name, direction, _ in _read(world)
    )
    names = [*expected, *(name for name in found if exactly and name not in expected)]
    wrong = [name for name in names if found[name] != expected.get(name, 0)]
    if wrong:
        lines = [f"  {name}: {found[name]}, not {expected.get(name, 0)}" for name in wrong]
        raise AssertionError("\n".join(["the world was changed otherwise than expected", *lines]))


def _read(world: World | Ledger) -> Ledger:
    if isinstance(world, Sequence):
        return world
    ledger = world.ledger()
    if isinstance(ledger, Sequence):
        return ledger
    if inspect.iscoroutine(ledger):
        ledger.close()
    raise TypeError(
        "this world's ledger is async: pass `await world.ledger()` in the place of the world"
    )
