"""Encoding the same payloads in two other processes, in which the order of a set is another.

Each is told the module, its file and the name in it, and answers each line, a part and a payload,
by a line with what the type makes of it.

Touches: processes, standard input and output.
"""

import asyncio
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from sagas.authoring.action import Action
from sagas.errors import PayloadError
from sagas.payloads import Codec
from sagas.testing.errors import Unexplorable

_SEEDS = ("1", "2")
_ALIAS = "__sagas_elsewhere__"
_PROGRAM = f"import sys; from {__name__} import main; main(sys.argv[1:])"


@dataclass(frozen=True, slots=True)
class Part:
    """One type that is encoded: a type by itself, or one of those of an action.

    Attributes:
        owner: The type, or the action.
        name: `value` for a type; `inputs`, `result` or `before` for an action.
    """

    owner: Any
    name: str

    @property
    def action(self) -> Action[..., Any] | None:
        """The action, if it is one."""
        owner: object = self.owner
        return cast(Action[..., Any], owner) if isinstance(owner, Action) else None

    @property
    def hint(self) -> Any:
        """The type; for the inputs of an action, those of its parameters."""
        if self.action is None:
            return self.owner
        if self.name == "before" and self.action.image is not None:
            return self.action.image.hint
        return self.action.shape.inputs if self.name == "inputs" else self.action.shape.result

    @property
    def codec(self) -> Codec[Any]:
        """What encodes it.

        Raises:
            DefinitionError: The type cannot be stored.
        """
        if self.action is None:
            return Codec(self.owner, getattr(self.owner, "__name__", str(self.owner)))
        if self.name == "before" and self.action.image is not None:
            return self.action.image.codec
        return self.action.inputs if self.name == "inputs" else self.action.result

    @property
    def place(self) -> tuple[str, str, str]:
        """Where another process finds the owner: a module, its file, a name in it.

        Raises:
            Unexplorable: Nowhere.
        """
        named: Any = self.action.fn if self.action is not None else self.owner
        module, name = getattr(named, "__module__", ""), getattr(named, "__qualname__", "")
        file = getattr(sys.modules.get(module), "__file__", None)
        if not file or not name or _named(sys.modules[module], name) is not self.owner:
            raise Unexplorable(
                f"{name or self.owner} cannot be imported by another process, in which its bytes "
                "are to be compared: define it at the top of a module, or pass processes=False"
            )
        return module, file, name


async def encoded_elsewhere(
    owner: object, payloads: Sequence[tuple[str, bytes]]
) -> list[tuple[str, str]]:
    """What two other processes, each with another order of hashes, make of payloads.

    Args:
        owner: The type, or the action.
        payloads: For each, the name of its part.

    Raises:
        Unexplorable: They could not import the type.
    """
    place = Part(owner, "value").place
    lines = "".join(f"{part} {payload.decode()}\n" for part, payload in payloads)
    first, second = await asyncio.gather(
        *(asyncio.to_thread(_answers, place, lines, seed) for seed in _SEEDS)
    )
    return list(zip(first, second, strict=True))


def _answers(place: tuple[str, str, str], lines: str, seed: str) -> list[str]:
    environment = {
        **os.environ,
        "PYTHONHASHSEED": seed,
        "PYTHONPATH": os.pathsep.join(path or os.curdir for path in sys.path),
        "PYTHONIOENCODING": "utf-8",
    }
    done = subprocess.run(  # noqa: S603  this module, by this Python
        [sys.executable, "-c", _PROGRAM, *place],
        input=lines,
        capture_output=True,
        encoding="utf-8",
        env=environment,
        check=False,
    )
    if done.returncode != 0:
        said = (done.stderr.strip().splitlines() or ["it died"])[-1]
        raise Unexplorable(
            f"another process could not import {place[2]} from {place[1]} ({said}): see that the "
            "module can be imported by itself, or pass processes=False"
        )
    return [str(json.loads(line)) for line in done.stdout.splitlines()]


def _named(module: ModuleType, name: str) -> object:
    found: object = module
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def _imported(module: str, file: str) -> ModuleType:
    """A module by its name, or else from its file: a script has no name, a test may have none."""
    if module != "__main__":
        try:
            return importlib.import_module(module)
        except ImportError:
            pass
    spec = spec_from_file_location(_ALIAS, Path(file))
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is no module")
    made = module_from_spec(spec)
    sys.modules[_ALIAS] = made
    spec.loader.exec_module(made)
    return made


def main(arguments: Sequence[str]) -> None:
    """Answer each line until there are no more."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what an import prints is no answer
    module, file, name = arguments
    owner = _named(_imported(module, file), name)
    for line in sys.stdin.read().split("\n")[:-1]:
        part, _, payload = line.partition(" ")
        answer = _again(Part(owner, part).codec, payload.encode())
        answers.write(f"{json.dumps(answer)}\n")


def _again(codec: Codec[Any], payload: bytes) -> str:
    try:
        return codec.encode(codec.decode(payload)).decode()
    except PayloadError as error:
        return f"an error: {error}"
