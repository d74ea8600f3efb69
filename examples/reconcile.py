"""Two accounts of the same saga compared line by line: the journal's, and the services' own.

The journal says which steps took effect and which were undone, each with the key it was sent
under. A service says what it did under which key. They agree if every effect of one is in the
other, once. Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import BaseModel, TypeAdapter


class Entry(BaseModel):
    """What matters here of an entry in `sagas history ID --json`."""

    kind: str
    path: str = ""
    action: str = ""
    key: str = ""


HISTORY = TypeAdapter(list[Entry])


@dataclass(frozen=True, slots=True)
class Effect:
    """One thing done, as one side tells it."""

    service: str
    what: str
    """What the service calls it: "book", "cancel", "mail"."""
    key: str
    label: str = field(compare=False)
    """How this side names it, for people."""


@dataclass(frozen=True, slots=True)
class Calls:
    """What an action and its compensation do at a service, in the service's words."""

    service: str
    done: str
    undone: str | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """A line of the comparison: an effect, and who knows of it."""

    journal: Effect | None
    ledger: Effect | None

    @property
    def agrees(self) -> bool:
        """Whether both sides tell the same."""
        return self.journal == self.ledger

    def __str__(self) -> str:
        """The line as a person reads it."""
        journal, ledger = self.journal, self.ledger
        known = journal or ledger
        key = f"{known.key[:12]}…" if known else ""
        left = journal.label if journal else "(nothing)"
        right = f"{ledger.service}: {ledger.label}" if ledger else "(nothing)"
        return f"{'=' if self.agrees else '≠'} {key}  journal {left:<28} ledger {right}"


def journal_effects(history: str, calls: Mapping[str, Calls]) -> list[Effect]:
    """List what the journal says was done and undone, in its order.

    Args:
        history: The output of `sagas history ID --json`.
        calls: By the name of the action, without its catalog.
    """
    intents: dict[str, tuple[str, str]] = {}
    undoing: dict[str, str] = {}
    effects: list[Effect] = []
    for entry in HISTORY.validate_json(history):
        if entry.kind == "Intended":
            intents[entry.path] = (entry.action.rpartition(".")[2], entry.key)
        elif entry.kind == "CompensationIntended":
            undoing[entry.path] = entry.key
        elif entry.kind == "Succeeded" and entry.path in intents:
            action, key = intents[entry.path]
            effects.append(Effect(calls[action].service, calls[action].done, key, action))
        elif entry.kind == "Compensated" and entry.path in undoing:
            action, _ = intents[entry.path]
            what = calls[action].undone or "undo"
            label = f"undo of {action}"
            effects.append(Effect(calls[action].service, what, undoing[entry.path], label))
    return effects


def compare(journal: Sequence[Effect], ledgers: Sequence[Effect]) -> list[Comparison]:
    """Match every effect of the journal with one of the ledgers, and list what is left over."""
    left = list(ledgers)
    lines: list[Comparison] = []
    for effect in journal:
        found = next((other for other in left if other == effect), None)
        if found is not None:
            left.remove(found)
        lines.append(Comparison(effect, found))
    return lines + [Comparison(None, effect) for effect in left]
