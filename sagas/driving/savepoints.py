"""Blocks of a body that can be unwound alone."""

from contextlib import AbstractAsyncContextManager
from contextvars import Token
from types import TracebackType

from sagas import divergence
from sagas.authoring import context
from sagas.authoring.context import Scope
from sagas.driving.calling import describe
from sagas.driving.drive import first_line
from sagas.driving.leash import Endless
from sagas.driving.places import Place, enter
from sagas.driving.windows import close_windows
from sagas.entries import RollbackBegan, SavepointSet
from sagas.errors import Parked


class SavepointBlock(AbstractAsyncContextManager[None]):
    """`async with savepoint(...)`."""

    def __init__(self, outer: Place, inner: Place, ordinal: int, *, is_recorded: bool) -> None:
        self._outer = outer
        self._inner = inner
        self._ordinal = ordinal
        self._is_recorded = is_recorded
        self._path = inner.path
        self._token: Token[Scope | None] | None = None

    async def __aenter__(self) -> None:
        """Open the block's scope."""
        outer = self._outer
        if not self._is_recorded:
            if outer.is_closed:
                outer.park()
            outer.begin_anew(self._path, lambda: divergence.savepoint_label(self._path))
            outer.body.drive.log.emit(SavepointSet(path=self._path, ordinal=self._ordinal))
        self._inner.task = outer.task
        outer.body.open.add(f"{self._path}/")
        self._token = enter(self._inner)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it; if an exception leaves it, have its steps undone first."""
        if self._token is not None:
            context.scope.reset(self._token)
        body = self._outer.body
        body.open.discard(f"{self._path}/")
        savepoint = body.drive.state.savepoints.get(self._path)
        if isinstance(error, Parked) or self._inner.is_parked or body.drive.closing:
            return  # whatever leaves a block that was left means nothing
        if error is None:
            if savepoint is not None and savepoint.began:
                body.diverge(divergence.no_rollback(body.drive.state, self._path))
        elif savepoint is None or not savepoint.done:
            await self._roll_back(error)

    async def _roll_back(self, error: BaseException) -> None:
        """Leave the body; the steps are undone from the journal before it runs again."""
        body, drive = self._outer.body, self._outer.body.drive
        body.leave()
        await drive.log.drained()  # an intent in this block may be on its way to the journal
        await close_windows(drive)
        if self._past_pivot():
            drive.escaped = error
        else:
            reason = first_line(f"{type(error).__name__}: {describe(error)}")
            generation = drive.state.generation + 1
            await drive.log.commit(
                RollbackBegan(path=self._path, reason=reason, generation=generation),
            )
        raise Parked

    def _past_pivot(self) -> bool:
        """Whether the block holds an irreversible step that may have happened."""
        return any(
            step.reversibility.is_pivot and step.may_have_happened
            for step in self._outer.body.drive.state.steps.values()
            if step.path.startswith(f"{self._path}/")
        )


class LeftBlock(AbstractAsyncContextManager[None]):
    """What `savepoint` gives to a body that does not stop after it was left."""

    def __init__(self, endless: Endless) -> None:
        self._endless = endless

    async def __aenter__(self) -> None:
        """Never comes back."""
        await self._endless

    async def __aexit__(self, *_: object) -> None:
        """Nothing was opened."""
