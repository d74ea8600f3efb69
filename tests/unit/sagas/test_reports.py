"""Reports of late successes: told again until they are durable, and never dropped in silence."""

import asyncio
import logging
from typing import Any

import pytest

from sagas import entries as e
from sagas.driving import reports
from sagas.driving.log import LogClosed, Submission
from sagas.driving.reports import Reports
from sagas.errors import Corrupt, JournalUnavailable
from sagas.model import Direction
from sagas.ports import LateAnswer
from sagas.state import SagaState
from tests.unit.sagas.script import PATH, START, Script

LATE = LateAnswer("s-1", PATH, Direction.DO, "key", 1, b'"late"')


class Counter:
    """A desk that fails as often as it is told, and the journal behind it."""

    def __init__(self, *failures: Exception, state: SagaState | None = None) -> None:
        self.failures = list(failures)
        self.state = state or Script().intend().doubt().fail().state
        self.told: list[LateAnswer] = []
        self.woken: list[str] = []

    async def report(self, late: LateAnswer, *, by: str, at: int) -> bool:
        if self.failures:
            raise self.failures.pop(0)
        self.told.append(late)
        return True

    async def state_of(self, saga_id: str) -> SagaState | None:
        return self.state

    def reports(self) -> Reports:
        desk: Any = self
        return Reports(desk, state_of=self.state_of, now=lambda: START, reported=self.woken.append)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "SHORTEST_PAUSE", 0.001)


async def test_a_report_is_repeated_until_the_database_takes_it() -> None:
    desk = Counter(JournalUnavailable("gone"), JournalUnavailable("gone"))
    found = desk.reports()
    found.tell(LATE)
    await found.settle(10)
    assert desk.told == [LATE]
    assert desk.woken == ["s-1"]
    assert desk.failures == []


async def test_what_is_known_is_not_reported() -> None:
    desk = Counter(state=Script().intend().succeed().state)
    found = desk.reports()
    found.tell(LATE)
    await found.settle(10)
    assert (desk.told, desk.woken) == ([], [])


async def test_what_could_not_be_reported_in_time_is_said_loudly(
    caplog: pytest.LogCaptureFixture,
) -> None:
    desk = Counter(*[JournalUnavailable("gone")] * 10_000)
    found = desk.reports()
    found.tell(LATE)
    await found.settle(0.02)
    assert "the journal could not be told" in caplog.text
    assert caplog.records[-1].levelno == logging.ERROR


async def test_what_comes_after_the_close_is_said_loudly(
    caplog: pytest.LogCaptureFixture,
) -> None:
    desk = Counter()
    found = desk.reports()
    await found.settle(0)
    found.tell(LATE)
    assert "the journal could not be told" in caplog.text
    assert desk.told == []


async def test_a_journal_that_does_not_read_is_not_asked_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    desk = Counter(Corrupt("no"))
    found = desk.reports()
    found.tell(LATE)
    await found.settle(10)
    assert "the journal could not be told" in caplog.text
    assert desk.failures == []


@pytest.mark.parametrize(("error", "told"), [(None, []), (LogClosed(), [LATE])])
async def test_only_an_entry_that_was_not_written_is_reported(
    error: BaseException | None, told: list[LateAnswer]
) -> None:
    desk = Counter()
    found = desk.reports()
    submission = Submission((e.Succeeded(path=PATH, via="late"),), (), guarded=False)
    found.tell_unless(submission, LATE)
    await asyncio.sleep(0)
    submission.resolve(error)
    await found.settle(10)
    assert desk.told == told
