"""Deliveries as notices: what is so by now of what they are about, as people see it."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import quote

from approvals import Gate, Presentation
from approvals.aftermath import Aftermath
from approvals.announcing import is_news, tells
from approvals.channels import (
    Happening,
    InterventionView,
    Notice,
    RoundUp,
    Saying,
)
from approvals.channels.notice import happening
from approvals.gate import expire
from approvals.wording import cut, visible
from approvals.wording import instant as moment
from sagas.errors import JournalError
from sagas.model import Status, instant
from sagas.ports import Delivery, DeliveryState, QuestionRow, Store

log = logging.getLogger("sagas")

_REFERENCE_LENGTH = 32
_TEXT_LIMIT = 2_000
_NAME_LIMIT = 200
_GIVEN_UP = frozenset({DeliveryState.DEAD, DeliveryState.LOST, DeliveryState.MOOT})
_UNDOING = frozenset({Status.UNWINDING, Status.COMPENSATED, Status.RESIDUAL})

Present = Callable[[str], Awaitable[Presentation]]


@dataclass(frozen=True, slots=True)
class Viewer:
    """Prepares what a delivery says by now.

    Args:
        present: A gate as people see it, by its id.
        link: The address of the web inbox, without a path.
    """

    store: Store
    present: Present
    link: str | None

    async def notice(self, delivery: Delivery, now: int) -> Notice:
        """What the delivery says by now."""
        gate = await self.store.gate(delivery.subject)
        if gate is not None:
            return await self._of_gate(gate, delivery, now)
        question = await self.store.question(delivery.subject)
        if question is None:
            raise LookupError(f"there is no gate and no intervention {delivery.subject}")
        return await self._of_question(question, delivery, now)

    async def round_up(self, name: str, now: int, *, joins: bool) -> RoundUp:
        """What the message says that shows several requests by now.

        Args:
            name: The reference that it was posted under.
            joins: Whether it is told with a notice that is new in it.
        """
        rows = [each for each in await self.store.gathered(name) if each.state not in _GIVEN_UP]
        shown = [await self._line(each, now) for each in rows]
        notices = tuple(each for each in shown if each is not None)
        return RoundUp(reference=name, notices=notices, link=self.link, joins=joins)

    async def _line(self, delivery: Delivery, now: int) -> Notice | None:
        """One of several; None if it cannot be shown, which is told of that one alone."""
        try:
            return await self.notice(delivery, now)
        except JournalError:
            raise
        except Exception:
            log.exception("%s: it cannot be shown among others", delivery.subject)
            return None

    async def _of_gate(self, gate: Gate, delivery: Delivery, now: int) -> Notice:
        at = instant(now)
        row = await self.store.saga(gate.saga_id)
        return await self._notice(
            delivery,
            now,
            happened=happening(
                expire(gate, at).state,
                revision=gate.revision,
                is_undone=row is not None and row.status in _UNDOING,
            ),
            version=tells(gate, at),
            subject=await self.present(gate.id),
            where="gates",
            aftermath=gate.aftermath,
        )

    async def _of_question(self, question: QuestionRow, delivery: Delivery, now: int) -> Notice:
        happenings = {
            "open": Happening.WAITING,
            "answered": Happening.ANSWERED,
            "closed": Happening.CLOSED,
        }
        return await self._notice(
            delivery,
            now,
            happened=happenings[question.state],
            version=question.state,
            subject=view(question, now),
            where="interventions",
        )

    async def _notice(
        self,
        delivery: Delivery,
        now: int,
        *,
        happened: Happening,
        version: str,
        subject: Presentation | InterventionView,
        where: str,
        aftermath: Aftermath | None = None,
    ) -> Notice:
        path = f"/{where}/{quote(delivery.subject, safe='')}"
        reminds_of = await self._reminded_of(delivery)
        return Notice(
            reference=self._reference(delivery),
            saying=Saying(delivery.saying),
            happening=happened,
            version=version,
            target=delivery.target,
            subject=subject,
            link=None if self.link is None else self.link.rstrip("/") + path,
            follows=None if reminds_of is None else reminds_of.receipt,
            at=instant(now),
            for_whom=tuple(cut(each, _NAME_LIMIT) for each in delivery.for_whom),
            aftermath=aftermath,
            is_news=is_news(delivery.says, version),
            among_others=(reminds_of or delivery).round_up is not None,
        )

    def _reference(self, delivery: Delivery) -> str:
        parts = (
            self.store.journal_id,
            delivery.subject,
            delivery.channel,
            delivery.target,
            delivery.saying,
            str(delivery.level),
        )
        return sha256("\x00".join(parts).encode()).hexdigest()[:_REFERENCE_LENGTH]

    async def _reminded_of(self, delivery: Delivery) -> Delivery | None:
        """What a reminder reminds of."""
        if delivery.saying != Saying.REMINDED:
            return None
        told = await self.store.deliveries_about(delivery.subject)
        return next(iter(_first_words(told, delivery)), None)


def _first_words(told: Sequence[Delivery], delivery: Delivery) -> list[Delivery]:
    return [
        each
        for each in told
        if (each.channel, each.target) == (delivery.channel, delivery.target)
        and each.saying != Saying.REMINDED
        and each.receipt is not None
    ]


def view(question: QuestionRow, now: int) -> InterventionView:
    """An intervention as people see it."""
    path = None if question.path is None else cut(question.path, _NAME_LIMIT)
    return InterventionView(
        intervention_id=question.id,
        saga_id=cut(question.saga_id, _NAME_LIMIT),
        path=path,
        kind=visible(question.kind),
        question=cut(question.question, _TEXT_LIMIT),
        evidence=cut(question.evidence, _TEXT_LIMIT),
        choices=tuple(choice.value for choice in question.choices),
        standing=_standing(question, now),
        is_open=question.state == "open",
    )


def _standing(question: QuestionRow, now: int) -> str:
    if question.state == "open":
        return "waiting for an answer"
    at = "" if question.closed_at is None else moment(instant(question.closed_at), now=instant(now))
    if question.state == "closed":
        return f"closed at {at}: no answer is needed any more"
    because = f": {cut(question.reason, _TEXT_LIMIT)}" if question.reason else ""
    who = cut(question.by or "somebody", _NAME_LIMIT)
    return f"already answered by {who} at {at}: {question.choice}{because}"
