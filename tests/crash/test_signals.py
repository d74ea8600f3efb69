"""`sagas worker` and the signals that end it, and sagas that no worker survives."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager

import pytest

from examples.processes import ROOT
from sagas.entries import FoundInDoubt, Intended
from sagas.model import Status
from tests.crash.orders import Errand
from tests.crash.pasture import Pasture
from tests.crash.stages import Count

pytestmark = pytest.mark.crash

PATIENCE_SECONDS = 60.0
HURRY_SECONDS = 120.0
LEASE_SECONDS = 60
"""So long that whoever goes on at once goes on because the lease was given back."""

GRACE_SECONDS = 30
SHORT_GRACE_SECONDS = 0.2
MAX_DEATHS = 3


@contextmanager
def worker(pasture: Pasture, *options: str) -> Generator["subprocess.Popen[str]"]:
    """A worker as an operator starts it, that is not left behind."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "sagas.cli", "worker", "tests.crash.beasts:beasts"),
            *("--db", pasture.url, "--lease", str(LEASE_SECONDS), *options),
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


async def left_behind(pasture: Pasture, *errands: Errand) -> None:
    """Start sagas in a process that dies before it has made a call."""
    order = pasture.errands(*errands, kill_at=f"after-append Started {len(errands)}")
    ending = await asyncio.to_thread(pasture.nurseries[0].run, order)
    assert ending.signal == signal.SIGKILL
    assert sum(_begun(line) for line in ending.reached) == len(errands)


def _begun(boundary: str) -> int:
    """How many sagas were begun by an append that is durable."""
    return boundary.count("Started") if boundary.startswith("after-append") else 0


async def called(pasture: Pasture, errand: Errand, what: str) -> None:
    """Wait until a beast has been called."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            if pasture.ledger.calls(errand.saga_id, what):
                return
            await asyncio.sleep(0.01)


async def ended(process: "subprocess.Popen[str]") -> str:
    """Wait for a worker's end; what it wrote on standard error."""
    _, said = await asyncio.to_thread(process.communicate, timeout=PATIENCE_SECONDS)
    return said


async def paths_of(pasture: Pasture, errand: Errand) -> list[str]:
    """The calls that were intended, in order."""
    history = await pasture.history(errand)
    return [entry.path.rpartition("/")[2] for _, entry in history.of(Intended)]


async def is_free(pasture: Pasture, errand: Errand) -> bool:
    """Whether nobody holds the saga."""
    row = (await pasture.history(errand)).saga
    return row is not None and row.owner is None


async def gone_on(pasture: Pasture, *errands: Errand) -> None:
    """Let another process bring the sagas to rest."""
    order = pasture.errands(*errands, finds=True, hurry=HURRY_SECONDS)
    ending = await asyncio.to_thread(pasture.nurseries[1].run, order)
    assert ending.code == 0, ending.said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_a_worker_that_is_asked_to_stop_finishes_its_calls_and_begins_none(
    number: signal.Signals, pasture: Pasture, count: Count
) -> None:
    tame = pasture.errand("tame", kind="dawdle")
    wild = pasture.errand("wild", kind="dawdle", saga="wild")
    await left_behind(pasture, tame, wild)
    with worker(pasture, "--grace", str(GRACE_SECONDS)) as process:
        await called(pasture, tame, "call")
        await called(pasture, wild, "only_call")
        process.send_signal(number)
        said = await ended(process)
    assert process.returncode == 0
    assert said.endswith("sagas: stopped\n")
    assert "in doubt for whoever goes on" not in said
    assert (await paths_of(pasture, tame))[-1] == "call#1"
    assert (await paths_of(pasture, wild))[-1] == "only_call#1"
    for errand in (tame, wild):
        assert await is_free(pasture, errand)
        doubts = [entry.path for _, entry in (await pasture.history(errand)).of(FoundInDoubt)]
        assert not any("call" in path for path in doubts)
    await gone_on(pasture, tame, wild)
    assert await pasture.wrong(tame) == []
    assert await pasture.wrong(wild) == []
    assert len(pasture.ledger.calls(wild.saga_id, "only_call")) == 1
    count("signals to a worker", 1)


async def test_a_worker_that_is_asked_twice_ends_at_once_and_leaves_doubt_but_no_damage(
    pasture: Pasture, count: Count
) -> None:
    tame = pasture.errand("tame", kind="hang")
    wild = pasture.errand("wild", kind="hang", saga="wild")
    await left_behind(pasture, tame, wild)
    with worker(pasture, "--grace", str(PATIENCE_SECONDS * 2)) as process:
        await called(pasture, tame, "call")
        await called(pasture, wild, "only_call")
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while process.poll() is None:  # the second is heard once the first was
                process.send_signal(signal.SIGTERM)
                await asyncio.sleep(0.05)
        said = await ended(process)
    assert process.returncode == 128 + signal.SIGTERM
    assert "ended at once" in said
    await gone_on(pasture, tame, wild)
    assert await pasture.wrong(tame) == []
    assert await pasture.wrong(wild, end=Status.STUCK) == []
    assert len(pasture.ledger.calls(wild.saga_id, "only_call")) == 1
    count("signals to a worker", 1)


async def test_a_call_that_ignores_everything_does_not_keep_a_worker_from_ending(
    pasture: Pasture, count: Count
) -> None:
    stubborn = pasture.errand("stubborn", kind="ignore")
    await left_behind(pasture, stubborn)
    with worker(pasture, "--grace", str(SHORT_GRACE_SECONDS)) as process:
        await called(pasture, stubborn, "call")
        process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        said = await ended(process)
        took = time.monotonic() - began
    assert process.returncode == 0
    assert "in doubt for whoever goes on: " + stubborn.saga_id in said
    assert "Traceback" not in said
    assert took < PATIENCE_SECONDS / 2
    assert await is_free(pasture, stubborn)
    await gone_on(pasture, stubborn)
    assert await pasture.wrong(stubborn) == []
    count("signals to a worker", 1)


async def test_a_saga_that_no_worker_survives_is_put_before_a_person_and_the_others_end(
    pasture: Pasture, count: Count
) -> None:
    deadly = pasture.errand("deadly", kind="kill", times=1000, saga="bare")
    others = [pasture.errand(f"other-{number}", saga="plain") for number in range(5)]
    await left_behind(pasture, *others, deadly)  # which would end that process before
    order = pasture.errands(deadly, *others, finds=True, hurry=HURRY_SECONDS)
    deaths = 0
    while True:
        ending = await asyncio.to_thread(pasture.nurseries[1].run, order)
        if ending.signal != signal.SIGKILL:
            break
        deaths += 1
        assert deaths <= MAX_DEATHS
        order = order.model_copy(update={"hurry": order.hurry + HURRY_SECONDS})
    assert ending.code == 0, ending.said
    assert deaths > 0
    assert await pasture.wrong(deadly, end=Status.STUCK) == []
    questions = (await pasture.history(deadly)).questions
    assert [(item.kind, item.state) for item in questions] == [("poisoned", "open")]
    for errand in others:
        assert await pasture.wrong(errand) == []
    count("sagas that no worker survives", 1)
