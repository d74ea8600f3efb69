"""The home page of somebody: what waits for them by now, and what they decided.

Touches: the journal by its port, Slack.
"""

import asyncio
from collections.abc import Mapping, Sequence

from approvals import Gate, Principal
from approvals.channels.notice import InterventionView
from approvals.channels.slack.home import home_view
from approvals.channels.slack.texts import Element, header, section
from approvals.presentation import Presentation
from sagas.dispatching.viewing import view as shown
from sagas.model import micros
from sagas.rights import rights_of
from sagas.slack.answers import Declined
from sagas.slack.office import Office
from sagas.slack.saying import Voice
from sagas.slack.who import identify

__all__ = ["Homes"]

_MOST = 26
"""One more than the page shows, which then says that there are more."""
_VOTES = 60
_PAGE = 100
_PAGES = 3
_MOST_KNOWN = 10_000


class Homes:
    """Keeps the home pages that people look at true.

    Only a page that was opened here is made anew after a decision: opening it tells of itself, so
    that any other is made when somebody looks. One is made at a time.
    """

    def __init__(self, office: Office, voice: Voice) -> None:
        self._office = office
        self._voice = voice
        self._opened: dict[str, None] = {}
        self._waiting: set[str] = set()
        self._one = asyncio.Lock()

    async def open(self, user: str) -> None:
        """Make the page of somebody who looks at it now."""
        if len(self._opened) >= _MOST_KNOWN:
            del self._opened[next(iter(self._opened))]
        self._opened[user] = None
        await self._make(user)

    async def again(self, user: str) -> None:
        """Make the page anew of somebody who has looked at it."""
        if user in self._opened:
            await self._make(user)

    async def _make(self, user: str) -> None:
        if user in self._waiting:  # whoever is before us in the queue will see what is so by then
            return
        self._waiting.add(user)
        async with self._one:
            self._waiting.discard(user)
            await self._voice.publish(user, await self._view(user))

    async def _view(self, user: str) -> Element:
        try:
            person = await identify(user, self._office)
        except Declined as no:
            return {"type": "home", "blocks": [header("Approvals"), section(no.text)]}
        waiting = await self._gates(person)
        questions = await self._questions(_MOST - len(waiting))
        voted = await self._office.coordinator.store.voted_by(person.name, limit=_VOTES)
        decided = [await self._presented(gate) for gate in voted[:_MOST]]
        return home_view([*waiting, *questions], decided, link=self._office.link)

    async def _gates(self, person: Principal) -> Sequence[Presentation]:
        """What this person can decide, what ends first first."""
        coordinator = self._office.coordinator
        acting = await coordinator.acting_for(person)
        found = await self._candidates([person.name, *(each.right.name for each in acting)])
        person = await coordinator.in_live_groups(person, list(found.values()))
        now = self._office.now()
        theirs = [gate for gate in found.values() if rights_of(person, gate, now, acting)]
        first = sorted(theirs, key=lambda gate: (gate.deadline, gate.id))[:_MOST]
        return [await self._presented(gate) for gate in first]

    async def _candidates(self, names: Sequence[str]) -> Mapping[str, Gate]:
        """Gates that these people may be able to decide, from as many as are looked at."""
        store, live_at = self._office.coordinator.store, micros(self._office.now())
        found: dict[str, Gate] = {}
        for name in names:
            after: tuple[int, str] | None = None
            for _ in range(_PAGES):
                page = await store.waiting_gates(
                    person=name, live_at=live_at, after=after, limit=_PAGE
                )
                found |= {gate.id: gate for gate in page}
                if len(page) < _PAGE:
                    break
                after = (micros(page[-1].opened_at), page[-1].id)
        return found

    async def _questions(self, room: int) -> Sequence[InterventionView]:
        if room <= 0:
            return []
        found = await self._office.coordinator.store.waiting_questions(limit=room)
        return [shown(question, micros(self._office.now())) for question in found]

    async def _presented(self, gate: Gate) -> Presentation:
        return await self._office.coordinator.presentation(gate.id)
