"""Small sagas over a provider, as a user would write them."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sagas import Catalog, Reversibility, approval, parallel, sleep
from sagas.authoring.saga import Saga
from sagas.testing import Provider

KEY_TTL = timedelta(hours=24)


@dataclass(frozen=True)
class Shop:
    """A catalog, its provider and its sagas by name."""

    catalog: Catalog
    provider: Provider
    trip: Saga[str, str]
    """Holds two rooms side by side, sleeps for an hour, then mails, which a person approves."""
    stay: Saga[str, str]
    """Holds two rooms, one after the other."""


def shop(*, undoes: bool = True, provider: Provider | None = None) -> Shop:
    """A shop; one that does not undo has a compensation that does nothing."""
    catalog = Catalog("shop")
    partner = provider or Provider()

    @catalog.action(reversibility=Reversibility.COMPENSATABLE, key_ttl=KEY_TTL)
    async def hold(room: str) -> str:
        return await partner.do("hold", room)

    @hold.compensation()
    async def release(room: str, result: str) -> None:
        if undoes:
            await partner.undo("hold", result)

    @catalog.action(
        reversibility=Reversibility.IRREVERSIBLE,
        approval=approval(by="@desk", within=timedelta(hours=4)),
    )
    async def mail(to: str) -> str:
        return await partner.do("mail", to)

    @catalog.saga
    async def trip(traveller: str) -> str:
        await parallel(hold("sea view"), hold("garden"))
        await sleep(timedelta(hours=1))
        await mail(traveller)
        return traveller

    @catalog.saga
    async def stay(guest: str) -> str:
        first = await hold("first night")
        second = await hold("second night")
        return f"{guest}: {first}, {second}"

    return Shop(catalog, partner, trip, stay)


def kinds_of(report: Any) -> set[str]:
    """The rules that a report says were broken."""
    return {violation.rule for violation in report.violations}
