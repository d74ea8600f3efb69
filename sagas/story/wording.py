"""How paths, durations and instants are worded in a story.

Pure.
"""

from collections.abc import Iterable

from sagas.model import instant

_MILLISECOND = 1_000
_SECOND = 1_000_000


def labels(paths: Iterable[str]) -> dict[str, str]:
    """A short name for each path: the step's own if only one has it, else with its scopes."""
    known = list(dict.fromkeys(paths))
    short = {path: _short(path) for path in known}
    names = list(short.values())
    return {path: name if names.count(name) == 1 else _long(path) for path, name in short.items()}


def _short(path: str) -> str:
    component = path.rpartition("/")[2]
    return component.rpartition(":")[2].removesuffix("#1")


def _long(path: str) -> str:
    """The path without the saga's own name and without the number of a first occurrence."""
    components = path.split("/")[1:] or [path]
    return "/".join(component.removesuffix("#1") for component in components)


def took(micros: int) -> str:
    """A measured duration, as exact as it is interesting: `35 ms`, `1.2 s`, `2 min 3 s`."""
    if micros < _SECOND:
        return f"{max(micros, 0) / _MILLISECOND:.0f} ms" if micros >= _MILLISECOND else "<1 ms"
    seconds = micros / _SECOND
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def day(micros: int) -> str:
    """The date of an instant, in UTC."""
    return instant(micros).strftime("%Y-%m-%d")


def clock(micros: int, *, fine: bool = False) -> str:
    """The time of day of an instant, in UTC; `fine` to the millisecond."""
    moment = instant(micros)
    text = moment.strftime("%H:%M:%S")
    return f"{text}.{moment.microsecond // _MILLISECOND:03}" if fine else text


def moment(micros: int) -> str:
    """An instant in full, to the second, in UTC."""
    return f"{day(micros)} {clock(micros)} UTC"


def plural(count: int, one: str, many: str | None = None) -> str:
    """A count and its noun: `1 step`, `2 steps`, `3 entries`."""
    return f"{count} {one if count == 1 else many or f'{one}s'}"
