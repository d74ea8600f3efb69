"""A warm interpreter that has imported a saga, and forks a process for each life of it.

It has no thread and no event loop, so that a fork is safe; what it forks ends by SIGKILL at the
boundary that the schedule names, or when the saga rests.

Touches: processes, pipes.
"""

import faulthandler
import gc
import os
import pickle
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from typing import Any, BinaryIO, NoReturn

import sagas.journal.sqlite as _sqlite  # loaded before the first fork, not in every child
from sagas.authoring.catalog import Catalog
from sagas.authoring.saga import Saga
from sagas.chance import drawing
from sagas.clock import ticking
from sagas.testing.errors import Unexplorable
from sagas.testing.people import Responder, exploring
from sagas.testing.simulating.company import Company
from sagas.testing.simulating.living import Errand, Living
from sagas.testing.simulating.machine import Machine
from sagas.testing.simulating.orders import Asked, Ended, Line, Lived, Order, Raised, Ready, Setting
from sagas.testing.simulating.prompt import RealTime
from sagas.testing.world import Effect

_WARM = (_sqlite,)


@dataclass(frozen=True)
class Imported:
    """A setting, unpacked here."""

    saga: Saga[Any, Any]
    catalogs: Sequence[Catalog]
    input: Any
    people: Responder
    url: str
    patience: float


def serve() -> None:
    """Carry out orders until nobody gives any."""
    line = _own_line()
    try:
        imported = _imported(line.hear())
    except BaseException as error:  # noqa: BLE001  whoever asked is told
        line.say(Raised(_shown(error)))
        return
    gc.collect()
    gc.freeze()  # or the garbage collector of each child would copy all pages
    line.say(Ready())
    while True:
        try:
            order = line.hear()
        except EOFError:
            return
        line.say(_born(imported, order, line))


def _own_line() -> Line:
    """The pipes that this was started with; what else is here prints to nobody."""
    line = Line(os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb"))
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(2, 1)
    os.close(nowhere)
    return line


def _imported(setting: Setting) -> Imported:
    saga: Saga[Any, Any] = setting.saga.find()
    if getattr(saga, "name", "") != setting.saga_name:
        raise Unexplorable(
            f"{setting.saga.module}.{setting.saga.name} is another thing in each process: let its "
            "module define it in one way"
        )
    catalogs = [place.find() for place in setting.catalogs]
    given, people = pickle.loads(setting.luggage)  # noqa: S301  from the process that began this
    if setting.url.startswith("postgres"):
        import_module("sagas.journal.postgres")  # before the first fork, not in every child
    others = [thread for thread in threading.enumerate() if thread is not threading.main_thread()]
    if others:
        raise Unexplorable(
            f"importing {setting.saga.module} begins the thread {others[0].name!r}: a process "
            "cannot be forked beside it. Begin it when it is first needed"
        )
    return Imported(saga, (saga.catalog, *catalogs), given, people, setting.url, setting.patience)


def _born(imported: Imported, order: Order, line: Line) -> Ended:
    """Have a process live, and wait for its end."""
    with tempfile.TemporaryFile() as said:
        pid = os.fork()
        if not pid:
            _live(imported, order, line, said)
        _, status = os.waitpid(pid, 0)
        said.seek(0)
        text = said.read().decode(errors="replace")
    return Ended(os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0, text)


def _live(imported: Imported, order: Order, line: Line, said: BinaryIO) -> NoReturn:
    """The child's whole life; nothing of its parent's code runs after it."""
    try:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
        faulthandler.dump_traceback_later(imported.patience, exit=True, file=said.fileno())
        _leave(line, Lived(_lived(imported, order, line), order.carried))
    except BaseException as error:  # noqa: BLE001  whoever explores gets it
        traceback.print_exc()
        line.say(Raised(_shown(error)))
    finally:
        sys.stderr.flush()
        os._exit(0)


def _lived(imported: Imported, order: Order, line: Line) -> bool:
    carried = order.carried

    def killed() -> None:
        _leave(line, Lived(over=False, carried=carried))
        os.kill(os.getpid(), signal.SIGKILL)

    async def ledger() -> Sequence[Effect]:
        line.say(Asked())
        told: Sequence[Effect] = line.hear()
        return told

    machine = Machine(
        imported.catalogs,
        ThreadPoolExecutor(1, thread_name_prefix="sagas-exploring"),
        carried,
        memory=None,
        url=imported.url,
        real_time=RealTime(),
    )
    errand = Errand(imported.saga, imported.input, order.saga_id, order.faults)
    company = Company(imported.people, order.faults, carried, ledger, None)
    exploring.set(True)
    with ticking(machine.micros), drawing(carried.chance):
        return Living(machine, errand, company, killed=killed).live()


def _leave(line: Line, lived: Lived) -> None:
    """Say what the next process has to know; this one does not go on if it cannot."""
    try:
        line.say(lived)
    except Unexplorable as error:
        line.say(Raised(_shown(error)))
        os._exit(0)


def _shown(error: BaseException) -> BaseException:
    """An error that the other process can read, with where it came from."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301  our own
    except Exception:  # noqa: BLE001  whatever its type does
        return Unexplorable("".join(traceback.format_exception(error)).strip())
    return error
