"""What a gate keeps for those who are asked: class, size, secrets, why; and what it shows of its saga."""

import json
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any

import pytest
from pydantic import BaseModel

import sagas
from approvals import Sensitive
from approvals.rendering import render_text
from approvals.stakes import Stakes
from reversibility import Magnitude
from sagas import Catalog, Coordinator, DefinitionError, Reversibility, approval, parallel
from sagas.authoring.context import MAX_BECAUSE
from sagas.discreet import discreet, redaction_of, without_secrets
from sagas.entries import GateOpened, Intended, Started, Succeeded
from sagas.errors import Refused
from sagas.model import Direction, micros
from sagas.ports import LateAnswer
from sagas.restoring import entries_of
from tests.behaviour.acting import answer
from tests.behaviour.conftest import House
from tests.behaviour.shop import Order, hasty, keyed, mail, shop
from tests.behaviour.world import world

ASKED = approval(by="anyone", within=timedelta(hours=1))


class Account(BaseModel):
    iban: Annotated[str, Sensitive()]
    owner: str


class Refund(BaseModel):
    account: Account
    why: str = ""


def size(account: Account, amount: int) -> Magnitude:
    if amount < 0:
        raise ValueError("no such amount")
    return Magnitude(amount=Decimal(amount), currency="EUR", recipients=1)


def by_amount(account: Account, amount: int) -> Reversibility:
    return Reversibility.IRREVERSIBLE if amount > 10 else Reversibility.COMPENSATABLE


@shop.action(
    reversibility=Reversibility.COMPENSATABLE,
    classify=by_amount,
    approval=ASKED,
    magnitude=size,
    sensitive=["account.owner"],
)
async def pay_back(account: Account, amount: int) -> str:
    return await world.do(f"paid-{amount}")


@pay_back.compensation()
async def take_back(account: Account, amount: int) -> None:
    await world.do("taken")


ACCOUNT = Account(iban="DE02120300000000202051", owner="Eve")


@shop.saga
async def refunding(order: Order) -> str:
    await keyed("before")
    await hasty("held")
    await mail("told")
    with sagas.because("the guest\nasked"):
        return await pay_back(ACCOUNT, int(order.choice or 50))


@shop.saga
async def refunding_of(given: Refund) -> str:
    with sagas.because("outer"):
        with sagas.because("x" * 5_000):
            first = pay_back(given.account, 50)
        second = pay_back(given.account, 60)
    third = pay_back(given.account, 70)
    await parallel(first, second, third)
    return "done"


async def opened(coordinator: Coordinator, body: Any, given: Any) -> list[GateOpened]:
    await (await coordinator.start(body, given, id="s")).settled()
    found = entries_of((await coordinator.load("s")).rows)
    return [entry for _, _, entry in found if isinstance(entry, GateOpened)]


@pytest.mark.usefixtures("on_both")
async def test_a_gate_keeps_the_class_the_size_the_secrets_and_the_reason(house: House) -> None:
    async with house.open() as coordinator:
        [entry] = await opened(coordinator, refunding, Order())
        [gate] = await coordinator.store.waiting_gates()
        assert gate.stakes == Stakes(
            reversibility=Reversibility.IRREVERSIBLE,
            magnitude=Magnitude(amount=Decimal(50), currency="EUR", recipients=1),
            sensitive=("/account/iban", "/account/owner"),
        )
        assert gate.because == "the guest\nasked"
        assert (entry.stakes, entry.because) == (gate.stakes.to_json(), gate.because)


async def test_a_size_that_cannot_be_computed_is_as_one_that_is_not_declared(house: House) -> None:
    async with house.open() as coordinator:
        await (await coordinator.start(refunding, Order(choice="11"), id="other")).settled()
        [gate] = await coordinator.store.waiting_gates()
        assert gate.stakes.magnitude is not None
    stakes = pay_back.stakes({"account": ACCOUNT, "amount": -1})
    assert (stakes.magnitude, stakes.reversibility) == (None, Reversibility.COMPENSATABLE)


@pytest.mark.usefixtures("on_both")
async def test_an_approver_sees_what_is_done_and_what_undoing_would_leave(house: House) -> None:
    async with house.open() as coordinator:
        await opened(coordinator, refunding, Order())
        [gate] = await coordinator.store.waiting_gates()
        shown = await coordinator.presentation(gate.id)
        assert shown.done_so_far == (
            "keyed: can be compensated",
            "hasty: can be compensated",
            "mail: cannot be undone",
        )
        assert shown.undone == ("hasty; may leave: a fee", "keyed")
        assert shown.remains == ("mail: cannot be undone",)
        text = render_text(shown)
        assert ACCOUNT.iban not in text
        assert "Eve" not in text
        assert "moves      50 EUR" in text
        assert "> the guest\\nasked" in text


async def test_each_step_has_the_reason_of_the_block_it_was_called_in(house: House) -> None:
    async with house.open() as coordinator:
        found = await opened(coordinator, refunding_of, Refund(account=ACCOUNT))
        reasons = {json.loads(entry.payload or b"")["amount"]: entry.because for entry in found}
        assert reasons == {50: "x" * (MAX_BECAUSE - 1) + "…", 60: "outer", 70: None}


@shop.saga
async def babbling(order: Order) -> str:
    with sagas.because("\x00 \ud800 \u202e"):
        return await pay_back(ACCOUNT, 50)


@pytest.mark.usefixtures("on_both")
async def test_a_reason_that_cannot_be_stored_ends_no_saga(house: House) -> None:
    async with house.open() as coordinator:
        [entry] = await opened(coordinator, babbling, Order())
        [gate] = await coordinator.store.waiting_gates()
        assert (gate.because, entry.because) == ("? ? \u202e", "? ? \u202e")


async def test_a_reason_is_no_part_of_what_runs(house: House) -> None:
    async with house.open() as coordinator:
        await opened(coordinator, refunding, Order())
        [gate] = await coordinator.store.waiting_gates()
        assert b"guest" not in gate.arguments
        await coordinator.approve(gate.id, by="ana")
        handle = await coordinator.resume("s")
        assert (await handle.outcome(timeout=20)).completed


@pytest.mark.parametrize("why", ["", "  ", None, 3])
def test_a_reason_is_given_in_words(why: Any) -> None:
    with pytest.raises(DefinitionError, match="reason in words"):
        sagas.because(why)


async def test_the_history_says_where_it_is_secret(house: House) -> None:
    async with house.open() as coordinator:
        await opened(coordinator, refunding_of, Refund(account=ACCOUNT, why="late"))
        for gate in await coordinator.store.waiting_gates():
            await coordinator.approve(gate.id, by="ana")
        await (await coordinator.resume("s")).outcome(timeout=20)
        entries = [entry for _, _, entry in entries_of((await coordinator.load("s")).rows)]
        assert {type(entry) for entry in entries if entry.sensitive} == {Started, GateOpened}
        shown = [discreet(entry, coordinator.store.journal_id) for entry in entries]
        assert not any(ACCOUNT.iban.encode() in (entry.payload or b"") for entry in shown)
        assert any(b"late" in (entry.payload or b"") for entry in shown)


async def test_nothing_is_approved_from_a_view_that_was_cut(house: House) -> None:
    async with house.open() as coordinator:
        await opened(coordinator, refunding, Order())
        [gate] = await coordinator.store.waiting_gates()
        with pytest.raises(Refused, match="not everything"):
            await coordinator.approve(gate.id, by="ana", seen="cut:0")
        [still] = await coordinator.store.waiting_gates()
        assert still == gate
        whole = await coordinator.presentation(gate.id, whole=True)
        await coordinator.approve(gate.id, by="ana", seen=whole.seen)


async def test_a_gate_that_is_not_there_is_not_shown(house: House) -> None:
    async with house.open() as coordinator:
        with pytest.raises(Refused, match="sagas inbox"):
            await coordinator.presentation("g-none")


class Voucher(BaseModel):
    code: Annotated[str, Sensitive()]


vouchers = Catalog("vouchers")


@vouchers.action(reversibility=Reversibility.COMPENSATABLE)
async def issue(to: str) -> Voucher:
    raise ConnectionResetError


@issue.compensation()
async def recall(to: str, result: Voucher | None) -> None: ...


@vouchers.saga
async def issuing(to: str) -> None:
    await issue(to)


async def test_a_result_that_came_late_is_as_secret_as_one_that_came_in_time(house: House) -> None:
    async with house.open(vouchers) as coordinator:
        handle = await coordinator.start(issuing, "Eve", id="s")
        await handle.settled()
        await answer(coordinator, handle, "not-happened")
        known = entries_of((await coordinator.load("s")).rows)
        [intent] = [entry for _, _, entry in known if isinstance(entry, Intended)]
        payload = b'{"code":"voucher-7391"}'
        late = LateAnswer("s", intent.path, Direction.DO, intent.key, 1, payload)
        await coordinator.store.report(late, by="sagas", at=micros(house.clock.now()))
        await (await coordinator.resume("s")).settled()
        told = entries_of((await coordinator.load("s")).rows)
        redaction = redaction_of(told, coordinator.store.journal_id)
        assert any(isinstance(entry, Succeeded) for _, _, entry in told)
        assert "voucher-7391" in str(told)
        assert "voucher-7391" not in str(without_secrets(told, redaction))
