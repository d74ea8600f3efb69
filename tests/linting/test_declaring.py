"""What actions declare, as `sagas lint` sees it."""

from datetime import timedelta

import pytest

from reversibility import Reversibility
from sagas import Catalog, NotExecuted, Residue, Retry, approval, current_step, waived
from sagas.linting.declaring import longest_life
from sagas.linting.finding import Level
from tests.linting.catalogs import DAY, codes, found, fresh, shop

UNDOABLE = Reversibility.COMPENSATABLE


@pytest.fixture
def bank() -> Catalog:
    return fresh()


def test_actions_that_say_everything_are_in_order() -> None:
    assert codes(shop) == []


def test_an_undo_that_needs_the_result_of_what_nobody_can_ask_about_is_found(bank: Catalog) -> None:
    @bank.action(reversibility=UNDOABLE)
    async def book(item: str) -> str:
        return item

    @book.compensation(residue="a fee", repeatable=True)
    async def cancel(result: str) -> None: ...

    (finding,) = found(bank)
    assert (finding.code, finding.level) == ("S009", Level.WARNING)
    assert finding.place is not None
    assert finding.place.line == book.fn.__code__.co_firstlineno


def test_one_that_needs_no_result_is_found_too_because_nobody_knows_whether_to_undo(
    bank: Catalog,
) -> None:
    @bank.action(reversibility=UNDOABLE)
    async def book(item: str) -> str:
        return item

    @book.compensation(residue="a fee", repeatable=True)
    async def cancel(item: str) -> None: ...

    assert codes(bank) == ["S008"]


def test_an_undo_that_is_safe_without_knowing_is_in_order(bank: Catalog) -> None:
    @bank.action(reversibility=UNDOABLE)
    async def book(item: str) -> str:
        return item

    @book.compensation(residue="a fee", repeatable=True)
    async def cancel(item: str, result: str | None) -> None: ...

    assert codes(bank) == []


@pytest.mark.parametrize("repeatable", [True, False])
def test_a_probe_or_a_repetition_settles_a_lost_answer(bank: Catalog, repeatable: bool) -> None:
    @bank.action(reversibility=UNDOABLE, repeatable=repeatable)
    async def book(item: str) -> str:
        return item

    @book.compensation(residue="a fee", repeatable=True)
    async def cancel(result: str) -> None: ...

    if not repeatable:

        @book.probe()
        async def find(item: str) -> str | None:
            return current_step().idempotency_key

    assert codes(bank) == []


def test_what_cannot_be_undone_and_not_be_asked_about_is_noted(bank: Catalog) -> None:
    @bank.action(
        reversibility=Reversibility.IRREVERSIBLE, approval=approval(by="anyone", within=DAY)
    )
    async def mail(to: str) -> None: ...

    (finding,) = found(bank)
    assert (finding.code, finding.level) == ("S008", Level.NOTE)


def test_an_undo_in_doubt_that_only_a_person_can_settle_is_found(bank: Catalog) -> None:
    @bank.action(reversibility=UNDOABLE, key_ttl=DAY)
    async def book(item: str) -> str:
        return item

    @book.compensation(residue="a fee", key_ttl=DAY)
    async def cancel(item: str) -> None: ...

    assert codes(bank) == []

    @bank.action(reversibility=UNDOABLE)
    async def rent(item: str) -> str:
        return item

    @rent.probe()
    async def find(item: str) -> str | None:
        return current_step().idempotency_key

    @rent.compensation(residue="a fee")
    async def give_back(item: str) -> None: ...

    assert codes(bank) == ["S010"]


def test_an_undo_that_says_nothing_of_what_remains_is_noted(bank: Catalog) -> None:
    @bank.action(reversibility=UNDOABLE, repeatable=True)
    async def book(item: str) -> str:
        return item

    @book.compensation()
    async def cancel(item: str) -> None: ...

    (finding,) = found(bank)
    assert (finding.code, finding.level) == ("S005", Level.NOTE)


def test_an_undo_that_may_return_a_residue_says_it_itself(bank: Catalog) -> None:
    @bank.action(reversibility=UNDOABLE, repeatable=True)
    async def book(item: str) -> str:
        return item

    @book.compensation()
    async def cancel(item: str) -> Residue | None: ...

    @bank.action(reversibility=Reversibility.REVERSIBLE, repeatable=True)
    async def label(item: str) -> str:
        return item

    @label.compensation()
    async def unlabel(item: str) -> None: ...

    assert codes(bank) == []


def test_a_call_that_outlasts_its_key_is_found(bank: Catalog) -> None:
    @bank.action(
        reversibility=Reversibility.IRREVERSIBLE,
        key_ttl=timedelta(minutes=5),
        timeout=timedelta(minutes=2),
        retry=Retry(attempts=3),
        approval=approval(by="anyone", within=DAY),
    )
    async def pay(amount: int) -> None: ...

    (finding,) = found(bank)
    assert finding.code == "S007"
    assert (
        "0:06:05.600000" in finding.reason
    )  # three of two minutes, 0.2 s and 0.4 s, 5 s of clocks


def test_the_longest_life_of_a_call_grows_with_its_waits_up_to_the_longest(bank: Catalog) -> None:
    @bank.action(
        reversibility=UNDOABLE,
        repeatable=True,
        timeout=timedelta(seconds=10),
        retry=Retry(
            attempts=5_000, first=timedelta(seconds=1), factor=10, longest=timedelta(seconds=60)
        ),
    )
    async def book(item: str) -> None: ...

    waits = 1 + 10 + 60 * (4_999 - 2)
    assert longest_life(book.options) == timedelta(seconds=5_000 * 10 + waits + 5)


def test_what_runs_without_a_gate_by_declared_will_is_noted_with_its_reason(bank: Catalog) -> None:
    @bank.action(
        reversibility=Reversibility.IRREVERSIBLE,
        key_ttl=DAY,
        approval=waived(reason="the newsletter goes to ourselves"),
    )
    async def mail(text: str) -> None: ...

    (finding,) = found(bank)
    assert (finding.code, finding.level) == ("S013", Level.NOTE)
    assert "the newsletter goes to ourselves" in finding.reason


def test_an_undo_without_a_gate_that_cannot_be_undone_itself_is_noted(bank: Catalog) -> None:
    @bank.action(reversibility=UNDOABLE, key_ttl=DAY)
    async def book(item: str) -> None: ...

    @book.compensation(
        residue="a mail",
        reversibility=Reversibility.IRREVERSIBLE,
        approval=waived(reason="an apology does no harm"),
    )
    async def apologise(item: str) -> None: ...

    assert codes(bank) == ["S017"]


def test_a_probe_that_cannot_know_which_call_it_is_asked_about_is_found(bank: Catalog) -> None:
    @bank.action(reversibility=UNDOABLE)
    async def book(item: str) -> str:
        return item

    @book.compensation(residue="a fee", repeatable=True)
    async def cancel(result: str) -> None: ...

    @book.probe()
    async def find() -> str | None:
        raise NotExecuted

    (finding,) = found(bank)
    assert (finding.code, finding.level) == ("S025", Level.WARNING)


def test_a_probe_that_searches_by_inputs_alone_is_noted(bank: Catalog) -> None:
    @bank.action(reversibility=UNDOABLE)
    async def book(item: str) -> str:
        return item

    @book.compensation(residue="a fee", repeatable=True)
    async def cancel(result: str) -> None: ...

    @book.probe()
    async def find(item: str) -> str | None:
        return item

    (finding,) = found(bank)
    assert (finding.code, finding.level) == ("S025", Level.NOTE)


class Partner:
    """Somebody else's books."""

    def by_key(self) -> str:
        return current_step().idempotency_key


partner = Partner()


def keyed() -> str:
    return partner.by_key()


def test_a_key_may_be_read_by_whatever_a_probe_calls(bank: Catalog) -> None:
    @bank.action(reversibility=UNDOABLE)
    async def book(item: str) -> str:
        return item

    @book.compensation(residue="a fee", repeatable=True)
    async def cancel(result: str) -> None: ...

    @book.probe()
    async def find(item: str) -> str | None:
        return keyed()

    assert codes(bank) == []


def test_what_is_retired_is_not_looked_at(bank: Catalog) -> None:
    @bank.retired("book", version=1, reversibility=UNDOABLE)
    async def book(item: str) -> str:
        return item

    @book.compensation()
    async def cancel(result: str) -> None: ...

    assert codes(bank) == []
