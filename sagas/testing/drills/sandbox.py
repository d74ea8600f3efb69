"""A sandbox: what a catalog is drilled against, with an example of every action.

Nothing is called here; what cannot be right is refused when the sandbox is written down.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from sagas.authoring.action import Action
from sagas.authoring.catalog import Catalog
from sagas.linting.drilling import drillable
from sagas.testing.actions.inputs import inputs_of
from sagas.testing.errors import Undrillable, Unexplorable
from sagas.testing.world import World

Example = Mapping[str, object]
"""Arguments of one call, by name."""

IsSandbox = bool | Callable[[], bool] | Callable[[], Awaitable[bool]]

Compare = Callable[[Any, Any], bool | None]
"""Whether a world is as it should be, by its snapshots before and after: as `check_round_trip`."""

_IS_SANDBOX = (
    "is_sandbox=True, or better a function that looks where the actions would really go, such as "
    'is_sandbox=lambda: "sandbox." in os.environ["HOTELS_URL"]'
)
_METHODS = ("reset", "snapshot", "ledger")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done about one action.

    Attributes:
        examples: Arguments to drill it with; none if it is skipped.
        reason: Why it is skipped; or why it may be drilled although it is irreversible.
    """

    action: Action[..., Any]
    examples: tuple[Example, ...]
    reason: str = ""


class Sandbox:
    """What a catalog may be drilled against, and with which arguments.

    Actions are named as in the catalog, such as `book_hotel`; the newest version that is not
    retired is drilled.

    Args:
        name: What it is, for people: `the hotels' sandbox`. It is recorded with every drill.
        world: How it is reset and looked at.
        is_sandbox: That what the actions act on may be changed and reset at will: `True`, or a
            function that looks, async or not. It is asked before anything is reset or called.
        examples: Arguments of each action that is drilled, by name.
        skip: Actions that are not drilled, each with the reason.
        irreversible: Irreversible actions that may be drilled all the same, each with the reason
            why that harms nothing there. Without it none is.
        compare: Says whether a snapshot after an undo, the second argument, is as it should be
            after the first: for actions that leave a residue. For all actions, or by action.

    Raises:
        Undrillable: It cannot be right; the message says what to change.
    """

    def __init__(
        self,
        catalog: Catalog,
        *,
        name: str,
        world: World,
        is_sandbox: IsSandbox,
        examples: Mapping[str, Sequence[Example]] | None = None,
        skip: Mapping[str, str] | None = None,
        irreversible: Mapping[str, str] | None = None,
        compare: Compare | Mapping[str, Compare] | None = None,
    ) -> None:
        if not isinstance(cast(object, catalog), Catalog):
            raise Undrillable(f"a sandbox is that of a catalog, not of {catalog!r}")
        self.catalog = catalog
        self.name = name
        self.world = world
        self.is_sandbox = is_sandbox
        self.examples = dict(examples or {})
        self.skip = dict(skip or {})
        self.irreversible = dict(irreversible or {})
        self._compares = _by_action(compare)
        self._compare = None if isinstance(compare, Mapping) else compare
        self._actions = {action.short_name: action for action in drillable(catalog)}
        self._check()

    def __repr__(self) -> str:
        return f"<sandbox {self.name!r} of {self.catalog.name}>"

    def plan(self, only: Sequence[str] = ()) -> list[Plan]:
        """What a drill does: with `only`, about these actions, named in short or in full.

        Raises:
            Undrillable: An action is unknown, has neither examples nor a reason to skip it, or
                there is nothing to drill.
        """
        wanted = [self._named(name, "--action") for name in only] or list(self._actions)
        lacking = [
            name
            for name in wanted
            if not self.examples.get(name) and name not in self.skip and not self._is_left(name)
        ]
        if lacking:
            first = lacking[0]
            raise Undrillable(
                f"{self} has no example of {', '.join(lacking)}: give each one, such as "
                f'examples={{"{first}": [{{{self._arguments(first)}}}]}}, or the reason to leave '
                f'it out, skip={{"{first}": "why"}}'
            )
        plans = [self._plan(name) for name in dict.fromkeys(wanted)]
        if not any(plan.examples for plan in plans):
            why = "; ".join(f"{plan.action.name} is skipped: {plan.reason}" for plan in plans)
            raise Undrillable(
                f"{self}: there is nothing to drill: {why or 'no action has effects'}"
            )
        return plans

    def comparing(self, action: Action[..., Any]) -> Compare | None:
        """What compares the world before and after that action, if something does."""
        return self._compares.get(action.short_name, self._compare)

    def _plan(self, name: str) -> Plan:
        action = self._actions[name]
        if name in self.skip:
            return Plan(action, (), self.skip[name])
        if self._is_left(name):
            return Plan(
                action,
                (),
                f"it is {action.options.reversibility}, and nobody gave leave to drill it",
            )
        return Plan(action, tuple(self.examples[name]), self.irreversible.get(name, ""))

    def _is_left(self, name: str) -> bool:
        """Whether it is irreversible, without leave."""
        return self._actions[name].undo is None and name not in self.irreversible

    # --- what cannot be right -----------------------------------------------------------------

    def _check(self) -> None:
        if not isinstance(cast(object, self.name), str) or not self.name.strip():
            raise Undrillable(
                'a sandbox has a name that people know it by, such as name="the hotels\' sandbox"'
            )
        if self.is_sandbox is not True and not callable(self.is_sandbox):
            raise Undrillable(
                f"{self} does not say that it is one, so it may be production: {_IS_SANDBOX}"
            )
        lacking = [name for name in _METHODS if not callable(getattr(self.world, name, None))]
        if lacking:
            raise Undrillable(
                f"{self}: its world has no {', '.join(lacking)}: a world that is drilled in has "
                "reset(), snapshot() and ledger(); see sagas.testing.World"
            )
        self.skip = self._reasons("skip", self.skip)
        self.irreversible = self._reasons("irreversible", self.irreversible)
        self.examples = {
            self._named(name, "examples"): given for name, given in self.examples.items()
        }
        for name, given in self.examples.items():
            self._check_leave(name)
            self._check_examples(name, given)
        self._check_irreversible()
        self._check_compare()

    def _reasons(self, what: str, given: Mapping[str, str]) -> dict[str, str]:
        for name, reason in given.items():
            if not isinstance(cast(object, reason), str) or not reason.strip():
                raise Undrillable(
                    f'{self}: {what}={{"{name}": ...}} needs a reason, not {reason!r}'
                )
        return {self._named(name, what): reason for name, reason in given.items()}

    def _named(self, name: str, what: str) -> str:
        """The short name of an action that can be drilled."""
        catalog, _, short = name.rpartition(".")
        if short in self._actions and catalog in ("", self.catalog.name):
            return short
        known = ", ".join(sorted(self._actions)) or "none"
        of = [action for action in self.catalog.actions if name in (action.name, action.short_name)]
        why = "is no action of it"
        if of:
            why = "is retired" if all(action.retired for action in of) else "only reads"
        raise Undrillable(
            f"{self}: {what} names {name!r}, which {why}; what can be drilled is: {known}"
        )

    def _check_leave(self, name: str) -> None:
        action = self._actions[name]
        if name in self.skip:
            raise Undrillable(
                f"{self} has examples of {name} and skips it too: remove it from one of them"
            )
        if self._is_left(name):
            raise Undrillable(
                f"{self}: {name} is {action.options.reversibility}, so it is not drilled: if it "
                f'harms nothing there, say why, irreversible={{"{name}": "why"}}; else take its '
                "examples away"
            )

    def _check_irreversible(self) -> None:
        for name in self.irreversible:
            if self._actions[name].undo is not None:
                raise Undrillable(
                    f"{self}: {name} has a compensation, so it needs no leave: take it out of "
                    "irreversible="
                )

    def _check_compare(self) -> None:
        by_action = {self._named(name, "compare"): item for name, item in self._compares.items()}
        self._compares = by_action
        for item in (self._compare, *by_action.values()):
            if item is not None and not callable(cast(object, item)):
                raise Undrillable(
                    f"{self}: compare= is a function of the world before and after, or one for "
                    f"each action by its name, not {item!r}"
                )

    def _check_examples(self, name: str, given: object) -> None:
        action = self._actions[name]
        if not isinstance(given, Sequence) or isinstance(given, str | bytes) or not given:
            raise Undrillable(
                f'{self}: examples={{"{name}": ...}} is a list of arguments, such as '
                f"[{{{self._arguments(name)}}}], not {given!r}"
            )
        try:
            inputs_of(action, cast(Sequence[object], given), strategies=None, runs=1, seed=0)
        except Unexplorable as error:
            raise Undrillable(f"{self}: {error}") from error

    def _arguments(self, name: str) -> str:
        return ", ".join(f'"{key}": ...' for key in self._actions[name].shape.inputs)

    def __str__(self) -> str:
        return f"the sandbox {self.name!r} of {self.catalog.name}"


def _by_action(compare: object) -> dict[str, Compare]:
    return dict(cast(Mapping[str, Compare], compare)) if isinstance(compare, Mapping) else {}
