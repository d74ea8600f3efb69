"""Exploring in a thread of its own, so that whoever waits keeps an event loop that lives.

A world may be served by that loop; the runs have loops of their own, with time of their own.

Touches: threads, the clock.
"""

import asyncio
import sys
import threading
import time
import traceback
from collections.abc import Callable

from sagas.testing.errors import Unexplorable
from sagas.testing.exploring.exploration import Exploration
from sagas.testing.report import Report

LOOK_SECONDS = 0.5
SHOWN_FRAMES = 4


async def wait_for(
    exploration: Exploration, work: Callable[[Exploration], None], *, patience: float
) -> Report:
    """Explore, and wait for the report.

    Args:
        patience: How long one run may take (seconds).

    Raises:
        Unexplorable: One takes longer.
        TestingError: As `Exploration.explore`.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Report] = loop.create_future()

    def run() -> None:
        try:
            told = _Told(answer.set_result, exploration.explore(work))
        except BaseException as error:  # noqa: BLE001  whoever waits gets it
            told = _Told(answer.set_exception, error)
        try:
            loop.call_soon_threadsafe(told, answer)
        except RuntimeError:
            return  # nobody waits any more

    thread = threading.Thread(target=run, name="sagas-exploration", daemon=True)
    exploration.began_at = time.monotonic()
    thread.start()
    try:
        while True:
            done, _ = await asyncio.wait({answer}, timeout=LOOK_SECONDS)
            if done:
                return answer.result()
            if time.monotonic() - exploration.began_at > patience:
                raise Unexplorable(_hanging(thread, patience))
    finally:
        exploration.stop()


def _hanging(thread: threading.Thread, patience: float) -> str:
    frame = sys._current_frames().get(thread.ident or 0)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    where = "".join(traceback.format_stack(frame)[-SHOWN_FRAMES:]) if frame is not None else ""
    return (
        f"one run takes longer than {patience:g} s: an action blocks, or waits for what does not "
        "come. Have it wait with `asyncio.sleep` or for the world, or give `patience=` in seconds. "
        f"It is here:\n{where}"
    )


class _Told:
    """Hands a result over, unless nobody waits for it."""

    def __init__(self, tell: Callable[..., None], value: object) -> None:
        self._tell = tell
        self._value = value

    def __call__(self, answer: "asyncio.Future[Report]") -> None:
        if not answer.done():
            self._tell(self._value)
