"""Keys that expire, and what is left of observability when they have."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reversibility import Observability, ObservabilityKind
from reversibility.errors import InvalidDeclaration, NaiveInstant

FIRST_INTENT = datetime(2026, 3, 1, 12, tzinfo=UTC)
TTL = timedelta(hours=24)
TIMEOUT = timedelta(seconds=30)
MARGIN = timedelta(seconds=10)
LAST_SAFE_CALL = FIRST_INTENT + TTL - TIMEOUT - MARGIN
TICK = timedelta(microseconds=1)


def key_alive(observability: Observability, now: datetime) -> bool:
    return observability.key_alive(
        now=now, first_intent=FIRST_INTENT, timeout=TIMEOUT, margin=MARGIN
    )


def kind_at(observability: Observability, now: datetime) -> ObservabilityKind:
    return observability.at(now=now, first_intent=FIRST_INTENT, timeout=TIMEOUT, margin=MARGIN)


@pytest.mark.parametrize(
    ("observability", "kind"),
    [
        (Observability(key_ttl=TTL, probe=False, repeatable=False), ObservabilityKind.KEY),
        (Observability(key_ttl=None, probe=True, repeatable=False), ObservabilityKind.PROBE),
        (Observability(key_ttl=TTL, probe=True, repeatable=False), ObservabilityKind.BOTH),
        (Observability(key_ttl=None, probe=False, repeatable=False), ObservabilityKind.NEITHER),
        (Observability(key_ttl=None, probe=False, repeatable=True), ObservabilityKind.KEY),
        (Observability(key_ttl=None, probe=True, repeatable=True), ObservabilityKind.BOTH),
    ],
    ids=["key", "probe", "key+probe", "none", "repeatable", "repeatable+probe"],
)
def test_the_kind_follows_from_what_is_declared(
    observability: Observability, kind: ObservabilityKind
) -> None:
    assert observability.kind is kind


def test_nothing_declared_means_nothing_can_be_found_out() -> None:
    assert Observability().kind is ObservabilityKind.NEITHER


def test_a_key_is_alive_at_its_first_intent() -> None:
    assert key_alive(Observability(key_ttl=TTL), FIRST_INTENT)


def test_a_key_is_alive_until_the_last_call_that_can_still_arrive_in_time() -> None:
    assert key_alive(Observability(key_ttl=TTL), LAST_SAFE_CALL - TICK)


def test_a_key_is_dead_when_timeout_and_margin_reach_its_end() -> None:
    assert not key_alive(Observability(key_ttl=TTL), LAST_SAFE_CALL)


def test_a_key_shorter_than_one_call_is_never_alive() -> None:
    assert not key_alive(Observability(key_ttl=TIMEOUT), FIRST_INTENT)


def test_no_key_is_never_alive() -> None:
    assert not key_alive(Observability(probe=True), FIRST_INTENT)


def test_a_repeatable_effect_has_a_key_that_never_expires() -> None:
    assert key_alive(Observability(repeatable=True), FIRST_INTENT + timedelta(days=36_500))


def test_repeatable_outlives_a_key_that_expires() -> None:
    assert key_alive(Observability(key_ttl=TTL, repeatable=True), FIRST_INTENT + 2 * TTL)


@given(
    st.timedeltas(timedelta(0), 2 * TTL),
    st.timedeltas(timedelta(0), TTL),
    st.timedeltas(timedelta(0), TTL),
    st.timedeltas(TICK, 2 * TTL),
)
def test_a_key_is_alive_exactly_while_a_call_ends_before_the_key_does(
    age: timedelta, timeout: timedelta, margin: timedelta, key_ttl: timedelta
) -> None:
    now = FIRST_INTENT + age

    alive = Observability(key_ttl=key_ttl).key_alive(
        now=now, first_intent=FIRST_INTENT, timeout=timeout, margin=margin
    )

    assert alive is (now + timeout + margin < FIRST_INTENT + key_ttl)


@given(st.timedeltas(timedelta(0), 2 * TTL), st.timedeltas(timedelta(0), TTL))
def test_a_dead_key_never_comes_back_to_life(age: timedelta, later: timedelta) -> None:
    observability = Observability(key_ttl=TTL)
    before = key_alive(observability, FIRST_INTENT + age)
    after = key_alive(observability, FIRST_INTENT + age + later)

    assert before or not after


def test_both_with_a_live_key_is_both() -> None:
    assert kind_at(Observability(key_ttl=TTL, probe=True), FIRST_INTENT) is ObservabilityKind.BOTH


def test_both_with_a_dead_key_is_a_probe() -> None:
    observability = Observability(key_ttl=TTL, probe=True)

    assert kind_at(observability, LAST_SAFE_CALL) is ObservabilityKind.PROBE


def test_a_dead_key_alone_is_neither() -> None:
    assert kind_at(Observability(key_ttl=TTL), LAST_SAFE_CALL) is ObservabilityKind.NEITHER


def test_a_live_key_alone_is_a_key() -> None:
    assert kind_at(Observability(key_ttl=TTL), FIRST_INTENT) is ObservabilityKind.KEY


@pytest.mark.parametrize("key_ttl", [timedelta(0), -TICK], ids=["zero", "negative"])
def test_a_key_life_that_is_not_positive_is_refused(key_ttl: timedelta) -> None:
    with pytest.raises(InvalidDeclaration, match=r"key_ttl.*positive"):
        Observability(key_ttl=key_ttl)


def test_a_key_for_ever_is_pointed_to_repeatable() -> None:
    with pytest.raises(InvalidDeclaration, match="repeatable=True"):
        Observability(key_ttl=timedelta.max)


def test_a_key_of_a_century_is_accepted() -> None:
    assert key_alive(Observability(key_ttl=timedelta(days=36_525)), FIRST_INTENT)


def test_a_now_without_a_time_zone_is_refused() -> None:
    with pytest.raises(NaiveInstant, match="now"):
        key_alive(Observability(key_ttl=TTL), FIRST_INTENT.replace(tzinfo=None))


def test_a_first_intent_without_a_time_zone_is_refused() -> None:
    with pytest.raises(NaiveInstant, match="first_intent"):
        Observability(key_ttl=TTL).key_alive(
            now=FIRST_INTENT,
            first_intent=FIRST_INTENT.replace(tzinfo=None),
            timeout=TIMEOUT,
            margin=MARGIN,
        )


def test_a_key_ages_the_same_in_every_time_zone() -> None:
    elsewhere = LAST_SAFE_CALL.astimezone(timezone(timedelta(hours=-11)))

    assert not key_alive(Observability(key_ttl=TTL), elsewhere)
