"""Every scenario runs against an empty world, and its journal is checked when it is over."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest

from approvals import Principal
from sagas import Catalog, Coordinator, connect
from sagas.journal import migrate
from tests.behaviour import invariants
from tests.behaviour.shop import shop
from tests.behaviour.world import Effect, World, renew


class People:
    """A directory that a test may edit."""

    source = "the people of this test"

    def __init__(self) -> None:
        self.desk = {"ana", "ben", "eve"}
        self.everybody = {"ana", "ben", "eve", "zoe"}

    def principal(self, operating_system_user: str) -> Principal | None:
        groups = self.groups_of(operating_system_user)
        if groups is None:
            return None
        return Principal(
            name=operating_system_user,
            display=operating_system_user,
            groups=groups,
            evidence="a test",
        )

    def authenticate(self, name: str, token: str) -> Principal | None:
        return None

    def members(self, group: str) -> frozenset[str]:
        return frozenset(self.desk) if group == "desk" else frozenset()

    def identified(self, claim: str, value: str) -> Principal | None:
        return None

    def groups_of(self, name: str) -> frozenset[str] | None:
        if name not in self.everybody:
            return None
        return frozenset({"desk"}) if name in self.desk else frozenset()


class ShiftedClock:
    """The host's clock, and how far the test has put it forward."""

    def __init__(self, shift: timedelta = timedelta(0)) -> None:
        self.shift = shift

    def now(self) -> datetime:
        return datetime.now(UTC) + self.shift

    def forward(self, by: timedelta) -> None:
        self.shift += by

    def set(self, moment: datetime) -> None:
        self.shift = moment - datetime.now(UTC)


class House:
    """A journal, its people, its clock, and as many coordinators as a test opens."""

    def __init__(self, url: str, world: World) -> None:
        self.url = url
        self.world = world
        self.people = People()
        self.clock = ShiftedClock()

    @asynccontextmanager
    async def open(
        self, catalog: Catalog = shop, *, user: str = "ana", **options: Any
    ) -> AsyncGenerator[Coordinator]:
        options.setdefault("clock", self.clock)
        async with connect(
            self.url, catalog, directory=self.people, user=user, **options
        ) as coordinator:
            self.world.witness = lambda call, attempt: _witness(coordinator, call, attempt)
            yield coordinator

    async def check(self) -> None:
        """Check every saga of the journal."""
        async with connect(self.url, directory=self.people, user="ana") as coordinator:
            await invariants.check_all(coordinator, self.world)


async def _witness(coordinator: Coordinator, call: Effect, attempt: int) -> bool:
    """Whether the intent of this very attempt is durable before the partner is called."""
    state = await coordinator.state(call.saga_id)
    step = state.steps[call.path]
    track = step.forward if call.direction.value == "do" else step.undo
    return (track.key, track.attempts) == (call.key, attempt)


@pytest.fixture
def world() -> World:
    """The partner, with an empty ledger."""
    return renew()


@pytest.fixture(scope="session")
def template(postgres_server: str) -> str:
    """The name of a PostgreSQL database that holds an empty journal, to copy."""
    name = f"template_{uuid4().hex}"
    asyncio.run(_administer(postgres_server, f'create database "{name}"'))
    migrate(urlsplit(postgres_server)._replace(path=f"/{name}").geturl())
    return name


@pytest.fixture
def copied_postgres_url(postgres_server: str, template: str) -> Iterator[str]:
    """The URL of a PostgreSQL journal that lasts for one test."""
    name = f"sagas_{uuid4().hex}"
    asyncio.run(_administer(postgres_server, f'create database "{name}" template "{template}"'))
    yield urlsplit(postgres_server)._replace(path=f"/{name}").geturl()
    asyncio.run(_administer(postgres_server, f'drop database "{name}" with (force)'))


async def _administer(server: str, statement: str) -> None:
    connection = await asyncpg.connect(server)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What a body does is the same on every database: only some scenarios run on both."""
    if "url" in metafunc.fixturenames:
        kinds = [pytest.param("sqlite")]
        if "on_both" in metafunc.fixturenames:
            kinds.append(pytest.param("postgres", marks=pytest.mark.postgres))
        metafunc.parametrize("url", kinds, indirect=True)


@pytest.fixture
def on_both() -> None:
    """The scenario runs on SQLite and on PostgreSQL."""


@pytest.fixture
def url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty journal."""
    fixture = "copied_postgres_url" if request.param == "postgres" else "journal_url"
    found: str = request.getfixturevalue(fixture)
    return found


@pytest.fixture
async def house(url: str, world: World) -> AsyncIterator[House]:
    """A journal whose sagas are checked when the test is over."""
    house = House(url, world)
    yield house
    world.released.set()
    world.let_go.set()
    await house.check()
