"""A saga: a body of steps, with one input and one result."""

from collections.abc import Callable, Coroutine, Mapping
from datetime import timedelta
from typing import Any, Generic, TypeVar

from sagas.authoring.secrecy import marked_places
from sagas.authoring.signatures import check_version, shape_of
from sagas.errors import DefinitionError, NotInSaga
from sagas.model import AfterPivot
from sagas.payloads import Codec

I = TypeVar("I")  # noqa: E741
O = TypeVar("O")  # noqa: E741


class Saga(Generic[I, O]):
    """A registered saga; hand it to `coordinator.start`.

    Attributes:
        name: Its name with the catalog's, such as `travel.book_trip`.
        version: Raised by the author when the body changes while sagas are open.
        fn: The bare body.
        after_pivot: What a failure past the pivot leads to.
        deadline: How long it may take, unless its start says otherwise.
        catalog: The catalog that it is registered in.
        sensitive: Where its input is secret, as JSON pointers.
        sensitive_result: Where its result is.
    """

    def __init__(
        self,
        fn: Callable[[I], Coroutine[Any, Any, O]],
        *,
        name: str,
        version: int,
        after_pivot: AfterPivot,
        deadline: timedelta | None = None,
        namespace: Mapping[str, Any],
        catalog: Any = None,
    ) -> None:
        check_version(name, version)
        shape = shape_of(fn, name, namespace)
        if not shape.is_async:
            raise DefinitionError(f"{name}: a saga's body is an `async def`")
        if len(shape.inputs) != 1:
            raise DefinitionError(
                f"{name} takes {len(shape.inputs)} parameters; a saga takes exactly one input: "
                "put what it needs into one model"
            )
        (parameter,) = shape.signature.parameters.values()
        if parameter.kind is parameter.KEYWORD_ONLY:
            raise DefinitionError(f"{name}: its input {parameter.name!r} must not be keyword-only")
        self.fn = fn
        self.name = name
        self.version = version
        self.after_pivot = after_pivot
        self.deadline = deadline
        self.catalog = catalog
        (hint,) = shape.inputs.values()
        self.input: Codec[I] = Codec(hint, f"input of {name}")
        self.output: Codec[O] = Codec(shape.result, f"result of {name}")
        self.sensitive = marked_places(self.input.schema(stored=True))
        self.sensitive_result = marked_places(self.output.schema(stored=True))
        self.input.sensitive, self.output.sensitive = self.sensitive, self.sensitive_result
        self.__doc__ = fn.__doc__
        self.__name__ = fn.__name__

    @property
    def short_name(self) -> str:
        """The name without the catalog's."""
        return self.name.rpartition(".")[2]

    def secret_places(self, event: str, payload: bytes) -> list[str] | None:
        """Where what an event says is secret, as JSON pointers; None if nothing is known to be."""
        return None

    def __call__(self, *args: object, **kwargs: object) -> object:
        """Refused: a saga is started by a coordinator."""
        raise NotInSaga(
            f"{self.name} is a saga: start it with `await coordinator.start({self.__name__}, input, id=...)`"
        )

    def __repr__(self) -> str:
        return f"<saga {self.name} version {self.version}>"
