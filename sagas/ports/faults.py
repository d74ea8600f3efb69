"""Where a test may let a crash fall.

Pure.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from reversibility import Reversibility

__all__ = ["FaultPoints"]


class FaultPoints:
    """Told of every boundary that a crash could fall on; for tests, which do something there."""

    async def reached(self, point: str, saga_id: str, path: str) -> None:
        """Called at `before-append`, `after-append`, `before-call` and `after-call`.

        Of a message to people: at `after-claim`, `before-post`, `after-post`, `before-record` and
        `after-record`, with the gate or intervention for the path.
        """

    async def called(
        self,
        saga_id: str,
        path: str,
        call: Callable[[], Awaitable[Any]],
        *,
        action: tuple[str, int],
        reversibility: Reversibility,
        arguments: Mapping[str, object],
    ) -> Any:
        """Make a call between its two points; gives what is heard of it.

        Args:
            action: The name and the version of the action that is called or undone.
            reversibility: The class of the call.
            arguments: What the function is about to be given.
        """
        await self.reached("before-call", saga_id, path)
        value = await call()
        await self.reached("after-call", saga_id, path)
        return value
