"""What the entries of one saga declare to be secret, gathered by value.

An error's text, a reason and the words of a question have no places of their own: a secret is found
in them by its value. Pure.
"""

from collections.abc import Iterator

from approvals.redaction import Known, Redaction
from sagas.entries import Entry, Intended


class Declared:
    """The secrets of a saga, as far as its entries are known."""

    __slots__ = ("_documents", "_known")

    def __init__(self) -> None:
        self._documents: dict[tuple[bytes | str, tuple[str, ...]], None] = {}
        self._known: Known | None = None

    def copy(self) -> "Declared":
        """The same, to be added to apart."""
        made = Declared()
        made._documents = dict(self._documents)
        return made

    def add(self, entry: Entry) -> None:
        """Take in what an entry declares."""
        if entry.sensitive and entry.payload is not None:
            self._add(entry.payload, entry.sensitive)
        if type(entry) is Intended and entry.sensitive_before and entry.before is not None:
            self._add(entry.before, entry.sensitive_before)

    def redaction(self, journal_id: str) -> Redaction:
        """What hides these secrets in words.

        Args:
            journal_id: The journal's own id, which keys the hashes.
        """
        if self._known is None:
            self._known = Known(self._values())
        return Redaction(journal_id, known=self._known)

    def _add(self, document: bytes | str, places: list[str]) -> None:
        self._documents[document, tuple(places)] = None
        self._known = None

    def _values(self) -> Iterator[object]:
        for document, places in self._documents:
            yield from Redaction("", places).secrets_in(document)
