"""What the journal says of one step, entry by entry: what was done, undone, asked and answered.

This reads entries by itself, so that a mistake in how the product folds them shows.

Pure.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from compensations import Choice, InterventionKind
from reversibility import Reversibility
from sagas.entries import (
    Blocked,
    Compensated,
    CompensationFailed,
    CompensationIntended,
    Entry,
    Failed,
    FoundInDoubt,
    GateOpened,
    Intended,
    Interrupted,
    InterventionClosed,
    InterventionOpened,
    Postponed,
    Probed,
    Reopened,
    Succeeded,
    WindowClosed,
)
from sagas.model import Direction

Item: TypeAlias = tuple[int, int, Entry]
DO, UNDO = Direction.DO.value, Direction.UNDO.value


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person answered to a question about a step, or that it became moot."""

    asked: InterventionOpened
    closed: InterventionClosed

    @property
    def path(self) -> str | None:
        """The step that it was about."""
        return self.asked.path

    @property
    def direction(self) -> str:
        """The call that it was about."""
        return self.asked.direction or DO

    def says(self, *choices: str) -> bool:
        """Whether it was one of these."""
        return self.closed.choice in choices

    @property
    def waives(self) -> bool:
        """Whether a call is left as it is, and not a second effect of it."""
        return self.says(Choice.WAIVE) and self.asked.what != InterventionKind.SECOND_EFFECT

    @property
    def allows_another(self) -> bool:
        """Whether another attempt was asked for."""
        return self.says(Choice.RETRY) and self.asked.what != InterventionKind.MISSING_HANDLER


Told: TypeAlias = tuple[int, int, Entry | Answer]

_DIRECTIONS: dict[type[Any], str | None] = {
    Intended: DO,
    Succeeded: DO,
    Failed: DO,
    CompensationIntended: UNDO,
    Compensated: UNDO,
    CompensationFailed: UNDO,
    FoundInDoubt: None,
    Postponed: None,
    Probed: None,
    Answer: None,
}
"""Which call each kind of entry is about; None if the entry itself says that."""


def direction_told(told: Entry | Answer) -> str | None:
    """Which call an entry is about; None if it says nothing of a call."""
    kind = type(told)
    if kind not in _DIRECTIONS:
        return None
    return _DIRECTIONS[kind] or getattr(told, "direction", DO)


@dataclass(slots=True)
class Course:
    """How far a step has come at some point of the journal.

    Attributes:
        happened: Whether it took effect; None if nobody knows.
        doubt: Whether an attempt is in doubt, even if a later one is known not to have happened.
        begun: Whether it was called at all.
        late: It took effect after the saga had gone on as if it would not.
        undone: Its undo took effect, or a person said so.
        undoing: Its undo is under way, or in doubt.
        undo_failed: Its undo is known not to have happened.
        left: A person said that its effect, or what is not known of it, is left as it is.
        residue: Whether something remains of it.
        unsigned: Whether a person has to accept that, and has not.
    """

    happened: bool | None = False
    doubt: bool = False
    begun: bool = False
    late: bool = False
    undone: bool = False
    undoing: bool = False
    undo_failed: bool = False
    left: bool = False
    given_up: bool = False
    residue: bool = False
    unsigned: bool = False
    second: bool = False
    unknown: bool = False
    key: str = ""
    keys: int = 0
    void: str = ""
    by_person: bool = False

    @property
    def may_stand(self) -> bool:
        """Whether the world may hold its effect, as far as the journal knows."""
        return self.happened is not False and not self.undone and not self.left

    @property
    def is_settled(self) -> bool:
        """Whether nothing is open about either of its calls."""
        undo = self.undone or self.left or not (self.undoing or self.undo_failed)
        return undo and (self.happened is not None or self.undone or self.given_up)


@dataclass(slots=True)
class Step:
    """The entries about one step, in order.

    Attributes:
        action: What was called, as it was recorded first, with its version and its arguments.
        revised: The arguments that people changed those to, for each of its two calls.
        reversibility: Its class, as it was intended last.
        closed: The entry that says that its window has closed; 0 if none does.
        closings: All that ever said so, of attempts that turned out not to have happened too.
        doing: What was said of the call itself.
        undoing: What was said of its undo.
    """

    path: str
    told: list[Told] = field(default_factory=list[Told])
    intents: list[tuple[int, int, Intended]] = field(
        default_factory=list[tuple[int, int, Intended]]
    )
    undos: list[tuple[int, int, CompensationIntended]] = field(
        default_factory=list[tuple[int, int, CompensationIntended]]
    )
    action: str = ""
    version: int = 1
    arguments: bytes = b"{}"
    revised: dict[str, bytes] = field(default_factory=dict[str, bytes])
    reversibility: Reversibility = Reversibility.UNKNOWN
    closed: int = 0
    closings: list[int] = field(default_factory=list[int])
    doing: list[Told] = field(default_factory=list[Told])
    undoing: list[Told] = field(default_factory=list[Told])
    is_one: bool = False
    _course: Course | None = None

    def add(self, seq: int, at: int, told: Entry | Answer) -> None:
        """Another entry."""
        self._opens_again(seq, told)
        self.told.append((seq, at, told))
        direction = direction_told(told)
        if direction is not None:
            self.is_one = True
            (self.doing if direction == DO else self.undoing).append((seq, at, told))
        if isinstance(told, Intended):
            self.intents.append((seq, at, told))
            self.reversibility = Reversibility(told.reversibility)
            if self.action and told.payload is not None:
                self.revised[DO] = told.payload
            self._called(told.action, told.version, told.payload)
        elif isinstance(told, CompensationIntended):
            self.undos.append((seq, at, told))
            if told.payload is not None:
                self.revised[UNDO] = told.payload
        elif isinstance(told, WindowClosed) and not self.closed:
            self.closed = seq
            self.closings.append(seq)
        elif isinstance(told, Blocked | GateOpened | Interrupted):
            self._asked(told)

    def _opens_again(self, seq: int, told: Entry | Answer) -> None:
        """What is done now is not as old as attempts that are known not to have happened."""
        if self.closed and isinstance(told, Intended):
            course = self.course_at(seq)
            if course.happened is False and not course.doubt:
                self.closed = 0

    def _asked(self, told: Blocked | GateOpened | Interrupted) -> None:
        does = isinstance(told, Blocked | Interrupted) or told.direction == DO
        if does and told.action is not None:
            self._called(told.action, told.version, told.payload)

    def _called(self, action: str, version: int, payload: bytes | None) -> None:
        self.is_one = True
        if not self.action:
            self.action, self.version = action, version
            self.arguments = payload or b"{}"

    # --- what it is ---------------------------------------------------------------------------

    @property
    def seq(self) -> int:
        """The number of its first intent; 0 if there is none."""
        return self.intents[0][0] if self.intents else 0

    @property
    def has_effect(self) -> bool:
        """Whether anybody could observe that it happened."""
        return bool(self.intents) and self.reversibility is not Reversibility.READ_ONLY

    @property
    def is_pivot(self) -> bool:
        """Whether it is never undone by itself."""
        return bool(self.intents) and (self.reversibility.is_pivot or self.closed > 0)

    def is_pivot_at(self, before: int) -> bool:
        """Whether it was past undoing before an entry."""
        return self.is_pivot and (self.reversibility.is_pivot or self.closed < before)

    def depends_on(self, earlier: "Step") -> bool:
        """Whether it builds upon what an earlier one did: it says so, or both touch one thing."""
        after: set[str] = set()
        mine: set[str] = set()
        for _, _, intent in self.intents:
            after.update(intent.after or ())
            mine.update(intent.conflicts or ())
        if earlier.action in after:
            return True
        return any(mine.intersection(intent.conflicts or ()) for _, _, intent in earlier.intents)

    # --- what was said of it ------------------------------------------------------------------

    def given(self, direction: str) -> bytes:
        """The arguments with which one of its two calls was made."""
        done_with = self.revised.get(DO, self.arguments)
        return done_with if direction == DO else self.revised.get(UNDO, done_with)

    def about(self, direction: str) -> list[Told]:
        """What was said of one of its two calls."""
        return self.doing if direction == DO else self.undoing

    @property
    def answers(self) -> Iterator[tuple[int, Answer]]:
        """What people answered about it."""
        for seq, _, told in self.told:
            if isinstance(told, Answer):
                yield seq, told

    @property
    def course(self) -> Course:
        """How far it has come."""
        if self._course is None:
            self._course = self.course_at(self.told[-1][0] + 1)
        return self._course

    def course_at(self, before: int) -> Course:
        """How far it had come before an entry."""
        course = Course()
        for seq, _, told in self.told:
            if seq >= before:
                break
            advance = _ADVANCE.get(type(told))
            if advance is not None:
                advance(course, told)
        return course

    def asked_before(self, seq: int) -> bool:
        """Whether a person was asked about it before an entry."""
        return any(
            number < seq and isinstance(told, InterventionOpened) for number, _, told in self.told
        )


# --- how an entry moves a course --------------------------------------------------------------


def _intended(course: Course, entry: Intended) -> None:
    course.begun = True
    if course.happened is not True:
        course.happened, course.given_up = None, False


def _succeeded(course: Course, entry: Succeeded) -> None:
    if course.happened is True:
        return
    if entry.via == "late":
        course.late = course.given_up or course.keys > 0
        if course.unknown and not course.left:  # that undo may have come before the effect
            course.void, course.undone = course.key, False
    course.happened, course.doubt = True, False


def _failed(course: Course, entry: Failed) -> None:
    if course.happened is not True:
        course.happened, course.doubt, course.given_up = False, False, True


def _found_in_doubt(course: Course, entry: FoundInDoubt) -> None:
    if entry.over:
        return
    if entry.direction == UNDO:
        course.undoing = not course.undone
    elif course.happened is not True:
        course.happened, course.doubt = None, True


def _postponed(course: Course, entry: Postponed) -> None:
    if entry.direction == UNDO:
        return
    if course.happened is not True:
        course.happened = None if course.doubt else False


def _probed(course: Course, entry: Probed) -> None:
    if entry.direction == DO and entry.answer == "absent" and entry.counts:
        course.doubt = False


def _undo_intended(course: Course, entry: CompensationIntended) -> None:
    if entry.key != course.key:
        course.key, course.unknown, course.undone = entry.key, False, False
        course.keys += 1
    course.unknown = course.unknown or entry.unknown
    course.undoing, course.undo_failed = True, False


def _compensated(course: Course, entry: Compensated) -> None:
    if course.undone and not course.by_person:
        return
    course.undoing = course.undo_failed = False
    course.by_person = entry.via == "person"
    course.undone = course.by_person or course.void != course.key or not course.key
    if entry.payload is not None:
        course.residue, course.unsigned = True, bool(entry.sign_off)
    elif course.keys < 2:
        course.residue = False


def _undo_failed(course: Course, entry: CompensationFailed) -> None:
    if not course.undone:
        course.undoing, course.undo_failed = False, True


def _answered(course: Course, answer: Answer) -> None:
    if answer.asked.what == InterventionKind.RESIDUE:
        course.unsigned = course.unsigned and answer.says("moot")
        course.residue = course.residue and not answer.says(Choice.DONE)
    elif answer.says(Choice.WAIVE):
        _waived(course, answer)
    elif answer.allows_another and answer.direction == DO:
        if course.late and not course.keys:
            course.late = False
        elif course.happened is not True:
            course.happened = None if course.doubt else False


def _waived(course: Course, answer: Answer) -> None:
    if not answer.waives:
        course.second = True
    elif answer.direction == UNDO:
        if not course.undone:
            course.left = course.residue = True
            course.unsigned = False
            course.undoing = course.undo_failed = False
    elif course.happened is not True:
        course.happened, course.given_up, course.residue = False, True, True


def _reopened(course: Course, entry: Reopened) -> None:
    course.given_up = True


_ADVANCE: dict[type[Any], Callable[[Course, Any], None]] = {
    Intended: _intended,
    Succeeded: _succeeded,
    Failed: _failed,
    FoundInDoubt: _found_in_doubt,
    Postponed: _postponed,
    Probed: _probed,
    CompensationIntended: _undo_intended,
    Compensated: _compensated,
    CompensationFailed: _undo_failed,
    Answer: _answered,
    Reopened: _reopened,
}
