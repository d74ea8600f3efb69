"""The partners of the travel example, over real HTTP."""

import time
from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest

from examples.travel.partner import Mood
from examples.travel.world import World

ROOM = {"city": "Lisbon", "nights": 3}


@pytest.fixture
def hotels(world: World) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=world.url("hotels"), trust_env=False) as client:
        yield client


@pytest.fixture
def key() -> str:
    return uuid4().hex


def book(
    hotels: httpx.Client, key: str, details: dict[str, object] | None = None
) -> httpx.Response:
    headers = {"Idempotency-Key": key}
    return hotels.post("/bookings", json=ROOM if details is None else details, headers=headers)


def cancel(hotels: httpx.Client, booking: str, key: str) -> httpx.Response:
    return hotels.post(f"/bookings/{booking}/cancel", headers={"Idempotency-Key": key})


def effects_under(world: World, key: str) -> list[str]:
    return [line.kind for line in world.ledger("hotels") if line.key == key]


def test_a_booking_without_a_key_is_refused(hotels: httpx.Client) -> None:
    assert hotels.post("/bookings", json=ROOM).status_code == 400


def test_a_body_that_is_no_object_is_refused(hotels: httpx.Client, key: str) -> None:
    answer = hotels.post("/bookings", content=b"[1]", headers={"Idempotency-Key": key})
    assert answer.status_code == 400


def test_the_same_key_gives_the_same_answer(hotels: httpx.Client, key: str) -> None:
    assert book(hotels, key).content == book(hotels, key).content


def test_the_same_key_takes_effect_once(world: World, hotels: httpx.Client, key: str) -> None:
    book(hotels, key)
    book(hotels, key)
    assert effects_under(world, key) == ["book"]


def test_the_same_key_with_another_body_is_refused(hotels: httpx.Client, key: str) -> None:
    book(hotels, key)
    assert book(hotels, key, {"city": "Porto"}).status_code == 422


def test_the_ledger_tells_what_was_booked(world: World, hotels: httpx.Client, key: str) -> None:
    booking = book(hotels, key).json()
    line = world.ledger("hotels")[-1]
    assert (line.key, line.subject, line.body) == (key, booking["id"], ROOM)


def test_a_full_hotel_refuses(world: World, hotels: httpx.Client, key: str) -> None:
    world.set_mood("hotels", Mood(full=True))
    answer = book(hotels, key)
    assert (answer.status_code, answer.json()) == (409, {"error": "full"})


def test_a_refusal_has_no_effect(world: World, hotels: httpx.Client, key: str) -> None:
    world.set_mood("hotels", Mood(full=True))
    book(hotels, key)
    assert effects_under(world, key) == []


def test_a_key_that_was_refused_never_takes_effect(
    world: World, hotels: httpx.Client, key: str
) -> None:
    world.set_mood("hotels", Mood(full=True))
    book(hotels, key)
    world.set_mood("hotels")
    assert book(hotels, key).status_code == 409


def test_a_booking_made_before_the_hotel_was_full_is_answered_again(
    world: World, hotels: httpx.Client, key: str
) -> None:
    book(hotels, key)
    world.set_mood("hotels", Mood(full=True))
    assert book(hotels, key).status_code == 201


def test_a_dropped_booking_gives_no_answer(world: World, hotels: httpx.Client, key: str) -> None:
    world.set_mood("hotels", Mood(drop_next=1))
    with pytest.raises(httpx.TransportError):
        book(hotels, key)


def test_a_dropped_booking_is_found_by_its_reference(
    world: World, hotels: httpx.Client, key: str
) -> None:
    world.set_mood("hotels", Mood(drop_next=1))
    with pytest.raises(httpx.TransportError):
        book(hotels, key)
    found = hotels.get("/bookings", params={"reference": key}).json()
    assert (found["reference"], found["details"]) == (key, ROOM)


def test_only_the_next_booking_is_dropped(world: World, hotels: httpx.Client, key: str) -> None:
    world.set_mood("hotels", Mood(drop_next=1))
    with pytest.raises(httpx.TransportError):
        book(hotels, key)
    assert book(hotels, key).status_code == 201


def test_a_reference_nobody_used_is_not_found(hotels: httpx.Client, key: str) -> None:
    assert hotels.get("/bookings", params={"reference": key}).status_code == 404


def test_a_search_without_a_reference_is_refused(hotels: httpx.Client) -> None:
    assert hotels.get("/bookings").status_code == 400


def test_a_flaky_hotel_fails_before_any_effect(
    world: World, hotels: httpx.Client, key: str
) -> None:
    world.set_mood("hotels", Mood(flaky=1))
    assert book(hotels, key).status_code == 503
    assert effects_under(world, key) == []


def test_a_flaky_hotel_recovers(world: World, hotels: httpx.Client, key: str) -> None:
    world.set_mood("hotels", Mood(flaky=1))
    book(hotels, key)
    assert book(hotels, key).status_code == 201


def test_a_slow_hotel_books_before_it_answers(world: World, hotels: httpx.Client, key: str) -> None:
    world.set_mood("hotels", Mood(slow=30))
    with pytest.raises(httpx.ReadTimeout):
        hotels.post("/bookings", json=ROOM, headers={"Idempotency-Key": key}, timeout=0.3)
    assert effects_under(world, key) == ["book"]


def test_a_slow_hotel_answers_late(world: World, hotels: httpx.Client, key: str) -> None:
    world.set_mood("hotels", Mood(slow=0.2))
    before = time.monotonic()
    book(hotels, key)
    assert time.monotonic() - before >= 0.2


def test_a_cancelled_booking_is_cancelled_once_under_any_key(
    world: World, hotels: httpx.Client, key: str
) -> None:
    booking = book(hotels, key).json()["id"]
    for attempt in ("first", "first", "second"):
        assert cancel(hotels, booking, key + attempt).json()["status"] == "cancelled"
    cancelled = [line for line in world.ledger("hotels") if line.subject == booking]
    assert [line.kind for line in cancelled] == ["book", "cancel"]


def test_a_cancellation_without_a_key_is_refused(hotels: httpx.Client, key: str) -> None:
    booking = book(hotels, key).json()["id"]
    assert hotels.post(f"/bookings/{booking}/cancel").status_code == 400


def test_a_cancellation_tells_its_fee(world: World, hotels: httpx.Client, key: str) -> None:
    world.set_mood("hotels", Mood(fee="25.00 EUR"))
    booking = book(hotels, key).json()["id"]
    assert cancel(hotels, booking, key + "c").json()["fee"] == "25.00 EUR"


def test_a_cancellation_is_free_unless_told_otherwise(hotels: httpx.Client, key: str) -> None:
    booking = book(hotels, key).json()["id"]
    assert "fee" not in cancel(hotels, booking, key + "c").json()


def test_a_booking_that_never_was_cannot_be_cancelled(hotels: httpx.Client, key: str) -> None:
    assert cancel(hotels, "hotel-0", key).status_code == 404


def test_a_flaky_hotel_fails_cancellations_too(
    world: World, hotels: httpx.Client, key: str
) -> None:
    booking = book(hotels, key).json()["id"]
    world.set_mood("hotels", Mood(flaky=1))
    assert cancel(hotels, booking, key + "c").status_code == 503


def test_a_mood_nobody_knows_is_refused(hotels: httpx.Client) -> None:
    assert hotels.post("/mood", json={"grumpy": True}).status_code == 422


def test_each_partner_keeps_its_own_books(world: World, hotels: httpx.Client, key: str) -> None:
    book(hotels, key)
    assert [line for line in world.ledger("flights") if line.key == key] == []


def test_a_partner_says_that_it_is_well(hotels: httpx.Client) -> None:
    assert hotels.get("/health").json() == {"status": "ok"}
