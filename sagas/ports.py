"""What the coordinator needs of the outside: a journal, a clock, and a place to inject faults.

The journal's adapters live in `sagas.journal`; every one of them passes the same conformance
suite. A method either does all of what it says, durably, or raises and has done nothing, with one
exception that the caller settles by reading back: a COMMIT whose answer was lost.

Pure.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, StrEnum
from typing import Any, Protocol

from approvals import Gate, GateState, Principal, Vote
from approvals.delegation import Delegation
from approvals.figures import AskedGate, CastVote
from approvals.revision import Proposal, Revision
from approvals.rule import StandingRule
from compensations import Choice
from reversibility import Reversibility
from sagas.allotment import Answer, Mark, Want
from sagas.chain import Row
from sagas.model import Direction, Status


class Clock(Protocol):
    """The one source of time for decisions; leases use the database's own clock."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        ...


class FaultPoints:
    """Told of every boundary that a crash could fall on; for tests, which do something there."""

    async def reached(self, point: str, saga_id: str, path: str) -> None:
        """Called at `before-append`, `after-append`, `before-call` and `after-call`.

        Of a message to people: at `after-claim`, `before-post`, `after-post`, `before-record` and
        `after-record`, with the gate or intervention for the path.
        """

    async def called(
        self,
        saga_id: str,
        path: str,
        call: Callable[[], Awaitable[Any]],
        *,
        action: tuple[str, int],
        reversibility: Reversibility,
        arguments: Mapping[str, object],
    ) -> Any:
        """Make a call between its two points; gives what is heard of it.

        Args:
            action: The name and the version of the action that is called or undone.
            reversibility: The class of the call.
            arguments: What the function is about to be given.
        """
        await self.reached("before-call", saga_id, path)
        value = await call()
        await self.reached("after-call", saga_id, path)
        return value


# --- what an append carries besides entries ---------------------------------------------------


@dataclass(frozen=True, slots=True)
class CreateSaga:
    """Create the saga's row; the unit is refused if the id is taken."""

    saga: str
    version: int
    input_digest: str
    starter: str
    at: int


@dataclass(frozen=True, slots=True)
class Project:
    """Record the status that people and workers see, and when to look at the saga again.

    With `release` the saga is no longer owned by this worker, which has survived driving it.
    """

    status: Status
    reason: str | None
    wake_at: int | None
    release: bool


@dataclass(frozen=True, slots=True)
class OpenGate:
    """Store a new gate, pending."""

    gate: Gate


@dataclass(frozen=True, slots=True)
class MoveGate:
    """Compare and set a gate's state; the unit is refused if the gate is not in `old`."""

    gate_id: str
    old: GateState
    new: GateState
    at: int


@dataclass(frozen=True, slots=True)
class SpendRule:
    """Use a standing rule for a gate; the unit is refused if the rule is over, revoked or used up.

    Attributes:
        units: How much of the rule's budget it takes, in millionths.
    """

    rule_id: str
    gate_id: str
    units: int | None
    at: int


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """Store a new intervention, open."""

    intervention_id: str
    path: str | None
    kind: str
    question: str
    evidence: str
    choices: tuple[Choice, ...]
    wants_result: bool
    at: int


@dataclass(frozen=True, slots=True)
class CloseQuestion:
    """Close an intervention that became moot."""

    intervention_id: str
    at: int


@dataclass(frozen=True, slots=True)
class FoldRequests:
    """Mark requests as folded into entries, up to the value of `control` at which they were read."""

    request_ids: tuple[int, ...]
    control: int


@dataclass(frozen=True, slots=True)
class Survived:
    """Forget the workers that died while they drove the saga: it has come further since."""


Op = (
    CreateSaga
    | Project
    | OpenGate
    | MoveGate
    | SpendRule
    | OpenQuestion
    | CloseQuestion
    | FoldRequests
    | Survived
)


@dataclass(slots=True)
class Unit:
    """What one saga appends: applied wholly or not at all.

    Attributes:
        rows: Entries, in order, ready to be stored.
        ops: Changes of other rows that belong to them.
        guarded: Refuse it if somebody has made a request that is not folded yet.
        before: The number and hash of the saga's last entry before these, where it is known.
    """

    saga_id: str
    rows: list[Row]
    ops: list[Op] = field(default_factory=list[Op])
    guarded: bool = False
    before: tuple[int, str] | None = None

    @property
    def head(self) -> tuple[int, str] | None:
        """The saga's last entry once these are written: a cut-off tail shows against it."""
        return (self.rows[-1].seq, self.rows[-1].hash) if self.rows else self.before


class Applied(Enum):
    """What became of a unit."""

    YES = "yes"
    REQUESTED = "requested"
    """Refused: it is guarded, and a request waits."""
    MOVED = "moved"
    """Refused: a gate, or a standing rule, was not in the state that the unit expects."""
    TAKEN = "taken"
    """Refused: the saga's id is taken."""
    FENCED = "fenced"
    """Refused: this worker was declared dead."""
    CONFLICT = "conflict"
    """Refused: the entries' numbers are taken."""


# --- what is read -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Request:
    """Something that somebody who does not hold the lease wants of the saga."""

    id: int
    kind: str
    ref: str
    by: str
    reason: str
    state: str
    at: int
    payload: bytes | None = None
    valid_until: int | None = None


@dataclass(frozen=True, slots=True)
class SagaRow:
    """The saga's own row."""

    id: str
    saga: str
    version: int
    input_digest: str
    starter: str
    status: Status
    reason: str | None
    head: int
    head_hash: str | None
    owner: int | None
    control: int
    folded: int
    wake_at: int | None
    created_at: int
    updated_at: int
    deaths: int = 0


@dataclass(frozen=True, slots=True)
class QuestionRow:
    """An intervention as it is stored."""

    id: str
    saga_id: str
    path: str | None
    kind: str
    question: str
    evidence: str
    choices: tuple[Choice, ...]
    wants_result: bool
    state: str
    opened_at: int
    choice: str | None = None
    by: str | None = None
    reason: str | None = None
    closed_at: int | None = None


@dataclass(frozen=True, slots=True)
class Loaded:
    """A saga with its entries and the requests that wait."""

    row: SagaRow
    rows: list[Row]
    requests: list[Request]


@dataclass(frozen=True, slots=True)
class LateAnswer:
    """A call that was given up took effect after all, or is over and does not say so.

    Attributes:
        key: The idempotency key it was made under.
        attempt: Which attempt it was.
        payload: What is recorded of its result, or of what an undo left.
        unstorable: Why there is no payload, if it could not be stored.
        unprotected: Whether it may have outlived its key, or had none.
        happened: Whether it took effect; if not, only this is known: that it goes on no longer.
    """

    saga_id: str
    path: str
    direction: Direction
    key: str
    attempt: int
    payload: bytes | None
    unstorable: str | None = None
    unprotected: bool = False
    happened: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """What one drill of one action showed.

    Attributes:
        id: Unlike that of any other drill, so that it is recorded once.
        action: The action's name with the catalog's, such as `travel.book_hotel`.
        digest: The handler digest of the code that was drilled.
        passed: Whether its round trips left what they should.
        detail: What was seen, if it did not pass; else a summary.
        runs: How many round trips there were.
        sandbox: Against what, in the sandbox's own words.
        at: When, in microseconds since 1970.
    """

    id: str
    action: str
    version: int
    digest: str
    passed: bool
    detail: str
    runs: int
    sandbox: str
    by: str
    at: int


class DeliveryState(StrEnum):
    """Where one message to one target stands."""

    QUEUED = "queued"
    """To be sent."""
    SENDING = "sending"
    """A dispatcher has it in hand; nobody else sends it while that one lives."""
    UNKNOWN = "unknown"
    """It may have arrived: to be looked for, or sent again."""
    SENT = "sent"
    """It arrived, and says what is so."""
    STALE = "stale"
    """It arrived, and what it says is no longer so: to be repaired."""
    UPDATED = "updated"
    """It was repaired, and says what is so."""
    LOST = "lost"
    """It may be there, and cannot be repaired."""
    DEAD = "dead"
    """It was given up; the next place of its route was tried instead, if there is one."""
    MOOT = "moot"
    """It was not sent, because there was nothing to ask any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDelivery:
    """A message to be sent.

    Attributes:
        channel: The channel's name.
        target: Where on that channel.
        saying: Why it is sent: `asked`, `reminded` or `escalated`.
        level: How many reminders and escalations of the gate were due.
        rest: The places to try when this one fails, each a channel and a target.
    """

    channel: str
    target: str
    saying: str
    level: int
    rest: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery(NewDelivery):
    """One message to one target, about one gate or intervention.

    Attributes:
        subject: The id of the gate or the intervention.
        attempts: How often it was taken in hand since something last succeeded.
        next_at: When it is to be taken in hand; None if there is nothing to do.
        says: What the message says, as `announcing.tells` names it.
        receipt: What the channel needs to find the message again.
        error: Why the last attempt failed.
    """

    id: int
    saga_id: str
    subject: str
    state: DeliveryState
    attempts: int
    next_at: int | None
    says: str
    receipt: Mapping[str, str] | None
    error: str | None
    made_at: int
    changed_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unannounced:
    """A gate or an intervention of which there may be something to tell.

    Attributes:
        subject: As it is stored; None if this version cannot read it.
        notify_at: Since when; whoever announces it compares.
        told: The messages there are about it.
    """

    id: str
    subject: "Gate | QuestionRow | None"
    notify_at: int
    told: tuple[Delivery, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """What is to be told of a gate or an intervention by now.

    Attributes:
        next_at: When to look again, if nobody does anything.
        says: What messages about it should say.
        new: Messages to be sent.
        stale: Messages that say something else.
        moot: Messages that need not be sent any more.
    """

    next_at: int | None
    says: str
    at: int
    new: tuple[NewDelivery, ...] = ()
    stale: tuple[int, ...] = ()
    moot: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What became of a message that a dispatcher had in hand.

    Attributes:
        state: Where it stands now.
        at: When that was found out.
        next_at: When to try again; None if there is nothing to do.
        says: What the message says by now; None if that did not change.
        reroute: Whether the next place of its route is tried.
        pause: Until when the whole channel is left alone, if it asks for that.
    """

    state: DeliveryState
    at: int
    next_at: int | None = None
    says: str | None = None
    receipt: Mapping[str, str] | None = None
    error: str | None = None
    reroute: bool = False
    pause: int | None = None


@dataclass(frozen=True, slots=True)
class WebSession:
    """A browser that somebody is logged in with; instants are microseconds since 1970.

    Attributes:
        token_hash: The SHA-256 of what the browser shows.
        principal: The name of whoever is logged in; what they may do, the directory says.
        evidence: How they were identified when they logged in.
        until: When it is over, however much it is used.
    """

    token_hash: str
    principal: str
    evidence: str
    begun_at: int
    seen_at: int
    until: int


@dataclass(frozen=True, slots=True)
class LoginLink:
    """A link that logs somebody in, once; instants are microseconds since 1970.

    Attributes:
        token_hash: The SHA-256 of what the link holds.
        evidence: How whoever had it made was identified.
        used_by: The hash of the session that it began, if it did.
    """

    token_hash: str
    principal: str
    evidence: str
    made_at: int
    until: int
    used_by: str | None = None


class Scope(StrEnum):
    """What a token of a program is good for, at most."""

    READ = "read"
    DECIDE = "decide"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiToken:
    """What a program shows to act for its owner; instants are microseconds since 1970.

    Attributes:
        id: Its public name, by which it is listed and revoked.
        token_hash: The SHA-256 of what the program shows.
        label: What it is for, in its owner's words.
    """

    id: str
    token_hash: str
    owner: str
    label: str
    scopes: frozenset[Scope]
    made_at: int
    until: int
    revoked_at: int | None = None


@dataclass(frozen=True, slots=True)
class RuleUse:
    """A call that a standing rule allowed; the instant is microseconds since 1970.

    Attributes:
        units: How much of the rule's budget it took, in millionths.
    """

    gate_id: str
    rule_id: str
    saga_id: str
    units: int | None
    at: int


@dataclass(frozen=True, slots=True)
class Lease:
    """One worker incarnation: its number is the fencing token.

    Attributes:
        at: The database's clock when it was granted or renewed, in microseconds since 1970.
    """

    worker: int
    control: int
    seconds: float
    at: int = 0


@dataclass(frozen=True, slots=True)
class Suspects:
    """Sagas that may kill whoever drives them.

    Attributes:
        deaths: From this many deaths on a saga is one.
        limit: How many of them may be taken.
    """

    deaths: int
    limit: int


ANY_NUMBER = Suspects(deaths=2**31 - 1, limit=0)


class Journal(Protocol):
    """The durable record: what the interpreter needs."""

    journal_id: str

    async def commit(
        self, lease: Lease, units: Sequence[Unit], *, again: bool = False
    ) -> list[Applied]:
        """Apply units in one transaction, as one of them or none each.

        Args:
            again: They were handed over before, and it is not known whether they were applied.

        Raises:
            JournalUnavailable: The database does not do it now; it may have been done.
        """
        ...

    async def load(self, saga_id: str) -> Loaded | None:
        """Everything there is to know of a saga, from one snapshot."""
        ...

    async def requests(self, saga_id: str) -> tuple[int, list[Request]]:
        """The value of `control`, and the requests that are not folded yet."""
        ...

    async def gate(self, gate_id: str) -> Gate | None:
        """A gate's row."""
        ...

    async def votes(self, gate_id: str) -> list[Vote]:
        """The votes on a gate, in order, with those that were refused."""
        ...


class Timekeeper(Protocol):
    """What the database knows of the time.

    Attributes:
        keeps_time: Whether it has a clock of its own, to go by.
    """

    keeps_time: bool

    async def time(self) -> int:
        """The database's clock, in microseconds since 1970."""
        ...

    async def next_due(self, *, after: int, before: int) -> int | None:
        """The first instant between these two at which a parked saga is due, if there is one."""
        ...


class Ownership(Protocol):
    """Who drives what."""

    async def register(self, name: str, seconds: float) -> Lease:
        """A new incarnation, with a lease of that many seconds."""
        ...

    async def renew(self, lease: Lease) -> Lease:
        """Extend the lease.

        Raises:
            LeaseLost: This worker was declared dead.
        """
        ...

    async def retire(self, lease: Lease) -> None:
        """Give up the lease and every saga held under it."""
        ...

    async def claim(
        self,
        lease: Lease,
        *,
        now: int,
        only: Sequence[str] | None,
        limit: int,
        known: Sequence[tuple[str, int]] | None = None,
        suspects: Suspects = ANY_NUMBER,
    ) -> list[str]:
        """Take sagas that are due and that no living worker holds.

        Args:
            only: Candidates; None for every saga.
            known: Names and versions whose code this process has; None for every code.
            suspects: How many of those may be taken that workers have died of.
        """
        ...

    async def due(self, *, now: int, limit: int) -> list[str]:
        """Some of the sagas that are due and that nobody holds."""
        ...

    async def held(self, lease: Lease) -> list[str]:
        """The sagas that this worker holds."""
        ...

    async def raised(self, lease: Lease) -> tuple[int, list[str]]:
        """The worker's `control`, and its sagas with requests that are not folded yet."""
        ...

    async def changed(self, seconds: float) -> None:
        """Return when something may have changed, at the latest after that many seconds."""
        ...


class Desk(Protocol):
    """What people and other programs do: each is one transaction, and raises `control`."""

    async def cancel(self, saga_id: str, *, by: str, reason: str, at: int) -> None:
        """Ask for a saga to be undone."""
        ...

    async def send(
        self, saga_id: str, name: str, payload: bytes, *, key: str, by: str, at: int
    ) -> bool:
        """Deliver an event once per `key`; False if that key was delivered before."""
        ...

    async def vote(self, gate_id: str, vote: Vote, voter: Principal) -> Gate:
        """Count a vote, and decide the gate if it is enough; record it where it is refused.

        Raises:
            Refused: The vote has no effect; the message is the truth to tell the voter.
        """
        ...

    async def answer(
        self,
        intervention_id: str,
        choice: Choice,
        *,
        by: str,
        reason: str,
        payload: bytes | None,
        at: int,
    ) -> QuestionRow:
        """Close an intervention with an answer.

        Raises:
            Refused: It is unknown, answered already, or the answer is not on offer.
        """
        ...

    async def report(self, late: LateAnswer, *, by: str, at: int) -> bool:
        """Tell a saga of a late answer, once per attempt; False if it was told before.

        A saga that has ended is live again from then on if the call took effect, for a worker to
        fold the report. Of any other answer it is told nothing.

        Raises:
            UnknownSaga: There is no such saga.
        """
        ...


class Edits(Protocol):
    """Other arguments for what people are asked about."""

    async def edit(self, gate_id: str, proposal: Proposal) -> Gate:
        """Let a gate ask about other arguments from now on; earlier votes are void.

        Raises:
            Refused: The edit has no effect; the message is the truth to tell the editor.
        """
        ...

    async def revisions(self, gate_id: str) -> list[Revision]:
        """The revisions of a gate that was edited, in order; none of one as it was asked."""
        ...


class Library(Protocol):
    """What is read for people."""

    async def saga(self, saga_id: str) -> SagaRow | None:
        """One saga's row."""
        ...

    async def sagas(
        self, *, status: str | None, saga: str | None, since: int | None, limit: int
    ) -> list[SagaRow]:
        """Saga rows, the newest first."""
        ...

    async def live_sagas(self, after: str, limit: int) -> list[SagaRow]:
        """A page of sagas that have not ended, in the order of their ids, after that one."""
        ...

    async def gates_of(self, saga_id: str) -> list[Gate]:
        """Every gate of a saga, in the order in which they opened."""
        ...

    async def questions_of(self, saga_id: str) -> list[QuestionRow]:
        """Every intervention of a saga, in the order in which they opened."""
        ...

    async def question(self, intervention_id: str) -> QuestionRow | None:
        """One intervention."""
        ...


class Inbox(Protocol):
    """What waits for people."""

    async def open_gates(self) -> list[Gate]:
        """Every gate that can be decided."""
        ...

    async def waiting_gates(
        self, *, person: str | None, after: tuple[int, str] | None, limit: int
    ) -> list[Gate]:
        """A page of the gates that can be decided, the oldest first.

        Args:
            person: Only gates that were theirs to decide when they opened; None for every gate.
            after: The page begins after the gate with this opening (microseconds) and id.
        """
        ...

    async def open_questions(self) -> list[QuestionRow]:
        """Every intervention that waits for an answer."""
        ...


class Figures(Protocol):
    """What is read to measure how people decide."""

    async def asked_since(self, since: int) -> list[AskedGate]:
        """The gates that opened at that instant or later."""
        ...

    async def cast_since(self, since: int) -> list[CastVote]:
        """The votes that were cast at that instant or later."""
        ...


class Rules(Protocol):
    """Approvals that were given beforehand."""

    async def create_rule(self, rule: StandingRule) -> None:
        """Add a standing rule; nothing, if one of its id is there."""
        ...

    async def rule(self, rule_id: str) -> StandingRule | None:
        """A standing rule, with what was used of it, whether or not it still allows anything."""
        ...

    async def rules(
        self, *, action: str | None, live_at: int | None, limit: int
    ) -> list[StandingRule]:
        """Standing rules, the newest first.

        Args:
            action: Only for this action.
            live_at: Only those that are neither revoked nor over at this instant.
            limit: How many at most.
        """
        ...

    async def matching_rules(self, action: str, version: int, *, at: int) -> list[StandingRule]:
        """The rules for an action that are neither revoked nor over, the first to end first."""
        ...

    async def revoke_rule(self, rule_id: str, *, by: str, reason: str, at: int) -> StandingRule:
        """Let a rule allow nothing more.

        Raises:
            Refused: There is none of that id, or it was revoked before.
        """
        ...

    async def rule_uses(self, rule_id: str) -> list[RuleUse]:
        """What a rule allowed, the oldest first."""
        ...

    async def gates_of_action(self, action: str, *, limit: int) -> list[Gate]:
        """The gates in front of an action, the newest first."""
        ...


class Delegations(Protocol):
    """Who decides for whom."""

    async def create_delegation(self, delegation: Delegation) -> None:
        """Add a delegation; nothing, if one of its id is there.

        Raises:
            Refused: It would close a circle.
        """
        ...

    async def delegation(self, delegation_id: str) -> Delegation | None:
        """A delegation, whether or not it still gives a right."""
        ...

    async def delegations(
        self, *, person: str | None, live_at: int | None, limit: int
    ) -> list[Delegation]:
        """Delegations, the newest first.

        Args:
            person: Only those from or to this person.
            live_at: Only those that are neither revoked nor over at this instant.
            limit: How many at most.
        """
        ...

    async def delegated_to(self, person: str, *, at: int) -> list[Delegation]:
        """The delegations to a person that give a right at this instant."""
        ...

    async def revoke_delegation(self, delegation_id: str, *, by: str, at: int) -> Delegation:
        """Let a delegation give no right any more.

        Raises:
            Refused: That person has none of that id, or it was revoked before.
        """
        ...


class Limits(Protocol):
    """Permits that are counted over all workers, by the database's own clock."""

    async def exchange(self, wants: Sequence[Want], marks: Sequence[Mark]) -> list[Answer]:
        """Change and give back permits; then answer each want, who has waited longest first.

        A want is given all that it needs or nothing. What was asked once may be asked again: a
        permit that is held is not given twice.
        """
        ...

    async def tidy(self) -> None:
        """Remove what has lapsed."""
        ...


class Deliveries(Protocol):
    """What people are told: an outbox, filled by whatever opens or moves what they decide."""

    async def next_delivery(self, lease: Lease) -> int | None:
        """When there is something to announce or to send next; None if there is nothing ahead.

        Dispatchers that died are found out, and what they had in hand is due.
        """
        ...

    async def unannounced(self, *, now: int, limit: int) -> list[Unannounced]:
        """Some of the gates and interventions of which there may be something to tell."""
        ...

    async def announce(self, found: Unannounced, plan: Announcement) -> bool:
        """Queue messages, and mark those that are out of date; False if it has moved meanwhile."""
        ...

    async def take(
        self, lease: Lease, *, channel: str, now: int, limit: int, having: Sequence[int]
    ) -> list[Delivery]:
        """Take messages of a channel in hand that are due, and that no living dispatcher has.

        Args:
            having: Those that this dispatcher has in hand and knows of.

        Raises:
            LeaseLost: This dispatcher's worker was declared dead.
        """
        ...

    async def settle(self, lease: Lease, delivery: Delivery, found: Settlement) -> Delivery | None:
        """Record what became of a message in hand; None if it is not in this one's hand any more."""
        ...

    async def deliveries_about(self, subject: str) -> list[Delivery]:
        """The messages about a gate or an intervention, the oldest first."""
        ...

    async def deliveries(
        self, *, saga_id: str | None, state: str | None, limit: int
    ) -> list[Delivery]:
        """Messages, the newest first."""
        ...


class Drills(Protocol):
    """When an action was last seen done and undone, and with which code."""

    async def record(self, drill: Drill) -> None:
        """Add a drill to those recorded; nothing, if one of its id is."""
        ...

    async def drills(self, catalog: str) -> list[Drill]:
        """The last drill of each action and version of that catalog, in the order of names."""
        ...


class Entrance(Protocol):
    """Who is let in by a browser. Of what is secret, it is given hashes only."""

    async def record_link(self, link: LoginLink) -> None:
        """Add a link that logs somebody in, once."""
        ...

    async def link(self, token_hash: str) -> LoginLink | None:
        """A link, whether or not it still opens anything."""
        ...

    async def enter(self, link_hash: str, session: WebSession) -> bool:
        """Use a link up and begin a session with it; False if it is unknown, used up or over."""
        ...

    async def begin_session(self, session: WebSession) -> None:
        """Add a session."""
        ...

    async def session(self, token_hash: str) -> WebSession | None:
        """A session, whether or not its time is over."""
        ...

    async def see_session(self, token_hash: str, at: int) -> None:
        """Note that a session was used."""
        ...

    async def end_session(self, token_hash: str) -> None:
        """Log a browser out; nothing, if it is."""
        ...

    async def spend(self, form_hash: str, *, spender: str, until: int, at: int) -> bool:
        """Take a form, once; False if another sending of it was first.

        Args:
            spender: Unlike that of any other sending.
            until: Until when it has to be remembered.
        """
        ...


class Keys(Protocol):
    """The tokens of programs. Of what is secret, it is given hashes only."""

    async def record_token(self, token: ApiToken) -> None:
        """Add a token."""
        ...

    async def token(self, token_hash: str) -> ApiToken | None:
        """A token, whether or not it still opens anything."""
        ...

    async def tokens(self, owner: str) -> list[ApiToken]:
        """The tokens of a person, the oldest first, with those that are over or revoked."""
        ...

    async def revoke_token(self, token_id: str, *, owner: str, at: int) -> ApiToken | None:
        """Take a token back for ever; None if that person has none of that id."""
        ...


class Store(
    Journal,
    Timekeeper,
    Ownership,
    Desk,
    Edits,
    Library,
    Inbox,
    Figures,
    Rules,
    Delegations,
    Limits,
    Drills,
    Deliveries,
    Entrance,
    Keys,
    Protocol,
):
    """All of it: one database."""

    async def close(self) -> None:
        """Let go of connections and threads."""
        ...
