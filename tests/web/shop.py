"""What the inbox is tested with: an article that is published after a yes, and who may say it."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, field_validator

from approvals import Sensitive
from sagas import Catalog, Residue, Reversibility, approval

DIRECTORY = """
[users.ana]
[users.ben]
[users.cy]
[users.dee]

[groups]
desk = ["ana", "ben", "cy"]
"""

shop = Catalog("shop")


class Letter(BaseModel):
    to: str
    subject: str
    body: str


@shop.action(reversibility=Reversibility.COMPENSATABLE)
async def reserve(item: str) -> str:
    return f"reserved {item}"


@reserve.compensation()
async def release(item: str) -> None: ...


@shop.action(
    reversibility=Reversibility.IRREVERSIBLE,
    approval=approval(by="@desk", within=timedelta(hours=4)),
)
async def mail(letter: Letter) -> str:
    return f"mailed to {letter.to}"


@shop.action(
    reversibility=Reversibility.IRREVERSIBLE,
    approval=approval(by="@desk", quorum=2, within=timedelta(hours=4), reason_required=True),
)
async def print_book(letter: Letter) -> str:
    return "printed"


@shop.action(
    reversibility=Reversibility.IRREVERSIBLE,
    approval=approval(by="@desk", separate=True, within=timedelta(hours=4)),
)
async def shred(letter: Letter) -> None: ...


@shop.action(reversibility=Reversibility.COMPENSATABLE)
async def charge(item: str) -> str:
    raise ConnectionResetError(f"nobody knows whether {item} was charged")


@charge.compensation()
async def refund(item: str) -> None: ...


@shop.saga
async def announce(letter: Letter) -> str:
    await reserve(letter.subject)
    return await mail(letter)


@shop.saga
async def publish(letter: Letter) -> str:
    return await print_book(letter)


class Card(BaseModel):
    number: Annotated[str, Sensitive()]
    holder: str


class Order(BaseModel):
    account: str
    item: str
    note: str
    copies: int
    price: Decimal
    discount: float
    gift: bool
    speed: Literal["slow", "fast"]
    tags: list[str]
    giver: str | None
    card: Card

    @field_validator("copies")
    @classmethod
    def few(cls, copies: int) -> int:
        if copies > 99:
            raise ValueError("order at most 99 at once")
        return copies


@shop.action(
    reversibility=Reversibility.IRREVERSIBLE,
    approval=approval(by="@desk", within=timedelta(hours=4), pinned="order.account"),
)
async def ship(order: Order) -> str:
    return f"{order.copies} {order.item} at {order.price}"


@shop.action(
    reversibility=Reversibility.IRREVERSIBLE,
    approval=approval(
        by="ana", within=timedelta(hours=4), escalate={timedelta(microseconds=1): "dee"}
    ),
)
async def shout(letter: Letter) -> str:
    return "shouted"


@shop.saga
async def proclaim(letter: Letter) -> str:
    return await shout(letter)


@shop.action(
    reversibility=Reversibility.IRREVERSIBLE,
    approval=approval(by="ana", veto="dee", within=timedelta(hours=4)),
)
async def scatter(letter: Letter) -> None: ...


@shop.saga
async def drop(letter: Letter) -> None:
    await scatter(letter)


@shop.saga
async def sell(order: Order) -> str:
    return await ship(order)


@shop.saga
async def clear(letter: Letter) -> None:
    await shred(letter)


@shop.saga
async def buy(item: str) -> str:
    return await charge(item)


@shop.action(reversibility=Reversibility.COMPENSATABLE, repeatable=True)
async def lend(item: str) -> str:
    return item


@lend.compensation(sign_off=True)
async def fetch(result: str) -> Residue:
    return Residue(f"{result} has a scratch", amount=25, currency="EUR")


@shop.saga
async def lend_out(item: str) -> str:
    await lend(item)
    raise ValueError("the borrower has moved")


def directory(folder: Path) -> Path:
    """Who may decide, in a file."""
    path = folder / "people.toml"
    path.write_text(DIRECTORY)
    return path


LETTER = Letter(
    to="readers@example.org",
    subject="The spring list",
    body="Forty new books, and a word about each of them.",
)

ORDER = Order(
    account="DE-7",
    item="lamp",
    note="Wrap it well.\nLeave it with the neighbours.",
    copies=2,
    price=Decimal("12.50"),
    discount=0.1,
    gift=True,
    speed="slow",
    tags=["spring"],
    giver=None,
    card=Card(number="4111111111111111", holder="Ana"),
)
