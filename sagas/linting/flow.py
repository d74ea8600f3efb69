"""In which order a body may come to its steps, read from its source.

Every call of an action that can be made out is a *site*. For each it is told which others may have
been reached before it: over branches, loops, handlers and helper functions of the same project,
whose steps are the body's own. What is computed at run time (an action in a variable, a callback)
is not seen; a rule is silent about it.

Pure.
"""

import ast
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import singledispatchmethod
from types import CodeType, FunctionType
from typing import Any, cast

from sagas.authoring.action import Action
from sagas.authoring.body import parallel
from sagas.authoring.saga import Saga
from sagas.authoring.sources import Definition, definition_of
from sagas.linting.finding import Place
from sagas.linting.names import UNKNOWN, dotted, names_of, resolved

_DEEPEST = 8
"""So many helpers are followed into each other; deeper ones are not."""

Reached = frozenset[int]


@dataclass(slots=True)
class Site:
    """A call of an action in a body.

    Attributes:
        before: The sites that may have been reached before it.
        beside: Those that run at the same time, in other branches of a `parallel`.
        is_caught: A failure of it is handled, so that the body may go another way.
        is_repeated: It is in a loop.
        is_cleanup: It is in a `finally`, or in a handler that a saga's parking comes through too.
    """

    action: Action[..., Any]
    place: Place
    before: set[int] = field(default_factory=set[int])
    beside: set[int] = field(default_factory=set[int])
    is_caught: bool = False
    is_repeated: bool = False
    is_cleanup: bool = False


@dataclass(frozen=True, slots=True)
class Called:
    """Something else that a body calls, by its full name."""

    name: str
    place: Place


@dataclass(frozen=True, slots=True)
class Flow:
    """A body as it was read.

    Attributes:
        sites: Its calls of actions.
        called: Whatever else it calls, itself or by helpers.
    """

    sites: Sequence[Site]
    called: Sequence[Called]

    def earlier(self, site: Site) -> list[Site]:
        """The sites that may have been reached before this one, in the order of the source."""
        return [self.sites[index] for index in sorted(site.before)]


def flow_of(saga: Saga[Any, Any]) -> Flow | None:
    """How a saga's body comes to its steps; None where its source cannot be had."""
    fn = saga.fn
    if not isinstance(fn, FunctionType):
        return None
    node = definition_of(fn.__code__)
    if node is None:
        return None
    reader = _Reader()
    reader.enter(node, _Home(fn.__code__, names_of(fn)), frozenset())
    return Flow(reader.sites, reader.called)


@dataclass(frozen=True, slots=True)
class _Home:
    """Where a piece of source is from.

    Attributes:
        local: Functions that are defined inside it.
    """

    code: CodeType
    names: Mapping[str, Any]
    local: Mapping[str, Definition] = field(default_factory=dict[str, Definition])


@dataclass(frozen=True, slots=True)
class _Around:
    """What a piece of source is inside of."""

    caught: bool = False
    repeated: bool = False
    cleanup: bool = False


class _Reader:
    """Reads statements in the order in which they run."""

    def __init__(self) -> None:
        self.sites: list[Site] = []
        self.called: list[Called] = []
        self._known: dict[tuple[str, int, int], int] = {}
        self._inside: list[Definition] = []
        self._definitions: dict[CodeType, Definition | None] = {}
        self._around = _Around()

    def enter(self, node: Definition, home: _Home, before: Reached) -> Reached:
        """Read a function where it is called; what may have been reached once it is over."""
        if len(self._inside) >= _DEEPEST or node in self._inside:
            return before
        self._inside.append(node)
        local = {item.name: item for item in ast.walk(node) if isinstance(item, Definition)}
        del local[node.name]
        inner = _Home(home.code, home.names, {**home.local, **local})
        returned: set[int] = set()
        after = self._block(node.body, inner, before, returned)
        self._inside.pop()
        return frozenset(returned) | (after or before)

    # --- statements ---------------------------------------------------------------------------

    def _block(
        self, body: Iterable[ast.stmt], home: _Home, before: Reached, left: set[int]
    ) -> Reached | None:
        """Read statements in turn; None if they never come to their end.

        Args:
            left: Collects what may have been reached when the function is left from inside.
        """
        reached: Reached | None = before
        for statement in body:
            if reached is None:
                return None  # what follows a return is never run
            reached = self._statement(statement, home, reached, left)
        return reached

    @singledispatchmethod
    def _statement(
        self, node: ast.stmt, home: _Home, before: Reached, left: set[int]
    ) -> Reached | None:
        """Read a statement; what may have been reached after it, None if nothing comes after it."""
        return self._expressions(node, home, before)

    @_statement.register
    def _definition_only(
        self,
        node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef,
        home: _Home,
        before: Reached,
        left: set[int],
    ) -> Reached | None:
        return before

    @_statement.register
    def _return(
        self, node: ast.Return, home: _Home, before: Reached, left: set[int]
    ) -> Reached | None:
        left |= self._expressions(node, home, before)
        return None

    @_statement.register
    def _raise(
        self, node: ast.Raise, home: _Home, before: Reached, left: set[int]
    ) -> Reached | None:
        self._expressions(node, home, before)
        return None

    @_statement.register
    def _with(
        self, node: ast.With | ast.AsyncWith, home: _Home, before: Reached, left: set[int]
    ) -> Reached | None:
        for item in node.items:
            before = self._expressions(item, home, before)
        first = len(self.sites)
        suppresses = any(_is_suppress(item.context_expr, home) for item in node.items)
        with _inside(self, caught=suppresses):
            after = self._block(node.body, home, before, left)
        if not suppresses:
            return after
        return before | frozenset(range(first, len(self.sites))) | (after or frozenset())

    @_statement.register
    def _match(
        self, node: ast.Match, home: _Home, before: Reached, left: set[int]
    ) -> Reached | None:
        after = self._expression(node.subject, home, before)
        return _either([after, *(self._block(case.body, home, after, left) for case in node.cases)])

    @_statement.register
    def _if(self, node: ast.If, home: _Home, before: Reached, left: set[int]) -> Reached | None:
        tested = self._expression(node.test, home, before)
        return _either(
            [
                self._block(node.body, home, tested, left),
                self._block(node.orelse, home, tested, left),
            ]
        )

    @_statement.register
    def _loop(
        self, node: ast.For | ast.AsyncFor | ast.While, home: _Home, before: Reached, left: set[int]
    ) -> Reached | None:
        head = node.test if isinstance(node, ast.While) else node.iter
        reached = self._expression(head, home, before)
        with _inside(self, repeated=True):
            for _ in range(2):  # the second time, what the first has reached came before
                reached |= self._block(node.body, home, reached, left) or frozenset()
        return self._block(node.orelse, home, reached, left)

    @_statement.register
    def _try(
        self, node: ast.Try | ast.TryStar, home: _Home, before: Reached, left: set[int]
    ) -> Reached | None:
        first = len(self.sites)
        with _inside(self, caught=any(map(_goes_on, node.handlers))):
            tried = self._block(node.body, home, before, left)
        anywhere = before | frozenset(range(first, len(self.sites))) | (tried or frozenset())
        ends: list[Reached | None] = []
        if tried is not None:
            ends.append(self._block(node.orelse, home, tried, left))
        for handler in node.handlers:
            with _inside(self, cleanup=_takes_parking(handler, home)):
                ends.append(self._block(handler.body, home, anywhere, left))
        after = _either(ends)
        if not node.finalbody:
            return after
        with _inside(self, cleanup=True):
            over = self._block(node.finalbody, home, anywhere, left)
        return None if after is None or over is None else after | over

    # --- expressions --------------------------------------------------------------------------

    def _expressions(self, node: ast.AST, home: _Home, before: Reached) -> Reached:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                before = self._expression(child, home, before)
            elif not isinstance(child, ast.stmt):
                before = self._expressions(child, home, before)
        return before

    def _expression(self, node: ast.expr, home: _Home, before: Reached) -> Reached:
        match node:
            case ast.Lambda():
                return before
            case ast.Call():
                return self._call(node, home, before)
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                with _inside(self, repeated=True):
                    return self._expressions(node, home, before)
            case _:
                return self._expressions(node, home, before)

    def _call(self, node: ast.Call, home: _Home, before: Reached) -> Reached:
        target = home.local.get(node.func.id) if isinstance(node.func, ast.Name) else None
        found = UNKNOWN if target is not None else resolved(node.func, home.names)
        if found is parallel:
            return self._parallel(node, home, before)
        before = self._expressions(node, home, before)
        if target is not None:
            return self.enter(target, home, before)
        if isinstance(found, Action):
            action = cast(Action[..., Any], found)
            return before | {self._site(action, node, home, before)}
        if isinstance(found, FunctionType) and _is_near(found, home):
            definition = self._definition(found.__code__)
            if definition is not None:
                return self.enter(definition, _Home(found.__code__, names_of(found)), before)
        name = dotted(node.func, home.names)
        if name:
            self.called.append(Called(name, _place(node, home)))
        return before

    def _definition(self, code: CodeType) -> Definition | None:
        if code not in self._definitions:
            self._definitions[code] = definition_of(code)
        return self._definitions[code]

    def _parallel(self, node: ast.Call, home: _Home, before: Reached) -> Reached:
        branches: list[set[int]] = []
        after = before
        for branch in [*node.args, *(keyword.value for keyword in node.keywords)]:
            reached = self._expression(branch, home, before)
            branches.append(set(reached - before))
            after |= reached
        for own in branches:
            for other in branches:
                if own is not other:
                    for index in own:
                        self.sites[index].beside |= other
        return after

    def _site(self, action: Action[..., Any], node: ast.Call, home: _Home, before: Reached) -> int:
        """The number of a site; one that is come to again, in a loop or a helper, is the same."""
        key = (home.code.co_filename, node.lineno, node.col_offset)
        index = self._known.get(key)
        if index is None:
            index = self._known[key] = len(self.sites)
            self.sites.append(Site(action, _place(node, home)))
        site = self.sites[index]
        site.before |= before
        site.is_caught |= self._around.caught
        site.is_repeated |= self._around.repeated
        site.is_cleanup |= self._around.cleanup
        return index

    @property
    def around(self) -> _Around:
        """What is read now is inside of this."""
        return self._around

    @around.setter
    def around(self, value: _Around) -> None:
        self._around = value


class _inside:  # noqa: N801  reads as what it does: with _inside(...)
    """For the time of a block, what is read is inside of something more."""

    def __init__(self, reader: _Reader, **more: bool) -> None:
        self._reader = reader
        self._more = more
        self._former = reader.around

    def __enter__(self) -> None:
        was = self._former
        self._reader.around = _Around(
            was.caught or self._more.get("caught", False),
            was.repeated or self._more.get("repeated", False),
            was.cleanup or self._more.get("cleanup", False),
        )

    def __exit__(self, *_: object) -> None:
        self._reader.around = self._former


def _either(ends: Iterable[Reached | None]) -> Reached | None:
    """What may have been reached by one way or another; None if none comes to its end."""
    reached = [end for end in ends if end is not None]
    return frozenset[int]().union(*reached) if reached else None


def _goes_on(handler: ast.ExceptHandler) -> bool:
    """Whether a handler does more than to raise again."""
    return not any(isinstance(item, ast.Raise) for item in handler.body)


def _is_suppress(node: ast.expr, home: _Home) -> bool:
    """Whether a block goes on after errors: `with suppress(...)`."""
    return isinstance(node, ast.Call) and resolved(node.func, home.names) is suppress


def _takes_parking(handler: ast.ExceptHandler, home: _Home) -> bool:
    """Whether the exception that parks a body comes through a handler too."""
    if handler.type is None:
        return True
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(resolved(kind, home.names) is BaseException for kind in kinds)


def _is_near(fn: FunctionType, home: _Home) -> bool:
    """Whether a helper is of the same project: the body's own steps may be in there."""
    here, there = home.names.get("__name__", ""), fn.__module__ or ""
    return str(here).partition(".")[0] == there.partition(".")[0]


def _place(node: ast.Call, home: _Home) -> Place:
    return Place(home.code.co_filename, node.lineno)
