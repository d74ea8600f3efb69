"""What each boundary of a life is called, so that the same one is known again in another life.

An append is known by each kind of entry in it, and by how many of that kind there were so far:
what travels together in one life may travel apart in another. One without entries, which only
changes what people see, may or may not be made, and is known as such.

Pure.
"""

from collections import Counter


class Namer:
    """Names the boundaries of one life, in the order in which they are reached."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def name(self, point: str, where: str) -> list[str]:
        """The names of the boundary that comes next.

        Args:
            point: Such as `before-append`.
            where: The kinds of the entries, or the path of the call.
        """
        if not point.endswith("append"):
            return [self._numbered(f"{point} {where}")]
        kinds = where.split(",") if where else []
        return [self._numbered(f"{point} {kind}") for kind in kinds] or [f"{point} no entry"]

    def _numbered(self, name: str) -> str:
        self._seen[name] += 1
        return f"{name} {self._seen[name]}"


def names(reached: tuple[str, ...]) -> list[list[str]]:
    """The names of all boundaries that a life came to.

    Args:
        reached: Lines of a point, the saga's id, and a place.
    """
    namer = Namer()
    lines = (line.split(" ", 2) for line in reached)
    return [namer.name(point, where) for point, _, where in lines]
