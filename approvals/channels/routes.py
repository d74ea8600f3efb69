"""Where people are reached: for everyone who may be asked, an order of places.

The first place that takes the message is enough; the others are tried one after the other, each as
soon as the one before it fails. Pure.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from approvals.errors import ChannelDefinitionError
from approvals.names import ANYONE, GROUP_MARK, fault_of_name

__all__ = ["Place", "Route", "Routes"]


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """One target on one channel: ``mail:ana@example.org``."""

    channel: str
    target: str

    @classmethod
    def of(cls, text: str) -> "Place":
        """Read a place as people write it.

        Raises:
            ChannelDefinitionError: It is not a channel, a colon and a target.
        """
        channel, colon, target = text.partition(":")
        if not (channel.strip() and colon and target.strip()):
            raise ChannelDefinitionError(
                f"{text!r} is no place to send to: write the channel's name, a colon and the "
                'target, such as "mail:ana@example.org"'
            )
        return cls(channel.strip(), target.strip())

    def __str__(self) -> str:
        return f"{self.channel}:{self.target}"


Route = tuple[Place, ...]
Members = Callable[[str], Collection[str]]


@dataclass(frozen=True, slots=True)
class Routes:
    """Who is told where.

    Args:
        by_name: For a person (``ana``), a group (``@desk``) or ``anyone``: places, in order.
        interventions: Where questions go that only a person can answer, in order.
        otherwise: Where everyone is told who has no route, and where a message goes when every
            other place has failed.

    Raises:
        ChannelDefinitionError: A name could be nobody's, or a place cannot be read.
    """

    by_name: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    interventions: Sequence[str] = ()
    otherwise: Sequence[str] = ()

    def __post_init__(self) -> None:
        for name in self.by_name:
            fault = None if name == ANYONE else fault_of_name(name.removeprefix(GROUP_MARK))
            if fault is not None:
                raise ChannelDefinitionError(f"the route of {name!r} is nobody's: the name {fault}")
        for _ in self.places():
            pass

    def places(self) -> Iterable[Place]:
        """Every place that is named."""
        named = chain(*self.by_name.values(), self.interventions, self.otherwise)
        return [Place.of(text) for text in named]

    def to_decide(self, names: Iterable[str], members: Members) -> list[Route]:
        """Where those are told who are asked; each first place once.

        Args:
            names: People and groups, as a requirement names them.
            members: Who is in a group, by its name without the mark; asked where a group has no
                route of its own.
        """
        return _joined(chain.from_iterable(self._of(name, members) for name in names))

    def to_answer(self) -> list[Route]:
        """Where an intervention is told."""
        return _joined([self._full(self.interventions)])

    def _of(self, name: str, members: Members) -> list[Route]:
        if name in self.by_name:
            return [self._full(self.by_name[name])]
        if name.startswith(GROUP_MARK):
            people = sorted(members(name.removeprefix(GROUP_MARK)))
            found = [self._full(self.by_name[each]) for each in people if each in self.by_name]
            if len(found) == len(people) and found:
                return found
            return [*found, self._full(())]  # somebody in it can be told nowhere else
        return [self._full(())]

    def _full(self, places: Sequence[str]) -> Route:
        named = [Place.of(text) for text in (*places, *self.otherwise)]
        return tuple(dict.fromkeys(named))


def _joined(routes: Iterable[Route]) -> list[Route]:
    """Routes with one beginning made one, which goes on where either does."""
    found: dict[Place, Route] = {}
    for route in routes:
        if route:
            known = found.get(route[0], ())
            found[route[0]] = tuple(dict.fromkeys((*known, *route)))
    return list(found.values())
