"""Five orders: paid, declined, rejected, lapsed, and one whose coordinator dies over a wire.

Run as `python -m examples.payments.demo [DIRECTORY]`: files stay in DIRECTORY, or go to a temporary
one that is removed; with `--web` there is one order, and you are the treasury, in a browser. The
processor, the bank, the coordinators and the approvers are processes of their own; everything is
driven through the `sagas` command. After each act the books of the processor and of the bank are
compared with the journal; the exit code is 1 if they disagree.
"""

import json
import os
import signal
import sys
import time
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from examples.console import (
    Console,
    DemonstrationFailed,
    Run,
    invite,
    perform,
    title,
)
from examples.ledger import LedgerLine
from examples.payments.service import Mood
from examples.payments.world import KINDS, World
from examples.reconcile import Calls, Effect

CATALOG = "examples.payments.paying:payments"
LEASE_SECONDS = 2
HOLD = timedelta(seconds=3)
"""For how long the processor holds the money in the act in which it lapses."""

CALLS = {
    "authorise": Calls("cards", "authorise", "void"),
    "capture": Calls("cards", "capture", "refund"),
    "capture_on_arrival": Calls("cards", "capture", "refund"),
    "pay_supplier": Calls("bank", "wire"),
    "mail_receipt": Calls("cards", "receipt"),
}


@dataclass(slots=True)
class Act:
    """One order, and what the processor and the bank did for it."""

    world: World
    console: Console
    order: str
    saga: str = "settle"
    seen: dict[str, int] = field(default_factory=dict[str, int])

    def __post_init__(self) -> None:
        self.seen = {kind: len(self.world.ledger(kind)) for kind in KINDS}

    @property
    def run_command(self) -> tuple[str, ...]:
        """The command that starts this order, or takes it up again."""
        path = self.console.directory / f"{self.order}.json"
        order = {
            "number": self.order,
            "card": "card-of-ana",
            "price": {"amount": "120.00", "currency": "EUR"},
            "supplier": "supplier-7",
            "cost": {"amount": "80.00", "currency": "EUR"},
        }
        path.write_text(json.dumps(order))
        return ("run", f"{CATALOG}.{self.saga}", "--input", f"@{path}", "--id", self.order)

    def lines(self) -> list[tuple[str, LedgerLine]]:
        """What both did since the act began, in order."""
        new = [
            (kind, line) for kind in KINDS for line in self.world.ledger(kind)[self.seen[kind] :]
        ]
        return sorted(new, key=lambda each: each[1].at)

    def did(self) -> list[str]:
        """The same, in their words."""
        return [line.kind for _, line in self.lines()]

    def decide(self, run: Run, verb: str, reason: str) -> None:
        """Approve or reject from a second process."""
        gate = self.console.gate_of(self.order, run)
        self.console.sagas(verb, gate, "--reason", reason)

    def wait(self, run: Run, what: str) -> None:
        """Return when one of them has done something while the saga runs.

        Raises:
            DemonstrationFailed: The run ended first.
        """
        while what not in self.did():
            if run.process.poll() is not None:
                raise DemonstrationFailed(f"{self.order}: {run.output.read_text()}")
            time.sleep(0.05)

    def close(self, *did: str) -> set[str]:
        """Check what was done, compare the two accounts of it, and tell the kinds of entries."""
        self.console.expect(
            f"the processor and the bank did: {', '.join(did)}", [*did] == self.did()
        )
        effects = [
            Effect(kind, line.kind, line.key, f"{line.kind} {line.subject}")
            for kind, line in self.lines()
        ]
        whose = "the books of the processor and of the bank"
        return self.console.reconcile(self.order, CALLS, effects, whose=whose)


def first_act(world: World, console: Console) -> None:
    """Take the money, and pay the supplier once the treasury has agreed."""
    title("Act 1: the treasury approves the wire, and the order is paid")
    act = Act(world, console, "order-1")
    with console.background(*act.run_command) as run:
        console.gate_of(act.order, run)
        console.sagas("inbox")
        act.decide(run, "approve", "as agreed with the supplier")
        code = run.finish()
    console.expect("the order is paid", code == 0)
    console.sagas("history", act.order)
    act.close("authorise", "capture", "wire", "receipt")


def second_act(world: World, console: Console) -> None:
    """Have the capture declined: the hold is voided, and nothing remains."""
    title("Act 2: the capture is declined, so the hold is voided")
    world.set_mood("cards", Mood(refuse=True))
    act = Act(world, console, "order-2")
    code = console.sagas(*act.run_command).returncode
    world.set_mood("cards")
    console.expect("the order was undone, and nothing remains", code == 3)
    act.close("authorise", "void")


def third_act(world: World, console: Console) -> None:
    """Hear no from the treasury: the customer is refunded, and the fee is gone."""
    title("Act 3: the treasury rejects the wire, so the customer is refunded; the fee is gone")
    act = Act(world, console, "order-3")
    with console.background(*act.run_command) as run:
        act.decide(run, "reject", "the supplier is insolvent")
        code = run.finish()
    console.expect("the order was undone, but something remains", code == 4)
    console.expect("what remains is the fee", "fee (1.80 EUR)" in run.output.read_text())
    act.close("authorise", "capture", "refund", "void")


def fourth_act(world: World, console: Console) -> None:
    """Approve on the day after the hold has lapsed: a person is asked what is to be done."""
    title("Act 4: the goods come on day 8, and the hold has lapsed on day 7: a person is asked")
    world.set_mood("cards", Mood(hold=HOLD))
    act = Act(world, console, "order-4", saga="preorder")
    console.sagas(*act.run_command, "--no-wait")
    world.set_mood("cards")
    print(f"(the seven days of the processor are {HOLD.seconds} seconds in this act; they go by)")
    time.sleep(HOLD.seconds)
    answer(act, "gate", "approve", reason="the goods have arrived")
    code = console.sagas(*act.run_command).returncode
    console.expect("the hold has lapsed, and a person is asked", code == 5)
    answer(act, "intervention", "resolve", "--choice", "unwind", reason="a new order is made")
    code = console.sagas(*act.run_command).returncode
    console.expect("what cannot be undone any more is on the record", code == 4)
    console.sagas("history", act.order)
    act.close("authorise")


def answer(act: Act, kind: str, *command: str, reason: str) -> None:
    """Answer what a person is asked about an order.

    Raises:
        DemonstrationFailed: Nothing of the kind is open.
    """
    asked = act.console.waiting(act.order, kind)
    if not asked:
        raise DemonstrationFailed(f"{act.order}: nobody was asked: there is no {kind}")
    act.console.sagas(command[0], asked[0], *command[1:], "--reason", reason)


def fifth_act(world: World, console: Console) -> None:
    """Lose the bank's answer and the coordinator: a fresh process asks the bank, and goes on."""
    title("Act 5: the coordinator is killed with -9 while the bank wires the money")
    world.set_mood("bank", Mood(slow=60))
    act = Act(world, console, "order-5")
    with console.background(*act.run_command, SAGAS_LEASE=str(LEASE_SECONDS)) as run:
        act.decide(run, "approve", "as agreed with the supplier")
        act.wait(run, "wire")
        os.kill(run.process.pid, signal.SIGKILL)
        run.process.wait()
    print(
        f"(the money has left, and nobody was told; kill -9 {run.process.pid}; its lease runs out)"
    )
    world.set_mood("bank")
    time.sleep(LEASE_SECONDS)
    code = console.sagas(*act.run_command).returncode
    console.expect("a fresh process has settled the order", code == 0)
    console.sagas("history", act.order)
    kinds = act.close("authorise", "capture", "wire", "receipt")
    console.expect("the bank was asked by the end-to-end id", "Probed" in kinds)


def play(directory: Path) -> int:
    """Play all five acts and return the exit code."""
    with World.start(directory) as world:
        console = open_console(directory, world)
        for act in (first_act, second_act, third_act, fourth_act, fifth_act):
            act(world, console)
        return console.verdict()


def play_in_browser(directory: Path) -> int:
    """Play one order with a person at a browser, and return the exit code."""
    with World.start(directory) as world:
        console = open_console(directory, world)
        title("You are the treasury: your yes pays the supplier, your no refunds the customer")
        act = Act(world, console, "order-1")
        with console.inbox(CATALOG) as link, console.background(*act.run_command) as run:
            console.gate_of(act.order, run)
            invite(link)
            code = run.finish(None)
        console.expect("the order is paid, or was undone", code in (0, 4))
        end = ("wire", "receipt") if code == 0 else ("refund", "void")
        act.close("authorise", "capture", *end)
        return console.verdict()


def open_console(directory: Path, world: World) -> Console:
    """A terminal of somebody in the shop who is in the treasury too."""
    return Console.open(directory, ("treasury", "shop"), world.environment)


if __name__ == "__main__":
    sys.exit(perform(play, sys.argv[1:], web=play_in_browser))
