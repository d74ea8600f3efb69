"""The person: decides about the mail, and tells what became of one that nobody knows about.

Each of their acts is a boundary too, before it and after it.
"""

import asyncio
from pathlib import Path

from approvals import Gate, GateState
from compensations import Choice, InterventionKind
from examples.travel.mail import message_id
from examples.travel.mailbox import read_mail
from examples.travel.trip import Receipt
from sagas import Coordinator, SagaError
from sagas.ports import QuestionRow
from tests.crash.faults import KillAt
from tests.crash.scenarios import Decision, Scenario, address_of

POLL_SECONDS = 0.005
DELIVERY_SECONDS = 0.3
"""After this long a mail that was sent is in the mailbox, as every person knows."""


class Astonished(Exception):
    """The person is asked what they should never be asked."""


class Person:
    """Looks after some sagas until the process ends."""

    def __init__(
        self, coordinator: Coordinator, scenario: Scenario, faults: KillAt, mail: Path
    ) -> None:
        self._coordinator = coordinator
        self._scenario = scenario
        self._faults = faults
        self._mail = mail

    async def look_after(self, saga_ids: tuple[str, ...]) -> None:
        """Answer whatever is asked about these sagas, until cancelled.

        Raises:
            Astonished: Something was asked that no crash explains.
        """
        while True:
            for saga_id in saga_ids:
                await self._look_at(saga_id)
            await asyncio.sleep(POLL_SECONDS)

    async def cut_in(self, saga_id: str, path: str) -> None:
        """Cancel right before the call that the scenario names."""
        action = self._scenario.cancel_before
        if action is not None and path.endswith(f"{action}#1"):
            await self._cancel(saga_id)

    async def _look_at(self, saga_id: str) -> None:
        store = self._coordinator.store
        for gate in await store.gates_of(saga_id):
            if gate.state is GateState.PENDING and self._decides:
                await self._decide(gate)
        for question in await store.questions_of(saga_id):
            if question.state == "open":
                await self._answer(question)

    @property
    def _decides(self) -> bool:
        return self._scenario.decision is not Decision.NOTHING

    async def _decide(self, gate: Gate) -> None:
        await self._faults.reached("before-decision", gate.saga_id, gate.path)
        try:
            match self._scenario.decision:
                case Decision.APPROVE:
                    await self._coordinator.approve(gate.id, reason="the trip is sound")
                case Decision.REJECT:
                    await self._coordinator.reject(gate.id, reason="the trip is off")
                case Decision.CANCEL:
                    await self._cancel(gate.saga_id)
                case Decision.NOTHING:
                    return
        except SagaError as refusal:  # decided or closed since we looked
            if not await self._is_over(gate):
                raise Astonished(f"{gate.id} could not be decided: {refusal}") from refusal
        await self._faults.reached("after-decision", gate.saga_id, gate.path)

    async def _is_over(self, gate: Gate) -> bool:
        stored = await self._coordinator.store.gate(gate.id)
        return stored is not None and stored.state is not GateState.PENDING

    async def _cancel(self, saga_id: str) -> None:
        await self._coordinator.cancel(saga_id, reason="the traveller is ill")

    async def _answer(self, question: QuestionRow) -> None:
        """Look into the mailbox, and say what is there."""
        path = question.path or ""
        if question.kind != InterventionKind.IN_DOUBT or "email_itinerary" not in path:
            raise Astonished(f"{question.kind}: {question.question} {question.evidence}")
        await asyncio.sleep(DELIVERY_SECONDS)
        receipt = await self._receipt(question.saga_id, path)
        await self._faults.reached("before-answer", question.saga_id, path)
        try:
            await self._resolve(question.id, receipt)
        except SagaError as refusal:  # somebody else was asked as well, and was faster
            stored = await self._coordinator.store.question(question.id)
            if stored is None or stored.state == "open":
                raise Astonished(f"{question.id} could not be answered: {refusal}") from refusal
        await self._faults.reached("after-answer", question.saga_id, path)

    async def _resolve(self, question: str, receipt: Receipt | None) -> None:
        if receipt is None:
            reason = "the mailbox does not have it"
            await self._coordinator.resolve(question, Choice.RETRY, reason=reason)
        else:
            reason = "it is in the mailbox"
            await self._coordinator.resolve(
                question, Choice.HAPPENED, reason=reason, result=receipt
            )

    async def _receipt(self, saga_id: str, path: str) -> Receipt | None:
        state = await self._coordinator.state(saga_id)
        sent_as = message_id(state.steps[path].forward.key)
        for mail in read_mail(self._mail):
            if address_of(saga_id) in mail.recipients and mail.message_id == sent_as:
                return Receipt(message_id=sent_as)
        return None
