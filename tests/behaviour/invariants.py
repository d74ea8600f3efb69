"""What must hold of every saga in a journal, whatever was done to it.

The rules are those that users have: `sagas.testing.oracles`.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence

from sagas import Coordinator
from sagas.auditing import account
from sagas.model import Direction, Status
from sagas.ports import Loaded
from sagas.testing.history import History, read_history
from sagas.testing.oracles import Evidence, overlaps, violations
from sagas.testing.world import Effect
from tests.behaviour.shop import shop
from tests.behaviour.world import Effect as Call
from tests.behaviour.world import World

AT_REST = frozenset(
    {Status.COMPLETED, Status.COMPENSATED, Status.RESIDUAL, Status.WAITING, Status.STUCK}
)


async def check_all(coordinator: Coordinator, world: World) -> None:
    """Check every saga of a journal."""
    assert not world.orphans, f"called without a durable intent: {world.orphans}"
    ledgers: dict[str, list[Effect]] = defaultdict(list)
    for effect in world.effects:
        ledgers[effect.saga_id].append(Effect(effect.what, effect.direction.value, effect.key))
    calls: dict[str, list[Call]] = defaultdict(list)
    for call in world.calls:
        calls[call.saga_id].append(call)
    together = [
        await _check(coordinator, row.id, ledgers[row.id], calls.get(row.id))
        for row in await coordinator.list(limit=10_000)
    ]
    assert not list(overlaps(together))


async def check(coordinator: Coordinator, world: World, saga_id: str) -> None:
    """Check one saga."""
    ledger = [
        Effect(effect.what, effect.direction.value, effect.key)
        for effect in world.effects
        if effect.saga_id == saga_id
    ]
    called = [call for call in world.calls if call.saga_id == saga_id]
    await _check(coordinator, saga_id, ledger, called or None)


async def _check(
    coordinator: Coordinator, saga_id: str, ledger: Sequence[Effect], called: Sequence[Call] | None
) -> Evidence:
    """Check one saga, against the world if the world was asked for anything in this process."""
    history = await read_history(coordinator.store, saga_id)
    requests = (await coordinator.load(saga_id)).requests
    row = history.saga
    assert row is not None
    evidence = Evidence(history, ledger, actions=shop.find_action, watched=called is not None)
    _check_audit(history, called or [])
    is_at_rest = row.status in AT_REST and row.owner is None and not requests
    found = violations(evidence, rested=is_at_rest)
    assert not found, "\n".join(f"{rule}: {seen}" for rule, seen in found)
    return evidence


def _check_audit(history: History, called: Sequence[Call]) -> None:
    """What an audit tells is what the world saw: in that order, and with no call left out."""
    assert history.saga is not None
    loaded = Loaded(history.saga, list(history.rows), [])
    record = account(history.journal_id, loaded)
    undos = [call.path for call in called if call.direction is Direction.UNDO]
    counted = {} if record is None else {step.path: step.attempts for step in record.undone}
    assert list(dict.fromkeys(undos)) == [path for path in counted if path in undos]
    for path, calls in Counter(undos).items():
        assert counted[path] >= calls, f"{path} was undone {calls} times, audited {counted[path]}"
