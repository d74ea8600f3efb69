"""The handler digest: one text that changes when the code that does or undoes an action changes.

It covers the functions of the action, its compensation, both probes, the guard and the before-image reader,
as they are written, and the options that say what a call may do. It covers nothing that those
functions call or read: a change there does not show.

A function counts by its syntax tree without comments, layout, docstrings, decorators and its own
name, serialised here and not by `ast.dump`, whose text differs between versions of Python. Where
its source cannot be had, it counts by its code object, which every version of Python compiles
otherwise; such a digest says so, and cannot be compared with one of another version.

Touches: the source files of the functions.
"""

import ast
import hashlib
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import CodeType
from typing import Any, cast

from compensations import Residue
from sagas.authoring.action import Action
from sagas.authoring.options import Options
from sagas.authoring.sources import Definition, definition_of

SOURCE, CODE = "source-1", f"code-1-py{sys.version_info.major}.{sys.version_info.minor}"
"""What a digest is made of, and by which rules: digests of two kinds cannot be compared."""

_SILENT = frozenset({"ctx", "kind", "type_comment", "type_ignores", "decorator_list"})
"""Fields of a syntax tree that say nothing, or what is known from elsewhere."""


@dataclass(frozen=True, slots=True)
class HandlerDigest:
    """What stands for an action's code.

    Attributes:
        text: The digest; equal texts mean equal code.
        without_source: Names of functions that count by their code objects.
    """

    text: str
    without_source: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """What it is made of: digests of two kinds say nothing of each other."""
        return self.text.partition(":")[0]


def digest_of(action: Action[..., Any]) -> HandlerDigest:
    """The digest of an action and of everything that belongs to it."""
    parts: list[str] = []
    without: list[str] = []
    for role, fn in _functions(action):
        found, has_source = _told(fn)
        parts.append(f"{role} {found}")
        if not has_source:
            without.append(getattr(fn, "__qualname__", role))
    parts += _declared(action)
    hashed = hashlib.sha256("\n".join(parts).encode("utf-8", "backslashreplace")).hexdigest()
    return HandlerDigest(f"{CODE if without else SOURCE}:{hashed}", tuple(without))


def _functions(action: Action[..., Any]) -> Iterator[tuple[str, Callable[..., Any]]]:
    undo = action.undo
    yield "do", action.fn
    for role, handler in (
        ("undo", undo),
        ("probe", action.asks),
        ("probe of the undo", undo.asks if undo else None),
        ("before", action.image),
        ("guard", action.guarded),
        ("residue", undo.estimator if undo else None),
    ):
        if handler is not None:
            yield role, handler.fn
    for role, options in (("do", action.options), ("undo", undo.options if undo else None)):
        if options is not None and options.definite_classes is None:
            yield f"definite of {role}", cast(Callable[..., Any], options.definite)


def _declared(action: Action[..., Any]) -> Iterator[str]:
    """The options that say what a call may do; not those that say when, or by whose leave."""
    yield f"do {_options(action.options)}"
    if action.undo is not None:
        yield f"undo {_options(action.undo.options)} residue={_residue(action.undo.residue)}"
    for probe in (action.asks, action.undo.asks if action.undo else None):
        yield f"lag={probe.lag if probe else None}"


def _residue(residue: Residue | None) -> str:
    """What is declared to remain; one in words alone is those words."""
    if residue is None or not residue.is_measured:
        return repr(residue and residue.text)
    return residue.model_dump_json(exclude_none=True)


def _options(options: Options) -> str:
    definite = " ".join(sorted(item.__qualname__ for item in options.definite_classes or ()))
    return (
        f"{options.reversibility.value} key_ttl={options.key_ttl} "
        f"repeatable={options.repeatable} definite={definite}"
    )


# --- functions --------------------------------------------------------------------------------


def _told(fn: Callable[..., Any]) -> tuple[str, bool]:
    """What a function is written as, its wrappers included, and whether all of that is source."""
    told = [_of_source(code) or _of_code(code) for code in _codes(fn)]
    return "\n".join(told), bool(told) and not any(text.startswith("Code(") for text in told)


def _codes(fn: object) -> Iterator[CodeType]:
    """The code of a function, or of an object that is called like one, and of those it wraps."""
    seen: set[int] = set()
    while fn is not None and id(fn) not in seen:
        seen.add(id(fn))
        for held in (fn, vars(type(fn)).get("__call__")):
            code = getattr(held, "__code__", None)
            if isinstance(code, CodeType):
                yield code
        fn = getattr(fn, "__wrapped__", None)


def _of_source(code: CodeType) -> str | None:
    """A function's syntax tree; None where its source cannot be had, or is no longer that."""
    node = definition_of(code)
    return None if node is None else _of_function(node)


def _of_function(node: Definition) -> str:
    node.name = ""
    return _of_node(node)


def _of_node(node: ast.AST) -> str:
    """A syntax tree as text: the same for every version of Python that can read it."""
    if isinstance(node, ast.JoinedStr):
        return f"JoinedStr({','.join(_of_pieces(node.values))})"
    fields: list[str] = []
    for name, value in ast.iter_fields(node):
        if name not in _SILENT:
            told = _of_value(_without_docstring(node, name, value))
            fields += [f"{name}={told}"] if told else []
    return f"{type(node).__name__}({','.join(fields)})"


def _of_value(value: object) -> str:
    """A field's value; nothing for what is empty, which newer versions add."""
    if isinstance(value, ast.AST):
        return _of_node(value)
    if isinstance(value, list):
        items = cast(list[object], value)
        return f"[{','.join(_of_value(item) or '-' for item in items)}]" if items else ""
    return "" if value is None else repr(value)


def _of_pieces(values: Iterable[ast.expr]) -> Iterator[str]:
    """The pieces of an f-string; versions of Python split the texts between them differently."""
    text = ""
    for value in values:
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            text += value.value
            continue
        yield repr(text)
        yield _of_node(value)
        text = ""
    yield repr(text)


def _without_docstring(node: ast.AST, name: str, value: object) -> object:
    if name != "body" or not isinstance(
        node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    ):
        return value
    return node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body


# --- code objects -----------------------------------------------------------------------------


def _of_code(code: CodeType) -> str:
    """A code object by its instructions and by what it names and holds."""
    held = ",".join(map(_of_constant, code.co_consts))
    return f"Code({code.co_code.hex()},{code.co_varnames!r},{code.co_names!r},[{held}])"


def _of_constant(value: object) -> str:
    if isinstance(value, CodeType):
        return _of_code(value)
    if isinstance(value, frozenset):  # its order differs from process to process
        return f"{{{','.join(sorted(map(repr, cast(frozenset[object], value))))}}}"
    return repr(value)
