"""Guards: an effect is undone only if everything is as its action left it, or a person says so."""

from datetime import timedelta
from typing import Any

import pytest

from sagas import Catalog, Coordinator, DefinitionError, Retry, Reversibility, Status, waived
from sagas.entries import CompensationIntended, GuardAsked
from sagas.restoring import entries_of
from tests.behaviour.acting import LIMIT, answer, only_question
from tests.behaviour.conftest import House
from tests.behaviour.shop import DAY, ONCE, Order
from tests.behaviour.world import Refusal, World, lose_answer
from tests.behaviour.world import world as partner

labels = Catalog("labels")
SOON = Retry(attempts=2, first=timedelta(milliseconds=1))


class Shelf:
    """What is on the label now, and how often asking fails."""

    def __init__(self) -> None:
        self.label = "old"
        self.broken = 0
        self.asked = 0


shelf = Shelf()


@pytest.fixture(autouse=True)
def _fresh() -> None:
    shelf.__init__()  # type: ignore[misc]


@labels.action(reversibility=Reversibility.REVERSIBLE, key_ttl=DAY, retry=ONCE)
async def relabel(label: str) -> str:
    shelf.label = label
    return await partner.do(label)


@relabel.before
async def read_label() -> str:
    return shelf.label


@relabel.guard(retry=SOON)
async def is_ours(label: str, before: str) -> bool:
    shelf.asked += 1
    if shelf.broken:
        shelf.broken -= 1
        raise ConnectionResetError("the shelf cannot be reached")
    return shelf.label == label != before


@relabel.compensation()
async def put_back(label: str, before: str) -> None:
    shelf.label = before
    await partner.do(f"undo-{label}")


@labels.saga
async def change(order: Order) -> None:
    await relabel("new")
    if order.choice:
        shelf.label = order.choice
    raise Refusal("no")


async def failed(coordinator: Coordinator, choice: str = "") -> Any:
    """A saga that unwinds."""
    handle = await coordinator.start(change, Order(choice=choice), id="s")
    await handle.outcome(timeout=LIMIT)
    return handle


async def answers(coordinator: Coordinator) -> list[str]:
    told = entries_of((await coordinator.load("s")).rows)
    return [entry.answer for _, _, entry in told if isinstance(entry, GuardAsked)]


async def undos(coordinator: Coordinator) -> int:
    told = entries_of((await coordinator.load("s")).rows)
    return sum(isinstance(entry, CompensationIntended) for _, _, entry in told)


async def test_what_is_as_it_was_left_is_undone(house: House) -> None:
    async with house.open(labels) as coordinator:
        handle = await failed(coordinator)
        assert (await handle.outcome()).status is Status.COMPENSATED
        assert shelf.label == "old"
        assert await answers(coordinator) == ["held"]


async def test_what_somebody_has_changed_is_not_undone(house: House) -> None:
    async with house.open(labels) as coordinator:
        handle = await failed(coordinator, "theirs")
        assert (await handle.outcome()).status is Status.STUCK
        question = await only_question(coordinator)
        assert question.kind == "guard"
        assert "has changed since" in question.question
        assert (shelf.label, await undos(coordinator)) == ("theirs", 0)


async def test_the_guard_is_asked_again_if_a_person_says_so(house: House) -> None:
    async with house.open(labels) as coordinator:
        handle = await failed(coordinator, "theirs")
        assert (await answer(coordinator, handle, "retry")).status is Status.STUCK
        shelf.label = "new"
        assert (await answer(coordinator, handle, "retry")).status is Status.COMPENSATED
        assert shelf.label == "old"
        assert await answers(coordinator) == ["changed", "changed", "held"]


async def test_a_person_has_it_undone_all_the_same(house: House) -> None:
    async with house.open(labels) as coordinator:
        handle = await failed(coordinator, "theirs")
        assert (await answer(coordinator, handle, "anyway")).status is Status.COMPENSATED
        assert (shelf.label, shelf.asked) == ("old", 1)


@pytest.mark.parametrize(("choice", "end"), [("waive", "residual"), ("done", "compensated")])
async def test_a_person_leaves_it_or_has_undone_it_by_other_means(
    house: House, choice: str, end: str
) -> None:
    async with house.open(labels) as coordinator:
        handle = await failed(coordinator, "theirs")
        assert (await answer(coordinator, handle, choice)).status == end
        assert (shelf.label, await undos(coordinator)) == ("theirs", 0)


async def test_a_guard_that_fails_is_asked_again_by_itself(house: House) -> None:
    shelf.broken = 1
    async with house.open(labels) as coordinator:
        handle = await failed(coordinator)
        assert (await handle.outcome()).status is Status.COMPENSATED
        assert (shelf.asked, await answers(coordinator)) == (2, ["held"])


async def test_a_guard_that_cannot_be_asked_is_put_before_a_person(house: House) -> None:
    shelf.broken = 2
    async with house.open(labels) as coordinator:
        handle = await failed(coordinator)
        question = await only_question(coordinator)
        assert "nobody can tell" in question.question
        assert "the shelf cannot be reached" in question.evidence
        assert await answers(coordinator) == ["failed"]
        assert (await answer(coordinator, handle, "retry")).status is Status.COMPENSATED


async def test_an_undo_whose_answer_was_lost_is_not_guarded_again(
    house: House, world: World
) -> None:
    world.plan("undo-new", lose_answer)
    async with house.open(labels) as coordinator:
        handle = await failed(coordinator)
        await handle.outcome(timeout=LIMIT)
        assert await answers(coordinator) == ["held"]


async def test_what_cannot_be_a_guard_is_refused_when_it_is_declared() -> None:
    with pytest.raises(DefinitionError, match="has a guard already"):
        relabel.guard()(is_ours)

    spare = Catalog("spare")

    @spare.action(reversibility=Reversibility.IRREVERSIBLE, approval=waived(reason="a test"))
    async def wire() -> None: ...

    async def holds() -> bool:
        return True

    with pytest.raises(DefinitionError, match="there is nothing to guard"):
        wire.guard()(holds)

    @spare.action(reversibility=Reversibility.REVERSIBLE)
    async def tag() -> None: ...

    async def says() -> str:
        return ""

    with pytest.raises(DefinitionError, match="annotate it as `-> bool`"):
        tag.guard()(says)
