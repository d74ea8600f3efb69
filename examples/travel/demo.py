"""Four trips: one completes, one finds no car, one loses its coordinator, one is rejected.

Run as `python -m examples.travel.demo [DIRECTORY]`: files stay in DIRECTORY, or go to a temporary
one that is removed; with `--web` only the first is played, and you decide in a browser. The
partners, the mail server, the coordinators and the approvers are processes of their own; everything
is driven through the `sagas` command. After each act the partners' own books are compared with the
journal; the exit code is 1 if they disagree.
"""

import json
import os
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from examples.console import Console, DemonstrationFailed, Run, invite, perform, title
from examples.ledger import LedgerLine
from examples.reconcile import Calls, Effect
from examples.travel.partner import KINDS, Mood
from examples.travel.world import World

TARGET = "examples.travel.booking:travel.book_trip"
LEASE_SECONDS = 2

CALLS = {
    "book_flight": Calls("flights", "book", "cancel"),
    "book_hotel": Calls("hotels", "book", "cancel"),
    "rent_car": Calls("cars", "book", "cancel"),
    "email_itinerary": Calls("mail", "mail"),
}

TRIP = {
    "traveller": "ana@example.org",
    "flight": {"origin": "Oslo", "destination": "Lisbon", "departure": "2027-03-01"},
    "hotel": {"city": "Lisbon", "arrival": "2027-03-01", "nights": 3},
    "car": {"city": "Lisbon", "pickup": "2027-03-01", "days": 3},
}


@dataclass(slots=True)
class Act:
    """One trip, and what the partners and the mail server did for it."""

    world: World
    console: Console
    saga_id: str
    seen: dict[str, int] = field(default_factory=dict[str, int])

    def __post_init__(self) -> None:
        self.seen = {kind: len(self.world.ledger(kind)) for kind in KINDS}
        self.seen["mail"] = len(self.world.mail())

    @property
    def run_command(self) -> tuple[str, ...]:
        """The command that starts this trip, or takes it up again."""
        path = self.console.directory / "trip.json"
        path.write_text(json.dumps(TRIP))
        return ("run", TARGET, "--input", f"@{path}", "--id", self.saga_id)

    def lines(self, kind: str) -> list[LedgerLine]:
        """What a partner did since the act began."""
        return self.world.ledger(kind)[self.seen[kind] :]

    def mails(self) -> int:
        """How many messages arrived since the act began."""
        return len(self.world.mail()) - self.seen["mail"]

    def effects(self) -> list[Effect]:
        """Everything the partners and the mail server did since the act began."""
        booked = [
            Effect(kind, line.kind, line.key, f"{line.kind} {line.subject}")
            for kind in KINDS
            for line in self.lines(kind)
        ]
        sent = [
            Effect("mail", "mail", key_of(mail.message_id), f"to {', '.join(mail.recipients)}")
            for mail in self.world.mail()[self.seen["mail"] :]
        ]
        return booked + sent

    def cancelled(self) -> list[str]:
        """The partners that cancelled, in the order in which they did."""
        cancels = [
            (line.at, kind) for kind in KINDS for line in self.lines(kind) if line.kind == "cancel"
        ]
        return [kind for _, kind in sorted(cancels)]

    def ask(self, run: Run) -> bool:
        """Put the mail before the person at the terminal, and do as they say."""
        gate = self.console.gate_of(self.saga_id, run)
        self.console.sagas("inbox")
        approved = input("Approve this mail? [y/n] ").strip().lower() in ("y", "yes")
        verb = "approve" if approved else "reject"
        self.console.sagas(verb, gate, "--reason", "said so in the terminal")
        return approved

    def decide(self, run: Run, verb: str, reason: str) -> None:
        """Approve or reject the mail from a second process."""
        gate = self.console.gate_of(self.saga_id, run)
        self.console.sagas("inbox")
        self.console.sagas(verb, gate, "--reason", reason)

    def close(self) -> set[str]:
        """Show the timeline, compare the two accounts of it, and tell the kinds of entries."""
        self.console.sagas("history", self.saga_id)
        whose = "the partners' own ledgers"
        return self.console.reconcile(self.saga_id, CALLS, self.effects(), whose=whose)


def key_of(message_id: str) -> str:
    """Read the key of the call that sent a message from its Message-ID."""
    return message_id.removeprefix("<").partition("@")[0]


def first_act(world: World, console: Console) -> None:
    """Book everything; a person is asked about the mail."""
    title("Act 1: a trip that completes once a person has approved the mail")
    act = Act(world, console, "trip-1")
    approved = True
    with console.background(*act.run_command) as run:
        if sys.stdin.isatty():
            approved = act.ask(run)
        else:
            print("(there is no terminal to ask in: a second process approves through the CLI)")
            act.decide(run, "approve", "no terminal to ask in")
        code = run.finish()
    check_first_act(act, code, approved=approved)


def first_act_in_browser(world: World, console: Console) -> None:
    """Book everything; a person decides about the mail in a browser."""
    title("A trip that completes once you have approved the mail, and is undone if you reject it")
    act = Act(world, console, "trip-1")
    with (
        console.inbox(TARGET.rpartition(".")[0]) as link,
        console.background(*act.run_command) as run,
    ):
        console.gate_of(act.saga_id, run)
        invite(link)
        code = run.finish(None)
    check_first_act(act, code, approved=code == 0)


def check_first_act(act: Act, code: int, *, approved: bool) -> None:
    """Check what became of the trip, and of the mail."""
    console = act.console
    if approved:
        console.expect("the trip completed", code == 0)
        console.expect("one mail arrived", act.mails() == 1)
    else:
        console.expect("you said no, and the trip was undone", code == 3)
        console.expect("no mail was sent", act.mails() == 0)
    act.close()


def second_act(world: World, console: Console) -> None:
    """Find no car: give the room and the seats back."""
    title("Act 2: no car is left, so hotel and flight are cancelled; the hotel keeps a fee")
    world.set_mood("cars", Mood(full=True))
    world.set_mood("hotels", Mood(fee="25.00 EUR"))
    act = Act(world, console, "trip-2")
    code = console.sagas(*act.run_command).returncode
    world.set_mood("cars")
    world.set_mood("hotels")
    console.expect("the trip was undone, but something remains", code == 4)
    console.sagas("show", act.saga_id)
    shown = console.read("show", act.saga_id, "--json")
    console.expect("what remains is the hotel's fee", "25.00 EUR" in shown)
    console.expect(
        "the hotel was cancelled, then the flight", act.cancelled() == ["hotels", "flights"]
    )
    console.expect("no mail was sent", act.mails() == 0)
    act.close()


def third_act(world: World, console: Console) -> None:
    """Lose the hotel's answer and the coordinator; a fresh process finds out and goes on."""
    title("Act 3: the hotel's answer is lost, and the coordinator is killed with -9")
    world.set_mood("hotels", Mood(slow=60, drop_next=1))
    act = Act(world, console, "trip-3")
    with console.background(*act.run_command, SAGAS_LEASE=str(LEASE_SECONDS)) as run:
        wait_for_the_hotel(act, run)
        os.kill(run.process.pid, signal.SIGKILL)
        run.process.wait()
    print(f"(the hotel has booked and says nothing; kill -9 {run.process.pid}; its lease runs out)")
    console.expect("the coordinator was killed", run.process.returncode == -signal.SIGKILL)
    world.set_mood("hotels")
    time.sleep(LEASE_SECONDS)
    with console.background(*act.run_command, SAGAS_LEASE=str(LEASE_SECONDS)) as run:
        act.decide(run, "approve", "booked once, as the hotel says")
        code = run.finish()
    console.expect("a fresh process completed the trip", code == 0)
    console.expect("each partner booked once", all(len(act.lines(kind)) == 1 for kind in KINDS))
    console.expect("one mail arrived", act.mails() == 1)
    console.expect("the hotel was asked what it had done", "Probed" in act.close())


def wait_for_the_hotel(act: Act, run: Run) -> None:
    """Return when the hotel has booked, and not told."""
    while not act.lines("hotels"):
        if run.process.poll() is not None:
            raise DemonstrationFailed(f"{act.saga_id} ended early: {run.output.read_text()}")
        time.sleep(0.05)


def fourth_act(world: World, console: Console) -> None:
    """Hear no from the approver: undo everything."""
    title("Act 4: the approver rejects the mail, so everything is undone")
    act = Act(world, console, "trip-4")
    with console.background(*act.run_command) as run:
        act.decide(run, "reject", "the traveller has changed her mind")
        code = run.finish()
    console.expect("the trip was undone, and nothing remains", code == 3)
    cancelled = act.cancelled()
    console.expect("all three were cancelled", sorted(cancelled) == sorted(KINDS))
    console.expect("the flight was cancelled last", cancelled[-1:] == ["flights"])
    console.expect("no mail was sent", act.mails() == 0)
    act.close()


def play(directory: Path) -> int:
    """Play all four acts and return the exit code."""
    with World.start(directory) as world:
        console = Console.open(directory, ["travel-desk"], world.environment)
        for act in (first_act, second_act, third_act, fourth_act):
            act(world, console)
        return console.verdict()


def play_in_browser(directory: Path) -> int:
    """Play the first act with a person at a browser, and return the exit code."""
    with World.start(directory) as world:
        console = Console.open(directory, ["travel-desk"], world.environment)
        first_act_in_browser(world, console)
        return console.verdict()


if __name__ == "__main__":
    sys.exit(perform(play, sys.argv[1:], web=play_in_browser))
