"""How the sagas talk to the processor and the bank: ask for an effect, ask what became of it."""

from http import HTTPStatus
from typing import TypeVar

from pydantic import BaseModel

from examples.calling import Caller

M = TypeVar("M", bound=BaseModel)


class Refused(Exception):
    """The service has said no, for good: nothing was done."""


class PaymentsClient(Caller):
    """A service whose address is in an environment variable."""

    async def ask(
        self, answer: type[M], path: str, body: BaseModel | None = None, *, key: str
    ) -> M:
        """Ask for an effect, at most once for this key.

        Raises:
            Refused: the service said no; it will say no to this key for ever.
        """
        said = await self.post(path, body.model_dump(mode="json") if body else {}, key=key)
        if said.status_code == HTTPStatus.CONFLICT:
            raise Refused(said.json()["error"])
        return answer.model_validate_json(said.raise_for_status().content)

    async def find(self, answer: type[M], *, key: str) -> M | None:
        """Find what was done under this key; `None` if nothing was."""
        said = await self.look("/requests", key=key)
        if said.status_code == HTTPStatus.NOT_FOUND:
            return None
        return answer.model_validate_json(said.raise_for_status().content)
