"""The sagas that are crashed: the trip of the travel example, and one with a savepoint."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from examples.travel.booking import (
    book_flight,
    book_hotel,
    book_trip,
    email_itinerary,
    rent_car,
)
from examples.travel.client import Booking
from examples.travel.partner import Mood
from examples.travel.trip import CarRequest, FlightRequest, HotelRequest, Itinerary, Trip
from sagas import Catalog, Reversibility, parallel, savepoint
from sagas.authoring.saga import Saga
from sagas.model import Status

PERSON = "ana"
APPROVERS = f'[users.{PERSON}]\n\n[groups]\ntravel-desk = ["{PERSON}"]\n'

detours = Catalog("detours")


class Unfit(Exception):
    """The room is not what was promised."""


@detours.action(reversibility=Reversibility.READ_ONLY, definite=(Unfit,))
async def look_at(hotel: Booking, nights: int) -> None:
    """Find fault with every room that was booked for more than one night."""
    if nights > 1:
        raise Unfit(f"{hotel.id} will not do for {nights} nights")


@detours.saga
async def book_detour(trip: Trip) -> Itinerary:
    """Give room and car back when the room will not do, and book for a shorter stay."""
    flight = await book_flight(trip.flight)
    try:
        async with savepoint("lodging"):
            hotel, car = await parallel(book_hotel(trip.hotel), rent_car(trip.car))
            await look_at(hotel, trip.hotel.nights)
    except Unfit:
        shorter = trip.hotel.model_copy(update={"nights": 1})
        hotel, car = await parallel(book_hotel(shorter), rent_car(trip.car))
    itinerary = Itinerary(flight=flight, hotel=hotel, car=car)
    await email_itinerary(trip.traveller, itinerary)
    return itinerary


class Decision(StrEnum):
    """What the person says when they are asked about the mail."""

    APPROVE = "approve"
    REJECT = "reject"
    CANCEL = "cancel"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Scenario:
    """A saga, how the world treats it, and how it must end.

    Attributes:
        moods: Of the partners that are in no good mood.
        cancel_before: The person cancels right before the first call of this action.
        deadline: How long the saga has to its end.
    """

    name: str
    saga: Saga[Trip, Any]
    decision: Decision
    end: Status
    moods: dict[str, Mood] = field(default_factory=dict[str, Mood])
    cancel_before: str | None = None
    deadline: timedelta | None = None


FULL = {"cars": Mood(full=True)}

UNHEARD = {"hotels": Mood(drop_next=1_000_000)}

SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("forward", book_trip, Decision.APPROVE, Status.COMPLETED),
        Scenario("unheard", book_trip, Decision.APPROVE, Status.COMPLETED, UNHEARD),
        Scenario("no-car", book_trip, Decision.APPROVE, Status.COMPENSATED, FULL),
        Scenario("rejected", book_trip, Decision.REJECT, Status.COMPENSATED),
        Scenario("cancelled", book_trip, Decision.CANCEL, Status.COMPENSATED),
        Scenario(
            "cut-short",
            book_trip,
            Decision.CANCEL,
            Status.COMPENSATED,
            cancel_before="book_hotel",
        ),
        Scenario(
            "overdue",
            book_trip,
            Decision.NOTHING,
            Status.COMPENSATED,
            deadline=timedelta(seconds=2),
        ),
        Scenario("detour", book_detour, Decision.APPROVE, Status.COMPLETED),
        Scenario("detour-rejected", book_detour, Decision.REJECT, Status.COMPENSATED),
    )
}


def address_of(saga_id: str) -> str:
    """The mail address of a saga's traveller, by which its mail is known."""
    return f"{saga_id}@example.org"


def trip_of(saga_id: str) -> Trip:
    """A trip whose every request names the saga, so that the partners' books tell whose it is."""
    day = date(2027, 3, 1)
    return Trip(
        traveller=address_of(saga_id),
        flight=FlightRequest(origin="Oslo", destination=saga_id, departure=day),
        hotel=HotelRequest(city=saga_id, arrival=day, nights=3),
        car=CarRequest(city=saga_id, pickup=day, days=3),
    )
