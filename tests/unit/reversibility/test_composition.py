"""The class and window of a whole, and how they change with time."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reversibility import Profile, Reversibility, compose, is_worse, worst
from reversibility.composition import at
from reversibility.errors import InvalidDeclaration, NaiveInstant

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
TICK = timedelta(microseconds=1)

# Few instants, so that examples often coincide.
instants = st.integers(0, 5).map(lambda hours: NOON + hours * HOUR)
effects = st.sampled_from([c for c in Reversibility if c.has_effect])
profiles = st.just(Profile(Reversibility.READ_ONLY)) | st.builds(
    Profile, effects, st.none() | instants
)
wholes = st.lists(profiles)


def test_a_whole_of_no_parts_is_read_only_for_ever() -> None:
    assert compose([]) == Profile(Reversibility.READ_ONLY, None)


def test_a_whole_has_the_worst_class_of_its_parts() -> None:
    whole = compose([Profile(Reversibility.REVERSIBLE), Profile(Reversibility.COMPENSATABLE)])

    assert whole.reversibility is Reversibility.COMPENSATABLE


def test_a_whole_has_the_earliest_window_of_its_parts() -> None:
    whole = compose(
        [
            Profile(Reversibility.REVERSIBLE, NOON + HOUR),
            Profile(Reversibility.COMPENSATABLE, NOON),
            Profile(Reversibility.COMPENSATABLE),
        ]
    )

    assert whole.closes_at == NOON


def test_one_unknown_part_makes_the_whole_unknown() -> None:
    whole = compose([Profile(Reversibility.IRREVERSIBLE), Profile(Reversibility.UNKNOWN)])

    assert whole.reversibility is Reversibility.UNKNOWN


def test_parts_may_come_from_a_generator() -> None:
    whole = compose(Profile(Reversibility.REVERSIBLE, NOON + n * HOUR) for n in (2, 1))

    assert whole == Profile(Reversibility.REVERSIBLE, NOON + HOUR)


@given(wholes, wholes)
def test_composition_is_associative(left: list[Profile], right: list[Profile]) -> None:
    assert compose([*left, *right]) == compose([compose(left), compose(right)])


@given(profiles, profiles)
def test_composition_is_commutative(a: Profile, b: Profile) -> None:
    assert compose([a, b]) == compose([b, a])


@given(profiles)
def test_composition_is_idempotent(a: Profile) -> None:
    assert compose([a, a]) == a


@given(wholes, instants)
def test_a_whole_seen_at_an_instant_is_the_worst_of_its_parts_seen_then(
    parts: list[Profile], now: datetime
) -> None:
    assert at(compose(parts), now) is worst(at(part, now) for part in parts)


@given(profiles, instants, instants)
def test_time_never_improves_a_profile(profile: Profile, one: datetime, other: datetime) -> None:
    earlier, later = sorted((one, other))

    assert not is_worse(at(profile, earlier), at(profile, later))


def test_an_open_window_leaves_the_class_as_it_is() -> None:
    profile = Profile(Reversibility.REVERSIBLE, NOON)

    assert at(profile, NOON - TICK) is Reversibility.REVERSIBLE


def test_a_closed_window_makes_an_effect_irreversible() -> None:
    profile = Profile(Reversibility.REVERSIBLE, NOON)

    assert at(profile, NOON) is Reversibility.IRREVERSIBLE


def test_a_closed_window_does_not_improve_an_unknown_class() -> None:
    assert at(Profile(Reversibility.UNKNOWN, NOON), NOON) is Reversibility.UNKNOWN


def test_no_window_never_closes() -> None:
    profile = Profile(Reversibility.COMPENSATABLE)

    assert at(profile, datetime.max.replace(tzinfo=UTC)) is Reversibility.COMPENSATABLE


def test_a_read_only_effect_with_a_window_is_refused() -> None:
    with pytest.raises(InvalidDeclaration, match="read-only"):
        Profile(Reversibility.READ_ONLY, NOON)


def test_a_profile_keeps_its_closing_instant_in_utc() -> None:
    elsewhere = NOON.astimezone(timezone(timedelta(hours=9)))
    profile = Profile(Reversibility.REVERSIBLE, elsewhere)

    assert profile.closes_at is not None
    assert profile.closes_at.tzinfo is UTC


def test_a_closing_instant_without_a_time_zone_is_refused() -> None:
    with pytest.raises(NaiveInstant, match="closes_at"):
        Profile(Reversibility.REVERSIBLE, NOON.replace(tzinfo=None))


def test_a_now_without_a_time_zone_is_refused() -> None:
    with pytest.raises(NaiveInstant, match="now"):
        at(Profile(Reversibility.REVERSIBLE, NOON), NOON.replace(tzinfo=None))
