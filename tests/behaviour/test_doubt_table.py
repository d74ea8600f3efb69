"""Every cell of the table of doubt: what can be observed, forward and back, doing and undoing."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from sagas import (
    Catalog,
    Coordinator,
    Handle,
    NotExecuted,
    Outcome,
    Retry,
    Reversibility,
    Status,
    StepFailed,
    waived,
)
from tests.behaviour.acting import LIMIT, answer, kinds, only_question, until
from tests.behaviour.conftest import House
from tests.behaviour.shop import DAY, PATIENT, Order
from tests.behaviour.world import (
    Behaviour,
    Effect,
    Refusal,
    World,
    lose_answer,
    lose_request,
    refuse,
)
from tests.behaviour.world import world as partner

pytestmark = pytest.mark.usefixtures("on_both")

TWICE = Retry(attempts=2, first=timedelta(milliseconds=5))
COMPENSATABLE = Reversibility.COMPENSATABLE

cells = Catalog("cells")
actions: dict[str, Any] = {}


async def do(what: str) -> str:
    """Call the partner."""
    return await partner.do(what)


def declared(name: str, **observed: Any) -> Any:
    """An action whose effect can be observed so, and whose undo can, too."""
    probed = observed.pop("probe", False)

    async def act(what: str) -> str:
        return await do(what)

    async def undo(what: str, result: str) -> None:
        await do(f"undo-{what}")

    act.__name__ = name
    action = cells.action(
        reversibility=COMPENSATABLE,
        retry=TWICE,
        timeout=PATIENT,
        definite=(Refusal,),
        **observed,
    )(act)
    compensation = action.compensation()(undo)
    if probed:
        action.probe(retry=TWICE)(_find)
        compensation.probe(retry=TWICE)(_is_undone)
    actions[name] = action
    return action


async def _find(what: str) -> str | None:
    return partner.find(what)


async def _is_undone(what: str) -> bool:
    return partner.find(what) is not None


key = declared("key", key_ttl=DAY)
probe = declared("probe", probe=True)
both = declared("both", key_ttl=DAY, probe=True)
neither = declared("neither")


@cells.action(reversibility=COMPENSATABLE, timeout=PATIENT)
async def safe(what: str) -> str:
    """Nobody can tell, but undoing it never does harm."""
    return await do(what)


@safe.compensation()
async def undo_safe(what: str, result: str | None) -> None:
    """Undo it, if it happened."""
    await do(f"undo-{what}")


@cells.action(
    reversibility=Reversibility.IRREVERSIBLE,
    key_ttl=DAY,
    timeout=PATIENT,
    approval=waived(reason="a scenario"),
)
async def final(what: str) -> str:
    """Cannot be undone, although its key would allow to call it again."""
    return await do(what)


def never_again(what: str) -> Reversibility:
    """Whatever was declared, this call cannot be undone."""
    return Reversibility.IRREVERSIBLE


@cells.action(
    reversibility=Reversibility.COMPENSATABLE,
    classify=never_again,
    timeout=PATIENT,
    approval=waived(reason="a scenario"),
)
async def classified(what: str) -> str:
    """Has a compensation that accepts an unknown result, which does not hold for this call."""
    return await do(what)


@classified.compensation(repeatable=True)
async def undo_classified(what: str, result: str | None) -> None:
    """Undo it, where that is possible."""
    await do(f"undo-{what}")


actions |= {"safe": safe, "final": final, "classified": classified}


@cells.saga
async def alone(order: Order) -> str:
    return str(await actions[order.choice]("it"))


@cells.saga
async def caught(order: Order) -> str:
    try:
        return str(await actions[order.choice]("it"))
    except StepFailed as error:
        return f"failed: {error.kind}"


@cells.saga(after_pivot="unwind")
async def after_another(order: Order) -> str:
    await key("before")
    return str(await actions[order.choice]("it"))


@cells.saga
async def failing(order: Order) -> str:
    await key("before")
    await actions[order.choice]("it")
    raise ValueError("no")


# --- going forward -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choice", "lost", "calls", "probes"),
    [
        ("key", lose_answer, 2, 0),
        ("key", lose_request, 2, 0),
        ("probe", lose_answer, 1, 1),
        ("probe", lose_request, 2, 1),
        ("both", lose_answer, 1, 1),
        ("both", lose_request, 2, 1),
    ],
)
async def test_going_forward_doubt_is_settled_without_a_person(
    house: House, world: World, choice: str, lost: Behaviour, calls: int, probes: int
) -> None:
    world.plan("it", lost)
    async with house.open(cells) as coordinator:
        outcome = await coordinator.run(alone, Order(choice=choice), id="s", timeout=LIMIT)
    assert outcome.result == "it-done"
    assert (world.count("it"), len(world.probes), world.done) == (calls, probes, ["it"])


@pytest.mark.parametrize("choice", ["neither", "safe"])
async def test_going_forward_what_cannot_be_observed_is_asked_about(
    house: House, world: World, choice: str
) -> None:
    world.plan("it", lose_answer)
    async with house.open(cells) as coordinator:
        handle = await coordinator.start(alone, Order(choice=choice), id="s")
        assert (await handle.outcome(timeout=LIMIT)).status is Status.STUCK
        assert world.count("it") == 1
        outcome = await answer(coordinator, handle, "happened", result="seen")
    assert outcome.result == "seen"


async def test_a_refusal_with_a_wait_ends_the_last_attempt_and_settles_earlier_doubt(
    house: House, world: World
) -> None:
    world.plan("it", lose_request, refuse_for_now)
    async with house.open(cells) as coordinator:
        outcome = await coordinator.run(caught, Order(choice="key"), id="s", timeout=LIMIT)
        assert "Postponed" not in await kinds(coordinator)
    assert outcome.result == "failed: NotExecuted"
    assert world.done == []


async def refuse_for_now(world: World, call: Effect) -> str:
    """It says no, and when to try again."""
    raise NotExecuted("busy", retry_after=timedelta(milliseconds=5))


# --- in an unwind: what was done ---------------------------------------------------------------


@asynccontextmanager
async def unwinding(
    house: House, world: World, choice: str, lost: Behaviour
) -> AsyncGenerator[tuple[Coordinator, Handle[str]]]:
    """The saga is cancelled while the call is under way, whose answer is lost then."""
    hold = asyncio.Event()

    async def lost_then(world: World, call: Effect) -> str:
        world.under_way.set()
        await hold.wait()
        return await lost(world, call)

    world.plan("it", lost_then)
    async with house.open(cells) as coordinator:
        handle = await coordinator.start(after_another, Order(choice=choice), id="s")
        await asyncio.wait_for(world.under_way.wait(), LIMIT)
        await coordinator.cancel("s", reason="enough")

        async def begun() -> bool:
            return "UnwindBegan" in await kinds(coordinator)

        await until(begun, tries=2_000)
        hold.set()
        yield coordinator, handle


@pytest.mark.parametrize(
    ("choice", "lost", "calls", "probes", "undone"),
    [
        ("key", lose_answer, 2, 0, ["it", "before"]),
        ("key", lose_request, 2, 0, ["it", "before"]),
        ("probe", lose_answer, 1, 1, ["it", "before"]),
        ("probe", lose_request, 1, 1, ["before"]),
        ("both", lose_answer, 1, 1, ["it", "before"]),
        ("both", lose_request, 1, 2, ["before"]),  # the first was too early to count
        ("safe", lose_answer, 1, 0, ["it", "before"]),
    ],
)
async def test_an_unwind_settles_what_was_done_without_a_person(
    house: House,
    world: World,
    choice: str,
    lost: Behaviour,
    calls: int,
    probes: int,
    undone: list[str],
) -> None:
    async with unwinding(house, world, choice, lost) as (_, handle):
        outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.status is Status.COMPENSATED
    assert (world.count("it"), len(world.probes), world.undone) == (calls, probes, undone)


async def test_a_refusal_in_an_unwind_is_a_tombstone(house: House, world: World) -> None:
    async with unwinding(house, world, "key", lose_request) as (coordinator, handle):
        world.plan("it", refuse)
        outcome = await handle.outcome(timeout=LIMIT)
        assert (await kinds(coordinator)).count("Failed") == 1
    assert outcome.status is Status.COMPENSATED
    assert (world.count("it"), world.done, world.undone) == (2, ["before"], ["before"])


@pytest.mark.parametrize("choice", ["neither", "final", "classified"])
async def test_what_an_unwind_may_not_find_out_is_asked_about_while_the_rest_is_undone(
    house: House, world: World, choice: str
) -> None:
    async with unwinding(house, world, choice, lose_request) as (coordinator, handle):
        assert (await handle.outcome(timeout=LIMIT)).status is Status.STUCK
        assert (world.count("it"), world.undone) == (1, ["before"])
        outcome = await answer(coordinator, handle, "not-happened")
    assert outcome.status is Status.COMPENSATED
    assert world.count("it") == 1


async def test_what_was_classified_irreversible_and_happened_is_no_clean_end(
    house: House, world: World
) -> None:
    async with unwinding(house, world, "classified", lose_answer) as (coordinator, handle):
        await handle.outcome(timeout=LIMIT)
        outcome = await answer(coordinator, handle, "happened", result="it-1")
    assert outcome.status is Status.RESIDUAL
    assert (world.count("it"), world.undone) == (1, ["before"])


@pytest.mark.parametrize("choice", ["probe"])
async def test_in_an_unwind_a_probe_that_fails_counts_as_no_probe(
    house: House, world: World, choice: str
) -> None:
    world.blind = 2
    async with unwinding(house, world, choice, lose_answer) as (coordinator, handle):
        assert (await handle.outcome(timeout=LIMIT)).status is Status.STUCK
        assert world.blind == 0
        outcome = await answer(coordinator, handle, "happened", result="it-done")
    assert outcome.status is Status.COMPENSATED
    assert world.undone == ["before", "it"]


async def test_a_probe_that_fails_leaves_the_key(house: House, world: World) -> None:
    world.blind = 2
    async with unwinding(house, world, "both", lose_request) as (_, handle):
        outcome = await handle.outcome(timeout=LIMIT)
    assert outcome.status is Status.COMPENSATED
    assert (world.count("it"), world.undone) == (2, ["it", "before"])


# --- in an unwind: the undo itself -------------------------------------------------------------


async def failed(house: House, choice: str, then: Callable[..., Any] | None = None) -> Outcome[str]:
    async with house.open(cells) as coordinator:
        handle = await coordinator.start(failing, Order(choice=choice), id="s")
        outcome = await handle.outcome(timeout=LIMIT)
        return outcome if then is None else await then(coordinator, handle, outcome)


@pytest.mark.parametrize(
    ("choice", "lost", "calls", "probes"),
    [
        ("key", lose_answer, 2, 0),
        ("key", lose_request, 2, 0),
        ("probe", lose_answer, 1, 1),
        ("probe", lose_request, 2, 1),
        ("both", lose_answer, 1, 1),
        ("both", lose_request, 2, 1),
    ],
)
async def test_an_undo_in_doubt_is_settled_without_a_person(
    house: House, world: World, choice: str, lost: Behaviour, calls: int, probes: int
) -> None:
    world.plan("undo-it", lost)
    outcome = await failed(house, choice)
    assert outcome.status is Status.COMPENSATED
    assert (world.count("undo-it"), len(world.probes)) == (calls, probes)
    assert world.undone == ["it", "before"]


async def test_an_undo_that_cannot_be_observed_is_asked_about_while_the_rest_is_undone(
    house: House, world: World
) -> None:
    async def asked(coordinator: Coordinator, handle: Handle[str], first: Outcome[str]) -> Any:
        assert first.status is Status.STUCK
        question = await only_question(coordinator)
        assert question.kind == "compensation-in-doubt"
        assert world.count("undo-it") == 1
        assert "before" in world.undone
        return await answer(coordinator, handle, "done")

    world.plan("undo-it", lose_answer)
    outcome = await failed(house, "neither", asked)
    assert outcome.status is Status.COMPENSATED
