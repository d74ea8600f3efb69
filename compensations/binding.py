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
    result: object,
    before: object | None = None,
) -> Binding:
    """Check a handler's parameters against its action.

    Args:
        name: The handler's name, for messages.
        hints: Its resolved annotations.
        signature: Its signature.
        inputs: The action's inputs and their types.
        result: The action's result type.
        before: The before-image's type, or None where the action has none.

    Raises:
        BindingError: A parameter has no source, or another type than its source.
    """
    taken: list[str] = []
    result_hint: object = None
    takes_result = takes_before = False
    for parameter in signature.parameters.values():
        if parameter.kind in (
            parameter.VAR_POSITIONAL,
            parameter.VAR_KEYWORD,
            parameter.POSITIONAL_ONLY,
        ):
            raise BindingError(f"{name}: parameter {parameter} cannot be bound by name")
        hint = hints.get(parameter.name)
        if parameter.name in inputs:
            _same(name, parameter.name, hint, inputs[parameter.name])
            taken.append(parameter.name)
        elif parameter.name == RESULT:
            takes_result, result_hint = True, hint
        elif parameter.name == BEFORE and before is not None:
            _same(name, BEFORE, hint, before)
            takes_before = True
        else:
            raise BindingError(
                _no_source(name, parameter.name, inputs, has_before=before is not None)
            )
    accepts_unknown = takes_result and _result(name, result_hint, result)
    if not takes_result:
        accepts_unknown = False
    return Binding(tuple(taken), takes_result, accepts_unknown, takes_before)


def without_none(hint: object) -> tuple[object, bool]:
    """A type without its None, and whether it had one."""
    if typing.get_origin(hint) not in (typing.Union, types.UnionType):
        return hint, False
    members = typing.get_args(hint)
    rest = [member for member in members if member is not type(None)]
    if len(rest) == len(members):
        return hint, False
    if len(rest) == 1:
        return rest[0], True
    return typing.Union[tuple(rest)], True  # noqa: UP007  built at run time


def _result(name: str, hint: object, result: object) -> bool:
    if hint == result or (result is type(None) and hint is None):
        return False
    bare, optional = without_none(hint)
    if optional and bare == result:
        return True
    raise BindingError(
        f"{name}: its `result` is a {_shown(hint)}, but the action returns {_shown(result)}"
    )


def _same(name: str, parameter: str, hint: object, source: object) -> None:
    if hint != source:
        raise BindingError(
            f"{name}: `{parameter}` is a {_shown(hint)} here, but a {_shown(source)} in the action"
        )


def _no_source(name: str, parameter: str, inputs: Mapping[str, object], *, has_before: bool) -> str:
    sources = [*inputs, RESULT, *([BEFORE] if has_before else [])]
    hint = (
        "" if parameter != BEFORE else "; the action has no before-image reader (`@action.before`)"
    )
    return f"{name}: nothing to bind `{parameter}` to; it can take {', '.join(sources)}{hint}"


def _shown(hint: object) -> str:
    return hint.__name__ if isinstance(hint, type) else str(hint).replace("typing.", "")
