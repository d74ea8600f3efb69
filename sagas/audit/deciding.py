"""What was decided in a saga and by whom, the oldest first.

Pure.
"""

from collections.abc import Iterable, Mapping

from sagas import entries as e
from sagas.audit.model import Decision, Matter
from sagas.model import Direction, instant

Row = tuple[int, int, e.Entry]


def decisions(rows: Iterable[Row], labels: Mapping[str, str]) -> tuple[Decision, ...]:
    """Decisions at gates, edits, answers and cancels; and questions that nobody decided."""
    telling = _Telling(labels)
    return tuple(told for _, at, entry in rows if (told := telling.tell(at, entry)) is not None)


class _Telling:
    """What was asked so far, by the ids of gates and interventions."""

    def __init__(self, labels: Mapping[str, str]) -> None:
        self._labels = labels
        self._gates: dict[str, e.GateOpened] = {}
        self._questions: dict[str, e.InterventionOpened] = {}

    def tell(self, at: int, entry: e.Entry) -> Decision | None:
        """The decision that an entry tells of, if it does."""
        match entry:
            case e.GateOpened():
                self._gates[entry.gate] = entry
            case e.InterventionOpened():
                self._questions[entry.intervention] = entry
            case e.GateDecided():
                return self._gate(at, entry)
            case e.GateRevised():
                return self._edit(at, entry)
            case e.InterventionClosed():
                return self._answer(at, entry)
            case e.CancelRequested():
                return _cancel(at, entry)
            case _:
                pass
        return None

    def _gate(self, at: int, entry: e.GateDecided) -> Decision:
        return Decision(
            at=instant(at),
            matter=Matter.GATE,
            ref=entry.gate,
            path=entry.path,
            label=self._label(entry.path),
            direction=_direction(self._gates[entry.gate].direction),
            asked="",
            choice=entry.state,
            by=entry.by or None,
            reason=entry.reason,
            rule=entry.rule,
        )

    def _edit(self, at: int, entry: e.GateRevised) -> Decision:
        return Decision(
            at=instant(at),
            matter=Matter.EDIT,
            ref=entry.gate,
            path=entry.path,
            label=self._label(entry.path),
            direction=_direction(self._gates[entry.gate].direction),
            asked="",
            choice="edited",
            by=entry.by,
            reason=entry.reason,
            identified_by=entry.identified_by,
            channel=entry.channel,
        )

    def _answer(self, at: int, entry: e.InterventionClosed) -> Decision | None:
        asked = self._questions.pop(entry.intervention, None)
        if asked is None:
            return None  # an answer and a late success closed it at one instant
        return Decision(
            at=instant(at),
            matter=Matter.INTERVENTION,
            ref=entry.intervention,
            path=asked.path,
            label=self._label(asked.path),
            direction=_direction(asked.direction),
            asked=asked.what,
            choice=entry.choice,
            by=entry.by or None,
            reason=entry.reason or None,
            identified_by=entry.identified_by,
            channel=entry.channel,
        )

    def _label(self, path: str | None) -> str:
        return self._labels.get(path or "", path or "")


def _cancel(at: int, entry: e.CancelRequested) -> Decision:
    return Decision(
        at=instant(at),
        matter=Matter.CANCEL,
        ref="",
        path=None,
        label="",
        direction=None,
        asked="",
        choice="too late" if entry.too_late else "cancel",
        by=entry.by,
        reason=entry.reason or None,
        identified_by=entry.identified_by,
        channel=entry.channel,
    )


def _direction(word: str | None) -> Direction | None:
    return Direction(word) if word else None
