"""Words that may not be what they look like: letters of several scripts, text from right to left.

A word is what stands between blanks. Scripts that are written together in one language may meet
in a word, as the "highly restrictive" level of Unicode Technical Standard 39 has it; the script of
a letter is the first word of its name. Pure.
"""

import re
from collections.abc import Iterator
from unicodedata import bidirectional, name

from approvals.wording import cut

__all__ = ["warnings_of"]

_WORD = re.compile(r"\S+")
_TOGETHER = (
    frozenset({"LATIN", "CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA"}),
    frozenset({"LATIN", "CJK", "BOPOMOFO"}),
    frozenset({"LATIN", "CJK", "HANGUL"}),
)
_BORROWED = frozenset({"MICRO", "OHM", "KELVIN", "ANGSTROM", "FEMININE", "MASCULINE", "MODIFIER"})
"""First words of the names of letters that belong to no script of their own."""
_RIGHT_TO_LEFT = frozenset({"R", "AL", "AN"})
_WORD_LIMIT = 60


def warnings_of(text: str) -> Iterator[str]:
    """Say what a reader could be deceived by, one sentence each."""
    if text.isascii():
        return
    for word in dict.fromkeys(_WORD.findall(text)):
        scripts = _scripts(word)
        if len(scripts) > 1 and not any(scripts.keys() <= known for known in _TOGETHER):
            yield f'"{cut(word, _WORD_LIMIT)}" mixes letters that may look alike: {_listed(scripts)}'
    if any(bidirectional(character) in _RIGHT_TO_LEFT for character in text):
        yield "it has letters written from right to left: its parts may be shown in another order"


def _scripts(word: str) -> dict[str, str]:
    """The scripts of a word's letters, each with its first letter."""
    found: dict[str, str] = {}
    for character in word:
        script = _script(character)
        if script is not None:
            found.setdefault(script, character)
    return found


def _script(character: str) -> str | None:
    if not character.isalpha():
        return None
    first = name(character, "UNNAMED").partition(" ")[0]
    return None if first in _BORROWED else first


def _listed(scripts: dict[str, str]) -> str:
    return ", ".join(
        f"{script.capitalize()} {letter} (U+{ord(letter):04X})"
        for script, letter in scripts.items()
    )
