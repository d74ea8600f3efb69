"""No secret that was declared is in anything that people read, wherever a saga has repeated it."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import BaseModel

import sagas
from approvals import Sensitive
from approvals.channels import Channels, Routes
from approvals.channels.mail import Mail
from compensations import Residue
from reversibility import Magnitude
from sagas import Catalog, NotExecuted, Reversibility, StepFailed, approval, connect
from sagas.cli import main
from sagas.cli.inbox import history
from sagas.coordinator import Coordinator
from sagas.ports import Scope
from sagas.web import tokens
from sagas.web.app import make_app
from tests.postbox import Postbox, postbox
from tests.web.conftest import SITE, Inbox, until

SECRETS = {
    "a saga's input": "input-0451",
    "an argument": "DE02 1203 \u00fc 0000",
    "an argument that is declared by name": "the-blue-heron",
    "an argument as people revised it": "DE99 revised",
    "a number": "90210777",
    "a result": "voucher-7391",
    "a before-image": "limit-was-5512",
    "a result that a person gave": "voucher-by-hand",
    "a short one": "ZQ7W",  # of no digits: no instant, key or hash holds it by chance
}
INPUT, IBAN, MEMO, REVISED, NUMBER, VOUCHER, BEFORE, BY_HAND, SHORT = SECRETS.values()

Secret = Annotated[str, Sensitive()]
bank = Catalog("bank")


class Account(BaseModel):
    iban: Secret
    owner: str
    digits: Annotated[int, Sensitive()] = int(NUMBER)
    pin: Secret = SHORT


class Voucher(BaseModel):
    code: Secret
    note: str = ""


class Limit(BaseModel):
    was: Secret
    of: str


class Order(BaseModel):
    password: Secret
    account: Account


def size(account: Account, memo: str) -> Magnitude:
    raise ValueError(f"no size of {account.iban}, {memo}")


@bank.action(reversibility=Reversibility.COMPENSATABLE)
async def issue(account: Account) -> Voucher:
    return Voucher(code=VOUCHER, note=f"for {account.iban} and {account.digits}")


@issue.before
async def limit_of(account: Account) -> Limit:
    return Limit(was=BEFORE, of=f"{account.iban} {account.pin}")


@issue.compensation()
async def recall(account: Account, result: Voucher) -> Residue:
    return Residue(f"{result.code} was seen by {account.iban}")


@bank.action(reversibility=Reversibility.COMPENSATABLE)
async def refuse(account: Account) -> None:
    raise NotExecuted(f"no such account: {account.iban}, pin {account.pin}")


@refuse.compensation()
async def accept(account: Account) -> None: ...


@bank.action(
    reversibility=Reversibility.IRREVERSIBLE,
    approval=approval(by="@desk", within=timedelta(hours=4)),
    sensitive=["memo"],
    magnitude=size,
)
async def pay(account: Account, memo: str) -> None:
    raise ConnectionResetError(f"{account.iban!r} ({account.digits}) may have it: {memo}")


@bank.action(reversibility=Reversibility.COMPENSATABLE)
async def order_card(account: Account) -> Voucher:
    raise ConnectionResetError(f"nobody knows of {account.iban}")


@order_card.compensation()
async def cancel_card(account: Account) -> None: ...


@bank.saga
async def paying(order: Order) -> Voucher:
    """Repeats its secrets in words wherever a body can."""
    voucher = await issue(order.account)
    await sagas.event("told")
    try:
        async with sagas.savepoint("tried"):
            await refuse(order.account)
    except StepFailed:
        pass
    with sagas.because(f"{order.account.iban} asked for it, and for {MEMO}"):
        await pay(order.account, MEMO)
    return voucher


@bank.saga
async def carding(order: Order) -> Voucher:
    await order_card(order.account)
    raise RuntimeError(f"not with {order.account.iban}, {order.password}, {BY_HAND}")


@dataclass
class Faces:
    """What people were shown, by where."""

    shown: dict[str, str] = field(default_factory=dict[str, str])

    def leaks(self) -> list[str]:
        """Where a secret is shown."""
        return [
            f"{what} ({secret}) in {face}: ...{text[max(text.index(form) - 90, 0) :][:200]}..."
            for face, text in self.shown.items()
            for what, secret in SECRETS.items()
            for form in {secret, secret.encode("ascii", "backslashreplace").decode()}
            if form in text
        ]


@asynccontextmanager
async def opened(url: str, folder: Path, box: Postbox) -> AsyncGenerator[Inbox]:
    people = folder / "people.toml"
    people.write_text('[users.ana]\n[users.ben]\n[groups]\ndesk = ["ana", "ben"]\n')
    mail = Mail(host="127.0.0.1", port=box.port, sender="sagas@example.org", security="none")
    routes = Routes(interventions=["mail:ops@example.org"], otherwise=["mail:desk@example.org"])
    channels = Channels([mail], routes)
    async with connect(url, bank, directory=people, user="ana", channels=channels) as coordinator:
        inbox = Inbox(coordinator, make_app(coordinator, SITE, history=history), SITE)
        yield inbox
        for client in inbox.clients:
            await client.aclose()


ORDER = Order(password=INPUT, account=Account(iban=IBAN, owner="Eve"))


async def reached(coordinator: Coordinator, box: Postbox) -> tuple[str, str]:
    """Bring both sagas to where people are asked; the gate and the intervention."""
    await coordinator.start(paying, ORDER, id="pay-1")
    told = {"of": IBAN, "also": [VOUCHER, int(NUMBER)]}
    await coordinator.send("pay-1", "told", told, key="k-1", by="a program")
    await coordinator.start(carding, ORDER, id="card-1")
    gate = await until(lambda: first_gate(coordinator, "pay-1"))
    asked = await until(lambda: open_question(coordinator, "card-1"))
    await until(lambda: mailed(box, gate))
    await until(lambda: mailed(box, asked))
    return gate, asked


async def first_gate(coordinator: Coordinator, saga_id: str) -> str | None:
    """The gate of a saga, if it has opened."""
    gates = await coordinator.store.gates_of(saga_id)
    return gates[0].id if gates else None


async def open_question(coordinator: Coordinator, saga_id: str) -> str | None:
    """The intervention of a saga that waits, if one does."""
    asked = await coordinator.store.questions_of(saga_id)
    return next((each.id for each in asked if each.state == "open"), None)


async def mailed(box: Postbox, subject: str) -> bool | None:
    """Whether a message says something of that gate or intervention."""
    return any(subject in text_of(message) for message in box.messages) or None


async def ended(coordinator: Coordinator, saga_id: str) -> None:
    """Wait for the end of a saga."""

    async def over() -> bool | None:
        return (await coordinator.get(saga_id)).status.is_end or None

    await until(over)


def text_of(message: EmailMessage) -> str:
    """All that a message says."""
    parts = (part.get_content() for part in message.walk() if not part.is_multipart())
    return "".join([str(message["Subject"]), *parts])


async def look(inbox: Inbox, faces: Faces, when: str, subjects: list[str]) -> None:
    """Look at every page, and at what the API says."""
    browser = await inbox.browser("ben")
    word, _ = await tokens.make(
        inbox.coordinator.store,
        inbox.coordinator.principal("ben"),
        label="a test",
        scopes=(Scope.READ,),
        now=inbox.coordinator.now(),
        life=timedelta(hours=1),
    )
    program = inbox.stranger(headers={"authorization": f"Bearer {word}"})
    pages = ["/", "/interventions", "/sagas"]
    for saga_id in ("pay-1", "card-1"):
        pages += [f"/sagas/{saga_id}", f"/history/{saga_id}"]
    for subject in subjects:
        pages += [f"/gates/{subject}", f"/gates/{subject}/edit", f"/interventions/{subject}"]
    for page in pages:
        faces.shown[f"{page} {when}"] = (await browser.get(page)).text
    paths = ["inbox", "interventions", "sagas", "sagas/pay-1", "sagas/card-1"]
    paths += [f"{kind}/{subject}" for subject in subjects for kind in ("gates", "interventions")]
    for path in paths:
        faces.shown[f"API {path} {when}"] = (await program.get(f"/api/v1/{path}")).text


async def command(
    faces: Faces, when: str, capsys: pytest.CaptureFixture[str], subjects: list[str]
) -> None:
    """Look at what the command line prints."""
    asked = [("inbox",), ("list",), *(("inbox", subject) for subject in subjects)]
    for saga_id in ("pay-1", "card-1"):
        asked += [("show", saga_id), ("history", saga_id)]
    ways = [(*words, *more) for words in asked for more in ((), ("--json",))]
    ways += [("audit", "--format", form) for form in ("table", "json", "csv")]
    for words in ways:
        capsys.readouterr()
        await asyncio.to_thread(main, words)
        said = capsys.readouterr()
        faces.shown[f"sagas {' '.join(words)} {when}"] = said.out + said.err


async def test_t13_no_face_shows_what_was_declared_secret(
    sqlite_url: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("SAGAS_DB", sqlite_url)
    monkeypatch.setenv("COLUMNS", "300")
    faces = Faces()
    async with postbox() as box, opened(sqlite_url, tmp_path, box) as inbox:
        coordinator = inbox.coordinator
        working = asyncio.create_task(coordinator.work())
        gate, question = await reached(coordinator, box)
        await look(inbox, faces, "as it is asked", [gate, question])
        await command(faces, "as it is asked", capsys, [gate, question])

        row = await coordinator.store.gate(gate)
        assert row is not None
        revised = row.arguments.decode().replace(IBAN, REVISED)
        await coordinator.edit(gate, revised, by="ana", reason=f"{REVISED} is right")
        await look(inbox, faces, "once edited", [gate])
        await command(faces, "once edited", capsys, [gate])
        await coordinator.approve(gate, by="ben", reason=f"{REVISED} it is")
        given = Voucher(code=BY_HAND, note=f"{BY_HAND} for {IBAN}")
        await coordinator.resolve(
            question, "happened", by="ben", reason="it is there", result=given
        )

        waiting = await until(lambda: open_question(coordinator, "pay-1"))
        await until(lambda: mailed(box, waiting))
        await ended(coordinator, "card-1")
        await look(inbox, faces, "in doubt", [gate, waiting])
        await command(faces, "in doubt", capsys, [gate, waiting])
        await coordinator.resolve(waiting, "not-happened", by="ben", reason="no sign of it")
        await ended(coordinator, "pay-1")
        await look(inbox, faces, "at the end", [gate, waiting])
        await command(faces, "at the end", capsys, [gate, waiting])
        audited = [told async for told in coordinator.audit()]
        assert {told.id for told in audited} == {"pay-1", "card-1"}
        faces.shown["coordinator.audit"] = repr(audited)
        working.cancel()
        await asyncio.wait([working])
        for number, message in enumerate(box.messages):
            faces.shown[f"mail {number}"] = text_of(message)
    records = [record for record in caplog.records if record.name.startswith("sagas")]
    faces.shown["the log"] = "\n".join(logging.Formatter().format(each) for each in records)
    assert faces.leaks() == []
