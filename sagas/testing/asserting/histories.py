"""Holding a history against patterns, entry by entry.

The patterns between two `...` are a block, whose entries follow one another. A block is looked for
from the left; if what its names came to stand for leads nowhere, further on.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest

from sagas.entries import Entry
from sagas.testing.asserting.patterns import Bindings, Pattern, fits, read, told
from sagas.testing.asserting.subjects import HasHistory, history_of
from sagas.testing.asserting.words import line
from sagas.testing.history import History

WIDEST = 60
"""How far to the right the second column is moved for a long pattern."""

GAP = -1
NOTHING = "(nothing more)"


def assert_history(subject: History | HasHistory, expected: Sequence[object]) -> dict[str, object]:
    """A history is the expected one, from its first entry to its last.

    ```python
    assert_history(history, [
        "Started",
        "Intended book_flight",
        "Succeeded book_flight",
        ...,
        "Compensated book_flight",
        "Ended compensated",
    ])
    ```

    Args:
        subject: A history, or what has one.
        expected: A pattern for each entry: a text of its kind and words that it is known by,
            `entry(...)`, a regular expression for its line, or `ANY`; and `...` for any number of
            entries.

    Returns:
        What the bound names stand for.

    Raises:
        AssertionError: It is another one; the message shows both, and where they part. Or nothing
            was recorded: there is no such saga.
        TypeError: One of these is no pattern, or the subject has no history.
        ValueError: A pattern names what no entry has.
    """
    __tracebackhide__ = True
    history = history_of(subject)
    search = _Search([read(item) for item in expected], [found for _, found in history.entries])
    bindings = search.go()
    if bindings is None:
        raise AssertionError(search.shown(history.saga_id))
    return dict(bindings)


@dataclass(frozen=True, slots=True)
class _Reached:
    """How far a search came.

    Attributes:
        placed: For each pattern so far the index of its entry; `GAP` for `...`.
        at: The index of the entry that the next pattern does not stand for.
    """

    placed: tuple[int, ...] = ()
    at: int = 0
    bindings: Bindings = field(default_factory=dict[str, object])


@dataclass(slots=True)
class _Search:
    """Finds the entry that each pattern stands for.

    Attributes:
        best: The furthest that it came.
        dead: From which entry on a block leads nowhere, by its first pattern and what is bound.
    """

    patterns: Sequence[Pattern]
    entries: Sequence[Entry]
    best: _Reached = field(default_factory=_Reached)
    dead: dict[tuple[int, str], int] = field(default_factory=dict[tuple[int, str], int])

    def go(self) -> Bindings | None:
        """What the names stand for; None if the history is another one."""
        return self._from(0, _Reached())

    def _from(self, first: int, reached: _Reached) -> Bindings | None:
        """Place the block that begins with the pattern `first`, and all that follows."""
        key = first, repr(reached.bindings)
        if reached.at >= self.dead.get(key, len(self.entries) + 1):
            return None
        last = first
        while last < len(self.patterns) and self.patterns[last] is not ...:
            last += 1
        for start in self._starts(first, last, reached.at):
            after = self._block(first, last, replace(reached, at=start))
            found = None if after is None else self._rest(last, after)
            if found is not None:
                return found
        self.dead[key] = reached.at
        return None

    def _starts(self, first: int, last: int, entry: int) -> range:
        """Where a block may begin: the first at the beginning, the last so that it ends at the end."""
        if first == 0:
            return range(entry, entry + 1)
        latest = max(entry, len(self.entries) - (last - first))
        return range(latest if last == len(self.patterns) else entry, latest + 1)

    def _block(self, first: int, last: int, reached: _Reached) -> _Reached | None:
        for pattern in self.patterns[first:last]:
            at = reached.at
            known = (
                fits(pattern, self.entries[at], reached.bindings)
                if at < len(self.entries)
                else None
            )
            if known is None:
                self._note(reached)
                return None
            reached = _Reached((*reached.placed, at), at + 1, known)
        return reached

    def _rest(self, last: int, reached: _Reached) -> Bindings | None:
        """Place what follows a block."""
        if last < len(self.patterns):
            return self._from(last + 1, replace(reached, placed=(*reached.placed, GAP)))
        if reached.at == len(self.entries):
            return reached.bindings
        self._note(reached)
        return None

    def _note(self, reached: _Reached) -> None:
        if len(reached.placed) > len(self.best.placed):
            self.best = reached

    # --- in words -----------------------------------------------------------------------------

    def shown(self, saga_id: str) -> str:
        """Both sides, and where they part."""
        rows = list(self._rows())
        width = min(max([len("expected"), *(len(left) for _, left, _ in rows)]), WIDEST)
        lines = [f"the history of {saga_id} is not the expected one", ""]
        lines.append(f"   {'expected':<{width}}   recorded")
        lines += [f" {sign} {left:<{width}}   {right}".rstrip() for sign, left, right in rows]
        if self.best.bindings:
            lines += ["", *(f"{name} = {value!r}" for name, value in self.best.bindings.items())]
        return "\n".join(lines)

    def _rows(self) -> Iterator[tuple[str, str, str]]:
        """Rows of a sign, a pattern, and an entry."""
        upto = 0
        for pattern, index in zip(self.patterns, self.best.placed, strict=False):
            if index == GAP:
                yield " ", "...", ""
                continue
            yield from self._passed_over(upto, index)
            yield " ", told(pattern), self._entry(index)
            upto = index + 1
        yield from self._passed_over(upto, self.best.at)
        rest = [told(pattern) for pattern in self.patterns[len(self.best.placed) :]]
        left = [self._entry(index) for index in range(self.best.at, len(self.entries))]
        yield ">", rest[0] if rest else NOTHING, left[0] if left else NOTHING
        for wanted, recorded in zip_longest(rest[1:], left[1:], fillvalue=""):
            yield " ", wanted, recorded

    def _passed_over(self, start: int, end: int) -> Iterator[tuple[str, str, str]]:
        for index in range(start, end):
            yield " ", "", self._entry(index)

    def _entry(self, index: int) -> str:
        return f"{index + 1:>3}  {line(self.entries[index])}"
