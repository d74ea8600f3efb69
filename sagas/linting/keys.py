"""Whether a function reads the key of its call, itself or by what it calls.

Told by the names that compiled code mentions: a function that computes the name of
`idempotency_key` is not seen through, and one that mentions it without using it is believed.

Pure.
"""

from collections.abc import Callable, Iterator
from types import CodeType, FunctionType, MethodType
from typing import Any

_SIGNS = frozenset({"current_step", "idempotency_key"})
_DEEPEST = 6


def reads_its_key(fn: Callable[..., Any]) -> bool:
    """Whether a function, or one of its project that it calls, mentions the key."""
    return _mentions(fn, set(), _DEEPEST)


def _mentions(fn: object, seen: set[CodeType], depth: int) -> bool:
    plain = fn.__func__ if isinstance(fn, MethodType) else fn
    code = getattr(plain, "__code__", None)
    if not isinstance(plain, FunctionType) or code in seen or not depth:
        return False
    seen.add(plain.__code__)
    names = set(_names(plain.__code__))
    if names & _SIGNS:
        return True
    return any(_mentions(called, seen, depth - 1) for called in _called(plain, names))


def _names(code: CodeType) -> Iterator[str]:
    """What a function names, and what the functions inside it do."""
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _names(inner)


def _called(fn: FunctionType, names: set[str]) -> Iterator[object]:
    """What may be called under these names: functions of the module, methods of its objects."""
    for name in names:
        held = fn.__globals__.get(name)
        if isinstance(held, FunctionType):
            yield held
        elif held is not None:
            kind = held if isinstance(held, type) else type(held)
            yield from (vars(kind).get(method) for method in names)
    yield from (cell.cell_contents for cell in fn.__closure__ or () if _is_filled(cell))


def _is_filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not cell
    except ValueError:
        return False
