"""Each kind of edit gets the right verdict from a recorded history, and no action is called."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import sagas
from sagas import Catalog, Reversibility, approval, connect, parallel, savepoint
from sagas.errors import DefinitionError
from sagas.testing import History, Replayed, Verdict, read_history, replay
from sagas.testing.recorded import written
from tests.behaviour.acting import approve_all, only_question
from tests.behaviour.conftest import House
from tests.behaviour.releases import EDITS, FIRST, Release, Stamped
from tests.behaviour.shop import Order, keyed, mail, shop
from tests.behaviour.test_deploys import SUMMARY
from tests.behaviour.world import Effect, Refusal, World, refuse, refuse_beside, renew
from tests.corpus import recording
from tests.corpus.test_corpus import RELEASES, histories, rows_of
from tests.testing.trails import cancel, journal_in, leave_first, of, recorded, refuse_second, two

Plan = Callable[[World], None]


@pytest.fixture
def world() -> World:
    return renew()


@pytest.fixture
def url(tmp_path: Path) -> str:
    return journal_in(tmp_path)


async def under(history: History, body: Any, world: World) -> Replayed:
    """What today's body makes of a history; nothing is called for it."""
    before = list(world.calls)
    found = await replay(written(history), of(body), shop)
    assert list(world.calls) == before
    return found


def _named(value: Any) -> str | None:
    name: str | None = getattr(value, "__name__", None)
    return name


# --- the same code ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "item", [pytest.param(item, id=item["saga"]) for path in RELEASES for item in histories(path)]
)
async def test_every_history_of_every_release_is_the_same(item: dict[str, Any]) -> None:
    assert shop.find_saga(recording.record_late.name, 1) is recording.record_late
    history = History(item["journal"], item["saga"], None, tuple(rows_of(item)))
    assert (await replay(history, shop)).verdict is Verdict.SAME


async def asks_for_nothing(order: Order) -> None:
    """A body that returns nothing."""
    await keyed("first")


async def tries_another_way(order: Order) -> str:
    """A body with a block that is undone."""
    sagas.now()
    try:
        async with savepoint("block"):
            await keyed("first")
            await keyed("second")
    except Refusal:
        return str(await parallel(keyed("left"), keyed("right")))
    return "done"


async def branches_in_a_branch(order: Order) -> None:
    """A body with a branch that opens others while the one beside it fails."""

    async def pair() -> None:
        await parallel(keyed("left"), keyed("right"))

    await parallel(pair(), keyed("second"))


async def past_pivot(order: Order) -> str:
    """A body that fails after what cannot be undone."""
    await mail("letter")
    return await keyed("second")


async def waits(order: Order) -> str:
    """A body that waits for long."""
    await keyed("first")
    await sagas.sleep(timedelta(days=1))
    return "done"


async def broken(order: Order) -> str:
    """A body with a name that is not there."""
    await keyed("first")
    return undefined  # type: ignore[name-defined,no-any-return] # noqa: F821


def refuse_all(world: World) -> None:
    """The partner refuses the second step, and to undo the first."""
    refuse_second(world)
    leave_first(world)


def refuse_second_beside(world: World) -> None:
    """The partner refuses the second step once it is asked for the left one."""

    async def tell(world: World, call: Effect) -> str:
        world.under_way.set()
        return world.happen(call)

    world.plan("left", tell)
    world.plan("second", refuse_beside)


def nothing(world: World) -> None:
    """The partner does what it is asked."""


SAME = [
    pytest.param(two, nothing, None, id="completed"),
    pytest.param(asks_for_nothing, nothing, None, id="completed without a result"),
    pytest.param(two, refuse_second, None, id="compensated after a failure"),
    pytest.param(two, refuse_all, None, id="stuck"),
    pytest.param(waits, nothing, cancel, id="compensated after a cancel"),
    pytest.param(waits, nothing, None, id="waiting"),
    pytest.param(tries_another_way, refuse_second, None, id="with a block that was undone"),
    pytest.param(branches_in_a_branch, refuse_second_beside, None, id="with branches in a branch"),
    pytest.param(past_pivot, refuse_second, None, id="asking, past its pivot"),
]


@pytest.mark.parametrize(("body", "plan", "leave"), SAME)
async def test_the_same_code_is_the_same(
    url: str, world: World, body: Any, plan: Plan, leave: Any
) -> None:
    plan(world)
    history = await recorded(url, body, leave)
    assert str(await under(history, body, world)) == "s: same bodies.saga version 1"


@pytest.mark.parametrize("choice", ["unwind", "keep"])
async def test_what_a_person_ended_past_the_pivot_is_replayed_up_to_there(
    url: str, world: World, choice: str
) -> None:
    refuse_second(world)

    async def decide(coordinator: sagas.Coordinator) -> None:
        question = await only_question(coordinator)
        await coordinator.resolve(question.id, choice, reason="enough")

    history = await recorded(url, past_pivot, decide)
    assert history.saga is not None
    assert history.saga.status.is_end
    assert (await under(history, past_pivot, world)).verdict is Verdict.SAME
    assert (await under(history, two, world)).verdict is Verdict.BLOCKED


# --- every kind of edit -----------------------------------------------------------------------


async def trip(tmp_path: Path, *, refused: bool) -> History:
    """A trip of the first release: completed, or unwound."""
    world = renew()
    if refused:
        world.plan("last", refuse)
    house = House(journal_in(tmp_path), world)
    catalog, saga = FIRST.build()
    async with house.open(catalog) as coordinator:
        handle = await coordinator.start(saga, Order(), id="s")
        await handle.settled()
        await approve_all(coordinator)
        outcome = await handle.outcome()
        assert outcome.completed is not refused
        return await read_history(coordinator.store, "s")


@pytest.mark.parametrize("refused", [False, True], ids=["completed", "compensated"])
@pytest.mark.parametrize("kind", EDITS)
async def test_every_edit_blocks_with_its_diff(tmp_path: Path, kind: str, refused: bool) -> None:
    found = await replay(await trip(tmp_path, refused=refused), EDITS[kind].build()[0])
    assert found.verdict is Verdict.BLOCKED
    assert SUMMARY[kind] in found.diff
    with pytest.raises(AssertionError, match=r"s: blocked deployed\.trip version 1"):
        found.check()


@pytest.mark.parametrize("refused", [False, True], ids=["completed", "compensated"])
async def test_the_first_release_is_the_same(tmp_path: Path, refused: bool) -> None:
    found = await replay(await trip(tmp_path, refused=refused), FIRST.build()[0])
    assert found == Replayed(Verdict.SAME, "s", "deployed.trip", 1)


async def test_a_result_with_a_new_default_is_the_same(tmp_path: Path) -> None:
    found = await replay(await trip(tmp_path, refused=False), Release(receipt=Stamped).build()[0])
    assert found.verdict is Verdict.SAME


async def test_code_that_is_not_there_blocks(url: str, world: World) -> None:
    history = await recorded(url, two)
    for catalog in (Catalog("bodies"), of(two, version=2)):
        found = await replay(history, catalog, shop)
        assert found.verdict is Verdict.BLOCKED
        assert "no catalog here has the saga bodies.saga version 1" in found.diff


# --- what comes after the recorded point ------------------------------------------------------


async def three(order: Order) -> str:
    """A step more."""
    await two(order)
    return await keyed("third")


async def other_word(order: Order) -> str:
    """Another result."""
    await two(order)
    return "another"


async def number(order: Order) -> int:
    """A result of another type."""
    await two(order)
    return 7


async def fails_at_last(order: Order) -> str:
    """A failure after all steps."""
    await two(order)
    raise ValueError("sold out")


async def catches(order: Order) -> str:
    """The failure of the second step is no failure of the saga."""
    await keyed("first")
    try:
        return await keyed("second")
    except Refusal:
        return "without"


async def says_why(order: Order) -> str:
    """The failure has another name."""
    await keyed("first")
    try:
        return await keyed("second")
    except Refusal as error:
        raise LookupError("no second") from error


async def asks_for_an_event(order: Order) -> str:
    """A wait more."""
    await two(order)
    return str(await sagas.event("paid"))


COMPLETED = [
    (three, Verdict.COMPATIBLE, 'shop.keyed version 1  {"what":"third"}  at saga/keyed#3'),
    (asks_for_an_event, Verdict.COMPATIBLE, 'sagas.event("paid")  at saga/event-paid#1'),
    (other_word, Verdict.COMPATIBLE, 'it returns another result now\n- value  "second-done"'),
    (number, Verdict.BLOCKED, "the recorded result of bodies.saga is not what its type says"),
    (fails_at_last, Verdict.BLOCKED, "it returned, and is left by ValueError: sold out now"),
    (broken, Verdict.BLOCKED, "it ended without calling the recorded saga/keyed#2"),
]


@pytest.mark.parametrize(("body", "verdict", "words"), COMPLETED, ids=_named)
async def test_what_follows_a_completed_history_is_told(
    url: str, world: World, body: Any, verdict: Verdict, words: str
) -> None:
    found = await under(await recorded(url, two), body, world)
    assert found.verdict is verdict
    assert words in found.diff


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (catches, "Refusal: no second, and returns now"),
        (says_why, "is left by LookupError: no second now"),
        (other_word, None),
    ],
    ids=_named,
)
async def test_what_follows_a_failure_is_told(
    url: str, world: World, body: Any, words: str | None
) -> None:
    refuse_second(world)
    found = await under(await recorded(url, two), body, world)
    assert found.verdict is (Verdict.SAME if words is None else Verdict.COMPATIBLE)
    assert (words or "") in found.diff


async def test_a_mended_defect_is_compatible(url: str, world: World) -> None:
    history = await recorded(url, broken)
    assert (await under(history, asks_for_nothing, world)).verdict is Verdict.COMPATIBLE
    found = await under(history, broken, world)
    assert found.verdict is Verdict.BLOCKED
    assert "NameError" in found.diff


async def hangs(order: Order) -> str:
    """A body that waits for what no journal records."""
    import asyncio

    await keyed("first")
    await asyncio.sleep(3600)
    return "never"


async def test_a_body_that_does_not_come_back_blocks(url: str, world: World) -> None:
    found = await replay(await recorded(url, two), of(hangs), shop, patience=0.05)
    assert found.verdict is Verdict.BLOCKED
    assert "did not come back" in found.diff


# --- how actions are declared -----------------------------------------------------------------


def by_city(city: str) -> list[str]:
    """A city is what a booking touches."""
    return [city]


def defective(city: str) -> list[str]:
    """A function with a defect."""
    raise KeyError(city)


def booking(*, undo: bool = True, **options: Any) -> Catalog:
    """A catalog with one action."""
    made = Catalog("made")
    options.setdefault("reversibility", Reversibility.COMPENSATABLE)

    @made.action(**options)
    async def book(city: str) -> str:
        return city

    if undo:

        @book.compensation()
        async def cancel_it(result: str) -> None: ...

    @made.saga
    async def travel(city: str) -> str:
        return await book(city)

    return made


async def booked(url: str) -> History:
    made = booking()
    saga = made.find_saga("made.travel", 1)
    assert saga is not None
    async with connect(url, made) as coordinator:
        await coordinator.run(saga, "Oslo", id="s")
        return await read_history(coordinator.store, "s")


@pytest.mark.parametrize(
    ("now", "verdict", "words"),
    [
        (booking(), Verdict.SAME, ""),
        (booking(conflicts=by_city), Verdict.COMPATIBLE, "+ conflicts  Oslo"),
        (
            booking(reversibility=Reversibility.READ_ONLY, undo=False),
            Verdict.BLOCKED,
            "has no compensation now",
        ),
        (
            booking(conflicts=defective),
            Verdict.BLOCKED,
            "cannot be computed: KeyError",
        ),
        (
            booking(approval=approval(by="anyone", within=timedelta(hours=1))),
            Verdict.COMPATIBLE,
            "- approval  not asked",
        ),
    ],
    ids=["the same", "conflicts", "no compensation", "a defect", "an approval"],
)
async def test_how_an_action_is_declared_is_held_against_what_is_recorded(
    url: str, now: Catalog, verdict: Verdict, words: str
) -> None:
    found = await replay(await booked(url), now)
    assert found.verdict is verdict
    assert words in found.diff


async def test_two_catalogs_of_one_name_are_refused(url: str) -> None:
    with pytest.raises(DefinitionError, match="two catalogs"):
        await replay(await booked(url), booking(), booking())


# --- files ------------------------------------------------------------------------------------


async def test_a_path_is_read(url: str, world: World, tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    path.write_bytes(written(await recorded(url, two)))
    assert (await replay(path, of(two), shop)).verdict is Verdict.SAME


@pytest.mark.parametrize("content", [b"", b'{"format": "agent-sagas history", "version": 9}'])
async def test_what_is_no_history_is_unreadable(content: bytes) -> None:
    found = await replay(content, shop)
    assert found.verdict is Verdict.UNREADABLE
    assert found.diff


async def test_a_history_that_was_changed_is_unreadable(url: str, world: World) -> None:
    document = json.loads(written(await recorded(url, two)))
    document["entries"][1]["payload"] = '{"what":"x"}'
    found = await replay(json.dumps(document).encode(), of(two), shop)
    assert found.verdict is Verdict.UNREADABLE
    assert "entry 2" in found.diff


async def test_an_entry_of_a_newer_release_is_unreadable(url: str, world: World) -> None:
    history = await recorded(url, two)
    newer = history.rows[1]._replace(kind="Teleported")
    found = await replay(
        History("j", "s", None, (history.rows[0], newer, *history.rows[2:])), of(two), shop
    )
    assert found.verdict is Verdict.UNREADABLE
    assert "upgrade to read it" in found.diff


async def test_a_saga_that_never_began_is_unreadable() -> None:
    assert (await replay(History("j", "s", None, ()), shop)).verdict is Verdict.UNREADABLE
