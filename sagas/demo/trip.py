"""A trip as a saga: book flight, hotel and car, then mail the itinerary, once a person has approved.

It is what `sagas demo slack` runs, and a saga as you would write one: see `partners` for the other
side. Touches: the partners.
"""

from datetime import timedelta

from pydantic import BaseModel

from reversibility import Magnitude, Reversibility
from sagas import Catalog, Residue, approval, because, current_step, parallel
from sagas.demo import partners

__all__ = ["Trip", "travel"]

travel = Catalog("travel_demo")

_KEY_TTL = timedelta(hours=24)
_LAG = timedelta(seconds=2)
_FEE = "a cancellation fee may remain"


class Trip(BaseModel):
    """Where somebody goes, and the address that is told."""

    traveller: str
    email: str
    city: str
    nights: int


class Booked(BaseModel):
    """What a partner has reserved."""

    id: str


@travel.action(reversibility=Reversibility.COMPENSATABLE, key_ttl=_KEY_TTL)
def book_flight(city: str) -> Booked:
    """Reserve a seat."""
    return Booked(id=partners.book("flight", city, key=current_step().idempotency_key))


@book_flight.compensation()
def cancel_flight(result: Booked) -> Residue | None:
    """Give the seat back."""
    return _kept(partners.cancel(result.id))


@book_flight.probe(lag=_LAG)
def find_flight() -> Booked | None:
    """Ask whether a lost call reserved the seat."""
    return _found(partners.find(key=current_step().idempotency_key))


@travel.action(reversibility=Reversibility.COMPENSATABLE, key_ttl=_KEY_TTL)
def book_hotel(city: str, nights: int) -> Booked:
    """Reserve a room."""
    key = current_step().idempotency_key
    return Booked(id=partners.book("hotel", f"{city}, {nights} nights", key=key))


@book_hotel.compensation(residue=_FEE)
def cancel_hotel(result: Booked) -> Residue | None:
    """Give the room back."""
    return _kept(partners.cancel(result.id))


@book_hotel.probe(lag=_LAG)
def find_hotel() -> Booked | None:
    """Ask whether a lost call reserved the room."""
    return _found(partners.find(key=current_step().idempotency_key))


@travel.action(reversibility=Reversibility.COMPENSATABLE, key_ttl=_KEY_TTL)
def rent_car(city: str, days: int) -> Booked:
    """Reserve a car."""
    key = current_step().idempotency_key
    return Booked(id=partners.book("car", f"{city}, {days} days", key=key))


@rent_car.compensation()
def cancel_car(result: Booked) -> Residue | None:
    """Give the car back."""
    return _kept(partners.cancel(result.id))


@rent_car.probe(lag=_LAG)
def find_car() -> Booked | None:
    """Ask whether a lost call reserved the car."""
    return _found(partners.find(key=current_step().idempotency_key))


def _reaching(to: str) -> Magnitude:
    return Magnitude(recipients=len(to.split(",")))


@travel.action(
    reversibility=Reversibility.IRREVERSIBLE,
    approval=approval(by="@travel-desk", within=timedelta(hours=4)),
    magnitude=_reaching,
    definite=(partners.NoSuchAddress,),
)
def email_itinerary(to: str, subject: str, text: str) -> None:
    """Tell the traveller, for good."""
    partners.mail(to, f"{subject}\n\n{text}", key=current_step().idempotency_key)


@travel.saga
async def book_trip(trip: Trip) -> None:
    """Book all three, or none, and tell the traveller."""
    flight = await book_flight(trip.city)
    hotel, car = await parallel(
        book_hotel(trip.city, trip.nights), rent_car(trip.city, trip.nights)
    )
    booked = f"Flight {flight.id}, hotel {hotel.id}, car {car.id}."
    with because(f"{trip.traveller} leaves tomorrow and has asked for the itinerary."):
        await email_itinerary(trip.email, f"Your trip to {trip.city}", booked)


def _kept(fee: str | None) -> Residue:
    return Residue(f"cancellation fee of {fee}") if fee else Residue.nothing()


def _found(booking: str | None) -> Booked | None:
    return None if booking is None else Booked(id=booking)
