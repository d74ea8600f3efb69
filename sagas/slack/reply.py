"""How something that Slack brought is acknowledged, and what is done after that."""

import logging
import traceback
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Reply", "Step", "in_turn"]

log = logging.getLogger("sagas.slack")

Step = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """How something that Slack brought is acknowledged."""

    body: Mapping[str, Any] | None = None
    """What the acknowledgement carries; nothing, if left out."""
    after: Step | None = None
    """Done once it is acknowledged; raises nothing."""


def in_turn(*steps: Step) -> Step:
    """Do these one after the other; what fails is logged, and the next is done."""

    async def run() -> None:
        for step in steps:
            try:
                await step()
            except Exception as error:  # noqa: BLE001  there is nobody to tell any more
                # its words may quote what people are not to see in a log
                place = traceback.extract_tb(error.__traceback__)[-1]
                where = f"{place.name}, line {place.lineno}"
                log.error(  # noqa: TRY400  the traceback would quote it
                    "what follows a click failed: %s in %s", type(error).__name__, where
                )

    return run
