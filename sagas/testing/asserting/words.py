"""An entry in words: the line that people read, and the words that a pattern may name it by.

Pure.
"""

from collections.abc import Iterator
from dataclasses import fields

from sagas.entries import Entry

SHOWN = (
    "saga",
    "direction",
    "status",
    "state",
    "choice",
    "cause",
    "what",
    "name",
    "answer",
    "error",
)
"""Fields that tell entries of one kind apart, in the order in which they are shown."""

UNSAID = {("via", "call"), ("direction", "do")}
"""What is so common that it is not shown."""


def line(found: Entry) -> str:
    """An entry on one line, such as `Failed rent_car#1 NoCar`."""
    said = [found.kind]
    path = getattr(found, "path", None)
    if path is not None:
        said.append(_own(path))
    for name in (*SHOWN, "via"):
        value = getattr(found, name, None)
        if isinstance(value, str) and (name, value) not in UNSAID:
            said.append(value)
    return " ".join(said)


def words(found: Entry) -> set[str]:
    """Everything that a pattern may call an entry by, besides its kind."""
    known = {str(getattr(found, item.name)) for item in fields(found) if _is_text(found, item.name)}
    for name in ("path", "action", "saga"):
        value = getattr(found, name, None)
        if isinstance(value, str):
            known.update(_short(value))
    return known


def _is_text(found: Entry, name: str) -> bool:
    return isinstance(getattr(found, name), str)


def _short(name: str) -> Iterator[str]:
    """The shorter names of `book_trip/1.2:rent_car#1`, or of `travel.rent_car`."""
    own = _own(name)
    yield own
    yield own.rpartition("#")[0] if "#" in own else own.rpartition(".")[2]


def _own(path: str) -> str:
    return path[max(path.rfind("/"), path.rfind(":")) + 1 :]
