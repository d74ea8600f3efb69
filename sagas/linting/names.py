"""What a name in a function stands for, as far as that can be told without running it.

Attributes are looked up in modules and classes alone: nothing that an object computes is asked for.

Pure.
"""

import ast
import builtins
import inspect
from collections.abc import Mapping
from types import FunctionType, ModuleType
from typing import Any, cast

UNKNOWN = object()
"""Stands for what cannot be told."""


def names_of(fn: FunctionType) -> Mapping[str, Any]:
    """The names that a function can see beside its own: its module's, and those around it."""
    around = {
        name: cell.cell_contents
        for name, cell in zip(fn.__code__.co_freevars, fn.__closure__ or (), strict=False)
        if _is_filled(cell)
    }
    return {**vars(builtins), **fn.__globals__, **around}


def resolved(node: ast.expr, names: Mapping[str, Any]) -> Any:
    """What an expression stands for: a name, or an attribute of a module, a class or an object."""
    if isinstance(node, ast.Name):
        return names.get(node.id, UNKNOWN)
    if isinstance(node, ast.Attribute):
        return _attribute(resolved(node.value, names), node.attr)
    return UNKNOWN


def dotted(node: ast.expr, names: Mapping[str, Any]) -> str:
    """The full name of what is called, such as `datetime.datetime.now`; empty if it cannot be told.

    An attribute of an object counts as one of its class: `random.random` as `random.Random.random`.
    """
    found = resolved(node, names)
    if found is UNKNOWN:
        return ""
    own = getattr(found, "__objclass__", None) or getattr(found, "__self__", None)
    if own is not None and not isinstance(own, ModuleType):
        kind = own if isinstance(own, type) else type(own)
        return f"{kind.__module__}.{kind.__qualname__}.{getattr(found, '__name__', '')}"
    module, name = getattr(found, "__module__", None), getattr(found, "__qualname__", None)
    return f"{module}.{name}" if module and name else ""


def _attribute(holder: Any, name: str) -> Any:
    if holder is UNKNOWN:
        return UNKNOWN
    if isinstance(holder, ModuleType):
        return vars(holder).get(name, UNKNOWN)
    try:
        found = inspect.getattr_static(holder, name)
    except AttributeError:
        return UNKNOWN
    if isinstance(found, property):
        return UNKNOWN
    if isinstance(found, staticmethod | classmethod):
        return cast(Any, found).__func__
    return found


def _is_filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not cell
    except ValueError:
        return False
