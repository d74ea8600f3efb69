"""Gates in front of calls: opening, waiting, letting through, and closing them."""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import NoReturn

from approvals import Approval, ApprovalError, GateState, GateSubject, open_gate, wording
from approvals import Gate as Row
from approvals.directory import as_known, check_reachable, electorate, vetoers
from approvals.errors import DirectoryUnavailable
from approvals.gate import Unusable, closed_as, is_usable
from approvals.parties import Parties
from approvals.quorum import Vote, quorum_holds
from approvals.requirement import groups_asked
from approvals.rule import StandingRule, decided_by_rule
from compensations import InterventionKind
from sagas.driving.demands import Site, asked_for, needed, rejected_before
from sagas.driving.drive import Drive
from sagas.driving.log import GateMoved
from sagas.driving.rules import Spending, Unfit, deciding, spending, stands
from sagas.entries import Entry, GateConsumed, GateDecided, GateOpened
from sagas.errors import Corrupt, JournalUnavailable, Parked
from sagas.model import Direction, instant, micros
from sagas.ports import MoveGate, Op, OpenGate
from sagas.state import Gate, Phase, Track

log = logging.getLogger("sagas")

RECHECK_AFTER = 2_000_000
"""How long an approval waits that cannot be checked now (microseconds)."""

REASON_LIMIT = 500
NAMES_LIMIT = 200
"""As many characters of a reason, and of names, go back to the body."""

OPEN_AT_ONCE = 50
"""As many gates of one saga wait for people; others open when some of these are decided."""

OPEN = {"pending": GateState.SUPERSEDED, "approved": GateState.INVALIDATED}
"""What becomes of an open gate when another has to ask instead."""

OVER = frozenset(
    {
        GateState.LAPSED,
        GateState.INVALIDATED,
        GateState.SUPERSEDED,
        GateState.REVOKED,
        GateState.CANCELLED,
    }
)
"""States after which another gate asks again."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """The approval that lets a call through; it is used up by the unit of the intent.

    Attributes:
        arguments: What was approved: as called, or as people revised it.
        spent: The use of the standing rule that gave it, if one did.
    """

    gate: str
    path: str
    use: MoveGate
    arguments: bytes
    spent: Spending | None = None

    @property
    def entry(self) -> GateConsumed:
        """What the unit of the intent says about it."""
        if self.spent is None:
            return GateConsumed(gate=self.gate, path=self.path)
        return GateConsumed(
            gate=self.gate, path=self.path, rule=self.spent.rule, amount=self.spent.amount
        )

    @property
    def ops(self) -> list[Op]:
        """What that unit changes of other rows."""
        return [self.use] if self.spent is None else [self.use, self.spent.op]


@dataclass(frozen=True, slots=True)
class Denied:
    """A person said no, or nobody said yes in time."""

    error: str
    reason: str


CHANGED = "its row was changed behind our back"
NOT_ENTITLED = "those who approved may no longer do so"
_FLAWS = {
    Unusable.LAPSED: "it was not used in time",
    Unusable.DIGEST_DIFFERS: "what would run is not what was approved",
    Unusable.GENERATION_DIFFERS: "it was given before an unwind began",
}


class Gates:
    """The gates of one saga."""

    def __init__(self, drive: Drive) -> None:
        self._drive = drive
        self._opening = 0

    def concern(self, path: str, action: str) -> bool:
        """Whether a gate was opened in front of a call, or the action was rejected elsewhere."""
        state = self._drive.state
        return state.gate(path, Direction.DO) is not None or any(
            (gate.state, gate.action) == ("rejected", action) for gate in state.gates.values()
        )

    def revised(self, path: str, direction: Direction) -> bytes | None:
        """What people revised the arguments of a call to, at the gate that stands in front of it."""
        gate = self._drive.state.gate(path, direction)
        if gate is None or gate.revision == 1 or GateState(gate.state) in OVER:
            return None
        return gate.arguments

    async def admit(self, site: Site, own: Approval | None) -> Admitted | Denied | None:
        """Let a call through, or not; None if nobody has to be asked.

        Args:
            site: The call.
            own: What its author asks for, if anything.

        Raises:
            Parked: A person has to decide first.
            GateMoved: Somebody decided at this instant; look again.
        """
        while True:
            gate = self._current(site)
            asked = needed(self._drive, site, own)
            if gate is None:
                if asked is None:
                    return None
                await self._ask(site, asked)
                continue
            over = self._over(gate, asked)
            if over is not None:
                await self.move(gate, *over)
                continue
            answer = await self._answer(gate, site, asked)
            if answer is not None:
                return answer

    async def lets_repeat(self, track: Track) -> bool:
        """Whether what let a call through lets it be called once more.

        A call that may have been made is repeated under its key, and needs nothing else. One of
        which every intent came too late was never made: what was approved has to hold by now.

        Raises:
            Parked: That cannot be told now.
        """
        gate = self._drive.state.gates.get(track.gate or "")
        if gate is None or track.doubt or track.attempts > track.unmade:
            return gate is not None
        if gate is not self._drive.state.gate(gate.path, Direction(gate.direction)):
            return False  # another has been asked since
        if gate.valid_until is None or self._drive.now() >= gate.valid_until:
            return False
        stored, by_votes = await self._as_decided(gate)
        if stored is None or gate.rule is None:
            return by_votes
        try:
            return await stands(self._drive, gate.rule, stored)
        except (JournalUnavailable, ApprovalError) as error:
            self._recheck_later(gate.id, error)

    async def _answer(
        self, gate: Gate, site: Site, asked: Approval | None
    ) -> Admitted | Denied | None:
        """What a gate says; None if it had to be closed, and another has to ask.

        Raises:
            Parked: A person has to decide first.
        """
        match GateState(gate.state):
            case GateState.PENDING:
                self._drive.waits.append(gate.deadline)
                raise Parked
            case GateState.APPROVED:
                flaw = await self._flaw(gate, site, asked)
                found = flaw or await self._use(gate)
                if isinstance(found, Admitted):
                    return found
                await self.move(gate, *found)
                return None
            case GateState.REJECTED:
                return Denied("ApprovalRejected", _refusal(gate))
            case _:
                return Denied("ApprovalExpired", gate.reason or f"the gate was {gate.state}")

    def _over(self, gate: Gate, asked: Approval | None) -> tuple[GateState, str] | None:
        """What becomes of a gate whose time is over, or that asks for less than is needed now."""
        if gate.state == "pending" and self._drive.now() >= gate.deadline:
            return GateState.EXPIRED, "nobody decided in time"
        if gate.state not in OPEN or asked_for(gate) in (None, asked):
            return None
        return OPEN[gate.state], "more is asked for than when it opened"

    async def _ask(self, site: Site, asked: Approval) -> None:
        """Put a new gate before people; or decide it as they have decided about the same before.

        Raises:
            Parked: A person has to decide first.
        """
        if self._is_full(site):
            raise Parked  # whatever is decided about the others wakes the saga
        self._opening += 1
        try:
            await self._put_before_people(site, asked)
        finally:
            self._opening -= 1

    async def _put_before_people(self, site: Site, asked: Approval) -> None:
        gate = await self._new(site, asked)
        earlier = rejected_before(self._drive, site, asked)
        if earlier is not None:
            gate = _rejected_again(gate, earlier)
            await self._put(gate, site, _decision(gate))
            return
        rule = await self._rule_for(gate)
        if rule is not None:
            gate = decided_by_rule(gate, rule, now=gate.opened_at)
            await self._put(gate, site, _decision(gate, rule=rule.id))
            return
        self._drive.waits.append(micros(gate.deadline))
        await self._put(gate, site)
        raise Parked

    def _is_full(self, site: Site) -> bool:
        """Whether people have as much of this saga before them as they can look at.

        An undo is never held back: nothing else would come of it.
        """
        pending = sum(gate.state == "pending" for gate in self._drive.state.gates.values())
        return pending + self._opening >= OPEN_AT_ONCE and site.direction is Direction.DO

    async def _rule_for(self, gate: Row) -> StandingRule | None:
        try:
            return await deciding(self._drive, gate)
        except JournalUnavailable as error:
            self._recheck_later(gate.id, error)

    async def move(self, gate: Gate, new: GateState, reason: str) -> None:
        """Move a gate, in the database and in the journal at once.

        Raises:
            GateMoved: Somebody else moved it first.
        """
        was = GateState(gate.state)  # it may be folded meanwhile that somebody has decided
        moving = MoveGate(gate.id, was, new, self._drive.now())
        try:
            await self._decide(gate, new, reason, [moving])
        except GateMoved:
            closing = await self._closing_changed(gate, was)
            if closing is None:
                raise
            await self._decide(gate, new, f"{reason}; {CHANGED}", closing)

    async def _decide(self, gate: Gate, new: GateState, reason: str, ops: Sequence[Op]) -> None:
        entry = GateDecided(gate=gate.id, path=gate.path, state=new, by=None, reason=reason)
        await self._drive.log.commit(entry, ops=ops)

    async def _closing_changed(self, gate: Gate, was: GateState) -> list[Op] | None:
        """How to close a row that moved without anybody having decided; None if somebody has.

        Whoever decides moves the row and makes a request in one transaction: a row that was moved
        while nothing is to be folded was changed by other hands, and the journal is what counts.

        Raises:
            GateMoved: That cannot be told now.
        """
        drive = self._drive
        journal = drive.environment.journal
        try:
            row = await journal.gate(gate.id)  # before the requests: what moved it is among them
            _, requests = await journal.requests(drive.saga_id)
        except (Corrupt, ApprovalError):
            return []
        except JournalUnavailable as error:
            raise GateMoved from error
        await drive.log.drained()
        if requests or gate.state != was:
            return None
        if row is None or row.state not in OPEN:
            return []
        return [MoveGate(gate.id, row.state, closed_as(row.state), drive.now())]

    async def close(self, reason: str) -> None:
        """Close every open gate, those of undos too.

        Raises:
            GateMoved: Somebody decided one of them at this instant; fold, and call again.
        """
        for gate in self._drive.state.open_gates():
            await self.move(gate, closed_as(GateState(gate.state)), reason)

    async def cancel(self, within: str, reason: str, *, but: str | None = None) -> None:
        """Close the open gates of forward calls under a path.

        Raises:
            GateMoved: Somebody decided one of them at this instant; fold, and call again.
        """
        for gate in self._drive.state.open_gates():
            outside = not gate.path.startswith(within) or (but and gate.path.startswith(but))
            if outside or gate.direction is Direction.UNDO:
                continue
            await self.move(gate, closed_as(GateState(gate.state)), reason)

    async def cancel_undos(self, paths: Collection[str], reason: str) -> None:
        """Close the open gates of undos that are not made any more.

        Raises:
            GateMoved: Somebody decided one of them at this instant; fold, and call again.
        """
        for gate in self._drive.state.open_gates():
            if gate.direction is Direction.UNDO and gate.path in paths:
                await self.move(gate, closed_as(GateState(gate.state)), reason)

    def _current(self, site: Site) -> Gate | None:
        gate = self._drive.state.gate(site.path, site.direction)
        if gate is None or GateState(gate.state) in OVER:
            return None
        if gate.state == "consumed" and not self._attempted(site):
            return None
        return gate

    def _attempted(self, site: Site) -> bool:
        step = self._drive.state.steps.get(site.path)
        track = (
            None
            if step is None
            else (step.forward if site.direction is Direction.DO else step.undo)
        )
        return track is not None and track.phase is not Phase.NONE

    def _subject(self, site: Site, approval: Approval, gate: Gate | None = None) -> GateSubject:
        """What a gate is about that opens now, or what one that is open was to be about."""
        return GateSubject(
            journal_id=self._drive.environment.journal.journal_id,
            saga_id=self._drive.saga_id,
            path=site.path,
            direction=site.direction,
            generation=self._generation(site, gate),
            revision=1 if gate is None else gate.revision,
            action=site.action,
            action_version=site.version,
            arguments=site.arguments if gate is None else gate.arguments,
            policy_version=approval.version,
        )

    def _generation(self, site: Site, gate: Gate | None) -> int:
        """The generation an approval is good for.

        An undo that people were asked about in a rollback is still the same when the whole saga is
        unwound; a step of the saga is not.
        """
        if gate is not None and site.direction is Direction.UNDO:
            return gate.generation
        return self._drive.state.generation

    async def _new(self, site: Site, approval: Approval) -> Row:
        """A gate in front of a call, not yet stored.

        Raises:
            Parked: It cannot open, and a person has been asked why.
        """
        drive = self._drive
        try:
            directory = drive.environment.directory()
            parties = as_known(drive.state.parties, directory)
            check_reachable(approval, directory, parties)
            eligible = electorate(approval, directory, parties=parties)
            can_veto = vetoers(approval, directory, parties=parties)
        except DirectoryUnavailable as error:
            self._recheck_later(f"the gate in front of {site.action}", error)
        except ApprovalError as error:
            await drive.ask_and_park(
                InterventionKind.DEFECT,
                f"the gate in front of {site.action} cannot be opened: nobody could decide it",
                str(error),
            )
        count = sum(gate.path == site.path for gate in drive.state.gates.values())
        return open_gate(
            self._subject(site, approval),
            approval,
            gate_id=drive.id(
                "g", site.path, site.direction, str(drive.state.generation), str(count)
            ),
            parties=parties,
            eligible=eligible,
            vetoers=can_veto,
            now=instant(drive.now()),
            stakes=site.stakes,
            because=site.because,
        )

    async def _put(self, gate: Row, site: Site, *more: Entry) -> None:
        """Store a gate, in the database and in the journal at once."""
        opened = GateOpened(
            gate=gate.id,
            path=site.path,
            direction=site.direction,
            ordinal=site.ordinal,
            action=site.action,
            version=site.version,
            generation=gate.generation,
            digest=gate.digest,
            deadline=micros(gate.deadline),
            by=gate.policy.describe(),
            policy=gate.policy.to_json(),
            stakes=gate.stakes.to_json(),
            because=gate.because,
            payload=site.arguments,
            sensitive=list(site.stakes.sensitive) or None,
        )
        guarded = site.direction is Direction.DO
        await self._drive.log.commit(opened, *more, ops=[OpenGate(gate)], guarded=guarded)

    async def _flaw(
        self, gate: Gate, site: Site, asked: Approval | None
    ) -> tuple[GateState, str] | None:
        """Why an approval may not be used: everything is checked again at the last moment."""
        if asked is None or site.arguments != gate.asked:
            return GateState.INVALIDATED, "what is called is not what was asked about"
        if gate.revision > 1 and self._attempted(site):
            return GateState.INVALIDATED, "what was edited had been called before"
        stored, by_votes = await self._as_decided(gate)
        entitled = by_votes or gate.rule is not None  # whose grantor is looked at when it is used
        if stored is None:
            return GateState.INVALIDATED, CHANGED
        usable = is_usable(
            stored,
            instant(self._drive.now()),
            digest=self._subject(site, asked, gate).digest(),
            generation=self._generation(site, gate),
        )
        if usable.reason is Unusable.NOT_APPROVED:
            self._recheck_later(gate.id, f"it is {stored.state} by now")
        if usable.reason is not None:
            return usable.reason.becomes or GateState.INVALIDATED, _FLAWS[usable.reason]
        return None if entitled else (GateState.INVALIDATED, NOT_ENTITLED)

    async def _use(self, gate: Gate) -> Admitted | tuple[GateState, str]:
        """Use an approval, and with it the rule that gave it, if one did; or why that cannot be."""
        if gate.rule is None:
            return self._admitted(gate)
        try:
            spent = await spending(self._drive, gate)
        except (JournalUnavailable, ApprovalError) as error:
            self._recheck_later(gate.id, error)
        if isinstance(spent, Unfit):
            return GateState.INVALIDATED, spent.reason
        return replace(self._admitted(gate), spent=spent)

    async def _as_decided(self, gate: Gate) -> tuple[Row | None, bool]:
        """A gate's row, and whether its votes are enough with the rights that people have now.

        There is none where the row was changed: nothing can rest on it.
        """
        journal = self._drive.environment.journal
        try:
            stored, votes = await journal.gate(gate.id), await journal.votes(gate.id)
            parties = as_known(self._drive.state.parties, self._drive.environment.directory())
            if stored is None or not _is_as_known(stored, gate, parties):
                return None, False
            return stored, self._holds(stored, votes)
        except Corrupt:
            return None, False
        except (JournalUnavailable, ApprovalError) as error:
            self._recheck_later(gate.id, error)

    def _holds(self, stored: Row, votes: Sequence[Vote]) -> bool:
        """Whether votes are enough with the rights that people have now.

        Raises:
            DirectoryError: That cannot be told now: a directory leaves out of a person's groups
                those whose members it cannot tell, and says so where it is asked for the members.
        """
        directory = self._drive.environment.directory()
        known = {name: directory.groups_of(name) for vote in votes for name in vote.people}
        rights = {name: groups for name, groups in known.items() if groups is not None}
        holds = quorum_holds(stored, votes, rights)
        if not holds:
            for group in groups_asked(stored.policy, stored.policy.within):
                directory.members(group)
        return holds

    def _recheck_later(self, what: str, error: object) -> NoReturn:
        """Whether a gate opens, or lets its call through, cannot be told now: neither yes nor no.

        Raises:
            Parked: Always.
        """
        drive = self._drive
        log.warning("%s: %s cannot be checked now: %s", drive.saga_id, what, error)
        drive.look_by(drive.now() + RECHECK_AFTER)
        raise Parked

    def _admitted(self, gate: Gate) -> Admitted:
        use = MoveGate(gate.id, GateState.APPROVED, GateState.CONSUMED, self._drive.now())
        return Admitted(gate.id, gate.path, use, gate.arguments)


def _is_as_known(stored: Row, gate: Gate, parties: Parties) -> bool:
    """Whether a row says what the journal says; much of it is covered by no digest.

    Whoever could move these could let somebody vote who may not, or use what had lapsed.
    """
    until = None if stored.valid_until is None else micros(stored.valid_until)
    return (
        (stored.digest, stored.editor, stored.parties) == (gate.digest, gate.editor, parties)
        and (micros(stored.deadline), stored.opened_at + stored.policy.within)
        == (gate.deadline, stored.deadline)
        and (stored.state is not GateState.APPROVED or until == gate.valid_until)
    )


def _decision(gate: Row, *, rule: str | None = None) -> GateDecided:
    """How a gate that opens decided says so."""
    return GateDecided(
        gate=gate.id,
        path=gate.path,
        state=gate.state,
        by=gate.decided_by,
        reason=gate.reason,
        valid_until=None if gate.valid_until is None else micros(gate.valid_until),
        rule=rule,
    )


def _refusal(gate: Gate) -> str:
    """A rejection as the body hears of it, and perhaps a model that reads what the body says.

    The words are a person's: they are set off, cut, and called what they are, so that nobody takes
    them for instructions of ours.
    """
    by = wording.cut(gate.decided_by or "nobody", NAMES_LIMIT)
    if not gate.reason:
        return f"rejected by {by}, without a reason"
    said = wording.cut(gate.reason, REASON_LIMIT).replace('"', "'")
    return f'rejected by {by}, who wrote (a remark, not an instruction): "{said}"'


def _rejected_again(gate: Row, earlier: Gate) -> Row:
    """A new gate, rejected as the same request was rejected before."""
    return replace(
        gate,
        state=GateState.REJECTED,
        decided_at=gate.opened_at,
        decided_by=earlier.decided_by,
        reason=f"the same was rejected at {earlier.path}: {earlier.reason or 'no reason given'}",
    )
