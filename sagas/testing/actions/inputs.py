"""Where the inputs of a check come from: examples that are given, or values made of the types.

Made inputs are shrunk: for each broken rule, the smallest input that breaks it is kept. The same
seed makes the same inputs.

Touches: the event loop; a thread of its own, in which hypothesis runs.
"""

import asyncio
import inspect
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from sagas.authoring.action import Action
from sagas.errors import PayloadError
from sagas.payloads import explain
from sagas.testing.actions.findings import Finding, smallest, text_of
from sagas.testing.errors import NotDeterministic, Unexplorable

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
T_contra = TypeVar("T_contra", contravariant=True)

INSTALL = (
    "no examples are given, and hypothesis, which would make them, is not installed: "
    "`pip install hypothesis`, or pass examples"
)


class Check(Protocol[T_contra]):
    """Tries one input."""

    def __call__(self, value: T_contra, /) -> Sequence[Finding] | Awaitable[Sequence[Finding]]:
        """What is wrong with it. What is not async may be called in another thread."""
        ...


class Inputs(Protocol[T_co]):
    """The inputs of one check."""

    async def tried(self, check: Check[T_co]) -> list[Finding]:
        """Try them all; the smallest finding for each rule."""
        ...


class Given(Generic[T]):
    """Examples, each tried once."""

    def __init__(self, values: Sequence[T]) -> None:
        self._values = values

    async def tried(self, check: Check[T]) -> list[Finding]:
        """Try them in order."""
        found: list[Finding] = []
        for value in self._values:
            found += await _finished(check(value))
        return smallest(found)


class _Stopped(BaseException):
    """Nothing more is to be tried; hypothesis lets this pass."""

    def __init__(self, reason: BaseException) -> None:
        super().__init__(reason)
        self.reason = reason


class Made(Generic[T]):
    """Inputs of a strategy, shrunk to the smallest for each broken rule.

    Args:
        what: How errors name the inputs.
        runs: How many are tried at most, besides those that shrinking takes.

    Raises:
        Unexplorable: None are to be tried.
    """

    def __init__(self, strategy: "SearchStrategy[T]", what: str, *, runs: int, seed: int) -> None:
        if runs < 1:
            raise Unexplorable(f"runs is at least 1, not {runs}: nothing would be tried")
        self._strategy = strategy
        self._what = what
        self._runs = runs
        self._seed = seed

    async def tried(self, check: Check[T]) -> list[Finding]:
        """Look for a broken rule, and then for another, until there is none.

        Raises:
            NotDeterministic: An input was wrong once and right another time.
            Unexplorable: No input of the types could be made.
        """
        known: dict[str, Finding] = {}
        while True:
            found = await _Search(check, set(known)).run(self._find)
            if found is None:
                return list(known.values())
            known[found.rule] = found

    def _find(self, is_wrong: Callable[[T], bool]) -> None:
        from hypothesis import HealthCheck, Phase, find, settings
        from hypothesis.errors import Flaky, NoSuchExample, Unsatisfiable

        chosen = settings(
            max_examples=self._runs,
            database=None,
            deadline=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=cast(Any, list(HealthCheck)),
        )
        made = 0

        def counted(value: T) -> bool:
            nonlocal made
            made += 1
            return is_wrong(value)

        try:
            find(self._strategy, counted, settings=chosen, random=random.Random(self._seed))  # noqa: S311  the same inputs for the same seed
        except (NoSuchExample, Unsatisfiable):
            if not made:
                raise Unexplorable(
                    f"no {self._what} could be made that its type accepts: "
                    "pass examples, or strategies={...} for the parts that have rules of their own"
                ) from None
        except Flaky as error:
            raise NotDeterministic(
                f"one {self._what} was wrong once and right when it was tried again: something "
                "goes by itself (chance, a clock, or state that reset() leaves); "
                "pass the input as an example to see it"
            ) from error


class _Search(Generic[T]):
    """One search for a rule that is not known to be broken, from a thread."""

    def __init__(self, check: Check[T], known: set[str]) -> None:
        self._check = check
        self._known = known
        self._loop = asyncio.get_running_loop()
        self._last: Finding | None = None
        self._trying: Any = None
        self._is_over = False

    async def run(self, find: Callable[[Callable[[T], bool]], None]) -> Finding | None:
        try:
            await asyncio.to_thread(self._searched, find)
        except _Stopped as stopped:
            raise stopped.reason from None
        finally:
            self._is_over = True
            if self._trying is not None:
                self._trying.cancel()
        return self._last

    def _searched(self, find: Callable[[Callable[[T], bool]], None]) -> None:
        find(self._is_wrong)

    def _is_wrong(self, value: T) -> bool:
        """Try one input; an async check in the event loop of whoever waits for us."""
        if self._is_over:
            raise _Stopped(asyncio.CancelledError())
        try:
            found = self._new(self._waited_for(self._check(value)))
        except BaseException as error:  # noqa: BLE001  nothing may be taken for a wrong input
            raise _Stopped(error) from None
        if found is not None:
            self._last = found  # the last that is wrong is the smallest
        return found is not None

    def _waited_for(
        self, found: Sequence[Finding] | Awaitable[Sequence[Finding]]
    ) -> Sequence[Finding]:
        if not inspect.isawaitable(found):
            return found
        self._trying = asyncio.run_coroutine_threadsafe(_finished(found), self._loop)
        return cast(Sequence[Finding], self._trying.result())

    def _new(self, found: Sequence[Finding]) -> Finding | None:
        return next((finding for finding in found if finding.rule not in self._known), None)


async def _finished(found: Sequence[Finding] | Awaitable[Sequence[Finding]]) -> Sequence[Finding]:
    return await found if inspect.isawaitable(found) else found


# --- the inputs of an action ----------------------------------------------------------------------


def inputs_of(
    action: Action[..., Any],
    examples: Sequence[object],
    *,
    strategies: Mapping[Any, Any] | None,
    runs: int,
    seed: int,
) -> Inputs[bytes]:
    """The inputs of an action, as the bytes of its arguments.

    Raises:
        Unexplorable: An example does not fit, or there are none and none can be made.
    """
    if examples:
        return Given([_encoded(action, example, n) for n, example in enumerate(examples, 1)])
    require_hypothesis()
    from sagas.testing.actions.strategies import arguments_of

    made = arguments_of(action, strategies or {})
    return Made(made, f"input of {action.name}", runs=runs, seed=seed)


def require_hypothesis() -> None:
    """See that inputs can be made.

    Raises:
        Unexplorable: hypothesis is not installed.
    """
    if find_spec("hypothesis") is None:
        raise Unexplorable(INSTALL)


def _encoded(action: Action[..., Any], example: object, number: int) -> bytes:
    try:
        return action.inputs.encode(arguments_of_example(action, example, number))
    except PayloadError as error:
        raise Unexplorable(f"example {number} of {action.name} does not fit: {error}") from error


def arguments_of_example(
    action: Action[..., Any], example: object, number: int
) -> dict[str, object]:
    """The arguments that an example means: all of them by name, or the only one itself.

    Raises:
        Unexplorable: It does not fit.
    """
    inputs, what = action.shape.inputs, f"example {number} of {action.name}"
    given = _by_name(action, example)
    if given is None and len(inputs) != 1:
        raise Unexplorable(
            f"{what} is {text_of(example)}: pass a mapping of its arguments by name, "
            f"which are {', '.join(inputs) or 'none'}"
        )
    arguments = dict(given) if given is not None else {next(iter(inputs)): example}
    try:
        valid = {name: _valid(inputs[name], value) for name, value in arguments.items()}
    except ValidationError as error:
        raise Unexplorable(f"{what} does not fit: {explain(error)}") from error
    bound = action.shape.signature.bind(**valid)
    bound.apply_defaults()
    return dict(bound.arguments)


def _valid(hint: Any, value: object) -> Any:
    adapter: TypeAdapter[Any] = TypeAdapter(hint)
    return adapter.validate_python(value, by_alias=True, by_name=True)


def _by_name(action: Action[..., Any], example: object) -> Mapping[str, object] | None:
    if not isinstance(example, Mapping):
        return None
    given = cast(Mapping[str, object], example)
    if not all(name in action.shape.inputs for name in given):
        return None
    needed = [
        parameter.name
        for parameter in action.shape.signature.parameters.values()
        if parameter.default is parameter.empty
    ]
    return given if all(name in given for name in needed) else None
