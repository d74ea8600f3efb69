"""Windows, audiences, magnitudes, and declarations that contradict themselves."""

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reversibility import Audience, Magnitude, Modifiers, OnAlarm, Reversibility, Window
from reversibility.errors import InvalidDeclaration, NaiveInstant

SUCCEEDED = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)


class SpringForward(tzinfo):
    """A zone whose clocks go from 02:00 to 03:00 on 29 March 2026."""

    def utcoffset(self, dt: datetime | None) -> timedelta:
        assert dt is not None
        summer = dt.replace(tzinfo=None) >= datetime(2026, 3, 29, 3)  # noqa: DTZ001 - wall clock
        return timedelta(hours=2 if summer else 1)

    def dst(self, dt: datetime | None) -> timedelta:
        return self.utcoffset(dt) - timedelta(hours=1)

    def tzname(self, dt: datetime | None) -> str:
        return "spring"


def test_a_window_without_an_end_is_refused() -> None:
    with pytest.raises(InvalidDeclaration, match="exactly one"):
        Window()


def test_a_window_with_two_ends_is_refused() -> None:
    with pytest.raises(InvalidDeclaration, match="exactly one"):
        Window(duration=DAY, until="free_until")


@pytest.mark.parametrize("duration", [timedelta(0), -TICK], ids=["zero", "negative"])
def test_a_window_that_is_never_open_is_refused(duration: timedelta) -> None:
    with pytest.raises(InvalidDeclaration, match=r"duration.*positive"):
        Window(duration=duration)


def test_a_window_that_never_closes_is_to_be_left_out() -> None:
    with pytest.raises(InvalidDeclaration, match="leave the window out"):
        Window(duration=timedelta.max)


def test_a_blank_result_field_is_refused() -> None:
    with pytest.raises(InvalidDeclaration, match="until= is blank"):
        Window(until=" ")


def test_a_blank_event_is_refused() -> None:
    with pytest.raises(InvalidDeclaration, match="event= is blank"):
        Window(event="")


@pytest.mark.parametrize("end", [{"duration": 2 * DAY}, {"until": "free_until"}], ids=str)
def test_an_alarm_is_so_long_before_the_end(end: dict[str, Any]) -> None:
    window = Window(**end, alarm=DAY, on_alarm=OnAlarm.UNWIND)
    assert (window.alarm, window.on_alarm) == (DAY, OnAlarm.UNWIND)


def test_without_another_word_a_person_is_asked() -> None:
    assert Window(duration=2 * DAY, alarm=DAY).on_alarm is OnAlarm.ESCALATE


@pytest.mark.parametrize(
    ("declared", "why"),
    [
        ({"duration": DAY, "alarm": DAY}, "give less"),
        ({"duration": DAY, "alarm": timedelta(0)}, "positive"),
        ({"until": "x", "alarm": timedelta.max}, "leave the alarm out"),
        ({"event": "shipped", "alarm": DAY}, "nobody knows in advance"),
        ({"duration": DAY, "on_alarm": OnAlarm.ACCEPT}, "needs alarm="),
        ({"duration": 2 * DAY, "alarm": DAY, "on_alarm": "unwind"}, "OnAlarm.UNWIND"),
    ],
    ids=str,
)
def test_an_alarm_that_cannot_be_raised_is_refused(declared: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidDeclaration, match=why):
        Window(**declared)


def test_a_duration_counts_from_the_intent() -> None:
    assert Window(duration=DAY).closes_at(SUCCEEDED) == SUCCEEDED + DAY


def test_a_duration_pays_no_heed_to_an_instant_in_the_result() -> None:
    assert Window(duration=DAY).closes_at(SUCCEEDED, SUCCEEDED + 9 * DAY) == SUCCEEDED + DAY


def test_a_duration_is_not_stretched_by_daylight_saving() -> None:
    evening_before = datetime(2026, 3, 28, 12, tzinfo=SpringForward())

    assert Window(duration=DAY).closes_at(evening_before) == datetime(2026, 3, 29, 11, tzinfo=UTC)


def test_an_instant_in_the_result_closes_the_window() -> None:
    closes_at = Window(until="free_until").closes_at(SUCCEEDED, SUCCEEDED + 3 * DAY)

    assert closes_at == SUCCEEDED + 3 * DAY


def test_a_closing_instant_is_given_in_utc() -> None:
    elsewhere = SUCCEEDED.astimezone(timezone(timedelta(hours=5)))
    closes_at = Window(until="free_until").closes_at(SUCCEEDED, elsewhere)

    assert closes_at is not None
    assert closes_at.tzinfo is UTC


def test_a_result_that_leaves_the_instant_out_closes_the_window_at_once() -> None:
    assert Window(until="free_until").closes_at(SUCCEEDED) == SUCCEEDED


def test_an_instant_without_a_time_zone_is_refused_by_the_name_of_its_field() -> None:
    with pytest.raises(NaiveInstant, match="free_until"):
        Window(until="free_until").closes_at(SUCCEEDED, SUCCEEDED.replace(tzinfo=None))


def test_an_event_that_has_not_come_closes_nothing() -> None:
    assert Window(event="shipped").closes_at(SUCCEEDED) is None


def test_an_event_closes_the_window_when_it_comes() -> None:
    closes_at = Window(event="shipped").closes_at(SUCCEEDED, event_at=SUCCEEDED + DAY)

    assert closes_at == SUCCEEDED + DAY


def test_a_window_is_open_before_its_closing_instant() -> None:
    assert Window(duration=DAY).is_open(SUCCEEDED + DAY - TICK, SUCCEEDED)


def test_a_window_is_closed_at_its_closing_instant() -> None:
    assert not Window(duration=DAY).is_open(SUCCEEDED + DAY, SUCCEEDED)


def test_a_window_is_open_until_the_instant_in_the_result() -> None:
    window = Window(until="free_until")

    assert window.is_open(SUCCEEDED + DAY, SUCCEEDED, until=SUCCEEDED + 2 * DAY)


def test_a_window_with_no_instant_in_the_result_is_not_open() -> None:
    assert not Window(until="free_until").is_open(SUCCEEDED, SUCCEEDED)


def test_a_window_is_open_while_its_event_has_not_come() -> None:
    assert Window(event="shipped").is_open(SUCCEEDED + 1000 * DAY, SUCCEEDED)


def test_a_window_is_closed_once_its_event_has_come() -> None:
    window = Window(event="shipped")

    assert not window.is_open(SUCCEEDED + DAY, SUCCEEDED, event_at=SUCCEEDED + DAY)


@given(st.timedeltas(timedelta(0), 3 * DAY), st.timedeltas(timedelta(0), 3 * DAY))
def test_a_closed_window_never_opens_again(age: timedelta, later: timedelta) -> None:
    window = Window(duration=DAY)
    before = window.is_open(SUCCEEDED + age, SUCCEEDED)
    after = window.is_open(SUCCEEDED + age + later, SUCCEEDED)

    assert before or not after


def test_audiences_widen_from_nobody_to_public() -> None:
    assert sorted(Audience, key=lambda audience: audience.rank) == [
        Audience.NOBODY,
        Audience.INTERNAL,
        Audience.EXTERNAL,
        Audience.PUBLIC,
    ]


def test_a_wider_audience_reaches_a_narrower_one() -> None:
    assert Audience.PUBLIC.reaches(Audience.EXTERNAL)


def test_an_audience_reaches_itself() -> None:
    assert Audience.EXTERNAL.reaches(Audience.EXTERNAL)


def test_a_narrower_audience_does_not_reach_a_wider_one() -> None:
    assert not Audience.INTERNAL.reaches(Audience.EXTERNAL)


def test_an_operator_refuses_to_compare_audiences_by_spelling() -> None:
    with pytest.raises(TypeError, match="Audience"):
        _ = Audience.PUBLIC > Audience.NOBODY


def test_nothing_need_be_said_about_the_magnitude() -> None:
    assert Magnitude() == Magnitude(amount=None, currency=None, recipients=None)


def test_an_amount_with_its_currency_is_accepted() -> None:
    assert Magnitude(amount=Decimal("0.00"), currency="EUR").amount == Decimal(0)


def test_an_amount_without_a_currency_is_refused() -> None:
    with pytest.raises(InvalidDeclaration, match="currency"):
        Magnitude(amount=Decimal(5))


def test_a_currency_without_an_amount_is_refused() -> None:
    with pytest.raises(InvalidDeclaration, match="currency"):
        Magnitude(currency="EUR")


@pytest.mark.parametrize("amount", ["-0.01", "NaN", "sNaN", "Infinity"])
def test_an_amount_no_limit_can_be_compared_with_is_refused(amount: str) -> None:
    with pytest.raises(InvalidDeclaration, match="amount"):
        Magnitude(amount=Decimal(amount), currency="EUR")


@pytest.mark.parametrize("currency", ["eur", "EURO", "EUR\n", ""])
def test_a_currency_that_is_no_iso_code_is_refused(currency: str) -> None:
    with pytest.raises(InvalidDeclaration, match="ISO 4217"):
        Magnitude(amount=Decimal(5), currency=currency)


def test_no_recipients_at_all_is_a_number_of_recipients() -> None:
    assert Magnitude(recipients=0).recipients == 0


def test_negative_recipients_are_refused() -> None:
    with pytest.raises(InvalidDeclaration, match="recipients"):
        Magnitude(recipients=-1)


def test_an_audience_nobody_declared_is_not_taken_for_nobody() -> None:
    assert Modifiers().audience is None


def test_modifiers_are_equal_by_value_and_hashable() -> None:
    one, other = (Modifiers(window=Window(duration=DAY), conflicts=("a", "b")) for _ in range(2))

    assert len({one, other}) == 1


@pytest.mark.parametrize("names", [("",), ("hotel", "  ")], ids=["empty", "blank"])
def test_a_blank_conflict_key_is_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(InvalidDeclaration, match="conflicts holds a blank name"):
        Modifiers(conflicts=names)


def test_a_repeated_conflict_key_is_refused() -> None:
    with pytest.raises(InvalidDeclaration, match="conflicts names something twice"):
        Modifiers(conflicts=("hotel", "hotel"))


def test_a_blank_dependency_is_refused() -> None:
    with pytest.raises(InvalidDeclaration, match="after holds a blank name"):
        Modifiers(after=("",))


def test_a_repeated_dependency_is_refused() -> None:
    with pytest.raises(InvalidDeclaration, match="after names something twice"):
        Modifiers(after=("book", "book"))


@pytest.mark.parametrize("reversibility", list(Reversibility))
def test_modifiers_that_say_nothing_contradict_no_class(reversibility: Reversibility) -> None:
    assert Modifiers().contradictions(reversibility) == ()


@pytest.mark.parametrize("reversibility", list(Reversibility))
def test_a_window_contradicts_exactly_the_classes_without_an_undo(
    reversibility: Reversibility,
) -> None:
    found = Modifiers(window=Window(duration=DAY)).contradictions(reversibility)

    assert bool(found) is not reversibility.is_undoable


@pytest.mark.parametrize("reversibility", list(Reversibility))
def test_staging_contradicts_only_read_only(reversibility: Reversibility) -> None:
    found = Modifiers(staged=True).contradictions(reversibility)

    assert bool(found) is (reversibility is Reversibility.READ_ONLY)


@pytest.mark.parametrize("audience", [Audience.INTERNAL, Audience.EXTERNAL, Audience.PUBLIC])
def test_an_audience_contradicts_read_only(audience: Audience) -> None:
    found = Modifiers(audience=audience).contradictions(Reversibility.READ_ONLY)

    assert len(found) == 1
    assert f"yet the audience is {audience}:" in found[0]


def test_an_audience_of_nobody_fits_read_only() -> None:
    assert Modifiers(audience=Audience.NOBODY).contradictions(Reversibility.READ_ONLY) == ()


def test_a_public_audience_fits_an_irreversible_effect() -> None:
    assert Modifiers(audience=Audience.PUBLIC).contradictions(Reversibility.IRREVERSIBLE) == ()


def test_every_contradiction_is_told() -> None:
    modifiers = Modifiers(window=Window(event="sent"), staged=True, audience=Audience.PUBLIC)

    assert len(modifiers.contradictions(Reversibility.READ_ONLY)) == 3
