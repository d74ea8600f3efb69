"""What users hold: start sagas, decide and answer, besides reading what happened."""

import asyncio
import json
import re
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, NoReturn, TypeVar
from weakref import WeakValueDictionary

from approvals import ApprovalError, Directory, Gate, Principal, Vote, VoteKind
from approvals.delegation import Delegation
from approvals.directory import check_reachable
from approvals.errors import ChannelDefinitionError
from approvals.parties import Parties
from approvals.policies import Policies
from approvals.revision import EditRefusal, Fault, Proposal
from approvals.rule import StandingRule
from approvals.seen import is_cut
from approvals.wording import cut
from compensations import Choice, ChoiceError
from compensations.interventions import check_choice
from sagas import acting, granting
from sagas.authoring.saga import Saga
from sagas.dispatching.dispatcher import Dispatcher
from sagas.driving.environment import Handlers
from sagas.driving.run import Done, Result
from sagas.editing import Edited, action_to_edit, edited
from sagas.entries import Started
from sagas.errors import DifferentInput, PayloadError, Refused, SagaError, UnknownSaga
from sagas.frozen import check_loop_clock
from sagas.granting import Tried
from sagas.handles import Following, Handle
from sagas.model import Outcome, micros
from sagas.moments import given_deadline, past
from sagas.payloads import parse_untrusted
from sagas.ports import Clock, CreateSaga, QuestionRow, SagaRow, Store
from sagas.reader import Reader
from sagas.state import SagaState, Step
from sagas.worker import Worker

I = TypeVar("I")  # noqa: E741
O = TypeVar("O")  # noqa: E741

MAX_ID = 200
ON_OUR_WORD = "the program's word"
"""How somebody was identified whom nobody has asked."""
_DIGEST = re.compile("[0-9a-fA-F]{8,64}")
_DIGITS_OF_AN_EDIT = 16
"""Whoever edits could look for arguments whose digest begins as another; 8 digits are found soon."""


class Coordinator(Reader):
    """Runs sagas durably; from `sagas.connect`.

    Args:
        user: Who this process acts for, where a call does not say.
    """

    def __init__(
        self,
        store: Store,
        handlers: Handlers,
        *,
        clock: Clock,
        directory: Callable[[], Directory],
        policies: Policies,
        user: str,
        worker: Callable[["Coordinator"], Worker],
        dispatcher: Callable[["Coordinator", Worker], Dispatcher] | None = None,
    ) -> None:
        super().__init__(store, handlers, clock)
        self._policies = policies
        self._directory = directory
        self._user = user
        self._worker = worker(self)
        self._dispatcher = None if dispatcher is None else dispatcher(self, self._worker)
        self._closed = False
        self._following: WeakValueDictionary[str, Following] = WeakValueDictionary()

    # --- running ------------------------------------------------------------------------------

    async def start(
        self,
        saga: Saga[I, O],
        input: I,
        /,
        *,
        id: str,
        deadline: timedelta | datetime | None = None,
        requester: str | None = None,
        agent: str | None = None,
        owner: str | None = None,
    ) -> Handle[O]:
        """Start a saga, durably, and drive it in this process.

        Starting the same id again with the same input gives the same saga, which goes on from
        where it is.

        Args:
            id: Yours, and unique in this journal for ever.
            deadline: When it is undone if it has not ended: a duration from now, or an instant
                (aware); the saga's own if left out. For an id that was started before, the
                deadline it got then holds.
            requester: Who asked for what it does, if that is not who starts it.
            agent: The agent that acts.
            owner: Who answers for the agent. None of these three may decide where an approval
                keeps duties separate; for an id that was started before, those it got then hold.

        Raises:
            PayloadError: The input cannot be stored.
            TimerError: The deadline is no instant to come.
            DifferentInput: The id was started with another input or saga.
            ApprovalDefinitionError: A name of the three is no person's.
        """
        check_id(id)
        parties = Parties(starter=self._user, requester=requester, agent=agent, owner=owner)
        check_loop_clock()
        now = micros(self._clock.now())
        due = await self._due(saga, deadline, id, now)
        payload = saga.input.encode(input)
        digest = sha256(payload).hexdigest()
        following = self._listen(id)
        started = Started(
            saga=saga.name,
            version=saga.version,
            starter=parties.starter,
            deadline=due,
            requester=parties.requester,
            agent=parties.agent,
            owner=parties.owner,
            payload=payload,
            sensitive=list(saga.sensitive) or None,
        )
        create = CreateSaga(saga.name, saga.version, digest, self._user, now)
        if await self._worker.start(saga, started, create, id):
            if not isinstance(following.result, Done):
                self._worker.follow(id)
        else:
            row = await self.get(id)
            if (row.saga, row.input_digest) != (saga.name, digest):
                raise DifferentInput(
                    f"the id {id!r} belongs to {row.saga}, started by {row.starter} with "
                    f"{'another input' if row.saga == saga.name else 'its own input'}: choose another id"
                )
            await self._go_on(row)
        return Handle(self, self._worker, saga, id, following)

    async def _due(
        self, saga: Saga[Any, Any], deadline: timedelta | datetime | None, id: str, now: int
    ) -> int | None:
        """The instant of the deadline; one that has passed is of no matter to a saga that exists."""
        given = saga.deadline if deadline is None else deadline
        if given is None:
            return None
        due = given_deadline(given, now)
        if due <= now and await self.store.saga(id) is None:
            raise past("the deadline", due, "before the start")
        return due

    async def run(
        self,
        saga: Saga[I, O],
        input: I,
        /,
        *,
        id: str,
        deadline: timedelta | datetime | None = None,
        timeout: float | None = None,
        requester: str | None = None,
        agent: str | None = None,
        owner: str | None = None,
    ) -> Outcome[O]:
        """Start a saga and wait for its outcome.

        Args:
            id: As for `start`.
            deadline: As for `start`: durable, and the saga is undone.
            timeout: How long this call waits (seconds); the saga goes on.
            requester: As for `start`, and so are `agent` and `owner`.

        Raises:
            TimeoutError: It has not ended within `timeout` seconds; it goes on.
        """
        handle = await self.start(
            saga, input, id=id, deadline=deadline, requester=requester, agent=agent, owner=owner
        )
        return await handle.outcome(timeout=timeout)

    async def resume(self, id: str, /) -> Handle[Any]:
        """Drive a saga that exists, in this process.

        Raises:
            UnknownSaga: There is none of that id, or this process does not know its code.
        """
        row = await self.get(id)
        saga = self._handlers.saga(row.saga, row.version)
        if saga is None:
            raise UnknownSaga(
                f"{id} is a {row.saga} version {row.version}, which none of the catalogs here has"
            )
        following = self._listen(id)
        await self._go_on(row)
        return Handle(self, self._worker, saga, id, following)

    async def _go_on(self, row: SagaRow) -> None:
        check_loop_clock()
        if not row.status.is_end:
            self._worker.follow(row.id)
            await self._worker.look()

    async def work(self) -> None:
        """Drive everything that is due, until cancelled.

        Raises:
            UnsafeDatabase: The database lost what it acknowledged, or would.
        """
        check_loop_clock()
        self._worker.follow_all()
        await self._worker.begin()
        await self._worker.look()
        if self._dispatcher is None:
            await self._worker.broken()
        else:
            await _beside(self._dispatcher.run(), self._worker.broken())

    async def dispatch(self) -> None:
        """Tell people what waits for them, over the channels there are, until cancelled.

        `work` does so too.

        Raises:
            ChannelDefinitionError: There are no channels.
            UnsafeDatabase: The database lost what it acknowledged, or would.
        """
        if self._dispatcher is None:
            raise ChannelDefinitionError(
                "there is no channel to tell people over: connect(channels=...) names them"
            )
        await self._worker.begin()
        await _beside(self._dispatcher.run(), self._worker.broken())

    def finished(self, saga_id: str, result: Result, state: SagaState) -> None:
        """Told by the worker how a drive ended."""
        following = self._following.get(saga_id)
        if isinstance(result, Done):
            self._worker.unfollow(saga_id)
        if self._dispatcher is not None:
            self._dispatcher.wake()
        if following is not None:
            following.result, following.state = result, state
            following.changed.set()

    def _listen(self, saga_id: str) -> Following:
        found = self._following.get(saga_id)
        if found is None:
            found = self._following[saga_id] = Following(asyncio.Event())
        return found

    # --- deciding -----------------------------------------------------------------------------

    async def cancel(
        self,
        id: str,
        /,
        *,
        reason: str,
        by: str | Principal | None = None,
        channel: str | None = None,
    ) -> None:
        """Ask for a saga to be undone. It is durable when this returns; a second one changes nothing.

        Args:
            by: Who asks: identified, or on this program's word. A program may stop what it began,
                so that this need not be anybody whom the directory knows.
            channel: Where it came in; recorded with it.

        Raises:
            UnknownSaga: There is none of that id.
            Refused: It has ended.
        """
        await self.store.cancel(
            id,
            by=by.name if isinstance(by, Principal) else by or self._user,
            reason=reason,
            at=micros(self._clock.now()),
            identified_by=by.evidence if isinstance(by, Principal) else ON_OUR_WORD,
            channel=_channel(by, channel),
        )
        await self._worker.look_if_begun()

    async def send(
        self, id: str, name: str, payload: object = None, /, *, key: str, by: str | None = None
    ) -> bool:
        """Deliver an event to a saga, once per key; False if that key was delivered before.

        Raises:
            PayloadError: The payload is not plain JSON.
            UnknownSaga: There is none of that id.
            Refused: It has ended.
        """
        encoded = _plain(payload)
        now = micros(self._clock.now())
        sent = await self.store.send(id, name, encoded, key=key, by=by or self._user, at=now)
        await self._worker.look_if_begun()
        return sent

    async def approve(
        self,
        gate: str,
        /,
        *,
        by: str | Principal | None = None,
        reason: str | None = None,
        digest: str | None = None,
        seen: str | None = None,
        channel: str | None = None,
        acting_for: str | None = None,
    ) -> Gate:
        """Vote for what a gate holds back.

        Args:
            by: The voter: identified, or on this program's word.
            digest: That of the gate as the voter saw it, or its first 8 digits at least (16 once
                it was edited). Without it the vote is for what the gate asks when it is given.
            seen: What was shown: the presentation's own `seen`. One that did not show everything
                is refused.
            channel: Where the vote came in; recorded with it.
            acting_for: Whose right is used, where they have asked the voter to decide. Without it
                the voter's own, or if they have none, that of somebody who has asked them.

        Raises:
            Refused: The vote has no effect; the message says why.
        """
        if is_cut(seen):
            raise Refused(
                f"not everything that {gate} would run was shown, and what was not seen is not "
                f"approved: `sagas inbox {gate}` shows all of it"
            )
        return await self._vote(
            gate,
            VoteKind.APPROVE,
            by,
            reason=reason,
            digest=digest,
            seen=seen,
            channel=channel,
            acting_for=acting_for,
        )

    async def reject(
        self,
        gate: str,
        /,
        *,
        reason: str,
        by: str | Principal | None = None,
        digest: str | None = None,
        seen: str | None = None,
        channel: str | None = None,
        acting_for: str | None = None,
    ) -> Gate:
        """Vote against what a gate holds back; one rejection rejects it, unless more are asked for.

        Args:
            by: As for `approve`.
            digest: As for `approve`.
            seen: What was shown; a rejection needs no more of it than there was.
            channel: Where the vote came in; recorded with it.
            acting_for: Whose right is used, where they have asked the voter to decide. Without it
                the voter's own, or if they have none, that of somebody who has asked them.

        Raises:
            Refused: The vote has no effect; the message says why.
        """
        return await self._vote(
            gate,
            VoteKind.REJECT,
            by,
            reason=reason,
            digest=digest,
            seen=seen,
            channel=channel,
            acting_for=acting_for,
        )

    async def withdraw(
        self,
        gate: str,
        /,
        *,
        by: str | Principal | None = None,
        reason: str | None = None,
        channel: str | None = None,
    ) -> Gate:
        """Take one's own vote back, as long as nothing is decided.

        Raises:
            Refused: There is none, or it was decided; the message says what.
        """
        return await self._vote(gate, VoteKind.WITHDRAW, by, reason=reason, channel=channel)

    async def revoke(
        self,
        gate: str,
        /,
        *,
        reason: str,
        by: str | Principal | None = None,
        channel: str | None = None,
        acting_for: str | None = None,
    ) -> Gate:
        """Take an approval back that was not used yet; another gate asks again.

        Raises:
            Refused: There is no approval, or it was used; or this person could not reject it.
        """
        return await self._vote(
            gate, VoteKind.REVOKE, by, reason=reason, channel=channel, acting_for=acting_for
        )

    async def edit(
        self,
        gate: str,
        arguments: str,
        /,
        *,
        reason: str,
        by: str | Principal | None = None,
        revision: int | None = None,
        digest: str | None = None,
        channel: str | None = None,
    ) -> Gate:
        """Let a gate ask about other arguments. Earlier votes are void, and the editor has none.

        The action, its probe and its compensation get what is approved in the end; the body goes on
        as if its call had been made as it made it.

        Args:
            gate: One that nobody has decided.
            arguments: All of them, as JSON text: the action's own types validate it.
            by: As for `approve`. Whoever may approve by now may edit.
            revision: The one that the editor had before them; by default the one that is asked.
            digest: That of the gate as the editor saw it; as for `approve`.
            channel: Where the edit came in; recorded with it.

        An edit that has no effect is recorded with why, and without its arguments.

        Raises:
            Refused: The edit has no effect; the message says why.
            PayloadError: These are no arguments of the action.
        """
        editor = by if isinstance(by, Principal) else self.principal(by)
        stored, step = await self._asked(gate)
        edit: Edited | None = None
        unfit: SagaError | None = None
        try:
            edit = edited(stored, step, self._handlers, self._policies, arguments)
            self._check_decidable(stored, editor)
        except (Refused, PayloadError) as error:
            unfit = error
        proposal = Proposal(
            editor=editor,
            revision=stored.revision if revision is None else revision,
            arguments=arguments.encode(errors="replace") if edit is None else edit.arguments,
            stakes=stored.stakes if edit is None else edit.stakes,
            needed=None if edit is None else edit.needed,
            reason=reason,
            at=self._clock.now(),
            channel=_channel(by, channel),
            digest=shown_digest(stored, digest),
            fault=None if unfit is None else _fault(unfit, edit),
        )
        try:
            revised = await self.store.edit(gate, proposal)
        except Refused as refused:
            if unfit is not None and str(refused) == str(unfit):
                raise unfit from unfit.__cause__  # as what it is, and with what it came from
            raise
        await self._worker.look_if_begun()
        return revised

    def _check_decidable(self, gate: Gate, editor: Principal) -> None:
        try:
            check_reachable(gate.policy, self._directory(), gate.parties, editor=editor.name)
        except ApprovalError as error:
            raise Refused(f"nobody could decide about the edit: {error}") from error

    async def edit_schema(self, gate: str, /) -> dict[str, Any]:
        """The JSON schema of the arguments that `edit` takes for a gate.

        Raises:
            Refused: They cannot be edited here; the message says why.
        """
        stored, step = await self._asked(gate)
        return action_to_edit(stored, step, self._handlers).inputs.schema(stored=True)

    async def _asked(self, gate: str) -> tuple[Gate, Step]:
        """A gate, and the step that it stands in front of."""
        stored = await self.store.gate(gate)
        if stored is None:
            raise Refused(f"there is no gate {gate}; `sagas inbox` lists those that wait")
        return stored, (await self.state(stored.saga_id)).steps[stored.path]

    async def _vote(
        self,
        gate: str,
        kind: VoteKind,
        by: str | Principal | None,
        *,
        reason: str | None,
        digest: str | None = None,
        seen: str | None = None,
        channel: str | None = None,
        acting_for: str | None = None,
    ) -> Gate:
        voter = by if isinstance(by, Principal) else self.principal(by)
        stored = await self.store.gate(gate)
        if stored is None:
            raise Refused(f"there is no gate {gate}; `sagas inbox` lists those that wait")
        vote = Vote.of(
            voter,
            kind,
            reason=reason,
            channel=_channel(by, channel),
            at=self._clock.now(),
            revision=stored.revision,
            digest=shown_digest(stored, digest),
            seen=seen,
        )
        vote = await acting.on_behalf(
            self.store,
            self.store,
            vote,
            stored,
            self._directory(),
            acting_for=acting_for,
        )
        decided = await self.store.vote(gate, vote, voter)
        await self._worker.look_if_begun()
        return decided

    # --- standing rules -----------------------------------------------------------------------

    async def try_rule(self, rule: StandingRule, /, *, last: int = 20) -> Sequence[Tried]:
        """What a rule would have allowed of the last gates of its action, the oldest first.

        Args:
            rule: From `approvals.standing_rule`; it need not be made yet.
            last: How many gates are looked at.
        """
        return await granting.try_out(self.store, rule, self._directory(), last=last)

    async def create_rule(self, rule: StandingRule, /, *, by: Principal) -> StandingRule:
        """Make a standing rule, as the approval of an identified person.

        No name is taken for a person here: whoever gives an approval beforehand has logged in.

        Args:
            rule: From `approvals.standing_rule`; its grantor is whoever was identified.
            by: Who gives it.

        Raises:
            Refused: They could not approve such a call alone; or it needs a budget.
            ApprovalDefinitionError: Its limits are not right from now on.
        """
        if by.evidence == ON_OUR_WORD:
            raise Refused(
                f"nobody has seen that it is {by.name} who gives this approval: log in, or use "
                "`sagas rules create`"
            )
        now = self._clock.now()
        return await granting.create(self.store, rule, self._directory(), by=by, now=now)

    async def revoke_rule(self, rule: str, /, *, by: Principal, reason: str) -> StandingRule:
        """Let a standing rule allow nothing more; approvals it gave that were not used yet are void.

        Raises:
            Refused: There is none of that id, or it was revoked before.
        """
        now = self._clock.now()
        return await granting.revoke(self.store, rule, by=by, reason=reason, now=now)

    # --- delegations --------------------------------------------------------------------------

    async def delegate(self, delegation: Delegation, /, *, by: Principal) -> Delegation:
        """Let somebody else decide for an identified person, who is away.

        Args:
            delegation: From `approvals.delegation.delegation`; it is from whoever was identified.
            by: Whose right it is.

        Raises:
            Refused: Nobody has identified them, the directory does not know the other person, or
                it would close a circle.
            ApprovalDefinitionError: It is over, or lasts too long.
        """
        if by.evidence == ON_OUR_WORD:
            raise Refused(
                f"nobody has seen that it is {by.name} who delegates: log in, or use "
                "`sagas delegate`"
            )
        now = self._clock.now()
        return await acting.create(self.store, delegation, self._directory(), by=by, now=now)

    async def undelegate(self, delegation: str, /, *, by: Principal) -> Delegation:
        """Take a delegation back, or give it back; votes that were given with it stay.

        Raises:
            Refused: They have none of that id, or it was revoked before.
        """
        return await acting.revoke(self.store, delegation, by=by, now=self._clock.now())

    def principal(self, name: str | None = None) -> Principal:
        """A person of the directory, on this program's word.

        Raises:
            Refused: The directory does not know them.
        """
        directory = self._directory()
        wanted = name or self._user
        groups = directory.groups_of(wanted)
        if groups is None:
            raise Refused(f"{wanted} is not known in {directory.source}")
        return Principal(name=wanted, display=wanted, groups=groups, evidence=ON_OUR_WORD)

    def identify(self, claim: str, value: str) -> Principal:
        """The person of the directory of whom a provider of log-ins says this.

        Args:
            claim: `sub` or `email`.

        Raises:
            Refused: The directory has nobody of whom that is so.
        """
        directory = self._directory()
        found = directory.identified(claim, value)
        if found is None:
            raise Refused(
                f"nobody in {directory.source} has the {claim} {cut(value, 200)}: ask for "
                f"it to be added there, as {claim} of a user"
            )
        return found

    async def resolve(
        self,
        intervention: str,
        choice: str | Choice,
        /,
        *,
        reason: str,
        result: object = None,
        result_json: str | None = None,
        by: str | Principal | None = None,
        channel: str | None = None,
    ) -> QuestionRow:
        """Answer an intervention.

        Args:
            choice: One of those on offer.
            result: For `happened`: what the call returned, as the action's own type.
            result_json: The same as JSON text, instead.
            by: As for `approve`.
            channel: Where the answer came in; recorded with it.

        Raises:
            Refused: It is unknown or answered, the choice is not on offer or lacks a result, or the
                directory does not know who answers.
            PayloadError: The result does not fit the action's type.
        """
        person = by if isinstance(by, Principal) else self.principal(by)
        question = await self.store.question(intervention)
        if question is None:
            raise Refused(
                f"there is no intervention {intervention}; `sagas inbox` lists those that wait"
            )
        payload = await self._result(question, result, result_json)
        try:
            picked = check_choice(
                str(choice),
                question.choices,
                has_result=payload is not None,
                wants_result=question.wants_result,
            )
        except ChoiceError as error:
            raise Refused(str(error)) from error
        now = micros(self._clock.now())
        answered = await self.store.answer(
            intervention,
            picked,
            by=person.name,
            reason=reason,
            payload=payload,
            at=now,
            identified_by=person.evidence,
            channel=_channel(by, channel),
        )
        await self._worker.look_if_begun()
        return answered

    async def _result(
        self, question: QuestionRow, result: object, text: str | None
    ) -> bytes | None:
        """A result given by a person, validated by the action's own type."""
        if result is None and text is None:
            return None
        state = await self.state(question.saga_id)
        step = state.steps.get(question.path or "")
        action = self._handlers.action(step.action, step.version) if step else None
        if action is None:
            raise Refused(
                "the result cannot be checked: name the target whose catalog has the action (--target)"
            )
        if text is not None:
            return action.result.encode(action.result.decode(parse_untrusted(text, "the result")))
        return action.result.encode(result)

    # --- life ---------------------------------------------------------------------------------

    async def close(self) -> None:
        """Stop driving, write what is known, release the lease, close the database; once."""
        if self._closed:
            return
        self._closed = True
        if self._dispatcher is not None:
            await self._dispatcher.close()
        await self._worker.close()
        await self.store.close()

    async def __aenter__(self) -> "Coordinator":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


async def _beside(aside: Coroutine[Any, Any, None], main: Coroutine[Any, Any, NoReturn]) -> None:
    """Do the one while the other lasts."""
    task = asyncio.get_running_loop().create_task(aside, name="sagas-dispatch")
    try:
        await main
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def check_id(saga_id: str) -> None:
    """Refuse ids that people or databases could not handle.

    Raises:
        SagaError: It is empty, too long, or holds control characters.
    """
    if (
        not saga_id
        or len(saga_id) > MAX_ID
        or not saga_id.isprintable()
        or saga_id != saga_id.strip()
    ):
        raise SagaError(f"a saga's id is 1 to {MAX_ID} printable characters, not {saga_id[:40]!r}")


def shown_digest(gate: Gate, given: str | None) -> str:
    """The digest that a decision is about: the gate's own, or what was given if that is another.

    Raises:
        Refused: It is no digest, or too short to tell one from another.
    """
    if given is None:
        return gate.digest
    if not _DIGEST.fullmatch(given):
        raise Refused(
            "a digest is given with its first 8 hexadecimal digits at least, as `sagas inbox` shows "
            "them; nothing was decided"
        )
    if gate.revision > 1 and len(given) < _DIGITS_OF_AN_EDIT:
        raise Refused(
            f"{gate.id} was edited, and is named with {_DIGITS_OF_AN_EDIT} digits of its digest at "
            "least, as `sagas inbox` shows them; nothing was decided"
        )
    return gate.digest if gate.digest.startswith(given.lower()) else given.lower()


def _channel(by: str | Principal | None, given: str | None) -> str:
    """Where somebody decided, if it was not said: whom we have identified, has used the command."""
    return given or ("cli" if isinstance(by, Principal) else "program")


def _fault(error: SagaError, edit: Edited | None) -> Fault:
    if edit is not None:
        return Fault(EditRefusal.NOBODY_LEFT, str(error))
    invalid = isinstance(error, PayloadError)
    return Fault(EditRefusal.INVALID if invalid else EditRefusal.NOT_EDITABLE, str(error))


def _plain(payload: object) -> bytes:
    try:
        return parse_untrusted(json.dumps(payload, ensure_ascii=False), "the event's payload")
    except (TypeError, ValueError) as error:
        raise PayloadError(f"an event's payload is plain JSON values: {error}") from error
