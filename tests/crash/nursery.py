"""Processes to be killed, at the price of a fork: a warm parent that has imported everything.

`python -m tests.crash.nursery` reads one `Order`, or `Errands`, a line. For each it forks a child that carries it
out, says the child's process id, waits for its end, and says how it ended. The parent has no event
loop and no thread, so that a fork is safe.

`Nursery` is the other side of that pipe.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Coroutine, Generator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO, NoReturn

from pydantic import TypeAdapter

import sagas.journal.sqlite as _sqlite  # loaded before the first fork, not in every child
from examples.processes import ROOT
from tests.crash.driver import live
from tests.crash.keeper import keep
from tests.crash.orders import Ending, Errands, Order

_WARM = (_sqlite,)

_ORDERS: TypeAdapter[Order | Errands] = TypeAdapter(Order | Errands)


class Nursery:
    """A warm parent, and at most one living child of it."""

    def __init__(self, parent: "subprocess.Popen[bytes]") -> None:
        self._parent = parent
        self._has_child = False

    def begin(self, order: Order | Errands) -> int:
        """Bring a child to life, after the end of the one before, and return its process id."""
        if self._has_child:
            self.end()
        self._has_child = True
        assert self._parent.stdin is not None
        self._parent.stdin.write(order.model_dump_json().encode() + b"\n")
        self._parent.stdin.flush()
        pid: int = json.loads(self._line())
        return pid

    def end(self) -> Ending:
        """Wait for the child's end."""
        self._has_child = False
        return Ending.model_validate_json(self._line())

    def run(self, order: Order | Errands) -> Ending:
        """Bring a child to life, and wait for its end."""
        self.begin(order)
        return self.end()

    def _line(self) -> bytes:
        assert self._parent.stdout is not None
        line = self._parent.stdout.readline()
        assert line, "the nursery died; its traceback is on standard error"
        return line


@contextmanager
def open_nursery(environment: Mapping[str, str]) -> Generator[Nursery]:
    """A warm parent for as long as the block runs."""
    parent = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "tests.crash.nursery"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, **environment},
    )
    with parent:
        try:
            yield Nursery(parent)
        finally:
            parent.kill()  # the kernel ends the child of a dead parent at the end of its patience


def serve() -> None:
    """Carry out orders until standard input ends."""
    for line in sys.stdin.buffer:
        order = _ORDERS.validate_json(line)
        with tempfile.TemporaryFile() as record, tempfile.TemporaryFile() as said:
            pid = os.fork()
            if not pid:
                _live(order, record, said)
            _say(json.dumps(pid))
            _, status = os.waitpid(pid, 0)
            _say(_ending(status, record, said).model_dump_json())


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _ending(status: int, record: BinaryIO, said: BinaryIO) -> Ending:
    killed = os.WIFSIGNALED(status)
    lines = [line.partition(" ") for line in _whole(record).splitlines()]
    return Ending(
        signal=os.WTERMSIG(status) if killed else None,
        code=None if killed else os.WEXITSTATUS(status),
        reached=tuple(boundary for _, _, boundary in lines),
        at=tuple(float(instant) for instant, _, _ in lines),
        said=_whole(said),
    )


def _whole(file: BinaryIO) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def _live(order: Order | Errands, record: BinaryIO, said: BinaryIO) -> NoReturn:
    """The child's whole life; nothing of the parent's code runs after it."""
    code = 1
    try:
        signal.alarm(order.patience)
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
        asyncio.run(_life(order, record.fileno()))
        code = 0
    except BaseException:  # noqa: BLE001  it is written down, and the parent is told
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _life(order: Order | Errands, record: int) -> Coroutine[Any, Any, None]:
    return live(order, record) if isinstance(order, Order) else keep(order, record)


if __name__ == "__main__":
    serve()
