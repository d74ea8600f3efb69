"""The demo in a local Slack: a worker, the app and one trip after the other, each its own process.

Touches: processes, the network (loopback only), the files of one directory.
"""

import asyncio
import json
import os
import shlex
import sys
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from sagas.cli.failing import Mistake
from sagas.cli.opening import opened
from sagas.cli.settings import Settings
from sagas.coordinator import Coordinator
from sagas.demo.partners import BOOKS
from sagas.model import Status

if TYPE_CHECKING:
    from approvals.testing import SlackPage, SlackServer

__all__ = ["TARGET", "StageFailed", "play"]

TARGET = "sagas.demo.trip:travel"
CHANNEL = "C0TRAVEL"

_PATIENCE = timedelta(seconds=60)
_LOOK_SECONDS = 0.25
_PEOPLE = {"ana": ("U0ANA", "Ana"), "ben": ("U0BEN", "Ben"), "cem": ("U0CEM", "Cem")}
_DESK = ("ana", "ben")
_ACK_WITHIN = timedelta(seconds=3)


@dataclass(frozen=True, slots=True)
class _Act:
    """One trip, and what to try with it."""

    city: str
    email: str
    hint: str


_ACTS = (
    _Act("Lisbon", "eve@example.org", "Approve it, and its thread tells that the mail was sent."),
    _Act("Rome", "eve@example.org", "Reject it, and see it undone; the hotel keeps a fee."),
    _Act(
        "Oslo",
        "eve@example.invalid",
        "Nobody has that address: edit it as Ana and approve it as Ben. Approved as it is, the mail "
        "is refused and the trip undone.",
    ),
)


class StageFailed(Mistake):
    """A process of the demo ended before its time; the message says what it said last."""


async def play(folder: Path, db: str, *, port: int, say: Callable[[str], None]) -> None:
    """Play until cancelled; everything that was started has ended by then.

    Args:
        folder: Where the files are, which nothing else uses.
        db: The journal.
        port: Where the page is, on loopback; 0 takes a free port.
        say: Takes what the person at the terminal is told.

    Raises:
        StageFailed: One of the processes ended, or the app did not come.
        Mistake: The port is taken.
    """
    from approvals.testing import Clock, SlackServer

    slack = SlackServer(team="T0DEMO", ack_within=_ACK_WITHIN, clock=Clock(running=True))
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(slack)
        page = await _shown(stack, slack, port)
        _settle(slack)
        stage = _Stage(folder, {**os.environ, **_settings(slack, folder, db)}, say)
        worker = await stack.enter_async_context(stage.child("worker", TARGET))
        app = await stack.enter_async_context(stage.child("slack", TARGET))
        await _first(slack.until(lambda: slack.sockets.connected, _PATIENCE), app, worker)
        say(f"A local Slack is at {page.url}")
        say("Open it in a browser. Ana and Ben are the travel desk, Cem is not; Ctrl-C ends it.")
        await _first(_trips(stage, Settings(db=db)), app, worker)


async def _shown(stack: AsyncExitStack, slack: "SlackServer", port: int) -> "SlackPage":
    """The page, until the stack unwinds.

    Raises:
        Mistake: The port is taken.
    """
    from approvals.testing import SlackPage

    try:
        return await stack.enter_async_context(SlackPage(slack, port=port))
    except OSError as error:
        raise Mistake(f"port {port} cannot be used ({error.strerror}): choose another") from error


def _settle(slack: "SlackServer") -> None:
    for id_, name in _PEOPLE.values():
        slack.person(id_, name=name, email=f"{name.lower()}@example.org")
    slack.channel(CHANNEL, name="travel-desk", members=[id_ for id_, _ in _PEOPLE.values()])


def _settings(slack: "SlackServer", folder: Path, db: str) -> dict[str, str]:
    """The files that every process reads, and the variables that name them."""
    people = folder / "people.toml"
    users = [
        f'[users.{name}]\nslack = "{slack.space.team}/{id_}"\n'
        for name, (id_, _) in _PEOPLE.items()
    ]
    people.write_text("\n".join([*users, f"[groups]\ntravel-desk = {json.dumps(_DESK)}\n"]))
    channels = folder / "channels.toml"
    place = json.dumps([f"slack:{CHANNEL}"])
    channels.write_text(
        f'interventions = {place}\notherwise = {place}\n\n[routes]\n"@travel-desk" = {place}\n\n'
        '[channels.slack]\nkind = "slack"\n'
    )
    return {
        BOOKS: str(folder / "books.db"),
        "SAGAS_DB": db,
        "SAGAS_DIRECTORY": str(people),
        "SAGAS_CHANNELS": str(channels),
        "SAGAS_SLACK_API_URL": slack.base_url,
        "SAGAS_SLACK_APP_TOKEN": slack.app_token,
        "SAGAS_SLACK_BOT_TOKEN": slack.bot_token,
        "SAGAS_SLACK_TEAMS": slack.space.team,
        # a proxy that the environment names cannot see this machine's loopback
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }


class _Child:
    """A command beside us; it ends when we do."""

    def __init__(self, process: asyncio.subprocess.Process, words: str, log: Path) -> None:
        self.process = process
        self._words = words
        self._log = log

    async def ended(self) -> StageFailed:
        """Wait for its end, and say what it said last."""
        code = await self.process.wait()
        last = self._log.read_text(errors="replace").strip().splitlines()[-3:]
        told = " ".join(last) or "it said nothing"
        return StageFailed(f"`{self._words}` ended with {code}: {told}")

    async def stop(self) -> None:
        """Ask it to end, and wait."""
        assert self.process.stdin is not None  # noqa: S101  it was made with a pipe
        self.process.stdin.close()
        try:
            async with asyncio.timeout(10):
                await self.process.wait()
        except TimeoutError:
            self.process.kill()
            await self.process.wait()


@dataclass(frozen=True, slots=True)
class _Stage:
    folder: Path
    environment: Mapping[str, str]
    say: Callable[[str], None]

    @asynccontextmanager
    async def child(self, *words: str) -> AsyncGenerator[_Child]:
        """A command of `sagas` beside the block."""
        child = await self._started(words)
        try:
            yield child
        finally:
            await child.stop()

    async def run(self, *words: str) -> None:
        """A command of `sagas` to its end.

        Raises:
            StageFailed: It could not be carried out.
        """
        child = await self._started(words)
        try:
            failed = await child.ended()
        finally:
            await child.stop()
        if child.process.returncode not in {0, 6}:  # done, or the saga waits
            raise failed

    async def _started(self, words: Sequence[str]) -> _Child:
        command = shlex.join(["sagas", *words])
        self.say(f"$ {command}")
        log = self.folder / f"{words[0]}-{uuid4().hex[:8]}.log"
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "sagas.cli.attended", *words),
                stdin=asyncio.subprocess.PIPE,
                stdout=output,
                stderr=output,
                env=self.environment,
                # Ctrl-C in the terminal is for us, who then stop it in order.
                start_new_session=True,
            )
        return _Child(process, command, log)


async def _first(doing: Coroutine[Any, Any, None], *children: _Child) -> None:
    """Do it as long as everybody is there.

    Raises:
        StageFailed: One of the children ended, or did not come in time.
    """
    task = asyncio.ensure_future(doing)
    ends = [asyncio.ensure_future(child.ended()) for child in children]
    try:
        await asyncio.wait((task, *ends), return_when=asyncio.FIRST_COMPLETED)
        for end in ends:
            if end.done():
                raise end.result()
        await task
    except TimeoutError:
        raise StageFailed(f"`sagas slack` did not connect within {_PATIENCE}: try again") from None
    finally:
        for each in (task, *ends):
            each.cancel()
        await asyncio.gather(task, *ends, return_exceptions=True)


async def _trips(stage: _Stage, settings: Settings) -> None:
    """One trip after the other, for ever."""
    series = uuid4().hex[:4]
    number = 0
    async with opened(settings, make=True) as coordinator:
        while True:
            act = _ACTS[number % len(_ACTS)]
            number += 1
            name = f"trip-{number}-{series}"
            trip = {"traveller": "Eve", "email": act.email, "city": act.city, "nights": 3}
            stage.say("")
            words = ("--id", name, "--input", json.dumps(trip), "--no-wait")
            await stage.run("run", TARGET, *words)
            stage.say(f"{name} goes to {act.city}. {act.hint}")
            stage.say(f"{name} {_ENDS[await _end(coordinator, name)]}")


async def _end(coordinator: Coordinator, name: str) -> Status:
    """How a saga ended that is driven elsewhere; nobody tells us, so we look."""
    while True:
        status = (await coordinator.get(name)).status
        if status.is_end:
            return status
        await asyncio.sleep(_LOOK_SECONDS)


_ENDS = {
    Status.COMPLETED: "completed",
    Status.COMPENSATED: "was undone, and nothing remains",
    Status.RESIDUAL: "was undone, and something remains",
}
