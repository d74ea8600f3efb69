"""A cycle among declared dependencies, which no order could satisfy.

Pure.
"""

from collections.abc import Iterable, Iterator, Mapping


def find_cycle(needs: Mapping[str, Iterable[str]]) -> list[str] | None:
    """The names along one cycle, the first repeated at the end; None if there is none.

    By depth-first search, in linear time and without recursion: a name that is met again while it
    is still on the way closes a cycle.

    Args:
        needs: The names that each name needs.
    """
    done: set[str] = set()
    for start in sorted(needs):
        way: dict[str, Iterator[str]] = {} if start in done else {start: _sorted(needs, start)}
        while way:
            name, rest = next(reversed(way.items()))
            following = next((other for other in rest if other not in done), None)
            if following is None:
                done.add(name)
                del way[name]
            elif following in way:
                names = list(way)
                return [*names[names.index(following) :], following]
            else:
                way[following] = _sorted(needs, following)
    return None


def _sorted(needs: Mapping[str, Iterable[str]], name: str) -> Iterator[str]:
    return iter(sorted(needs.get(name, ())))
