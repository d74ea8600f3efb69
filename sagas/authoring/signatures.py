"""Reading the signatures of what users write, once, when it is imported.

Pure.
"""

import functools
import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from typing_extensions import TypedDict

from sagas.errors import DefinitionError
from sagas.payloads import Codec


@dataclass(frozen=True, slots=True)
class Shape:
    """A function's parameters and result, resolved.

    Attributes:
        inputs: Each parameter's name and type, in order.
        result: The result's type.
    """

    signature: inspect.Signature
    inputs: Mapping[str, object]
    result: object
    is_async: bool

    def arguments(
        self, args: tuple[object, ...], kwargs: Mapping[str, object]
    ) -> dict[str, object]:
        """The arguments of a call, by name, with defaults."""
        if not kwargs and len(args) == len(self.inputs):
            return dict(zip(self.inputs, args, strict=True))
        bound = self.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return bound.arguments


def shape_of(fn: Callable[..., object], what: str, namespace: Mapping[str, Any]) -> Shape:
    """The shape of a function.

    Args:
        what: How messages name it.
        namespace: Names that are local to where it was defined.

    Raises:
        DefinitionError: An annotation is missing or does not resolve, or a parameter cannot be
            recorded by name.
    """
    signature = inspect.signature(fn)
    hints = hints_of(fn, what, namespace)
    for parameter in signature.parameters.values():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise DefinitionError(
                f"{what}: {parameter} cannot be recorded by name; use plain parameters"
            )
        if parameter.name not in hints:
            raise DefinitionError(f"{what}: parameter {parameter.name!r} needs a type annotation")
    if "return" not in hints:
        raise DefinitionError(
            f"{what}: it needs a return annotation (`-> None` if it returns nothing)"
        )
    inputs = {name: hints[name] for name in signature.parameters}
    return Shape(signature, inputs, hints["return"], is_async(fn))


def hints_of(fn: Callable[..., object], what: str, namespace: Mapping[str, Any]) -> dict[str, Any]:
    """The resolved annotations of a function.

    Raises:
        DefinitionError: A name in them is not defined.
    """
    try:
        return typing.get_type_hints(fn, localns=dict(namespace), include_extras=True)
    except NameError as error:
        raise DefinitionError(
            f"{what}: an annotation does not resolve ({error}); "
            "types must be defined or imported above the function, not only for type checking"
        ) from error


def arguments_codec(shape: Shape, what: str) -> Codec[dict[str, object]]:
    """A codec for a function's arguments as one JSON object.

    Raises:
        DefinitionError: A parameter's type cannot be stored.
    """
    for name, hint in shape.inputs.items():
        Codec(hint, f"parameter {name!r} of {what}")
    make: Any = TypedDict
    structure = make("Arguments", dict(shape.inputs))
    return Codec(structure, f"input of {what}")


def is_async(fn: Callable[..., object]) -> bool:
    """Whether calling the function gives an awaitable."""
    inner = inspect.unwrap(fn)
    while isinstance(inner, functools.partial):
        inner = inner.func
    return inspect.iscoroutinefunction(inner) or inspect.iscoroutinefunction(
        getattr(inner, "__call__", None)  # noqa: B004  the method itself is inspected
    )
