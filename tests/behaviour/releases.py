"""Releases of one saga's code: the first, and those in which something was edited."""

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel

from sagas import Catalog, Reversibility, approval
from tests.behaviour.shop import DAY, HOUR, SOON, Order
from tests.behaviour.world import Refusal, World, world


class Booking(BaseModel):
    """What is booked."""

    what: str
    nights: int = 2


class Longer(BaseModel):
    """The same with a member renamed, under a default."""

    what: str
    days: int = 2


class Wider(BaseModel):
    """The same with a member more, under a default."""

    what: str
    nights: int = 2
    pets: bool = False


class Receipt(BaseModel):
    """What a booking gives."""

    number: str


class Paper(BaseModel):
    """The same, with a member that must be there."""

    number: str
    page: int


class Stamped(BaseModel):
    """The same with a member more, under a default."""

    number: str
    stamp: str | None = None


class Release:
    """One release of the catalog.

    Args:
        order: What the body calls, in order.
        first: The name of the action that is called `book` at first; None if it is gone.
        booking: The type of its input.
        receipt: The type of its result.
        reads_before: Whether its compensation takes a before-image.
        takes_result: Whether its compensation takes the result.
    """

    def __init__(
        self,
        *order: str,
        first: str | None = "book",
        booking: type[BaseModel] = Booking,
        receipt: type[BaseModel] = Receipt,
        reads_before: bool = False,
        takes_result: bool = True,
    ) -> None:
        self.order = order or ("first", "rent", "gate", "last")
        self.first = first
        self.booking = booking
        self.receipt = receipt
        self.reads_before = reads_before
        self.takes_result = takes_result

    def build(self, partner: World = world) -> tuple[Catalog, Any]:
        """The catalog and its saga.

        Args:
            partner: Who is asked to do it.
        """
        made = Catalog("deployed")
        options: dict[str, Any] = {
            "reversibility": Reversibility.COMPENSATABLE,
            "key_ttl": DAY,
            "retry": SOON,
            "definite": (Refusal,),
        }
        calls: dict[str, Callable[[], Any]] = {}
        if self.first is not None:
            book = self._book(made, options, partner)
            booking = self.booking
            calls["first"] = lambda: book(booking(what="flight"))

        def plain(name: str, **more: Any) -> Any:
            @made.action(name=name, **options, **more)
            async def act(what: str) -> str:
                return await partner.do(what)

            @act.compensation()
            async def undo(what: str, result: str) -> None:
                await partner.do(f"undo-{what}")

            return act

        rent, gate = plain("rent"), plain("gate", approval=approval(by="anyone", within=HOUR))
        calls["rent"] = lambda: rent("car")
        calls["insure"] = lambda: rent("insurance")
        calls["gate"] = lambda: gate("asked")
        calls["last"] = lambda: rent("last")

        @made.saga(name="trip")
        async def trip(order: Order) -> str:
            for name in self.order:
                await calls[name]()
            return "done"

        return made, trip

    def _book(self, made: Catalog, options: dict[str, Any], partner: World) -> Any:
        booking: Any = self.booking
        receipt: Any = self.receipt

        async def act(request: Any) -> Any:
            number = await partner.do(request.what)
            return receipt.model_validate({"number": number, "page": 1})

        act.__annotations__ = {"request": booking, "return": receipt}
        book = made.action(name=self.first, **options)(act)
        if self.reads_before:
            self._before(book, booking, partner)
        else:
            self._plain(book, booking, receipt, partner)
        return book

    def _plain(self, book: Any, booking: Any, receipt: Any, partner: World) -> None:
        async def undo_by_result(request: Any, result: Any) -> None:
            await partner.do(f"undo-{request.what}")

        async def undo(request: Any) -> None:
            await partner.do(f"undo-{request.what}")

        undo_by_result.__annotations__ = {"request": booking, "result": receipt, "return": None}
        undo.__annotations__ = {"request": booking, "return": None}
        book.compensation()(undo_by_result if self.takes_result else undo)

    def _before(self, book: Any, booking: Any, partner: World) -> None:
        async def read(request: Any) -> str:
            return f"before-{request.what}"

        read.__annotations__ = {"request": booking, "return": str}
        book.before(read)

        async def undo(request: Any, before: str) -> None:
            await partner.do(f"undo-{request.what}")

        undo.__annotations__ = {"request": booking, "before": str, "return": None}
        book.compensation()(undo)


FIRST = Release()

EDITS = {
    "renamed": Release(first="reserve"),
    "removed": Release("rent", "gate", "last", first=None),
    "reordered": Release("rent", "first", "gate", "last"),
    "inserted": Release("insure", "first", "rent", "gate", "last"),
    "input": Release(booking=Longer),
    "result": Release(receipt=Paper),
    "compensation": Release(reads_before=True),
}
"""The kinds of edit that change what code is, under the same version."""
