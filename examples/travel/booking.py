"""A trip as a saga: book flight, hotel and car, then mail the itinerary.

Run it as `sagas run examples.travel.booking:travel.book_trip --input @trip.json`, with the
partners' addresses in FLIGHTS_URL, HOTELS_URL, CARS_URL and SMTP_URL.

Each booking is sent under the step's own key, so that it can be repeated, asked about and matched
with the partner's books. The mail can be neither repeated nor asked about nor taken back: a person
approves it first, and a crash while it is being sent is put before a person too.
"""

from datetime import timedelta

from examples.travel.client import Booking, NoRoom, PartnerClient
from examples.travel.mail import send_mail
from examples.travel.trip import CarRequest, FlightRequest, HotelRequest, Itinerary, Receipt, Trip
from sagas import Catalog, Residue, Retry, Reversibility, approval, current_step, parallel

travel = Catalog("travel")

flights = PartnerClient("FLIGHTS_URL")
hotels = PartnerClient("HOTELS_URL")
cars = PartnerClient("CARS_URL")

KEY_TTL = timedelta(hours=24)
RETRY = Retry(attempts=5)
LAG = timedelta(seconds=2)
FEE = "a cancellation fee may remain"


@travel.action(
    reversibility=Reversibility.COMPENSATABLE, key_ttl=KEY_TTL, retry=RETRY, definite=(NoRoom,)
)
async def book_flight(request: FlightRequest) -> Booking:
    """Reserve seats."""
    return await flights.book(request, key=current_step().idempotency_key)


@book_flight.compensation(residue=FEE)
async def cancel_flight(request: FlightRequest, result: Booking) -> Residue | None:
    """Give the seats back."""
    return kept(await flights.cancel(result, key=current_step().idempotency_key))


@book_flight.probe(lag=LAG)
async def find_flight(request: FlightRequest) -> Booking | None:
    """Ask whether a lost call reserved the seats."""
    return await flights.find(key=current_step().idempotency_key)


@travel.action(
    reversibility=Reversibility.COMPENSATABLE, key_ttl=KEY_TTL, retry=RETRY, definite=(NoRoom,)
)
async def book_hotel(request: HotelRequest) -> Booking:
    """Reserve a room."""
    return await hotels.book(request, key=current_step().idempotency_key)


@book_hotel.compensation(residue=FEE)
async def cancel_hotel(request: HotelRequest, result: Booking) -> Residue | None:
    """Give the room back."""
    return kept(await hotels.cancel(result, key=current_step().idempotency_key))


@book_hotel.probe(lag=LAG)
async def find_hotel(request: HotelRequest) -> Booking | None:
    """Ask whether a lost call reserved the room."""
    return await hotels.find(key=current_step().idempotency_key)


@travel.action(
    reversibility=Reversibility.COMPENSATABLE, key_ttl=KEY_TTL, retry=RETRY, definite=(NoRoom,)
)
async def rent_car(request: CarRequest) -> Booking:
    """Reserve a car."""
    return await cars.book(request, key=current_step().idempotency_key)


@rent_car.compensation(residue=FEE)
async def cancel_car(request: CarRequest, result: Booking) -> Residue | None:
    """Give the car back."""
    return kept(await cars.cancel(result, key=current_step().idempotency_key))


@rent_car.probe(lag=LAG)
async def find_car(request: CarRequest) -> Booking | None:
    """Ask whether a lost call reserved the car."""
    return await cars.find(key=current_step().idempotency_key)


@travel.action(
    reversibility=Reversibility.IRREVERSIBLE,
    approval=approval(by="@travel-desk", within=timedelta(hours=4)),
)
async def email_itinerary(to: str, itinerary: Itinerary) -> Receipt:
    """Tell the traveller, for good."""
    text = f"Flight {itinerary.flight.id}\nHotel {itinerary.hotel.id}\nCar {itinerary.car.id}\n"
    key = current_step().idempotency_key
    return Receipt(message_id=await send_mail(to, "Your itinerary", text, key=key))


@travel.saga
async def book_trip(trip: Trip) -> Itinerary:
    """Book all three, or none, and tell the traveller."""
    flight = await book_flight(trip.flight)
    hotel, car = await parallel(book_hotel(trip.hotel), rent_car(trip.car))
    itinerary = Itinerary(flight=flight, hotel=hotel, car=car)
    await email_itinerary(trip.traveller, itinerary)
    return itinerary


def kept(fee: str | None) -> Residue:
    """Say what a cancellation leaves behind, now that the partner has told."""
    return Residue(f"cancellation fee of {fee}") if fee else Residue.nothing()
