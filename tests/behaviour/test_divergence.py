"""Code that changed while a saga was open: nothing happens under a wrong identity."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Annotated, Any

import pytest
from pydantic import BaseModel

import sagas
from approvals import Sensitive
from sagas import (
    Catalog,
    Reversibility,
    Status,
    StepInterrupted,
    approval,
    parallel,
    savepoint,
)
from tests.behaviour.acting import LIMIT, answer, approve_all, only_question
from tests.behaviour.conftest import House
from tests.behaviour.shop import DAY, HOUR, ONCE, Order
from tests.behaviour.world import World, hang

Write = Callable[[Catalog, dict[str, Any]], None]


def catalog(world: World, write: Write) -> tuple[Catalog, Any]:
    """The same actions in every release; only the body differs."""
    made = Catalog("deployed")

    def compensatable(name: str, **options: Any) -> Any:
        @made.action(reversibility=Reversibility.COMPENSATABLE, key_ttl=DAY, name=name, **options)
        async def act(what: str) -> str:
            return await world.do(what)

        @act.compensation()
        async def undo(what: str, result: str) -> None:
            await world.do(f"undo-{what}")

        return act

    actions = {
        "book": compensatable("book"),
        "rent": compensatable("rent"),
        "sleep": compensatable("sleep"),
        "block": compensatable("block"),
        "gate": compensatable("gate", approval=approval(by="anyone", within=HOUR)),
    }
    write(made, actions)
    return made, next(made.sagas)


def original(made: Catalog, do: dict[str, Any]) -> None:
    @made.saga(name="trip")
    async def trip(order: Order) -> str:
        first = await do["book"]("flight")
        await parallel(do["book"]("hotel"), do["rent"]("car"))
        async with savepoint("block"):
            await do["book"]("inside")
        sagas.now()
        await do["gate"]("asked")
        last: str = await do["book"](f"last-{first}")
        return last


def renamed(made: Catalog, do: dict[str, Any]) -> None:
    @made.saga(name="trip")
    async def trip(order: Order) -> str:
        await do["rent"]("flight")
        return "never"


def removed(made: Catalog, do: dict[str, Any]) -> None:
    @made.saga(name="trip")
    async def trip(order: Order) -> str:
        await parallel(do["book"]("hotel"), do["rent"]("car"))
        await do["gate"]("asked")
        return "never"


def other_arguments(made: Catalog, do: dict[str, Any]) -> None:
    @made.saga(name="trip")
    async def trip(order: Order) -> str:
        await do["book"]("plane")
        return "never"


def inserted(made: Catalog, do: dict[str, Any]) -> None:
    @made.saga(name="trip")
    async def trip(order: Order) -> str:
        await do["rent"]("inserted")
        await do["book"]("flight")
        return "never"


def reordered(made: Catalog, do: dict[str, Any]) -> None:
    @made.saga(name="trip")
    async def trip(order: Order) -> str:
        await do["book"]("flight")
        await parallel(do["rent"]("car"), do["book"]("hotel"))
        await do["rent"]("never")
        return "never"


def branch_removed(made: Catalog, do: dict[str, Any]) -> None:
    @made.saga(name="trip")
    async def trip(order: Order) -> str:
        await do["book"]("flight")
        await parallel(do["book"]("hotel"))
        async with savepoint("block"):
            await do["book"]("inside")
        sagas.now()
        await do["gate"]("asked")
        await do["rent"]("never")
        return "never"


def parallel_removed(made: Catalog, do: dict[str, Any]) -> None:
    @made.saga(name="trip")
    async def trip(order: Order) -> str:
        await do["book"]("flight")
        do_not_run = [do["book"]("hotel"), do["rent"]("car")]
        for step in do_not_run:
            await step
        return "never"


def step_in_block_removed(made: Catalog, do: dict[str, Any]) -> None:
    @made.saga(name="trip")
    async def trip(order: Order) -> str:
        await do["book"]("flight")
        await parallel(do["book"]("hotel"), do["rent"]("car"))
        async with savepoint("block"):
            pass
        sagas.now()
        await do["rent"]("never")
        return "never"


def block_made_a_step(made: Catalog, do: dict[str, Any]) -> None:
    @made.saga(name="trip")
    async def trip(order: Order) -> str:
        await do["book"]("flight")
        await parallel(do["book"]("hotel"), do["rent"]("car"))
        await do["block"]("never")
        return "never"


def ended_early(made: Catalog, do: dict[str, Any]) -> None:
    @made.saga(name="trip")
    async def trip(order: Order) -> str:
        first: str = await do["book"]("flight")
        return first


def raising_early(made: Catalog, do: dict[str, Any]) -> None:
    @made.saga(name="trip")
    async def trip(order: Order) -> str:
        await do["book"]("flight")
        raise ValueError("too early")


def swallowing(made: Catalog, do: dict[str, Any]) -> None:
    @made.saga(name="trip")
    async def trip(order: Order) -> str:
        with suppress(BaseException):
            await do["rent"]("flight")
        await do["rent"]("never")
        return "never"


EDITS = [
    renamed,
    removed,
    other_arguments,
    inserted,
    reordered,
    branch_removed,
    parallel_removed,
    step_in_block_removed,
    block_made_a_step,
    ended_early,
    raising_early,
    swallowing,
]


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.__name__)
async def test_changed_code_is_put_before_a_person_without_an_effect(
    house: House, world: World, edit: Write
) -> None:
    old, saga = catalog(world, original)
    async with house.open(old) as coordinator:
        handle = await coordinator.start(saga, Order(), id="s")
        assert (await handle.settled()).status is Status.WAITING
        await approve_all(coordinator)
        await coordinator.close()
    before = list(world.calls)
    new, _ = catalog(world, edit)
    async with house.open(new) as coordinator:
        outcome = await (await coordinator.resume("s")).outcome(timeout=LIMIT)
        assert outcome.status is Status.STUCK
        question = await only_question(coordinator)
        assert question.kind == "diverged"
        assert "trip/" in question.evidence
        assert any(line.startswith("-") for line in question.evidence.splitlines())
        assert any(line.startswith("+") for line in question.evidence.splitlines())
    assert world.calls == before


@pytest.mark.usefixtures("on_both")
async def test_mended_code_goes_on_from_where_it_was(house: House, world: World) -> None:
    old, saga = catalog(world, original)
    async with house.open(old) as coordinator:
        handle = await coordinator.start(saga, Order(), id="s")
        await handle.settled()
    new, _ = catalog(world, renamed)
    async with house.open(new) as coordinator:
        await approve_all(coordinator)
        handle = await coordinator.resume("s")
        await handle.outcome(timeout=LIMIT)
        question = await only_question(coordinator)
    async with house.open(old) as coordinator:
        await coordinator.resolve(question.id, "resume", reason="rolled back the release")
        outcome = await (await coordinator.resume("s")).outcome(timeout=LIMIT)
    assert outcome.result == "last-flight-done-done"
    assert world.done.count("flight") == 1


async def test_a_diverged_saga_can_be_unwound(house: House, world: World) -> None:
    old, saga = catalog(world, original)
    async with house.open(old) as coordinator:
        await (await coordinator.start(saga, Order(), id="s")).settled()
    new, _ = catalog(world, renamed)
    async with house.open(new) as coordinator:
        await approve_all(coordinator)
        handle = await coordinator.resume("s")
        await handle.outcome(timeout=LIMIT)
        outcome = await answer(coordinator, handle, "unwind")
    assert outcome.status is Status.COMPENSATED
    assert world.undone[0] == "inside"
    assert world.undone[-1] == "flight"


def kinds_of_call(made: Catalog, do: dict[str, Any]) -> None:
    @made.saga(name="kinds")
    async def kinds(order: Order) -> str:
        await do["sleep"]("a step named like a wait")
        await do["gate"]("asked")
        return "done"


def kinds_of_call_changed(made: Catalog, do: dict[str, Any]) -> None:
    @made.saga(name="kinds")
    async def kinds(order: Order) -> str:
        await sagas.sleep(HOUR)
        return "never"


async def test_a_step_that_became_a_wait_of_the_same_name_diverges(
    house: House, world: World
) -> None:
    old, saga = catalog(world, kinds_of_call)
    async with house.open(old) as coordinator:
        await (await coordinator.start(saga, Order(), id="s")).settled()
    new, _ = catalog(world, kinds_of_call_changed)
    async with house.open(new) as coordinator:
        await approve_all(coordinator)
        outcome = await (await coordinator.resume("s")).outcome(timeout=LIMIT)
    assert outcome.status is Status.STUCK
    assert "was no wait" in (outcome.reason or "")


# --- defects -----------------------------------------------------------------------------------


def with_defect(made: Catalog, do: dict[str, Any]) -> None:
    @made.saga(name="trip")
    async def trip(order: Order) -> str:
        await do["book"]("flight")
        return undefined_name  # type: ignore[name-defined,no-any-return] # noqa: F821


def mended(made: Catalog, do: dict[str, Any]) -> None:
    @made.saga(name="trip")
    async def trip(order: Order) -> str:
        return str(await do["book"]("flight"))


def defect_in_branch(made: Catalog, do: dict[str, Any]) -> None:
    @made.saga(name="trip")
    async def trip(order: Order) -> str:
        async def branch() -> str:
            nothing: Any = None
            return str(nothing.missing)

        await parallel(do["book"]("flight"), branch())
        return "never"


def defect_in_group(made: Catalog, do: dict[str, Any]) -> None:
    import asyncio

    @made.saga(name="trip")
    async def trip(order: Order) -> str:
        async def wrong() -> str:
            return str(1 + "1")  # type: ignore[operator]

        async with asyncio.TaskGroup() as group:
            group.create_task(do["book"]("flight"))
            group.create_task(wrong())
        return "never"


@pytest.mark.parametrize("write", [with_defect, defect_in_branch, defect_in_group])
async def test_a_defect_undoes_nothing_until_a_person_has_looked(
    house: House, world: World, write: Write
) -> None:
    made, saga = catalog(world, write)
    async with house.open(made) as coordinator:
        handle = await coordinator.start(saga, Order(), id="s")
        outcome = await handle.outcome(timeout=LIMIT)
        assert outcome.status is Status.STUCK
        assert (await only_question(coordinator)).kind == "defect"
        assert world.undone == []
        outcome = await answer(coordinator, handle, "unwind")
    assert outcome.status is Status.COMPENSATED


async def test_a_mended_defect_goes_on(house: House, world: World) -> None:
    made, saga = catalog(world, with_defect)
    async with house.open(made) as coordinator:
        await (await coordinator.start(saga, Order(), id="s")).outcome(timeout=LIMIT)
        question = await only_question(coordinator)
    new, _ = catalog(world, mended)
    async with house.open(new) as coordinator:
        await coordinator.resolve(question.id, "resume", reason="mended")
        outcome = await (await coordinator.resume("s")).outcome(timeout=LIMIT)
    assert outcome.result == "flight-done"
    assert world.count("flight") == 1


async def test_a_body_that_calls_what_is_retired_has_a_defect(house: House, world: World) -> None:
    made, saga = catalog(world, retiring)
    async with house.open(made) as coordinator:
        await (await coordinator.start(saga, Order(), id="s")).outcome(timeout=LIMIT)
        question = await only_question(coordinator)
    assert question.kind == "defect"
    assert "is retired and kept only for unwinding" in question.evidence


def retiring(made: Catalog, do: dict[str, Any]) -> None:
    @made.retired("gone", version=1)
    async def gone(what: str) -> None: ...

    @gone.compensation()
    async def undo_gone(what: str) -> None: ...

    @made.saga(name="trip")
    async def trip(order: Order) -> str:
        await gone("never")
        return "never"


async def test_a_step_that_was_left_in_doubt_is_not_forgotten_where_nobody_has_its_action(
    house: House, world: World
) -> None:
    made, elsewhere = Catalog("leaving"), Catalog("elsewhere")

    @elsewhere.action(
        reversibility=Reversibility.COMPENSATABLE, retry=ONCE, timeout=timedelta(seconds=1)
    )
    async def lagging(what: str) -> str:
        return await world.do(what)

    @made.saga
    async def leave(order: Order) -> str:
        with suppress(StepInterrupted):
            async with asyncio.timeout(0.3):
                await lagging("slow")
        return "done"

    world.plan("slow", hang)
    async with house.open(made) as coordinator:
        outcome = await coordinator.run(leave, Order(), id="s", timeout=LIMIT)
        question = await only_question(coordinator)
    assert outcome.status is Status.STUCK
    assert question.question == "leave/lagging#1 is in doubt and cannot be settled here"
    assert "no catalog in this process has it" in question.evidence


class Card(BaseModel):
    number: Annotated[str, Sensitive()]
    holder: str


@pytest.mark.parametrize("changed", ["the secret", "the name"])
async def test_t13_no_diff_shows_a_secret(house: House, changed: str) -> None:
    def release(card: Card) -> tuple[Catalog, Any]:
        made = Catalog("secretive")

        @made.action(reversibility=Reversibility.COMPENSATABLE)
        async def charge(padding: str, card: Card) -> None: ...

        @charge.compensation()
        async def refund(padding: str, card: Card) -> None: ...

        @made.saga(name="trip")
        async def trip(order: Order) -> None:
            await charge("x" * 40, card)
            await sagas.event("never")

        return made, trip

    old, trip = release(Card(number="4111-2222-3333-4444", holder="Eve"))
    async with house.open(old) as coordinator:
        await (await coordinator.start(trip, Order(), id="s")).settled()
    number = "4999-8888-7777-6666" if changed == "the secret" else "4111-2222-3333-4444"
    new, _ = release(Card(number=number, holder="Eve" if changed == "the secret" else "Ben"))
    async with house.open(new) as coordinator:
        await coordinator.send("s", "never", key="k")
        await (await coordinator.resume("s")).settled()
        question = await only_question(coordinator)
        assert "4111" not in question.evidence
        assert "4999" not in question.evidence
        sign = "-" if changed == "the secret" else " "
        assert f"{sign} card.number  [redacted: text, 19 characters]" in question.evidence
