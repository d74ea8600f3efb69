"""What waits for one person: by their own right, or by that of somebody who asked them to decide.

Those whom a ladder added since a gate opened are found too. Questions wait for everybody.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from approvals import Gate, Principal
from sagas.model import micros
from sagas.ports import QuestionRow
from sagas.rights import Rights, rights_of
from sagas.web.marks import cursor, mark
from sagas.web.office import Office


@dataclass(frozen=True, slots=True)
class Page:
    """One page of what waits, the oldest first.

    Attributes:
        items: Each gate, with what the person may say at it.
        following: Where the next page begins; None if this is the last.
    """

    items: Sequence[tuple[Gate, Rights]]
    following: str | None


@dataclass(frozen=True, slots=True)
class Questions:
    """One page of the interventions that wait for an answer, the oldest first.

    Attributes:
        following: Where the next page begins; None if this is the last.
    """

    items: Sequence[QuestionRow]
    following: str | None


async def questions(office: Office, *, after: str | None, limit: int) -> Questions:
    """A page of the interventions that wait for an answer.

    Raises:
        WebError: `after` is no mark of a page.
    """
    found = await office.coordinator.store.waiting_questions(after=cursor(after), limit=limit + 1)
    shown = found[:limit]
    follows = len(found) > limit
    return Questions(shown, mark(shown[-1].opened_at, shown[-1].id) if follows else None)


async def waiting(
    person: Principal, office: Office, *, mine: bool, after: str | None, limit: int
) -> Page:
    """A page of the gates that wait.

    Args:
        mine: Only those that this person may decide, or could when they opened.

    Raises:
        WebError: `after` is no mark of a page.
    """
    acting = await office.coordinator.acting_for(person)
    names = [person.name, *(each.right.name for each in acting)] if mine else [None]
    found: dict[str, Gate] = {}
    now = office.now()
    for name in names:
        gates = await office.coordinator.store.waiting_gates(
            person=name, live_at=micros(now), after=cursor(after), limit=limit + 1
        )
        found |= {gate.id: gate for gate in gates}
    oldest = sorted(found.values(), key=lambda gate: (gate.opened_at, gate.id))
    shown = oldest[:limit]
    person = await office.coordinator.in_live_groups(person, shown)
    items = [(gate, rights_of(person, gate, now, acting)) for gate in shown]
    return Page(
        [
            (gate, rights)
            for gate, rights in items
            if not mine or rights or person.name in gate.eligible
        ],
        mark(micros(shown[-1].opened_at), shown[-1].id) if len(oldest) > limit else None,
    )
