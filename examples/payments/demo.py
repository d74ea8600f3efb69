"""Five orders: paid, declined, rejected, lapsed, and one whose coordinator dies over a wire.

Run as `python -m examples.payments.demo [DIRECTORY]`: files stay in DIRECTORY, or go to a temporary
one that is removed. The processor, the bank, the coordinators and the approvers are processes of
their own; everything is driven through the `sagas` command. After each act the books of the
processor and of the bank are compared with the journal; the exit code is 1 if they disagree.
"""

import json
import os
import re
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
    perform,
    title,
)
from examples.ledger import LedgerLine
from examples.payments.service import Mood
from examples.payments.world import KINDS, World
from examples.reconcile import Calls, Effect

CATALOG = "examples.payments.paying:payments"
LEASE_SECONDS = 2
HOLD = timedelta(seconds=2)
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
    said: str = ""
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

    def run(self, *options: str) -> int:
        """Drive the order as far as it goes, and return the exit code."""
        ran = self.console.sagas(*self.run_command, *options)
        self.said = ran.stdout
        return ran.returncode

    def answer(self, verb: str, *options: str, reason: str) -> None:
        """Answer what a person is asked, by a command that the last run has named.

        Raises:
            DemonstrationFailed: It has named none.
        """
        named = re.search(rf"sagas {verb} (\S+)", self.said)
        if named is None:
            raise DemonstrationFailed(f"{self.order}: there is nothing to {verb}")
        self.console.sagas(verb, named[1], *options, "--reason", reason)

    def did_within(self, run: Run, what: str) -> None:
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
    act.run("--no-wait")
    console.sagas("inbox")
    act.answer("approve", reason="as agreed with the supplier")
    console.expect("the order is paid", act.run() == 0)
    act.close("authorise", "capture", "wire", "receipt")


def second_act(world: World, console: Console) -> None:
    """Have the capture declined: the hold is voided, and nothing remains."""
    title("Act 2: the capture is declined, so the hold is voided")
    world.set_mood("cards", Mood(refuse=True))
    act = Act(world, console, "order-2")
    code = act.run()
    world.set_mood("cards")
    console.expect("the order was undone, and nothing remains", code == 3)
    act.close("authorise", "void")


def third_act(world: World, console: Console) -> None:
    """Hear no from the treasury: the customer is refunded, and the fee is gone."""
    title("Act 3: the treasury rejects the wire, so the customer is refunded; the fee is gone")
    act = Act(world, console, "order-3")
    act.run("--no-wait")
    act.answer("reject", reason="the supplier is insolvent")
    console.expect("the order was undone, but something remains", act.run() == 4)
    console.expect("what remains is the fee", "fee (1.80 EUR)" in act.said)
    act.close("authorise", "capture", "refund", "void")


def fourth_act(world: World, console: Console) -> None:
    """Approve on the day after the hold has lapsed: a person is asked what is to be done."""
    title("Act 4: the goods come on day 8, and the hold has lapsed on day 7: a person is asked")
    world.set_mood("cards", Mood(hold=HOLD))
    act = Act(world, console, "order-4", saga="preorder")
    act.run("--no-wait")
    world.set_mood("cards")
    print(f"(the seven days of the processor are {HOLD.seconds} seconds in this act; they go by)")
    time.sleep(HOLD.seconds)
    act.answer("approve", reason="the goods have arrived")
    console.expect("the hold has lapsed, and a person is asked", act.run() == 5)
    act.answer("resolve", "--choice", "unwind", reason="a new order is made")
    console.expect("what cannot be undone any more is on the record", act.run() == 4)
    console.sagas("history", act.order)
    act.close("authorise")


def fifth_act(world: World, console: Console) -> None:
    """Lose the bank's answer and the coordinator: a fresh process asks the bank, and goes on."""
    title("Act 5: the coordinator is killed with -9 while the bank wires the money")
    world.set_mood("bank", Mood(slow=60))
    act = Act(world, console, "order-5")
    act.run("--no-wait")
    act.answer("approve", reason="as agreed with the supplier")
    with console.background(*act.run_command, SAGAS_LEASE=str(LEASE_SECONDS)) as run:
        act.did_within(run, "wire")
        os.kill(run.process.pid, signal.SIGKILL)
        run.process.wait()
    print(
        f"(the money has left, and nobody was told; kill -9 {run.process.pid}; its lease runs out)"
    )
    world.set_mood("bank")
    time.sleep(LEASE_SECONDS)
    console.expect("a fresh process has settled the order", act.run() == 0)
    console.sagas("history", act.order)
    kinds = act.close("authorise", "capture", "wire", "receipt")
    console.expect("the bank was asked by the end-to-end id", "Probed" in kinds)


def play(directory: Path) -> int:
    """Play all five acts and return the exit code."""
    with World.start(directory) as world:
        console = Console.open(directory, ["treasury", "shop"], world.environment)
        for act in (first_act, second_act, third_act, fourth_act, fifth_act):
            act(world, console)
        return console.verdict()


if __name__ == "__main__":
    sys.exit(perform(play, sys.argv[1:]))
