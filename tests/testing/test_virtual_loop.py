"""Virtual time: it stands still while anything is done or asked, and else goes on at once."""

import asyncio
import contextvars
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, cast

import pytest

from sagas.authoring.context import StepInfo, step
from sagas.testing.simulating.loop import Stalled, VirtualLoop

T = TypeVar("T")
Run = Callable[[Callable[[], Awaitable[T]]], T]


@pytest.fixture
def loop() -> Iterator[VirtualLoop]:
    with ThreadPoolExecutor(1) as threads:
        loop = VirtualLoop(threads)
        yield loop
        loop.close()


def test_an_hour_of_waiting_is_over_at_once(loop: VirtualLoop) -> None:
    began = time.monotonic()

    loop.run_until_complete(asyncio.sleep(3600))

    assert loop.time() == pytest.approx(3600)
    assert time.monotonic() - began < 60


def test_what_is_due_earlier_happens_earlier(loop: VirtualLoop) -> None:
    async def main() -> list[int]:
        done: list[int] = []

        async def after(hours: int) -> None:
            await asyncio.sleep(hours * 3600)
            done.append(hours)

        await asyncio.gather(after(3), after(1), after(2))
        return done

    assert loop.run_until_complete(main()) == [1, 2, 3]


def test_what_waits_for_nothing_stalls(loop: VirtualLoop) -> None:
    async def main() -> None:
        await loop.create_future()

    task = loop.create_task(main())
    with pytest.raises(Stalled):
        loop.run_until_complete(task)
    task.cancel()
    loop.run_until_complete(asyncio.gather(task, return_exceptions=True))


async def slept(loop: VirtualLoop, hops: int) -> None:
    with loop.outside():
        for _ in range(hops):
            await asyncio.sleep(1)


async def both_slept(loop: VirtualLoop, hops: int) -> None:
    with loop.outside():
        await asyncio.gather(*(asyncio.sleep(hop) for hop in range(hops)))


@pytest.mark.parametrize("asleep", [slept, both_slept])
def test_nothing_is_waited_for_while_those_who_may_ask_sleep(
    asleep: Callable[[VirtualLoop, int], Awaitable[None]], loop: VirtualLoop
) -> None:
    began = time.monotonic()

    loop.run_until_complete(asleep(loop, 100))

    assert loop.time() > 98
    assert time.monotonic() - began < 60


def test_a_thread_that_is_looked_after_from_time_to_time_is_waited_for(loop: VirtualLoop) -> None:
    over = threading.Event()
    loop.call_later(1, over.set)  # it takes longer than the loop's patience

    async def main() -> str:
        with loop.outside(), ThreadPoolExecutor(1) as threads:
            working = loop.run_in_executor(threads, over.wait, 60)
            waits = 0
            while not working.done():
                await asyncio.sleep(1)
                waits += 1
            return f"{working.result()} {waits < 30}"

    assert loop.run_until_complete(main()) == "True True"


def test_time_stands_still_while_a_socket_is_asked(loop: VirtualLoop) -> None:
    here, there = socket.socketpair()

    async def main() -> tuple[bytes, float]:
        reader, writer = await asyncio.open_connection(sock=here)
        threading.Timer(0.05, there.sendall, (b"!",)).start()
        with loop.outside():
            async with asyncio.timeout(0.01):  # virtual: real time passes it long before
                answer = await reader.readexactly(1)
        told = loop.time()
        writer.close()
        return answer, told

    with there:
        answer, told = loop.run_until_complete(main())
    assert answer == b"!"
    assert told < 0.01


def test_time_goes_on_although_a_connection_is_open_that_nobody_asks(loop: VirtualLoop) -> None:
    here, there = socket.socketpair()

    async def main() -> None:
        _, writer = await asyncio.open_connection(sock=here)
        await asyncio.sleep(3600)
        writer.close()

    began = time.monotonic()
    with there:
        loop.run_until_complete(main())
    assert time.monotonic() - began < 60


def test_a_thread_is_waited_for_and_time_stands_still_meanwhile(loop: VirtualLoop) -> None:
    def slowly() -> str:
        time.sleep(0.02)
        return "done"

    async def main() -> tuple[str, float]:
        timer = asyncio.create_task(asyncio.sleep(0.001))
        said = await asyncio.to_thread(slowly)
        told = loop.time()
        await timer
        return said, told

    assert loop.run_until_complete(main()) == ("done", 0.0)


def test_what_a_thread_raises_is_raised_where_it_is_awaited(loop: VirtualLoop) -> None:
    def fail() -> None:
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"):
        loop.run_until_complete(asyncio.to_thread(fail))


def test_each_step_of_a_coroutine_is_a_turn(loop: VirtualLoop) -> None:
    turns: list[int] = []

    async def main() -> None:
        loop.count(turns.append)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        loop.count(None)

    loop.run_until_complete(main())

    assert turns == [1, 2]


def test_a_short_wait_ends_after_years_too(loop: VirtualLoop) -> None:
    years = 50 * 365 * 86_400.0
    loop.advance(years)

    loop.run_until_complete(asyncio.sleep(0.3))

    assert loop.time() == pytest.approx(years + 0.3)


def turns_of_an_answer(pieces: int) -> int:
    """How many turns are counted while a call reads an answer that comes in so many pieces."""
    here, there = socket.socketpair()
    counted: list[int] = []

    async def talk() -> None:
        reader, writer = await asyncio.open_connection(sock=here)
        writer.write(b"?")
        for _ in range(pieces):
            await reader.readexactly(1)
        writer.close()

    def answer() -> None:
        there.recv(1)
        for _ in range(pieces):
            there.sendall(b"!")
            time.sleep(0.01)  # so that they do not arrive as one

    asked = threading.Thread(target=answer)
    asked.start()
    with there, ThreadPoolExecutor(1) as threads:
        loop = VirtualLoop(threads)

        async def main() -> None:
            loop.count(counted.append)
            with loop.outside():
                await talk()
            loop.count(None)

        context = contextvars.copy_context()
        context.run(step.set, cast(StepInfo, object()))
        loop.run_until_complete(loop.create_task(main(), context=context))
        asked.join()
        loop.close()
    return len(counted)


def test_an_answer_takes_as_many_turns_however_many_pieces_it_comes_in() -> None:
    assert turns_of_an_answer(1) == turns_of_an_answer(7)
