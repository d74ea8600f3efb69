"""What a preview says of each undo, from a journal written by hand."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from approvals.redaction import Redaction
from compensations import Estimate, Total
from reversibility import Reversibility, Window
from sagas import Catalog, Residue, Status, approval
from sagas import entries as e
from sagas.driving.environment import Handlers
from sagas.model import Direction, instant
from sagas.previewing import PlannedUndo, Preview, Settling, foresee
from sagas.story.model import Lasting
from tests.unit.sagas.script import PATH, SECOND, START, Script

R = Reversibility
HOUR = timedelta(hours=1)


def trip(*, version: int = 1, wants: Any = str, probe: bool = False, **options: Any) -> Catalog:
    """A catalog with one action.

    Args:
        wants: The type of the result that its compensation takes.
    """
    catalog = Catalog("trip")
    forward = {key: options.pop(key) for key in ("key_ttl", "repeatable") if key in options}

    @catalog.action(reversibility=R.COMPENSATABLE, version=version, **forward)
    async def book(what: str = "") -> str:
        return what

    async def cancel(result: str) -> None: ...

    cancel.__annotations__["result"] = wants
    book.compensation(**options)(cancel)
    if probe:

        @book.probe()
        async def find() -> str | None:
            return None

    return catalog


def preview(script: Script, *catalogs: Catalog, status: Status = Status.RUNNING) -> Preview:
    return foresee(
        script.state, Handlers(catalogs), status=status, now=script.now, secrets=Redaction("")
    )


def only(script: Script, *catalogs: Catalog) -> PlannedUndo:
    (item,) = preview(script, *catalogs).undone
    return item


def done() -> Script:
    return Script().intend(action="trip.book").succeed()


def doubtful() -> Script:
    return Script().intend(action="trip.book").doubt()


def test_the_compensation_is_named() -> None:
    assert str(only(done(), trip()).handler).endswith("cancel")


def test_what_a_compensation_declares_to_leave_is_told() -> None:
    assert str(only(done(), trip(residue="a fee")).residue) == "a fee"


def in_euro(result: str) -> Residue:
    return Residue(amount=len(result), currency="EUR")


def test_what_an_undo_is_estimated_to_leave_is_told_and_added_up() -> None:
    found = preview(done(), trip(residue=in_euro))
    assert (str(found.undone[0].residue), found.expected.total.money) == (
        "2 EUR",
        {"EUR": Decimal(2)},
    )


def test_an_estimate_that_needs_what_is_in_doubt_is_unknown() -> None:
    found = preview(doubtful(), trip(residue=in_euro))
    assert (found.expected.unknown, found.expected.total) == (1, Total())


def test_what_code_that_is_not_at_hand_leaves_is_unknown() -> None:
    assert preview(done()).expected.unknown == 1


def test_secrets_in_an_estimate_are_masked() -> None:
    estimate = Estimate(Residue("a fee for 4111", amount=1, currency="EUR"))
    masked = estimate.masked(lambda text: text.replace("4111", "****"))
    assert masked == Estimate(Residue("a fee for ****", amount=1, currency="EUR"))


def test_whom_a_compensation_asks_is_told() -> None:
    asks = trip(approval=approval(by="@desk", within=HOUR), reversibility=R.IRREVERSIBLE)

    assert only(done(), asks).gate == "1 of @desk within 1 h"


def test_a_version_that_this_code_has_not_is_missing_and_needs_a_person() -> None:
    item = only(done(), trip(version=2))

    assert "no catalog in this process has it" in str(item.missing)
    assert item.person == item.missing


def test_without_any_code_nothing_is_said_to_be_missing() -> None:
    found = preview(done())

    assert not found.has_code
    assert found.undone[0].missing is None
    assert found.people == ()


def test_a_result_that_could_not_be_stored_is_missing() -> None:
    lost = Script().intend(action="trip.book")
    lost.add(e.Succeeded(path=PATH, unstorable="a socket"))

    assert "needs the result of trip/book#1" in str(only(lost, trip()).missing)


@pytest.mark.parametrize(
    ("catalog", "settling"),
    [
        (trip(probe=True), Settling.PROBE),
        (trip(key_ttl=HOUR), Settling.KEY),
        (trip(wants=str | None), Settling.UNKNOWN),
        (trip(), Settling.PERSON),
    ],
    ids=["probe", "key", "either way", "person"],
)
def test_how_a_doubt_would_be_settled_is_told(catalog: Catalog, settling: Settling) -> None:
    item = only(doubtful(), catalog)

    assert (item.in_doubt, item.settled_by) == (True, settling)
    assert (item.person is not None) == (settling is Settling.PERSON)


def test_a_key_that_has_expired_settles_nothing() -> None:
    item = only(doubtful().later(2 * 3600 * SECOND), trip(key_ttl=HOUR))

    assert item.settled_by is Settling.PERSON


def test_a_call_under_way_is_settled_by_its_answer() -> None:
    item = only(Script().intend(action="trip.book"), trip())

    assert (item.settled_by, item.person) == (Settling.ANSWER, None)


def test_an_undo_that_nothing_settles_needs_a_person() -> None:
    item = only(done().intend_undo().doubt(Direction.UNDO), trip())

    assert (item.begun, item.person) == (True, "its undo needs a person")


def test_until_when_it_can_be_undone_is_told() -> None:
    limited = Script().intend(action="trip.book", window=Window(duration=HOUR)).succeed()

    assert only(limited, trip()).undoable_until == instant(START) + HOUR


def test_the_event_after_which_it_cannot_be_undone_is_told() -> None:
    limited = Script().intend(action="trip.book", window=Window(event="shipped")).succeed()

    item = only(limited, trip())

    assert (item.undoable_until, item.closes_on) == (None, "shipped")


def test_a_saga_that_has_ended_undoes_nothing_more() -> None:
    assert preview(done(), trip(), status=Status.COMPLETED).undone == ()


def test_what_cannot_be_undone_remains_and_is_the_pivot() -> None:
    found = preview(
        done().intend("trip/mail#1", reversibility=R.IRREVERSIBLE).succeed("trip/mail#1")
    )

    assert [(left.path, left.why) for left in found.remains] == [
        ("trip/mail#1", Lasting.IRREVERSIBLE)
    ]
    assert found.pivot == "trip/mail#1"


def test_what_an_undo_has_left_remains() -> None:
    left = done().intend_undo().add(e.Compensated(path=PATH, payload=b'{"text": "a fee"}'))

    (found,) = preview(left, trip()).remains

    assert (found.why, found.text) == (Lasting.RESIDUE, "a fee")
