"""One attempt at a call, from the call to the entry that says what became of it.

The entry is written by the attempt itself, not by whoever waits for it: a body may be gone by the
time its partner answers.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any

from pydantic_core import from_json

from compensations import Residue
from compensations.residue import settle as settle_residue
from sagas import decide
from sagas.authoring.action import Action, Options, Probe
from sagas.authoring.context import StepInfo
from sagas.authoring.signatures import is_async
from sagas.clock import ticks
from sagas.decide import CallPolicy
from sagas.driving.calling import (
    Answer,
    Attempt,
    Raised,
    Returned,
    TimedOut,
    call,
    describe,
    plain_arguments,
)
from sagas.driving.drive import Drive, first_line
from sagas.driving.estimating import estimate
from sagas.driving.log import LogClosed, Submission
from sagas.driving.permits import Permit, permitted
from sagas.driving.reports import LATE, matters
from sagas.entries import (
    Compensated,
    CompensationFailed,
    Entry,
    Failed,
    FoundInDoubt,
    Postponed,
    Probed,
    Succeeded,
)
from sagas.errors import NotExecuted, Parked, PayloadError
from sagas.model import Direction, span
from sagas.payloads import check_bytes
from sagas.ports import LateAnswer
from sagas.state import Phase, Step, Track

log = logging.getLogger("sagas")


@dataclass(slots=True)
class Concluded:
    """What became of an attempt: the entry that says so, on its way to the journal."""

    entry: Entry
    submission: Submission


@dataclass(frozen=True, slots=True)
class Callee:
    """What is called, and how its answers are understood.

    Attributes:
        encode: Makes the entry of a successful return.
    """

    direction: Direction
    options: Options
    policy: CallPolicy
    encode: Callable[[Any], Succeeded | Compensated]


class Flight:
    """An attempt under way.

    Args:
        since: By the ticks, when its intent was made.
    """

    _info: StepInfo

    def __init__(self, drive: Drive, step: Step, callee: Callee, *, since: int) -> None:
        self._drive = drive
        self._since = since
        self._step = step
        self._callee = callee
        self._done: asyncio.Future[None] | None = None
        self._attempt: Attempt | None = None
        self._permit: Permit | None = None
        self._concluded: Concluded | None = None

    @property
    def track(self) -> Track:
        """The call's life so far."""
        return self._step.track(self._callee.direction)

    def launch(
        self,
        fn: Callable[..., Any],
        arguments: Mapping[str, Any],
        info: StepInfo,
        permit: Permit | None = None,
    ) -> None:
        """Call the function; `wait` tells what became of it, and the permit is given back then.

        It is not called if an earlier attempt answered late in the meantime, nor if the journal
        took so long that the call could outlast what its intent says.
        """
        self._info = info
        if self._take_heard() or self._begins_too_late():
            if permit is not None:
                permit.ended()
            return
        self._drive.begin()
        if permit is not None:
            self._permit, fn = permit, permit.carried(fn)
        self._attempt = Attempt(
            self._watched(fn, info),
            arguments,
            info,
            is_async=is_async(fn) or self._drive.environment.faults is not None,
            timeout=self._callee.options.timeout,
            finished=self._finished,
            late=self._late,
        )
        if not self._has_effect:
            self._drive.readers.add(self._attempt.cancel)

    def _begins_too_late(self) -> bool:
        drive = self._drive
        late = ticks() - self._since
        if not self._has_effect or (late <= span(decide.starts_within(self.track)) and drive.holds):
            return False
        log.warning(
            "%s: it took %.1f s to write the intent of %s, which is not called under it",
            drive.saga_id,
            late / 1_000_000,
            self._step.path,
        )
        entry = Postponed(
            **self._where,
            error="NotExecuted",
            message="its intent took too long to be written, so it was not called",
            until=drive.present(),
            made=False,
        )
        try:
            self._concluded = Concluded(entry, drive.log.emit(entry))
        except LogClosed:
            self._concluded = Concluded(entry, _unwritten())
        drive.news += 1
        return True

    @property
    def _has_effect(self) -> bool:
        return self._callee.policy.reversibility.has_effect

    async def wait(self) -> Concluded:
        """Wait for the end; a cancellation of the waiter leaves the attempt alone."""
        while self._concluded is None:
            self._done = asyncio.get_running_loop().create_future()
            await self._done
        return self._concluded

    def _watched(self, fn: Callable[..., Any], info: StepInfo) -> Callable[..., Any]:
        """The function between its two fault points, if there are any."""
        faults = self._drive.environment.faults
        if faults is None:
            return fn
        asynchronous = is_async(fn)

        async def watched(**arguments: Any) -> Any:
            call = partial(fn if asynchronous else partial(asyncio.to_thread, fn), **arguments)
            step = self._step
            return await faults.called(
                info.saga_id,
                info.path,
                call,
                action=(step.action, step.version),
                reversibility=self._callee.policy.reversibility,
                arguments=arguments,
            )

        return watched

    def _finished(self, answer: Answer) -> None:
        if self._attempt is not None:
            self._drive.readers.discard(self._attempt.cancel)
        abandoned = isinstance(answer, TimedOut) and answer.abandoned
        if abandoned:
            self._drive.environment.abandoned += 1
        if self._permit is not None:
            self._permit.ended(goes_on=abandoned)
        if not self._take_heard():
            self._conclude(answer)
        self._drive.news += 1
        self._drive.finish()
        if self._done is not None and not self._done.done():
            self._done.set_result(None)

    def _conclude(self, answer: Answer) -> None:
        entry = self._entry(answer)
        try:
            submission = self._drive.log.emit(entry, ops=self._drive.survived())
        except LogClosed:
            submission = _unwritten()
            self._concluded = Concluded(self._in_doubt("the journal is closed"), submission)
        else:
            self._concluded = Concluded(entry, submission)
            if isinstance(answer, Returned):
                self._drive.heard[self._info.idempotency_key] = (entry, submission)
        if isinstance(entry, Succeeded | Compensated) and self._has_effect:
            late = self._success(entry)  # for whoever owns the saga, if this process does no more
            self._drive.environment.reports.tell_unless(submission, late)

    def _take_heard(self) -> bool:
        """Whether an earlier attempt answered late; then nothing more is said of the call."""
        heard = self._drive.heard.get(self._info.idempotency_key)
        if heard is not None:
            self._concluded = Concluded(*heard)
        return heard is not None

    def _late(self, answer: Answer) -> None:
        """An abandoned call answered after all; a success is never passed over.

        Any other answer says only that it goes on no longer.
        """
        drive = self._drive
        drive.environment.abandoned -= 1
        if self._permit is not None:
            self._permit.ended()
        if not self._has_effect:
            return
        if not isinstance(answer, Returned):
            self._over()
            return
        entry = self._callee.encode(answer.value)
        late = self._success(entry)
        if not drive.hears:
            drive.environment.reports.tell(late)
        elif (late.unprotected or late.key not in drive.heard) and matters(drive.state, late):
            self._hear(replace(entry, via="late"), late)

    def _hear(self, entry: Succeeded | Compensated, late: LateAnswer) -> None:
        drive = self._drive
        if isinstance(entry, Succeeded) and late.unprotected and self.track.attempts > 1:
            entry = replace(entry, second=True)
        closed, ops = drive.without_question(late.path, late.direction, LATE)
        submission = drive.log.emit(*closed, entry, ops=ops)
        drive.heard.setdefault(late.key, (entry, submission))
        drive.environment.reports.tell_unless(submission, late)
        drive.surprised(submission)

    def _over(self) -> None:
        drive, info = self._drive, self._info
        late = LateAnswer(
            info.saga_id,
            info.path,
            info.direction,
            info.idempotency_key,
            info.attempt,
            None,
            happened=False,
        )
        if not drive.hears:
            drive.environment.reports.tell(late)
            return
        entries, ops = drive.over_at_last(late.path, late.direction, drive.now())
        submission = drive.log.emit(*entries, ops=ops)
        drive.environment.reports.tell_unless(submission, late)
        drive.surprised(submission)

    def _success(self, entry: Succeeded | Compensated) -> LateAnswer:
        info = self._info
        return LateAnswer(
            info.saga_id,
            info.path,
            info.direction,
            info.idempotency_key,
            info.attempt,
            entry.payload,
            entry.unstorable if isinstance(entry, Succeeded) else None,
            decide.outlived_its_key(self.track, self._callee.policy, self._drive.now()),
        )

    @property
    def _where(self) -> dict[str, Any]:
        return {"path": self._step.path, "direction": self._callee.direction.value}

    def _entry(self, answer: Answer) -> Entry:
        match answer:
            case Returned(value):
                return self._callee.encode(value)
            case TimedOut(abandoned):
                limit = self._callee.options.timeout.total_seconds()
                return self._in_doubt(f"no answer within {limit:g} s", running=abandoned)
            case Raised(error):
                return self._raised(error)

    def _raised(self, error: BaseException) -> Entry:
        text = describe(error)
        definite = isinstance(error, NotExecuted) or self._is_definite(error)
        if not definite or not decide.answer_settles(
            self.track, self._callee.policy, self._drive.present()
        ):
            return self._in_doubt(
                f"{type(error).__name__}: {text}" if text else type(error).__name__
            )
        until = self._again_at(error)
        if until is not None:
            return Postponed(**self._where, error=type(error).__name__, message=text, until=until)
        if self._callee.direction is Direction.UNDO:
            return CompensationFailed(
                path=self._step.path, error=type(error).__name__, message=text
            )
        return Failed(
            path=self._step.path,
            error=type(error).__name__,
            message=text,
            data=plain_arguments(error),
        )

    def _is_definite(self, error: BaseException) -> bool:
        try:
            return self._callee.options.is_definite(error)
        except Exception:  # noqa: BLE001  a predicate is user code: if it fails, nothing is definite
            return False

    def _again_at(self, error: BaseException) -> int | None:
        """From when on a refused call may be repeated: if it says so, or to undo."""
        if self.track.failures + 1 >= self._callee.policy.retry.attempts:
            return None
        if isinstance(error, NotExecuted) and error.retry_after is not None:
            return self._drive.present() + span(error.retry_after)
        if self._callee.direction is Direction.UNDO:
            wait = self._callee.policy.retry.delay(self.track.failures + 1, salt=self.track.key)
            return self._drive.present() + span(wait)
        return None

    def _in_doubt(self, reason: str, *, running: bool = False) -> FoundInDoubt:
        return FoundInDoubt(
            path=self._step.path,
            direction=self._callee.direction,
            reason=reason,
            ended=self._drive.present(),
            observed=True,
            running=running,
        )


def _unwritten() -> Submission:
    submission = Submission((), (), guarded=False)
    submission.resolve(LogClosed())
    return submission


def result_entry(action: Action[..., Any], path: str, value: Any, via: str = "call") -> Succeeded:
    """The entry for a result: its bytes, or that it cannot be stored. The effect is never forgotten."""
    try:
        payload = action.result.encode(value)
        return Succeeded(
            path=path,
            via=via,
            payload=payload,
            sensitive=list(action.sensitive_result) or None,
            closes_at=action.closes_at(payload),
        )
    except PayloadError as error:
        return Succeeded(path=path, via=via, unstorable=first_line(str(error)))
    except Exception as error:  # noqa: BLE001  comparing and printing a value is user code
        return Succeeded(path=path, via=via, unstorable=first_line(describe(error)) or "unreadable")


def residue_entry(
    action: Action[..., Any], step: Step, value: Any, via: str = "call"
) -> Compensated:
    """The entry for an undo that took effect, with what remains: what it said, or as estimated."""
    returned = value if isinstance(value, Residue) else None
    expected = None if returned is not None else estimate(action, step).to_record
    residue = settle_residue(returned, expected)
    if residue is None:
        return Compensated(path=step.path, via=via)
    asks = action.undo is not None and action.undo.asks_sign_off(residue)
    return Compensated(path=step.path, via=via, sign_off=asks or None, payload=_stored(residue))


def _stored(residue: Residue) -> bytes:
    """A residue's bytes; one that could not be read again is replaced by a statement of that."""
    try:
        payload = residue.model_dump_json(exclude_none=True).encode()
        check_bytes(payload, "the residue")
        Residue(**from_json(payload))
    except Exception as error:  # noqa: BLE001  the undo took effect, whatever it says remains
        unreadable = Residue(f"something that cannot be stored: {first_line(describe(error))}")
        return unreadable.model_dump_json(exclude_none=True).encode()
    return payload


async def ask_destination(
    drive: Drive,
    probe: Probe,
    arguments: Mapping[str, object],
    info: StepInfo,
    *,
    direction: Direction,
    counts: bool,
    found: Callable[[Any], Entry],
    limited: Mapping[str, object],
) -> None:
    """Run a probe and journal its answer as evidence; what it found settles the call.

    Args:
        limited: The action's own inputs, on which the keys of limits are computed.

    Raises:
        Parked: It has to wait for a permit.
    """
    given = probe.binding.arguments(arguments)
    phase = _phase(drive, info, direction)
    answer = await _probe_until_answered(drive, probe, given, info, limited)
    while not drive.log.is_drained:  # what the call told meanwhile may be on its way
        await drive.log.drained()
    if _phase(drive, info, direction) is not phase:
        drive.news += 1
        return  # the call itself has answered meanwhile, and an outcome is told once

    def probed(said: str, *, counts: bool, message: str | None = None) -> Probed:
        return Probed(
            path=info.path, direction=direction, answer=said, counts=counts, message=message
        )

    if not isinstance(answer, Returned):
        reason = describe(answer.error) if isinstance(answer, Raised) else "no answer in time"
        await drive.log.commit(probed("failed", counts=False, message=reason))
    elif answer.value is None or answer.value is False:
        await drive.log.commit(probed("absent", counts=counts))
    else:
        await drive.log.commit(probed("found", counts=True), found(answer.value))
    drive.news += 1


def _phase(drive: Drive, info: StepInfo, direction: Direction) -> Phase:
    step = drive.state.steps[info.path]
    return (step.forward if direction is Direction.DO else step.undo).phase


async def _probe_until_answered(
    drive: Drive,
    probe: Probe,
    arguments: Mapping[str, Any],
    info: StepInfo,
    limited: Mapping[str, object],
) -> Answer:
    answer: Answer | None = None
    for failures in range(1, probe.retry.attempts + 1):
        try:
            permit = await permitted(
                drive,
                probe.limits,
                limited,
                holder=f"{info.idempotency_key}?",
                timeout=probe.timeout,
            )
        except Parked:
            if answer is None or drive.log.error is not None:
                raise
            return answer  # a saga that parked here would begin to count anew, for ever
        await drive.environment.reached("before-call", info.saga_id, f"{info.path} probe")
        answer = await _probe_once(probe, arguments, info, permit)
        await drive.environment.reached("after-call", info.saga_id, f"{info.path} probe")
        if isinstance(answer, Returned) or failures == probe.retry.attempts:
            return answer
        wait: timedelta = probe.retry.delay(failures, salt=info.idempotency_key)
        await asyncio.sleep(wait.total_seconds())
    raise AssertionError("Retry makes at least one attempt")


async def _probe_once(
    probe: Probe, arguments: Mapping[str, Any], info: StepInfo, permit: Permit | None
) -> Answer:
    fn = probe.fn if permit is None else permit.carried(probe.fn)
    answer = await call(fn, arguments, info, is_async=is_async(probe.fn), timeout=probe.timeout)
    if permit is not None:
        permit.ended(goes_on=isinstance(answer, TimedOut) and answer.abandoned)
    return answer
