"""An action and what belongs to it: compensation, probe, before-image.

Everything that can be checked is checked when the decorator runs, so that a mistake shows when the
module is imported and not when a saga has to be undone.
"""

import inspect
import sys
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Generic, ParamSpec, TypeVar, overload

from approvals import Approval, Waiver
from compensations import BindingError, Residue, Retry
from compensations.binding import Binding, bind, without_none
from reversibility import Observability, Reversibility, classify
from sagas.authoring import context
from sagas.authoring.signatures import Shape, arguments_codec, hints_of, is_async, shape_of
from sagas.decide import CallPolicy
from sagas.errors import DefinitionError, NotInSaga
from sagas.payloads import Codec

P = ParamSpec("P")
R = TypeVar("R")

DEFAULT_TIMEOUT = timedelta(seconds=30)

Definite = type[BaseException] | tuple[type[BaseException], ...] | Callable[[BaseException], bool]
"""Which errors state that nothing happened: classes, or a predicate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How an action or a compensation is called."""

    reversibility: Reversibility
    key_ttl: timedelta | None = None
    repeatable: bool = False
    retry: Retry = field(default_factory=Retry)
    timeout: timedelta = DEFAULT_TIMEOUT
    definite: Definite = ()
    raises: tuple[type[Exception], ...] = ()
    approval: Approval | Waiver | None = None

    def is_definite(self, error: BaseException) -> bool:
        """Whether an error states that nothing happened."""
        if isinstance(self.definite, (type, tuple)):
            return isinstance(error, self.definite)
        return bool(self.definite(error))

    @property
    def known_errors(self) -> tuple[type[BaseException], ...]:
        """The error classes that a body may see as themselves."""
        classes = self.definite if isinstance(self.definite, (type, tuple)) else ()
        return (*self.raises, *(classes if isinstance(classes, tuple) else (classes,)))


@dataclass(slots=True)
class Probe:
    """Asks the destination whether a call took effect.

    Attributes:
        lag: How long after an effect the destination may still not show it.
    """

    fn: Callable[..., Any]
    name: str
    binding: Binding
    lag: timedelta
    timeout: timedelta
    retry: Retry


@dataclass(slots=True)
class Before:
    """Reads what an action is about to change."""

    fn: Callable[..., Any]
    name: str
    binding: Binding
    codec: Codec[Any]


@dataclass(slots=True)
class Compensation:
    """Undoes one action.

    It is not called by a body: a saga calls it when it unwinds, a `savepoint` when it rolls back.
    """

    fn: Callable[..., Any]
    name: str
    binding: Binding
    options: Options
    residue: str | None
    _probe: Probe | None = None

    def __call__(self, *args: object, **kwargs: object) -> object:
        """Refused: undoing is the saga's business."""
        raise NotInSaga(
            f"{self.name} undoes a step and is called by the saga itself; "
            "to undo part of a body, put the part into `async with savepoint(...)`"
        )

    def policy(self) -> CallPolicy:
        """What the rules need to know of it."""
        return _policy(self.options, self._probe)

    @property
    def asks(self) -> Probe | None:
        """Its probe, if it has one."""
        return self._probe

    def probe(
        self,
        *,
        lag: timedelta = timedelta(0),
        timeout: timedelta = DEFAULT_TIMEOUT,
        retry: Retry | None = None,
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Decorate a function that tells, as a bool, whether this undo took effect.

        Raises:
            DefinitionError: It has another signature, or there is one already.
        """

        def decorate(fn: Callable[..., Any]) -> Callable[..., Any]:
            if self._probe is not None:
                raise DefinitionError(f"{self.name} has a probe already: {self._probe.name}")
            hints = hints_of(fn, fn.__qualname__, _callers(fn))
            if hints.get("return") is not bool:
                raise DefinitionError(
                    f"{fn.__qualname__}: the probe of a compensation returns a bool"
                )
            self._probe = Probe(fn, fn.__qualname__, self.binding, lag, timeout, retry or Retry())
            return fn

        return decorate


class Action(Generic[P, R]):
    """A registered action. Calling it inside a saga gives a step to await.

    Attributes:
        name: Its name with the catalog's, such as `travel.book_hotel`.
        version: Raised by the author when its inputs or its meaning change.
        fn: The bare function, for tests.
    """

    def __init__(
        self,
        fn: Callable[..., Any],
        *,
        name: str,
        version: int,
        options: Options,
        namespace: dict[str, Any],
        classifier: Callable[..., Reversibility] | None = None,
        conflicts: Callable[..., Iterable[str]] | None = None,
        after: tuple[str, ...] = (),
        retired: bool = False,
    ) -> None:
        self.fn = fn
        self.name = name
        self.version = version
        self.options = options
        self.after = after
        self.retired = retired
        self.shape: Shape = shape_of(fn, name, namespace)
        self.inputs = arguments_codec(self.shape, name)
        self.result: Codec[Any] = Codec(self.shape.result, f"result of {name}")
        self.undo: Compensation | None = None
        self.asks: Probe | None = None
        self.image: Before | None = None
        self._classifier = _bound(classifier, self.shape, f"classify= of {name}")
        self._conflicts = _bound(conflicts, self.shape, f"conflicts= of {name}")
        self._namespace = namespace
        self.__doc__ = fn.__doc__
        self.__name__ = fn.__name__

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R]:
        """A step of the saga that is running, to be awaited.

        Raises:
            NotInSaga: Called outside a saga.
            PayloadError: An argument cannot be stored and given back unchanged.
        """
        found = context.current_scope(
            f"{self.name} is an action: it runs only as a step of a saga, so that nothing slips past "
            f"the journal or a gate; start a saga that calls it (for a test: {self.__name__}.fn)"
        )
        if self.retired:
            raise DefinitionError(
                f"{self.name} version {self.version} is retired and kept only for unwinding"
            )
        return found.call(self, self.inputs.encode(self.shape.arguments(args, kwargs)))

    def __repr__(self) -> str:
        return f"<action {self.name} version {self.version}, {self.options.reversibility}>"

    @property
    def short_name(self) -> str:
        """The name without the catalog's."""
        return self.name.rpartition(".")[2]

    def classified(self, arguments: Mapping[str, object]) -> Reversibility:
        """The class for these arguments: as declared, or worse.

        Raises:
            ClassUpgrade: The classifier returned a better class than declared.
        """
        if self._classifier is None:
            return self.options.reversibility
        return classify(self.options.reversibility, self._classifier(arguments))

    def conflict_keys(self, arguments: Mapping[str, object]) -> list[str]:
        """The keys of the resources that a call with these arguments touches."""
        return sorted(set(self._conflicts(arguments))) if self._conflicts else []

    def gate(self, reversibility: Reversibility) -> Approval | None:
        """The approval that a call of that class needs, if any."""
        approval = self.options.approval
        if not isinstance(approval, Approval):
            return None
        needed = self._classifier is None or reversibility.needs_approval
        return approval if needed else None

    @property
    def waiver(self) -> str | None:
        """Why no approval is asked for although the class would require it."""
        approval = self.options.approval
        return approval.reason if isinstance(approval, Waiver) else None

    def policy(self, reversibility: Reversibility) -> CallPolicy:
        """What the rules need to know of a call of that class."""
        found = _policy(replace(self.options, reversibility=reversibility), self.asks)
        safe = self.undo is not None and self.undo.binding.accepts_unknown
        return replace(found, accepts_unknown=safe)

    # --- what belongs to it -------------------------------------------------------------------

    def compensation(
        self,
        *,
        residue: str | None = None,
        reversibility: Reversibility | None = None,
        key_ttl: timedelta | None = None,
        repeatable: bool | None = None,
        retry: Retry | None = None,
        timeout: timedelta | None = None,
        definite: Definite | None = None,
        approval: Approval | Waiver | None = None,
    ) -> Callable[[Callable[..., Any]], Compensation]:
        """Decorate the function that undoes this action.

        Its parameters are bound by name: the action's own inputs, `result`, and `before`. If its
        `result` may be None it declares that it is safe when nobody knows whether the action took
        effect. It returns a `Residue`, or None. What is not given is inherited from the action,
        except the approval: an undo waits for a person only if it says so itself.

        Args:
            residue: What remains after an undo, unless the function says otherwise.

        Raises:
            DefinitionError: It cannot be bound, the action cannot have one, or has one already.
        """

        def decorate(fn: Callable[..., Any]) -> Compensation:
            self._refuse_second("compensation", self.undo.name if self.undo else None)
            if not self.options.reversibility.is_undoable:
                raise DefinitionError(
                    f"{self.name} is {self.options.reversibility}, so it has no compensation "
                    f"({fn.__name__}): declare the action reversible or compensatable, or remove it"
                )
            options = replace(
                self.options,
                raises=(),
                approval=approval,
                reversibility=reversibility or self.options.reversibility,
                key_ttl=key_ttl or self.options.key_ttl,
                repeatable=self.options.repeatable if repeatable is None else repeatable,
                retry=retry or self.options.retry,
                timeout=timeout or self.options.timeout,
                definite=self.options.definite if definite is None else definite,
            )
            check_options(f"{self.name}: compensation {fn.__name__}", options)
            self.undo = Compensation(fn, fn.__qualname__, self._bind_undo(fn), options, residue)
            return self.undo

        return decorate

    def probe(
        self,
        *,
        lag: timedelta = timedelta(0),
        timeout: timedelta = DEFAULT_TIMEOUT,
        retry: Retry | None = None,
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Decorate a function that asks whether a call took effect: its result, or None.

        It takes any of the action's inputs and searches by a reference that was sent before the
        effect: `current_step().idempotency_key`. For an action that returns nothing it returns
        a bool.

        Args:
            lag: How long after an effect the destination may still not show it.

        Raises:
            DefinitionError: It cannot be bound, or there is one already.
        """

        def decorate(fn: Callable[..., Any]) -> Callable[..., Any]:
            self._refuse_second("probe", self.asks.name if self.asks else None)
            what = f"{self.name}: probe {fn.__name__}"
            hints = hints_of(fn, what, self._namespace | _callers(fn))
            self._check_answer(what, hints.get("return"))
            binding = self._bind(what, fn, hints)
            if binding.takes_result or binding.takes_before:
                raise DefinitionError(f"{what}: a probe asks for the result, so it cannot take it")
            self.asks = Probe(fn, fn.__qualname__, binding, lag, timeout, retry or Retry())
            return fn

        return decorate

    def before(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """Decorate a function that reads what the action is about to change.

        It takes any of the action's inputs; what it returns is recorded in the intent, and the
        compensation can take it as `before`.

        Raises:
            DefinitionError: It cannot be bound or stored, or there is one already.
        """
        self._refuse_second("before-image reader", self.image.name if self.image else None)
        what = f"{self.name}: before-image reader {fn.__name__}"
        hints = hints_of(fn, what, self._namespace | _callers(fn))
        if "return" not in hints:
            raise DefinitionError(f"{what} needs a return annotation")
        if self.undo is not None:
            raise DefinitionError(f"{what} must be defined above the compensation that uses it")
        codec: Codec[Any] = Codec(hints["return"], f"before-image of {self.name}")
        self.image = Before(fn, fn.__qualname__, self._bind(what, fn, hints), codec)
        return fn

    def _bind_undo(self, fn: Callable[..., Any]) -> Binding:
        what = f"{self.name}: compensation {fn.__name__}"
        hints = hints_of(fn, what, self._namespace | _callers(fn))
        returned, _ = without_none(hints.get("return", type(None)))
        if returned not in (Residue, type(None)):
            raise DefinitionError(f"{what} returns {returned}; it can return a Residue or None")
        return self._bind(what, fn, hints)

    def _bind(self, what: str, fn: Callable[..., Any], hints: Mapping[str, Any]) -> Binding:
        try:
            return bind(
                what,
                hints=hints,
                signature=inspect.signature(fn),
                inputs=self.shape.inputs,
                result=self.shape.result,
                before=hints_of(self.image.fn, what, self._namespace)["return"]
                if self.image
                else None,
            )
        except BindingError as error:
            raise DefinitionError(str(error)) from error

    def _check_answer(self, what: str, hint: object) -> None:
        result = self.shape.result
        if result is type(None):
            if hint is not bool:
                raise DefinitionError(
                    f"{what}: the action returns nothing, so its probe returns a bool"
                )
            return
        bare, optional = without_none(hint)
        if not optional or (bare != result and hint != result):
            raise DefinitionError(
                f"{what} returns {hint}; it must return the action's result or None: {result} | None"
            )

    def _refuse_second(self, what: str, existing: str | None) -> None:
        if existing is not None:
            raise DefinitionError(f"{self.name} has a {what} already: {existing}")


class Decorator:
    """What `catalog.action(...)` returns: makes an action of a function, async or not."""

    def __init__(self, make: Callable[[Callable[..., Any]], Action[..., Any]]) -> None:
        self._make = make

    @overload
    def __call__(self, fn: Callable[P, Coroutine[Any, Any, R]]) -> Action[P, R]: ...

    @overload
    def __call__(self, fn: Callable[P, R]) -> Action[P, R]: ...

    def __call__(self, fn: Callable[..., Any]) -> Action[..., Any]:
        """Register the function."""
        return self._make(fn)


def check_options(what: str, options: Options) -> None:
    """Refuse what cannot be right.

    Raises:
        DefinitionError: Each mistake with its own message.
    """
    if options.timeout <= timedelta(0):
        raise DefinitionError(f"{what}: timeout must be positive, not {options.timeout}")
    if options.reversibility.needs_approval and options.approval is None:
        raise DefinitionError(
            f"{what} is {options.reversibility} and needs a gate: approval=approval(by=..., within=...), "
            "or approval=waived(reason=...) to go without one on the record"
        )
    if not options.reversibility.has_effect and options.approval is not None:
        raise DefinitionError(f"{what} is read-only: there is nothing to approve")
    if isinstance(options.definite, tuple):
        for item in options.definite:
            if not (isinstance(item, type) and issubclass(item, BaseException)):
                raise DefinitionError(
                    f"{what}: definite= takes exception classes or a predicate, not {item!r}"
                )
    _observability(what, options, probe=False)


def _observability(what: str, options: Options, *, probe: bool) -> Observability:
    try:
        return Observability(key_ttl=options.key_ttl, repeatable=options.repeatable, probe=probe)
    except ValueError as error:
        raise DefinitionError(f"{what}: {error}") from error


def _policy(options: Options, probe: Probe | None) -> CallPolicy:
    return CallPolicy(
        reversibility=options.reversibility,
        observability=_observability("", options, probe=probe is not None),
        retry=options.retry,
        timeout=options.timeout,
        lag=probe.lag if probe else timedelta(0),
    )


def _bound(
    fn: Callable[..., Any] | None, shape: Shape, what: str
) -> Callable[[Mapping[str, object]], Any] | None:
    """A function of some of the inputs, made into a function of all of them."""
    if fn is None:
        return None
    names = list(inspect.signature(fn).parameters)
    for name in names:
        if name not in shape.inputs:
            raise DefinitionError(
                f"{what} takes {name!r}, which is not an input: {', '.join(shape.inputs)}"
            )
    if is_async(fn):
        raise DefinitionError(f"{what} must not be async: it only looks at the arguments")
    return lambda arguments: fn(**{name: arguments[name] for name in names})


def _callers(fn: Callable[..., Any]) -> dict[str, Any]:
    """The local names where a decorator was applied, for annotations of local types."""
    frame = sys._getframe(2)  # noqa: SLF001  the only way to a function's defining namespace
    return dict(frame.f_locals) if "<locals>" in fn.__qualname__ else {}
