"""Another server takes over: with all that was written, or with less."""

import logging
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import tests.postgres as servers
from sagas.errors import JournalUnavailable, UnsafeDatabase
from sagas.journal import migrate, open_store, postgres
from sagas.ports import Applied
from tests.conformance.support import begun, registered
from tests.journal.proxy import Proxy

pytestmark = [pytest.mark.slow, pytest.mark.postgres]


@dataclass(frozen=True, slots=True)
class Server:
    """A server of our own, which may be stopped and copied."""

    programs: Path
    account: servers._Account
    directory: Path

    def start(self) -> str:
        port = servers._start(self.programs, self.account, self.directory)
        return f"postgresql://sagas@127.0.0.1:{port}/postgres"

    def stop(self, mode: str = "fast") -> None:
        servers._control(self.programs, self.account, self.directory, "stop", "-m", mode)

    def promote(self) -> None:
        assert servers._control(self.programs, self.account, self.directory, "promote")

    def copied(self, directory: Path) -> "Server":
        """A standby with what this server, which is stopped, has now."""
        directory.mkdir()
        command = ["cp", "--recursive", "--preserve", str(self.directory / "data"), str(directory)]
        if self.account.user is not None and self.account.group is not None:
            os.chown(directory, self.account.user, self.account.group)
        assert self.account.run(command, directory=self.directory)
        (directory / "data/standby.signal").touch()
        return Server(self.programs, self.account, directory)


@pytest.fixture
def near() -> Iterator[Path]:
    """A directory that an unprivileged account may enter."""
    directory = Path(tempfile.mkdtemp(prefix="sagas-failover-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def primary(near: Path) -> Iterator[Server]:
    """A server that is not running yet."""
    programs = servers.find_programs()
    if programs is None:
        pytest.skip("there is no PostgreSQL to start")
    account, directory = servers._Account.unprivileged(), near / "primary"
    directory.mkdir()
    if account.user is not None and account.group is not None:
        os.chown(directory, account.user, account.group)
    programs = servers._within_reach(programs, account, directory)
    servers._create_cluster(programs, account, directory)
    server = Server(programs, account, directory)
    yield server
    server.stop("immediate")


@pytest.fixture
async def proxy(primary: Server) -> AsyncIterator[Proxy]:
    """The address under which the primary server is known."""
    url = primary.start()
    migrate(url)
    async with Proxy(url).running() as running:
        yield running


async def test_after_a_failover_only_those_go_on_whose_entries_are_there(
    primary: Server, proxy: Proxy, near: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lucky, unlucky, fresh = [await open_store(proxy.url) for _ in range(3)]
    lease = await registered(lucky)
    tale = await begun(lucky, lease, "trip-1")
    other = await registered(unlucky)
    lost = await begun(unlucky, other, "trip-2")

    primary.stop()
    standby = primary.copied(near / "standby")
    proxy.lead_to(primary.start())
    assert await unlucky.commit(other, [lost.unit()]) == [Applied.YES]  # which nobody copies
    newcomer = await registered(fresh)

    primary.stop("immediate")
    url = standby.start()
    try:
        proxy.lead_to(url)
        standby.promote()
        with caplog.at_level(logging.WARNING):
            assert await lucky.commit(lease, [tale.unit()]) == [Applied.YES]
        assert "all that this process wrote is there" in caplog.text
        for _ in range(2):
            with pytest.raises(UnsafeDatabase, match="lacks what this process wrote"):
                await unlucky.commit(other, [lost.unit()])
            with pytest.raises(UnsafeDatabase, match="Stop every worker"):
                await unlucky.renew(other)
        with pytest.raises(UnsafeDatabase):  # its number may be given to another worker
            await fresh.commit(newcomer, [lost.unit()])
        loaded = await lucky.load("trip-2")
        assert loaded is not None
        assert [row.seq for row in loaded.rows] == [1]
        for store in (lucky, unlucky, fresh):
            await store.close()
    finally:
        standby.stop("immediate")


async def test_a_standby_that_becomes_the_primary_is_waited_for(
    primary: Server, proxy: Proxy, near: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await open_store(proxy.url)
    tale = await begun(store, await registered(store))
    primary.stop()
    standby = primary.copied(near / "standby")
    with (standby.directory / "data/postgresql.auto.conf").open("a") as configuration:
        configuration.write("hot_standby = on\n")
    url = standby.start()
    try:
        proxy.lead_to(url)
        with monkeypatch.context() as patch:
            patch.setattr(postgres, "PATIENCE_SECONDS", 0.1)
            with pytest.raises(JournalUnavailable, match="is a standby"):
                await store.load(tale.saga_id)
        standby.promote()
        loaded = await store.load(tale.saga_id)
        assert loaded is not None
        await store.close()
    finally:
        standby.stop("immediate")
