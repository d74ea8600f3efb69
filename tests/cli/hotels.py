"""Catalogs, and the sandboxes that they are drilled against."""

import os
from datetime import timedelta

from sagas import Catalog, Reversibility, approval, current_step
from sagas.testing import Provider, Sandbox

DAY = timedelta(hours=24)

partner = Provider.keyed()
travel = Catalog("travel")
careless = Catalog("careless")


@travel.action(reversibility=Reversibility.REVERSIBLE, key_ttl=DAY)
async def book_hotel(city: str) -> str:
    return await partner.do("hotel", city)


@book_hotel.compensation()
async def cancel_hotel(city: str, result: str | None) -> None:
    await partner.undo("hotel", result)


@travel.action(reversibility=Reversibility.REVERSIBLE, key_ttl=DAY)
async def rent_car(city: str, days: int = 1) -> str:
    return await partner.do("car", city, days=days)


@rent_car.compensation()
async def return_car(city: str, result: str | None) -> None:
    await partner.undo("car", result)


@travel.action(
    reversibility=Reversibility.IRREVERSIBLE,
    key_ttl=DAY,
    approval=approval(by="anyone", within=timedelta(hours=1)),
)
async def mail(to: str) -> str:
    return await partner.do("mail", to)


@travel.action(reversibility=Reversibility.READ_ONLY)
async def look(city: str) -> str:
    return city


@careless.action(reversibility=Reversibility.REVERSIBLE, key_ttl=DAY)
async def book_room(city: str) -> str:
    return await partner.do("room", city)


@book_room.compensation()
async def forget_room(city: str, result: str | None) -> None:
    if os.environ.get("MENDED"):
        await partner.undo("room", result)
    else:
        current_step()


@careless.action(reversibility=Reversibility.REVERSIBLE, key_ttl=DAY)
async def book_table(city: str) -> str:
    return await partner.do("table", city)


@book_table.compensation()
async def cancel_table(city: str, result: str | None) -> None:
    await partner.undo("table", result)


def is_sandbox() -> bool:
    """Whether these functions would go to a sandbox."""
    return os.environ.get("PARTNER") != "production"


sandbox = Sandbox(
    travel,
    name="the partner's sandbox",
    world=partner,
    is_sandbox=is_sandbox,
    examples={"book_hotel": [{"city": "Oslo"}], "rent_car": [{"city": "Oslo", "days": 2}]},
    skip={"mail": "it would send a mail"},
)

bad = Sandbox(
    careless,
    name="the partner's sandbox",
    world=partner,
    is_sandbox=is_sandbox,
    examples={"book_room": [{"city": "Oslo"}], "book_table": [{"city": "Oslo"}]},
)

bare = Sandbox(travel, name="nothing yet", world=partner, is_sandbox=True)
