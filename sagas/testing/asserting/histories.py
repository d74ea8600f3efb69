"""Holding a history against patterns, entry by entry.

The patterns between two `...` are a block, whose entries follow one another. A block is looked for
from the left; if what its names came to stand for leads nowhere, further on.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from sagas.entries import Entry
from sagas.testing.asserting.patterns import Bindings, Pattern, fits, read, told
from sagas.testing.asserting.subjects import HasHistory, history_of
from sagas.testing.asserting.words import line
from sagas.testing.history import History

WIDEST = 60
"""How many characters of a pattern are shown."""


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
        AssertionError: It is another one; the message shows both, and where they part.
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


@dataclass(slots=True)
class _Search:
    """Finds the entry that each pattern stands for.

    Attributes:
        best: How far it came: for each pattern so far the index of its entry, -1 for `...`.
    """

    patterns: Sequence[Pattern]
    entries: Sequence[Entry]
    best: list[int] = field(default_factory=list[int])
    bindings: Bindings = field(default_factory=dict[str, object])

    def go(self) -> Bindings | None:
        """What the names stand for; None if the history is another one."""
        return self._from(0, 0, [], {})

    def _from(self, first: int, entry: int, placed: list[int], known: Bindings) -> Bindings | None:
        """Place the block that begins with the pattern `first`, from an entry on."""
        last = first
        while last < len(self.patterns) and self.patterns[last] is not ...:
            last += 1
        is_last = last == len(self.patterns)
        size = last - first
        floating = first > 0
        starts = range(entry, len(self.entries) - size + 1) if floating else range(entry, entry + 1)
        if is_last and floating:
            starts = range(
                max(entry, len(self.entries) - size), max(entry, len(self.entries) - size) + 1
            )
        for start in starts:
            found = self._block(first, last, start, placed, known)
            if found is None:
                continue
            after = [*placed, *range(start, start + size)]
            if is_last:
                if start + size == len(self.entries):
                    return found
                self._note(after, found)
                continue
            rest = self._from(last + 1, start + size, [*after, -1], found)
            if rest is not None:
                return rest
        return None

    def _block(
        self, first: int, last: int, start: int, placed: list[int], known: Bindings
    ) -> Bindings | None:
        bindings = known
        for offset, pattern in enumerate(self.patterns[first:last]):
            index = start + offset
            found = (
                fits(pattern, self.entries[index], bindings) if index < len(self.entries) else None
            )
            if found is None:
                self._note([*placed, *range(start, index)], bindings)
                return None
            bindings = found
        self._note([*placed, *range(start, start + last - first)], bindings)
        return bindings

    def _note(self, placed: list[int], bindings: Bindings) -> None:
        if len(placed) > len(self.best) or not self.best:
            self.best, self.bindings = placed, bindings

    # --- in words -----------------------------------------------------------------------------

    def shown(self, saga_id: str) -> str:
        """Both sides, and where they part."""
        rows = list(self._rows())
        width = min(max([len("expected"), *(len(left) for _, left, _ in rows)]), WIDEST)
        lines = [f"the history of {saga_id} is not the expected one", ""]
        lines.append(f"   {'expected':<{width}}   recorded")
        lines += [f" {sign} {left:<{width}}   {right}".rstrip() for sign, left, right in rows]
        if self.bindings:
            lines += ["", *(f"{name} = {value!r}" for name, value in self.bindings.items())]
        return "\n".join(lines)

    def _rows(self) -> Iterator[tuple[str, str, str]]:
        upto = 0
        for pattern, index in zip(self.patterns, self.best, strict=False):
            if index < 0:
                yield " ", "...", ""
                continue
            for skipped in range(upto, index):
                yield " ", "", self._entry(skipped)
            yield " ", told(pattern), self._entry(index)
            upto = index + 1
        rest = [told(pattern) for pattern in self.patterns[len(self.best) :]]
        left = range(upto, len(self.entries))
        for number, (wanted, index) in enumerate(zip_longest(rest, left)):
            recorded = "(nothing more)" if index is None else self._entry(index)
            yield (
                ">" if number == 0 else " ",
                "(nothing more)" if wanted is None and number == 0 else wanted or "",
                recorded if index is not None or number == 0 else "",
            )

    def _entry(self, index: int) -> str:
        return f"{index + 1:>3}  {line(self.entries[index])}"
