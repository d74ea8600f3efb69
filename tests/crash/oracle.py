"""What must be true of a saga whatever was killed: its journal against the books of the world.

Each rule is a function that yields one sentence for each violation. `ALWAYS` holds at every
moment, also right after a kill; `AT_THE_END` once the saga has ended. The rules read entries, and
not the state that the product folds from them, except where they compare the two.

Pure.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from pydantic_core import from_json

from approvals import GateState
from reversibility import Reversibility
from sagas import decide
from sagas.chain import verify
from sagas.entries import (
    Compensated,
    CompensationIntended,
    DeadlinePassed,
    Ended,
    Failed,
    FoundInDoubt,
    GateConsumed,
    GateDecided,
    Intended,
    InterventionClosed,
    InterventionOpened,
    Reopened,
    RollbackBegan,
    RolledBackTo,
    Started,
    Succeeded,
    UnwindBegan,
)
from sagas.fold import fold
from sagas.model import Status
from sagas.testing.history import History
from tests.crash.books import Books, Effect

Rule = Callable[[History, Books], Iterator[str]]

KINDS = ("flights", "hotels", "cars")


def violations(history: History, books: Books) -> list[str]:
    """What is wrong with a saga at any moment."""
    return _broken(ALWAYS, history, books)


def violations_at_the_end(history: History, books: Books, end: Status) -> list[str]:
    """What is wrong with a saga that should have ended as `end`."""
    found = _broken((*ALWAYS, *AT_THE_END), history, books)
    if history.saga is not None and history.saga.status is not end:
        found.append(f"it should be {end}, and is {history.saga.status}")
    return found


def _broken(rules: Sequence[Rule], history: History, books: Books) -> list[str]:
    return [f"{rule.__name__}: {text}" for rule in rules for text in rule(history, books)]


# --- at every moment --------------------------------------------------------------------------


def the_chain_verifies(history: History, books: Books) -> Iterator[str]:
    """No entry is missing, changed or moved."""
    broken = verify(history.journal_id, history.saga_id, history.rows)
    if broken is not None:
        yield f"entry {broken.seq}: {broken.reason}"


def every_effect_was_intended(history: History, books: Books) -> Iterator[str]:
    """What was asked of the world had been written down before, with its key."""
    done = {entry.key for _, entry in history.of(Intended)}
    undone = {entry.key for _, entry in history.of(CompensationIntended)}
    for effect in books.effects:
        if effect.key not in (undone if effect.what == "cancel" else done):
            yield f"{effect.service} did {effect.what} {effect.subject}, and no intent has its key"
    for key, what in books.asked:
        if key not in (undone if what == "cancel" else done):
            yield f"a partner was asked to {what} under a key that no intent has"


def no_key_took_effect_twice(history: History, books: Books) -> Iterator[str]:
    """Repeated calls are repeated under their key, and have one effect."""
    for key, count in Counter(effect.key for effect in books.effects).items():
        if count > 1:
            yield f"{count} effects under the key {key}"


def a_call_keeps_its_key(history: History, books: Books) -> Iterator[str]:
    """Every attempt at a call is sent under one key, and no other call is."""
    keys: dict[tuple[str, str], str] = {}
    owners: dict[str, tuple[str, str]] = {}
    for seq, entry in history.entries:
        if isinstance(entry, Intended | CompensationIntended):
            call = (entry.kind, entry.path)
            if keys.setdefault(call, entry.key) != entry.key:
                yield f"entry {seq} is another attempt at {entry.path}, under another key"
            if owners.setdefault(entry.key, call) != call:
                yield f"entry {seq} begins {entry.path} under the key of {owners[entry.key]}"


def nothing_new_is_done_while_undoing(history: History, books: Books) -> Iterator[str]:
    """No step begins after the unwind, or during the rollback of a savepoint."""
    unwinding, rolling_back = False, False
    for seq, entry in history.entries:
        match entry:
            case UnwindBegan():
                unwinding = True
            case RollbackBegan():
                rolling_back = True
            case RolledBackTo():
                rolling_back = False
            case Intended(attempt=1) if unwinding or rolling_back:
                yield f"entry {seq} begins {entry.path}"
            case _:
                pass


def nothing_new_is_done_after_the_deadline(history: History, books: Books) -> Iterator[str]:
    """No step begins and no saga completes once its deadline has passed, or came to nothing."""
    due: int | None = None
    for row, (seq, entry) in zip(history.rows, history.entries, strict=True):
        match entry:
            case Started():
                due = entry.deadline
            case DeadlinePassed() if due is None or row.at < due:
                yield f"entry {seq} says that a deadline passed that had not"
            case DeadlinePassed() | UnwindBegan():
                due = None
            case Intended() | Ended() if due is not None and row.at >= due:
                yield f"entry {seq} is written after the deadline"
            case _:
                pass


def only_what_happened_is_undone(history: History, books: Books) -> Iterator[str]:
    """A compensation begins after its step succeeded, and never again once it has succeeded."""
    succeeded: set[str] = set()
    compensated: set[str] = set()
    for seq, entry in history.entries:
        match entry:
            case Succeeded():
                succeeded.add(entry.path)
            case Compensated():
                compensated.add(entry.path)
            case CompensationIntended() if entry.path not in succeeded:
                yield f"entry {seq} undoes {entry.path}, which is not known to have happened"
            case CompensationIntended() if entry.path in compensated:
                yield f"entry {seq} undoes {entry.path} again"
            case _:
                pass


def only_what_is_unwound_is_undone(history: History, books: Books) -> Iterator[str]:
    """A compensation begins inside an unwind, or inside the savepoint that is rolled back."""
    scopes: list[str] = []
    for seq, entry in history.entries:
        match entry:
            case UnwindBegan():
                scopes.append("")
            case RollbackBegan():
                scopes.append(f"{entry.path}/")
            case CompensationIntended() if not entry.path.startswith(tuple(scopes)):
                yield f"entry {seq} undoes {entry.path}, and nothing is being unwound there"
            case _:
                pass


def the_irreversible_was_approved(history: History, books: Books) -> Iterator[str]:
    """An irreversible step begins with an approval of its own, which is used up by it."""
    approved: set[str] = set()
    fresh: dict[str, str] = {}
    for seq, entry in history.entries:
        match entry:
            case GateDecided(state=GateState.APPROVED):
                approved.add(entry.gate)
            case GateConsumed():
                if entry.gate not in approved:
                    yield f"entry {seq} uses {entry.gate}, which is not approved, or used already"
                approved.discard(entry.gate)
                fresh[entry.path] = entry.gate
            case Intended() if Reversibility(entry.reversibility).is_pivot and entry.attempt == 1:
                if entry.gate is None or fresh.pop(entry.path, None) != entry.gate:
                    yield f"entry {seq} begins {entry.path} without an approval"
            case _:
                pass


def a_person_settles_what_nobody_can_ask_about(history: History, books: Books) -> Iterator[str]:
    """A mail in doubt is neither sent again nor taken for sent, unless a person says so."""
    asked: dict[str, str] = {}
    in_doubt: set[str] = set()
    irreversible = {
        entry.path
        for _, entry in history.of(Intended)
        if Reversibility(entry.reversibility).is_pivot
    }
    for seq, entry in history.entries:
        match entry:
            case FoundInDoubt() if entry.path in irreversible:
                in_doubt.add(entry.path)
            case InterventionOpened() if entry.path is not None:
                asked[entry.intervention] = entry.path
            case InterventionClosed():
                in_doubt.discard(asked.get(entry.intervention, ""))
            case Intended() | Succeeded() | Failed() if entry.path in in_doubt:
                yield f"entry {seq} settles {entry.path} by itself"
            case _:
                pass


def outcomes_are_true(history: History, books: Books) -> Iterator[str]:
    """What the journal says has happened the world knows of, and nothing else."""
    done = {
        entry.path: entry.key
        for _, entry in history.of(Intended)
        if Reversibility(entry.reversibility).has_effect
    }
    undone = {entry.path: entry.key for _, entry in history.of(CompensationIntended)}
    effects = {effect.key for effect in books.effects}
    for seq, entry in history.entries:
        match entry:
            case Succeeded() if entry.path in done and done[entry.path] not in effects:
                yield f"entry {seq} says that {entry.path} happened; the world knows nothing of it"
            case Failed() if done.get(entry.path) in effects:
                yield f"entry {seq} says that {entry.path} did not happen; the world knows better"
            case Compensated() if undone[entry.path] not in effects:
                yield f"entry {seq} says that {entry.path} is undone; the world knows nothing of it"
            case _:
                pass


def an_outcome_is_told_once(history: History, books: Books) -> Iterator[str]:
    """Nobody tells again what became of a call: neither a worker that was replaced, nor anyone."""
    told: set[tuple[str, bool]] = set()
    for seq, entry in history.entries:
        match entry:
            case Succeeded() | Failed() | Compensated():
                call = (entry.path, isinstance(entry, Compensated))
                if call in told:
                    yield f"entry {seq} tells the outcome of {entry.path} again"
                told.add(call)
            case _:
                pass


def nothing_follows_the_end(history: History, books: Books) -> Iterator[str]:
    """An end is the last entry, unless a late success reopens the saga."""
    reopened = {seq for seq, _ in history.of(Reopened)}
    for seq, _ in history.of(Ended):
        if seq != len(history.rows) and seq + 1 not in reopened:
            yield f"entry {seq} is the end, and {len(history.rows) - seq} follow it"


ALWAYS: Sequence[Rule] = (
    the_chain_verifies,
    every_effect_was_intended,
    no_key_took_effect_twice,
    a_call_keeps_its_key,
    nothing_new_is_done_while_undoing,
    nothing_new_is_done_after_the_deadline,
    only_what_happened_is_undone,
    only_what_is_unwound_is_undone,
    the_irreversible_was_approved,
    a_person_settles_what_nobody_can_ask_about,
    outcomes_are_true,
    an_outcome_is_told_once,
    nothing_follows_the_end,
)


# --- at the end -------------------------------------------------------------------------------


def it_has_ended(history: History, books: Books) -> Iterator[str]:
    """The last entry is an end."""
    if not list(history.of(Ended)):
        yield f"there is no end after {len(history.rows)} entries"


def the_row_says_what_the_entries_say(history: History, books: Books) -> Iterator[str]:
    """The status that people see is the fold of the entries."""
    row = history.saga
    if row is None:
        yield "there is no such saga"
        return
    state = fold(history.saga_id, [(seq, 0, entry) for seq, entry in history.entries])
    if row.status is not decide.status(state):
        yield f"the row says {row.status}, and the entries say {decide.status(state)}"
    last = history.rows[-1] if history.rows else None
    if last is None or (row.head, row.head_hash) != (last.seq, last.hash):
        yield f"the row's head is {row.head}, and the last entry is {len(history.rows)}"


def nothing_is_left_open(history: History, books: Books) -> Iterator[str]:
    """Nobody is asked anything any more, and every call has its outcome."""
    for gate in history.gates:
        if gate.state in (GateState.PENDING, GateState.APPROVED):
            yield f"gate {gate.id} is {gate.state}"
    for question in history.questions:
        if question.state == "open":
            yield f"intervention {question.id} is open"
    settled = {entry.path for _, entry in history.of(Succeeded)}
    settled |= {entry.path for _, entry in history.of(Failed)}
    for path in sorted({entry.path for _, entry in history.of(Intended)} - settled):
        yield f"{path} has no outcome"
    undone = {entry.path for _, entry in history.of(Compensated)}
    for path in sorted({entry.path for _, entry in history.of(CompensationIntended)} - undone):
        yield f"the undo of {path} has no outcome"


def what_was_done_is_undone_or_stands(history: History, books: Books) -> Iterator[str]:
    """Every booking inside what was unwound is cancelled once, by its own undo; no other is."""
    scopes = [f"{entry.path}/" for _, entry in history.of(RollbackBegan)]
    scopes += ["" for _ in history.of(UnwindBegan)]
    path_of = {entry.key: entry.path for _, entry in history.of(Intended)}
    for booking in books.of("book"):
        path = path_of.get(booking.key, "")
        cancels = _cancels_of(booking, books)
        if not any(path.startswith(scope) for scope in scopes):
            if cancels:
                yield f"{booking.subject} was cancelled, and nothing was unwound there"
            continue
        keys = {entry.key for _, entry in history.of(CompensationIntended) if entry.path == path}
        if len(cancels) != 1:
            yield f"{booking.subject} was cancelled {len(cancels)} times"
        elif keys != {cancels[0].key}:
            yield f"{booking.subject} was cancelled under a key that is not its undo's"


def what_came_later_is_undone_first(history: History, books: Books) -> Iterator[str]:
    """If one step began after another was done, its booking is cancelled before the other's."""
    done = {entry.path: seq for seq, entry in history.of(Succeeded)}
    undone = {entry.path: seq for seq, entry in history.of(Compensated)}
    began = {entry.path: seq for seq, entry in history.of(Intended) if entry.attempt == 1}
    cancelled = _cancelled_at(history, books)
    for earlier, later in ((a, b) for a in cancelled for b in cancelled if a != b):
        follows = done.get(earlier, began[later]) < began[later]
        stood = undone.get(earlier, began[later]) >= began[later]
        if follows and stood and cancelled[later].at >= cancelled[earlier].at:
            yield f"{earlier} was undone before {later}"


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
    the_row_says_what_the_entries_say,
    nothing_is_left_open,
    what_was_done_is_undone_or_stands,
    what_came_later_is_undone_first,
    the_world_is_as_the_end_says,
)


def _cancels_of(booking: Effect, books: Books) -> list[Effect]:
    return [
        effect
        for effect in books.of("cancel")
        if (effect.service, effect.subject) == (booking.service, booking.subject)
    ]


def _cancelled_at(history: History, books: Books) -> dict[str, Effect]:
    """The cancellation of each step that was undone, by its path."""
    cancels = {effect.key: effect for effect in books.of("cancel")}
    return {
        entry.path: cancels[entry.key]
        for _, entry in history.of(CompensationIntended)
        if entry.key in cancels
    }
