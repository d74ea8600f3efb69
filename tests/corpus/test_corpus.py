"""Histories that a release has written are read by every later one, for ever."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from sagas import Status, chain, decide
from sagas.chain import Row
from sagas.driving.environment import Handlers
from sagas.driving.rehearsal import Verdict, rehearse
from sagas.entries import KINDS
from sagas.fold import fold
from sagas.restoring import entries_of
from sagas.story import tell
from tests.behaviour.shop import shop
from tests.corpus import recording

CORPUS = Path(__file__).parent
RELEASES = sorted(CORPUS.glob("v*.jsonl"))


@cache
def histories(path: Path) -> list[dict[str, Any]]:
    """What a release has written."""
    return [json.loads(line) for line in path.read_text().splitlines()]


EVERY = [
    pytest.param(item, id=f"{path.stem}-{item['saga']}")
    for path in RELEASES
    for item in histories(path)
]


def rows_of(item: dict[str, Any]) -> list[Row]:
    return [Row(item["saga"], *row) for row in item["rows"]]


@pytest.mark.parametrize("item", EVERY)
def test_its_chain_verifies(item: dict[str, Any]) -> None:
    assert chain.verify(item["journal"], item["saga"], rows_of(item)) is None


@pytest.mark.parametrize("item", EVERY)
def test_it_folds_to_the_status_that_people_were_shown(item: dict[str, Any]) -> None:
    state = fold(item["saga"], entries_of(rows_of(item)))
    assert decide.status(state, parked=True) == item["status"]


@pytest.mark.parametrize("item", EVERY)
def test_its_story_is_told(item: dict[str, Any]) -> None:
    story = tell(
        item["saga"], entries_of(rows_of(item)), status=Status(item["status"]), reason=None
    )
    assert story.head == len(item["rows"])
    assert len(story.beats) > 0


async def test_a_saga_that_had_not_ended_goes_on_where_it_was() -> None:
    handlers = Handlers([shop])
    assert handlers.saga(recording.record_waiting.name, 1) is recording.record_waiting
    for path in RELEASES:
        [item] = [item for item in histories(path) if item["saga"] == "waiting"]
        state = fold("waiting", entries_of(rows_of(item)))
        assert (await rehearse(state, handlers, now=state.started_at)).verdict is Verdict.SAME


def test_the_corpus_holds_every_kind_of_its_time() -> None:
    """Kinds that are younger than a release are missing there; none was ever taken away."""
    recorded = {row[1] for path in RELEASES for item in histories(path) for row in item["rows"]}
    assert len(recorded) >= 29
    assert recorded <= set(KINDS)
