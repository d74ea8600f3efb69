"""What must hold of every saga in a journal, whatever was done to it.

The rules are those that users have: `sagas.testing.oracles`.
"""

from collections import defaultdict
from collections.abc import Sequence

from sagas import Coordinator
from sagas.model import Status
from sagas.testing.history import read_history
from sagas.testing.oracles import Evidence, violations
from sagas.testing.world import Effect
from tests.behaviour.shop import shop
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
    called = {call.saga_id for call in world.calls}
    for row in await coordinator.list(limit=10_000):
        await _check(coordinator, row.id, ledgers[row.id], is_watched=row.id in called)


async def check(coordinator: Coordinator, world: World, saga_id: str) -> None:
    """Check one saga."""
    ledger = [
        Effect(effect.what, effect.direction.value, effect.key)
        for effect in world.effects
        if effect.saga_id == saga_id
    ]
    called = any(call.saga_id == saga_id for call in world.calls)
    await _check(coordinator, saga_id, ledger, is_watched=called)


async def _check(
    coordinator: Coordinator, saga_id: str, ledger: Sequence[Effect], *, is_watched: bool
) -> None:
    """Check one saga, against the world if the world was asked for anything in this process."""
    history = await read_history(coordinator.store, saga_id)
    requests = (await coordinator.load(saga_id)).requests
    row = history.saga
    assert row is not None
    evidence = Evidence(history, ledger, actions=shop.find_action, watched=is_watched)
    is_at_rest = row.status in AT_REST and row.owner is None and not requests
    found = violations(evidence, rested=is_at_rest)
    assert not found, "\n".join(f"{rule}: {seen}" for rule, seen in found)
