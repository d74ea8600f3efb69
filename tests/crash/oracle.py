"""What must be true of a saga whatever was killed: its journal against the books of the world.

The rules that hold of every saga are those that users have, `sagas.testing.oracles`. Here is what
is particular to trips: which booking was cancelled, what the result names, what was asked and
refused.

Pure.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pydantic_core import from_json

from examples.travel.booking import travel
from sagas.authoring.action import Action
from sagas.entries import CompensationIntended, Ended, Intended
from sagas.model import Status
from sagas.testing import oracles
from sagas.testing.history import History
from sagas.testing.oracles import Evidence
from sagas.testing.world import Effect as Recorded
from tests.crash.beasts import beasts
from tests.crash.books import Books, Effect
from tests.crash.scenarios import detours

Rule = Callable[[History, Books], Iterator[str]]

KINDS = ("flights", "hotels", "cars")


def violations(history: History, books: Books) -> list[str]:
    """What is wrong with a saga at any moment."""
    return _broken(history, books, (every_request_was_intended,), rested=False)


def violations_at_rest(history: History, books: Books) -> list[str]:
    """What is wrong with a saga, of whatever kind, that is at rest."""
    return _broken(history, books, (every_request_was_intended,), rested=True)


def violations_at_the_end(history: History, books: Books, end: Status) -> list[str]:
    """What is wrong with a trip that should have ended as `end`."""
    found = _broken(history, books, (every_request_was_intended, *AT_THE_END), rested=True)
    if history.saga is not None and history.saga.status is not end:
        found.append(f"it should be {end}, and is {history.saga.status}")
    return found


def _broken(history: History, books: Books, rules: Sequence[Rule], *, rested: bool) -> list[str]:
    evidence = Evidence(
        history,
        [
            Recorded(f"{it.service} {it.subject}", _direction(it.what), it.key)
            for it in books.effects
        ],
        actions=_action,
    )
    found = [f"{rule}: {seen}" for rule, seen in oracles.violations(evidence, rested=rested)]
    return found + [f"{rule.__name__}: {seen}" for rule in rules for seen in rule(history, books)]


def _direction(what: str) -> str:
    return "undo" if what == "cancel" else "do"


def _action(name: str, version: int) -> Action[..., Any] | None:
    found = (catalog.find_action(name, version) for catalog in (travel, detours, beasts))
    return next((action for action in found if action is not None), None)


# --- at every moment --------------------------------------------------------------------------


def every_request_was_intended(history: History, books: Books) -> Iterator[str]:
    """What a partner was asked, be it in vain, had been written down before, with its key."""
    done = {entry.key for _, entry in history.of(Intended)}
    undone = {entry.key for _, entry in history.of(CompensationIntended)}
    for key, what in books.asked:
        if key not in (undone if what == "cancel" else done):
            yield f"a partner was asked to {what} under a key that no intent has"


# --- at the end -------------------------------------------------------------------------------


def it_has_ended(history: History, books: Books) -> Iterator[str]:
    """The last entry is an end: nobody leaves a trip waiting."""
    if not list(history.of(Ended)):
        yield f"there is no end after {len(history.rows)} entries"


def a_booking_is_cancelled_by_its_own_undo(history: History, books: Books) -> Iterator[str]:
    """A booking is cancelled once at most, under the key of the undo of the step that made it."""
    path_of = {entry.key: entry.path for _, entry in history.of(Intended)}
    for booking in books.of("book"):
        path = path_of.get(booking.key, "")
        keys = {entry.key for _, entry in history.of(CompensationIntended) if entry.path == path}
        cancels = _cancels_of(booking, books)
        if len(cancels) > 1:
            yield f"{booking.subject} was cancelled {len(cancels)} times"
        elif cancels and keys != {cancels[0].key}:
            yield f"{booking.subject} was cancelled under a key that is not its undo's"


def the_world_is_as_the_end_says(history: History, books: Books) -> Iterator[str]:
    """Completed: the bookings of the result stand, and one mail is out. Otherwise: nothing."""
    end = next((entry for _, entry in history.of(Ended)), None)
    if end is None:
        return
    standing = {
        booking.service: booking.subject
        for booking in books.of("book")
        if not _cancels_of(booking, books)
    }
    count = sum(not _cancels_of(booking, books) for booking in books.of("book"))
    mails = len(books.of("mail"))
    if end.status != Status.COMPLETED:
        if count or mails:
            yield f"{count} bookings stand and {mails} mails are out, and it ended as {end.status}"
        return
    result = from_json(end.payload or b"{}")
    promised = {kind: result.get(kind.removesuffix("s"), {}).get("id") for kind in KINDS}
    if standing != promised or count != len(KINDS):
        yield f"{count} bookings stand ({standing}), and the result names {promised}"
    if mails != 1:
        yield f"{mails} mails are out"


AT_THE_END: Sequence[Rule] = (
    it_has_ended,
    a_booking_is_cancelled_by_its_own_undo,
    the_world_is_as_the_end_says,
)


def _cancels_of(booking: Effect, books: Books) -> list[Effect]:
    return [
        effect
        for effect in books.of("cancel")
        if (effect.service, effect.subject) == (booking.service, booking.subject)
    ]
