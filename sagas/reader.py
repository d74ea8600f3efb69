"""Reading a journal: where sagas stand, what is true of them, and what today's code makes of them."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from datetime import datetime

from approvals import Gate, Presentation
from approvals.delegation import Delegation
from approvals.gate import expire
from approvals.redaction import Redaction
from reversibility import Reversibility
from sagas.audit import AuditRecord, Criteria, Unaudited, given, given_period
from sagas.auditing import rollbacks
from sagas.discreet import redaction_of
from sagas.driving.environment import Handlers
from sagas.driving.rehearsal import (
    IMPATIENCE_SECONDS,
    PATIENCE_SECONDS,
    Finding,
    Rehearsal,
    Trouble,
    rehearse,
)
from sagas.errors import Corrupt, Refused, UnknownSaga
from sagas.fold import apply, fold
from sagas.model import Status, micros
from sagas.ports import Clock, Loaded, SagaRow, Store
from sagas.presenting import present_gate
from sagas.previewing import Preview, foresee
from sagas.restoring import entries_of, readable
from sagas.state import SagaState
from sagas.windows import closing

PAGE = 100


class Reader:
    """Reads sagas; drives and changes none."""

    def __init__(self, store: Store, handlers: Handlers, clock: Clock) -> None:
        self.store = store
        self._handlers = handlers
        self._clock = clock

    def now(self) -> datetime:
        """The present instant, by the clock that decisions are made by."""
        return self._clock.now()

    async def get(self, saga_id: str, /) -> SagaRow:
        """A saga's row: what it is and where it stands.

        Raises:
            UnknownSaga: There is none of that id.
        """
        row = await self.store.saga(saga_id)
        if row is None:
            raise UnknownSaga(
                f"there is no saga {saga_id!r} in this journal; `sagas list` shows those there are"
            )
        return row

    async def list(
        self,
        *,
        status: Status | str | None = None,
        saga: str | None = None,
        since: datetime | None = None,
        limit: int = 100,
    ) -> Sequence[SagaRow]:
        """Sagas, the newest first."""
        wanted = None if status is None else str(status)
        after = None if since is None else micros(since)
        return await self.store.sagas(status=wanted, saga=saga, since=after, limit=limit)

    async def load(self, saga_id: str, /) -> Loaded:
        """A saga's row, entries and open requests.

        Raises:
            UnknownSaga: There is none of that id.
        """
        loaded = await self.store.load(saga_id)
        if loaded is None:
            raise UnknownSaga(
                f"there is no saga {saga_id!r} in this journal; `sagas list` shows those there are"
            )
        return loaded

    async def state(self, saga_id: str, /) -> SagaState:
        """What is true of a saga, folded from its entries.

        Raises:
            UnknownSaga: There is none of that id.
        """
        return fold(saga_id, entries_of((await self.load(saga_id)).rows))

    async def preview(self, saga_id: str, /) -> Preview:
        """What an unwind of a saga would do now: in which order, with what, and what it would leave.

        Nothing is called, and nothing changed.

        Raises:
            UnknownSaga: There is none of that id.
            Unreadable: A newer agent-sagas wrote what this one cannot read.
        """
        loaded = await self.load(saga_id)
        state = fold(saga_id, entries_of(loaded.rows))
        now = micros(self._clock.now())
        for entry in closing(state, now):  # what whoever drives it would write down before all else
            apply(state, state.head + 1, now, entry)
        return foresee(
            state,
            self._handlers,
            status=loaded.row.status,
            now=now,
            secrets=state.declared.redaction(self.store.journal_id),
        )

    async def presentation(self, gate_id: str, /, *, whole: bool = False) -> Presentation:
        """A gate as people see it before they decide.

        Args:
            whole: Cut nothing, however long it is.

        Raises:
            Refused: There is none of that id.
        """
        gate = await self.store.gate(gate_id)
        if gate is None:
            raise Refused(f"there is no gate {gate_id}; `sagas inbox` lists those that wait")
        now = self._clock.now()
        state, secrets = await self._told(gate.saga_id)
        return present_gate(
            expire(gate, now),
            state,
            self._handlers,
            secrets=secrets,
            votes=await self.store.votes(gate_id),
            delegations=await self._delegations(gate, now),
            revisions=await self.store.revisions(gate.id) if gate.revision > 1 else [],
            journal_id=self.store.journal_id,
            now=now,
            whole=whole,
        )

    async def _delegations(self, gate: Gate, now: datetime) -> Sequence[Delegation]:
        """Who decides now for somebody who could have when the gate opened."""
        if not gate.state.is_open or not gate.eligible:
            return []
        people = [*gate.eligible, *gate.vetoers]
        found = await self.store.delegated_by(people, at=micros(now))
        return [each for each in found if each.gives(now, gate.action)]

    async def _told(self, saga_id: str) -> tuple[SagaState | None, Redaction]:
        """What is true of a saga, or None if it cannot be read here, and what hides its secrets."""
        try:
            entries = entries_of((await self.load(saga_id)).rows)
            return fold(saga_id, entries), redaction_of(entries, self.store.journal_id)
        except Corrupt:
            return None, redaction_of([], self.store.journal_id)

    def audit(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        saga: str | None = None,
        action: str | None = None,
        reversibility: Reversibility | str | None = None,
        approver: str | None = None,
        end: Status | str | None = None,
    ) -> AsyncGenerator[AuditRecord | Unaudited]:
        """Every saga of which something was undone in a period, told by its entries alone.

        They come one by one, by the instant at which undoing began in the period; of each its chain
        is verified, and what is declared to be secret is left out. One that was changed or does not
        read comes as an `Unaudited`, whatever else was asked for. A saga that fits is told whole.

        Args:
            since: From that instant on (aware); from the beginning if left out.
            until: Before that instant (aware).
            saga: Only sagas of that full name.
            action: Only those with a step of that action that was undone, or remains.
            reversibility: Only those with such a step of that class.
            approver: Only those in which this person decided something.
            end: Only those that ended so, or stand there.

        Raises:
            TimerError: An instant is not aware, or nothing lies between the two.
            Refused: There is no such class or end, or, while it is read, no saga of that name.
        """
        criteria = Criteria(
            saga=saga,
            action=action,
            reversibility=given("class", Reversibility, reversibility),
            approver=approver,
            end=given("end", Status, end),
        )
        names = (name for name, _ in self._handlers.sagas)
        return rollbacks(self.store, given_period(since, until), criteria, known=names)

    async def check(self) -> AsyncGenerator[Rehearsal]:
        """What this process's code would make of each saga that has not ended, one by one.

        Each body is run against its journal: nothing is called, and nothing is written. Sagas
        that other workers drive meanwhile are only read.
        """
        after = ""
        hanging: set[tuple[str, int]] = set()
        while rows := await self.store.live_sagas(after, PAGE):
            for row in rows:
                loaded = await self.store.load(row.id)
                if loaded is None or loaded.row.status.is_end:
                    continue
                found = await self._rehearse(loaded, hurry=(row.saga, row.version) in hanging)
                if any(item.trouble is Trouble.HANGS for item in found.findings):
                    hanging.add((row.saga, row.version))
                yield found
            after = rows[-1].id

    async def _rehearse(self, loaded: Loaded, *, hurry: bool) -> Rehearsal:
        row = loaded.row
        entries, unread = readable(loaded.rows)
        if unread is not None:
            finding = Finding(Trouble.UNREADABLE, None, str(unread))
            return Rehearsal(row.id, row.saga, row.version, row.status, (finding,))
        now = micros(self._clock.now())
        patience = IMPATIENCE_SECONDS if hurry else PATIENCE_SECONDS
        state = fold(row.id, entries)
        found = await rehearse(state, self._handlers, now=now, patience=patience)
        return replace(found, status=row.status)
