"""Actions that no worker should have to meet: they kill it, hang it, block it, or fork it.

Their destination is a `Ledger`. A `tame` saga calls a beast whose destination honours keys between
two ordinary calls; a `wild` one a beast that can be neither repeated nor asked about.
"""

import asyncio
import ctypes
import os
import signal
import time
import warnings
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from sagas import Catalog, Coordinator, Retry, Reversibility, SagaError, current_step
from tests.crash.ledger import Ledger

DAY = timedelta(days=1)
SOON = Retry(attempts=5, first=timedelta(milliseconds=5))
HANGS = timedelta(seconds=1)
"""How long a beast may take, if it is one that never returns."""

BLOCKS_SECONDS = 1.2
"""Longer than the lease of the workers that meet it."""

beasts = Catalog("beasts")

worker: Coordinator | None = None
"""Who drives the sagas of this process, for beasts that lay their hands on it."""


class Beast(BaseModel):
    """How a call behaves, how often, and where what it did is written down."""

    kind: str
    times: int
    ledger: str


class Howl(BaseException):
    """A stranger among the exceptions."""


class Mute(Exception):
    """An error that cannot say what it is."""

    def __str__(self) -> str:
        raise RuntimeError("mute")

    __repr__ = __str__


class Sticky(Exception):
    """An error that no other process could be told of."""

    def __init__(self) -> None:
        super().__init__(lambda: None)

    def __reduce__(self) -> Any:
        raise TypeError("it stays here")


ERRORS: dict[str, Callable[[], BaseException]] = {
    "exception": lambda: RuntimeError("no"),
    "base": lambda: Howl("no"),
    "system-exit": lambda: SystemExit(0),
    "keyboard-interrupt": KeyboardInterrupt,
    "generator-exit": GeneratorExit,
    "cancelled": asyncio.CancelledError,
    "stop-iteration": lambda: StopIteration(1),
    "group": lambda: ExceptionGroup("no", [ValueError("no"), ExceptionGroup("no", [OSError()])]),
    "base-group": lambda: BaseExceptionGroup("no", [KeyboardInterrupt(), SystemExit(1)]),
    "mute": Mute,
    "sticky": Sticky,
    "huge": lambda: ValueError("no" * 25_000_000),
}


async def _exit() -> None:
    os._exit(0)


async def _segfault() -> None:
    ctypes.string_at(0)


async def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def _abort() -> None:
    os.abort()


async def _block() -> None:
    time.sleep(BLOCKS_SECONDS)  # noqa: ASYNC251  this is what it does


async def _spin() -> None:
    until = time.monotonic() + BLOCKS_SECONDS
    while time.monotonic() < until:
        sum(range(1000))


async def _ignore() -> None:
    """Go on for ever, whoever asks it to stop."""
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            continue


async def _hang() -> None:
    await asyncio.sleep(3600)


async def _dawdle() -> None:
    await asyncio.sleep(BLOCKS_SECONDS)


async def _graze() -> None:
    """Do nothing."""


DEEDS: dict[str, Callable[[], Awaitable[None]]] = {
    "meek": _graze,
    "exit": _exit,
    "segfault": _segfault,
    "kill": _kill,
    "abort": _abort,
    "block": _block,
    "spin": _spin,
    "ignore": _ignore,
    "hang": _hang,
    "dawdle": _dawdle,
}

DEATHS = ("exit", "segfault", "kill", "abort")


async def _behave(beast: Beast, *, honours_keys: bool) -> None:
    """Be called; take effect; misbehave, as often as the beast is meant to."""
    info, ledger = current_step(), Ledger(Path(beast.ledger))
    what = info.path.rpartition("/")[2].partition("#")[0]
    before = ledger.serve(info.saga_id, what, info.idempotency_key, honours_keys=honours_keys)
    if before < beast.times:
        if beast.kind in ERRORS:
            make = ERRORS[beast.kind]
            raise make()
        await DEEDS[beast.kind]()


def _quietly(beast: Beast, what: str) -> None:
    info, ledger = current_step(), Ledger(Path(beast.ledger))
    ledger.serve(info.saga_id, what, info.idempotency_key, honours_keys=True)


@beasts.action(reversibility=Reversibility.COMPENSATABLE, key_ttl=DAY, retry=SOON)
async def first(beast: Beast) -> None:
    """An ordinary call."""
    _quietly(beast, "first")


@first.compensation()
async def undo_first(beast: Beast, result: None) -> None:
    """Undo it."""
    _quietly(beast, "undo first")


@beasts.action(reversibility=Reversibility.COMPENSATABLE, key_ttl=DAY, retry=SOON)
async def call(beast: Beast) -> None:
    """A beast whose destination honours keys."""
    await _behave(beast, honours_keys=True)


@call.compensation()
async def undo_call(beast: Beast, result: None) -> None:
    """Undo it."""
    _quietly(beast, "undo call")


@beasts.action(reversibility=Reversibility.COMPENSATABLE, key_ttl=DAY, retry=SOON, timeout=HANGS)
async def hasty_call(beast: Beast) -> None:
    """As `call`, and it must not take long."""
    await _behave(beast, honours_keys=True)


@hasty_call.compensation()
async def undo_hasty_call(beast: Beast, result: None) -> None:
    """Undo it."""
    _quietly(beast, "undo hasty_call")


@beasts.action(reversibility=Reversibility.COMPENSATABLE)
async def only_call(beast: Beast) -> None:
    """A beast that can be neither repeated nor asked about."""
    await _behave(beast, honours_keys=False)


@only_call.compensation(repeatable=True)
async def undo_only_call(beast: Beast, result: None) -> None:
    """Undo it."""
    _quietly(beast, "undo only_call")


@beasts.action(reversibility=Reversibility.COMPENSATABLE, key_ttl=DAY, retry=SOON)
def forking_call(beast: Beast) -> str:
    """Fork, and let the child lay its hands on the journal; tells what it was told."""
    info = current_step()
    _quietly(beast, "forking_call")
    ours, theirs = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that is the point
        child = os.fork()
    if not child:
        os.write(theirs, _told(info.saga_id).encode())
        os._exit(0)
    os.close(theirs)
    with os.fdopen(ours) as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    return told


@forking_call.compensation()
async def undo_forking_call(beast: Beast, result: str) -> None:
    """Undo it."""
    _quietly(beast, "undo forking_call")


def _told(saga_id: str) -> str:
    assert worker is not None
    try:
        row = asyncio.run(_within_a_second(worker, saga_id))
    except SagaError as error:
        return f"{type(error).__name__}: {error}"
    except BaseException as error:  # noqa: BLE001  it is told, whatever it is
        return f"not ours: {type(error).__name__}: {error}"
    return f"it could read {row}"


async def _within_a_second(coordinator: Coordinator, saga_id: str) -> object:
    async with asyncio.timeout(1):
        return await coordinator.get(saga_id)


@beasts.action(reversibility=Reversibility.COMPENSATABLE, key_ttl=DAY, retry=SOON)
async def last(beast: Beast) -> None:
    """Another ordinary call."""
    _quietly(beast, "last")


@last.compensation()
async def undo_last(beast: Beast, result: None) -> None:
    """Undo it."""
    _quietly(beast, "undo last")


@beasts.saga
async def tame(beast: Beast) -> None:
    """What the beast did in a life that ended is known to its destination."""
    await first(beast)
    await call(beast)
    await last(beast)


@beasts.saga
async def bare(beast: Beast) -> None:
    """A beast and nothing else."""
    await call(beast)


@beasts.saga
async def hasty(beast: Beast) -> None:
    """The beast is given little time."""
    await first(beast)
    await hasty_call(beast)
    await last(beast)


@beasts.saga
async def wild(beast: Beast) -> None:
    """What the beast did in a life that ended only a person can find out."""
    await first(beast)
    await only_call(beast)
    await last(beast)


@beasts.saga
async def forking(beast: Beast) -> str:
    """The beast is a sheep in two places."""
    await first(beast)
    told = await forking_call(beast)
    await last(beast)
    return told


@beasts.saga
async def plain(beast: Beast) -> None:
    """No beast at all: five ordinary calls."""
    for _ in range(2):
        await first(beast)
        await last(beast)
    await first(beast)
