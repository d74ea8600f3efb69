"""Targets: `module:catalog`, `module:catalog.saga`, or the same with a path to a .py file."""

import importlib
import importlib.util
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from sagas.authoring.catalog import Catalog
from sagas.authoring.saga import Saga
from sagas.cli.failing import OURS, Mistake

T = TypeVar("T")

_NOT_THE_USERS = {"sagas", "approvals", "compensations", "reversibility", "importlib"}
_FORM = (
    "a target is module:catalog or module:catalog.saga, such as trips.booking:travel.book_trip; "
    "the module may be a file, such as trips.py:travel"
)


@dataclass(frozen=True, slots=True)
class Target:
    """What a target names.

    Attributes:
        saga: The saga it names, or the only one that the catalog has; None if it has several.
    """

    text: str
    catalog: Catalog
    saga: Saga[Any, Any] | None

    def one_saga(self) -> Saga[Any, Any]:
        """The saga to run.

        Raises:
            Mistake: The target names none, and the catalog has none or several.
        """
        if self.saga is not None:
            return self.saga
        names = sorted({saga.short_name for saga in self.catalog.sagas})
        if not names:
            raise Mistake(f"{self.text}: the catalog {self.catalog.name} has no saga")
        raise Mistake(
            f"{self.text}: the catalog {self.catalog.name} has several sagas, name one: "
            f"{', '.join(f'{self.text}.{name}' for name in names)}"
        )


def load(text: str) -> Target:
    """Import what a target names; the current directory comes first on the path.

    Raises:
        Mistake: There is no such module, catalog or saga; the message names those there are.
        DefinitionError: The code cannot be right.
    """
    where, what = _parts(text)
    catalog_name, _, saga_name = what.partition(".")
    if not catalog_name:
        raise Mistake(f"{text!r} is no target: {_FORM}")
    catalog = _catalog(_imported(where), where, catalog_name)
    return Target(text, catalog, _saga(catalog, saga_name))


def one(text: str, kind: type[T], noun: str) -> T:
    """Import the object of that kind that `module:name` names.

    Raises:
        Mistake: There is no such module, or it has none of that kind and name.
    """
    where, name = _parts(text)
    module = _imported(where)
    found = vars(module).get(name)
    if isinstance(found, kind):
        return found
    known = sorted(key for key, value in vars(module).items() if isinstance(value, kind))
    has = f"it has {', '.join(known)}" if known else "it has none"
    if isinstance(found, Catalog):
        raise Mistake(f"{text} is a catalog and no {noun}; {has} in {where}")
    raise Mistake(f"{where} has no {noun} {name!r}: {has}")


def _parts(text: str) -> tuple[str, str]:
    where, colon, what = text.rpartition(":")
    if not colon or not where or not what:
        raise Mistake(f"{text!r} is no target: {_FORM}")
    return where, what


def _imported(where: str) -> ModuleType:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    return _file(Path(where)) if where.endswith(".py") else _module(where)


def catalogs(texts: Iterable[str]) -> list[Catalog]:
    """Import what several targets name: each catalog once.

    Raises:
        Mistake: There is no such module, catalog or saga.
        DefinitionError: The code cannot be right.
    """
    return list({id(found): found for found in (load(text).catalog for text in texts)}.values())


def _module(name: str) -> ModuleType:
    if name.startswith(".") or "\0" in name:  # importlib takes the one for relative
        raise Mistake(f"{name!r} is no module's name: {_FORM}")
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise Mistake(
                f"there is no module {error.name!r} on the path or in this directory: {_FORM}"
            ) from None
        raise _broken(name, error) from error
    except (Exception, SystemExit) as error:
        raise _broken(name, error) from error


def _file(path: Path) -> ModuleType:
    """A module by its file; by its name where the file can be reached from the path."""
    if not path.is_file():
        raise Mistake(f"there is no file {path}")
    name = _dotted(path)
    if name is not None:
        return _module(name)
    name = path.stem if path.stem not in sys.modules else f"target_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise Mistake(f"{path} cannot be imported")
    sys.path.insert(0, str(path.resolve().parent))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise _broken(str(path), error) from error
    return module


def _dotted(path: Path) -> str | None:
    """The name under which a file below the current directory is imported."""
    try:
        parts = path.resolve().relative_to(Path.cwd()).with_suffix("").parts
    except ValueError:
        return None
    return ".".join(parts) if all(part.isidentifier() for part in parts) else None


def _broken(name: str, error: BaseException) -> Mistake:
    """An error raised by the user's own module, with its place there; ours say what to do."""
    told = f"{error}" if isinstance(error, OURS) else f"{type(error).__name__}: {error}"
    return Mistake(f"{name} cannot be imported: {told}{_place(error)}")


def _place(error: BaseException) -> str:
    """The innermost line that is neither ours nor the import machinery's."""
    trace, place = error.__traceback__, ""
    while trace is not None:
        package = str(trace.tb_frame.f_globals.get("__name__")).partition(".")[0]
        if package not in _NOT_THE_USERS:
            place = f" ({trace.tb_frame.f_code.co_filename}, line {trace.tb_lineno})"
        trace = trace.tb_next
    return place


def _catalog(module: ModuleType, where: str, name: str) -> Catalog:
    found = getattr(module, name, None)
    if isinstance(found, Catalog):
        return found
    known = sorted(key for key, value in vars(module).items() if isinstance(value, Catalog))
    has = f"it has {', '.join(known)}" if known else "it has none"
    raise Mistake(f"{where} has no catalog {name!r}: {has}")


def _saga(catalog: Catalog, name: str) -> Saga[Any, Any] | None:
    """The named saga in its newest version; without a name, the only one."""
    sagas = sorted(catalog.sagas, key=lambda saga: -saga.version)
    names = list(dict.fromkeys(saga.short_name for saga in sagas))
    if not name:
        return sagas[0] if len(names) == 1 else None
    for saga in sagas:
        if saga.short_name == name:
            return saga
    has = f"it has {', '.join(sorted(names))}" if names else "it has none"
    raise Mistake(f"the catalog {catalog.name} has no saga {name!r}: {has}")
