"""A real service as a World: what it holds and what it did are read from it over HTTP.

Touches: the network, through httpx.
"""

import inspect
import ssl
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import cached_property
from importlib.util import find_spec
from typing import Any, TypeAlias, cast
from urllib.parse import urlsplit

from pydantic import JsonValue, TypeAdapter, ValidationError

from sagas.testing.errors import Unexplorable, in_one_line
from sagas.testing.world import Effect

Source: TypeAlias = str | Callable[[], Any]
"""A path of the service, or a function of your own, async or not."""

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_EFFECTS: TypeAdapter[list[Effect]] = TypeAdapter(list[Effect])


class HttpWorld:
    """A World whose service runs somewhere else.

    ```python
    world = HttpWorld(url, reset="/test/reset", snapshot="/bookings", ledger="/ledger")
    ```

    Args:
        base_url: Where the service is, such as `http://127.0.0.1:8000`.
        reset: The path to POST to, or a function that resets the service.
        snapshot: The path that answers what it holds, as JSON.
        ledger: The path that answers what it did, as JSON.
        effects: Makes of what `ledger` answers the effects, as (name, direction, key). Without it
            the answer is a list of such triples, or of objects with these three members.
        headers: Sent with every request.
        timeout: The longest that one request may take.

    Raises:
        Unexplorable: httpx is not installed.
    """

    def __init__(
        self,
        base_url: str,
        *,
        reset: Source,
        snapshot: Source,
        ledger: Source,
        effects: Callable[[Any], Sequence[tuple[str, str, str]]] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: timedelta = timedelta(seconds=10),
    ) -> None:
        if find_spec("httpx") is None:
            raise Unexplorable("HttpWorld needs httpx: install it with `pip install httpx`")
        self.base_url = base_url
        self._reset = reset
        self._snapshot = snapshot
        self._ledger = ledger
        self._effects = effects
        self._headers = dict(headers or {})
        self._timeout = timeout

    async def reset(self) -> None:
        """Let the service forget everything.

        Raises:
            Unexplorable: It answered with an error, or not at all.
        """
        await self._from(self._reset, "POST")

    async def snapshot(self) -> JsonValue:
        """What the service holds.

        Raises:
            Unexplorable: It answered with an error, not with JSON, or not at all.
        """
        return cast(JsonValue, await self._from(self._snapshot, "GET"))

    async def ledger(self) -> Sequence[tuple[str, str, str]]:
        """What the service did since the reset.

        Raises:
            Unexplorable: It answered with an error, or with what is no list of effects.
        """
        answer = await self._from(self._ledger, "GET")
        if self._effects is not None:
            return self._effects(answer)
        try:
            return _EFFECTS.validate_python(answer)
        except ValidationError as error:
            raise Unexplorable(
                f"{self.base_url}: what {self._ledger} answers is no list of effects "
                "(name, direction, key): pass effects=, a function that makes them of it"
            ) from error

    async def _from(self, source: Source, method: str) -> Any:
        if isinstance(source, str):
            return await self._request(method, source)
        answer = source()
        return await answer if inspect.isawaitable(answer) else answer

    async def _request(self, method: str, path: str) -> Any:
        import httpx

        # A client for each request: one that is kept would be bound to the event loop it began in.
        async with httpx.AsyncClient(
            base_url=self.base_url,
            headers=self._headers,
            timeout=self._timeout.total_seconds(),
            verify=self._trusted,
            trust_env=urlsplit(self.base_url).hostname not in _LOOPBACK,
        ) as client:
            try:
                response = await client.request(method, path)
                response.raise_for_status()
                return response.json() if method == "GET" else None
            except (httpx.HTTPError, ValueError) as error:
                raise Unexplorable(
                    f"{method} {path} of the world at {self.base_url}: {in_one_line(error)}"
                ) from error

    @cached_property
    def _trusted(self) -> ssl.SSLContext | bool:
        """The certificates that are trusted, read once: it takes long."""
        return ssl.create_default_context() if self.base_url.startswith("https:") else False
