"""Requests of Slack: what it signed is taken once, committed, and then acknowledged.

A request that is not acknowledged is shown to the person as one that failed, or is sent again.
Touches: the network by ASGI, the journal by the coordinator.
"""

import json
import logging
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Mapping
from secrets import token_hex
from time import monotonic
from typing import Any, Final, cast
from urllib.parse import parse_qs

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from approvals.channels.slack.manifest import EVENTS_PATH, INTERACTIVITY_PATH
from approvals.channels.slack.signing import LARGEST_BODY, Accepted, NotSlack, Signatures
from sagas.coordinator import Coordinator
from sagas.errors import JournalError
from sagas.model import micros
from sagas.slack.afterwards import Afterwards
from sagas.slack.once import Once
from sagas.slack.reply import Reply
from sagas.slack.taking import Takes

__all__ = ["PATHS", "SlackHttp"]

log = logging.getLogger("sagas")

PATHS: Final = (INTERACTIVITY_PATH, EVENTS_PATH)

_FORM: Final = "application/x-www-form-urlencoded"
_JSON: Final = "application/json"
_MOST_UNFINISHED = 1_000
_TOLD_EVERY_SECONDS = 60.0


class _Refused(Exception):
    """A request that is not taken.

    Args:
        why: For whoever sent it; it quotes nothing that came in.
    """

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


class SlackHttp:
    """An ASGI application over the paths of `PATHS`.

    Args:
        coordinator: Whose journal remembers what was taken.
        desk: Gives what takes it; None while Slack has not said yet whose the app is.
        signatures: Tell what Slack signed.
    """

    def __init__(
        self,
        coordinator: Coordinator,
        desk: Callable[[], Takes | None],
        signatures: Signatures,
    ) -> None:
        self._coordinator = coordinator
        self._desk = desk
        self._signatures = signatures
        self._once = Once[Reply]()
        self._afterwards = Afterwards()
        self._unfinished: OrderedDict[str, str] = OrderedDict()
        self._told_at: float | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request, as ASGI has it."""
        request = Request(scope, receive)
        reply = Reply()
        try:
            said, reply = await self._taken(request)
        except _Refused as no:
            said = Response(no.why + "\n", no.status, media_type="text/plain")
        except JournalError as error:
            log.warning("nothing of what Slack brought is decided: %s", error)
            said = Response("the journal cannot be used now\n", 503, media_type="text/plain")
        except Exception as error:  # noqa: BLE001  what it says may quote what came in
            log.error("a request of Slack failed: %s", _where(error))  # noqa: TRY400
            said = Response("this is not expected\n", 500, media_type="text/plain")
        try:
            await said(scope, receive, send)
        finally:
            self._afterwards.do(reply.after)

    async def close(self) -> None:
        """Let finish what is being committed, and what is done after acknowledgements."""
        await self._once.close()
        await self._afterwards.close()

    async def _taken(self, request: Request) -> tuple[Response, Reply]:
        """The answer to a request, and what comes after it.

        Raises:
            _Refused: It is not taken.
            JournalError: Nothing could be committed.
        """
        if request.method != "POST":
            raise _Refused(405, "Slack sends here, by POST")
        body = await _body(request)
        accepted = self._signatures.check(body, request.scope["headers"])
        if isinstance(accepted, NotSlack):
            self._tell(accepted)
            raise _Refused(413 if accepted.is_too_large else 401, "this is not signed by Slack")
        is_event = request.url.path == EVENTS_PATH
        said = _event(request, body) if is_event else _interaction(request, body)
        if is_event and said.get("type") == "url_verification":
            return _challenged(said), Reply()
        reply, is_own = await self._once.do(
            accepted.replay_key, lambda: self._committed(accepted, said, is_event=is_event)
        )
        return _answer(reply), reply if is_own else Reply()

    async def _committed(
        self, accepted: Accepted, said: Mapping[str, Any], *, is_event: bool
    ) -> Reply:
        """Take what was not taken before; one that failed here may come again."""
        desk = self._desk()
        if desk is None:
            raise _Refused(503, "Slack has not said yet whose this app is: try again")
        key = accepted.replay_key
        spender = self._unfinished.get(key) or token_hex(16)
        is_new = await self._coordinator.store.spend(
            key,
            spender=spender,
            until=micros(accepted.remember_until),
            at=micros(self._coordinator.now()),
        )
        if not is_new:
            log.info("Slack brought something that was taken before; it counts once")
            return Reply()
        self._keep_unfinished(key, spender)
        reply = await _handed_to(desk, said, is_event=is_event)
        self._unfinished.pop(key, None)
        return reply

    def _keep_unfinished(self, key: str, spender: str) -> None:
        self._unfinished[key] = spender
        if len(self._unfinished) > _MOST_UNFINISHED:
            self._unfinished.popitem(last=False)

    def _tell(self, no: NotSlack) -> None:
        """Log why a request is not Slack's; strangers cannot fill the log."""
        now = monotonic()
        if self._told_at is None or now - self._told_at >= _TOLD_EVERY_SECONDS:
            self._told_at = now
            log.warning(
                "a request to the addresses of Slack was refused: %s; if it came from Slack, "
                "compare SAGAS_SLACK_SIGNING_SECRETS with Basic Information of the app, and have "
                "`sagas slack check` look at the clock; further ones are not logged for a minute",
                no.why,
            )


def _handed_to(
    desk: Takes, said: Mapping[str, Any], *, is_event: bool
) -> Coroutine[Any, Any, Reply]:
    if not is_event:
        return desk.interaction(said)
    if said.get("type") == "event_callback":
        return desk.event(said)
    return _nothing()


async def _nothing() -> Reply:
    """Take what there is nothing to do about."""
    return Reply()


async def _body(request: Request) -> bytes:
    """The raw bytes of a request.

    Raises:
        _Refused: There are too many, or they do not come.
    """
    parts: list[bytes] = []
    length = 0
    try:
        async for part in request.stream():
            length += len(part)
            if length > LARGEST_BODY:
                raise _Refused(413, f"the body is longer than {LARGEST_BODY} bytes")
            parts.append(part)
    except ClientDisconnect:
        raise _Refused(400, "the connection ended before the body did") from None
    return b"".join(parts)


def _interaction(request: Request, body: bytes) -> Mapping[str, Any]:
    """The payload of a form.

    Raises:
        _Refused: It is no such form.
    """
    _check_type(request, _FORM)
    if not body.startswith(b"payload="):
        # the signature is not for a path: an event that Slack signed is no form, whatever it quotes
        raise _Refused(400, "the form does not begin with its payload")
    try:
        fields = parse_qs(body.decode(), strict_parsing=True, max_num_fields=20)
    except ValueError:
        raise _Refused(400, "this is no form") from None
    payloads = fields.get("payload", [])
    if len(payloads) != 1:
        raise _Refused(400, "the form has not one payload")
    return _object(payloads[0])


def _event(request: Request, body: bytes) -> Mapping[str, Any]:
    """An event.

    Raises:
        _Refused: It is none.
    """
    _check_type(request, _JSON)
    return _object(body.decode())


def _check_type(request: Request, wanted: str) -> None:
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != wanted:
        raise _Refused(400, f"the content type is not {wanted}")


def _object(text: str) -> Mapping[str, Any]:
    try:
        found: object = json.loads(text)
    except (ValueError, RecursionError):
        raise _Refused(400, "this is no JSON") from None
    if not isinstance(found, dict):
        raise _Refused(400, "this is no JSON object")
    return cast("dict[str, Any]", found)


def _challenged(said: Mapping[str, Any]) -> Response:
    """The answer by which Slack knows that the address is the app's."""
    challenge = said.get("challenge")
    if not isinstance(challenge, str):
        raise _Refused(400, "there is no challenge")
    return JSONResponse({"challenge": challenge})


def _answer(reply: Reply) -> Response:
    return Response() if reply.body is None else JSONResponse(dict(reply.body))


def _where(error: Exception) -> str:
    """The kind of an error and where it came up, and nothing that it says."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return type(error).__name__
    return f"{type(error).__name__} in {trace.tb_frame.f_code.co_qualname}:{trace.tb_lineno}"
