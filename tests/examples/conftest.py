"""The worlds of the examples, started once for all their tests."""

from collections.abc import Iterator

import pytest

from examples.publish.world import Site
from examples.travel.world import World


@pytest.fixture(scope="session")
def running_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with World.start(tmp_path_factory.mktemp("travel")) as world:
        yield world


@pytest.fixture
def world(running_world: World) -> Iterator[World]:
    """The running world, with every partner in a good mood before and after."""
    for kind in ("flights", "hotels", "cars"):
        running_world.set_mood(kind)
    yield running_world
    for kind in ("flights", "hotels", "cars"):
        running_world.set_mood(kind)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with Site.start(tmp_path_factory.mktemp("publish")) as site:
        yield site
