"""When nobody knew whether a call had taken effect, and how that was settled.

Pure.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from sagas import entries as e
from sagas.audit.model import Doubt
from sagas.model import Direction, instant

Row = tuple[int, int, e.Entry]
Call = tuple[str, Direction]

HAPPENED, NOT_HAPPENED, WAIVED = "happened", "not happened", "waived"
_ANSWERS = ("happened", "not-happened", "done")


def doubts(rows: Iterable[Row], labels: Mapping[str, str]) -> tuple[Doubt, ...]:
    """Every doubt of a saga, in the order in which they were found."""
    telling = _Telling(labels)
    for _, at, entry in rows:
        telling.hear(at, entry)
    return tuple(telling.doubts)


@dataclass(slots=True)
class _Telling:
    """The doubts so far.

    Attributes:
        last: The last doubt of each call, as an index.
        answers: Who answered last about a call.
    """

    labels: Mapping[str, str]
    doubts: list[Doubt] = field(default_factory=list[Doubt])
    last: dict[Call, int] = field(default_factory=dict[Call, int])
    questions: dict[str, Call] = field(default_factory=dict[str, Call])
    answers: dict[Call, str] = field(default_factory=dict[Call, str])

    def hear(self, at: int, entry: e.Entry) -> None:
        """Take note of what an entry says of doubts."""
        outcome = _outcome(entry)
        if outcome is not None:
            self._settle(outcome[0], at, *outcome[1:])
            return
        match entry:
            case e.FoundInDoubt(path=path, over=over) if not over:
                self._find((path, Direction(entry.direction)), at, entry.reason)
            case e.InterventionOpened():
                if entry.path is not None:
                    call = (entry.path, Direction(entry.direction or Direction.DO))
                    self.questions[entry.intervention] = call
            case e.InterventionClosed():
                self._answer(at, entry)
            case _:
                pass

    def _find(self, call: Call, at: int, reason: str) -> None:
        if self._open(call) is not None:
            return
        path, direction = call
        self.last[call] = len(self.doubts)
        self.doubts.append(
            Doubt(
                path=path,
                label=self.labels.get(path, path),
                direction=direction,
                reason=reason,
                found=instant(at),
            )
        )

    def _open(self, call: Call) -> int | None:
        index = self.last.get(call)
        return index if index is not None and self.doubts[index].settled is None else None

    def _settle(self, call: Call, at: int, outcome: str, via: str) -> None:
        index = self._open(call)
        if index is not None:
            by = self.answers.get(call) if via == "person" else None
            self.doubts[index] = replace(
                self.doubts[index], settled=instant(at), outcome=outcome, via=via, by=by
            )

    def _answer(self, at: int, entry: e.InterventionClosed) -> None:
        call = self.questions.get(entry.intervention)
        if call is None:
            return
        if entry.choice in _ANSWERS:
            self.answers[call] = entry.by
            self._sign(call, entry.by)
        elif entry.choice == "waive":
            self.answers[call] = entry.by
            self._settle(call, at, WAIVED, "person")

    def _sign(self, call: Call, by: str) -> None:
        """Name who answered, where the outcome was written before the answer."""
        index = self.last.get(call)
        if index is not None and self.doubts[index].via == "person":
            self.doubts[index] = replace(self.doubts[index], by=self.doubts[index].by or by)


def _outcome(entry: e.Entry) -> tuple[Call, str, str] | None:
    """What became of a call, and how that is known, if an entry says so."""
    match entry:
        case e.Succeeded(path=path, via=via):
            return (path, Direction.DO), HAPPENED, via
        case e.Failed(path=path, via=via):
            return (path, Direction.DO), NOT_HAPPENED, via
        case e.Compensated(path=path, via=via):
            return (path, Direction.UNDO), HAPPENED, via
        case e.CompensationFailed(path=path):
            return (path, Direction.UNDO), NOT_HAPPENED, "call"
        case e.Probed(path=path, answer="absent", counts=True):
            return (path, Direction(entry.direction)), NOT_HAPPENED, "probe"
        case _:
            return None
