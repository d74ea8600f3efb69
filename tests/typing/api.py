"""What the type checkers must infer of the public API. Checked by mypy and pyright, never run."""

from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, assert_type
from uuid import UUID

import sagas
from sagas import (
    Catalog,
    Coordinator,
    Handle,
    Outcome,
    Residue,
    Retry,
    Reversibility,
    approval,
    connect,
    parallel,
    run_sync,
    savepoint,
    waived,
)


class Request: ...


class Hotel: ...


class Car: ...


travel = Catalog("travel")


@travel.action(
    reversibility=Reversibility.COMPENSATABLE,
    key_ttl=timedelta(hours=24),
    retry=Retry(attempts=5),
    definite=(LookupError,),
    raises=(ValueError,),
)
async def book_hotel(request: Request, nights: int = 1) -> Hotel:
    return Hotel()


@book_hotel.compensation(residue="a fee may remain")
async def cancel_hotel(request: Request, result: Hotel) -> Residue | None:
    return Residue("a fee", amount="5.00", currency="EUR")


@book_hotel.probe(lag=timedelta(seconds=2))
async def find_hotel(request: Request) -> Hotel | None:
    assert_type(sagas.current_step().idempotency_key, str)
    return None


@cancel_hotel.probe()
async def hotel_cancelled(result: Hotel) -> bool:
    return True


@travel.action(
    reversibility=Reversibility.IRREVERSIBLE,
    approval=approval(by="@desk", within=timedelta(hours=4)),
    definite=lambda error: isinstance(error, OSError),
)
def rent_car(*, size: str) -> Car:
    return Car()


@travel.action(reversibility=Reversibility.IRREVERSIBLE, approval=waived(reason="a test"))
async def mail(to: str) -> None: ...


async def helper(request: Request) -> tuple[Hotel, int]:
    return await book_hotel(request, 2), 2


@travel.saga
async def trip(request: Request) -> Hotel:
    step = assert_type(book_hotel(request), Coroutine[object, None, Hotel])
    assert_type(await step, Hotel)
    assert_type(await book_hotel(request), Hotel)
    assert_type(await book_hotel(request, nights=2), Hotel)
    assert_type(await rent_car(size="small"), Car)
    await mail("ana")

    assert_type(await parallel(book_hotel(request)), tuple[Hotel])
    assert_type(await parallel(book_hotel(request), rent_car(size="s")), tuple[Hotel, Car])
    assert_type(
        await parallel(book_hotel(request), rent_car(size="s"), helper(request)),
        tuple[Hotel, Car, tuple[Hotel, int]],
    )
    assert_type(await parallel(*[book_hotel(request) for _ in range(3)]), tuple[Hotel, ...])
    assert_type(
        await parallel(parallel(book_hotel(request), helper(request)), sagas.sleep(timedelta())),
        tuple[tuple[Hotel, tuple[Hotel, int]], None],
    )
    async with savepoint("lodging"):
        assert_type(sagas.now(), datetime)
        assert_type(sagas.uuid(), UUID)
        await sagas.sleep(timedelta(minutes=5))
        assert_type(await sagas.event("paid", until=sagas.now()), Any)
    return await book_hotel(request)


@travel.saga(after_pivot="unwind", version=2, deadline=timedelta(days=1))
async def short_trip(request: Request) -> None: ...


async def use(request: Request) -> None:
    async with connect("sqlite:///trips.db", travel) as coordinator:
        assert_type(coordinator, Coordinator)
        handle = await coordinator.start(trip, request, id="trip-42")
        assert_type(handle, Handle[Hotel])
        outcome = await handle.outcome()
        assert_type(outcome, Outcome[Hotel])
        assert_type(outcome.result, Hotel | None)
        assert_type(outcome.completed, bool)
        assert_type(await coordinator.run(short_trip, request, id="t"), Outcome[None])
        await coordinator.start(trip, request, id="t", deadline=timedelta(hours=1))
        await coordinator.start(trip, request, id="t", deadline=datetime.now(UTC))

        # What follows must be refused; a checker that lets it pass reports an unused comment.
        await book_hotel("Rome")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        await book_hotel()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
        await rent_car("small")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
        await coordinator.start(trip, "Rome", id="t")  # type: ignore[misc]  # pyright: ignore[reportArgumentType]
        await coordinator.start(trip, request)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
        book_hotel(request)  # type: ignore[unused-coroutine]  # pyright: ignore[reportUnusedCoroutine]
        await coordinator.start(trip, request, id="t", deadline=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        travel.action()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def use_without_a_loop(request: Request) -> None:
    assert_type(run_sync(trip, request, id="trip-42", catalog=travel), Outcome[Hotel])
