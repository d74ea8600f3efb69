"""Asking for permits together: one exchange at a time, and nobody is left without an answer."""

import asyncio
from collections.abc import Sequence

import pytest

from sagas.allotment import Answer, Demand, Granted, Kind, Mark, Refused, Want
from sagas.driving.limiter import Limiter
from sagas.errors import JournalError, JournalUnavailable

ONLY = Demand("only", concurrent=1)
LONG = 3_600_000_000


class Ledger:
    """What a store is asked for; it answers as it is told to, each exchange once it may."""

    def __init__(self, *answers: Answer | Exception) -> None:
        self.answers = list(answers)
        self.exchanges: list[tuple[list[Want], list[Mark]]] = []
        self.may = asyncio.Event()
        self.may.set()

    async def exchange(self, wants: Sequence[Want], marks: Sequence[Mark]) -> list[Answer]:
        self.exchanges.append((list(wants), list(marks)))
        await self.may.wait()
        answer = self.answers.pop(0) if self.answers else Granted()
        if isinstance(answer, Exception):
            raise answer
        return [answer for _ in wants]

    async def tidy(self) -> None:
        pass

    @property
    def marks(self) -> list[Mark]:
        return [mark for _, marks in self.exchanges for mark in marks]


def want(limiter: Limiter, number: int = 1) -> Want:
    return Want(
        process=limiter.process,
        saga_id=f"trip-{number}",
        holder=f"call-{number}",
        start=limiter.start(),
        demands=(ONLY,),
        begins_within=0,
        lasts=LONG,
    )


async def turns(count: int = 10) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_those_who_ask_at_once_ask_as_one() -> None:
    ledger = Ledger()
    limiter = Limiter(ledger)
    await asyncio.gather(*(limiter.ask(want(limiter, number)) for number in range(100)))
    assert [len(wants) for wants, _ in ledger.exchanges] == [100]


async def test_those_who_ask_while_an_exchange_is_under_way_ask_with_the_next() -> None:
    ledger = Ledger()
    ledger.may.clear()
    limiter = Limiter(ledger)
    asked = [limiter.ask(want(limiter))]
    await turns()
    asked += [limiter.ask(want(limiter, number)) for number in range(2, 9)]
    ledger.may.set()
    await asyncio.gather(*asked)
    assert [len(wants) for wants, _ in ledger.exchanges] == [1, 7]


async def test_those_who_wait_are_asked_for_in_the_order_in_which_they_came() -> None:
    ledger = Ledger(Refused(1_000, sent_away=False, lacking=("only",)))
    limiter = Limiter(ledger)
    asked = [want(limiter, number) for number in range(5)]
    await asyncio.gather(*(limiter.ask(each) for each in asked))
    for wants, _ in ledger.exchanges:
        assert [each.start for each in wants] == [each.start for each in asked]
    assert len(ledger.exchanges) == 2


async def test_whoever_waits_has_less_and_less_patience() -> None:
    ledger = Ledger(Refused(20_000, sent_away=False, lacking=("only",)))
    limiter = Limiter(ledger)
    await limiter.ask(want(limiter))
    (first, *_), (second, *_) = (wants for wants, _ in ledger.exchanges)
    assert second.waited >= first.waited + 20_000
    assert second.patience <= first.patience - 20_000


async def test_whoever_is_sent_away_is_told_until_when() -> None:
    away = Refused(LONG, sent_away=True, lacking=("only",))
    limiter = Limiter(Ledger(away))
    assert await limiter.ask(want(limiter)) == away


async def test_what_comes_too_late_for_whoever_asked_is_given_back() -> None:
    ledger = Ledger()
    ledger.may.clear()
    limiter = Limiter(ledger)
    wanted = want(limiter)
    asked = limiter.ask(wanted)
    await turns()
    asked.cancel()
    ledger.may.set()
    await limiter.close()
    given_back = {(mark.kind, mark.holder, mark.start, mark.keep) for mark in ledger.marks}
    assert (Kind.CALL, wanted.holder, wanted.start, None) in given_back


async def test_a_journal_that_fails_is_reported_to_whoever_asked() -> None:
    ledger = Ledger(JournalUnavailable("away"), RuntimeError("a defect"))
    limiter = Limiter(ledger)
    with pytest.raises(JournalUnavailable, match="away"):
        await limiter.ask(want(limiter))
    with pytest.raises(JournalError, match="RuntimeError: a defect"):
        await limiter.ask(want(limiter))
    assert isinstance(await limiter.ask(want(limiter)), float)


async def test_what_could_not_be_given_back_goes_along_with_the_next_exchange() -> None:
    ledger = Ledger(JournalUnavailable("away"))
    limiter = Limiter(ledger)
    mark = Mark("only", Kind.CALL, "call-1", "start-1")
    limiter.note(mark)
    await turns()
    await limiter.ask(want(limiter))
    assert [(each.bucket, each.holder) for each in ledger.marks] == [("only", "call-1")] * 2


async def test_closing_gives_back_what_is_over_and_sends_everybody_away() -> None:
    ledger = Ledger(*[Refused(1_000, sent_away=False, lacking=("only",))] * 3)
    limiter = Limiter(ledger)
    asked = limiter.ask(want(limiter))
    await turns()
    limiter.note(Mark("only", Kind.CALL, "call-2", "start-2"), within=3600)
    await limiter.close()
    assert await asked is None
    assert [mark.holder for mark in ledger.marks] == ["call-2"]


async def test_a_limiter_that_is_closed_asks_for_nothing_more() -> None:
    ledger = Ledger()
    limiter = Limiter(ledger)
    await limiter.close()
    limiter.note(Mark("only", Kind.CALL, "call-1", "start-1"))
    assert await limiter.ask(want(limiter)) is None
    assert ledger.exchanges == []


async def test_a_limiter_that_nobody_asks_has_nothing_to_close() -> None:
    ledger = Ledger()
    await Limiter(ledger).close()
    assert ledger.exchanges == []
