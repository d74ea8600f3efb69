"""Real processes for an exploration: born of a warm interpreter, killed by SIGKILL.

Touches: processes, pipes.
"""

import contextlib
import json
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, BinaryIO, cast

from sagas.authoring.catalog import Catalog
from sagas.authoring.saga import Saga
from sagas.testing.errors import Unexplorable
from sagas.testing.people import Responder
from sagas.testing.simulating.carried import Carried
from sagas.testing.simulating.orders import (
    Asked,
    Ended,
    Line,
    Lived,
    Order,
    Place,
    Raised,
    Setting,
)
from sagas.testing.world import Effect

_BEGIN = (
    "import json, sys; sys.path[:] = json.loads(sys.argv.pop()); "
    "from sagas.testing.simulating.cradle import serve; serve()"
)


class Nursery:
    """Where the processes of one exploration come from.

    Raises:
        Unexplorable: There can be none: what is explored cannot be found from another process.
    """

    def __init__(self, setting: Setting) -> None:
        if not hasattr(os, "fork"):
            raise Unexplorable(
                "processes=True needs an operating system that can fork: leave it out here"
            )
        self._interpreter = subprocess.Popen(  # noqa: S603  the interpreter that runs this
            [sys.executable, "-c", _BEGIN, json.dumps(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # so that it and its child are ended together
        )
        source, sink = self._interpreter.stdout, self._interpreter.stdin
        self._line = Line(cast(BinaryIO, source), cast(BinaryIO, sink))
        self._patience = setting.patience
        self._line.say(setting)
        answer = self._hear()
        if isinstance(answer, Raised):
            self.close()
            raise Unexplorable(
                f"another process cannot import {setting.saga.module} and what it is given: "
                f"{type(answer.error).__name__}: {answer.error}"
            ) from answer.error

    def live(self, order: Order, ledger: Callable[[], Sequence[Effect]]) -> tuple[bool, Carried]:
        """Have a process live until it is killed; tells whether it came to its rest instead.

        Args:
            ledger: What the world has recorded, for whoever asks.

        Raises:
            Unexplorable: It hangs, or ends in another way.
        """
        self._line.say(order)
        lived: Lived | None = None
        while True:
            match self._hear():
                case Asked():
                    self._line.say(list(ledger()))
                case Lived() as lived:
                    pass
                case Raised(error):
                    self._hear()  # its end
                    raise error
                case ended:
                    return self._left(lived, ended)

    def _left(self, lived: Lived | None, ended: Ended) -> tuple[bool, Carried]:
        if lived is None:
            raise Unexplorable(
                f"a process of a run ended by itself, or did not within {self._patience:g} s "
                "(patience=): let no action end it, or block. The last that it said:\n"
                f"{ended.said.strip()}"
            )
        if not lived.over and ended.signal != signal.SIGKILL:
            raise Unexplorable(f"a process was to be killed, and was not:\n{ended.said.strip()}")
        return lived.over, lived.carried

    def _hear(self) -> Any:
        try:
            return self._line.hear()
        except (EOFError, OSError, ValueError) as error:
            raise Unexplorable(
                "the interpreter that the processes come from has ended: its own words are on "
                "standard error"
            ) from error

    def close(self) -> None:
        """End it, and the process that it has at the moment."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._interpreter.pid, signal.SIGKILL)
        self._interpreter.wait()
        with contextlib.suppress(OSError):
            self._line.close()


def setting_of(
    saga: Saga[Any, Any],
    given: object,
    catalogs: Sequence[Catalog],
    people: Responder,
    *,
    url: str,
    patience: float,
) -> Setting:
    """How another process comes by what is explored.

    Raises:
        Unexplorable: It cannot.
    """
    try:
        luggage = pickle.dumps((given, people))
    except Exception as error:  # whatever a type of the user's raises
        raise Unexplorable(
            f"the processes need the input and `people=`, and they cannot be pickled ({error}): "
            "make them of types and functions that a module defines"
        ) from error
    first = sys.modules.get(saga.fn.__module__)
    return Setting(
        _place_of(saga, f"the saga {saga.name}", first),
        saga.name,
        [_place_of(catalog, f"the catalog {catalog.name}") for catalog in catalogs],
        luggage,
        url,
        patience,
    )


def _place_of(value: object, what: str, first: ModuleType | None = None) -> Place:
    modules = [module for module in (first, *sys.modules.values()) if module is not None]
    for module in modules:
        if module.__name__ == "__main__":
            continue  # another process has another one
        for name, held in list(vars(module).items()):
            if held is value:
                return Place(module.__name__, name)
    raise Unexplorable(
        f"{what} cannot be found from another process, as processes=True needs: define it in a "
        "module, under a name of its own, and not in a function or in the program that is run"
    )
