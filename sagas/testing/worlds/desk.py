"""How a provider treats a call: count it, refuse it, know its key, have its effect, lose its answer.

Touches: what its books touch.
"""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from pydantic_core import to_jsonable_python

from sagas.authoring.context import current_step
from sagas.model import Direction, micros
from sagas.ports import Clock
from sagas.testing.worlds.answers import AnswerLost, KeyReused, NotAskable, Refused
from sagas.testing.worlds.books import Books, Page
from sagas.testing.worlds.caller import direction_of, key_of


@dataclass(frozen=True, slots=True)
class Call:
    """One call to a provider.

    Attributes:
        number: Which call to it this is, from 1, since the last reset.
        name: What is to be done, or to be undone.
        subject: What it is to be done to, or the id of what is to be undone.
    """

    number: int
    name: str
    subject: str
    direction: Direction
    key: str


When: TypeAlias = Collection[int] | Callable[[Call], bool]
"""Which calls: their numbers, or a function that looks at each."""

Work: TypeAlias = Callable[[Page], str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Character:
    """What a provider is like; its arguments are explained at `Provider`.

    Attributes:
        lag: In microseconds.
    """

    name: str
    keys: bool
    probe: bool
    lag: int
    loses: When
    refuses: When


@dataclass(frozen=True, slots=True)
class Reply:
    """What is on its way back to the caller."""

    answer: str | None
    is_lost: bool = False

    def arrived(self) -> str | None:
        """The answer.

        Raises:
            AnswerLost: It was lost on the way.
        """
        if self.is_lost:
            raise AnswerLost("the provider did it, and its answer was lost")
        return self.answer


@dataclass(frozen=True, slots=True)
class _Request:
    name: str
    subject: str
    key: str
    direction: Direction
    text: str


class Desk:
    """Where calls arrive, one at a time."""

    def __init__(self, character: Character, books: Books, clock: Clock) -> None:
        self.books = books
        self.clock = clock
        self._is = character

    def do(self, name: str, subject: str, details: Mapping[str, object], key: str | None) -> Reply:
        """Do something to a subject."""
        text = json.dumps(to_jsonable_python(details), sort_keys=True)
        request = _Request(
            name, subject, key_of(key), direction_of(), f"do {name} {subject} {text}"
        )

        def work(page: Page) -> str:
            made = page.add(name, subject, text, request.key, self._now())
            page.effect(name, request.direction.value, request.key)
            return made

        return self._called(request, work)

    def undo(self, name: str, thing: str | None, key: str | None, of: str | None) -> Reply:
        """Take back one thing, or whatever was done under a key."""
        done_under = "" if thing is not None else of or current_step().undoes.idempotency_key
        subject = thing or done_under
        way = direction_of(Direction.UNDO)
        request = _Request(name, subject, key_of(key), way, f"undo {name} {subject}")

        def work(page: Page) -> str | None:
            found = page.standing(name, thing=thing, key=done_under)
            for item in found:
                page.take_back(item, request.key, self._now())
            if found:
                page.effect(name, request.direction.value, request.key)
            return found[0] if found else None

        return self._called(request, work)

    def find(self, name: str, key: str | None) -> Reply:
        """Look for what was done, or undone, under a key."""
        if not self._is.probe:
            raise NotAskable("this provider cannot be asked: make it with probe=True")
        asked, shown = key_of(key), self._now() - self._is.lag
        with self.books.page() as page:
            if direction_of() is Direction.UNDO:
                return Reply(page.undone_under(name, asked, shown))
            return Reply(page.done_under(name, asked, shown))

    def _called(self, request: _Request, work: Work) -> Reply:
        with self.books.page() as page:
            number = page.counted(self._is.name)
            call = Call(number, request.name, request.subject, request.direction, request.key)
            earlier = self._earlier(page, request)
            is_refused = earlier is None and _applies(self._is.refuses, call)
            answer = earlier
            if earlier is None and not is_refused:
                answer = self._new(page, request, work)
        if is_refused:
            raise Refused(f"no {call.name} for {call.subject}: nothing happened")
        return Reply(answer, _applies(self._is.loses, call))

    def _earlier(self, page: Page, request: _Request) -> str | None:
        """The first answer, if the key is known: what was done is never refused afterwards."""
        earlier = page.answered(request.key) if self._honours(request) else None
        if earlier is None:
            return None
        first, answer = earlier
        if first != request.text:
            raise KeyReused(f"this key was sent with {first!r}, and now with {request.text!r}")
        return answer

    def _new(self, page: Page, request: _Request, work: Work) -> str | None:
        made = work(page)
        if made is not None and self._honours(request):
            page.answer(request.key, request.text, made)
        return made

    def _honours(self, request: _Request) -> bool:
        return self._is.keys and request.key != ""

    def _now(self) -> int:
        return micros(self.clock.now())


def _applies(when: When, call: Call) -> bool:
    return when(call) if callable(when) else call.number in when
