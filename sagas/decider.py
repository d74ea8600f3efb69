"""What people and programs ask of sagas that wait or run: votes, edits, answers, events, cancels."""

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import datetime
from typing import Any

from approvals import ApprovalError, Directory, Gate, Principal, Vote, VoteKind
from approvals.directory import LiveGroups, as_of_now, check_reachable
from approvals.errors import DirectoryUnavailable
from approvals.policies import Policies
from approvals.revision import EditRefusal, Fault, Proposal
from approvals.seen import is_cut
from compensations import Choice, ChoiceError
from compensations.interventions import check_choice
from sagas import acting
from sagas.driving.environment import Handlers
from sagas.editing import Edited, action_to_edit, edited
from sagas.errors import PayloadError, Refused, SagaError
from sagas.grants import ON_OUR_WORD, Grants
from sagas.locking import LockRow
from sagas.model import micros
from sagas.payloads import parse_untrusted
from sagas.ports import Clock, QuestionRow, Store
from sagas.state import Step

_DIGEST = re.compile("[0-9a-fA-F]{8,64}")
_DIGITS_OF_AN_EDIT = 16
"""Whoever edits could look for arguments whose digest begins as another; 8 digits are found soon."""


class Decider(Grants, ABC):
    """Commits what is asked; whoever drives the saga folds it before its next move."""

    def __init__(
        self,
        store: Store,
        handlers: Handlers,
        *,
        clock: Clock,
        directory: Callable[[], Directory],
        policies: Policies,
        user: str,
        groups: LiveGroups | None = None,
    ) -> None:
        super().__init__(
            store, handlers, clock=clock, directory=directory, user=user, groups=groups
        )
        self._policies = policies

    @abstractmethod
    async def _look_soon(self) -> None:
        """Have whoever drives sagas here look at what was asked of them."""

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
        await self._look_soon()

    async def release_lock(
        self,
        key: str,
        /,
        *,
        reason: str,
        by: str | Principal | None = None,
        channel: str | None = None,
    ) -> LockRow:
        """Take a key from the saga that holds it, on its record; the next in line may have it.

        The saga goes on, and undoes what it did under the lock if it has to: look first whether that
        can do harm.

        Args:
            by: Who does so: identified, or on this program's word.
            channel: Where it came in; recorded with it.

        Returns:
            The lock as it was held.

        Raises:
            Refused: No saga holds the key.
        """
        row = await self.store.release_lock(
            key,
            by=by.name if isinstance(by, Principal) else by or self._user,
            reason=reason,
            at=micros(self._clock.now()),
            identified_by=by.evidence if isinstance(by, Principal) else ON_OUR_WORD,
            channel=_channel(by, channel),
        )
        await self._look_soon()
        return row

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
        await self._look_soon()
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
            DirectoryUnavailable: Whether the voter is in a live group, by which alone they could
                have a say, cannot be told now; so it is for `reject`, `revoke` and `edit`.
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
        editor, untold = await self._as_of_now(editor, stored)
        if untold is not None and not may_decide(stored, editor, self._clock.now()):
            raise untold
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
        await self._look_soon()
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

    async def drafted(self, gate: str, arguments: str, /) -> bytes:
        """Other arguments for a gate as the action would get them; nothing is changed by that.

        Args:
            arguments: As for `edit`.

        Raises:
            Refused: They cannot be edited here; the message says why.
            PayloadError: These are no arguments of the action.
        """
        stored, step = await self._asked(gate)
        return edited(stored, step, self._handlers, self._policies, arguments).arguments

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
        voter, untold = await self._as_of_now(voter, stored)
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
        if untold is not None and not acting.may(stored, vote):
            raise untold
        decided = await self.store.vote(gate, vote, voter)
        await self._look_soon()
        return decided

    async def _as_of_now(
        self, person: Principal, gate: Gate
    ) -> tuple[Principal, DirectoryUnavailable | None]:
        """A person in the live groups that they are in now; in none, and why, if nobody tells."""
        if self._groups is None:
            return person, None
        try:
            await self._ask_about([gate])
        except DirectoryUnavailable as error:
            return as_of_now(person, None), error
        return as_of_now(person, self._directory()), None

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
        await self._look_soon()
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


def may_decide(gate: Gate, person: Principal, now: datetime) -> bool:
    """Whether the requirement lets somebody approve by now."""
    return gate.policy.may_approve(person.name, person.groups, now - gate.opened_at)


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
