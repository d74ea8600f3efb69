"""Undoing steps, in the order that the planner gives."""

import asyncio
from collections.abc import Iterable
from functools import partial
from typing import Any

from approvals import Approval
from compensations import InterventionKind
from compensations.agenda import Agenda
from compensations.plan import Standing
from sagas import decide, divergence
from sagas.authoring.action import Action, Compensation
from sagas.driving.attempts import (
    Callee,
    Flight,
    ask_destination,
    residue_entry,
    result_entry,
)
from sagas.driving.demands import Site
from sagas.driving.drive import Drive
from sagas.driving.gates import Admitted, Denied, Gates
from sagas.driving.guarding import is_as_left
from sagas.driving.log import GateMoved
from sagas.driving.permits import Permit, permitted
from sagas.driving.recalling import missing_handler, same_arguments, undo_arguments
from sagas.driving.reports import LATE
from sagas.driving.steps import found_entry
from sagas.driving.windows import close_windows
from sagas.entries import (
    CompensationFailed,
    CompensationIntended,
    Entry,
    Failed,
    Intended,
)
from sagas.errors import Parked, PayloadError
from sagas.model import Direction, span
from sagas.ports import Op
from sagas.state import Phase, SagaState, Step, Track
from sagas.story.wording import moment


class Undoing:
    """Unwinds one saga, or one savepoint of it."""

    def __init__(self, drive: Drive, gates: Gates) -> None:
        self._drive = drive
        self._gates = gates

    async def unwind(self, within: str | None = None) -> bool:
        """Undo what can be undone now.

        Returns:
            Whether everything is settled. If not, a person, a gate or an instant is waited for.
        """
        await self._close_gates(within)
        await self._close_moot_gates()
        return await self._undo_all(within=within)

    async def amend(self) -> bool:
        """Undo what took effect after it had been given up, and nothing else.

        Returns:
            Whether all of it is settled.
        """
        await self._close_moot_gates()
        return await self._undo_all(late=True)

    async def _undo_all(self, *, within: str | None = None, late: bool = False) -> bool:
        course = _Course(self._drive.state, within=within, late=late)
        running: dict[str, asyncio.Task[None]] = {}
        over: asyncio.Queue[str] = asyncio.Queue()
        try:
            while True:
                if not running:
                    await self._hear_late(within)
                for path in [] if self._is_halted else course.begin():
                    running[path] = asyncio.create_task(self._undo(path))
                    running[path].add_done_callback(partial(_tell, over, path))
                if not running:
                    break
                for path in await _all_of(over):
                    if _finished(running.pop(path)):
                        course.finish(path)
        finally:
            for task in running.values():
                task.cancel()
        await self._show_closed(within)
        open_ = {
            effect.path
            for effect in decide.effects(self._drive.state, within=within, late=late)
            if effect.standing in (Standing.DONE, Standing.STUCK)
        }
        left = decide.unsigned(self._drive.state, within=within)
        await self._show_residue([path for path in left if path not in open_])
        return not open_ and not left

    @property
    def _is_halted(self) -> bool:
        """Whether no further undo is begun."""
        return self._drive.stopping or self._drive.is_kept

    async def _hear_late(self, within: str | None) -> None:
        """See to it that no late answer is on its way when the verdict is given."""
        while True:
            await self._drive.told()
            await self._show_late(within)
            if self._drive.is_told:
                return

    async def _show_late(self, within: str | None) -> None:
        """Put before a person what took effect too late, and is not undone without one."""
        state, inside = self._drive.state, f"{within}/" if within else ""
        for path in sorted(state.late, key=state.order.__getitem__):
            step = state.steps[path]
            if not step.path.startswith(inside) or not decide.is_for_a_person(state, step):
                continue
            if step.twice and not step.twice_seen:
                await self._drive.ask(
                    InterventionKind.SECOND_EFFECT,
                    f"{step.path} may have taken effect twice: look at its destination",
                    f"{LATE}, and another attempt had succeeded; no key stood between them",
                    path=step.path,
                    direction=Direction.DO,
                )
                continue
            why = (
                f"it is {step.reversibility.label}"
                if step.reversibility.is_pivot
                else "later steps build upon it"
            )
            await self._drive.ask(
                InterventionKind.LATE_EFFECT,
                f"{step.path} took effect after it had been given up, and is not undone by itself",
                f"{LATE}; {why}",
                path=step.path,
                direction=Direction.UNDO,
            )

    async def _close_gates(self, within: str | None) -> None:
        prefix = f"{within}/" if within else ""
        while True:
            try:
                await self._gates.cancel(prefix, "the saga is being unwound")
            except GateMoved:
                await self._drive.fold()
            else:
                return

    async def _close_windows(self) -> None:
        if await close_windows(self._drive):
            await self._close_moot_gates()

    async def _close_moot_gates(self) -> None:
        """Nobody need allow the undo of what cannot be undone any more."""
        while True:
            steps = self._drive.state.steps.values()
            closed = {step.path for step in steps if step.closed_at is not None}
            try:
                await self._gates.cancel_undos(closed, "its window has closed")
            except GateMoved:
                await self._drive.fold()
            else:
                return

    async def _show_closed(self, within: str | None) -> None:
        """Put before a person what is past undoing in a block that the body takes for undone."""
        if within is None or self._is_halted:
            return
        for effect in decide.effects(self._drive.state, within=within):
            step = self._drive.state.steps[effect.path]
            if effect.standing is not Standing.REMAINS or step.closed_at is None:
                continue
            await self._drive.ask(
                InterventionKind.COMPENSATION_FAILED,
                f"the window of {step.path} closed before it was undone",
                f"it could be undone until {moment(step.closed_at)}",
                path=step.path,
                direction=Direction.UNDO,
            )

    async def _show_residue(self, paths: Iterable[str]) -> None:
        """Put before a person what somebody has to accept of what was undone."""
        if self._is_halted:
            return
        for path in paths:
            await self._drive.ask(
                InterventionKind.RESIDUE,
                f"{path} was undone, and this remains of it: is that accepted?",
                str(self._drive.state.steps[path].residue),
                path=path,
                direction=Direction.UNDO,
            )

    async def _undo(self, path: str) -> None:
        """Move one undo until it is settled or a person is asked.

        Raises:
            Parked: A gate or an instant is waited for.
        """
        while True:
            if self._is_halted:
                raise Parked
            await self._close_windows()
            step = self._drive.state.steps[path]
            if self._drive.state.question_about(path) is not None or self._is_settled(step):
                return
            before = self._progress
            try:
                await self._move(step)
            except GateMoved:
                await self._drive.fold()
            except PayloadError as error:
                await self._missing(step, divergence.misfit(error))
            else:
                if self._progress == before:
                    raise Parked  # a move that moves nothing would be made again for ever

    @property
    def _progress(self) -> tuple[int, int]:
        """How far the saga has come, in entries and in waits that are over."""
        return self._drive.state.head, self._drive.paused

    def _is_settled(self, step: Step) -> bool:
        return decide.standing(self._drive.state, step) in (Standing.SETTLED, Standing.REMAINS)

    async def _move(self, step: Step) -> None:
        action = self._drive.environment.handlers.action(step.action, step.version)
        lack = missing_handler(self._drive.environment.handlers, step)
        if action is None or lack is not None:
            await self._missing(step, lack or "")
            return
        if step.forward.phase is Phase.IN_DOUBT and not step.late:
            settled = await self._settle(action, step)
            if not settled:
                return
        if action.undo is not None:
            await self._compensate(action, action.undo, step)

    # --- what was done: is it known? ----------------------------------------------------------

    async def _settle(self, action: Action[..., Any], step: Step) -> bool:
        """Find out whether the step took effect; True if the compensation may run without."""
        drive, track = self._drive, step.forward
        match decide.settle(track, action.policy(step.reversibility), drive.present()):
            case decide.CompensateUnknown():
                return True
            case decide.Act(attempt):
                await self._call_again(action, step, attempt)
            case decide.Probe(counts) if action.asks is not None:
                await ask_destination(
                    drive,
                    action.asks,
                    action.inputs.recall(step.given(Direction.DO)),
                    drive.info(step, Direction.DO, track.key, track.attempts),
                    direction=Direction.DO,
                    counts=counts,
                    found=lambda value: found_entry(action, step.path, value),
                    limited=action.inputs.recall(step.given(Direction.DO)),
                )
            case decide.Wait(until):
                await drive.rest(until)
            case decide.KnownAbsent(reason):
                await drive.log.commit(
                    Failed(path=step.path, error="NotExecuted", message=reason, via="probe")
                )
            case decide.Ask(reason):
                await self._ask_whether(action, step, reason)
            case _:
                return True
        return False

    async def _call_again(self, action: Action[..., Any], step: Step, attempt: int) -> None:
        """Call once more under the live key, to learn the result that the undo needs."""
        permit = await permitted(
            self._drive,
            action.limits,
            action.inputs.recall(step.given(Direction.DO)),
            holder=step.forward.key,
            timeout=action.options.timeout,
        )
        if permit is None:
            await self._attempt_again(action, step, attempt, None)
            return
        try:
            policy = action.policy(step.reversibility)
            if decide.settle(step.forward, policy, self._drive.present()) == decide.Act(attempt):
                await self._attempt_again(action, step, attempt, permit)
        finally:
            permit.unused()

    async def _attempt_again(
        self, action: Action[..., Any], step: Step, attempt: int, permit: Permit | None
    ) -> None:
        drive, track = self._drive, step.forward
        arguments = same_arguments(action, step)
        since = drive.ready()
        await drive.log.commit(
            Intended(
                path=step.path,
                ordinal=step.ordinal,
                action=step.action,
                version=step.version,
                reversibility=step.intended_as.value,
                attempt=attempt,
                key=track.key,
                generation=track.generation,
                latest_end=drive.present()
                + span(action.options.timeout + decide.starts_within(track)),
                gate=track.gate,
                waiver=step.waiver,
            )
        )
        flight = Flight(
            drive,
            step,
            Callee(
                Direction.DO,
                action.options,
                action.policy(step.reversibility),
                lambda value: result_entry(action, step.path, value),
            ),
            since=since,
        )
        flight.launch(
            action.fn,
            arguments,
            drive.info(step, Direction.DO, track.key, attempt),
            permit,
        )
        await drive.log.durable((await flight.wait()).submission)

    async def _ask_whether(self, action: Action[..., Any], step: Step, reason: str) -> None:
        await self._drive.ask(
            InterventionKind.IN_DOUBT,
            f"did {action.name} take effect?",
            reason,
            path=step.path,
            direction=Direction.DO,
            wants_result=action.shape.result is not type(None),
        )

    # --- undoing it ---------------------------------------------------------------------------

    async def _compensate(self, action: Action[..., Any], undo: Compensation, step: Step) -> None:
        drive = self._drive
        if step.result is None and step.happened and undo.binding.needs_result:
            await self._lost_result(undo, step)
            return
        match decide.undo(step.undo, undo.policy(), drive.present()):
            case decide.Act(attempt):
                await self._act(action, undo, step, attempt)
            case decide.Probe(counts) if undo.asks is not None:
                await self._probe(action, undo, step, counts=counts)
            case decide.Wait(until):
                await drive.rest(until)
            case decide.KnownAbsent(reason):
                await drive.log.commit(
                    CompensationFailed(
                        path=step.path, error=step.undo.error or "NotExecuted", message=reason
                    )
                )
            case decide.Ask(reason):
                await self._ask_about_undo(undo, step, reason)
            case _:
                return

    async def _act(
        self, action: Action[..., Any], undo: Compensation, step: Step, attempt: int
    ) -> None:
        if not undo.limits:
            await self._attempt(action, undo, step, attempt, None)
            return
        approval, given = undo.options.approval, step.given(Direction.UNDO)
        if isinstance(approval, Approval) and not await self._gates.lets_repeat(step.undo):
            admitted = await self._admission(action, undo, step, approval)
            if admitted is None:
                return  # a gate may stand open for days: no permit is kept meanwhile
            given = admitted.arguments
        permit = await permitted(
            self._drive,
            undo.limits,
            action.inputs.recall(given),
            holder=step.undo.key or self._drive.key(step.path, Direction.UNDO),
            timeout=undo.options.timeout,
        )
        try:
            if decide.undo(step.undo, undo.policy(), self._drive.present()) == decide.Act(attempt):
                await self._attempt(action, undo, step, attempt, permit)
        finally:
            if permit is not None:
                permit.unused()

    async def _attempt(
        self,
        action: Action[..., Any],
        undo: Compensation,
        step: Step,
        attempt: int,
        permit: Permit | None,
    ) -> None:
        drive = self._drive
        arguments = undo_arguments(action, undo, step)  # before the intent says that it is called
        approval = undo.options.approval
        revised: bytes | None = None
        entries: list[Entry] = []
        ops: list[Op] = []
        if isinstance(approval, Approval) and not await self._gates.lets_repeat(step.undo):
            admitted = await self._admission(action, undo, step, approval)
            if admitted is None:
                return
            entries, ops = [admitted.entry], admitted.ops
            if admitted.arguments != step.given(Direction.UNDO):
                revised = admitted.arguments
                arguments = undo_arguments(action, undo, step, revised)
        if await close_windows(drive):
            return  # while a gate or a permit was looked at: is it to be undone still?
        if not await is_as_left(drive, action, step) or self._is_halted:
            return
        key = step.undo.key or drive.key(step.path, Direction.UNDO, again=step.undos)
        unknown = not step.happened
        since = drive.ready()
        await drive.log.commit(
            *entries,
            CompensationIntended(
                path=step.path,
                attempt=attempt,
                key=key,
                generation=drive.state.generation,
                latest_end=drive.present()
                + span(undo.options.timeout + decide.starts_within(step.undo)),
                unknown=unknown,
                gate=ops[0].gate_id if ops else step.undo.gate,  # type: ignore[union-attr]
                payload=revised,
                sensitive=None if revised is None else list(action.sensitive) or None,
            ),
            ops=ops,
        )
        flight = Flight(
            drive,
            step,
            Callee(
                Direction.UNDO,
                undo.options,
                undo.policy(),
                lambda value: residue_entry(action, step, value),
            ),
            since=since,
        )
        flight.launch(
            undo.fn,
            arguments,
            drive.info(step, Direction.UNDO, key, attempt),
            permit,
        )
        await drive.log.durable((await flight.wait()).submission)

    async def _admission(
        self, action: Action[..., Any], undo: Compensation, step: Step, approval: Approval
    ) -> Admitted | None:
        """Ask before an undo that cannot itself be undone; a "no" is put before a person."""
        given = step.given(Direction.DO)
        arguments = action.inputs.recall(given)
        site = Site(
            step.path,
            step.ordinal,
            Direction.UNDO,
            undo.name,
            step.version,
            given,
            action.stakes(arguments, undo.options.reversibility),
        )
        match await self._gates.admit(site, approval):
            case Admitted() as admitted:
                return admitted
            case None:  # its author asks for one, so that there is always somebody to be asked
                raise AssertionError(f"no approval is needed for {undo.name}, which asks for one")
            case Denied(error, reason):
                await self._drive.ask(
                    InterventionKind.COMPENSATION_REFUSED,
                    f"{undo.name} was not approved, and {step.path} is not undone",
                    f"{error}: {reason}",
                    path=step.path,
                    direction=Direction.UNDO,
                )
                return None

    async def _probe(
        self, action: Action[..., Any], undo: Compensation, step: Step, *, counts: bool
    ) -> None:
        if undo.asks is None:
            return
        await ask_destination(
            self._drive,
            undo.asks,
            undo_arguments(action, undo, step),
            self._drive.info(step, Direction.UNDO, step.undo.key, step.undo.attempts),
            direction=Direction.UNDO,
            counts=counts,
            found=lambda _: residue_entry(action, step, None, via="probe"),
            limited=action.inputs.recall(step.given(Direction.UNDO)),
        )

    # --- people -------------------------------------------------------------------------------

    async def _missing(self, step: Step, why: str) -> None:
        await self._drive.ask(
            InterventionKind.MISSING_HANDLER,
            f"{step.action} version {step.version} has no compensation that can run here",
            why,
            path=step.path,
            direction=Direction.UNDO,
        )

    async def _lost_result(self, undo: Compensation, step: Step) -> None:
        await self._drive.ask(
            InterventionKind.COMPENSATION_FAILED,
            f"{undo.name} needs the result of {step.path}, which could not be stored",
            step.unstorable or "",
            path=step.path,
            direction=Direction.UNDO,
        )

    async def _ask_about_undo(self, undo: Compensation, step: Step, reason: str) -> None:
        track: Track = step.undo
        failed = track.phase is Phase.FAILED
        kind = (
            InterventionKind.COMPENSATION_FAILED
            if failed
            else InterventionKind.COMPENSATION_IN_DOUBT
        )
        question = (
            f"{undo.name} could not undo {step.path}" if failed else f"did {undo.name} take effect?"
        )
        await self._drive.ask(kind, question, reason, path=step.path, direction=Direction.UNDO)


class _Course:
    """What of one unwind has been begun, and what can be begun as entries come."""

    def __init__(self, state: SagaState, *, within: str | None, late: bool) -> None:
        self._state, self._within, self._late = state, within, late
        self._heard = len(state.touched)
        self._agenda = Agenda(decide.effects(state, within=within, late=late))

    def begin(self) -> list[str]:
        """What else may be undone now. What was begun before is not begun again until it is over."""
        self._hear()
        return [effect.path for effect in self._agenda.take()]

    def finish(self, path: str) -> None:
        """An undo came to its end; what waits for something is not begun anew in this pass."""
        self._hear()
        self._agenda.give_back(path)

    def _hear(self) -> None:
        """Look at the steps that entries have told of since, and at those that came late.

        Where one of these stands may depend on what became of the others.
        """
        state = self._state
        heard = dict.fromkeys([*state.touched[self._heard :], *state.late])
        self._heard = len(state.touched)
        known = decide.effects(state, within=self._within, late=self._late, of=heard)
        for effect in known:
            heard.pop(effect.path)
            self._agenda.put(effect)
        for path in heard:
            self._agenda.drop(path)


def _tell(over: "asyncio.Queue[str]", path: str, _: "asyncio.Task[None]") -> None:
    over.put_nowait(path)


async def _all_of(over: "asyncio.Queue[str]") -> list[str]:
    """Wait until something is over; all that is by then."""
    paths = [await over.get()]
    while not over.empty():
        paths.append(over.get_nowait())
    return paths


def _finished(task: "asyncio.Task[None]") -> bool:
    """Whether an undo came to its end; False if it waits for something."""
    error = task.exception()
    if isinstance(error, Parked):
        return False
    if error is not None:
        raise error
    return True
