"""A channel into memory: its messages can be changed, found, deleted and refused, as in a chat."""

from dataclasses import dataclass, field

from approvals.channels import ChannelError, MessageLost, Notice, Receipt
from approvals.errors import ChannelDefinitionError


@dataclass
class Note:
    """One message on the board, and every notice it has shown."""

    target: str
    reference: str
    shown: list[Notice] = field(default_factory=list[Notice])

    @property
    def says(self) -> str:
        """What it says by now."""
        return self.shown[-1].happening.value


class Board:
    """A channel whose messages stay in sight.

    Attributes:
        notes: Every message, in order.
        faults: Raised one after the other, each before anything is done.
        mutes: So many posts and updates are done, and their answer is lost.
        updates: How often a message was changed.
    """

    def __init__(self, name: str = "board") -> None:
        self.name = name
        self.notes: list[Note] = []
        self.faults: list[ChannelError] = []
        self.mutes = 0
        self.updates = 0
        self.is_closed = False

    def check(self, target: str) -> None:
        """Refuse names with a space."""
        if " " in target:
            raise ChannelDefinitionError(f"{target!r} is no place on the board: leave out spaces")

    async def post(self, notice: Notice) -> Receipt:
        """Pin a note up."""
        self._fail()
        self.notes.append(Note(notice.target, notice.reference, [notice]))
        self._mute()
        return {"number": str(len(self.notes) - 1)}

    async def find(self, notice: Notice) -> Receipt | None:
        """Look for a note by what stands for it."""
        for number, note in enumerate(self.notes):
            if note.reference == notice.reference:
                return {"number": str(number)}
        return None

    async def update(self, receipt: Receipt, notice: Notice) -> Receipt:
        """Write a note anew."""
        self._fail()
        number = int(receipt["number"])
        if self.notes[number].reference != notice.reference:
            raise MessageLost("somebody took it down")
        self.updates += 1
        self.notes[number].shown.append(notice)
        self._mute()
        return receipt

    def take_down(self, number: int) -> None:
        """Delete a note, as people do."""
        self.notes[number].reference = ""

    async def close(self) -> None:
        """Note that it is not used any more."""
        self.is_closed = True

    def _fail(self) -> None:
        if self.faults:
            raise self.faults.pop(0)

    def _mute(self) -> None:
        if self.mutes:
            self.mutes -= 1
            raise ConnectionResetError("the answer was lost")
