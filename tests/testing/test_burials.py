"""What a simulated process leaves when it is killed: nothing of it goes on, and nothing stays open."""

import asyncio
import gc
import socket
import sys
from collections.abc import Awaitable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import pytest

from sagas.testing.simulating.life import bury
from sagas.testing.simulating.loop import VirtualLoop


@pytest.fixture
def loop() -> Iterator[VirtualLoop]:
    with ThreadPoolExecutor(1) as threads:
        yield VirtualLoop(threads)


@pytest.fixture
def complaints(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the garbage collector has to say."""
    heard: list[str] = []

    def hear(told: "sys.UnraisableHookArgs") -> None:
        heard.append(str(told.exc_value))

    monkeypatch.setattr(sys, "unraisablehook", hear)
    return heard


def begin(loop: VirtualLoop, work: Any) -> None:
    """Have a task begin, and wait for what never comes."""
    loop.create_task(work)
    loop.run_until_complete(asyncio.sleep(0))


def test_a_connection_is_hung_up(loop: VirtualLoop, complaints: list[str]) -> None:
    here, there = socket.socketpair()

    async def ask(sock: socket.socket) -> None:
        _, writer = await asyncio.open_connection(sock=sock)
        writer.close()  # and nobody lives to see it closed
        await loop.create_future()

    begin(loop, ask(here))
    del here
    bury(loop)
    gc.collect()

    there.settimeout(30)
    assert there.recv(1) == b""
    there.close()
    assert complaints == []


def test_what_waits_for_something_at_its_end_is_ended_all_the_same(
    loop: VirtualLoop, complaints: list[str]
) -> None:
    went_on: list[str] = []

    async def stubborn() -> None:
        try:
            await loop.create_future()
        finally:
            try:
                await loop.create_future()
            finally:
                await loop.create_future()
                went_on.append("after its end")

    begin(loop, stubborn())
    bury(loop)
    gc.collect()

    assert (went_on, complaints) == ([], [])


def test_what_a_task_group_was_about_to_begin_is_nobodys_complaint(
    loop: VirtualLoop, complaints: list[str]
) -> None:
    async def connect() -> None:
        raise AssertionError("the process did not live to see this")

    async def ask() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(connect)
            loop.stop()
            await loop.create_future()

    loop.create_task(ask())
    loop.run_forever()
    bury(loop)
    gc.collect()

    assert complaints == []


def test_a_task_that_another_waits_for_is_put_away_with_what_it_carries(
    loop: VirtualLoop, complaints: list[str]
) -> None:
    async def nothing() -> None: ...

    async def awaits(work: Awaitable[None]) -> None:
        await work

    async def two() -> None:
        first = loop.create_task(awaits(nothing()))
        second = loop.create_task(awaits(first))
        loop.stop()
        await second

    loop.create_task(two())
    loop.run_forever()
    bury(loop)
    gc.collect()

    assert complaints == []
