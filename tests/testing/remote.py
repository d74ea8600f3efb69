"""Sagas that real processes import, and the worlds outside of them that they act on.

A journey has a step after a step, two side by side, a gate and a sleep, and meets everything that
a process leaves to the next one.
"""

import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from sagas import Catalog, Reversibility, approval, current_step, parallel, sleep
from sagas.testing import Provider

FILE_VARIABLE = "SAGAS_TEST_PARTNER"
CRIME_VARIABLE = "SAGAS_TEST_CRIME"
KEY_TTL = timedelta(hours=24)


class Ticket(BaseModel):
    """A result of a type of its own."""

    number: str


def partner() -> Provider:
    """The partner, whose books are in a file that every process finds."""
    return Provider(at=Path(os.environ[FILE_VARIABLE]))


remote = Catalog("remote")
KEYED: Any = {"reversibility": Reversibility.COMPENSATABLE, "key_ttl": KEY_TTL}


@remote.action(**KEYED)
async def seat(city: str) -> Ticket:
    return Ticket(number=await partner().do("seat", city))


@seat.compensation()
async def free_seat(result: Ticket) -> None:
    await partner().undo("seat", result.number)


@remote.action(**KEYED)
async def room(city: str) -> str:
    return await partner().do("room", city)


@room.compensation()
async def cancel_room(result: str) -> None:
    await partner().undo("room", result)


@remote.action(
    reversibility=Reversibility.IRREVERSIBLE,
    key_ttl=KEY_TTL,
    approval=approval(by="@desk", within=timedelta(hours=4)),
)
async def tell(city: str) -> None:
    await partner().do("letter", city)


@remote.saga
async def journey(city: str) -> str:
    ticket = await seat(city)
    await parallel(room(city), room(city + " again"))
    await sleep(timedelta(hours=1))
    await tell(city)
    return ticket.number


@remote.saga
async def stay(city: str) -> str:
    return await room(city)


# --- some with defects --------------------------------------------------------------------------------

careless = Catalog("careless")


@careless.action(**KEYED)
async def pay(city: str) -> str:
    return await partner().do(
        "payment", city, key=f"{current_step().idempotency_key} {os.getpid()}"
    )


@pay.compensation()
async def refund(result: str) -> None:
    await partner().undo("payment", result)


@careless.saga
async def purchase(city: str) -> str:
    return await pay(city)


@careless.action(**KEYED)
async def steal(city: str) -> Any:
    crime = os.environ[CRIME_VARIABLE]
    if crime == "exit":
        os._exit(3)
    if crime == "hang":
        time.sleep(600)  # noqa: ASYNC251  that is the crime

    class Local(BaseModel):
        number: int = 1

    await partner().do("theft", city)
    return Local()


@steal.compensation()
async def give_back(city: str) -> None:
    await partner().undo("theft", city)


@careless.saga
async def outlaw(city: str) -> Any:
    return await steal(city)
