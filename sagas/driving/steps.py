"""Moving one step forward, until it is settled or has to wait."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from approvals import Approval
from compensations import InterventionKind
from reversibility import ClassUpgrade, Reversibility, Window
from sagas import decide
from sagas.authoring.action import Action
from sagas.authoring.signatures import is_async
from sagas.clock import ticks
from sagas.divergence import misfit
from sagas.driving.attempts import Callee, Flight, ask_destination, result_entry
from sagas.driving.calling import Raised, Returned, call, describe
from sagas.driving.demands import Site
from sagas.driving.drive import Drive
from sagas.driving.gates import Admitted, Denied, Gates
from sagas.driving.locking import Place, locked
from sagas.driving.log import GateMoved, Withdrawn
from sagas.driving.permits import BEGINS_WITHIN, Permit, permitted
from sagas.driving.windows import close_windows
from sagas.entries import (
    Entry,
    Failed,
    FoundInDoubt,
    Intended,
    Interrupted,
    Succeeded,
)
from sagas.errors import (
    ApprovalExpired,
    ApprovalRejected,
    Deadlock,
    Locked,
    LockTimeout,
    Misfit,
    Parked,
    PayloadError,
    StepFailed,
    StepInterrupted,
)
from sagas.model import Direction, span
from sagas.ports import Op
from sagas.state import Phase, Step


@dataclass(slots=True)
class Call:
    """A step as a body called it.

    Attributes:
        is_closed: Whether nothing new is begun where it was called.
        is_left: Whether the body was left as a whole, so that it calls nothing more.
        because: Why, in the words of the body.
    """

    action: Action[..., Any]
    path: str
    ordinal: int
    arguments: bytes
    is_closed: Callable[[], bool] = bool
    is_left: Callable[[], bool] = bool
    because: str | None = None


@dataclass(frozen=True, slots=True)
class _Attempt:
    """What one attempt is made with."""

    payload: bytes
    arguments: Mapping[str, Any]
    reversibility: Reversibility
    number: int
    key: str
    gate: str | None
    before: bytes | None
    tokens: Mapping[str, int] | None


@dataclass(frozen=True, slots=True)
class _Passed:
    """What lets an attempt be made, and with which arguments."""

    arguments: bytes
    admitted: Admitted | None = None

    @property
    def gate(self) -> str | None:
        return None if self.admitted is None else self.admitted.gate

    @property
    def entries(self) -> list[Entry]:
        return [] if self.admitted is None else [self.admitted.entry]

    @property
    def ops(self) -> list[Op]:
        return [] if self.admitted is None else self.admitted.ops


class Steps:
    """Moves the steps of one saga forward."""

    def __init__(self, drive: Drive, gates: Gates) -> None:
        self._drive = drive
        self._gates = gates

    async def perform(self, call: Call) -> Any:
        """Do a step and return its result, decoded from the bytes that are stored.

        Raises:
            StepFailed: It is known not to have happened; or one of the action's declared errors.
            StepInterrupted: The body had stopped waiting for it.
            Parked: It has to wait for longer than a moment.
        """
        while True:
            step = self._drive.state.steps.get(call.path)
            if step is None or step.forward.phase in (Phase.NONE, Phase.IN_DOUBT):
                if step is not None and step.interrupted:
                    raise StepInterrupted(f"{call.path}: the body had stopped waiting for it")
                try:
                    payload = await self._move(call, step)
                except (Withdrawn, GateMoved):
                    await self._drive.folded()
                    continue
                if payload is not None:
                    return call.action.result.decode(payload)
                continue
            return await self._settled(call, step)

    async def interrupted(self, call: Call) -> None:
        """Record that the body stopped waiting, so that it sees the same when it runs again."""
        with suppress(asyncio.CancelledError):  # a second one says nothing new
            await self._drive.log.commit(
                Interrupted(
                    path=call.path,
                    ordinal=call.ordinal,
                    action=call.action.name,
                    version=call.action.version,
                    payload=call.arguments,
                    sensitive=list(call.action.sensitive) or None,
                )
            )

    async def advance(self, call: Call) -> Step:
        """Move a step until nothing is open about it.

        Raises:
            Parked: It has to wait for longer than a moment.
        """
        while True:
            step = self._drive.state.steps.get(call.path)
            if step is not None and step.forward.phase not in (Phase.NONE, Phase.IN_DOUBT):
                return step
            try:
                await self._move(call, step)
            except (Withdrawn, GateMoved):
                await self._drive.folded()

    async def _settled(self, call: Call, step: Step) -> Any:
        if step.interrupted:
            raise StepInterrupted(f"{call.path}: the body had stopped waiting for it")
        if step.forward.phase is Phase.FAILED:
            raise failure(call.action, step)
        if step.forward.phase is not Phase.SUCCEEDED:
            raise Parked
        if step.result is None:
            await self._unstorable(step)
        try:
            return call.action.result.recall(step.result or b"null")
        except Misfit as error:
            self._drive.diverged = self._drive.diverged or misfit(error, call.path)
            raise Parked from None

    async def _move(self, call: Call, step: Step | None) -> bytes | None:
        """Make the next move; the result's bytes if the step just succeeded."""
        await close_windows(self._drive)
        move = decide.Act(1) if step is None else self._decide(call, step)
        if isinstance(move, decide.Act):
            asked = self._drive.state.question_about(call.path) is not None
            if asked or self._drive.closing or call.is_left():
                raise Parked
            return await self._act(call, step, move.attempt)
        if step is not None:
            await self._resolve(call, step, move)
        return None

    def _decide(self, call: Call, step: Step) -> decide.Move:
        state, saga = self._drive.state, self._drive.saga
        known = step.reversibility if step.forward.attempts else self._class(call)
        return decide.forward(
            step.forward,
            call.action.policy(known),
            self._drive.present(),
            past_pivot=not decide.may_unwind(state, saga.after_pivot),
        )

    async def _resolve(self, call: Call, step: Step, move: decide.Move) -> None:
        """Deal with doubt."""
        drive = self._drive
        match move:
            case decide.Probe(counts):
                await self._probe(call, step, counts=counts)
            case decide.Wait(until):
                if drive.closing:
                    raise Parked
                await drive.rest(until)
            case decide.KnownAbsent(reason):
                await drive.log.commit(_known_absent(step, reason))
            case decide.Unwind(reason):
                await drive.begin_unwind(f"{call.path} is in doubt {reason}", "in-doubt")
                raise Parked
            case decide.Ask(reason):
                await self._ask(call, reason)
            case _:
                raise Parked

    # --- acting -------------------------------------------------------------------------------

    async def _act(self, call: Call, step: Step | None, attempt: int) -> bytes | None:
        tokens: dict[str, int] | None = None
        if call.action.locks is not None and attempt == 1:
            tokens = await self._lock(call, attempt)
            if tokens is None:
                return None
        if not call.action.limits:
            return await self._attempt(call, step, attempt, None, tokens)
        permit = await self._permit(call, step, attempt)
        if permit is None:
            return None
        try:
            return await self._attempt(call, step, attempt, permit, tokens)
        finally:
            permit.unused()

    async def _lock(self, call: Call, attempt: int) -> dict[str, int] | None:
        """The tokens of the call's locks; None if the step has moved on."""
        drive, action = self._drive, call.action
        passed = await self._admission(call, self._class(call), attempt)
        if passed is None:
            return None  # a gate may stand open for days: nothing is locked for it
        arguments = action.inputs.decode(passed.arguments)
        place = Place(action, call.path, call.ordinal, call.arguments)
        tokens = await locked(drive, place, arguments)
        if tokens is None or not self._is_still(call, attempt):
            return None
        if drive.closing or call.is_left() or call.is_closed():
            raise Parked  # it was asked for meanwhile, or another branch failed
        return tokens

    async def _permit(self, call: Call, step: Step | None, attempt: int) -> Permit | None:
        """Wait for the call's permits; None if the step has moved on."""
        drive, action = self._drive, call.action
        passed = await self._admission(call, self._class(call), attempt)
        if passed is None:
            return None  # a gate may stand open for days: no permit is kept meanwhile
        arguments = action.inputs.decode(passed.arguments)
        options = action.options
        reads = action.image is not None and attempt == 1
        permit = await permitted(
            drive,
            action.limits,
            arguments,
            holder=step.forward.key if step and step.forward.key else self._key(call),
            timeout=options.timeout,
            begins_within=BEGINS_WITHIN + (options.timeout if reads else timedelta()),
        )
        if permit is not None and not self._is_still(call, attempt):
            permit.unused()
            return None
        if permit is not None and attempt == 1 and call.is_closed():
            permit.unused()
            raise Parked  # another branch failed in the meantime
        return permit

    def _is_still(self, call: Call, attempt: int) -> bool:
        """Whether this attempt is what comes next: a late answer may have settled the step."""
        step = self._drive.state.steps.get(call.path)
        move = decide.Act(1) if step is None else self._decide(call, step)
        return move == decide.Act(attempt)

    def _key(self, call: Call) -> str:
        return self._drive.key(call.path, Direction.DO)

    async def _attempt(
        self,
        call: Call,
        step: Step | None,
        attempt: int,
        permit: Permit | None,
        tokens: Mapping[str, int] | None,
    ) -> bytes | None:
        drive, action = self._drive, call.action
        asked = step.intended_as if attempt > 1 and step else self._class(call)
        passed = await self._admission(call, asked, attempt)
        if passed is None:
            return None
        arguments = action.inputs.decode(passed.arguments)
        before = await self._before(call, arguments) if attempt == 1 else None
        if passed.ops and action.image is not None:  # reading took its time: is it approved still?
            again = await self._admission(call, asked, attempt)
            if again is None or again.arguments != passed.arguments:
                return None
            passed = again
        known = step.forward.key if step is not None else ""
        attempted = _Attempt(
            payload=passed.arguments,
            arguments=arguments,
            reversibility=asked if attempt > 1 else self._class(call, arguments),
            number=attempt,
            key=known or self._key(call),
            gate=passed.gate,
            before=None if isinstance(before, Failed) else before,
            tokens=tokens,
        )
        if not set(action.conflict_keys(arguments) if tokens is not None else ()) <= set(
            tokens or ()
        ):
            return None  # people have changed what it touches
        since = self._ready(attempted.reversibility)
        intent = self._intent(call, step, attempted)
        if drive.closing or call.is_left():
            raise Parked  # it was asked for while a gate or the before-image was looked at
        if isinstance(before, Failed):
            await drive.log.commit(*passed.entries, intent, before, ops=passed.ops, guarded=True)
            return None
        try:
            await drive.log.commit(*passed.entries, intent, ops=passed.ops, guarded=True)
        except asyncio.CancelledError:
            self._never_called(call.path)
            raise
        return await self._fly(call, attempted, permit, since)

    def _ready(self, reversibility: Reversibility) -> int:
        """See that the lease lasts, and what the ticks say, as an intent is made.

        Raises:
            LogClosed: It may not last.
        """
        return self._drive.ready() if reversibility.has_effect else ticks()

    async def _admission(
        self, call: Call, reversibility: Reversibility, attempt: int
    ) -> "_Passed | None":
        """What the unit of the intent must also say about a gate; None if the step was denied.

        Args:
            reversibility: The class of the call as the body makes it: an edit opens no way around.
        """
        step = self._drive.state.steps.get(call.path)
        known = step is not None and step.forward.attempts > 0
        arguments = step.given(Direction.DO) if step is not None and known else call.arguments
        own = call.action.gate(reversibility)
        if not self._is_asked(call, own):
            return _Passed(arguments)
        if attempt > 1 and step is not None and await self._gates.lets_repeat(step.forward):
            return _Passed(arguments)
        site = Site(
            call.path,
            call.ordinal,
            Direction.DO,
            call.action.name,
            call.action.version,
            call.arguments,
            call.action.stakes(call.action.inputs.decode(call.arguments), reversibility),
            call.because,
            revised=self._gates.revised(call.path, Direction.DO),
        )
        match await self._gates.admit(site, own):
            case None:
                return _Passed(arguments)
            case Admitted() as admitted:
                return _Passed(admitted.arguments, admitted)
            case Denied(error, reason):
                step = self._drive.state.steps.get(call.path)
                if step is not None and step.forward.doubt:  # it was called before there was a gate
                    await self._ask(call, f"{error}: {reason}")
                await self._drive.log.commit(
                    Failed(path=call.path, error=error, message=reason, via="gate")
                )
                return None

    def _is_asked(self, call: Call, own: Approval | None) -> bool:
        """Whether it has to be found out if an approval is needed."""
        return (
            own is not None
            or bool(self._drive.environment.policies)
            or self._gates.concern(call.path, call.action.name)
        )

    def _intent(self, call: Call, step: Step | None, attempted: "_Attempt") -> Intended:
        drive, action = self._drive, call.action
        before, news = attempted.before, _news(call, step, attempted)
        keys = action.conflict_keys(attempted.arguments)
        return Intended(
            path=call.path,
            ordinal=call.ordinal,
            action=action.name,
            version=action.version,
            reversibility=attempted.reversibility.value,
            attempt=attempted.number,
            key=attempted.key,
            generation=drive.state.generation,
            latest_end=drive.present()
            + span(
                action.options.timeout
                + decide.starts_within(step.forward if step is not None else None)
            ),
            gate=attempted.gate or (step.forward.gate if step is not None else None),
            waiver=action.waiver,
            before=None if before is None else before.decode(),
            sensitive_before=None if before is None else _secret_before(action),
            conflicts=keys or None,
            tokens=_tokens(attempted, keys),
            after=list(action.after) or None,
            window=_window(action, attempted),
            payload=news,
            sensitive=None if news is None else list(action.sensitive) or None,
        )

    async def _fly(
        self, call: Call, attempted: "_Attempt", permit: Permit | None, since: int
    ) -> bytes | None:
        drive, action = self._drive, call.action
        step = drive.state.steps[call.path]
        flight = Flight(
            drive,
            step,
            Callee(
                Direction.DO,
                action.options,
                action.policy(step.reversibility),
                lambda value: result_entry(action, call.path, value),
            ),
            since=since,
        )
        info = drive.info(step, Direction.DO, attempted.key, attempted.number)
        # Read once more: whoever looked at the arguments meanwhile may have changed them.
        arguments = action.inputs.decode(attempted.payload)
        flight.launch(action.fn, arguments, info, permit)
        concluded = await flight.wait()
        if isinstance(concluded.entry, Succeeded) and concluded.entry.payload is not None:
            return concluded.entry.payload  # it becomes durable with whatever comes next
        await drive.log.durable(concluded.submission)
        return None

    def _class(self, call: Call, arguments: Mapping[str, object] | None = None) -> Reversibility:
        """The class of a call, computed from its arguments where the action says so."""
        decoded = arguments if arguments is not None else call.action.inputs.decode(call.arguments)
        try:
            return call.action.classified(decoded)
        except ClassUpgrade:
            return call.action.options.reversibility

    async def _before(self, call: Call, arguments: Mapping[str, object]) -> bytes | Failed | None:
        """The before-image; what is to be journaled instead, if it could not be read or stored."""
        image = call.action.image
        if image is None:
            return None
        drive = self._drive
        info = drive.info(
            Step(call.path, call.ordinal, call.action.name, call.action.version, call.arguments),
            Direction.DO,
            drive.key(call.path, Direction.DO),
            1,
        )
        answer = await call_reader(image.fn, image.binding.arguments(arguments), info, call.action)
        reason = describe(answer.error) if isinstance(answer, Raised) else "no answer in time"
        if isinstance(answer, Returned):
            try:
                return image.codec.encode(answer.value)
            except PayloadError as error:
                reason = str(error)
        return Failed(path=call.path, error="BeforeImageUnread", message=reason, via="before")

    # --- doubt --------------------------------------------------------------------------------

    async def _probe(self, call: Call, step: Step, *, counts: bool) -> None:
        probe = call.action.asks
        if probe is None:
            raise Parked
        info = self._drive.info(step, Direction.DO, step.forward.key, step.forward.attempts)
        await ask_destination(
            self._drive,
            probe,
            call.action.inputs.decode(step.given(Direction.DO)),
            info,
            direction=Direction.DO,
            counts=counts,
            found=lambda value: found_entry(call.action, call.path, value),
            limited=call.action.inputs.decode(step.given(Direction.DO)),
        )

    async def _ask(self, call: Call, reason: str) -> None:
        if self._drive.closing:
            raise Parked  # what an unwind needs to know, it asks itself
        await self._drive.ask_and_park(
            InterventionKind.IN_DOUBT,
            f"did {call.action.name} take effect?",
            reason,
            path=call.path,
            direction=Direction.DO,
            wants_result=call.action.shape.result is not type(None),
        )

    async def _unstorable(self, step: Step) -> None:
        """The effect happened, its result is lost: the body cannot go on without it."""
        drive = self._drive
        reason = f"{step.path} took effect, but its result cannot be stored: {step.unstorable}"
        await close_windows(drive)
        if decide.may_unwind(drive.state, drive.saga.after_pivot):
            await drive.begin_unwind(reason, "unstorable-result")
            raise Parked
        await drive.ask_and_park(InterventionKind.UNUSABLE_RESULT, reason, step.unstorable or "")

    def _never_called(self, path: str) -> None:
        """The intent became durable, but its call was cancelled before it was made.

        That says nothing about an earlier attempt that is in doubt.
        """
        step = self._drive.state.steps.get(path)
        if step is None or step.forward.phase is not Phase.INTENDED:
            return
        reason = "cancelled before the call"
        entry: Entry = Failed(path=path, error="Cancelled", message=reason, via="cancel")
        if step.forward.doubt:
            entry = FoundInDoubt(
                path=path,
                direction=Direction.DO,
                reason=step.forward.message or reason,
                ended=step.forward.last_end,
                observed=False,
            )
        self._drive.log.emit(entry)


async def call_reader(
    fn: Any, arguments: Mapping[str, Any], info: Any, action: Action[..., Any]
) -> Any:
    """Call a function that only reads."""
    return await call(fn, arguments, info, is_async=is_async(fn), timeout=action.options.timeout)


def found_entry(action: Action[..., Any], path: str, value: Any) -> Succeeded:
    """The entry for what a probe found."""
    result = None if action.shape.result is type(None) else value
    return result_entry(action, path, result, via="probe")


_LOCK_ERRORS = {"Deadlock": Deadlock, "LockTimeout": LockTimeout}


def failure(action: Action[..., Any], step: Step) -> Exception:
    """A recorded failure as the exception that the body sees, the same live and replayed.

    Only classes that the action itself declares are rebuilt; nothing is imported by name.
    """
    kind, message = step.forward.error or "Failed", step.forward.message or ""
    if step.forward.via == "gate":
        gate_error = ApprovalExpired if kind == "ApprovalExpired" else ApprovalRejected
        return gate_error(step.path, kind, message)
    if step.forward.via == "lock":
        return _LOCK_ERRORS.get(kind, Locked)(step.path, kind, message)
    plain = StepFailed(step.path, kind, message, step.data)
    for known in action.options.known_errors:
        if known.__name__ == kind and issubclass(known, Exception):
            return _rebuilt(known, step.data, message, plain)
    return plain


def _rebuilt(
    known: type[Exception], data: list[object] | None, message: str, plain: StepFailed
) -> Exception:
    try:
        error = known(*data) if data is not None else known(message)
    except Exception:  # noqa: BLE001  a constructor of the user's own
        return plain
    error.__cause__ = plain
    return error


def _secret_before(action: Action[..., Any]) -> list[str] | None:
    return None if action.image is None else list(action.image.codec.sensitive) or None


def _window(action: Action[..., Any], attempted: _Attempt) -> Window | None:
    """What limits the undo; later attempts have the window of the first."""
    first = attempted.number == 1 and attempted.reversibility.is_undoable
    return action.window if first else None


def _tokens(attempted: _Attempt, keys: list[str]) -> list[int] | None:
    """The tokens of the locks, in the order of the keys."""
    return [attempted.tokens[key] for key in keys] if attempted.tokens else None


def _known_absent(step: Step, reason: str) -> Failed:
    error = step.forward.error or "NotExecuted"
    via = "call" if step.forward.error or not step.forward.absent else "probe"
    return Failed(path=step.path, error=error, message=step.forward.message or reason, via=via)


def _news(call: Call, step: Step | None, attempted: _Attempt) -> bytes | None:
    """The arguments, where the journal does not have them yet: without a gate, or revised there."""
    if step is None:
        return attempted.payload
    return attempted.payload if attempted.payload != step.given(Direction.DO) else None
