"""What the import linter cannot see: promises that modules make about themselves."""

import ast
import inspect
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("sagas", "compensations", "approvals", "reversibility")
ROOTS = {
    "sagas": "SagaError",
    "compensations": "CompensationError",
    "approvals": "ApprovalError",
    "reversibility": "ReversibilityError",
}
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
MOST_METHODS_OF_A_PORT = 8


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def named(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def linted_as_pure() -> list[str]:
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
        "importlinter"
    ]
    (contract,) = (item for item in linter["contracts"] if item["name"].startswith("Pure modules"))
    return list(contract["source_modules"])


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_a_module_begins_by_saying_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(tree(path))


@pytest.mark.parametrize("name", linted_as_pure())
def test_what_the_linter_takes_for_pure_says_so_itself(name: str) -> None:
    assert (import_module(name).__doc__ or "").rstrip().endswith("Pure.")


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_has_one_root_of_errors(package: str) -> None:
    errors = import_module(f"{package}.errors")
    root = getattr(errors, ROOTS[package])
    own = [
        item
        for _, item in inspect.getmembers(errors, inspect.isclass)
        if issubclass(item, Exception) and item.__module__ == errors.__name__
    ]

    assert [item.__name__ for item in own if not issubclass(item, root)] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_every_error_that_a_package_raises_on_purpose_is_documented(package: str) -> None:
    errors = import_module(f"{package}.errors")
    own = [
        item
        for _, item in inspect.getmembers(errors, inspect.isclass)
        if item.__module__ == errors.__name__
    ]

    assert [item.__name__ for item in own if not item.__doc__] == []


def test_a_port_has_at_most_eight_methods() -> None:
    ports = [
        node
        for path in MODULES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ClassDef)
        and any(isinstance(base, ast.Name) and base.id == "Protocol" for base in node.bases)
    ]
    sizes = {
        port.name: sum(
            isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef) for item in port.body
        )
        for port in ports
    }

    assert {name: size for name, size in sizes.items() if size > MOST_METHODS_OF_A_PORT} == {}
    assert sizes


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_tells_type_checkers_that_it_is_typed(package: str) -> None:
    assert (ROOT / package / "py.typed").is_file()
