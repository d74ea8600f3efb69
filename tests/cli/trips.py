"""The catalog that the command line is tried with."""

import asyncio
from datetime import timedelta

from pydantic import BaseModel

from sagas import (
    Catalog,
    NotExecuted,
    Residue,
    Reversibility,
    Window,
    approval,
    event,
    parallel,
    sleep,
)

travel = Catalog("travel")
mailing = Catalog("mailing")
seats = Catalog("seats")

DAY = timedelta(hours=24)


class Trip(BaseModel):
    """Where to, for how long, and what goes wrong."""

    city: str
    nights: int = 1
    trouble: str = ""


class Hotel(BaseModel):
    """A room."""

    ref: str


class NoRoom(Exception):
    """Nothing was booked."""


@travel.action(reversibility=Reversibility.COMPENSATABLE, key_ttl=DAY, definite=(NoRoom,))
async def book_flight(trip: Trip) -> str:
    return f"F-{trip.city}"


@book_flight.compensation()
async def cancel_flight(trip: Trip, result: str) -> None:
    if trip.trouble == "refund":
        raise NotExecuted("the airline refuses")


@travel.action(reversibility=Reversibility.COMPENSATABLE, key_ttl=DAY, definite=(NoRoom,))
async def book_hotel(trip: Trip) -> Hotel:
    if trip.trouble == "full":
        raise NoRoom("no room in [bold]town[/bold] <b>\x1b[31m")
    return Hotel(ref="H-1")


@book_hotel.compensation(residue="a fee of 25 EUR")
async def cancel_hotel(trip: Trip, result: Hotel) -> Residue | None:
    return None


@travel.action(reversibility=Reversibility.COMPENSATABLE)
async def pay(trip: Trip) -> Hotel:
    raise RuntimeError("the line is dead")


@pay.compensation()
async def refund(trip: Trip, result: Hotel) -> None:
    return None


@travel.action(
    reversibility=Reversibility.IRREVERSIBLE,
    approval=approval(by="anyone", within=timedelta(hours=1)),
)
async def mail(to: str) -> str:
    return "sent"


@travel.action(
    reversibility=Reversibility.IRREVERSIBLE,
    approval=approval(by="@desk", within=timedelta(hours=1)),
)
async def announce(to: str) -> None:
    return None


@travel.action(reversibility=Reversibility.READ_ONLY)
async def ponder(trip: Trip) -> None:
    await asyncio.sleep(0.2)


@seats.action(
    reversibility=Reversibility.COMPENSATABLE, key_ttl=DAY, window=Window(duration=7 * DAY)
)
async def hold_seat(trip: Trip) -> str:
    return f"S-{trip.city}"


@hold_seat.compensation()
async def release_seat(trip: Trip, result: str) -> None: ...


@seats.action(
    reversibility=Reversibility.IRREVERSIBLE, approval=approval(by="anyone", within=2 * DAY)
)
async def tell_guest(seat: str) -> str:
    return f"told of {seat}"


@seats.saga
async def hold(trip: Trip) -> str:
    """A seat that can be let go of for a week, and a message that a person approves."""
    return await tell_guest(await hold_seat(trip))


@travel.action(reversibility=Reversibility.COMPENSATABLE, key_ttl=DAY)
async def block_seat(trip: Trip) -> None: ...


@block_seat.compensation(residue=Residue(amount=25, currency="EUR"), sign_off=True)
async def free_seat(trip: Trip) -> None: ...


@travel.saga
async def seated(trip: Trip) -> None:
    """A seat is blocked, and then it fails: somebody has to accept what that costs."""
    await block_seat(trip)
    raise NoRoom("changed my mind")


@travel.saga
async def book(trip: Trip) -> str:
    """Flight, then hotel: the plainest of trips."""
    flight = await book_flight(trip)
    hotel = await book_hotel(trip)
    return f"{flight} {hotel.ref}"


@travel.saga
async def late(trip: Trip) -> str:
    """Everything is booked, and then it fails."""
    await parallel(book_flight(trip), book_hotel(trip))
    raise NoRoom("changed my mind")


@travel.saga
async def write(trip: Trip) -> str:
    """A mail that a person approves."""
    flight = await book_flight(trip)
    return await mail(flight)


@travel.saga
async def tell(trip: Trip) -> None:
    """A message that the desk approves."""
    await announce(trip.city)


@travel.saga
async def owe(trip: Trip) -> str:
    """A payment that ends in doubt."""
    await book_flight(trip)
    return (await pay(trip)).ref


@travel.saga
async def hear(trip: Trip) -> str:
    """Wait for an event, then sleep for a moment."""
    said = await event("paid")
    await sleep(timedelta(milliseconds=10))
    return str(said)


@travel.saga
async def think(trip: Trip) -> None:
    """Take some time."""
    for _ in range(50):
        await ponder(trip)
    await asyncio.sleep(0)


@mailing.action(
    reversibility=Reversibility.IRREVERSIBLE,
    approval=approval(by="anyone", within=timedelta(hours=1)),
)
async def post(to: str) -> None:
    return None


@mailing.saga
async def only(trip: Trip) -> None:
    """The only saga of its catalog."""
    await post(trip.city)
