"""Sagas that really ran, for tests that spoil what is recorded of them."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import sagas
from sagas import Coordinator, decide, parallel, savepoint
from sagas.chain import Fields, Row, genesis, link
from sagas.entries import Entry, body_of
from sagas.fold import fold
from sagas.testing.history import History, read_history
from sagas.testing.oracles import Evidence
from sagas.testing.world import Effect
from tests.behaviour.acting import approve_all, only_question, until
from tests.behaviour.conftest import House
from tests.behaviour.shop import (
    Order,
    blind,
    keyed,
    keyless,
    ordered,
    probed,
    publish,
    sharing,
    shop,
    warned_at_once,
)
from tests.behaviour.world import Refusal, World, lose_answer, lose_request, refuse, renew
from tests.corpus import recording


@shop.saga
async def publishing(order: Order) -> str:
    """A block is rolled back, a person approves, and all is well."""
    await keyed("first")
    sagas.now()
    try:
        async with savepoint("block"):
            await keyed("inside")
            await keyed("also inside")
            await keyed("refused")
    except Refusal:
        await probed("another way")
    await sagas.sleep(timedelta(milliseconds=1))
    await sagas.event("paid")
    await publish("page")
    return "out"


@shop.saga
async def unwinding(order: Order) -> str:
    """Everything is undone."""
    await sharing("case-a")
    await parallel(keyed("flight"), sharing("case-b"))
    await blind("room")
    await keyed("refused")
    return "never"


@shop.saga(after_pivot="unwind")
async def lapsing(order: Order) -> str:
    """One of its effects is past undoing when it is undone."""
    await keyed("first")
    await warned_at_once("seat")
    await ordered("parcel")
    await sagas.event("shipped")
    await keyed("refused")
    return "never"


@shop.saga
async def failing_beside(order: Order) -> str:
    """A branch fails, and its sibling is undone."""
    await parallel(keyed("flight"), keyed("refused"))
    return "never"


@shop.saga
async def doubting(order: Order) -> str:
    """A person and a probe say what nobody heard."""
    await probed("absent")
    await probed("found")
    await keyless("asked")
    return "known"


async def published(coordinator: Coordinator, world: World) -> None:
    """One that completes."""
    world.plan("refused", refuse)
    handle = await coordinator.start(publishing, Order(), id="published")
    await handle.settled()
    await coordinator.send("published", "paid", {}, key="k")
    await until(lambda: _is_asked(coordinator))
    await approve_all(coordinator)
    await handle.outcome()


async def _is_asked(coordinator: Coordinator) -> bool:
    return bool(await coordinator.store.waiting_gates())


async def unwound(coordinator: Coordinator, world: World) -> None:
    """One that is undone, with a step of unknown outcome."""
    world.plan("refused", refuse)
    await (await coordinator.start(unwinding, Order(), id="unwound")).outcome()


async def lapsed(coordinator: Coordinator, world: World) -> None:
    """One whose window closed before it was undone."""
    world.plan("refused", refuse)
    handle = await coordinator.start(lapsing, Order(), id="lapsed")
    await handle.settled()
    await coordinator.send("lapsed", "shipped", {}, key="k")
    await handle.outcome()


async def beside(coordinator: Coordinator, world: World) -> None:
    """One whose branch failed."""
    world.plan("refused", refuse)
    await (await coordinator.start(failing_beside, Order(), id="beside")).outcome()


async def suspected(coordinator: Coordinator, world: World) -> None:
    """One that is undone although nobody knows whether its step took effect."""
    world.plan("room", lose_answer)
    handle = await coordinator.start(unwinding, Order(), id="suspected")
    await handle.settled()
    question = await only_question(coordinator)
    await coordinator.resolve(question.id, "unwind", reason="enough")
    await handle.outcome()


async def doubted(coordinator: Coordinator, world: World) -> None:
    """One with doubt of three kinds."""
    world.plan("absent", lose_request)
    world.plan("found", lose_answer)
    world.plan("asked", lose_request)
    handle = await coordinator.start(doubting, Order(), id="doubted")
    await handle.settled()
    question = await only_question(coordinator)
    await coordinator.resolve(question.id, "retry", reason="it is not there")
    await handle.outcome()


Scene = Callable[[Coordinator, World], Awaitable[None]]
SCENES: tuple[Scene, ...] = (
    published,
    unwound,
    lapsed,
    beside,
    suspected,
    doubted,
    *recording.SCENES,
)


def record() -> dict[str, "Tale"]:
    """Let every scene happen."""
    with tempfile.TemporaryDirectory() as directory:
        return asyncio.run(_record(Path(directory)))


async def _record(directory: Path) -> dict[str, "Tale"]:
    found: dict[str, Tale] = {}
    for scene in SCENES:
        world = renew()
        house = House(f"sqlite:///{directory / scene.__name__}.db", world)
        async with house.open(shop) as coordinator:
            await scene(coordinator, world)
        async with house.open(shop) as coordinator:
            history = await read_history(coordinator.store, scene.__name__)
            effects = [Effect(it.what, it.direction.value, it.key) for it in world.effects]
            found[scene.__name__] = Tale(Evidence(history, effects, actions=shop.find_action))
    return found


@dataclass(frozen=True)
class Tale:
    """A saga that ran, and that can be told otherwise."""

    evidence: Evidence

    @property
    def entries(self) -> list[Entry]:
        """What its journal says."""
        return [entry for _, entry in self.evidence.history.entries]

    @property
    def ledger(self) -> list[Effect]:
        """What the world recorded."""
        return list(self.evidence.ledger)

    def find(self, kind: type[Any], text: str = "", **having: Any) -> Any:
        """The first entry of a kind whose path holds a text, and whose fields are like this."""
        return next(
            entry
            for entry in self.entries
            if isinstance(entry, kind)
            and text in (getattr(entry, "path", "") or "")
            and all(getattr(entry, name) == value for name, value in having.items())
        )

    def told(self, entries: Sequence[Entry], **changes: Any) -> Evidence:
        """The same saga with other entries, in a sound chain and with a row that agrees."""
        history = told(self.evidence.history, entries)
        return replace(self.evidence, history=history, **changes)

    def changed(self, old: Entry, **changes: Any) -> Evidence:
        """With one entry changed."""
        return self.told([replace(it, **changes) if it == old else it for it in self.entries])

    def without(self, *gone: Entry) -> Evidence:
        """With some entries left out."""
        return self.told([it for it in self.entries if it not in gone])

    def after(self, old: Entry, *more: Entry) -> Evidence:
        """With more entries after one."""
        entries = self.entries
        place = next(index for index, it in enumerate(entries) if it == old) + 1
        return self.told([*entries[:place], *more, *entries[place:]])

    def until(self, last: Entry, *more: Entry) -> Evidence:
        """With nothing after an entry, but these."""
        entries = self.entries
        place = next(index for index, it in enumerate(entries) if it == last) + 1
        return self.told([*entries[:place], *more])

    def saw(self, ledger: Sequence[Effect]) -> Evidence:
        """In a world that recorded this instead."""
        return replace(self.evidence, ledger=ledger)


def told(history: History, entries: Sequence[Entry]) -> History:
    """A history of these entries: instants are kept as far as there are any."""
    instants = [row.at for row in history.rows]
    rows: list[Row] = []
    previous = genesis(history.journal_id, history.saga_id)
    for seq, entry in enumerate(entries, start=1):
        at = instants[min(seq, len(instants)) - 1]
        body = body_of(entry)
        fields = Fields(seq, entry.kind, entry.VERSION, at, body, entry.payload)
        previous = link(previous, fields)
        payload = None if entry.payload is None else entry.payload.decode()
        kind, version = entry.kind, entry.VERSION
        rows.append(Row(history.saga_id, seq, kind, version, at, body.decode(), payload, previous))
    return replace(history, saga=_row(history, entries, rows), rows=tuple(rows))


def _row(history: History, entries: Sequence[Entry], rows: Sequence[Row]) -> Any:
    assert history.saga is not None
    try:
        state = fold(history.saga_id, [(seq, 0, it) for seq, it in enumerate(entries, 1)])
        status = decide.status(state)
    except (LookupError, ValueError):
        status = history.saga.status
    return replace(history.saga, head=len(rows), head_hash=rows[-1].hash, status=status)
