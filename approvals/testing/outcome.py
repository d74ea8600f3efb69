"""What a person sees after having done something.

Touches: the event loop.
"""

from dataclasses import dataclass, field
from datetime import timedelta

from approvals.testing.changes import Changes
from approvals.testing.fields import said
from approvals.testing.payloads import Json, walked
from approvals.testing.records import Delivery
from approvals.testing.workspace import Message, View, Workspace

__all__ = ["Outcome", "words"]

_PATIENCE = timedelta(seconds=30)


def words(text: str, blocks: list[Json]) -> str:
    """What a person reads: the blocks, or the text where there are none."""
    read = [said(item) for item in walked(blocks) if isinstance(item.get("text"), str)]
    return "\n".join(read) if blocks else text


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a click, a form, or a look at the App Home; it goes on as things change.

    Attributes:
        delivery: What was brought to the app; None if the screen itself said no.
        errors: What stands under the fields of a form, by the label of each.
        message: The message on which was clicked, as it is now.
        warning: What Slack itself tells the person, because the app did not do its part.
    """

    space: Workspace
    changes: Changes
    user: str
    since: int
    delivery: Delivery | None = None
    errors: dict[str, str] = field(default_factory=dict[str, str])
    message: Message | None = None
    warning: str | None = None

    @property
    def acknowledged(self) -> bool:
        """Whether the app took it in time."""
        return self.delivery is not None and self.delivery.acknowledged

    @property
    def ephemerals(self) -> list[str]:
        """What the app has told this person since, for nobody else to see."""
        told = self.space.ephemerals[self.since :]
        return [words(item.text, item.blocks) for item in told if item.user == self.user]

    @property
    def modal(self) -> View | None:
        """The modal that is on top now."""
        stack = self.space.stacks.get(self.user)
        return stack[-1] if stack else None

    @property
    def home(self) -> View | None:
        """The person's App Home as it is now."""
        return self.space.homes.get(self.user)

    async def told(self, within: timedelta = _PATIENCE) -> str:
        """Wait for the first word of the app to this person.

        Raises:
            TimeoutError: The person was told nothing.
        """
        await self.changes.until(lambda: self.ephemerals, within)
        return self.ephemerals[0]
