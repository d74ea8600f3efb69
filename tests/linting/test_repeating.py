"""What a body must not do because it runs again, as `sagas lint` reads it."""

import asyncio
import datetime as dt
import os
import random
import secrets
import time
import uuid
from datetime import date, datetime
from pathlib import Path
from random import choice
from typing import Any

import httpx
import pytest

import sagas
from sagas import Catalog
from tests.linting.catalogs import codes, found, fresh, look


@pytest.fixture
def shop() -> Catalog:
    return fresh()


def test_clocks_are_found_however_they_are_imported(shop: Catalog) -> None:
    @shop.saga
    async def buy(item: str) -> None:
        dt.datetime.now(dt.UTC)
        datetime.now(dt.UTC)
        date.today()  # noqa: DTZ011
        time.time()
        await asyncio.sleep(1)

    assert codes(shop) == ["S026"] * 5
    assert found(shop)[0].reason.split(",")[0] == "its body calls datetime.now"


def test_chance_is_found(shop: Catalog) -> None:
    @shop.saga
    async def buy(item: str) -> None:
        random.random()  # noqa: S311
        choice(item)  # noqa: S311
        secrets.token_hex()
        uuid.uuid4()
        os.urandom(8)

    assert codes(shop) == ["S027"] * 5


def test_the_world_outside_steps_is_found(shop: Catalog) -> None:
    @shop.saga
    async def buy(item: str) -> None:
        with open(item):  # noqa: PTH123, ASYNC230
            pass
        async with httpx.AsyncClient():
            pass
        os.getenv("HOME")

    assert codes(shop) == ["S028"] * 3


def test_what_is_recorded_and_what_only_computes_is_in_order(shop: Catalog) -> None:
    @shop.saga
    async def buy(item: str) -> None:
        now, key = await maybe(sagas.now()), await maybe(sagas.uuid())
        await sagas.sleep(dt.timedelta(days=1))
        datetime.fromisoformat("2026-01-01")
        time.strptime("2026", "%Y")
        uuid.UUID(str(key))
        print(Path(item) / str(now), sorted(item), len(item))

    assert codes(shop) == []


async def maybe(value: Any) -> Any:
    return value


def test_a_clock_in_a_helper_of_the_same_project_is_found(shop: Catalog) -> None:
    @shop.saga
    async def buy(item: str) -> None:
        stamp()

    (finding,) = found(shop)
    assert finding.code == "S026"
    assert finding.place is not None
    assert finding.place.line == stamp.__code__.co_firstlineno + 1


def stamp() -> float:
    return time.time()


def test_tasks_of_its_own_are_found(shop: Catalog) -> None:
    @shop.saga
    async def buy(item: str) -> None:
        await asyncio.gather(look(item), look(item))
        async with asyncio.TaskGroup() as group:
            group.create_task(look(item))

    assert codes(shop) == ["S030", "S030"]


def test_steps_where_a_parked_body_comes_through_are_found(shop: Catalog) -> None:
    @shop.saga
    async def buy(item: str) -> None:
        try:
            await look(item)
        except BaseException:
            await look(item)
            raise
        finally:
            await look(item)

    assert codes(shop) == ["S029", "S029"]


def test_a_step_in_a_handler_of_ordinary_errors_is_in_order(shop: Catalog) -> None:
    @shop.saga
    async def buy(item: str) -> None:
        try:
            await look(item)
        except (ValueError, sagas.StepFailed):
            await look(item)

    assert codes(shop) == []


def test_a_body_whose_source_cannot_be_had_is_not_judged(shop: Catalog) -> None:
    space: dict[str, Any] = {"shop": shop, "look": look}
    exec("@shop.saga\nasync def buy(item: str) -> None:\n    import time; time.time()", space)  # noqa: S102
    assert codes(shop) == []
