"""Rules that an organization lays over all actions: what needs an approval, and whose.

A policy adds to what an action's author asked for, and never takes away: everything that applies is
joined with ``&``. A call that a condition cannot judge is taken for one that it applies to. Pure.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import reduce

from approvals.conditions import Condition, condition
from approvals.errors import ApprovalDefinitionError
from approvals.parties import Parties
from approvals.requirement import Approval
from reversibility import Reversibility

__all__ = ["Call", "Policies", "Policy", "policy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """An action that is about to run."""

    action: str
    """Its full name: ``travel.email_itinerary``."""
    reversibility: Reversibility
    """Its class with these arguments."""
    arguments: bytes
    """Its canonical arguments."""
    parties: Parties
    """For whom."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Some calls, and the approval they need; made by `policy`."""

    name: str
    """Shown to people, so that they know why they are asked."""
    asks: Approval
    actions: tuple[str, ...] = ("*",)
    """Patterns of full names; one has to match."""
    classes: tuple[Reversibility, ...] = ()
    """The classes it is about; none stands for all."""
    actors: tuple[str, ...] = ()
    """Patterns of names; one of the parties has to match. None stands for everyone."""
    where: tuple[Condition, ...] = ()
    """Conditions on the arguments; all have to hold."""

    @property
    def named(self) -> Approval:
        """What it asks for, with its name, so that people see why."""
        return replace(self.asks, policies=(self.name,))

    def applies(self, call: Call) -> bool:
        """Whether the call needs what this policy asks for."""
        return (
            _matches([call.action], self.actions)
            and (not self.classes or call.reversibility in self.classes)
            and (not self.actors or _matches(call.parties.names, self.actors))
            and all(one.holds(call.arguments) is not False for one in self.where)
        )


@dataclass(frozen=True, slots=True)
class Policies:
    """All the policies of an installation.

    Raises:
        ApprovalDefinitionError: Two have one name.
    """

    rules: tuple[Policy, ...] = ()

    def __post_init__(self) -> None:
        names = [rule.name for rule in self.rules]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ApprovalDefinitionError(
                f"two policies are called {', '.join(twice)}; give each a name of its own"
            )

    def __bool__(self) -> bool:
        return bool(self.rules)

    def without(self, actions: Collection[str]) -> Iterator[tuple[Policy, str]]:
        """Each pattern that none of these actions has the name for, with its policy."""
        return (
            (rule, pattern)
            for rule in self.rules
            for pattern in rule.actions
            if not _matches(actions, [pattern])
        )

    def applying(self, call: Call) -> Iterator[Policy]:
        """The policies that apply to a call."""
        return (rule for rule in self.rules if rule.applies(call))

    def requirement(self, own: Approval | None, call: Call) -> Approval | None:
        """What a call needs: what its author asks for, and everything that applies.

        Args:
            own: What the action's author asks for, if anything.
            call: What is about to run.
        """
        asked = [own] if own is not None else []
        asked += [rule.named for rule in self.applying(call)]
        return reduce(Approval.__and__, asked) if asked else None


def policy(
    name: str,
    *,
    asks: Approval,
    actions: str | Iterable[str] = "*",
    classes: Reversibility | Iterable[Reversibility] = (),
    actors: str | Iterable[str] = (),
    where: str | Iterable[str] = (),
) -> Policy:
    """Ask for an approval of all calls of a kind.

    Args:
        name: Shown to people, so that they know why they are asked.
        asks: What is asked for.
        actions: Full names, with ``*`` and ``?``: ``"travel.*"``.
        classes: The classes of reversibility it is about; all if left out.
        actors: Names of which one has to have a part in the saga, with ``*`` and ``?``.
        where: Conditions on the arguments, all of which hold: ``"order.amount > 1000"``. One
            that cannot be judged counts as held.

    Raises:
        ApprovalDefinitionError: The name is blank, or a condition is none.
    """
    if not name.strip():
        raise ApprovalDefinitionError("a policy needs a name that tells people why they are asked")
    return Policy(
        name=name,
        asks=asks,
        actions=_texts(actions),
        classes=(classes,) if isinstance(classes, Reversibility) else tuple(classes),
        actors=_texts(actors),
        where=tuple(condition(text) for text in _texts(where)),
    )


def stricter(asked: Approval, wanted: Approval | None) -> Approval:
    """What a gate that asked for one thing has to ask for now; the same if that is enough.

    A gate once opened is tightened, and never dropped.
    """
    if wanted is None:
        return asked
    both = asked & wanted
    return asked if replace(both, policies=asked.policies) == asked else both


def _texts(given: str | Iterable[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _matches(names: Iterable[str], patterns: Iterable[str]) -> bool:
    known = list(names)
    return any(fnmatchcase(name, pattern) for pattern in patterns for name in known)
