"""What the conformance suites are written with: sagas to append, gates to open, people to ask."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from approvals import Gate, GateState, GateSubject, Principal, Vote, VoteKind, approval, open_gate
from approvals.delegation import Delegation, delegation
from approvals.parties import Parties
from approvals.revision import Proposal
from approvals.rule import StandingRule, standing_rule
from approvals.stakes import UNKNOWN_STAKES
from compensations import Choice
from sagas.chain import Fields, Row, genesis, link
from sagas.model import micros
from sagas.ports import (
    ApiToken,
    CreateSaga,
    Drill,
    Lease,
    LoginLink,
    MoveGate,
    Op,
    OpenGate,
    OpenQuestion,
    Scope,
    Store,
    Unit,
    WebSession,
)

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
AT = micros(NOW)
SECOND = 1_000_000
LEASE_SECONDS = 60.0


@dataclass
class Tale:
    """One saga's entries as its driver writes them: numbered and chained."""

    store: Store
    saga_id: str = "trip-1"
    head: int = 0
    hash: str = field(default="")

    def __post_init__(self) -> None:
        self.hash = self.hash or genesis(self.store.journal_id, self.saga_id)

    def entries(self, count: int = 1, *, body: str = "{}", payload: str | None = None) -> list[Row]:
        """The next entries."""
        return [self._entry(body, payload) for _ in range(count)]

    def unit(self, count: int = 1, *ops: Op, guarded: bool = False) -> Unit:
        """The next entries as a unit."""
        before = (self.head, self.hash)
        return Unit(self.saga_id, self.entries(count), list(ops), guarded, before)

    def marked(self, kind: str, at: int) -> Unit:
        """The next entry, of a kind and an instant of its own, as a unit."""
        before = (self.head, self.hash)
        return Unit(self.saga_id, [self._entry("{}", None, kind, at)], [], False, before)

    def beginning(self, count: int = 1, *ops: Op, at: int = AT) -> Unit:
        """A unit that creates the saga."""
        create = CreateSaga("travel.book_trip", 1, "digest", "ana", at)
        return self.unit(count, create, *ops)

    def _entry(self, body: str, payload: str | None, kind: str = "Noted", at: int = AT) -> Row:
        self.head += 1
        stored = None if payload is None else payload.encode()
        fields = Fields(self.head, kind, 1, at, body.encode(), stored)
        self.hash = link(self.hash, fields)
        return Row(self.saga_id, self.head, kind, 1, at, body, payload, self.hash)


async def begun(store: Store, lease: Lease, saga_id: str = "trip-1", **creating: Any) -> Tale:
    """A saga that was created and is owned by the lease."""
    tale = Tale(store, saga_id)
    await store.commit(lease, [tale.beginning(**creating)])
    return tale


async def registered(store: Store, name: str = "worker") -> Lease:
    """A worker with a long lease."""
    return await store.register(name, LEASE_SECONDS)


def login_link(hashed: str = "link", **different: Any) -> LoginLink:
    """A link that logs Ana in, for ten minutes."""
    link = LoginLink(hashed, "ana", "operating-system user ana", AT, AT + 600 * SECOND)
    return replace(link, **different)


def web_session(hashed: str = "session", **different: Any) -> WebSession:
    """A session of Ana's that has begun."""
    session = WebSession(hashed, "ana", "a link of ana", AT, AT, AT + 3600 * SECOND)
    return replace(session, **different)


def api_token(number: str = "t-1", **different: Any) -> ApiToken:
    """A token of Ana's."""
    token = ApiToken(
        id=number,
        token_hash=f"hash of {number}",
        owner="ana",
        label="the night shift's script",
        scopes=frozenset({Scope.READ}),
        made_at=AT,
        until=AT + 3600 * SECOND,
    )
    return replace(token, **different)


def given(rule_id: str = "r-1", **different: Any) -> StandingRule:
    """A rule of Bo's for e-mails that cost little, twice within a day."""
    asked: dict[str, Any] = {
        "id": rule_id,
        "action": "travel.email_itinerary",
        "version": 1,
        "by": person("bo"),
        "reason": "they always go out",
        "now": NOW,
        "until": NOW + timedelta(days=1),
        "uses": 2,
        "where": "fare <= 100",
    }
    return standing_rule(**(asked | different))


def handed_over(delegation_id: str = "d-1", **different: Any) -> Delegation:
    """Bo decides for Ana, for a day."""
    asked: dict[str, Any] = {
        "id": delegation_id,
        "by": person("ana"),
        "to": "bo",
        "now": NOW,
        "until": NOW + timedelta(days=1),
        "reason": "on leave",
    }
    return delegation(**(asked | different))


def drilled(**different: Any) -> Drill:
    """A drill that passed."""
    drill = Drill(
        id="d-1",
        action="travel.book_hotel",
        version=1,
        digest="source-1:ab",
        passed=True,
        detail="",
        runs=25,
        sandbox="the partners' sandbox",
        by="ana",
        at=AT,
    )
    return replace(drill, **different)


def person(name: str, *groups: str) -> Principal:
    """An identified person."""
    return Principal(name=name, display=name, groups=frozenset(groups), evidence=f"token of {name}")


def ballot(
    name: str, kind: VoteKind = VoteKind.APPROVE, *, at: datetime = NOW, reason: str | None = None
) -> Vote:
    """What somebody says about the first revision."""
    return Vote.of(person(name), kind, reason=reason, channel="cli", at=at, revision=1)


def proposal(name: str = "bo", **different: Any) -> Proposal:
    """What somebody wants to be asked instead of the first revision."""
    proposed = Proposal(
        editor=person(name),
        revision=1,
        arguments=b'{"to":"bo@example.org","fare":1e2}',
        stakes=UNKNOWN_STAKES,
        needed=None,
        reason="it is his",
        at=NOW,
    )
    return replace(proposed, **different)


def gate_of(store: Store, saga_id: str, gate_id: str = "g-1", **policy: Any) -> Gate:
    """A gate that opened now."""
    policy.setdefault("by", "anyone")
    asked = approval(within=timedelta(hours=4), **policy)
    subject = GateSubject(
        journal_id=store.journal_id,
        saga_id=saga_id,
        path="email_itinerary#1",
        direction="forward",
        generation=0,
        revision=1,
        action="travel.email_itinerary",
        action_version=1,
        arguments=b'{"to":"ana@example.org","fare":1e2}',
        policy_version=asked.version,
    )
    return open_gate(
        subject, asked, gate_id=gate_id, parties=Parties(starter="ana"), eligible=("bo",), now=NOW
    )


async def with_gate(store: Store, lease: Lease, **policy: Any) -> tuple[Tale, Gate]:
    """A saga that waits at a pending gate."""
    tale = await begun(store, lease)
    gate = gate_of(store, tale.saga_id, **policy)
    await store.commit(lease, [tale.unit(1, OpenGate(gate))])
    return tale, gate


async def with_approval(store: Store, lease: Lease) -> tuple[Tale, Gate]:
    """A saga with a gate that somebody approved; the worker has seen it."""
    tale, gate = await with_gate(store, lease)
    return tale, await store.vote(gate.id, ballot("bo"), person("bo"))


def consuming(gate: Gate) -> MoveGate:
    """The use of an approval."""
    return MoveGate(gate.id, GateState.APPROVED, GateState.CONSUMED, AT)


def question(intervention_id: str = "i-1", **different: Any) -> OpenQuestion:
    """A question about a step in doubt."""
    asked = OpenQuestion(
        intervention_id=intervention_id,
        path="book_hotel#1",
        kind="in-doubt",
        question="did the booking take place?",
        evidence="the call timed out",
        choices=(Choice.HAPPENED, Choice.NOT_HAPPENED, Choice.RETRY),
        wants_result=True,
        at=AT,
    )
    return replace(asked, **different)


async def with_question(store: Store, lease: Lease, **different: Any) -> Tale:
    """A saga that waits for an answer."""
    tale = await begun(store, lease)
    await store.commit(lease, [tale.unit(1, question(**different))])
    return tale
