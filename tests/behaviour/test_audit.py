"""What an audit tells of sagas that were undone: as it was, whatever had gone wrong."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from compensations import Residue
from reversibility import Reversibility
from sagas import Coordinator, Status, parallel, savepoint
from sagas.audit import AuditRecord, Matter, Proof, Unaudited
from sagas.auditing import account
from sagas.errors import Refused, TimerError
from sagas.ports import Loaded
from sagas.story import Lasting
from sagas.testing.recorded import export_history, read_exported
from tests.behaviour.acting import LIMIT, answer, approve_all, only_gate, only_question
from tests.behaviour.conftest import House
from tests.behaviour.shop import (
    ONCE,
    Order,
    gated,
    hasty,
    keyed,
    keyless,
    mail,
    probed,
    sharing,
    shop,
)
from tests.behaviour.test_tampering import Intruder, file_of
from tests.behaviour.world import Refusal, World, lose_answer, lose_request, refuse
from tests.behaviour.world import world as partner

HOUR = timedelta(hours=1)
AMOUNTS = {"fee-1": ("1.10", "EUR"), "fee-2": ("2.20", "EUR"), "fee-3": ("3", "USD")}


@shop.action(reversibility=Reversibility.COMPENSATABLE, key_ttl=HOUR, retry=ONCE)
async def priced(what: str) -> str:
    """Undoing it costs money."""
    return await partner.do(what)


@priced.compensation()
async def undo_priced(what: str) -> Residue:
    """Undo it, for a fee."""
    await partner.do(f"undo-{what}")
    amount, currency = AMOUNTS[what]
    return Residue("a fee", amount=amount, currency=currency)


ACTIONS: dict[str, Any] = {
    "fee": priced,
    "fine": hasty,
    "mail": mail,
    "plain": keyless,
    "probed": probed,
    "room": sharing,
}


@shop.saga(name="audited")
async def failing(order: Order) -> str:
    """Do each item by the action of its name, and fail."""
    for item in order.items:
        await ACTIONS.get(item.partition("-")[0], keyed)(item)
    raise ValueError("in the end, no")


@shop.saga(name="audited_gate")
async def asking(order: Order) -> str:
    await keyed("before")
    return await gated("asked")


@shop.saga(name="audited_block")
async def lodging(order: Order) -> str:
    await keyed("flight")
    try:
        async with savepoint("lodging"):
            await keyed("hotel")
            await keyed("car")
    except Refusal:
        await keyed("bus")
    return "there"


@shop.saga(name="audited_well")
async def well(order: Order) -> str:
    return await keyed("fine")


@shop.saga(name="audited_crowd", after_pivot="unwind")
async def crowd(order: Order) -> str:
    """Branches of items, then a failure."""

    async def branch(items: list[str]) -> None:
        for item in items:
            await ACTIONS.get(item.partition("-")[0], keyed)(item)

    await parallel(*(branch(part.split()) for part in order.items))
    raise ValueError("in the end, no")


async def told(coordinator: Coordinator, **asked: Any) -> list[AuditRecord | Unaudited]:
    return [record async for record in coordinator.audit(**asked)]


async def only(coordinator: Coordinator, **asked: Any) -> AuditRecord:
    [record] = await told(coordinator, **asked)
    assert isinstance(record, AuditRecord)
    return record


def names(record: AuditRecord) -> list[str]:
    return [step.label for step in record.undone]


async def ran(house: House, saga: Any, *items: str) -> AuditRecord:
    """Run a saga to its end or until it is stuck, and audit it."""
    async with house.open() as coordinator:
        handle = await coordinator.start(saga, Order(items=list(items)), id="s")
        await handle.outcome(timeout=LIMIT)
        return await only(coordinator)


# --- what failed, what was undone --------------------------------------------------------------


@pytest.mark.usefixtures("on_both")
async def test_steps_are_told_in_the_order_in_which_they_were_undone(house: House) -> None:
    record = await ran(house, failing, "a", "b", "c")
    assert [step.path.rpartition("/")[2] for step in record.undone] == [
        "keyed#3", "keyed#2", "keyed#1",
    ]  # fmt: skip
    assert [step.order for step in record.undone] == [1, 2, 3]
    assert record.end is Status.COMPENSATED


async def test_every_call_that_undoes_is_counted(house: House, world: World) -> None:
    world.plan("undo-b", refuse, lose_request)
    record = await ran(house, failing, "a", "b")
    assert [step.attempts for step in record.undone] == [3, 1]


async def test_why_it_was_undone_is_told(house: House) -> None:
    record = await ran(house, failing, "a")
    [rollback] = record.rollbacks
    assert (rollback.scope, rollback.cause) == (None, "failure")
    assert "in the end, no" in rollback.reason
    assert rollback.ended is not None
    assert rollback.began <= rollback.ended


async def test_what_failed_is_told_with_its_error(house: House, world: World) -> None:
    world.plan("b", refuse, refuse, refuse)
    record = await ran(house, failing, "a", "b")
    assert [(item.error, item.message) for item in record.failures] == [("Refusal", "no b")]
    assert [step.path.rpartition("/")[2] for step in record.undone] == ["keyed#1"]


async def test_a_part_that_was_undone_is_told_of_a_saga_that_completed(
    house: House, world: World
) -> None:
    world.plan("car", refuse)
    record = await ran(house, lodging)
    assert record.end is Status.COMPLETED
    [rollback] = record.rollbacks
    assert rollback.scope is not None
    assert rollback.cause == "exception"
    assert len(record.undone) == 1
    assert record.remains == ()


async def test_a_saga_of_which_nothing_was_undone_is_not_told(house: House) -> None:
    async with house.open() as coordinator:
        assert (await coordinator.run(well, Order(), id="s", timeout=LIMIT)).completed
        assert await told(coordinator) == []


async def test_a_deadline_is_told_as_the_cause(house: House, world: World) -> None:
    async with house.open() as coordinator:
        handle = await coordinator.start(asking, Order(), id="s", deadline=HOUR)
        assert (await handle.settled()).status is Status.WAITING
        house.clock.forward(HOUR + HOUR)
        await coordinator.resume("s")
        await handle.outcome(timeout=LIMIT)
        record = await only(coordinator)
    assert record.rollbacks[0].cause == "deadline"
    assert world.undone == ["before"]
    assert len(record.undone) == 1


# --- decisions -----------------------------------------------------------------------------------


async def test_a_rejection_is_told_with_who_and_why(house: House) -> None:
    async with house.open() as coordinator:
        handle = await coordinator.start(asking, Order(), id="s")
        await handle.settled()
        gate = await only_gate(coordinator)
        await coordinator.reject(gate, by="ben", reason="too dear")
        await handle.outcome(timeout=LIMIT)
        record = await only(coordinator)
    [decision] = record.decisions
    assert (decision.matter, decision.choice, decision.by) == (Matter.GATE, "rejected", "ben")
    assert decision.reason == "too dear"
    assert decision.ref == gate


async def test_an_approval_is_told_even_if_what_it_allowed_was_undone(house: House) -> None:
    @shop.saga(name="approved_in_vain")
    async def approved_in_vain(order: Order) -> str:
        await gated("asked")
        raise ValueError("no")

    async with house.open() as coordinator:
        handle = await coordinator.start(approved_in_vain, Order(), id="s")
        await handle.settled()
        await approve_all(coordinator)
        await handle.outcome(timeout=LIMIT)
        record = await only(coordinator)
    assert [(item.choice, item.by) for item in record.decisions] == [("approved", "ben")]


async def test_a_cancel_is_told_with_who_and_why(house: House) -> None:
    async with house.open() as coordinator:
        handle = await coordinator.start(asking, Order(), id="s")
        await handle.settled()
        await coordinator.cancel("s", by="ben", reason="not needed")
        await handle.outcome(timeout=LIMIT)
        record = await only(coordinator)
    assert record.rollbacks[0].cause == "cancel"
    [cancel] = [item for item in record.decisions if item.matter is Matter.CANCEL]
    assert (cancel.by, cancel.reason) == ("ben", "not needed")


# --- doubts --------------------------------------------------------------------------------------


async def test_a_doubt_that_a_probe_settled_is_told(house: House, world: World) -> None:
    world.plan("probed-1", lose_answer)
    record = await ran(house, failing, "probed-1")
    [doubt] = record.doubts
    assert (doubt.outcome, doubt.via, doubt.by) == ("happened", "probe", None)
    assert doubt.settled is not None


async def test_a_doubt_that_a_person_settled_is_told_with_who(house: House, world: World) -> None:
    world.plan("plain-1", lose_request)
    async with house.open() as coordinator:
        handle = await coordinator.start(failing, Order(items=["a", "plain-1"]), id="s")
        await handle.outcome(timeout=LIMIT)
        await answer(coordinator, handle, "not-happened", by="ben")
        record = await only(coordinator)
    [doubt] = record.doubts
    assert (doubt.outcome, doubt.via, doubt.by) == ("not happened", "person", "ben")
    [decision] = record.decisions
    assert (decision.asked, decision.choice, decision.by) == ("in-doubt", "not-happened", "ben")


async def test_a_doubt_that_nobody_has_settled_is_told_as_open(house: House, world: World) -> None:
    world.plan("car", refuse)
    world.plan("plain-2", lose_request)
    async with house.open() as coordinator:
        handle = await coordinator.start(lodging_in_doubt, Order(), id="s")
        await handle.outcome(timeout=LIMIT)
        record = await only(coordinator)
    assert [(item.outcome, item.settled) for item in record.doubts] == [(None, None)]
    assert record.end is Status.STUCK
    assert [item.why for item in record.remains] == []


@shop.saga(name="audited_doubt")
async def lodging_in_doubt(order: Order) -> str:
    try:
        async with savepoint("lodging"):
            await keyed("hotel")
            await keyed("car")
    except Refusal:
        await keyless("plain-2")
    return "there"


# --- undos that fail -----------------------------------------------------------------------------


async def failed_undo(house: House, world: World, choice: str) -> AuditRecord:
    world.plan("undo-b", refuse, refuse, refuse)
    async with house.open() as coordinator:
        handle = await coordinator.start(failing, Order(items=["a", "b"]), id="s")
        await handle.outcome(timeout=LIMIT)
        question = await only_question(coordinator)
        await coordinator.resolve(question.id, choice, by="ben", reason="I looked")
        await handle.outcome(timeout=LIMIT)
        return await only(coordinator)


async def test_a_waived_undo_is_told_with_who_waived_it(house: House, world: World) -> None:
    record = await failed_undo(house, world, "waive")
    [item] = record.remains
    assert (item.why, item.waived_by) == (Lasting.RESIDUE, "ben")
    assert item.text == "left as it is: I looked"
    assert record.undone[0].proof is Proof.WAIVED
    assert record.undone[0].ended is None


async def test_what_was_undone_by_hand_is_told_as_stated(house: House, world: World) -> None:
    record = await failed_undo(house, world, "done")
    assert [step.proof for step in record.undone] == [Proof.STATED, Proof.ACKNOWLEDGED]
    assert record.remains == ()


async def test_a_retry_counts_further(house: House, world: World) -> None:
    record = await failed_undo(house, world, "retry")
    assert [step.attempts for step in record.undone] == [4, 1]
    assert [(item.choice, item.by) for item in record.decisions] == [("retry", "ben")]


async def test_an_undo_that_waits_for_a_person_is_told_as_attempted(
    house: House, world: World
) -> None:
    world.plan("undo-b", refuse, refuse, refuse)
    record = await ran(house, failing, "a", "b")
    assert record.end is Status.STUCK
    assert record.undone[0].proof is Proof.ATTEMPTED
    assert record.undone[0].error == "Refusal: no undo-b"
    assert {item.why for item in record.remains} == {Lasting.NOT_UNDONE}


# --- what remains --------------------------------------------------------------------------------


@shop.saga(name="audited_pivot", after_pivot="unwind")
async def posting(order: Order) -> str:
    await keyed("before")
    await mail("letter")
    raise ValueError("no")


async def test_what_cannot_be_undone_is_told_as_remaining(house: House) -> None:
    record = await ran(house, posting)
    [item] = record.remains
    assert (item.action, item.why) == ("shop.mail", Lasting.IRREVERSIBLE)
    assert item.reversibility is Reversibility.IRREVERSIBLE
    assert record.end is Status.RESIDUAL


async def test_residue_is_told_with_its_amounts_by_currency(house: House) -> None:
    record = await ran(house, failing, "fee-1", "fee-2", "fee-3")
    assert {name: str(amount) for name, amount in record.money.items()} == {
        "EUR": "3.30",
        "USD": "3",
    }


# --- which sagas ---------------------------------------------------------------------------------


async def two(coordinator: Coordinator) -> None:
    """One that failed, one that was rejected by ben."""
    await coordinator.run(failing, Order(items=["a", "fine-1"]), id="failed", timeout=LIMIT)
    handle = await coordinator.start(asking, Order(), id="rejected")
    await handle.settled()
    await coordinator.reject(await only_gate(coordinator), by="ben", reason="no")
    await handle.outcome(timeout=LIMIT)


@pytest.mark.parametrize(
    ("asked", "ids"),
    [
        ({}, ["failed", "rejected"]),
        ({"saga": "shop.audited"}, ["failed"]),
        ({"action": "shop.hasty"}, ["failed"]),
        ({"action": "shop.keyed"}, ["failed", "rejected"]),
        ({"approver": "ben"}, ["rejected"]),
        ({"approver": "eve"}, []),
        ({"end": "residual"}, ["failed"]),
        ({"end": Status.COMPENSATED}, ["rejected"]),
        ({"reversibility": "compensatable"}, ["failed", "rejected"]),
        ({"reversibility": Reversibility.IRREVERSIBLE}, []),
        ({"saga": "shop.audited", "approver": "ben"}, []),
        ({"until": datetime(2026, 1, 1, tzinfo=UTC)}, []),
        ({"since": datetime(2026, 1, 1, tzinfo=UTC)}, ["failed", "rejected"]),
        ({"since": datetime(2999, 1, 1, tzinfo=UTC)}, []),
    ],
)
async def test_an_audit_can_be_narrowed(house: House, asked: Any, ids: list[str]) -> None:
    async with house.open() as coordinator:
        await two(coordinator)
        assert [record.id for record in await told(coordinator, **asked)] == ids


@pytest.mark.parametrize(
    ("asked", "error", "words"),
    [
        ({"saga": "shop.audit"}, Refused, "did you mean shop.audited"),
        ({"saga": "zzz"}, Refused, "no saga is called 'zzz'"),
        ({"end": "finished"}, Refused, "choose one of"),
        ({"reversibility": "soft"}, Refused, "choose one of"),
        ({"since": datetime(2027, 1, 1)}, TimerError, "since"),  # noqa: DTZ001
        (
            {
                "since": datetime(2027, 1, 2, tzinfo=UTC),
                "until": datetime(2027, 1, 1, tzinfo=UTC),
            },
            TimerError,
            "nothing lies between",
        ),
    ],
)
async def test_what_makes_no_sense_is_refused(
    house: House, asked: Any, error: type[Exception], words: str
) -> None:
    async with house.open() as coordinator:
        await two(coordinator)
        with pytest.raises(error, match=words):
            await told(coordinator, **asked)


async def test_a_saga_that_was_never_undone_has_a_name_all_the_same(house: House) -> None:
    async with house.open() as coordinator:
        assert await told(coordinator, saga="shop.audited_well") == []


async def test_a_period_tells_whose_undoing_began_in_it(house: House) -> None:
    start = house.clock.now()
    async with house.open() as coordinator:
        await coordinator.run(failing, Order(items=["a"]), id="early", timeout=LIMIT)
        house.clock.forward(HOUR)
        await coordinator.run(failing, Order(items=["a"]), id="late", timeout=LIMIT)
        middle = start + HOUR
        assert [each.id for each in await told(coordinator, until=middle)] == ["early"]
        assert [each.id for each in await told(coordinator, since=middle)] == ["late"]


async def test_more_sagas_than_a_page_holds_are_each_told_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sagas.auditing.PAGE", 3)
    monkeypatch.setattr("sagas.auditing.REMEMBERED", 1)
    async with house.open() as coordinator:
        started = [
            await coordinator.start(failing, Order(items=["a", "b"]), id=f"s-{number}")
            for number in range(4)
        ]
        await asyncio.gather(*(handle.outcome(timeout=LIMIT) for handle in started))
        ids = [each.id for each in await told(coordinator)]
    assert sorted(ids) == ["s-0", "s-1", "s-2", "s-3"]


async def test_what_is_told_is_read_as_it_is_asked_for(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sagas.auditing.PAGE", 1)
    async with house.open() as coordinator:
        await coordinator.run(failing, Order(items=["a"]), id="first", timeout=LIMIT)
        telling = coordinator.audit()
        assert (await anext(telling)).id == "first"
        await coordinator.run(failing, Order(items=["a"]), id="second", timeout=LIMIT)
        assert [told.id async for told in telling] == ["second"]


# --- the audit and the world ---------------------------------------------------------------------

ITEMS = ("a", "b", "fine-1", "room-1", "room-2", "probed-1")


@pytest.mark.parametrize("seed", range(12))
async def test_order_and_attempts_are_those_that_the_world_saw(
    house: House, world: World, seed: int
) -> None:
    random = Random(seed)  # noqa: S311
    branches: list[list[str]] = [[] for _ in range(random.randint(1, 3))]
    for item in random.sample(ITEMS, random.randint(2, len(ITEMS))):
        random.choice(branches).append(item)
        faults = random.choice(([], [refuse], [lose_request], [refuse, lose_answer]))
        world.plan(f"undo-{item}", *faults)
    items = [" ".join(branch) for branch in branches if branch]
    record = await ran(house, crowd, *items)
    undos = [call for call in world.calls if call.direction.value == "undo"]
    assert [step.path for step in record.undone] == list(dict.fromkeys(c.path for c in undos))
    for step in record.undone:
        seen = [call for call in undos if call.path == step.path]
        assert step.attempts == len(seen)
        assert {call.key for call in seen} == {step.key}


async def test_an_exported_history_gives_the_same_record(house: House, world: World) -> None:
    record = await failed_undo(house, world, "waive")
    async with house.open() as coordinator:
        history = read_exported(await export_history(coordinator.store, "s"))
    assert history.saga is not None
    loaded = Loaded(history.saga, list(history.rows), [])
    assert account(history.journal_id, loaded) == record


@pytest.fixture
def intruder(house: House) -> Iterator[Callable[[], Intruder]]:
    """Somebody who writes the file, and puts back what was there when the test is over."""
    found: list[Intruder] = []

    def come() -> Intruder:
        found.append(Intruder(file_of(house)))
        return found[-1]

    yield come
    for each in found:
        each.put_back()
        each.close()


async def test_a_row_that_says_something_else_changes_nothing(
    house: House, world: World, intruder: Callable[[], Intruder]
) -> None:
    record = await failed_undo(house, world, "waive")
    writer = intruder()
    writer.ask("update saga set status = 'completed', reason = 'x', starter = 'eve'")
    async with house.open() as coordinator:
        assert await only(coordinator, end="residual") == record
    writer.ask("update saga set status = 'residual'")


async def test_a_saga_whose_entries_were_changed_is_told_as_such_whatever_is_asked(
    house: House, intruder: Callable[[], Intruder]
) -> None:
    await ran(house, failing, "a")
    intruder().flip(2, "body")
    async with house.open() as coordinator:
        [unread] = await told(coordinator, approver="nobody")
    assert isinstance(unread, Unaudited)
    assert unread.id == "s"
    assert "sagas verify s" in unread.reason


async def test_a_saga_whose_row_is_gone_is_told_as_such(
    house: House, intruder: Callable[[], Intruder]
) -> None:
    await ran(house, failing, "a")
    writer = intruder()
    rows = writer.ask("select id from saga")
    writer.ask("update saga set id = 'another'")
    async with house.open() as coordinator:
        [unread] = await told(coordinator)
    assert unread == Unaudited(id="s", reason="it has entries, and its row is gone")
    writer.ask("update saga set id = ?", *rows[0])
