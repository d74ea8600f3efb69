"""Types and an action that other processes import, to encode their payloads."""

from datetime import timedelta
from typing import Any

from pydantic import BaseModel, field_serializer

from sagas import Catalog, Reversibility


class Tags(BaseModel):
    """Its tags come in the order of a set, and it does not mind."""

    tags: list[str]

    @field_serializer("tags")
    def unordered(self, tags: list[str]) -> list[str]:
        return sorted(tags, key=hash)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tags) and sorted(self.tags) == sorted(other.tags)

    __hash__ = None  # type: ignore[assignment]


class Basket(BaseModel):
    """Nothing is wrong with it."""

    owner: str
    amounts: dict[str, int] = {}


wares = Catalog("wares")


@wares.action(reversibility=Reversibility.COMPENSATABLE, key_ttl=timedelta(hours=24))
async def fill(basket: Basket, times: int = 1) -> Tags:
    """Its inputs are well, its result is not."""
    return Tags(tags=[basket.owner] * times)


@fill.before
async def look() -> dict[str, Any]:
    """See what is there."""
    return {}


@fill.compensation()
async def empty(basket: Basket) -> None:
    """Take it all out."""
