"""What users hold: it starts sagas and runs them, besides deciding and reading."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, NoReturn, TypeVar
from weakref import WeakValueDictionary

from pydantic import JsonValue

from approvals import Directory
from approvals.directory import LiveGroups
from approvals.errors import ChannelDefinitionError
from approvals.parties import Parties
from approvals.policies import Policies
from sagas.authoring.saga import Saga
from sagas.authoring.session import SessionSaga
from sagas.decider import Decider
from sagas.dispatching.dispatcher import Dispatcher
from sagas.driving.environment import Handlers
from sagas.driving.run import Done, Result
from sagas.entries import Started
from sagas.errors import DifferentInput, SagaError, UnknownSaga
from sagas.frozen import check_loop_clock
from sagas.handles import Following, Handle
from sagas.model import Outcome, micros
from sagas.moments import given_deadline, past
from sagas.ports import Clock, CreateSaga, SagaRow, Store
from sagas.sessions import Session
from sagas.state import SagaState
from sagas.worker import Worker

I = TypeVar("I")  # noqa: E741
O = TypeVar("O")  # noqa: E741

MAX_ID = 200


class Coordinator(Decider):
    """Runs sagas durably; from `sagas.connect`.

    Args:
        user: Who this process acts for, where a call does not say.
        groups: Those of the directory whose members somebody else keeps, who is asked as long as
            this is open.
    """

    def __init__(
        self,
        store: Store,
        handlers: Handlers,
        *,
        clock: Clock,
        directory: Callable[[], Directory],
        policies: Policies,
        user: str,
        worker: Callable[["Coordinator"], Worker],
        dispatcher: Callable[["Coordinator", Worker], Dispatcher] | None = None,
        groups: LiveGroups | None = None,
    ) -> None:
        super().__init__(
            store,
            handlers,
            clock=clock,
            directory=directory,
            policies=policies,
            user=user,
            groups=groups,
        )
        self._worker = worker(self)
        self._dispatcher = None if dispatcher is None else dispatcher(self, self._worker)
        self._keeping = None if groups is None else asyncio.ensure_future(groups.keep())
        self._closed = False
        self._following: WeakValueDictionary[str, Following] = WeakValueDictionary()

    # --- running ------------------------------------------------------------------------------

    async def start(
        self,
        saga: Saga[I, O],
        input: I,
        /,
        *,
        id: str,
        deadline: timedelta | datetime | None = None,
        requester: str | None = None,
        agent: str | None = None,
        owner: str | None = None,
    ) -> Handle[O]:
        """Start a saga, durably, and drive it in this process.

        Starting the same id again with the same input gives the same saga, which goes on from
        where it is.

        Args:
            id: Yours, and unique in this journal for ever.
            deadline: When it is undone if it has not ended: a duration from now, or an instant
                (aware); the saga's own if left out. For an id that was started before, the
                deadline it got then holds.
            requester: Who asked for what it does, if that is not who starts it.
            agent: The agent that acts.
            owner: Who answers for the agent. None of these three may decide where an approval
                keeps duties separate; for an id that was started before, those it got then hold.

        Raises:
            PayloadError: The input cannot be stored.
            TimerError: The deadline is no instant to come.
            DifferentInput: The id was started with another input or saga.
            ApprovalDefinitionError: A name of the three is no person's.
        """
        check_id(id)
        parties = Parties(starter=self._user, requester=requester, agent=agent, owner=owner)
        check_loop_clock()
        now = micros(self._clock.now())
        due = await self._due(saga, deadline, id, now)
        payload = saga.input.encode(input)
        digest = sha256(payload).hexdigest()
        following = self._listen(id)
        started = Started(
            saga=saga.name,
            version=saga.version,
            starter=parties.starter,
            deadline=due,
            requester=parties.requester,
            agent=parties.agent,
            owner=parties.owner,
            payload=payload,
            sensitive=list(saga.sensitive) or None,
        )
        create = CreateSaga(saga.name, saga.version, digest, self._user, now)
        if await self._worker.start(saga, started, create, id):
            if not isinstance(following.result, Done):
                self._worker.follow(id)
        else:
            row = await self.get(id)
            if (row.saga, row.input_digest) != (saga.name, digest):
                raise DifferentInput(
                    f"the id {id!r} belongs to {row.saga}, started by {row.starter} with "
                    f"{'another input' if row.saga == saga.name else 'its own input'}: choose another id"
                )
            await self._go_on(row)
        return Handle(self, self._worker, saga, id, following)

    async def _due(
        self, saga: Saga[Any, Any], deadline: timedelta | datetime | None, id: str, now: int
    ) -> int | None:
        """The instant of the deadline; one that has passed is of no matter to a saga that exists."""
        given = saga.deadline if deadline is None else deadline
        if given is None:
            return None
        due = given_deadline(given, now)
        if due <= now and await self.store.saga(id) is None:
            raise past("the deadline", due, "before the start")
        return due

    async def run(
        self,
        saga: Saga[I, O],
        input: I,
        /,
        *,
        id: str,
        deadline: timedelta | datetime | None = None,
        timeout: float | None = None,
        requester: str | None = None,
        agent: str | None = None,
        owner: str | None = None,
    ) -> Outcome[O]:
        """Start a saga and wait for its outcome.

        Args:
            id: As for `start`.
            deadline: As for `start`: durable, and the saga is undone.
            timeout: How long this call waits (seconds); the saga goes on.
            requester: As for `start`, and so are `agent` and `owner`.

        Raises:
            TimeoutError: It has not ended within `timeout` seconds; it goes on.
        """
        handle = await self.start(
            saga, input, id=id, deadline=deadline, requester=requester, agent=agent, owner=owner
        )
        return await handle.outcome(timeout=timeout)

    async def session(
        self,
        saga: SessionSaga,
        task: JsonValue = None,
        /,
        *,
        id: str,
        deadline: timedelta | datetime | None = None,
        requester: str | None = None,
        agent: str | None = None,
        owner: str | None = None,
    ) -> Session:
        """Open a session, whose steps are chosen one by one; one of that id goes on from where it is.

        Args:
            task: What it is about, as JSON values; kept as the saga's input. It may be left out for
                a session that exists.
            id: As for `start`, and so are the others.

        Raises:
            DifferentInput: The id was opened with another task, or belongs to another saga.
            SagaError: As for `start`.
        """
        row = await self.store.saga(id) if task is None else None
        if row is None:
            handle = await self.start(
                saga, task, id=id, deadline=deadline, requester=requester, agent=agent, owner=owner
            )
            return Session(self, saga, handle)
        if (row.saga, row.version) != (saga.name, saga.version):
            raise DifferentInput(
                f"the id {id!r} belongs to {row.saga} version {row.version}: choose another id"
            )
        return Session(self, saga, await self.resume(id))

    async def resume(self, id: str, /) -> Handle[Any]:
        """Drive a saga that exists, in this process.

        Raises:
            UnknownSaga: There is none of that id, or this process does not know its code.
        """
        row = await self.get(id)
        saga = self._handlers.saga(row.saga, row.version)
        if saga is None:
            raise UnknownSaga(
                f"{id} is a {row.saga} version {row.version}, which none of the catalogs here has"
            )
        following = self._listen(id)
        await self._go_on(row)
        return Handle(self, self._worker, saga, id, following)

    async def _go_on(self, row: SagaRow) -> None:
        check_loop_clock()
        if not row.status.is_end:
            self._worker.follow(row.id)
            await self._worker.look()

    async def work(self) -> None:
        """Drive everything that is due, until cancelled.

        Raises:
            UnsafeDatabase: The database lost what it acknowledged, or would.
        """
        check_loop_clock()
        self._worker.follow_all()
        await self._worker.begin()
        await self._worker.look()
        if self._dispatcher is None:
            await self._worker.broken()
        else:
            await _beside(self._dispatcher.run(), self._worker.broken())

    async def dispatch(self) -> None:
        """Tell people what waits for them, over the channels there are, until cancelled.

        `work` does so too.

        Raises:
            ChannelDefinitionError: There are no channels.
            UnsafeDatabase: The database lost what it acknowledged, or would.
        """
        if self._dispatcher is None:
            raise ChannelDefinitionError(
                "there is no channel to tell people over: connect(channels=...) names them"
            )
        await self._worker.begin()
        await _beside(self._dispatcher.run(), self._worker.broken())

    def finished(self, saga_id: str, result: Result, state: SagaState) -> None:
        """Told by the worker how a drive ended."""
        following = self._following.get(saga_id)
        if isinstance(result, Done):
            self._worker.unfollow(saga_id)
        if self._dispatcher is not None:
            self._dispatcher.wake()
        if following is not None:
            following.result, following.state = result, state
            following.changed.set()

    async def _look_soon(self) -> None:
        await self._worker.look_if_begun()

    def _listen(self, saga_id: str) -> Following:
        found = self._following.get(saga_id)
        if found is None:
            found = self._following[saga_id] = Following(asyncio.Event())
        return found

    # --- life ---------------------------------------------------------------------------------

    async def close(self) -> None:
        """Stop driving, write what is known, release the lease, close the database; once."""
        if self._closed:
            return
        self._closed = True
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        if self._dispatcher is not None:
            await self._dispatcher.close()
        await self._worker.close()
        await self.store.close()

    async def __aenter__(self) -> "Coordinator":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


async def _beside(aside: Coroutine[Any, Any, None], main: Coroutine[Any, Any, NoReturn]) -> None:
    """Do the one while the other lasts."""
    task = asyncio.get_running_loop().create_task(aside, name="sagas-dispatch")
    try:
        await main
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def check_id(saga_id: str) -> None:
    """Refuse ids that people or databases could not handle.

    Raises:
        SagaError: It is empty, too long, or holds control characters.
    """
    if (
        not saga_id
        or len(saga_id) > MAX_ID
        or not saga_id.isprintable()
        or saga_id != saga_id.strip()
    ):
        raise SagaError(f"a saga's id is 1 to {MAX_ID} printable characters, not {saga_id[:40]!r}")
