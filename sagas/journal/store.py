"""The journal's `Store`: each method hands one operation to the database.

Which database it is, only `Database` knows.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol, TypeVar

from approvals import Gate, Principal, Vote
from approvals.delegation import Delegation
from approvals.figures import AskedGate, CastVote
from approvals.revision import Proposal, RefusedEdit, Revision
from approvals.rule import StandingRule
from compensations import Choice
from sagas.allotment import Answer, Mark, Want
from sagas.errors import Refused
from sagas.journal.operation import Making, Mode, Operation
from sagas.journal.operations import (
    delegations,
    delivering,
    desk,
    drills,
    edits,
    entrance,
    figures,
    library,
    limits,
    locks,
    ownership,
    reading,
    rules,
)
from sagas.journal.records import check_text, storable
from sagas.locking import LockAnswer, LockRow, Need
from sagas.ports import (
    ANY_NUMBER,
    PAGE,
    Announcement,
    ApiToken,
    Applied,
    Delivery,
    Drill,
    LateAnswer,
    Lease,
    Loaded,
    LoginLink,
    QuestionRow,
    Request,
    RuleUse,
    SagaRow,
    Settlement,
    Suspects,
    Unannounced,
    Unit,
    WebSession,
)

T = TypeVar("T")


class Database(Protocol):
    """One database, able to run operations."""

    journal_id: str
    keeps_time: bool

    def process(self) -> tuple[str, int, int]:
        """The host, the id and the start of the process that uses it here."""
        ...

    def is_gone(self, worker: tuple[str, int, int]) -> bool:
        """Whether the process of that host, id and start is known to run no more."""
        ...

    async def run(self, make: Making[T], mode: Mode) -> T:
        """Run an operation in one transaction; again, where that is safe and needed."""
        ...

    async def append(self, lease: Lease, units: Sequence[Unit], *, again: bool) -> list[Applied]:
        """Append units in one transaction; `again` if it may have been done before."""
        ...

    async def changed(self, seconds: float) -> None:
        """Return when something may have changed, at the latest after that many seconds."""
        ...

    async def close(self) -> None:
        """Let go of connections and threads."""
        ...


class SqlStore:
    """A journal in an SQL database; made by `sagas.journal.open_store`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.journal_id = database.journal_id
        self.keeps_time = database.keeps_time

    # --- the journal --------------------------------------------------------------------------

    async def commit(
        self, lease: Lease, units: Sequence[Unit], *, again: bool = False
    ) -> list[Applied]:
        """Apply units in one transaction, as one of them or none each.

        With `again` they were handed over before, and what was applied then is not applied twice.

        Raises:
            JournalUnavailable: The database does not do it now; it may have been done.
        """
        return await self._database.append(lease, units, again=again) if units else []

    async def load(self, saga_id: str) -> Loaded | None:
        """Everything there is to know of a saga, from one snapshot."""
        return await self._read(lambda: reading.load(saga_id))

    async def requests(self, saga_id: str) -> tuple[int, list[Request]]:
        """The value of `control`, and the requests that are not folded yet.

        Raises:
            UnknownSaga: There is no such saga.
        """
        return await self._read(lambda: reading.requests(saga_id))

    async def gate(self, gate_id: str) -> Gate | None:
        """A gate's row.

        Raises:
            Corrupt: It was changed after it was opened.
        """
        return await self._look(lambda: reading.gate(self.journal_id, gate_id))

    async def votes(self, gate_id: str) -> list[Vote]:
        """The votes on a gate, in order, with those that were refused."""
        return await self._look(lambda: reading.votes(gate_id))

    # --- ownership ----------------------------------------------------------------------------

    async def time(self) -> int:
        """The database's clock, in microseconds since 1970."""
        return await self._look(ownership.time)

    async def register(self, name: str, seconds: float) -> Lease:
        """A new incarnation, with a lease of that many seconds."""
        check_text(name, "the worker's name")
        process = self._database.process()
        return await self._write(lambda _: ownership.register(name, *process, seconds))

    async def renew(self, lease: Lease) -> Lease:
        """Extend the lease.

        Raises:
            LeaseLost: This worker was declared dead.
        """
        return await self._write(lambda _: ownership.renew(lease))

    async def retire(self, lease: Lease) -> None:
        """Give up the lease and every saga held under it."""
        await self._write(lambda _: ownership.retire(lease))

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
        """Take sagas that are due and that no living worker holds; `only` names candidates.

        With `known` only sagas of those names and versions are taken, and of `suspects` only as
        many as it says.

        Raises:
            LeaseLost: This worker was declared dead.
        """
        silent, orphans = await self._read(lambda: ownership.survey(lease, self._database.is_gone))
        if silent or orphans:
            await self._write(lambda _: ownership.bury(silent))
        return await self._write(
            ownership.claiming(
                lease, now=now, only=only, limit=limit, known=known, suspects=suspects
            )
        )

    async def due(self, *, now: int, limit: int) -> list[str]:
        """Some of the sagas that are due and that nobody holds."""
        return await self._look(lambda: ownership.due(now, limit))

    async def held(self, lease: Lease) -> list[str]:
        """The sagas that this worker holds."""
        return await self._read(lambda: ownership.held(lease))

    async def raised(self, lease: Lease) -> tuple[int, list[str]]:
        """The worker's `control`, and its sagas with requests that are not folded yet."""
        return await self._look(lambda: ownership.raised(lease))

    async def next_due(self, *, after: int, before: int) -> int | None:
        """The first instant between these two at which a parked saga is due, if there is one."""
        return await self._look(lambda: ownership.next_due(after, before))

    async def changed(self, seconds: float) -> None:
        """Return when something may have changed, at the latest after that many seconds."""
        await self._database.changed(seconds)

    # --- the desk -----------------------------------------------------------------------------

    async def cancel(
        self,
        saga_id: str,
        *,
        by: str,
        reason: str,
        at: int,
        identified_by: str | None = None,
        channel: str | None = None,
    ) -> None:
        """Ask for a saga to be undone.

        Raises:
            UnknownSaga: There is no such saga.
            Refused: It has ended.
        """
        check_text(by, "the name")
        check_text(reason, "the reason")
        check_text(identified_by, "the evidence")
        asker = desk.Asker(by, identified_by, channel)
        await self._write(lambda _: desk.cancel(saga_id, by=asker, reason=reason, at=at))

    async def send(
        self, saga_id: str, name: str, payload: bytes, *, key: str, by: str, at: int
    ) -> bool:
        """Deliver an event once per `key`; False if that key was delivered before.

        Raises:
            UnknownSaga: There is no such saga.
            Refused: It has ended.
        """
        for value, what in ((name, "the event's name"), (key, "the key"), (by, "the name")):
            check_text(value, what)
        return await self._write(
            lambda settling: desk.send(
                saga_id, name, payload, key=key, by=by, at=at, settling=settling
            )
        )

    async def vote(self, gate_id: str, vote: Vote, voter: Principal) -> Gate:
        """Count a vote, and decide the gate if it is enough; record it where it is refused.

        Raises:
            Refused: The vote has no effect; the message is the truth to tell the voter.
        """
        check_text(vote.reason, "the reason")
        counted = await self._write(
            lambda settling: desk.vote(self.journal_id, gate_id, vote, voter, settling=settling)
        )
        if counted.refusal is not None:
            raise Refused(counted.refusal)
        return counted.gate

    async def answer(
        self,
        intervention_id: str,
        choice: Choice,
        *,
        by: str,
        reason: str,
        payload: bytes | None,
        at: int,
        identified_by: str | None = None,
        channel: str | None = None,
    ) -> QuestionRow:
        """Close an intervention with an answer.

        Raises:
            Refused: It is unknown, answered already, or the answer is not on offer.
        """
        check_text(by, "the name")
        check_text(reason, "the reason")
        check_text(identified_by, "the evidence")
        asker = desk.Asker(by, identified_by, channel)
        return await self._write(
            lambda settling: desk.answer(
                intervention_id,
                choice,
                by=asker,
                reason=reason,
                payload=payload,
                at=at,
                settling=settling,
            )
        )

    async def report(self, late: LateAnswer, *, by: str, at: int) -> bool:
        """Tell a saga of a late answer, once per attempt; False if it was told before.

        Raises:
            UnknownSaga: There is no such saga.
        """
        told = replace(late, unstorable=late.unstorable and storable(late.unstorable))
        return await self._write(
            lambda settling: desk.report(told, by=by, at=at, settling=settling)
        )

    # --- edits --------------------------------------------------------------------------------

    async def edit(self, gate_id: str, proposal: Proposal) -> Gate:
        """Let a gate ask about other arguments from now on; earlier votes are void.

        An edit that is refused is recorded, without its arguments.

        Raises:
            Refused: The edit has no effect; the message is the truth to tell the editor.
        """
        check_text(proposal.reason, "the reason")
        check_text(proposal.digest, "the digest")
        edited = await self._write(
            lambda settling: edits.edit(self.journal_id, gate_id, proposal, settling=settling)
        )
        if edited.refusal is not None:
            raise Refused(edited.refusal)
        return edited.gate

    async def revisions(self, gate_id: str) -> list[Revision]:
        """The revisions of a gate that was edited, in order; none of one as it was asked."""
        return await self._look(lambda: edits.revisions(gate_id))

    async def refused_edits(self, gate_id: str) -> list[RefusedEdit]:
        """The edits of a gate that were refused, in order."""
        return await self._look(lambda: edits.refused_edits(gate_id))

    # --- the library --------------------------------------------------------------------------

    async def saga(self, saga_id: str) -> SagaRow | None:
        """One saga's row."""
        return await self._look(lambda: library.saga(saga_id))

    async def sagas(
        self, *, status: str | None, saga: str | None, since: int | None, limit: int
    ) -> list[SagaRow]:
        """Saga rows, the newest first; `since` compares with when they were created."""
        return await self._look(
            lambda: library.sagas(status=status, saga=saga, since=since, limit=limit)
        )

    async def live_sagas(self, after: str, limit: int) -> list[SagaRow]:
        """Sagas that have not ended, in the order of their ids, from the one after that."""
        return await self._look(lambda: library.live_sagas(after, limit))

    async def rollback_marks(
        self, after: tuple[int, str, int], *, until: int, limit: int
    ) -> list[tuple[int, str, int]]:
        """A page of the entries that tell of undoing, by instant, saga and `seq`, after that one."""
        return await self._look(lambda: library.rollback_marks(after, until=until, limit=limit))

    async def waiting_gates(
        self,
        *,
        person: str | None = None,
        live_at: int | None = None,
        after: tuple[int, str] | None = None,
        limit: int = PAGE,
    ) -> list[Gate]:
        """A page of the gates that can be decided, the oldest first.

        With `person` only those that were theirs to decide when they opened, and with `live_at`
        those whose deadline is later; `after` is the opening and the id of the last gate of the page
        before.
        """
        return await self._look(
            lambda: library.waiting_gates(person=person, live_at=live_at, after=after, limit=limit)
        )

    async def voted_by(self, person: str, *, limit: int = PAGE) -> list[Gate]:
        """The gates at which somebody voted, the latest vote first."""
        return await self._look(lambda: library.voted_by(person, limit=limit))

    async def gates_of(self, saga_id: str) -> list[Gate]:
        """Every gate of a saga, in the order in which they opened."""
        return await self._look(lambda: library.gates_of(saga_id))

    async def waiting_questions(
        self, *, after: tuple[int, str] | None = None, limit: int = PAGE
    ) -> list[QuestionRow]:
        """A page of the interventions that wait for an answer, the oldest first."""
        return await self._look(lambda: library.waiting_questions(after=after, limit=limit))

    async def questions_of(self, saga_id: str) -> list[QuestionRow]:
        """Every intervention of a saga, in the order in which they opened."""
        return await self._look(lambda: library.questions_of(saga_id))

    async def question(self, intervention_id: str) -> QuestionRow | None:
        """One intervention."""
        return await self._look(lambda: library.question(intervention_id))

    # --- figures ------------------------------------------------------------------------------

    async def asked_since(self, since: int) -> list[AskedGate]:
        """The gates that opened at that instant or later."""
        return await self._look(lambda: figures.asked_since(since))

    async def cast_since(self, since: int) -> list[CastVote]:
        """The votes that were cast at that instant or later."""
        return await self._look(lambda: figures.cast_since(since))

    # --- locks --------------------------------------------------------------------------------

    async def take_locks(self, lease: Lease, need: Need) -> LockAnswer:
        """Give a step all of its keys, or a place in line for each that it lacks, or nothing.

        Raises:
            LeaseLost: This worker was declared dead.
            PayloadError: A key contains what cannot be stored.
        """
        for key in need.keys:
            check_text(key, "the key of a lock")
        return await self._write(lambda _: locks.take(lease, need))

    async def locks(
        self, *, saga_id: str | None = None, key: str | None = None, limit: int = PAGE
    ) -> list[LockRow]:
        """Holders and lines by key; with `saga_id` of the keys that it holds or waits for."""
        return await self._look(lambda: locks.locks(saga_id=saga_id, key=key, limit=limit))

    async def release_lock(
        self,
        key: str,
        *,
        by: str,
        reason: str,
        at: int,
        identified_by: str | None = None,
        channel: str | None = None,
    ) -> LockRow:
        """Take a key from the saga that holds it, on the record; the next in line may have it.

        Raises:
            Refused: Nobody holds it.
        """
        check_text(by, "the name")
        check_text(reason, "the reason")
        check_text(identified_by, "the evidence")
        asker = desk.Asker(by, identified_by, channel)
        return await self._write(locks.releasing(key, by=asker, reason=reason, at=at))

    # --- standing rules -----------------------------------------------------------------------

    async def create_rule(self, rule: StandingRule) -> None:
        """Add a standing rule; nothing, if one of its id is there.

        Raises:
            PayloadError: Something in it cannot be stored.
        """
        conditions = (str(one) for one in rule.where)
        for text in (rule.reason, rule.action, rule.agent, rule.requester, *conditions):
            check_text(text, "the standing rule")
        await self._write(lambda _: rules.create_rule(rule))

    async def rule(self, rule_id: str) -> StandingRule | None:
        """A standing rule, with what was used of it, whether or not it still allows anything."""
        return await self._look(lambda: rules.rule(rule_id))

    async def rules(
        self, *, action: str | None, live_at: int | None, limit: int
    ) -> list[StandingRule]:
        """Standing rules, the newest first; with `live_at`, neither revoked nor over then."""
        return await self._look(lambda: rules.rules(action=action, live_at=live_at, limit=limit))

    async def matching_rules(self, action: str, version: int, *, at: int) -> list[StandingRule]:
        """The rules for an action that are neither revoked nor over, the first to end first."""
        return await self._look(lambda: rules.matching_rules(action, version, at=at))

    async def revoke_rule(self, rule_id: str, *, by: str, reason: str, at: int) -> StandingRule:
        """Let a rule allow nothing more.

        Raises:
            Refused: There is none of that id, or it was revoked before.
        """
        check_text(by, "the name")
        check_text(reason, "the reason")
        return await self._write(
            lambda settling: rules.revoke_rule(
                rule_id, by=by, reason=reason, at=at, settling=settling
            )
        )

    async def rule_uses(
        self, rule_id: str, *, after: tuple[int, str] | None = None, limit: int = PAGE
    ) -> list[RuleUse]:
        """A page of what a rule allowed, the newest first."""
        return await self._look(lambda: rules.rule_uses(rule_id, after=after, limit=limit))

    async def rule_uses_at(self, gates: Sequence[str]) -> list[RuleUse]:
        """What standing rules allowed at these gates, in their order."""
        return await self._look(lambda: rules.rule_uses_at(gates)) if gates else []

    async def gates_of_action(self, action: str, *, limit: int) -> list[Gate]:
        """The gates in front of an action, the newest first."""
        return await self._look(lambda: rules.gates_of_action(action, limit=limit))

    # --- delegations --------------------------------------------------------------------------

    async def create_delegation(self, delegation: Delegation) -> None:
        """Add a delegation; nothing, if one of its id is there.

        Raises:
            Refused: It would close a circle.
            PayloadError: Something in it cannot be stored.
        """
        for text in (delegation.reason, delegation.delegate, *delegation.actions):
            check_text(text, "the delegation")
        await self._write(lambda _: delegations.create_delegation(delegation))

    async def delegation(self, delegation_id: str) -> Delegation | None:
        """A delegation, whether or not it still gives a right."""
        return await self._look(lambda: delegations.delegation(delegation_id))

    async def delegations(
        self, *, person: str | None, live_at: int | None, limit: int
    ) -> list[Delegation]:
        """Delegations, the newest first; with `live_at`, neither revoked nor over then."""
        return await self._look(
            lambda: delegations.delegations(person=person, live_at=live_at, limit=limit)
        )

    async def delegated_to(self, person: str, *, at: int) -> list[Delegation]:
        """The delegations to a person that give a right at this instant."""
        return await self._look(lambda: delegations.delegated_to(person, at))

    async def delegated_by(self, people: Sequence[str], *, at: int) -> list[Delegation]:
        """The delegations of these people that give a right at this instant."""
        return await self._look(lambda: delegations.delegated_by(people, at))

    async def revoke_delegation(self, delegation_id: str, *, by: str, at: int) -> Delegation:
        """Let a delegation give no right any more.

        Raises:
            Refused: That person has none of that id, or it was revoked before.
        """
        return await self._write(
            lambda settling: delegations.revoke_delegation(
                delegation_id, by=by, at=at, settling=settling
            )
        )

    # --- limits -------------------------------------------------------------------------------

    async def exchange(self, wants: Sequence[Want], marks: Sequence[Mark]) -> list[Answer]:
        """Change and give back permits; then answer each want, who has waited longest first."""
        if not wants and not marks:
            return []
        return await self._write(lambda _: limits.exchange(wants, marks))

    async def tidy(self) -> None:
        """Remove what has lapsed."""
        await self._write(lambda _: limits.tidy())

    # --- drills -------------------------------------------------------------------------------

    async def record(self, drill: Drill) -> None:
        """Add a drill to those recorded; nothing, if one of its id is."""
        await self._write(lambda _: drills.record(drill))

    async def drills(self, catalog: str) -> list[Drill]:
        """The last drill of each action and version of that catalog, in the order of names."""
        return await self._look(lambda: drills.drills(catalog))

    # --- the entrance -------------------------------------------------------------------------

    async def record_link(self, link: LoginLink) -> None:
        """Add a link that logs somebody in, once."""
        await self._write(lambda _: entrance.record_link(link))

    async def link(self, token_hash: str) -> LoginLink | None:
        """A link, whether or not it still opens anything."""
        return await self._look(lambda: entrance.link(token_hash))

    async def enter(self, link_hash: str, session: WebSession) -> bool:
        """Use a link up and begin a session with it; False if it is unknown, used up or over."""
        check_text(session.evidence, "the evidence")
        return await self._write(lambda _: entrance.enter(link_hash, session))

    async def begin_session(self, session: WebSession) -> None:
        """Add a session."""
        check_text(session.evidence, "the evidence")
        await self._write(lambda _: entrance.begin_session(session))

    async def session(self, token_hash: str) -> WebSession | None:
        """A session, whether or not its time is over."""
        return await self._look(lambda: entrance.session(token_hash))

    async def see_session(self, token_hash: str, at: int) -> None:
        """Note that a session was used."""
        await self._write(lambda _: entrance.see_session(token_hash, at))

    async def end_session(self, token_hash: str) -> None:
        """Log a browser out; nothing, if it is."""
        await self._write(lambda _: entrance.end_session(token_hash))

    async def spend(self, form_hash: str, *, spender: str, until: int, at: int) -> bool:
        """Take a form, once; False if another sending of it was first."""
        return await self._write(
            lambda _: entrance.spend(form_hash, spender=spender, until=until, at=at)
        )

    # --- keys ---------------------------------------------------------------------------------

    async def record_token(self, token: ApiToken) -> None:
        """Add a token.

        Raises:
            PayloadError: The label cannot be stored.
        """
        check_text(token.label, "the label")
        await self._write(lambda _: entrance.record_token(token))

    async def token(self, token_hash: str) -> ApiToken | None:
        """A token, whether or not it still opens anything."""
        return await self._look(lambda: entrance.token(token_hash))

    async def tokens(self, owner: str) -> list[ApiToken]:
        """The tokens of a person, the oldest first, with those that are over or revoked."""
        return await self._look(lambda: entrance.tokens(owner))

    async def revoke_token(self, token_id: str, *, owner: str, at: int) -> ApiToken | None:
        """Take a token back for ever; None if that person has none of that id."""
        return await self._write(lambda _: entrance.revoke_token(token_id, owner=owner, at=at))

    # --- deliveries ---------------------------------------------------------------------------

    async def next_delivery(self, lease: Lease) -> int | None:
        """When there is something to announce or to send next; None if there is nothing ahead."""
        silent, _ = await self._read(lambda: ownership.survey(lease, self._database.is_gone))
        if silent:
            await self._write(lambda _: ownership.bury(silent))
        return await self._look(delivering.next_delivery)

    async def unannounced(self, *, now: int, limit: int) -> list[Unannounced]:
        """Some of the gates and interventions of which there may be something to tell."""
        return await self._read(lambda: delivering.unannounced(now, limit))

    async def announce(self, found: Unannounced, plan: Announcement) -> bool:
        """Queue messages, and mark those that are out of date; False if it has moved meanwhile."""
        return await self._write(lambda _: delivering.announce(found, plan))

    async def take(
        self, lease: Lease, *, channel: str, now: int, limit: int, having: Sequence[int]
    ) -> list[Delivery]:
        """Take messages of a channel in hand that are due, and that no living dispatcher has.

        Raises:
            LeaseLost: This dispatcher's worker was declared dead.
        """
        return await self._write(
            lambda _: delivering.take(lease, channel=channel, now=now, limit=limit, having=having)
        )

    async def settle(self, lease: Lease, delivery: Delivery, found: Settlement) -> Delivery | None:
        """Record what became of a message in hand; None if it is not in this one's any more."""
        return await self._write(lambda _: delivering.settle(lease, delivery, found))

    async def deliveries_about(self, subject: str) -> list[Delivery]:
        """The messages about a gate or an intervention, the oldest first."""
        return await self._look(lambda: delivering.deliveries_about(subject))

    async def waiting_at(
        self, channel: str, target: str, *, before: int, limit: int
    ) -> list[Delivery]:
        """The first messages at a place that say that somebody is waited for, the newest first."""
        return await self._look(
            lambda: delivering.waiting_at(channel, target, before=before, limit=limit)
        )

    async def gathered(self, round_up: str) -> list[Delivery]:
        """The messages that are shown in one, the oldest first."""
        return await self._look(lambda: delivering.gathered(round_up))

    async def gathered_at(self, channel: str, target: str, *, limit: int) -> list[Delivery]:
        """The messages at a place that are shown among others, the newest first."""
        return await self._look(lambda: delivering.gathered_at(channel, target, limit))

    async def deliveries(
        self, *, saga_id: str | None, state: str | None, limit: int
    ) -> list[Delivery]:
        """Messages, the newest first."""
        return await self._look(lambda: delivering.deliveries(saga_id, state, limit))

    async def close(self) -> None:
        """Let go of connections and threads."""
        await self._database.close()

    async def _look(self, make: Callable[[], Operation[T]]) -> T:
        return await self._database.run(lambda _: make(), Mode.LOOK)

    async def _read(self, make: Callable[[], Operation[T]]) -> T:
        return await self._database.run(lambda _: make(), Mode.READ)

    async def _write(self, make: Making[T]) -> T:
        return await self._database.run(make, Mode.WRITE)
