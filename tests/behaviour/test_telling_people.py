"""What people are told of what waits for them, from the opening of a gate to its end."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from approvals import Presentation, Principal
from approvals.channels import (
    Channel,
    Channels,
    InterventionView,
    MessageLost,
    Notice,
    Receipt,
    Rejected,
    Reroute,
    Retry,
    Routes,
    Saying,
    Stop,
)
from approvals.delegation import delegation
from approvals.errors import ChannelDefinitionError, DirectoryError
from compensations import Residue
from sagas import (
    Catalog,
    Coordinator,
    Reversibility,
    StepFailed,
    approval,
    connect,
    savepoint,
    waived,
)
from sagas.dispatching.planning import FIRST_REMINDER, REMINDED_EVERY
from sagas.dispatching.sending import AGAIN, PATIENCE
from sagas.errors import NotExecuted, Refused
from sagas.model import micros
from sagas.ports import Announcement
from tests.behaviour.conftest import People
from tests.board import Board, Note

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)

travel = Catalog("travel")


@travel.action(reversibility=Reversibility.COMPENSATABLE)
async def book_room(city: str) -> str:
    return city


@book_room.compensation()
async def cancel_room(city: str) -> None: ...


@travel.action(
    reversibility=Reversibility.IRREVERSIBLE,
    approval=approval(
        by="ana",
        within=4 * HOUR,
        valid_for=2 * HOUR,
        remind=[HOUR, 3 * HOUR],
        escalate={2 * HOUR: "bo"},
    ),
)
async def mail(city: str) -> None: ...


@travel.action(reversibility=Reversibility.IRREVERSIBLE, approval=waived(reason="a test"))
async def pay(city: str) -> None:
    raise ConnectionResetError


@travel.saga
async def trip(city: str) -> None:
    await book_room(city)
    await mail(city)


@travel.action(
    reversibility=Reversibility.IRREVERSIBLE, approval=approval(by=["ana", "bo"], within=HOUR)
)
async def post(city: str) -> None: ...


@travel.saga
async def letter(city: str) -> None:
    await post(city)


@travel.action(reversibility=Reversibility.IRREVERSIBLE, approval=approval(by="@desk", within=HOUR))
async def jot(city: str) -> None: ...


@travel.saga
async def memo(city: str) -> None:
    await jot(city)


@travel.action(
    reversibility=Reversibility.IRREVERSIBLE, approval=approval(by="ana", veto="bo", within=HOUR)
)
async def scatter(city: str) -> None: ...


@travel.saga
async def pamphlet(city: str) -> None:
    await scatter(city)


@travel.action(
    reversibility=Reversibility.IRREVERSIBLE,
    approval=approval(by=["ana", "bo"], quorum=2, within=HOUR),
)
async def publish(city: str) -> None: ...


@travel.saga
async def book(city: str) -> None:
    await publish(city)


@travel.saga
async def bill(city: str) -> None:
    await pay(city)


@travel.action(reversibility=Reversibility.COMPENSATABLE, approval=approval(by="ana", within=HOUR))
async def repay(city: str) -> None:
    raise NotExecuted("no such account")


@repay.compensation()
async def take_back(city: str) -> None: ...


@travel.saga
async def refund(city: str) -> None:
    with suppress(StepFailed):
        await repay(city)


@travel.action(reversibility=Reversibility.IRREVERSIBLE, approval=approval(by="ana", within=HOUR))
async def wire(city: str) -> None:
    raise ConnectionResetError("the line broke")


@travel.saga
async def transfer(city: str) -> None:
    await wire(city)


@travel.action(reversibility=Reversibility.COMPENSATABLE, approval=approval(by="ana", within=HOUR))
async def rent(city: str) -> None: ...


@rent.compensation()
async def give_back(city: str) -> Residue:
    return Residue("a fee of 40 EUR")


@travel.saga
async def tour(city: str) -> None:
    await book_room(city)
    await rent(city)
    raise OSError("the bus broke down")


@travel.saga
async def tour_with_a_letter(city: str) -> None:
    await rent(city)
    await mail(city)


@travel.saga
async def two_letters(city: str) -> None:
    await post(city)
    await mail(city)


@travel.saga
async def detour(city: str) -> None:
    with suppress(OSError):
        async with savepoint("detour"):
            await rent(city)
            raise OSError("the bus broke down")


class HandClock:
    """Goes on when it is told to."""

    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        return self.at

    def wait(self, length: timedelta) -> None:
        self.at += length


ROUTES = Routes(
    {"ana": ["board:ana", "board:ana-too"], "bo": ["board:bo"]},
    interventions=["board:ops"],
    otherwise=["board:all"],
)


class Office:
    """A coordinator whose messages go out when a test says so."""

    def __init__(self, coordinator: Coordinator, board: Board, clock: HandClock) -> None:
        self.coordinator = coordinator
        self.board = board
        self.clock = clock

    async def tell(self) -> None:
        """Do everything that is due."""
        dispatcher = self.coordinator._dispatcher
        assert dispatcher is not None
        while await dispatcher.look():
            await dispatcher.settled()

    async def later(self, length: timedelta) -> None:
        """Let time pass, and do what is due then."""
        self.clock.wait(length)
        await self.tell()

    async def ask(self) -> str:
        """Have a saga wait at a gate, and tell people."""
        handle = await self.coordinator.start(trip, "Oslo", id="trip-1")
        await handle.settled()
        [gate] = await self.coordinator.store.waiting_gates()
        await self.tell()
        return gate.id

    async def states(self) -> list[tuple[str, str]]:
        """Each message's target and state, the oldest first."""
        found = await self.coordinator.store.deliveries(saga_id=None, state=None, limit=100)
        return [(each.target, each.state.value) for each in reversed(found)]


@asynccontextmanager
async def office_at(
    url: str, board: Board, clock: HandClock, routes: Routes = ROUTES
) -> AsyncGenerator[Office]:
    channels = Channels([board], routes, link="https://inbox.example.org/")
    async with connect(url, travel, channels=channels, clock=clock, user="eve") as coordinator:
        yield Office(coordinator, board, clock)


@pytest.fixture
async def office(journal_url: str) -> AsyncIterator[Office]:
    async with office_at(journal_url, Board(), HandClock()) as office:
        yield office


class Hanging(Board):
    """Never comes back from a post."""

    has_begun = False

    async def post(self, notice: Notice) -> Receipt:
        self.has_begun = True
        await asyncio.Event().wait()
        return {}


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110  a board tells nobody
            await asyncio.sleep(0.01)


def targets(board: Board) -> list[str]:
    return [note.target for note in board.notes]


# --- asking -----------------------------------------------------------------------------------


async def test_whoever_can_decide_is_asked_once(office: Office) -> None:
    gate = await office.ask()
    await office.tell()
    [note] = office.board.notes
    assert (note.target, note.says, note.shown[0].saying) == ("ana", "waiting", Saying.ASKED)
    assert note.shown[0].link == f"https://inbox.example.org/gates/{gate}"


async def test_whoever_answers_interventions_is_asked(office: Office) -> None:
    handle = await office.coordinator.start(bill, "Oslo", id="bill-1")
    await handle.settled()
    await office.tell()
    [note] = office.board.notes
    assert note.target == "ops"
    [question] = await office.coordinator.store.waiting_questions()
    await office.coordinator.resolve(question.id, "not-happened", reason="looked")
    await office.tell()
    assert note.says == "answered"


async def test_nobody_is_told_where_there_are_no_routes(
    sqlite_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with office_at(sqlite_url, Board(), HandClock(), Routes()) as office:
        await office.ask()
        assert office.board.notes == []
    assert "no route leads to anyone" in caplog.text


class AtTimes(People):
    """A directory that cannot be read at times."""

    away = False

    def members(self, group: str) -> frozenset[str]:
        if self.away:
            raise DirectoryError("desk.toml: the directory cannot be read; create the file")
        return super().members(group)


async def test_a_group_is_told_once_it_is_known_again_who_is_in_it(sqlite_url: str) -> None:
    desk, clock, board = AtTimes(), HandClock(), Board()
    channels = Channels([board], Routes({"ana": ["board:ana"]}))
    async with connect(
        sqlite_url, travel, channels=channels, clock=clock, user="eve", directory=desk
    ) as coordinator:
        office = Office(coordinator, board, clock)
        await (await coordinator.start(memo, "Oslo", id="memo-1")).settled()
        desk.away = True
        await office.tell()
        assert board.notes == []
        desk.away = False
        await office.later(timedelta(minutes=1))
        assert targets(board) == ["ana"]


async def test_what_opened_while_there_was_no_channel_is_told_when_there_is_one(
    sqlite_url: str,
) -> None:
    clock = HandClock()
    async with connect(sqlite_url, travel, clock=clock) as coordinator:
        await (await coordinator.start(trip, "Oslo", id="trip-1")).settled()
    async with office_at(sqlite_url, Board(), clock) as office:
        await office.tell()
        assert targets(office.board) == ["ana"]


# --- those who are away, and those who can veto -------------------------------------------------


async def away(office: Office, who: str, to: str) -> None:
    """Let somebody else decide for somebody who is away."""
    person = Principal(name=who, display=who, groups=frozenset(), evidence="a test")
    now = office.clock.now()
    made = delegation(
        id=f"{who}-{to}", by=person, to=to, now=now, until=now + 9 * HOUR, reason="ill"
    )
    await office.coordinator.delegate(made, by=person)


async def test_whoever_decides_for_somebody_who_is_away_is_told_for_whom(office: Office) -> None:
    await away(office, "ana", "bo")
    await office.ask()
    told = {note.target: note.shown[0] for note in office.board.notes}
    assert {name: notice.for_whom for name, notice in told.items()} == {
        "ana": (),
        "bo": ("bo for ana",),
    }
    assert {notice.saying for notice in told.values()} == {Saying.ASKED}


async def test_the_next_place_is_told_for_whom_when_one_fails(sqlite_url: str) -> None:
    routes = Routes({"bo": ["board:bo", "board:bo-too"]})
    async with office_at(sqlite_url, Board(), HandClock(), routes) as office:
        await away(office, "ana", "bo")
        office.board.faults = [Reroute("archived")]
        await office.ask()
        [note] = office.board.notes
        assert (note.target, note.shown[0].for_whom) == ("bo-too", ("bo for ana",))


async def test_whoever_may_veto_is_told_so_and_learns_how_it_ended(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    await (await office.coordinator.start(pamphlet, "Oslo", id="pamphlet-1")).settled()
    await office.tell()
    told = {note.target: note.shown[0].saying for note in office.board.notes}
    assert told == {"ana": Saying.ASKED, "bo": Saying.MAY_VETO}
    [gate] = await office.coordinator.store.waiting_gates()
    with pytest.raises(Refused, match="not among the approvers"):
        await office.coordinator.approve(gate.id, by="bo")
    await office.coordinator.reject(gate.id, by="bo", reason="litter")
    await office.tell()
    assert {note.says for note in office.board.notes} == {"rejected"}


async def test_that_nobody_who_decides_is_told_is_said_although_somebody_may_veto(
    sqlite_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with office_at(sqlite_url, Board(), HandClock(), Routes({"bo": ["board:bo"]})) as office:
        await (await office.coordinator.start(pamphlet, "Oslo", id="pamphlet-1")).settled()
        await office.tell()
        assert targets(office.board) == ["bo"]
    assert "no route leads to anyone" in caplog.text


# --- time -------------------------------------------------------------------------------------


async def test_reminders_and_escalations_come_once_each_at_their_time(office: Office) -> None:
    await office.ask()
    told: list[list[str]] = []
    for _ in range(3):
        before = len(office.board.notes)
        await office.later(HOUR)
        await office.tell()
        told.append(
            [f"{note.target} {note.shown[0].saying}" for note in office.board.notes[before:]]
        )
    assert told == [["ana reminded"], ["bo escalated"], ["ana reminded", "bo reminded"]]


async def test_a_reminder_follows_the_message_it_reminds_of(office: Office) -> None:
    await office.ask()
    await office.later(HOUR)
    assert office.board.notes[1].shown[0].follows == {"number": "0"}


async def test_after_a_long_silence_people_are_told_once(office: Office) -> None:
    handle = await office.coordinator.start(trip, "Oslo", id="trip-1")
    await handle.settled()
    await office.later(3 * HOUR)
    assert sorted(targets(office.board)) == ["ana", "bo"]


async def test_whoever_answers_interventions_is_told_again_until_somebody_has(
    office: Office,
) -> None:
    handle = await office.coordinator.start(bill, "Oslo", id="bill-1")
    await handle.settled()
    await office.tell()
    told: list[int] = []
    for wait in (FIRST_REMINDER, REMINDED_EVERY / 2, REMINDED_EVERY / 2, REMINDED_EVERY):
        before = len(office.board.notes)
        await office.later(wait)
        told.append(len(office.board.notes) - before)
    assert told == [1, 0, 1, 1]
    assert {note.shown[0].saying for note in office.board.notes[1:]} == {Saying.REMINDED}
    [question] = await office.coordinator.store.waiting_questions()
    await office.coordinator.resolve(question.id, "not-happened", reason="looked")
    await office.later(9 * REMINDED_EVERY)
    assert [note.says for note in office.board.notes] == 4 * ["answered"]


async def test_an_intervention_that_nobody_could_be_told_of_stays_open_and_is_told_later(
    office: Office,
) -> None:
    office.board.faults = [Rejected("invalid"), Rejected("invalid")]
    handle = await office.coordinator.start(bill, "Oslo", id="bill-1")
    await handle.settled()
    await office.tell()
    assert office.board.notes == []
    await office.later(FIRST_REMINDER)
    assert targets(office.board) == ["ops"]
    assert len(await office.coordinator.store.waiting_questions()) == 1


async def test_an_expiry_is_told_although_no_saga_was_driven(sqlite_url: str) -> None:
    board, clock = Board(), HandClock()
    async with office_at(sqlite_url, board, clock) as office:
        gate = await office.ask()
    async with office_at(sqlite_url, board, clock) as office:  # which drives nothing
        await office.later(4 * HOUR)
        stored = await office.coordinator.store.gate(gate)
        assert stored is not None
        assert stored.state == "pending"
        assert [note.says for note in board.notes] == ["expired"]
        shown = await office.coordinator.presentation(gate)
    assert "nobody decided" in shown.standing
    assert not shown.is_open


# --- repairing --------------------------------------------------------------------------------


async def test_every_message_says_so_when_somebody_has_decided_elsewhere(office: Office) -> None:
    gate = await office.ask()
    await office.later(2 * HOUR)
    await office.coordinator.reject(gate, by="ana", reason="too dear")
    await office.tell()
    assert {note.says for note in office.board.notes} == {"rejected"}
    assert {state for _, state in await office.states()} == {"updated"}


async def test_a_message_says_so_when_what_it_asks_was_edited(office: Office) -> None:
    await (await office.coordinator.start(letter, "Oslo", id="letter-1")).settled()
    await office.tell()
    [gate] = await office.coordinator.store.waiting_gates()
    await office.coordinator.edit(gate.id, '{"city": "Rome"}', reason="cheaper", by="bo")
    await office.tell()
    assert [note.says for note in office.board.notes] == ["changed", "changed"]
    subject = office.board.notes[0].shown[-1].subject
    assert isinstance(subject, Presentation)
    assert subject.revision == 2


async def test_a_message_says_who_has_voted_although_nothing_is_decided(office: Office) -> None:
    await (await office.coordinator.start(book, "Oslo", id="book-1")).settled()
    await office.tell()
    [gate] = await office.coordinator.store.waiting_gates()
    await office.coordinator.approve(gate.id, by="ana")
    await office.tell()
    assert [len(note.shown) for note in office.board.notes] == [2, 2]
    last = office.board.notes[1].shown[-1]
    assert isinstance(last.subject, Presentation)
    assert (last.is_open, last.is_news, last.happening.value) == (True, False, "waiting")
    assert [vote.partition(" at ")[0] for vote in last.subject.votes] == ["ana approved"]
    await office.coordinator.approve(gate.id, by="bo")
    await office.tell()
    assert [(note.says, note.shown[2].is_news) for note in office.board.notes] == [
        ("approved", True),
        ("approved", True),
    ]


async def test_a_message_is_repaired_once(office: Office) -> None:
    gate = await office.ask()
    await office.coordinator.reject(gate, by="ana", reason="too dear")
    await (await office.coordinator.resume("trip-1")).outcome(timeout=60)
    await office.tell()
    await office.tell()
    assert office.board.updates == 1


# --- what became of it ------------------------------------------------------------------------


async def afterwards(office: Office, saga: str) -> tuple[Notice, Presentation]:
    """What the first message says once a saga is over."""
    await (await office.coordinator.resume(saga)).outcome(timeout=60)
    await office.tell()
    last = office.board.notes[0].shown[-1]
    assert isinstance(last.subject, Presentation)
    return last, last.subject


async def approved(office: Office) -> None:
    [gate] = await office.coordinator.store.waiting_gates()
    await office.coordinator.approve(gate.id, by="ana")


async def test_a_message_says_that_what_was_approved_is_done_which_is_no_second_mail(
    office: Office,
) -> None:
    await (await office.coordinator.start(letter, "Oslo", id="letter-1")).settled()
    await office.tell()
    await approved(office)
    await office.tell()
    said, view = await afterwards(office, "letter-1")
    assert (said.aftermath, said.version) == ("done", "approved.1.done")
    assert view.afterwards == ("it was done at 10:00 UTC",)
    if len(office.board.notes[0].shown) > 2:  # unless both were told at once
        assert not said.is_news


async def test_a_message_says_that_what_was_approved_failed_and_why(office: Office) -> None:
    await (await office.coordinator.start(refund, "Oslo", id="refund-1")).settled()
    await office.tell()
    await approved(office)
    said, view = await afterwards(office, "refund-1")
    assert view.afterwards == ("it failed at 10:00 UTC: no such account",)
    assert said.version == "approved.1.failed"


async def test_a_message_says_that_nobody_knows_until_somebody_does(office: Office) -> None:
    handle = await office.coordinator.start(transfer, "Oslo", id="transfer-1")
    await handle.settled()
    await office.tell()
    await approved(office)
    await handle.settled()
    await office.tell()
    note = office.board.notes[0]
    assert note.shown[-1].version == "approved.1.doubt"
    [question] = await office.coordinator.store.waiting_questions()
    await office.coordinator.resolve(question.id, "happened", reason="looked", by="ana")
    said, _ = await afterwards(office, "transfer-1")
    assert said.version == "approved.1.done"


async def test_a_message_says_what_was_undone_and_what_remains_of_what_was_approved(
    office: Office,
) -> None:
    await (await office.coordinator.start(tour, "Oslo", id="tour-1")).settled()
    await office.tell()
    await approved(office)
    await office.tell()
    said, view = await afterwards(office, "tour-1")
    assert (said.version, said.is_news) == ("approved.1.residual", True)
    assert view.afterwards == (
        "it was done at 10:00 UTC",
        "it was undone at 10:00 UTC",
        "the saga was undone at 10:00 UTC: OSError: the bus broke down",
        "undone, in this order: rent; book_room",
        "remains: rent: a fee of 40 EUR",
    )


async def rejected_after_another(office: Office, work: Any) -> list[Note]:
    """What people were told once the first call was approved and the second one rejected."""
    handle = await office.coordinator.start(work, "Oslo", id="tour-1")
    await handle.settled()
    await office.tell()
    await approved(office)
    await (await office.coordinator.resume("tour-1")).settled()
    await office.tell()
    [gate] = await office.coordinator.store.waiting_gates()
    await office.coordinator.reject(gate.id, by="ana", reason="not on a Sunday")
    await (await office.coordinator.resume("tour-1")).settled()
    await office.tell()
    return office.board.notes


async def test_the_rejection_of_another_step_is_told_in_plain_words(office: Office) -> None:
    first, *_ = await rejected_after_another(office, tour_with_a_letter)
    view = first.shown[-1].subject
    assert isinstance(view, Presentation)
    assert view.afterwards[2] == (
        "the saga was undone at 10:00 UTC: mail was rejected by ana: not on a Sunday"
    )


async def test_a_rejection_past_what_cannot_be_undone_is_asked_about_in_plain_words(
    office: Office,
) -> None:
    notes = await rejected_after_another(office, two_letters)
    question = notes[-1].shown[-1].subject
    assert isinstance(question, InterventionView)
    assert question.question == (
        "it failed after two_letters/post#1, which cannot be undone: "
        "mail was rejected by ana: not on a Sunday"
    )


async def test_what_was_rejected_is_not_said_to_have_failed(office: Office) -> None:
    notes = await rejected_after_another(office, two_letters)
    assert [note.shown[-1].version for note in notes[:-1]][-1] == "rejected.1"


async def test_a_message_says_that_the_block_of_its_step_was_undone(office: Office) -> None:
    await (await office.coordinator.start(detour, "Oslo", id="detour-1")).settled()
    await office.tell()
    await approved(office)
    said, view = await afterwards(office, "detour-1")
    assert said.version == "approved.1.block"
    assert view.afterwards == ("it was done at 10:00 UTC", "it was undone at 10:00 UTC")


async def test_a_rejection_is_followed_by_what_was_undone(office: Office) -> None:
    gate = await office.ask()
    await office.coordinator.reject(gate, by="ana", reason="too dear")
    said, view = await afterwards(office, "trip-1")
    assert said.version == "rejected.1.undone"
    assert view.afterwards == (
        "the saga was undone at 10:00 UTC",  # why is told by the rejection
        "undone, in this order: book_room",
    )


async def test_a_message_says_so_when_the_saga_is_undone(office: Office) -> None:
    await office.ask()
    await office.coordinator.cancel("trip-1", reason="ill")
    outcome = await (await office.coordinator.resume("trip-1")).outcome(timeout=60)
    assert outcome.status == "compensated"
    await office.tell()
    assert [note.says for note in office.board.notes] == ["rolled back"]


async def test_what_is_not_needed_any_more_is_not_sent(office: Office) -> None:
    office.board.faults = [Retry("not now")]
    gate = await office.ask()
    await office.coordinator.reject(gate, by="ana", reason="too dear")
    await office.later(HOUR)
    assert office.board.notes == []
    assert await office.states() == [("ana", "moot")]


async def test_a_message_that_was_taken_down_is_lost_and_decides_nothing(office: Office) -> None:
    gate = await office.ask()
    office.board.take_down(0)
    decided = await office.coordinator.reject(gate, by="ana", reason="too dear")
    await office.tell()
    assert decided.state == "rejected"
    assert await office.states() == [("ana", "lost")]


async def test_a_repair_that_fails_is_tried_again(office: Office) -> None:
    gate = await office.ask()
    await office.coordinator.reject(gate, by="ana", reason="too dear")
    office.board.faults = [Retry("not now"), Stop("token revoked")]
    await office.tell()
    assert await office.states() == [("ana", "stale")]
    for _ in range(2):
        await office.later(HOUR)
    assert await office.states() == [("ana", "updated")]


async def test_a_lost_answer_to_a_repair_makes_no_second_message(office: Office) -> None:
    gate = await office.ask()
    office.board.mutes = 1
    await office.coordinator.reject(gate, by="ana", reason="too dear")
    await office.tell()
    await office.later(HOUR)
    assert len(office.board.notes) == 1
    assert await office.states() == [("ana", "updated")]


# --- failures ---------------------------------------------------------------------------------


async def test_a_message_whose_arrival_is_unknown_is_looked_for_before_it_is_sent_again(
    office: Office,
) -> None:
    office.board.mutes = 1
    await office.ask()
    assert await office.states() == [("ana", "unknown")]
    await office.later(timedelta(minutes=1))
    assert len(office.board.notes) == 1
    assert await office.states() == [("ana", "sent")]


async def test_a_channel_that_asks_for_time_is_left_alone_until_then(office: Office) -> None:
    office.board.faults = [Retry("slow down", after=timedelta(minutes=30))]
    await office.ask()
    await office.later(timedelta(minutes=29))
    assert office.board.notes == []
    await office.later(timedelta(minutes=1))
    assert targets(office.board) == ["ana"]


async def test_a_channel_that_asks_for_time_is_spared_every_message(office: Office) -> None:
    office.board.faults = [Retry("slow down", after=timedelta(minutes=30))]
    await office.ask()
    handle = await office.coordinator.start(bill, "Oslo", id="bill-1")
    await handle.settled()
    await office.later(timedelta(minutes=29))
    assert office.board.notes == []
    await office.later(timedelta(minutes=1))
    assert sorted(targets(office.board)) == ["ana", "ops"]


@pytest.mark.parametrize(
    "fault", [Reroute("archived"), Stop("token revoked"), Rejected("invalid")], ids=repr
)
async def test_the_next_place_is_told_at_once_when_one_fails(
    office: Office, fault: Reroute | Stop | Rejected
) -> None:
    office.board.faults = [fault]
    await office.ask()
    assert await office.states() == [("ana", "dead"), ("ana-too", "sent")]


async def test_the_next_place_is_told_when_one_does_not_come_back(office: Office) -> None:
    office.board.faults = [Retry("not now") for _ in range(PATIENCE)]
    await office.ask()
    for _ in range(PATIENCE):
        await office.later(timedelta(minutes=10))
    assert targets(office.board)[0] == "ana-too"


async def test_where_every_place_fails_somebody_is_told_so_and_the_gate_stays_open(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    office.board.faults = [Rejected("invalid") for _ in range(3)]
    gate = await office.ask()
    assert {state for _, state in await office.states()} == {"dead"}
    assert "NOBODY ELSE IS TOLD" in caplog.text
    decided = await office.coordinator.approve(gate, by="ana")
    assert decided.state == "approved"


async def test_the_last_place_is_tried_for_hours(sqlite_url: str) -> None:
    routes = Routes(otherwise=["board:all"])
    async with office_at(sqlite_url, Board(), HandClock(), routes) as office:
        office.board.faults = [Stop("token revoked") for _ in range(AGAIN.attempts - 1)]
        await office.ask()
        while office.board.faults:
            await office.later(timedelta(minutes=1))
        await office.later(timedelta(minutes=10))
        assert targets(office.board)[0] == "all"


async def test_whoever_lost_the_message_while_the_gate_is_open_is_told_elsewhere(
    office: Office,
) -> None:
    gate = await office.ask()
    store = office.coordinator.store
    [message] = await store.deliveries_about(gate)
    office.board.faults = [MessageLost("deleted")]
    [found] = await store.unannounced(now=2**62, limit=1)

    now = micros(office.clock.now())
    plan = Announcement(next_at=found.notify_at, says="pending.2", at=now, stale=(message.id,))
    assert await store.announce(found, plan)
    await office.tell()
    assert await office.states() == [("ana", "lost"), ("ana-too", "sent")]


# --- running ----------------------------------------------------------------------------------


async def test_a_worker_tells_people_while_it_works(sqlite_url: str) -> None:
    board = Board()
    channels = Channels([board], ROUTES)
    async with connect(sqlite_url, travel, channels=channels) as coordinator:
        working = asyncio.ensure_future(coordinator.work())
        await coordinator.start(trip, "Oslo", id="trip-1")
        await until(lambda: bool(board.notes))
        [gate] = await coordinator.store.waiting_gates()
        await coordinator.reject(gate.id, by="ana", reason="too dear")
        await until(lambda: board.notes[0].says == "rejected")
        working.cancel()
    assert board.is_closed


async def test_a_coordinator_is_of_use_after_its_work_was_cancelled(sqlite_url: str) -> None:
    channels = Channels([Board()], ROUTES)
    async with connect(sqlite_url, travel, channels=channels, user="eve") as coordinator:
        working = asyncio.ensure_future(coordinator.work())
        await (await coordinator.start(trip, "Oslo", id="trip-1")).settled()
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        [gate] = await coordinator.store.waiting_gates()
        decided = await coordinator.reject(gate.id, by="ana", reason="too dear")
        assert decided.state == "rejected"


async def test_of_many_dispatchers_one_sends_each_message(sqlite_url: str) -> None:
    board, clock = Board(), HandClock()
    async with office_at(sqlite_url, board, clock) as first:
        for number in range(10):
            await (await first.coordinator.start(trip, "Oslo", id=f"trip-{number}")).settled()
        async with office_at(sqlite_url, board, clock) as second:
            await asyncio.gather(first.tell(), second.tell())
        await first.tell()
    references = [note.reference for note in board.notes]
    assert len(references) == len(set(references)) == 10


async def test_a_channel_that_hangs_keeps_no_saga_and_no_other_channel(sqlite_url: str) -> None:
    board, hanging = Board(), Hanging("stuck")
    routes = Routes({"ana": ["stuck:ana"], "bo": ["board:bo"]}, interventions=["board:ops"])
    all_channels: list[Channel] = [hanging, board]
    async with connect(
        sqlite_url, travel, channels=Channels(all_channels, routes), user="eve"
    ) as coordinator:
        working = asyncio.ensure_future(coordinator.work())
        await coordinator.start(trip, "Oslo", id="trip-1")
        await coordinator.start(bill, "Oslo", id="bill-1")
        await until(lambda: bool(board.notes and hanging.has_begun))
        [gate] = await coordinator.store.waiting_gates()
        await coordinator.approve(gate.id, by="ana")
        outcome = await (await coordinator.resume("trip-1")).outcome(timeout=60)
        working.cancel()
        assert outcome.status == "completed"
        dispatcher = coordinator._dispatcher
        assert dispatcher is not None
        for _, task in dispatcher._in_hand.values():
            task.cancel()


async def test_without_channels_there_is_nothing_to_dispatch(sqlite_url: str) -> None:
    async with connect(sqlite_url, travel) as coordinator:
        with pytest.raises(ChannelDefinitionError, match="connect"):
            await coordinator.dispatch()
