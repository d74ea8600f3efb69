"""Workers that are cut off from PostgreSQL, and live on; the way opens when others have replaced them."""

import asyncio
import os
import signal
from collections.abc import AsyncGenerator, Sequence
from functools import partial
from pathlib import Path
from random import Random

import pytest

from sagas.entries import FoundInDoubt, GateConsumed, InterventionClosed, Succeeded
from sagas.journal import migrate
from sagas.model import Status
from sagas.testing.history import History, read_history
from tests.crash.nursery import Nursery
from tests.crash.orders import Errand
from tests.crash.pasture import Pasture, pasture_at
from tests.crash.stages import SEED, SOAK, SOAK_SECONDS, Count, Open, trials
from tests.crash.stopping import asleep
from tests.crash.straits import Straits

pytestmark = [pytest.mark.crash, pytest.mark.timeout(SOAK_SECONDS if SOAK else 120)]

LEASE_SECONDS = 0.5
HURRY_SECONDS = 120.0
PATIENCE_SECONDS = 60.0


@pytest.fixture
async def straits(postgres_url: str) -> AsyncGenerator[Straits]:
    """The way to the database, which can be closed."""
    await asyncio.to_thread(migrate, postgres_url)
    async with Straits(postgres_url).running() as straits:
        yield straits


@pytest.fixture
async def island(
    straits: Straits, postgres_url: str, tmp_path: Path, keepers: Sequence[Nursery]
) -> AsyncGenerator[Pasture]:
    """Where beasts are kept, with a way of its own to the database."""
    async with pasture_at(postgres_url, tmp_path, keepers) as pasture:
        yield pasture


async def called(pasture: Pasture, errand: Errand, what: str) -> None:
    """Wait until a beast has been called."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            if pasture.ledger.calls(errand.saga_id, what):
                return
            await asyncio.sleep(0.01)


async def inherited(island: Pasture, straits: Straits, errands: Sequence[Errand]) -> list[str]:
    """Let another process bring the sagas to rest; open the way; what is wrong in the end."""
    heir = island.errands(*errands, lease=LEASE_SECONDS, hurry=HURRY_SECONDS, finds=True)
    ending = await asyncio.to_thread(island.nurseries[1].run, heir)
    assert ending.code == 0, ending.said
    before = [(await island.history(errand)).rows for errand in errands]
    straits.open()
    ending = await asyncio.to_thread(island.nurseries[0].end)
    assert ending.code == 0, ending.said
    problems: list[str] = []
    for errand, rows in zip(errands, before, strict=True):
        history = await island.history(errand)
        assert history.saga is not None
        if history.rows[: len(rows)] != rows or not is_told_late(history, after=len(rows)):
            problems.append(f"{errand.saga_id} has new entries")
        problems += await island.wrong(errand, end=history.saga.status)
        if history.saga.status not in (Status.COMPLETED, Status.STUCK):
            problems.append(f"{errand.saga_id} is {history.saga.status}")
    return problems


def is_told_late(history: History, *, after: int) -> bool:
    """Whether entries that came when the way was open again follow from a late answer, if any did.

    What became of a call is known to the process that made it: under its next lease it may settle
    what is in doubt. It answers the question about it, and nothing else.
    """
    new = [entry for seq, entry in history.entries if seq > after]
    told = [entry for entry in new if not isinstance(entry, InterventionClosed)][:1]
    return not new or [entry.via for entry in told if isinstance(entry, Succeeded)] == ["late"]


async def test_a_worker_that_is_cut_off_in_the_middle_of_its_calls_writes_only_what_became_of_them(
    island: Pasture, straits: Straits
) -> None:
    tame = island.errand("tame", kind="dawdle")
    wild = island.errand("wild", kind="dawdle", saga="wild")
    order = island.errands(tame, wild, lease=LEASE_SECONDS, url=straits.url)
    island.nurseries[0].begin(order)
    await called(island, tame, "call")
    await called(island, wild, "only_call")
    straits.close()
    assert await inherited(island, straits, [tame, wild]) == []
    assert straits.held > 0
    assert (await island.history(tame)).saga.status is Status.COMPLETED  # type: ignore[union-attr]
    told = (await island.history(wild)).saga.status  # type: ignore[union-attr]
    assert told in (Status.STUCK, Status.COMPLETED)  # its only call may have answered by then
    assert len(island.ledger.calls(wild.saga_id, "only_call")) == 1


async def test_a_worker_that_is_cut_off_at_any_moment_does_no_harm(
    island: Pasture, straits: Straits, count: Count
) -> None:
    chance, replaced = Random(SEED), 0  # noqa: S311  seeded, to be had again
    for number in trials(3, 100):
        errands = [
            island.errand(f"{number}-{saga}", kind="dawdle", saga=saga) for saga in ("tame", "wild")
        ]
        order = island.errands(
            *errands, lease=LEASE_SECONDS, url=straits.url, pace=chance.uniform(0.0, 0.1)
        )
        island.nurseries[0].begin(order)
        for errand in errands:
            await called(island, errand, "first")
        await asyncio.sleep(chance.uniform(0.0, 0.5))
        straits.close()
        assert await inherited(island, straits, errands) == [], f"trial {number}, seed {SEED}"
        replaced += 1
        count("cut off from PostgreSQL", 1)
    assert replaced > 0
    assert straits.held > 0


@pytest.mark.parametrize("before", [True, False], ids=["in-a-transaction", "in-commit"])
async def test_a_worker_that_is_stopped_inside_a_transaction_keeps_its_heir_waiting_for_a_while(
    before: bool, stage: Open, straits: Straits, postgres_url: str, count: Count
) -> None:
    async with stage("forward", postgres_url) as opened:
        for number in trials(1, 20):
            saga_id = opened.name(number)
            order = opened.order(saga_id).model_copy(update={"lease": LEASE_SECONDS})
            straits.lay(b"GateConsumed", b"commit", before=before)
            pid = opened.nurseries[0].begin(order.model_copy(update={"url": straits.url}))
            straits.caught = partial(os.kill, pid, signal.SIGSTOP)
            try:
                await asleep(pid)
                ending = await asyncio.to_thread(opened.nurseries[1].run, order)
                assert ending.code == 0, ending.said
            finally:
                os.kill(pid, signal.SIGCONT)
                straits.open()
            zombie = await asyncio.to_thread(opened.nurseries[0].end)
            assert zombie.code == 0, zombie.said
            assert await opened.wrong_in_the_end(saga_id) == []
            history = await read_history(opened.reader.store, saga_id)
            assert len(list(history.of(GateConsumed))) == 1
            doubts = [entry for _, entry in history.of(FoundInDoubt) if "email" in entry.path]
            assert bool(doubts) is not before
            count("stopped in a transaction", 1)
