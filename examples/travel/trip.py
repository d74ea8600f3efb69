"""What a trip is: three requests, and the itinerary that answers them."""

from datetime import date

from pydantic import BaseModel

from examples.travel.client import Booking


class FlightRequest(BaseModel):
    """A seat from one city to another."""

    origin: str
    destination: str
    departure: date


class HotelRequest(BaseModel):
    """A room for some nights."""

    city: str
    arrival: date
    nights: int


class CarRequest(BaseModel):
    """A car for some days."""

    city: str
    pickup: date
    days: int


class Trip(BaseModel):
    """All a traveller needs, and the address that is told."""

    traveller: str
    flight: FlightRequest
    hotel: HotelRequest
    car: CarRequest


class Itinerary(BaseModel):
    """Everything booked."""

    flight: Booking
    hotel: Booking
    car: Booking


class Receipt(BaseModel):
    """The mail that was sent."""

    message_id: str
