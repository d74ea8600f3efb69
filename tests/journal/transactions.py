"""Every kind of transaction that a store makes, as a table: what it needs, and what it does.

Whoever adds a method or an op adds a row, or `test_commits.py` fails.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

import pytest

from approvals import GateState, VoteKind
from approvals.aftermath import Aftermath
from compensations import Choice
from sagas.allotment import Demand, Mark, Want
from sagas.allotment import Kind as Permit
from sagas.errors import Refused
from sagas.locking import Granted, Need
from sagas.model import Direction, Status
from sagas.ports import (
    Announcement,
    Applied,
    CloseQuestion,
    CreateSaga,
    DeliveryState,
    FoldRequests,
    KeepPlaces,
    LateAnswer,
    Lease,
    MoveGate,
    NewDelivery,
    NoteAftermath,
    Op,
    OpenGate,
    OpenQuestion,
    Project,
    ReleaseLocks,
    Settlement,
    SpendRule,
    Store,
    Survived,
    Unit,
)
from tests.conformance.support import (
    AT,
    SECOND,
    Tale,
    api_token,
    ballot,
    begun,
    drilled,
    gate_of,
    given,
    handed_over,
    login_link,
    person,
    proposal,
    question,
    registered,
    web_session,
)

READS = frozenset(
    {
        "asked_since",
        "cast_since",
        "changed",
        "close",
        "deliveries",
        "deliveries_about",
        "gathered",
        "gathered_at",
        "delegated_by",
        "delegated_to",
        "delegation",
        "delegations",
        "drills",
        "gate",
        "gates_of",
        "gates_of_action",
        "held",
        "link",
        "live_sagas",
        "locks",
        "rollback_marks",
        "load",
        "matching_rules",
        "due",
        "next_due",
        "question",
        "questions_of",
        "raised",
        "refused_edits",
        "requests",
        "revisions",
        "rule",
        "rule_uses",
        "rule_uses_at",
        "rules",
        "saga",
        "sagas",
        "session",
        "time",
        "unannounced",
        "token",
        "tokens",
        "votes",
        "voted_by",
        "waiting_at",
        "waiting_gates",
        "waiting_questions",
    }
)
"""What changes nothing."""


@dataclass
class Scene:
    """One saga of one worker, which nothing else touches.

    Attributes:
        lease: The worker's.
    """

    store: Store
    saga_id: str
    lease: Lease
    tale: Tale

    @property
    def gate_id(self) -> str:
        """The saga's gate."""
        return f"g-{self.saga_id}"

    @property
    def question_id(self) -> str:
        """The saga's intervention."""
        return f"i-{self.saga_id}"

    def open_gate(self) -> OpenGate:
        """What opens the gate."""
        return OpenGate(gate_of(self.store, self.saga_id, self.gate_id))

    def ask(self) -> OpenQuestion:
        """What opens the intervention."""
        return question(self.question_id)

    def want(self) -> Want:
        """A call that asks for the saga's one permit."""
        demand = Demand(self.saga_id, concurrent=1)
        return Want(
            process="test",
            saga_id=self.saga_id,
            holder="call",
            start="start",
            demands=(demand,),
            begins_within=3600 * SECOND,
            lasts=3600 * SECOND,
        )

    @property
    def other(self) -> str:
        """Another saga."""
        return f"{self.saga_id}-too"

    def need(self) -> Need:
        """A step that asks for the saga's one key."""
        return Need(self.saga_id, "step#1", (self.saga_id,), waits=True, until=None, now=AT)

    async def append(self, *ops: Op, rows: int = 1) -> list[Applied]:
        """Append entries with ops."""
        return await self.store.commit(self.lease, [self.tale.unit(rows, *ops)])

    async def claim(self) -> list[str]:
        """Take the saga, if nobody has it."""
        return await self.store.claim(self.lease, now=AT, only=[self.saga_id], limit=5)


Preparing = Callable[[Scene], Awaitable[object]]
Acting = Callable[[Scene], Awaitable[object]]


async def _nothing(_: Scene) -> None:
    return None


@dataclass(frozen=True)
class Kind:
    """One kind of transaction.

    Attributes:
        act: Does it, and returns what the caller is told.
        covers: The method of the store, and the ops.
        prepare: Does beforehand what it needs.
        begins: The saga exists already.
        at_once: It is one statement; its COMMIT is not sent.
    """

    act: Acting
    covers: tuple[str | type[Op], ...]
    prepare: Preparing = _nothing
    begins: bool = True
    at_once: bool = False


async def set_scene(store: Store, saga_id: str, kind: Kind) -> Scene:
    """A scene with what this kind of transaction needs."""
    scene = Scene(store, saga_id, await registered(store), Tale(store, saga_id))
    if kind.begins:
        scene.tale = await begun(store, scene.lease, saga_id)
    await kind.prepare(scene)
    return scene


# --- what is needed ---------------------------------------------------------------------------


async def _gate(scene: Scene) -> None:
    await scene.append(scene.open_gate())


async def _approval(scene: Scene) -> None:
    await _gate(scene)
    await scene.store.vote(scene.gate_id, ballot("bo"), person("bo"))


async def _edited(scene: Scene) -> None:
    await _gate(scene)
    await scene.store.edit(scene.gate_id, proposal())


async def _question(scene: Scene) -> None:
    await scene.append(scene.ask())


async def _request(scene: Scene) -> None:
    await scene.store.cancel(scene.saga_id, by="ana", reason="ill", at=AT)


async def _released(scene: Scene) -> None:
    await scene.append(Project(Status.WAITING, None, AT, release=True))


async def _permit(scene: Scene) -> None:
    await scene.store.exchange([scene.want()], [])


async def _dead_owner(scene: Scene) -> None:
    await _released(scene)
    dying = replace(scene, lease=await scene.store.register("dying", 0.0))
    assert await dying.claim() == [scene.saga_id]


async def _dying(scene: Scene) -> None:
    await _queued(scene)
    await scene.store.register("dying", 0.0)


# --- what is done -----------------------------------------------------------------------------


async def _create(scene: Scene) -> object:
    return await scene.store.commit(scene.lease, [scene.tale.beginning(2)])


async def _create_two(scene: Scene) -> object:
    other = Tale(scene.store, f"{scene.saga_id}-too")
    units = [scene.tale.beginning(1, scene.open_gate()), other.beginning()]
    return await scene.store.commit(scene.lease, units)


async def _append(scene: Scene) -> object:
    return await scene.append(rows=3)


async def _append_one_by_one(scene: Scene) -> object:
    taken = Tale(scene.store, scene.saga_id)
    units = [taken.beginning(2, scene.ask()), Tale(scene.store, f"{scene.saga_id}-too").beginning()]
    return await scene.store.commit(scene.lease, units)


async def _park(scene: Scene) -> object:
    return await scene.append(Project(Status.WAITING, "a gate", AT, release=True))


async def _release(scene: Scene) -> object:
    release = Project(Status.WAITING, scene.saga_id, AT, release=True)
    return await scene.store.commit(scene.lease, [Unit(scene.saga_id, [], [release])])


async def _show(scene: Scene) -> object:
    return await scene.append(Project(Status.UNWINDING, None, None, release=False))


async def _open_gate(scene: Scene) -> object:
    return await scene.append(scene.open_gate())


async def _consume(scene: Scene) -> object:
    return await scene.append(MoveGate(scene.gate_id, GateState.APPROVED, GateState.CONSUMED, AT))


async def _rule(scene: Scene) -> None:
    await scene.store.create_rule(given(scene.saga_id))


async def _approval_and_rule(scene: Scene) -> None:
    await _approval(scene)
    await _rule(scene)


async def _use_rule(scene: Scene) -> object:
    applied = await scene.append(
        MoveGate(scene.gate_id, GateState.APPROVED, GateState.CONSUMED, AT),
        SpendRule(scene.saga_id, scene.gate_id, None, AT),
    )
    return applied, len(await scene.store.rule_uses(scene.saga_id))


async def _create_rule(scene: Scene) -> object:
    await _rule(scene)
    return await scene.store.rule(scene.saga_id) == given(scene.saga_id)


async def _revoke_rule(scene: Scene) -> object:
    revoked = await scene.store.revoke_rule(scene.saga_id, by="cy", reason="enough", at=AT)
    return revoked.revoked_by


async def _delegation(scene: Scene) -> None:
    people = {"by": person(f"ana {scene.saga_id}"), "to": f"bo {scene.saga_id}"}
    await scene.store.create_delegation(handed_over(scene.saga_id, **people))


async def _delegate(scene: Scene) -> object:
    await _delegation(scene)
    return await scene.store.delegation(scene.saga_id) is not None


async def _undelegate(scene: Scene) -> object:
    by = f"bo {scene.saga_id}"
    return (await scene.store.revoke_delegation(scene.saga_id, by=by, at=AT)).revoked_by


async def _cancel_gate(scene: Scene) -> object:
    move = MoveGate(scene.gate_id, GateState.PENDING, GateState.CANCELLED, AT)
    return await scene.store.commit(scene.lease, [Unit(scene.saga_id, [], [move])])


async def _note(scene: Scene) -> object:
    applied = await scene.append(NoteAftermath((scene.gate_id,), Aftermath.DONE, AT))
    gate = await scene.store.gate(scene.gate_id)
    return applied, gate and gate.aftermath


async def _ask(scene: Scene) -> object:
    return await scene.append(scene.ask())


async def _close(scene: Scene) -> object:
    return await scene.append(CloseQuestion(scene.question_id, AT))


async def _fold(scene: Scene) -> object:
    _, [request] = await scene.store.requests(scene.saga_id)
    return await scene.append(FoldRequests((request.id,), 1))


async def _survive(scene: Scene) -> object:
    return await scene.append(Survived())


async def _everything(scene: Scene) -> object:
    _, [request] = await scene.store.requests(scene.saga_id)
    return await scene.append(
        FoldRequests((request.id,), 1),
        scene.ask(),
        scene.open_gate(),
        MoveGate(scene.gate_id, GateState.PENDING, GateState.CANCELLED, AT),
        CloseQuestion(scene.question_id, AT),
        Project(Status.WAITING, None, AT, release=True),
        rows=3,
    )


async def _cancel(scene: Scene) -> object:
    await scene.store.cancel(scene.saga_id, by="ana", reason="ill", at=AT)
    return len((await scene.store.requests(scene.saga_id))[1])


async def _send(scene: Scene) -> object:
    return await scene.store.send(scene.saga_id, "landed", b"1", key="k", by="gds", at=AT)


async def _vote(scene: Scene) -> object:
    return (await scene.store.vote(scene.gate_id, ballot("bo"), person("bo"))).state


async def _refuse(scene: Scene) -> object:
    with pytest.raises(Refused):
        await scene.store.vote(scene.gate_id, ballot("cy"), person("cy"))
    return [vote.refusal for vote in await scene.store.votes(scene.gate_id)]


async def _edit(scene: Scene) -> object:
    gate = await scene.store.gate(scene.gate_id)
    assert gate is not None
    edit = proposal(revision=gate.revision, arguments=b'{"again":%d}' % gate.revision)
    return (await scene.store.edit(scene.gate_id, edit)).revision


async def _refuse_edit(scene: Scene) -> object:
    with pytest.raises(Refused):
        await scene.store.edit(scene.gate_id, proposal("cy"))
    return [edit.refusal for edit in await scene.store.refused_edits(scene.gate_id)]


async def _revoke(scene: Scene) -> object:
    revocation = ballot("cy", VoteKind.REVOKE)
    return (await scene.store.vote(scene.gate_id, revocation, person("cy"))).state


async def _answer(scene: Scene) -> object:
    answered = await scene.store.answer(
        scene.question_id, Choice.RETRY, by="bo", reason="again", payload=None, at=AT
    )
    return answered.choice


async def _report(scene: Scene) -> object:
    late = LateAnswer(
        saga_id=scene.saga_id,
        path="book_hotel#1",
        direction=Direction.DO,
        key="key",
        attempt=1,
        payload=b"1",
    )
    return await scene.store.report(late, by="worker", at=AT)


async def _register(scene: Scene) -> object:
    scene.lease = await registered(scene.store)
    return (await scene.store.renew(scene.lease)).seconds


async def _renew(scene: Scene) -> object:
    return (await scene.store.renew(scene.lease)).seconds


async def _retire(scene: Scene) -> object:
    await scene.store.retire(scene.lease)
    return (await scene.store.load(scene.saga_id)) is not None


async def _take_permit(scene: Scene) -> object:
    [first] = await scene.store.exchange([scene.want()], [])
    [second] = await scene.store.exchange([replace(scene.want(), holder="another")], [])
    return type(first), type(second)


async def _take_lock(scene: Scene) -> object:
    answer = await scene.store.take_locks(scene.lease, scene.need())
    assert isinstance(answer, Granted)
    return list(answer.tokens)


async def _locked_by_other(scene: Scene) -> None:
    await begun(scene.store, scene.lease, scene.other)
    await scene.store.take_locks(scene.lease, replace(scene.need(), saga_id=scene.other))


async def _stand_in_line(scene: Scene) -> object:
    answer = await scene.store.take_locks(scene.lease, scene.need())
    assert not isinstance(answer, Granted)
    return [(row.key, row.saga_id) for row in answer.behind]


async def _in_line(scene: Scene) -> None:
    await _locked_by_other(scene)
    await _stand_in_line(scene)


async def _park_in_line(scene: Scene) -> object:
    asleep = Project(Status.WAITING, scene.saga_id, None, release=True)
    unit = Unit(scene.saga_id, [], [KeepPlaces(("step#1",)), asleep])
    return await scene.store.commit(scene.lease, [unit])


async def _lock_awaited(scene: Scene) -> None:
    """The saga holds a key, and another one is parked that waits for it."""
    await _take_lock(scene)
    await begun(scene.store, scene.lease, scene.other)
    await scene.store.take_locks(scene.lease, replace(scene.need(), saga_id=scene.other))
    asleep = Project(Status.WAITING, None, None, release=True)
    unit = Unit(scene.other, [], [KeepPlaces(("step#1",)), asleep])
    assert await scene.store.commit(scene.lease, [unit]) == [Applied.YES]


async def _give_locks_back(scene: Scene) -> object:
    end = Project(Status.COMPLETED, scene.saga_id, None, release=True)
    return await scene.append(ReleaseLocks(held=True), end)


async def _release_lock(scene: Scene) -> object:
    row = await scene.store.release_lock(scene.saga_id, by="ana", reason="stuck", at=AT)
    return row.key, row.saga_id


async def _give_back_permit(scene: Scene) -> object:
    want = scene.want()
    mark = Mark(scene.saga_id, Permit.CALL, want.holder, want.start)
    return await scene.store.exchange([], [mark])


async def _record_drill(scene: Scene) -> object:
    await scene.store.record(drilled(id=scene.saga_id, action=f"{scene.saga_id}.book_hotel"))
    return len(await scene.store.drills(scene.saga_id))


async def _record_link(scene: Scene) -> object:
    await scene.store.record_link(login_link(scene.saga_id))
    return await scene.store.link(scene.saga_id)


async def _enter(scene: Scene) -> object:
    return await scene.store.enter(scene.saga_id, web_session(f"s-{scene.saga_id}"))


async def _linked(scene: Scene) -> None:
    await _record_link(scene)


async def _begin_session(scene: Scene) -> object:
    await scene.store.begin_session(web_session(scene.saga_id))
    return await scene.store.session(scene.saga_id)


async def _logged_in(scene: Scene) -> None:
    await _begin_session(scene)


async def _see_session(scene: Scene) -> object:
    await scene.store.see_session(scene.saga_id, AT + SECOND)
    return await scene.store.session(scene.saga_id)


async def _end_session(scene: Scene) -> object:
    await scene.store.end_session(scene.saga_id)
    return await scene.store.session(scene.saga_id)


async def _spend(scene: Scene) -> object:
    return await scene.store.spend(
        scene.saga_id, spender=f"by {scene.saga_id}", until=AT + SECOND, at=AT
    )


async def _record_token(scene: Scene) -> object:
    await scene.store.record_token(api_token(scene.saga_id))
    return await scene.store.token(f"hash of {scene.saga_id}")


async def _with_token(scene: Scene) -> None:
    await _record_token(scene)


async def _revoke_token(scene: Scene) -> object:
    return await scene.store.revoke_token(scene.saga_id, owner="ana", at=AT + SECOND)


async def _tidy(scene: Scene) -> object:
    await scene.store.tidy()
    return (await scene.store.load(scene.saga_id)) is not None


async def _announce(scene: Scene) -> object:
    [found] = [
        each
        for each in await scene.store.unannounced(now=AT, limit=1_000)
        if each.id == scene.gate_id
    ]
    new = NewDelivery(channel=scene.saga_id, target="ana", saying="asked", level=0)
    plan = Announcement(next_at=None, says="pending.1", at=AT, new=(new,))
    await scene.store.announce(found, plan)
    return len(await scene.store.deliveries_about(scene.gate_id))


async def _queued(scene: Scene) -> None:
    await _gate(scene)
    await _announce(scene)


async def _take(scene: Scene) -> object:
    taken = await scene.store.take(scene.lease, channel=scene.saga_id, now=AT, limit=5, having=())
    return [each.target for each in taken]


async def _taken(scene: Scene) -> None:
    await _queued(scene)
    await _take(scene)


async def _settle(scene: Scene) -> object:
    [delivery] = await scene.store.deliveries_about(scene.gate_id)
    sent = Settlement(state=DeliveryState.SENT, at=AT, says="pending.1", receipt={"id": "1"})
    await scene.store.settle(scene.lease, delivery, sent)
    return [each.state for each in await scene.store.deliveries_about(scene.gate_id)]


async def _next_delivery(scene: Scene) -> object:
    return (await scene.store.next_delivery(scene.lease)) is not None


KINDS: Mapping[str, Kind] = {
    "create": Kind(_create, ("commit", CreateSaga), begins=False, at_once=True),
    "create with a gate": Kind(_create_two, ("commit", CreateSaga), begins=False),
    "append together": Kind(_append, ("commit",), at_once=True),
    "append one by one": Kind(_append_one_by_one, ("commit",)),
    "show": Kind(_show, ("commit", Project), at_once=True),
    "park": Kind(_park, ("commit", Project), at_once=True),
    "release": Kind(_release, ("commit", Project), at_once=True),
    "open a gate": Kind(_open_gate, ("commit", OpenGate)),
    "use an approval": Kind(_consume, ("commit", MoveGate), _approval),
    "use a standing rule": Kind(_use_rule, ("commit", SpendRule), _approval_and_rule),
    "create a standing rule": Kind(_create_rule, ("create_rule",)),
    "revoke a standing rule": Kind(_revoke_rule, ("revoke_rule",), _rule),
    "delegate": Kind(_delegate, ("create_delegation",)),
    "undelegate": Kind(_undelegate, ("revoke_delegation",), _delegation),
    "cancel a gate": Kind(_cancel_gate, ("commit", MoveGate), _gate),
    "note an aftermath": Kind(_note, ("commit", NoteAftermath), _gate),
    "open a question": Kind(_ask, ("commit", OpenQuestion)),
    "close a question": Kind(_close, ("commit", CloseQuestion), _question),
    "fold requests": Kind(_fold, ("commit", FoldRequests), _request),
    "survive": Kind(_survive, ("commit", Survived)),
    "everything at once": Kind(_everything, ("commit",), _request),
    "cancel": Kind(_cancel, ("cancel",)),
    "send": Kind(_send, ("send",)),
    "vote": Kind(_vote, ("vote",), _gate),
    "refuse a vote": Kind(_refuse, ("vote",), _approval),
    "edit": Kind(_edit, ("edit",), _gate),
    "refuse an edit": Kind(_refuse_edit, ("edit",), _edited),
    "edit again": Kind(_edit, ("edit",), _edited),
    "revoke": Kind(_revoke, ("vote",), _approval),
    "answer": Kind(_answer, ("answer",), _question),
    "report": Kind(_report, ("report",)),
    "register": Kind(_register, ("register",)),
    "renew": Kind(_renew, ("renew",)),
    "retire": Kind(_retire, ("retire",)),
    "claim": Kind(lambda scene: scene.claim(), ("claim",), _released),
    "take a permit": Kind(_take_permit, ("exchange",)),
    "give a permit back": Kind(_give_back_permit, ("exchange",), _permit),
    "take a lock": Kind(_take_lock, ("take_locks",)),
    "stand in line": Kind(_stand_in_line, ("take_locks",), _locked_by_other),
    "park in line": Kind(_park_in_line, ("commit", KeepPlaces, Project), _in_line),
    "give locks back": Kind(_give_locks_back, ("commit", ReleaseLocks, Project), _lock_awaited),
    "release a lock": Kind(_release_lock, ("release_lock",), _lock_awaited),
    "tidy": Kind(_tidy, ("tidy",), _permit),
    "record a drill": Kind(_record_drill, ("record",)),
    "record a link": Kind(_record_link, ("record_link",)),
    "enter": Kind(_enter, ("enter",), _linked),
    "begin a session": Kind(_begin_session, ("begin_session",)),
    "see a session": Kind(_see_session, ("see_session",), _logged_in),
    "end a session": Kind(_end_session, ("end_session",), _logged_in),
    "spend a form": Kind(_spend, ("spend",)),
    "record a token": Kind(_record_token, ("record_token",)),
    "revoke a token": Kind(_revoke_token, ("revoke_token",), _with_token),
    "announce": Kind(_announce, ("announce",), _gate),
    "take a message": Kind(_take, ("take",), _queued),
    "settle a message": Kind(_settle, ("settle",), _taken),
    "bury and look for messages": Kind(_next_delivery, ("next_delivery",), _dying),
    "bury and claim": Kind(lambda scene: scene.claim(), ("claim",), _dead_owner),
}
