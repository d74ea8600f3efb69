"""How an example calls a service: at most once under a key, at an address from the environment.

A service that cannot be reached was never asked. Any other trouble (a timeout, a lost answer, a
503) leaves open whether the call took effect, and is raised as it is.
"""

import os
from collections.abc import Mapping
from datetime import timedelta

import httpx

from sagas import NotExecuted


class Caller:
    """A service whose address is in an environment variable.

    Attributes:
        transport: What carries the requests; the network, unless a test has the service beside it.
    """

    def __init__(self, variable: str) -> None:
        self._variable = variable
        self.transport: httpx.AsyncBaseTransport | None = None

    async def post(self, path: str, body: Mapping[str, object], *, key: str) -> httpx.Response:
        """Ask for an effect, at most once for this key.

        Raises:
            NotExecuted: the service cannot be reached.
        """
        try:
            async with self._http() as http:
                return await http.post(path, json=body, headers={"Idempotency-Key": key})
        except httpx.ConnectError as error:
            reason = f"{self.name} cannot be reached"
            raise NotExecuted(reason, retry_after=timedelta(seconds=1)) from error

    async def look(self, path: str, *, key: str) -> httpx.Response:
        """Ask what was done under this key."""
        async with self._http() as http:
            return await http.get(path, params={"reference": key})

    @property
    def name(self) -> str:
        """What people call the service, such as "hotels"."""
        return self._variable.removesuffix("_URL").lower()

    def _http(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=os.environ[self._variable], timeout=10, transport=self.transport
        )
