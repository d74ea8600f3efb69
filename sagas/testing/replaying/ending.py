"""How far the body of a recorded saga had come, and how it ended.

A saga goes by its body until it ends, is unwound, or is left as it is by a person. From there on
the journal tells of the planner and of people, and the body has no part in it.

Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from compensations import Choice, InterventionKind
from sagas.entries import Ended, Entry, InterventionClosed, InterventionOpened, UnwindBegan

Timed = tuple[int, int, Entry]


@dataclass(frozen=True, slots=True)
class Ending:
    """The part of a journal that a body had a share in.

    Attributes:
        entries: Its entries, with their numbers and instants.
        result: What the body returned; None if it did not.
        reason: Why the saga was undone, if an exception left the body.
        failed: Whether an exception had left it, past the pivot: a person was asked.
    """

    entries: Sequence[Timed]
    result: bytes | None = None
    reason: str | None = None
    failed: bool = False

    @property
    def at(self) -> int:
        """The instant of the last entry, in microseconds."""
        return self.entries[-1][1] if self.entries else 0


def ending(entries: Sequence[Timed]) -> Ending:
    """The part of a journal that its body had a share in."""
    failed = False
    for index, (_, _, entry) in enumerate(entries):
        before = entries[:index]
        match entry:
            case UnwindBegan(cause="failure", reason=reason):
                return Ending(before, reason=reason)
            case UnwindBegan() | InterventionClosed(choice=Choice.KEEP):
                return Ending(before, failed=failed)
            case Ended(payload=payload):
                return Ending(before, result=payload)
            case InterventionOpened(what=InterventionKind.PAST_PIVOT):
                failed = True
            case _:
                pass
    return Ending(entries, failed=failed)
