"""Actions that kill, fork, block or otherwise misuse the process that calls them."""

import asyncio
import signal

import pytest

from sagas.entries import FoundInDoubt, Intended
from sagas.model import Status
from tests.crash.beasts import DEATHS, ERRORS
from tests.crash.pasture import Pasture

pytestmark = pytest.mark.crash

HURRY_SECONDS = 120.0
"""By then a call of an earlier life is over, whatever it was."""

SIGNALS = {
    "exit": None,
    "segfault": signal.SIGSEGV,
    "kill": signal.SIGKILL,
    "abort": signal.SIGABRT,
}


@pytest.mark.parametrize("death", DEATHS)
async def test_a_call_that_ends_its_process_is_repeated_under_its_key(
    death: str, pasture: Pasture
) -> None:
    errand = pasture.errand(death, kind=death)
    ending = await asyncio.to_thread(pasture.nurseries[0].run, pasture.errands(errand))
    assert (ending.signal, ending.code) == (SIGNALS[death], None if SIGNALS[death] else 0)
    between = await pasture.history(errand)
    assert between.saga is not None
    assert between.saga.status is Status.RUNNING
    again = pasture.errands(errand, hurry=HURRY_SECONDS)
    assert (await asyncio.to_thread(pasture.nurseries[1].run, again)).code == 0
    assert await pasture.wrong(errand) == []
    assert len(pasture.ledger.calls(errand.saga_id, "call")) == 2


@pytest.mark.parametrize("death", DEATHS)
async def test_a_call_that_ends_its_process_and_cannot_be_repeated_is_put_before_a_person(
    death: str, pasture: Pasture
) -> None:
    errand = pasture.errand(death, kind=death, saga="wild")
    ending = await asyncio.to_thread(pasture.nurseries[0].run, pasture.errands(errand))
    assert ending.signal == SIGNALS[death]
    again = pasture.errands(errand, hurry=HURRY_SECONDS, finds=True)
    ending = await asyncio.to_thread(pasture.nurseries[1].run, again)
    assert ending.code == 0, ending.said
    assert await pasture.wrong(errand, end=Status.STUCK) == []
    assert len(pasture.ledger.calls(errand.saga_id, "only_call")) == 1


async def test_whatever_a_call_raises_its_worker_lives_on_and_drives_every_saga_to_its_end(
    pasture: Pasture,
) -> None:
    errands = [pasture.errand(kind, kind=kind) for kind in ERRORS]
    ending = await asyncio.to_thread(pasture.nurseries[0].run, pasture.errands(*errands))
    assert (ending.signal, ending.code) == (None, 0), ending.said
    for errand in errands:
        assert await pasture.wrong(errand) == []
        found = [entry for _, entry in (await pasture.history(errand)).of(FoundInDoubt)]
        assert len(found) == 1
        assert len(found[0].reason) < 3000
    pids = {pid for each in errands for pid in pasture.ledger.calls(each.saga_id, "call")}
    assert len(pids) == 1


async def test_the_child_of_a_fork_is_refused_the_journal_and_the_parent_goes_on(
    pasture: Pasture,
) -> None:
    errand = pasture.errand("sheep", saga="forking")
    ending = await asyncio.to_thread(pasture.nurseries[0].run, pasture.errands(errand))
    assert ending.code == 0, ending.said
    assert await pasture.wrong(errand) == []
    state = await pasture.reader.state(errand.saga_id)
    assert state.ended is not None
    assert b"JournalUnavailable" in (state.ended.payload or b"")


@pytest.mark.parametrize("kind", ["block", "spin"])
async def test_a_call_that_blocks_the_event_loop_for_longer_than_the_lease_takes_effect_once(
    kind: str, pasture: Pasture
) -> None:
    errands = [pasture.errand("tame", kind=kind), pasture.errand("wild", kind=kind, saga="wild")]
    first = pasture.errands(*errands, lease=0.5)
    heirs = pasture.errands(*errands, lease=0.5, finds=True)
    pasture.nurseries[0].begin(first)
    pasture.nurseries[1].begin(heirs)
    for nursery in pasture.nurseries[:2]:
        ending = await asyncio.to_thread(nursery.end)
        assert ending.code == 0, ending.said
    tame, wild = errands
    assert await pasture.wrong(tame) == []
    assert len(pasture.ledger.calls(wild.saga_id, "only_call")) == 1
    row = (await pasture.history(wild)).saga
    assert row is not None
    assert await pasture.wrong(wild, end=row.status) == []
    assert row.status in (Status.COMPLETED, Status.STUCK)


async def test_a_call_that_ignores_its_cancellation_is_left_alone_and_keeps_nobody_waiting(
    pasture: Pasture,
) -> None:
    stubborn = pasture.errand("stubborn", kind="ignore", saga="hasty")
    others = [pasture.errand(f"other-{number}", saga="plain") for number in range(10)]
    order = pasture.errands(stubborn, *others)
    ending = await asyncio.to_thread(pasture.nurseries[0].run, order)
    assert ending.code == 0, ending.said
    for errand in (stubborn, *others):
        assert await pasture.wrong(errand) == []
    history = await pasture.history(stubborn)
    assert next(entry.running for _, entry in history.of(FoundInDoubt))
    attempts = [entry.attempt for _, entry in history.of(Intended) if "hasty_call" in entry.path]
    assert attempts[:2] == [1, 2]
