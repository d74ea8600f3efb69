"""The people around one simulated saga: they decide its gates and answer its questions.

Where a schedule says so they decide wrongly: late, twice, both ways at once, or not at all.

Touches: the event loop.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import cast

from approvals import Gate, GateState
from compensations import InterventionKind
from sagas.coordinator import Coordinator
from sagas.errors import Corrupt, PayloadError, Refused
from sagas.journal.memory import MemoryJournal
from sagas.model import Direction
from sagas.ports import QuestionRow
from sagas.testing.errors import Unexplorable
from sagas.testing.people import Responder, Truth, voters
from sagas.testing.simulating.carried import Carried
from sagas.testing.simulating.faults import GATES, Fault, Kind
from sagas.testing.world import Effect

NO = "a test says no"
CHANGED = "a test changes it"

WRONG = "0" * 64
"""A digest that is nothing's."""

MOST_EDITS = 8
"""How many of the arguments an edit tries to change."""

OTHER = '{"changed":"by a test"}'
"""What a gate shows that was tampered with."""

UNDECIDED = frozenset({Kind.EXPIRE, Kind.TAMPER})
"""Gates that nobody can, or does, decide."""

Misdeed = Callable[[Coordinator, Gate], Awaitable[None]]


class Company:
    """Who decides and answers in one run, over all lives of its process.

    Args:
        carried: What they have seen and remember.
        ledger: What the world has recorded.
        memory: The journal in which a gate can be tampered with.
    """

    def __init__(
        self,
        responder: Responder,
        faults: Sequence[Fault],
        carried: Carried,
        ledger: Callable[[], Awaitable[Sequence[Effect]]],
        memory: MemoryJournal | None,
    ) -> None:
        self._responder = responder
        self._faults = {fault.at: fault for fault in faults if fault.kind in GATES}
        self._seen = carried.seen
        self._notes = carried.notes
        self._ledger = ledger
        self._memory = memory

    async def respond(self, coordinator: Coordinator, saga_id: str) -> bool:
        """Do whatever is to be done now; tells whether there was anything."""
        acted, left, numbers = False, set[str](), self._notes.gates
        for gate in await coordinator.store.gates_of(saga_id):
            number = numbers.setdefault(gate.id, len(numbers) + 1)
            fault = self._faults.get(number)
            if fault is None or not gate.state.is_open:
                continue
            self._seen.landed.setdefault(fault.place, 0)
            acted = await self._mislead(coordinator, gate, fault.kind) or acted
            if fault.kind in UNDECIDED:
                left.add(gate.id)
        effects = {effect.key for effect in await self._ledger()}
        answered = await self._responder.respond(
            coordinator,
            saga_id,
            truth=lambda asked: self._truth(asked, effects),
            but=left,
        )
        return answered or acted

    async def _mislead(self, coordinator: Coordinator, gate: Gate, kind: Kind) -> bool:
        """Decide wrongly, once; again if the database did not hear it."""
        misdeed, misled = self._misdeeds.get(kind), self._notes.misled
        if misdeed is None or gate.id in misled:
            return False
        try:
            await misdeed(coordinator, gate)
        except Refused:
            misled.add(gate.id)
            raise
        misled.add(gate.id)
        return True

    async def send(self, coordinator: Coordinator, saga_id: str) -> bool:
        """Send the events that the saga may wait for, once; tells whether there were any."""
        if self._notes.sent or not self._responder.events:
            return False
        self._notes.sent = True
        for name, payload in self._responder.events.items():
            await coordinator.send(saga_id, name, payload, key=f"event {name}")
        return True

    def _truth(self, question: QuestionRow, effects: set[str]) -> Truth:
        place = (question.kind, question.path)
        before = self._notes.asked.get(place, 0)
        self._notes.asked[place] = before + 1
        undoing = question.kind == InterventionKind.COMPENSATION_IN_DOUBT
        direction = (Direction.UNDO if undoing else Direction.DO).value
        called = (
            call.key
            for call in reversed(self._seen.calls)
            if (call.path, call.direction) == (question.path, direction)
        )
        key, results = next(called, ""), self._seen.results
        is_out = not self._seen.final.isdisjoint(effects)
        return Truth(key in effects, key in results, results.get(key), before, is_out)

    # --- what goes wrong ------------------------------------------------------------------------

    @property
    def _misdeeds(self) -> dict[Kind, Misdeed]:
        return {
            Kind.REJECT: _reject,
            Kind.DUPLICATE: _approve_thrice,
            Kind.LATE: _approve_late,
            Kind.DECIDE_BOTH: _decide_both,
            Kind.EDIT: _edit,
            Kind.WITHDRAW: _withdraw,
            Kind.REVOKE: _revoke,
            Kind.WRONG_DIGEST: _approve_something_else,
            Kind.TAMPER: self._tamper,
        }

    async def _tamper(self, coordinator: Coordinator, gate: Gate) -> None:
        if self._memory is None:
            raise Unexplorable("a gate can be tampered with in a journal in memory only")
        self._memory.execute("update gate set arguments = ? where id = ?", (OTHER, gate.id))
        for voter in voters(gate):
            with suppress(Corrupt):
                await _told(coordinator.approve(gate.id, by=voter))


async def _reject(coordinator: Coordinator, gate: Gate) -> None:
    await coordinator.reject(gate.id, by=voters(gate)[0], reason=NO)


async def _approve_thrice(coordinator: Coordinator, gate: Gate) -> None:
    for voter in voters(gate):
        for _ in range(3):
            await _told(coordinator.approve(gate.id, by=voter))


async def _approve_late(coordinator: Coordinator, gate: Gate) -> None:
    await _reject(coordinator, gate)
    for voter in voters(gate):
        await _told(coordinator.approve(gate.id, by=voter))


async def _decide_both(coordinator: Coordinator, gate: Gate) -> None:
    people = voters(gate)
    approvals = [_told(coordinator.approve(gate.id, by=voter)) for voter in people]
    rejection = _told(coordinator.reject(gate.id, by=people[-1], reason=NO))
    await asyncio.gather(*approvals, rejection)


async def _edit(coordinator: Coordinator, gate: Gate) -> None:
    """Change something that the action's types allow to be changed; whoever edits has no vote."""
    for arguments in _others(gate.arguments):
        try:
            await coordinator.edit(gate.id, arguments, by=voters(gate)[-1], reason=CHANGED)
        except (PayloadError, Refused):
            continue  # as it should be told
        return


def _others(arguments: bytes) -> Iterator[str]:
    """The arguments with one value changed, each in its turn."""
    given: dict[str, object] = json.loads(arguments)
    for name, value in islice(given.items(), MOST_EDITS):
        for changed in _changed(value):
            yield json.dumps({**given, name: changed})


def _changed(value: object) -> Iterator[object]:
    if isinstance(value, str):
        yield f"{value}x"
    elif isinstance(value, int) and not isinstance(value, bool):
        yield value + 1
    elif isinstance(value, dict):
        members = cast(dict[str, object], value)
        for name, member in islice(members.items(), MOST_EDITS):
            for changed in _changed(member):
                yield {**members, name: changed}


async def _withdraw(coordinator: Coordinator, gate: Gate) -> None:
    """Vote and take it back, all but the last one: what follows has to be decided anew."""
    for voter in voters(gate)[:-1]:
        await _told(coordinator.approve(gate.id, by=voter))
        await _told(coordinator.withdraw(gate.id, by=voter))


async def _revoke(coordinator: Coordinator, gate: Gate) -> None:
    people = voters(gate)
    for voter in people:
        await _told(coordinator.approve(gate.id, by=voter))
    await _told(coordinator.revoke(gate.id, by=people[0], reason=NO))


async def _approve_something_else(coordinator: Coordinator, gate: Gate) -> None:
    """Vote for what nobody asked.

    Raises:
        AssertionError: That decided something.
    """
    for voter in voters(gate):
        await _told(coordinator.approve(gate.id, by=voter, digest=WRONG))
    after = await coordinator.store.gate(gate.id)
    if after is not None and after.state is GateState.APPROVED:
        raise AssertionError(f"a vote for another digest than that of {gate.id} decided it")


async def _told(deciding: Awaitable[Gate]) -> None:
    try:
        await deciding
    except Refused:
        return  # as it should be told
