"""Binding a compensation or probe, by name, to what the journal holds of a step.

A parameter is one of the action's own inputs, `result` (what the action returned) or `before`
(what its before-image reader saw). Everything is checked when the code is imported.

Pure.
"""

import inspect
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass

from compensations.errors import BindingError

RESULT = "result"
BEFORE = "before"

_UNIONS = (typing.Union, types.UnionType)


@dataclass(frozen=True, slots=True)
class Binding:
    """What a handler asks for.

    Attributes:
        inputs: The names of the action's inputs that it takes.
        takes_result: Whether it takes the result.
        accepts_unknown: Whether its `result` may be None, which declares that it is safe to run
            when nobody knows whether the action took effect.
        takes_before: Whether it takes the before-image.
    """

    inputs: tuple[str, ...]
    takes_result: bool
    accepts_unknown: bool
    takes_before: bool

    @property
    def needs_result(self) -> bool:
        """Whether it cannot run without a known result."""
        return self.takes_result and not self.accepts_unknown

    def arguments(
        self, inputs: Mapping[str, object], *, result: object = None, before: object = None
    ) -> dict[str, object]:
        """The keyword arguments to call it with."""
        bound = {name: inputs[name] for name in self.inputs}
        if self.takes_result:
            bound[RESULT] = result
        if self.takes_before:
            bound[BEFORE] = before
        return bound


def bind(
    name: str,
    *,
    hints: Mapping[str, object],
    signature: inspect.Signature,
    inputs: Mapping[str, object],
    result: object | None = None,
    before: object | None = None,
) -> Binding:
    """Check a handler's parameters against what is recorded when it is called.

    Args:
        name: The handler's name, for messages.
        hints: Its resolved annotations.
        signature: Its signature.
        inputs: The inputs that it can take and their types.
        result: The action's result type, or None where no result can be known.
        before: The before-image's type, or None where there is none.

    Raises:
        BindingError: A parameter has no source, no type, or another type than its source.
    """
    taken: list[str] = []
    takes_result = accepts_unknown = takes_before = False
    for parameter in signature.parameters.values():
        hint = _hint(name, parameter, hints)
        if parameter.name in inputs:
            _same(name, parameter.name, hint, inputs[parameter.name])
            taken.append(parameter.name)
        elif parameter.name == RESULT and result is not None:
            takes_result, accepts_unknown = True, _may_be_none(name, hint, result)
        elif parameter.name == BEFORE and before is not None:
            _same(name, BEFORE, hint, before)
            takes_before = True
        else:
            raise BindingError(_no_source(name, parameter.name, inputs, result, before))
    return Binding(tuple(taken), takes_result, accepts_unknown, takes_before)


def without_none(hint: object) -> tuple[object, bool]:
    """A type without its None, and whether it had one."""
    if typing.get_origin(hint) not in _UNIONS:
        return hint, False
    members = typing.get_args(hint)
    rest = [member for member in members if member is not type(None)]
    if len(rest) == len(members):
        return hint, False
    if len(rest) == 1:
        return rest[0], True
    return typing.Union[tuple(rest)], True  # noqa: UP007  built at run time


def shown(hint: object) -> str:
    """A type as its author would write it."""
    if hint is type(None):
        return "None"
    if typing.get_origin(hint) in _UNIONS:
        return " | ".join(map(shown, typing.get_args(hint)))
    return (
        hint.__name__
        if isinstance(hint, type) and not typing.get_args(hint)
        else str(hint).replace("typing.", "")
    )


def _hint(name: str, parameter: inspect.Parameter, hints: Mapping[str, object]) -> object:
    if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
        raise BindingError(
            f"{name}: parameter {parameter} cannot be bound by name; use plain parameters"
        )
    if parameter.name not in hints:
        raise BindingError(
            f"{name}: parameter `{parameter.name}` needs a type annotation, "
            "to be checked against what is recorded"
        )
    return hints[parameter.name]


def _may_be_none(name: str, hint: object, result: object) -> bool:
    """Whether a `result` may be unknown. Where the action itself may return None, it may not."""
    if _bare(hint) == _bare(result):
        return False
    rest, optional = without_none(hint)
    if optional and _bare(rest) == _bare(result):
        return True
    wanted = shown(result)
    unknown = "" if result is type(None) else f", or `{wanted} | None` if it can run without it"
    raise BindingError(
        f"{name}: its `result` is a {shown(hint)}, but the action returns {wanted}: "
        f"annotate it as `{wanted}`{unknown}"
    )


def _same(name: str, parameter: str, hint: object, source: object) -> None:
    if _bare(hint) != _bare(source):
        raise BindingError(
            f"{name}: `{parameter}` is a {shown(hint)} here, but what is recorded is a "
            f"{shown(source)}: use that type"
        )


def _bare(hint: object) -> object:
    """A type without what `Annotated` says about it: constraints were checked on the way in."""
    return typing.get_args(hint)[0] if typing.get_origin(hint) is typing.Annotated else hint


def _no_source(
    name: str,
    parameter: str,
    inputs: Mapping[str, object],
    result: object | None,
    before: object | None,
) -> str:
    sources = [
        *inputs,
        *([RESULT] if result is not None else []),
        *([BEFORE] if before is not None else []),
    ]
    hint = ""
    if parameter == BEFORE and result is not None:
        hint = "; the action has no before-image reader (`@action.before`, above the compensation)"
    return f"{name}: nothing to bind `{parameter}` to; it can take {', '.join(sources) or 'nothing'}{hint}"
