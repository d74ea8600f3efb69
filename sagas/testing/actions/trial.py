"""One step in a world of its own: its functions, called as a saga would call them.

Touches: the world, by way of the action; the event loop.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from pydantic import JsonValue

from compensations import Residue
from reversibility import Reversibility
from sagas.authoring.action import Action, Compensation, Probe
from sagas.authoring.context import StepInfo
from sagas.authoring.options import Options
from sagas.authoring.signatures import is_async
from sagas.driving.calling import Answer, Raised, Returned, TimedOut, call, describe
from sagas.errors import NotExecuted, PayloadError
from sagas.model import Direction, idempotency_key
from sagas.testing.actions.findings import Finding, shown_input, text_of
from sagas.testing.actions.watching import Watched
from sagas.testing.errors import Leak
from sagas.testing.world import Effect

MOST_ATTEMPTS = 3
"""How often a lost answer is asked for again; a world that loses more shows nothing."""


class Told(StrEnum):
    """What a call told its caller."""

    DONE = "done"
    REFUSED = "refused"
    """A definite error: nothing happened."""
    LOST = "lost"
    """Any other error, or no answer in time: nobody knows."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of a call.

    Attributes:
        payload: The bytes of an action's result; None if it cannot be stored.
        is_transport: Whether what went wrong is a matter of the way there and back.
    """

    told: Told
    value: Any = None
    payload: bytes | None = None
    error: str = ""
    is_transport: bool = False


class Trial:
    """One step: everything about it is asked and recorded here.

    Args:
        number: Which trial of the check it is; part of its keys.
    """

    def __init__(
        self, action: Action[..., Any], world: Watched, encoded: bytes, *, number: int, seed: int
    ) -> None:
        self.action = action
        self.world = world
        self.begun: JsonValue = None
        self._encoded = encoded
        self._journal = f"check-{seed}"
        self._saga = f"check-{number}"
        self._said: list[str] = []

    async def begin(self) -> "Trial":
        """Reset the world.

        Raises:
            WorldNotReset: It remembers something.
        """
        self.begun = await self.world.reset()
        return self

    # --- what it is about ---------------------------------------------------------------------

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments, decoded anew, so that nothing that is done to them goes any further."""
        return self.action.inputs.decode(self._encoded)

    @property
    def reversibility(self) -> Reversibility:
        """The class for these arguments."""
        return self.action.classified(self.arguments)

    def key(self, direction: Direction = Direction.DO, *, ordinal: int = 1) -> str:
        """The key of the step, or of another call of the same action in the same saga."""
        return idempotency_key(self._journal, self._saga, self._path(ordinal), direction, 0)

    def _path(self, ordinal: int) -> str:
        return f"check/{self.action.short_name}#{ordinal}"

    async def finding(self, rule: str, detail: str) -> Finding:
        """A rule that this trial breaks."""
        return Finding(
            rule,
            detail,
            shown_input(self._encoded),
            ", ".join(line.partition(" -> ")[0] for line in self._said) or "nothing was called",
            tuple(self._said),
            tuple(await self.world.ledger()),
        )

    async def effects(self, direction: Direction) -> list[Effect]:
        """What the world did in that direction."""
        return [effect for effect in await self.world.ledger() if effect.direction == direction]

    # --- calling it ---------------------------------------------------------------------------

    async def do(self, attempt: int = 1, *, ordinal: int = 1) -> Answered:
        """Call the action."""
        info = self._info(Direction.DO, attempt, ordinal=ordinal)
        told = await self._call(self.action.fn, self.arguments, info, self.action.options)
        if told.told is not Told.DONE:
            return told
        try:
            return Answered(Told.DONE, told.value, self.action.result.encode(told.value))
        except PayloadError as error:
            return Answered(Told.DONE, told.value, None, str(error))

    async def undo(
        self, undo: Compensation, result: bytes | None, before: bytes | None, attempt: int = 1
    ) -> Answered:
        """Call the compensation.

        Args:
            result: The bytes of the action's result; None if nobody knows it.
            before: The bytes of the before-image, if there is one.
        """
        given = self._undo_arguments(undo, result, before)
        return await self._call(undo.fn, given, self._info(Direction.UNDO, attempt), undo.options)

    async def read_before(self) -> Answered:
        """Call the before-image reader, if there is one."""
        image = self.action.image
        if image is None:
            return Answered(Told.DONE)
        given = image.binding.arguments(self.arguments)
        info = self._info(Direction.DO, 1)
        told = await self._call(image.fn, given, info, self.action.options, what="before")
        if told.told is not Told.DONE:
            return told
        try:
            return Answered(Told.DONE, told.value, image.codec.encode(told.value))
        except PayloadError as error:
            return Answered(Told.LOST, error=str(error))

    async def probe(self) -> Answered:
        """Ask the action's probe; what it found, if anything, is the payload.

        For an action that returns nothing, `null` says that it was found.
        """
        asks = self.action.asks
        if asks is None:
            return Answered(Told.DONE)
        given = asks.binding.arguments(self.arguments)
        told = await self._ask(asks, given, self._info(Direction.DO, 1))
        if told.told is not Told.DONE or told.value is None or told.value is False:
            return told
        found = None if self.action.shape.result is type(None) else told.value
        try:
            return Answered(Told.DONE, told.value, self.action.result.encode(found))
        except PayloadError as error:
            return Answered(Told.LOST, error=str(error))

    async def probe_undo(
        self, undo: Compensation, result: bytes | None, before: bytes | None
    ) -> Answered:
        """Ask the compensation's own probe."""
        asks = undo.asks
        if asks is None:
            return Answered(Told.DONE)
        given = asks.binding.arguments(self._undo_arguments(undo, result, before))
        return await self._ask(asks, given, self._info(Direction.UNDO, 1))

    async def after(self, lag: timedelta) -> None:
        """Let the lag of a probe pass."""
        self._said.append(f"wait {lag.total_seconds():g} s")
        await asyncio.sleep(lag.total_seconds())

    # --- how it is called ---------------------------------------------------------------------

    def _undo_arguments(
        self, undo: Compensation, result: bytes | None, before: bytes | None
    ) -> dict[str, object]:
        image = self.action.image
        seen = image.codec.decode(before) if image is not None and before is not None else None
        value = self.action.result.decode(result) if result is not None else None
        return undo.binding.arguments(self.arguments, result=value, before=seen)

    def _info(self, direction: Direction, attempt: int, *, ordinal: int = 1) -> StepInfo:
        undone = self.key() if direction is Direction.UNDO else None
        path = self._path(ordinal)
        return StepInfo(
            self._saga, path, attempt, direction, self.key(direction, ordinal=ordinal), undone
        )

    async def _ask(self, asks: Probe, given: Mapping[str, Any], info: StepInfo) -> Answered:
        answer = await self._answer(asks.fn, given, info, asks.timeout)
        told = _told(answer, None)
        self._say(f"probe {asks.fn.__name__}", told)
        return told

    async def _call(
        self,
        fn: Callable[..., Any],
        given: Mapping[str, Any],
        info: StepInfo,
        options: Options,
        *,
        what: str = "",
    ) -> Answered:
        answer = await self._answer(fn, given, info, options.timeout)
        told = _told(answer, options)
        times = f" attempt {info.attempt}" if info.attempt > 1 else ""
        other = f" as {info.path}" if info.path != self._path(1) else ""
        self._say(f"{what or info.direction.value} {fn.__name__}{times}{other}", told)
        return told

    async def _answer(
        self, fn: Callable[..., Any], given: Mapping[str, Any], info: StepInfo, timeout: timedelta
    ) -> Answer:
        answer = await call(fn, given, info, is_async=is_async(fn), timeout=timeout)
        if isinstance(answer, TimedOut) and answer.abandoned:
            raise Leak(
                f"{fn.__name__} goes on after its time ({timeout.total_seconds():g} s) was up, and "
                "would have its effect in a later run: raise timeout=, or let it give up by itself"
            )
        return answer

    def _say(self, called: str, told: Answered) -> None:
        answer = text_of(told.value) if told.told is Told.DONE else f"{told.told}: {told.error}"
        self._said.append(f"{called} -> {answer}")


def _told(answer: Answer, options: Options | None) -> Answered:
    match answer:
        case Returned(value):
            return Answered(Told.DONE, value)
        case TimedOut():
            return Answered(Told.LOST, error="no answer in time", is_transport=True)
        case Raised(error):
            text = describe(error)
            shown = f"{type(error).__name__}: {text}" if text else type(error).__name__
            if isinstance(error, NotExecuted) or (options and _is_definite(options, error)):
                return Answered(Told.REFUSED, error=shown)
            return Answered(Told.LOST, error=shown, is_transport=isinstance(error, OSError))


def _is_definite(options: Options, error: BaseException) -> bool:
    try:
        return options.is_definite(error)
    except Exception:  # noqa: BLE001  a predicate is user code: if it fails, nothing is definite
        return False


def residue_of(undo: Compensation, value: object) -> str | None:
    """What an undo says remains, if it says so."""
    if isinstance(value, Residue):
        return str(value) if value.remains else None
    if undo.estimator is not None:
        return f"as {undo.estimator.name} estimates it"
    return None if undo.residue is None else str(undo.residue)
