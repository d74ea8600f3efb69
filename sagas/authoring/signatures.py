"""Reading the signatures of what users write, once, when it is imported.

Pure.
"""

import functools
import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from typing_extensions import TypedDict

from compensations.binding import shown
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
        DefinitionError: It is no plain function, an annotation is missing or does not resolve, or
            a parameter cannot be recorded by name.
    """
    check_function(fn, what)
    signature = inspect.signature(fn)
    hints = hints_of(fn, what, namespace)
    for parameter in signature.parameters.values():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise DefinitionError(
                f"{what}: {parameter} cannot be recorded by name; use plain parameters"
            )
        if parameter.name not in hints:
            raise DefinitionError(_untyped(what, parameter.name))
    if "return" not in hints:
        raise DefinitionError(
            f"{what}: it needs a return annotation (`-> None` if it returns nothing)"
        )
    inputs = {name: hints[name] for name in signature.parameters}
    return Shape(signature, inputs, hints["return"], is_async(fn))


def check_function(fn: object, what: str) -> None:
    """Refuse what is not a function with a name and annotations of its own.

    Raises:
        DefinitionError: The message says what to write instead.
    """
    if isinstance(fn, functools.partial):
        raise DefinitionError(
            f"{what}: a functools.partial has no name and no annotations: write a function that calls it"
        )
    if isinstance(fn, type) or not callable(fn) or not hasattr(fn, "__name__"):
        raise DefinitionError(
            f"{what}: {shown(type(fn))} {fn!r} is no function: decorate a `def` or an `async def`"
        )
    if not hasattr(fn, "__annotations__"):
        raise DefinitionError(
            f"{what}: {fn.__name__} is decorated already, or written in C: decorate a plain function"
        )
    if inspect.isgeneratorfunction(fn) or inspect.isasyncgenfunction(fn):
        raise DefinitionError(f"{what}: it has a `yield`; return a list instead")


def check_version(what: str, version: object) -> None:
    """Refuse a version that is no whole number from 1.

    Raises:
        DefinitionError: It is something else.
    """
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise DefinitionError(f"{what}: version is a whole number from 1, not {version!r}")


def hints_of(fn: Callable[..., object], what: str, namespace: Mapping[str, Any]) -> dict[str, Any]:
    """The resolved annotations of a function.

    Raises:
        DefinitionError: It is no plain function, or a name in its annotations is not defined.
    """
    check_function(fn, what)
    try:
        return typing.get_type_hints(fn, localns=dict(namespace), include_extras=True)
    except (NameError, AttributeError, SyntaxError, TypeError) as error:
        raise DefinitionError(
            f"{what}: an annotation does not resolve ({error}); "
            "types must be defined or imported above the function, not only for type checking"
        ) from error


def local_names(depth: int) -> dict[str, Any]:
    """The local names where a decorator is applied, for annotations of types that are local too.

    Args:
        depth: How many calls away that is from whoever asks; 1 for its own caller.
    """
    frame = inspect.currentframe()
    for _ in range(depth + 1):
        frame = frame.f_back if frame else None
    if frame is None or frame.f_locals is frame.f_globals:
        return {}  # a module's own names are found by way of the function
    return dict(frame.f_locals)


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
    """Whether calling the function gives an awaitable, however it is wrapped."""
    inner: Any = fn
    while True:
        if inspect.iscoroutinefunction(inner):
            return True
        if isinstance(inner, functools.partial):
            inner = cast(Any, inner).func
        elif hasattr(inner, "__wrapped__"):
            inner = inner.__wrapped__
        else:
            return False


def _untyped(what: str, parameter: str) -> str:
    if parameter in ("self", "cls"):
        return f"{what} is a method; make it a function: what it does is recorded by name alone"
    return f"{what}: parameter {parameter!r} needs a type annotation"
