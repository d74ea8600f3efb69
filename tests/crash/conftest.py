"""The world that is looked at, the processes that are killed, and what was counted."""

import json
import os
from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from random import Random

import pytest

from examples.travel.partner import KINDS
from examples.travel.world import World
from sagas.journal import migrate
from tests.authority import one_authority
from tests.crash.nursery import Nursery, open_nursery
from tests.crash.pasture import Pasture, pasture_at
from tests.crash.scenarios import SCENARIOS
from tests.crash.stages import SEED, SOAK, Count, Open, is_over
from tests.crash.sweep import Stage, stage_for

collect_ignore = [] if SOAK else ["test_pairs.py"]

LANES = 4
"""More than there are processors: a life waits for disks and partners most of its time."""

KEEPERS = 6
"""One that dies, or is stopped, and five that find it so at the same instant."""

_COUNTED = pytest.StashKey[dict[str, str]]()
_TALLY = pytest.StashKey[Counter[str]]()


@pytest.fixture
def counted(pytestconfig: pytest.Config) -> dict[str, str]:
    """What each sweep came to, for the summary."""
    return pytestconfig.stash.setdefault(_COUNTED, {})


@pytest.fixture
def count(pytestconfig: pytest.Config) -> Count:
    """Adds up the trials of each kind, for the summary."""
    tally = pytestconfig.stash.setdefault(_TALLY, Counter[str]())

    def add(what: str, trials: int) -> None:
        tally[what] += trials

    return add


@pytest.fixture(scope="session")
def crash_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the partners keep their books."""
    return tmp_path_factory.mktemp("crash-world")


@pytest.fixture(scope="session")
def crash_world(crash_directory: Path) -> Iterator[World]:
    """Three partners and a mail server."""
    with World.start(crash_directory) as world:
        yield world


@pytest.fixture
def crash_moods(crash_world: World) -> Iterator[World]:
    """The world, whose partners are in a good mood again afterwards."""
    yield crash_world
    for kind in KINDS:
        crash_world.set_mood(kind)


@pytest.fixture(scope="session")
def nurseries(crash_world: World, crash_directory: Path) -> Iterator[Sequence[Nursery]]:
    """Warm parents, one for each lane."""
    environment = {
        **crash_world.environment,
        # The partners speak plain HTTP; reading all authorities of the world for each client
        # would take more time than everything else that a life does.
        "SSL_CERT_FILE": str(one_authority(crash_directory)),
    }
    with ExitStack() as stack:
        yield [stack.enter_context(open_nursery(environment)) for _ in range(LANES)]


@pytest.fixture
def stage(crash_moods: World, crash_directory: Path, nurseries: Sequence[Nursery]) -> Open:
    """Opens the stage for a scenario on a database, with the partners in the mood for it."""

    @asynccontextmanager
    async def opened(name: str, url: str) -> AsyncGenerator[Stage]:
        scenario = SCENARIOS[name]
        for kind, mood in scenario.moods.items():
            crash_moods.set_mood(kind, mood)
        async with stage_for(scenario, url, crash_directory, nurseries) as stage:
            yield stage

    return opened


@pytest.fixture(scope="session")
def keepers(nurseries: Sequence[Nursery]) -> Iterator[Sequence[Nursery]]:
    """Warm parents of processes that keep beasts."""
    with ExitStack() as stack:
        more = [stack.enter_context(open_nursery({})) for _ in range(KEEPERS - LANES)]
        yield [*nurseries, *more]


@pytest.fixture(params=["sqlite", "postgres"])
def either_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database of each kind, one after the other."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    if request.param == "postgres":
        migrate(url)
    return url


@pytest.fixture
async def pasture(
    either_url: str, tmp_path: Path, keepers: Sequence[Nursery]
) -> AsyncGenerator[Pasture]:
    """Where beasts are kept, on each database."""
    async with pasture_at(either_url, tmp_path, keepers) as pasture:
        yield pasture


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """In the long form every round has an order of its own: the time may not suffice for all."""
    if SOAK:
        mine = [item for item in items if item.path.parent == Path(__file__).parent]
        Random(SEED).shuffle(mine)  # noqa: S311
        others = [item for item in items if item not in set(mine)]
        items[:] = [*others, *mine]


@pytest.fixture(autouse=True)
def in_time() -> None:
    """Begin no test of the long form when its time is up."""
    if SOAK and is_over():
        pytest.skip("the time is up")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Leave what was counted to the long form, which adds the rounds up."""
    told = os.environ.get("SAGAS_SOAK_TALLY")
    if told is not None:
        reporter = session.config.pluginmanager.get_plugin("terminalreporter")
        assert isinstance(reporter, pytest.TerminalReporter)
        failed = [*reporter.stats.get("failed", []), *reporter.stats.get("error", [])]
        found = {
            "trials": session.config.stash.get(_TALLY, Counter[str]()),
            "failures": [report.nodeid for report in failed],
        }
        Path(told).write_text(json.dumps(found))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say how many boundaries were hit."""
    counted = config.stash.get(_COUNTED, dict[str, str]())
    tally = config.stash.get(_TALLY, Counter[str]())
    if counted or tally:
        terminalreporter.section("processes killed, stopped, cut off")
        for name, text in counted.items():
            terminalreporter.write_line(f"{name}: {text}")
        for name, number in sorted(tally.items()):
            terminalreporter.write_line(f"{name}: {number} trials")
