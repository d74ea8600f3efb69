"""What belongs to an action: the compensation that undoes it, probes, the before-image reader.

Pure.
"""

import inspect
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from compensations import BindingError, Residue, Retry
from compensations.binding import Binding, bind, shown, without_none
from reversibility import Reversibility
from sagas.authoring.limit import Limit, Limited, check_limits
from sagas.authoring.options import DEFAULT_TIMEOUT, Options, check_waits, observability
from sagas.authoring.signatures import check_function, hints_of, is_async, local_names
from sagas.decide import CallPolicy
from sagas.errors import DefinitionError, NotInSaga
from sagas.payloads import Codec

log = logging.getLogger("sagas")

SignOff = bool | Callable[[Residue], bool]
"""Whether a person has to accept what an undo leaves, or which residues one has to accept."""


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
    limits: tuple[Limited, ...] = ()


@dataclass(slots=True)
class Guard:
    """Tells whether everything is still as an action left it."""

    fn: Callable[..., Any]
    name: str
    binding: Binding
    timeout: timedelta
    retry: Retry


@dataclass(slots=True)
class Before:
    """Reads what an action is about to change."""

    fn: Callable[..., Any]
    name: str
    binding: Binding
    codec: Codec[Any]
    hint: object


@dataclass(slots=True)
class Estimator:
    """Computes what an undo will probably leave, from what is recorded of the step."""

    fn: Callable[..., Any]
    name: str
    binding: Binding


@dataclass(slots=True)
class Compensation:
    """Undoes one action.

    It is not called by a body: a saga calls it when it unwinds, a `savepoint` when it rolls back.

    Attributes:
        residue: What it leaves behind, unless it says otherwise.
        tells_residue: Whether it may say otherwise.
        estimator: What computes what it leaves behind, unless it says otherwise.
        sign_off: Whether a person has to accept what it leaves behind, or which residues one has to.
    """

    fn: Callable[..., Any]
    name: str
    binding: Binding
    options: Options
    residue: Residue | None
    parameters: Mapping[str, object]
    inputs: Mapping[str, object]
    limits: tuple[Limited, ...] = ()
    tells_residue: bool = False
    estimator: Estimator | None = None
    sign_off: SignOff = False
    _probe: Probe | None = None

    def __call__(self, *args: object, **kwargs: object) -> object:
        """Refused: undoing is the saga's business."""
        raise NotInSaga(
            f"{self.name} undoes a step and is called by the saga itself; "
            "to undo part of a body, put the part into `async with savepoint(...)`"
        )

    def asks_sign_off(self, residue: Residue) -> bool:
        """Whether a person has to accept this residue. Where that cannot be told, one has."""
        if isinstance(self.sign_off, bool):
            return self.sign_off
        try:
            return bool(self.sign_off(residue))
        except Exception as error:  # noqa: BLE001  whatever it is, a person is asked
            log.error(  # noqa: TRY400  what remains may be nobody's business
                "%s: sign_off= failed with %s; a person is asked", self.name, type(error).__name__
            )
            return True

    def policy(self) -> CallPolicy:
        """What the rules need to know of it."""
        return policy_of(self.options, self._probe, self.options.reversibility)

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
        limits: Iterable[Limit] | None = None,
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Decorate a function that tells, as a bool, whether this undo took effect.

        It takes any of the compensation's own parameters.

        Args:
            lag: How long after the undo the destination may still not show it.
            timeout: The longest a question may take.
            retry: How often and how soon it is repeated.
            limits: What limits it, if not what limits the compensation.

        Raises:
            DefinitionError: It cannot be bound, answers otherwise, or there is one already.
        """
        namespace = local_names(1)

        def decorate(fn: Callable[..., Any]) -> Callable[..., Any]:
            what = f"{self.name}: probe {name_of(fn)}"
            if self._probe is not None:
                raise DefinitionError(f"{self.name} has a probe already: {self._probe.name}")
            check_waits(what, timeout=timeout, lag=lag, retry=retry)
            hints = hints_of(fn, what, namespace)
            if hints.get("return") is not bool:
                raise DefinitionError(
                    f"{what}: the probe of a compensation tells whether it took effect: "
                    "annotate it as `-> bool`"
                )
            binding = bound(what, fn, hints, inputs=self.parameters)
            self._probe = Probe(fn, fn.__qualname__, binding, lag, timeout, retry or Retry())
            self._probe.limits = limited(what, limits, self.inputs, otherwise=self.limits)
            return fn

        return decorate


def declared_residue(what: str, residue: object) -> Residue | None:
    """What an author declares to remain, unless it is computed.

    Raises:
        DefinitionError: It is neither words nor a residue.
    """
    if residue is None or isinstance(residue, Residue):
        return residue
    if isinstance(residue, str):
        return Residue(residue) if residue else None
    raise DefinitionError(
        f"{what}: residue= is {residue!r}: give words, a Residue, or a function that returns one"
    )


def check_sign_off(what: str, sign_off: object, *, may_leave: bool) -> None:
    """Check who is to accept what remains.

    Raises:
        DefinitionError: It is neither a bool nor a plain function, or nothing could remain.
    """
    if not isinstance(sign_off, bool) and (not callable(sign_off) or is_async(sign_off)):
        raise DefinitionError(
            f"{what}: sign_off= is {sign_off!r}: give True, or a plain function of the residue "
            "that says whether a person has to accept it"
        )
    if sign_off is not False and not may_leave:
        raise DefinitionError(
            f"{what}: sign_off= has a person accept what remains, and it leaves nothing: "
            "declare residue=, return a Residue, or leave sign_off= out"
        )


def check_estimator(what: str, fn: Callable[..., Any], hints: Mapping[str, Any]) -> None:
    """Check a function that computes what remains.

    Raises:
        DefinitionError: It is async, or returns something else.
    """
    if is_async(fn):
        raise DefinitionError(f"{what} must not be async: it only looks at what is recorded")
    returned = hints.get("return")
    if without_none(returned)[0] is not Residue and returned is not type(None):
        said = f"returns {shown(returned)}" if "return" in hints else "has no return annotation"
        raise DefinitionError(f"{what} {said}: annotate it as `-> Residue` or `-> Residue | None`")


def bound(
    what: str,
    fn: Callable[..., Any],
    hints: Mapping[str, Any],
    *,
    inputs: Mapping[str, object],
    result: object | None = None,
    before: object | None = None,
) -> Binding:
    """Bind a handler's parameters.

    Raises:
        DefinitionError: One of them has no source, or another type than its source.
    """
    try:
        return bind(
            what,
            hints=hints,
            signature=inspect.signature(fn),
            inputs=inputs,
            result=result,
            before=before,
        )
    except BindingError as error:
        raise DefinitionError(str(error)) from error


def limited(
    what: str,
    limits: Iterable[Limit] | None,
    inputs: Mapping[str, object],
    *,
    otherwise: tuple[Limited, ...] = (),
) -> tuple[Limited, ...]:
    """Limits with their keys made functions of all of an action's inputs.

    Args:
        otherwise: What holds if none are given.

    Raises:
        DefinitionError: They are no limits, or a key takes what is no input.
    """
    if limits is None:
        return otherwise
    return tuple(
        Limited(limit, of_all_inputs(limit.key, inputs, f"{what}: key= of limit {limit.name!r}"))
        for limit in check_limits(what, limits)
    )


def of_all_inputs(
    fn: Callable[..., Any] | None, inputs: Mapping[str, object], what: str
) -> Callable[[Mapping[str, object]], Any] | None:
    """A function of some of the inputs, made into a function of all of them.

    Raises:
        DefinitionError: It is no plain function of inputs.
    """
    if fn is None:
        return None
    if not callable(fn):
        raise DefinitionError(f"{what} is a function of some of the inputs, not {fn!r}")
    if is_async(fn):
        raise DefinitionError(f"{what} must not be async: it only looks at the arguments")
    names = list(inspect.signature(fn).parameters)
    for name in names:
        if name not in inputs:
            raise DefinitionError(
                f"{what} takes {name!r}, which is not an input; "
                f"it can take {', '.join(inputs) or 'nothing'}"
            )
    return lambda arguments: fn(**{name: arguments[name] for name in names})


def policy_of(
    options: Options,
    probe: Probe | None,
    reversibility: Reversibility,
    *,
    accepts_unknown: bool = False,
) -> CallPolicy:
    """What the rules need to know of a call of that class."""
    return CallPolicy(
        reversibility=reversibility,
        observability=observability("", options, probe=probe is not None),
        retry=options.retry,
        timeout=options.timeout,
        lag=probe.lag if probe else timedelta(0),
        accepts_unknown=accepts_unknown,
    )


def name_of(fn: object) -> str:
    """The name of a function that is being decorated.

    Raises:
        DefinitionError: It is no plain function.
    """
    check_function(fn, "what is decorated here")
    return str(getattr(fn, "__name__", fn))
