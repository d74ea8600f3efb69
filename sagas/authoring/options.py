"""How a call is made, as its author declared it, and what cannot be right about that.

Type checkers see most of these mistakes; the checks are for those who run none.

Pure.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import timedelta
from typing import cast

from approvals import Approval, Waiver
from compensations import Retry
from reversibility import Observability, Reversibility
from sagas.authoring.signatures import is_async
from sagas.decide import KEY_MARGIN
from sagas.errors import DefinitionError

DEFAULT_TIMEOUT = timedelta(seconds=30)
LONGEST_TIMEOUT = timedelta(days=366)

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

    @property
    def definite_classes(self) -> tuple[type[BaseException], ...] | None:
        """The error classes that state that nothing happened; None if a predicate tells."""
        given = cast(object, self.definite)
        if isinstance(given, type):
            return (cast(type[BaseException], given),)
        return cast(tuple[type[BaseException], ...], given) if isinstance(given, tuple) else None

    def is_definite(self, error: BaseException) -> bool:
        """Whether an error states that nothing happened."""
        classes = self.definite_classes
        if classes is not None:
            return isinstance(error, classes)
        return bool(cast(Callable[[BaseException], bool], self.definite)(error))

    @property
    def known_errors(self) -> tuple[type[BaseException], ...]:
        """The error classes that a body may see as themselves."""
        return (*self.raises, *(self.definite_classes or ()))


def check_options(what: str, options: Options) -> None:
    """Refuse what cannot be right, whether or not a type checker has seen it.

    Raises:
        DefinitionError: Each mistake with its own message.
    """
    check_class(what, options.reversibility)
    check_waits(what, timeout=options.timeout, lag=timedelta(0), retry=options.retry)
    _check_gate(what, options)
    _check_errors(what, options)
    observability(what, options, probe=False)
    _check_key(what, options)


def check_class(what: str, given: object) -> None:
    """Refuse what is not one of the classes.

    Raises:
        DefinitionError: The message lists them.
    """
    if not isinstance(given, Reversibility):
        classes = ", ".join(f"Reversibility.{known.name}" for known in Reversibility)
        raise DefinitionError(f"{what}: reversibility is one of {classes}, not {given!r}")


def check_waits(what: str, *, timeout: object, lag: object, retry: object) -> None:
    """Refuse durations that are none, or not positive, and retries that are no policy.

    Raises:
        DefinitionError: Each mistake with its own message.
    """
    if not isinstance(timeout, timedelta) or not timedelta(0) < timeout <= LONGEST_TIMEOUT:
        raise DefinitionError(
            f"{what}: timeout is a timedelta above zero and at most a year, "
            f"such as timedelta(seconds=30), not {timeout!r}"
        )
    if not isinstance(lag, timedelta) or not timedelta(0) <= lag <= LONGEST_TIMEOUT:
        raise DefinitionError(
            f"{what}: lag is a timedelta, not negative and at most a year, "
            f"such as timedelta(seconds=2), not {lag!r}"
        )
    if retry is not None and not isinstance(retry, Retry):
        raise DefinitionError(f"{what}: retry is a Retry, such as Retry(attempts=5), not {retry!r}")


def _check_gate(what: str, options: Options) -> None:
    approval = options.approval
    if approval is not None and not _is_gate(approval):
        raise DefinitionError(
            f"{what}: approval is approval(by=..., within=...) or waived(reason=...), not {approval!r}"
        )
    if options.reversibility.needs_approval and approval is None:
        raise DefinitionError(
            f"{what} is {options.reversibility} and needs a gate: approval=approval(by=..., within=...), "
            "or approval=waived(reason=...) to go without one on the record"
        )
    if not options.reversibility.has_effect and approval is not None:
        raise DefinitionError(f"{what} is read-only: there is nothing to approve")


def check_named(what: str, options: Options, inputs: Collection[str]) -> None:
    """Refuse a gate that names arguments which the action does not take: it would keep nothing.

    Raises:
        DefinitionError: `pinned=` or `intent=` begins with no input.
    """
    asked = options.approval
    if not isinstance(asked, Approval):
        return
    named = [("pinned", path) for path in asked.pinned]
    named += [("intent", path) for path in asked.intent]
    for keyword, path in named:
        if path.partition(".")[0].removesuffix("[*]") not in inputs:
            raise DefinitionError(
                f"{what}: {keyword}= names {path!r}, which begins with no input of it: "
                f"it has {', '.join(inputs) or 'none'}"
            )


def _check_errors(what: str, options: Options) -> None:
    definite: object = options.definite
    if not _is_error(definite) and not _are_errors(definite) and not _is_predicate(definite):
        raise DefinitionError(
            f"{what}: definite= takes an exception class, a tuple of them, or a predicate "
            f"that is not async, not {definite!r}"
        )
    if not _are_errors(options.raises):
        raise DefinitionError(
            f"{what}: raises= takes a tuple of exception classes, such as (NoRoom,), "
            f"not {options.raises!r}"
        )


def _check_key(what: str, options: Options) -> None:
    """A key must outlive one call at least, or it could never be trusted for a second one."""
    least = options.timeout + KEY_MARGIN
    if options.key_ttl is not None and not options.repeatable and options.key_ttl <= least:
        raise DefinitionError(
            f"{what}: key_ttl={options.key_ttl} is not longer than timeout={options.timeout} with "
            f"{KEY_MARGIN} for clocks that differ, so no call could ever be repeated under its key: "
            "make timeout shorter, or leave key_ttl out and declare a probe"
        )


def _is_error(item: object) -> bool:
    return isinstance(item, type) and issubclass(item, BaseException)


def _are_errors(items: object) -> bool:
    return isinstance(items, tuple) and all(map(_is_error, cast(tuple[object, ...], items)))


def _is_predicate(item: object) -> bool:
    return callable(item) and not isinstance(item, type) and not is_async(item)


def observability(what: str, options: Options, *, probe: bool) -> Observability:
    """How the outcome of a call can be found out.

    Raises:
        DefinitionError: `key_ttl` cannot be right.
    """
    try:
        return Observability(key_ttl=options.key_ttl, repeatable=options.repeatable, probe=probe)
    except (ValueError, TypeError) as error:
        if not _is_duration(options.key_ttl):
            raise DefinitionError(
                f"{what}: key_ttl is a timedelta, such as timedelta(hours=24), not {options.key_ttl!r}"
            ) from error
        raise DefinitionError(f"{what}: {error}") from error


def _is_duration(item: object) -> bool:
    return item is None or isinstance(item, timedelta)


def _is_gate(item: object) -> bool:
    return isinstance(item, Approval | Waiver)
