"""The front doors: what is named can be imported, is documented, and is no more than needed."""

import ast
import inspect
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import approvals
import compensations
import reversibility
import sagas

DOORS = [sagas, compensations, approvals, reversibility]
MOST_NAMES = {"sagas": 32, "compensations": 12, "approvals": 22, "reversibility": 17}
NEWCOMERS = {"Catalog", "Reversibility", "approval", "connect", "parallel"}


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_every_exported_name_can_be_imported(door: ModuleType) -> None:
    assert [name for name in door.__all__ if not hasattr(door, name)] == []


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_the_exports_are_sorted_and_each_named_once(door: ModuleType) -> None:
    assert list(door.__all__) == sorted(set(door.__all__))


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_a_door_has_no_more_names_than_agreed(door: ModuleType) -> None:
    assert len(door.__all__) <= MOST_NAMES[door.__name__]


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_every_exported_class_and_function_is_documented(door: ModuleType) -> None:
    exported = [(name, getattr(door, name)) for name in door.__all__]
    code = [pair for pair in exported if inspect.isclass(pair[1]) or inspect.isfunction(pair[1])]

    assert [name for name, item in code if not inspect.getdoc(item)] == []
    assert code


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_what_a_door_imports_for_its_users_is_exported(door: ModuleType) -> None:
    source = ast.parse(Path(str(door.__file__)).read_text(encoding="utf-8"))
    own = {package.__name__ for package in DOORS}
    imported = {
        alias.asname or alias.name
        for node in ast.walk(source)
        if isinstance(node, ast.ImportFrom) and str(node.module).partition(".")[0] in own
        for alias in node.names
    }

    assert imported == set(door.__all__)


def test_a_newcomer_needs_five_names() -> None:
    assert set(sagas.__all__) >= NEWCOMERS
    assert all(f"`{name}`" in (sagas.__doc__ or "") for name in NEWCOMERS)


@pytest.mark.parametrize("name", ["Coordinator", "Handle", "connect", "run_sync"])
def test_what_is_loaded_late_is_what_its_module_has(name: str) -> None:
    found = getattr(sagas, name)

    assert found is getattr(import_module(found.__module__), name)


def test_a_name_that_is_not_exported_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'sagas' has no attribute 'teleport'"):
        getattr(sagas, "teleport")  # noqa: B009  a type checker would not let it pass


@pytest.mark.parametrize("name", ["sagas", "sagas.testing"])
def test_what_is_loaded_when_it_is_first_used_is_listed_before(name: str) -> None:
    listed = f"import {name} as door; print(not set(door.__all__) - set(dir(door)))"
    shown = subprocess.run(  # another process: this one has used them all
        [sys.executable, "-c", listed], capture_output=True, text=True, check=True
    )
    assert shown.stdout == "True\n"
