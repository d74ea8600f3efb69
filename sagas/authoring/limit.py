"""Limits: how often and how many at once a partner may be called, over all workers.

Pure.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any

from sagas.allotment import Demand
from sagas.errors import DefinitionError
from sagas.model import span

MOST = 10_000
"""Each permit is a row, and each call counts them."""

LONGEST_NAME = 100
SHORTEST_PER = timedelta(milliseconds=10)
LONGEST_PER = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Limit:
    """How often, and how many at once, something may be called: over all actions that share it.

    A limit is known by its name: the database counts for every worker together. A call that has
    to wait waits before its intent; nothing is refused because of a limit.

    Args:
        name: What people call it, such as "hotel-partner".
        rate: How many calls may begin in any span of `per`.
        per: That span.
        concurrent: How many calls may be under way at the same time.
        key: A function of some of the action's inputs that returns a string. Each string has a
            count of its own.

    Raises:
        DefinitionError: It cannot be right; the message says why.
    """

    name: str
    rate: int | None = None
    per: timedelta | None = None
    concurrent: int | None = None
    key: Callable[..., str] | None = None

    def __post_init__(self) -> None:
        _check_name(self.name)
        what = f"limit {self.name!r}"
        if self.rate is None and self.concurrent is None:
            raise DefinitionError(
                f"{what} limits nothing: give rate= and per=, or concurrent=, or all of them"
            )
        _check_count(what, "rate", self.rate)
        _check_count(what, "concurrent", self.concurrent)
        _check_per(what, self.rate, self.per)
        if self.key is not None and not callable(self.key):
            raise DefinitionError(
                f"{what}: key is a function of some of the action's inputs, not {self.key!r}"
            )

    @property
    def terms(self) -> tuple[object, ...]:
        """What two limits of one name must have in common; how a key is found may differ."""
        return (self.rate, self.per, self.concurrent, self.key is None)


@dataclass(frozen=True, slots=True)
class Limited:
    """A limit as one action has it: its key is a function of all the action's inputs."""

    limit: Limit
    key: Callable[[Mapping[str, object]], Any] | None

    def demand(self, arguments: Mapping[str, object]) -> Demand:
        """What a call with these arguments needs.

        Raises:
            DefinitionError: The key is no string, or cannot be computed.
        """
        name = self.limit.name
        return self._of(name if self.key is None else f"{name}\n{self._key(arguments)}")

    def _of(self, bucket: str) -> Demand:
        limit = self.limit
        return Demand(
            bucket=bucket,
            rate=limit.rate,
            per=0 if limit.per is None else span(limit.per),
            concurrent=limit.concurrent,
        )

    def keyless(self) -> Demand:
        """What is needed by a call whose key cannot be computed: one count for all of these."""
        return self._of(f"{self.limit.name}\n")

    def _key(self, arguments: Mapping[str, object]) -> str:
        assert self.key is not None  # noqa: S101  asked for only where there is one
        try:
            found = self.key(arguments)
        except Exception as error:
            raise DefinitionError(
                f"key= of limit {self.limit.name!r} failed: {type(error).__name__}: {error}"
            ) from error
        if not isinstance(found, str):
            raise DefinitionError(
                f"key= of limit {self.limit.name!r} returned {found!r}: it has to return a string"
            )
        return found if _is_plain(found) else f"sha256:{_digest(found)}"


def check_limits(what: str, given: Iterable[Limit]) -> tuple[Limit, ...]:
    """The limits as a tuple.

    Raises:
        DefinitionError: They are no limits, or two of them have one name.
    """
    items: tuple[object, ...] = (given,) if isinstance(given, Limit | str) else tuple(given)
    if isinstance(given, Limit) or not all(isinstance(item, Limit) for item in items):
        raise DefinitionError(
            f'{what}: limits= takes a list, such as [Limit("partner", concurrent=3)], not {given!r}'
        )
    limits = tuple(item for item in items if isinstance(item, Limit))
    names = [limit.name for limit in limits]
    for name in names:
        if names.count(name) > 1:
            raise DefinitionError(f"{what} has limit {name!r} twice: leave one of them out")
    return limits


def check_agreement(limits: Iterable[tuple[str, Limit]]) -> None:
    """Refuse two limits under one name.

    Args:
        limits: Each with the name of what has it.

    Raises:
        DefinitionError: Two of them differ.
    """
    first: dict[str, tuple[str, Limit]] = {}
    for owner, limit in limits:
        before, known = first.setdefault(limit.name, (owner, limit))
        if limit.terms != known.terms:
            raise DefinitionError(
                f"limit {limit.name!r} of {owner} is not the one of {before}: a limit is known by "
                "its name, so define it once and share it, or give one of them another name"
            )


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not name.isprintable() or not 0 < len(name) <= LONGEST_NAME:
        raise DefinitionError(
            f"a limit's name is 1 to {LONGEST_NAME} printable characters, "
            f'such as "hotel-partner", not {name!r}'
        )


def _check_count(what: str, field: str, count: object) -> None:
    if count is None:
        return
    if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= MOST:
        raise DefinitionError(
            f"{what}: {field} is a whole number from 1 to {MOST}, not {count!r}; "
            "a limit delays calls and never stops them"
        )


def _check_per(what: str, rate: int | None, per: object) -> None:
    if rate is None and per is None:
        return
    if rate is None:
        raise DefinitionError(f"{what}: per= says nothing without rate=: give both or neither")
    if not isinstance(per, timedelta) or not SHORTEST_PER <= per <= LONGEST_PER:
        raise DefinitionError(
            f"{what}: rate={rate} needs per=, a timedelta from 10 milliseconds to a year, "
            f"such as timedelta(seconds=1), not {per!r}"
        )


def _is_plain(key: str) -> bool:
    return key.isprintable() and len(key) <= LONGEST_NAME


def _digest(key: str) -> str:
    return sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
