"""What the inbox is tested with: an article that is published after a yes, and who may say it."""

from datetime import timedelta
from pathlib import Path

from pydantic import BaseModel

from sagas import Catalog, Reversibility, approval

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


@shop.saga
async def clear(letter: Letter) -> None:
    await shred(letter)


@shop.saga
async def buy(item: str) -> str:
    return await charge(item)


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
