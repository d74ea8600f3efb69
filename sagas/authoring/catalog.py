"""A catalog: the explicit list of actions and sagas that a process knows by name.

There is no global registry. Names and versions are what the journal stores, so any process that
has the catalog finds a compensation long after the code that ran the step is gone.
"""

from collections.abc import Callable, Coroutine, Iterable, Iterator
from datetime import timedelta
from typing import Any, TypeVar, overload

from approvals import Approval, Waiver
from compensations import Retry
from compensations.cycle import find_cycle
from reversibility import Magnitude, Reversibility, Window
from sagas.authoring.action import Action, Decorator
from sagas.authoring.limit import Limit, check_agreement
from sagas.authoring.locks import Locks
from sagas.authoring.naming import check_name
from sagas.authoring.options import (
    DEFAULT_TIMEOUT,
    Definite,
    Options,
    check_class,
    check_options,
    check_waits,
)
from sagas.authoring.saga import Saga
from sagas.authoring.session import SessionSaga
from sagas.authoring.signatures import check_function, local_names
from sagas.errors import DefinitionError, TimerError
from sagas.model import AfterPivot
from sagas.moments import given_duration

I = TypeVar("I")  # noqa: E741
O = TypeVar("O")  # noqa: E741


class Catalog:
    """Actions and sagas under one name.

    Args:
        name: The first part of every name in it, such as `travel`.
    """

    def __init__(self, name: str) -> None:
        check_name("catalog", name)
        self.name = name
        self._actions: dict[tuple[str, int], Action[..., Any]] = {}
        self._sagas: dict[tuple[str, int], Saga[Any, Any]] = {}

    def __repr__(self) -> str:
        return f"<catalog {self.name}: {len(self._actions)} actions, {len(self._sagas)} sagas>"

    # --- registering --------------------------------------------------------------------------

    def action(  # noqa: PLR0913  each is one thing an author may say of an action
        self,
        *,
        reversibility: Reversibility,
        key_ttl: timedelta | None = None,
        repeatable: bool = False,
        retry: Retry | None = None,
        timeout: timedelta = DEFAULT_TIMEOUT,
        definite: Definite = (),
        raises: tuple[type[Exception], ...] = (),
        approval: Approval | Waiver | None = None,
        classify: Callable[..., Reversibility] | None = None,
        conflicts: Callable[..., Iterable[str]] | None = None,
        after: Iterable[str] = (),
        limits: Iterable[Limit] = (),
        magnitude: Callable[..., Magnitude] | None = None,
        sensitive: Iterable[str] = (),
        window: Window | None = None,
        locks: Locks | None = None,
        name: str | None = None,
        version: int = 1,
    ) -> Decorator:
        """Register a function, async or not, as an action.

        Args:
            reversibility: What can be done about its effect.
            key_ttl: How long the destination honours our idempotency key.
            repeatable: Whether calling it again with the same input does no harm.
            retry: How often and how soon it is repeated.
            timeout: The longest a single attempt may take.
            definite: Errors that state that nothing happened: classes or a predicate. Any other
                error leaves the attempt in doubt.
            raises: Error classes that a body sees as themselves, besides those in `definite`.
            approval: Who must approve it: `approval(...)`, or `waived(...)`.
            classify: Computes the class from the arguments; it may only be worse than declared.
            conflicts: Computes keys of the resources that a call touches.
            after: Names of actions whose effect this one builds on: it is undone before they are.
            limits: How often, and how many at once, its partner may be called.
            magnitude: Computes from the arguments how much the call moves and whom it reaches, for
                policies and for those who are asked to approve it.
            sensitive: Inputs that people are not shown, such as `"card.number"` or
                `"guests.*.passport"`; types can be marked with `Sensitive()` instead.
            window: Until when its effect can be undone; from then on it is irreversible.
            locks: Whether other sagas are kept from the keys that `conflicts=` computes until this one
                has ended, and what becomes of the step where one of them holds a key.
            name: Its name, if not the function's.
            version: Raise it when its inputs or its meaning change.

        Raises:
            DefinitionError: It cannot be right; the message says why.
        """
        options = Options(
            reversibility=reversibility,
            key_ttl=key_ttl,
            repeatable=repeatable,
            retry=retry or Retry(),
            timeout=timeout,
            definite=definite,
            raises=raises,
            approval=approval,
        )
        namespace = local_names(1)

        def make(fn: Callable[..., Any]) -> Action[..., Any]:
            check_function(fn, f"an action of {self.name}")
            full = self._full_name(name or fn.__name__)
            check_options(full, options)
            if classify is not None and approval is None:
                raise DefinitionError(
                    f"{full}: classify= may find it irreversible, so it needs a gate for that case: "
                    "approval=approval(by=..., within=...), or approval=waived(reason=...)"
                )
            return self._add(
                Action(
                    fn,
                    name=full,
                    version=version,
                    options=options,
                    namespace=namespace,
                    classifier=classify,
                    conflicts=conflicts,
                    after=self._all_full_names(after),
                    limits=limits,
                    magnitude=magnitude,
                    sensitive=sensitive,
                    window=window,
                    locks=locks,
                )
            )

        return Decorator(make)

    def retired(
        self,
        name: str,
        *,
        version: int,
        reversibility: Reversibility = Reversibility.COMPENSATABLE,
        key_ttl: timedelta | None = None,
        repeatable: bool = False,
        retry: Retry | None = None,
        timeout: timedelta = DEFAULT_TIMEOUT,
        definite: Definite = (),
        limits: Iterable[Limit] = (),
        window: Window | None = None,
    ) -> Decorator:
        """Keep an old version of an action, with its compensation and probe, for unwinding.

        A body cannot call it. Decorate the old function and its handlers as for `action`.

        Raises:
            DefinitionError: The name and version are in use.
        """
        options = Options(
            reversibility=reversibility,
            key_ttl=key_ttl,
            repeatable=repeatable,
            retry=retry or Retry(),
            timeout=timeout,
            definite=definite,
        )
        namespace = local_names(1)

        def make(fn: Callable[..., Any]) -> Action[..., Any]:
            full = self._full_name(name)
            check_class(full, reversibility)
            check_waits(full, timeout=timeout, lag=timedelta(0), retry=retry)
            return self._add(
                Action(
                    fn,
                    name=full,
                    version=version,
                    options=options,
                    namespace=namespace,
                    limits=limits,
                    window=window,
                    retired=True,
                )
            )

        return Decorator(make)

    @overload
    def saga(self, fn: Callable[[I], Coroutine[Any, Any, O]], /) -> Saga[I, O]: ...

    @overload
    def saga(
        self,
        fn: None = None,
        /,
        *,
        name: str | None = None,
        version: int = 1,
        after_pivot: AfterPivot | str = AfterPivot.ASK,
        deadline: timedelta | None = None,
    ) -> Callable[[Callable[[I], Coroutine[Any, Any, O]]], Saga[I, O]]: ...

    def saga(
        self,
        fn: Callable[[I], Coroutine[Any, Any, O]] | None = None,
        /,
        *,
        name: str | None = None,
        version: int = 1,
        after_pivot: AfterPivot | str = AfterPivot.ASK,
        deadline: timedelta | None = None,
    ) -> Saga[I, O] | Callable[[Callable[[I], Coroutine[Any, Any, O]]], Saga[I, O]]:
        """Register a body of steps. Actions come first, with what belongs to them.

        Args:
            name: Its name, if not the function's.
            version: Raise it when the body changes while sagas are open.
            after_pivot: What a failure past an irreversible step leads to: "ask" a person, or
                "unwind" what can be undone all the same.
            deadline: How long after its start it is undone, unless it has ended by then or is past
                an irreversible step; `coordinator.start(..., deadline=)` overrides it.

        Raises:
            DefinitionError: It cannot be right, or an action above it is incomplete.
        """
        namespace = local_names(1)

        def register(body: Callable[[I], Coroutine[Any, Any, O]]) -> Saga[I, O]:
            check_function(body, f"a saga of {self.name}")
            self.check()
            _check_deadline(body.__name__, deadline)
            saga = Saga(
                body,
                name=self._full_name(name or body.__name__),
                version=version,
                after_pivot=_after_pivot(after_pivot),
                deadline=deadline,
                namespace=namespace,
                catalog=self,
            )
            self._register(saga)
            return saga

        return register if fn is None else register(fn)

    def session(
        self,
        name: str,
        *,
        version: int = 1,
        after_pivot: AfterPivot | str = AfterPivot.ASK,
        deadline: timedelta | None = None,
    ) -> SessionSaga:
        """Register a session: a saga whose steps somebody chooses one by one, from outside.

        The actions of this catalog can be called in it. `coordinator.session` opens one.

        Args:
            name: Its name.
            version: As for `saga`, and so are `after_pivot` and `deadline`.

        Raises:
            DefinitionError: It cannot be right.
        """
        _check_deadline(name, deadline)
        session = SessionSaga(
            name=self._full_name(name),
            version=version,
            after_pivot=_after_pivot(after_pivot),
            deadline=deadline,
            catalog=self,
        )
        self._register(session)
        return session

    def _register(self, saga: Saga[Any, Any]) -> None:
        if (saga.name, saga.version) in self._sagas:
            raise DefinitionError(
                f"{saga.name} version {saga.version} is registered twice: "
                "give one of them another name or version"
            )
        self._sagas[saga.name, saga.version] = saga

    def check(self) -> None:
        """Refuse actions that are incomplete. Called by `saga` and by `connect`.

        Raises:
            DefinitionError: A compensatable or reversible action has no compensation, one is said
                to come after an action that does not exist, some come after each other in a cycle,
                or two limits have one name.
        """
        names = {action.name for action in self._actions.values()}
        for action in self._actions.values():
            if action.options.reversibility.is_undoable and action.undo is None:
                raise DefinitionError(
                    f"{action.name} is {action.options.reversibility} but has no compensation: "
                    f"define one right below it with `@{action.__name__}.compensation()`, "
                    "or declare it irreversible"
                )
            for name in action.after:
                if name.startswith(f"{self.name}.") and name not in names:
                    raise DefinitionError(
                        f"{action.name}: after= names {name}, which is no action of this catalog: "
                        f"it has {', '.join(sorted(names))}"
                    )
        check_order(self.actions)
        check_agreement(self.limits)

    # --- finding ------------------------------------------------------------------------------

    @property
    def sagas(self) -> Iterator[Saga[Any, Any]]:
        """Every saga in it."""
        return iter(self._sagas.values())

    @property
    def actions(self) -> Iterator[Action[..., Any]]:
        """Every action in it, retired ones included."""
        return iter(self._actions.values())

    @property
    def limits(self) -> Iterator[tuple[str, Limit]]:
        """Every limit in it, with the name of the action that has it."""
        for action in self._actions.values():
            for limit in action.all_limits:
                yield action.name, limit

    def find_action(self, name: str, version: int) -> Action[..., Any] | None:
        """The action of that full name and version."""
        return self._actions.get((name, version))

    def find_saga(self, name: str, version: int) -> Saga[Any, Any] | None:
        """The saga of that full name and version."""
        return self._sagas.get((name, version))

    def _add(self, action: Action[..., Any]) -> Action[..., Any]:
        if (action.name, action.version) in self._actions:
            raise DefinitionError(
                f"{action.name} version {action.version} is registered twice: "
                "give one of them another name or version"
            )
        self._actions[action.name, action.version] = action
        return action

    def _all_full_names(self, names: Iterable[str]) -> tuple[str, ...]:
        """Names as the journal knows them; those of another catalog are given in full."""
        given = (names,) if isinstance(names, str) else tuple(names)
        return tuple(name if "." in name else self._full_name(name) for name in given)

    def _full_name(self, name: str) -> str:
        check_name("action or saga", name)
        return f"{self.name}.{name}"


def check_order(actions: Iterable[Action[..., Any]]) -> None:
    """Refuse actions each of which builds on the next, and the last on the first.

    Raises:
        DefinitionError: There is such a cycle; it is named.
    """
    needs: dict[str, set[str]] = {}
    for action in actions:
        needs.setdefault(action.name, set()).update(action.after)
    cycle = find_cycle(needs)
    if cycle is not None:
        raise DefinitionError(
            f"after= goes in a circle: {' after '.join(cycle)}; each would have to be undone before "
            "the next. Take one of them out, or give what touches the same resource the same key "
            "with conflicts="
        )


def _check_deadline(name: str, deadline: object) -> None:
    try:
        if deadline is not None:
            given_duration("deadline", deadline)
    except TimerError as error:
        raise DefinitionError(f"{name}: {error}") from None


def _after_pivot(value: AfterPivot | str) -> AfterPivot:
    try:
        return AfterPivot(value)
    except ValueError:
        raise DefinitionError(f'after_pivot is "ask" or "unwind", not {value!r}') from None
