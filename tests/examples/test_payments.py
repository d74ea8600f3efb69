"""The processor and the bank of the payments example over real HTTP, and its demonstration."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from pydantic import ValidationError

from examples.payments.money import Money
from examples.payments.service import Mood
from examples.payments.world import World
from examples.processes import ROOT

PRICE = {"amount": "120.00", "currency": "EUR"}
ORDER = {"order": "order-1", "card": "card-of-ana", "amount": PRICE}
WIRE = {"to": "supplier-7", "amount": PRICE, "reference": "order-1"}


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with World.start(tmp_path_factory.mktemp("payments")) as world:
        yield world


@pytest.fixture
def shop(started: World) -> Iterator[World]:
    """Both, in a good mood before and after."""
    yield started
    for kind in ("cards", "bank"):
        started.set_mood(kind)


@pytest.fixture
def cards(shop: World) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=shop.url("cards"), trust_env=False) as client:
        yield client


@pytest.fixture
def bank(shop: World) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=shop.url("bank"), trust_env=False) as client:
        yield client


def post(client: httpx.Client, path: str, body: object, key: str | None = None) -> httpx.Response:
    return client.post(path, json=body, headers={"Idempotency-Key": key or uuid4().hex})


def held(cards: httpx.Client) -> str:
    payment: str = post(cards, "/payments", ORDER).json()["payment"]
    return payment


def act(cards: httpx.Client, payment: str, *acts: str) -> httpx.Response:
    """Do something with a payment, one after the other; the last answer."""
    return [post(cards, f"/payments/{payment}/{each}", {}) for each in acts][-1]


def kinds(shop: World, payment: str) -> list[str]:
    return [line.kind for line in shop.ledger("cards") if line.subject == payment]


def test_a_hold_is_made_once_per_key(cards: httpx.Client) -> None:
    key = uuid4().hex
    assert (
        post(cards, "/payments", ORDER, key).json() == post(cards, "/payments", ORDER, key).json()
    )


def test_what_was_done_under_a_key_can_be_asked(cards: httpx.Client) -> None:
    key = uuid4().hex
    assert cards.get("/requests", params={"reference": key}).status_code == 404
    made = post(cards, "/payments", ORDER, key).json()
    assert cards.get("/requests", params={"reference": key}).json() == made


def test_what_was_refused_under_a_key_was_not_done(shop: World, bank: httpx.Client) -> None:
    key = uuid4().hex
    shop.set_mood("bank", Mood(refuse=True))
    assert post(bank, "/transfers", WIRE, key).status_code == 409
    assert bank.get("/requests", params={"reference": key}).status_code == 404


def test_asking_without_a_key_is_refused(cards: httpx.Client) -> None:
    assert cards.get("/requests").status_code == 400


def test_a_hold_of_seven_days_is_captured(shop: World, cards: httpx.Client) -> None:
    payment = held(cards)
    assert act(cards, payment, "capture").json()["fee"] == {"amount": "1.80", "currency": "EUR"}
    assert kinds(shop, payment) == ["authorise", "capture"]


def test_a_hold_that_has_lapsed_is_not_captured(shop: World, cards: httpx.Client) -> None:
    shop.set_mood("cards", Mood(hold=timedelta(0)))
    answer = act(cards, held(cards), "capture")
    assert (answer.status_code, "lapsed" in answer.text) == (409, True)


def test_a_capture_can_be_declined(shop: World, cards: httpx.Client) -> None:
    payment = held(cards)
    shop.set_mood("cards", Mood(refuse=True))
    assert act(cards, payment, "capture").status_code == 409
    assert kinds(shop, payment) == ["authorise"]


def test_a_refund_does_not_bring_the_fee_back(cards: httpx.Client) -> None:
    answer = act(cards, held(cards), "capture", "refund").json()
    assert (answer["amount"], answer["kept"]["amount"]) == (PRICE, "1.80")


def test_what_is_captured_is_not_voided(cards: httpx.Client) -> None:
    assert act(cards, held(cards), "capture", "void").status_code == 409


def test_what_is_only_held_is_not_refunded(cards: httpx.Client) -> None:
    assert act(cards, held(cards), "refund").status_code == 409


def test_nothing_is_undone_twice(shop: World, cards: httpx.Client) -> None:
    payment = held(cards)
    act(cards, payment, "capture", "refund", "refund", "void", "void")
    assert kinds(shop, payment) == ["authorise", "capture", "refund", "void"]


def test_a_payment_that_does_not_exist_is_not_found(cards: httpx.Client) -> None:
    assert act(cards, "payment-0", "capture").status_code == 404


def test_an_act_that_does_not_exist_is_not_found(cards: httpx.Client) -> None:
    assert act(cards, held(cards), "forget").status_code == 404


def test_an_amount_that_is_a_number_is_refused(cards: httpx.Client, bank: httpx.Client) -> None:
    number = {"amount": 120.5, "currency": "EUR"}
    assert post(cards, "/payments", {**ORDER, "amount": number}).status_code == 422
    assert post(bank, "/transfers", {**WIRE, "amount": number}).status_code == 422


def test_a_float_is_no_amount() -> None:
    with pytest.raises(ValidationError, match="a float is not exact"):
        Money.model_validate({"amount": 0.1, "currency": "EUR"})


def test_money_is_wired_once_per_end_to_end_id(shop: World, bank: httpx.Client) -> None:
    key = uuid4().hex
    first, second = (post(bank, "/transfers", WIRE, key).json() for _ in range(2))
    assert first == second
    assert [line.subject for line in shop.ledger("bank") if line.key == key] == [first["id"]]


def test_a_mood_nobody_knows_is_refused(bank: httpx.Client) -> None:
    assert bank.post("/mood", json={"generous": True}).status_code == 422


@pytest.mark.unmeasured
@pytest.mark.timeout(300)
def test_the_demonstration_holds_what_it_says(tmp_path: Path) -> None:
    plain = {name: value for name, value in os.environ.items() if "COVERAGE" not in name}
    played = subprocess.run(
        [sys.executable, "-m", "examples.payments.demo", str(tmp_path)],
        cwd=ROOT,
        env=plain,
        capture_output=True,
        text=True,
        check=False,
    )
    assert played.returncode == 0, played.stdout + played.stderr
    assert played.stdout.endswith("The journal and the ledgers agree.\n")
