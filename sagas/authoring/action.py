"""An action and what belongs to it: compensation, probe, before-image.

Everything that can be checked is checked when the decorator runs, so that a mistake shows when the
module is imported and not when a saga has to be undone.
"""

import inspect
import logging
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Generic, ParamSpec, TypeVar, overload

from approvals import Approval, Waiver
from approvals.stakes import Stakes
from compensations import Residue, Retry
from compensations.binding import Binding, shown, without_none
from reversibility import Magnitude, Reversibility, Window, classify
from sagas.authoring import context
from sagas.authoring.closing import check_until, check_window
from sagas.authoring.handlers import (
    Before,
    Compensation,
    Estimator,
    Guard,
    Probe,
    SignOff,
    bound,
    check_estimator,
    check_sign_off,
    declared_residue,
    limited,
    name_of,
    of_all_inputs,
    policy_of,
)
from sagas.authoring.limit import Limit
from sagas.authoring.locks import Locks, check_locks
from sagas.authoring.options import (
    DEFAULT_TIMEOUT,
    Definite,
    Options,
    check_named,
    check_options,
    check_waits,
)
from sagas.authoring.secrecy import marked_places, places_of
from sagas.authoring.signatures import (
    Shape,
    arguments_codec,
    check_function,
    check_version,
    hints_of,
    local_names,
    shape_of,
)
from sagas.decide import CallPolicy
from sagas.errors import DefinitionError
from sagas.payloads import Codec
from sagas.windows import instant_in

__all__ = ["Action", "Before", "Compensation", "Decorator", "Definite", "Options", "Probe"]

log = logging.getLogger("sagas")

P = ParamSpec("P")
R = TypeVar("R")


class Action(Generic[P, R]):
    """A registered action. Calling it inside a saga gives a step to await.

    Attributes:
        name: Its name with the catalog's, such as `travel.book_hotel`.
        version: Raised by the author when its inputs or its meaning change.
        fn: The bare function, for tests.
        sensitive: Where its inputs are secret, as JSON pointers.
        sensitive_result: Where its result is.
        window: Until when its effect can be undone; None: as long as one likes.
        locks: Whether it keeps other sagas away from what it touches, and how.
    """

    def __init__(  # noqa: PLR0913  each is one thing an author may say of an action
        self,
        fn: Callable[..., Any],
        *,
        name: str,
        version: int,
        options: Options,
        namespace: Mapping[str, Any],
        classifier: Callable[..., Reversibility] | None = None,
        conflicts: Callable[..., Iterable[str]] | None = None,
        after: tuple[str, ...] = (),
        limits: Iterable[Limit] = (),
        magnitude: Callable[..., Magnitude] | None = None,
        sensitive: Iterable[str] = (),
        window: Window | None = None,
        locks: Locks | None = None,
        retired: bool = False,
    ) -> None:
        check_function(fn, name)
        check_window(name, window, options.reversibility)
        check_version(name, version)
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
        self.guarded: Guard | None = None
        inputs = self.shape.inputs
        check_named(name, options, inputs)
        self.limits = limited(name, limits, inputs)
        self._classifier = of_all_inputs(classifier, inputs, f"classify= of {name}")
        self._conflicts = of_all_inputs(conflicts, inputs, f"conflicts= of {name}")
        self._magnitude = of_all_inputs(magnitude, inputs, f"magnitude= of {name}")
        self.sensitive = places_of(self.inputs.schema(stored=True), sensitive, inputs, name)
        self.sensitive_result = marked_places(self.result.schema(stored=True))
        self.inputs.sensitive, self.result.sensitive = self.sensitive, self.sensitive_result
        check_locks(name, locks, conflicts)
        self.locks = locks
        self.window = window
        if window is not None:
            check_until(name, window, self.result.schema(stored=True), self.sensitive_result)
        self._namespace = dict(namespace)
        self.__doc__ = fn.__doc__
        self.__name__ = fn.__name__

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[object, None, R]:
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

    def stakes(
        self, arguments: Mapping[str, object], reversibility: Reversibility | None = None
    ) -> Stakes:
        """What a call with these arguments puts at stake, for those who are asked about it.

        A magnitude that cannot be computed is as one that is not declared.

        Args:
            reversibility: The class, if it is known already.

        Raises:
            ClassUpgrade: The classifier returned a better class than declared.
        """
        size = None
        if self._magnitude is not None:
            try:
                size = self._magnitude(arguments)
            except Exception as error:
                # Nobody knows these arguments to be secret yet, and the error's text may quote them.
                log.error(  # noqa: TRY400
                    "%s: magnitude= failed with %s; people are shown none",
                    self.name,
                    type(error).__name__,
                    exc_info=not self.sensitive,
                )
        return Stakes(
            reversibility=reversibility or self.classified(arguments),
            magnitude=size,
            sensitive=self.sensitive,
        )

    def gate(self, reversibility: Reversibility) -> Approval | None:
        """The approval that a call of that class needs, if any."""
        approval = self.options.approval
        if not isinstance(approval, Approval):
            return None
        needed = self._classifier is None or reversibility.needs_approval
        return approval if needed else None

    def closes_at(self, result: bytes | None) -> int | None:
        """The instant at which a stored result closes the window (microseconds), if it names one."""
        if self.window is None or self.window.until is None:
            return None
        return instant_in(result, self.window.until)

    @property
    def waiver(self) -> str | None:
        """Why no approval is asked for although the class would require it."""
        approval = self.options.approval
        return approval.reason if isinstance(approval, Waiver) else None

    @property
    def all_limits(self) -> Iterator[Limit]:
        """Its limits, and those of its compensation and probes."""
        undo = self.undo
        asked = (self.asks, undo.asks if undo else None)
        for held in (self, undo, *asked):
            yield from (item.limit for item in (held.limits if held else ()))

    def policy(self, reversibility: Reversibility) -> CallPolicy:
        """What the rules need to know of a call of that class."""
        safe = self.undo is not None and self.undo.binding.accepts_unknown
        return policy_of(self.options, self.asks, reversibility, accepts_unknown=safe)

    # --- what belongs to it -------------------------------------------------------------------

    def compensation(
        self,
        *,
        residue: str | Residue | Callable[..., Residue | None] | None = None,
        reversibility: Reversibility | None = None,
        key_ttl: timedelta | None = None,
        repeatable: bool | None = None,
        retry: Retry | None = None,
        timeout: timedelta | None = None,
        definite: Definite | None = None,
        approval: Approval | Waiver | None = None,
        limits: Iterable[Limit] | None = None,
        sign_off: SignOff = False,
    ) -> Callable[[Callable[..., Any]], Compensation]:
        """Decorate the function that undoes this action.

        Its parameters are bound by name: the action's own inputs, `result`, and `before`. If its
        `result` may be None it declares that it is safe when nobody knows whether the action took
        effect. It returns a `Residue`, or None. What is not given is inherited from the action,
        except the approval: an undo waits for a person only if it says so itself.

        Args:
            residue: What remains after an undo, unless the function says otherwise: words, a
                `Residue`, or a function that computes one. It is bound as the compensation is, is
                called whenever somebody looks, and so only computes.
            limits: What limits it, if not what limits the action; an empty list for nothing. Their
                keys take the action's inputs.
            sign_off: Whether a person has to accept what remains before the saga goes on or ends:
                True, or a function of the `Residue` that says so, by its size for example.

        Raises:
            DefinitionError: It cannot be bound, the action cannot have one, or has one already.
        """
        namespace = local_names(1)

        def decorate(fn: Callable[..., Any]) -> Compensation:
            self._refuse_second("compensation", self.undo.name if self.undo else None)
            what = f"{self.name}: compensation {name_of(fn)}"
            if not self.options.reversibility.is_undoable:
                raise DefinitionError(
                    f"{self.name} is {self.options.reversibility}, so it has no compensation "
                    f"({name_of(fn)}): declare the action reversible or compensatable, or remove it"
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
            check_options(what, options)
            check_named(what, options, self.shape.inputs)
            if not options.reversibility.has_effect:
                raise DefinitionError(f"{what} cannot be read-only: it would undo nothing")
            hints = hints_of(fn, what, self._namespace | namespace)
            binding = self._bind_undo(what, fn, hints)
            parameters = {name: hints[name] for name in inspect.signature(fn).parameters}
            tells = without_none(hints.get("return"))[0] is Residue
            check_sign_off(what, sign_off, may_leave=bool(residue) or tells)
            self.undo = Compensation(
                fn,
                fn.__qualname__,
                binding,
                options,
                None if callable(residue) else declared_residue(what, residue),
                parameters,
                self.shape.inputs,
                limited(what, limits, self.shape.inputs, otherwise=self.limits),
                tells_residue=tells,
                estimator=self._estimator(what, residue, namespace) if callable(residue) else None,
                sign_off=sign_off,
            )
            return self.undo

        return decorate

    def probe(
        self,
        *,
        lag: timedelta = timedelta(0),
        timeout: timedelta = DEFAULT_TIMEOUT,
        retry: Retry | None = None,
        limits: Iterable[Limit] | None = None,
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Decorate a function that asks whether a call took effect: its result, or None.

        It takes any of the action's inputs and searches by a reference that was sent before the
        effect: `current_step().idempotency_key`. For an action that returns nothing it returns
        a bool.

        Args:
            lag: How long after an effect the destination may still not show it.
            limits: What limits it, if not what limits the action.

        Raises:
            DefinitionError: It cannot be bound, or there is one already.
        """
        namespace = local_names(1)

        def decorate(fn: Callable[..., Any]) -> Callable[..., Any]:
            self._refuse_second("probe", self.asks.name if self.asks else None)
            what = f"{self.name}: probe {name_of(fn)}"
            check_waits(what, timeout=timeout, lag=lag, retry=retry)
            hints = hints_of(fn, what, self._namespace | namespace)
            self._check_answer(what, hints)
            binding = bound(what, fn, hints, inputs=self.shape.inputs)
            self.asks = Probe(fn, fn.__qualname__, binding, lag, timeout, retry or Retry())
            self.asks.limits = limited(what, limits, self.shape.inputs, otherwise=self.limits)
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
        what = f"{self.name}: before-image reader {name_of(fn)}"
        hints = hints_of(fn, what, self._namespace | local_names(1))
        if "return" not in hints:
            raise DefinitionError(f"{what} needs a return annotation: the type of what it reads")
        if self.undo is not None:
            raise DefinitionError(f"{what} must be defined above the compensation that uses it")
        codec: Codec[Any] = Codec(hints["return"], f"before-image of {self.name}")
        binding = bound(what, fn, hints, inputs=self.shape.inputs)
        codec.sensitive = marked_places(codec.schema(stored=True))
        self.image = Before(fn, fn.__qualname__, binding, codec, hints["return"])
        return fn

    def _estimator(
        self, what: str, fn: Callable[..., Any], namespace: Mapping[str, Any]
    ) -> Estimator:
        what = f"{what}: residue= {name_of(fn)}"
        hints = hints_of(fn, what, {**self._namespace, **namespace})
        check_estimator(what, fn, hints)
        return Estimator(fn, fn.__qualname__, self._bind_recorded(what, fn, hints))

    def guard(
        self, *, timeout: timedelta = DEFAULT_TIMEOUT, retry: Retry | None = None
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Decorate a function that tells, as a bool, whether everything is as the action left it.

        It is asked right before the effect is undone; where it says no, or cannot be asked, a person
        decides. Its parameters are bound by name as those of a compensation: inputs, `result`,
        `before`. It reads, and changes nothing.

        Args:
            timeout: The longest a question may take.
            retry: How often and how soon it is repeated if it fails.

        Raises:
            DefinitionError: It cannot be bound, answers otherwise, the action cannot be undone, or
                there is one already.
        """
        namespace = local_names(1)

        def decorate(fn: Callable[..., Any]) -> Callable[..., Any]:
            self._refuse_second("guard", self.guarded.name if self.guarded else None)
            what = f"{self.name}: guard {name_of(fn)}"
            check_waits(what, timeout=timeout, lag=timedelta(0), retry=retry)
            if not self.options.reversibility.is_undoable:
                raise DefinitionError(
                    f"{what}: {self.name} is {self.options.reversibility}, and is not undone: "
                    "there is nothing to guard"
                )
            hints = hints_of(fn, what, self._namespace | namespace)
            if hints.get("return") is not bool:
                raise DefinitionError(
                    f"{what}: a guard tells whether everything is as the action left it: "
                    "annotate it as `-> bool`"
                )
            binding = bound(
                what,
                fn,
                hints,
                inputs=self.shape.inputs,
                result=self.shape.result,
                before=self.image.hint if self.image else None,
            )
            self.guarded = Guard(fn, fn.__qualname__, binding, timeout, retry or Retry())
            return fn

        return decorate

    def _bind_undo(self, what: str, fn: Callable[..., Any], hints: Mapping[str, Any]) -> Binding:
        returned, _ = without_none(hints.get("return"))
        if returned is not None and returned is not Residue and returned is not type(None):
            raise DefinitionError(
                f"{what} returns {shown(returned)}: it can return a Residue, None, or either"
            )
        return self._bind_recorded(what, fn, hints)

    def _bind_recorded(
        self, what: str, fn: Callable[..., Any], hints: Mapping[str, Any]
    ) -> Binding:
        """Bind a function of what is recorded of a step that took effect."""
        return bound(
            what,
            fn,
            hints,
            inputs=self.shape.inputs,
            result=self.shape.result,
            before=self.image.hint if self.image else None,
        )

    def _check_answer(self, what: str, hints: Mapping[str, Any]) -> None:
        answer, result = hints.get("return"), self.shape.result
        if result is type(None):
            if answer is not bool:
                raise DefinitionError(
                    f"{what}: the action returns nothing, so its probe tells whether it happened: "
                    "annotate it as `-> bool`"
                )
            return
        bare, optional = without_none(answer)
        if not optional or not (bare == result or answer == result):  # noqa: PLR1714  not hashable
            wrong = f"returns {shown(answer)}" if "return" in hints else "has no return annotation"
            raise DefinitionError(
                f"{what} {wrong}: a probe returns the action's result, or None if there is no trace "
                f"of it: `-> {shown(without_none(result)[0])} | None`"
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
