"""Plays the code blocks of a Markdown page in a directory of their own.

A `python` or `ini` block is a file, named by its `title="..."`. With `title="FILE, changed"` its
definitions replace those of the same names in that file, a new one goes in front of the one that follows it, and its
imports go on top: what a reader does by hand. In a `console` block each line after `$ ` is run, and what it prints
is compared with what follows it; a line `...` stands for any lines.

What differs between two runs (ids, instants, durations, the user's name, where lines break) is not
compared. An id that a command printed is used where the page uses the one that it shows.
"""

import ast
import getpass
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

READER = "ana"
"""Whom the pages show."""

_BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_TITLE = re.compile(r'title="([^"]*)"')
_ID = re.compile(r"\b[gi]-[0-9a-z]{12}\b")
_ELISION = "..."
_VARYING = (
    (re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "INSTANT"),
    (re.compile(r"\b[0-9a-f]{12,64}\b"), "HEX"),
    # with its day where that is not today's
    (re.compile(r"\b(?:\d{4}-\d\d-\d\d )?\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?: UTC)?"), "TIME"),
    (re.compile(r"\b\d{4}-\d\d-\d\d(?:,? UTC)?"), "DATE"),
    (re.compile(r"\b\d+\.\d+s\b"), "SPAN"),
    (re.compile(r"(?:<?\b\d+(?:\.\d+)? (?:ms|s|min|h)\b ?)+"), "SPAN "),
    (re.compile(r"([=_])\1\1+"), r"\1\1\1"),  # as wide as the terminal
    (re.compile(r"\s+"), " "),
)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of code."""

    language: str
    title: str | None
    text: str


def blocks(page: str) -> Iterator[Block]:
    """The fenced blocks of a page that are played."""
    for language, info, text in _BLOCK.findall(page):
        if language in ("python", "ini", "console"):
            title = _TITLE.search(info)
            yield Block(language, title[1] if title else None, text)


@dataclass(frozen=True, slots=True)
class Command:
    """A command of a page, and what it is shown to print."""

    line: str
    output: str


def commands(text: str) -> list[Command]:
    """The commands of a `console` block."""
    parts = re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]
    found: list[Command] = []
    for part in parts:
        line, _, output = part.partition("\n")
        while line.endswith("\\"):
            more, _, output = output.partition("\n")
            line = line[:-1] + more
        found.append(Command(line, output))
    return found


def alike(text: str) -> str:
    """The text without what differs between two runs."""
    for pattern, name in _VARYING:
        text = pattern.sub(name, text)
    return text.strip()


def compare(shown: str, printed: str) -> dict[str, str] | None:
    """The ids that a command printed, by those that the page shows; None if it printed other text."""
    parts = re.split(rf"^{re.escape(_ELISION)}$", shown, flags=re.MULTILINE)
    pattern = " ?.*? ?".join(_pattern(alike(part)) for part in parts)
    found = re.fullmatch(pattern, alike(printed))
    return None if found is None else dict(zip(_ID.findall(shown), found.groups(), strict=True))


def _pattern(part: str) -> str:
    """A pattern for this text, with a group for each id in it."""
    texts, ids = _ID.split(part), _ID.findall(part)
    groups = [f"({name[:2]}[0-9a-z]{{12}})" for name in ids] + [""]
    return "".join(re.escape(text) + group for text, group in zip(texts, groups, strict=True))


@dataclass(slots=True)
class Walkthrough:
    """One page being played."""

    directory: Path
    ids: dict[str, str] = field(default_factory=dict[str, str])

    def play(self, page: str, *, untitled: str | None = None) -> None:
        """Play every block, in order.

        Args:
            untitled: The file that a `python` block without a title is; None leaves it out.
        """
        for block in blocks(page):
            if block.language == "console":
                for command in commands(block.text):
                    self.run(command)
            elif (title := block.title or untitled) is not None:
                self.write(title, block.text)

    def write(self, title: str, text: str) -> None:
        """Make or change a file."""
        name, _, changed = title.partition(", ")
        path = self.directory / name
        path.write_text(change(path.read_text(), text) if changed else text)

    def run(self, command: Command) -> None:
        """Run a command, and compare what it prints."""
        line = _ID.sub(lambda found: self.ids[found[0]], command.line)
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=self.directory,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        killed = done.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL)
        # What a shell in a terminal says of such an end; one without a terminal says nothing.
        printed = done.stdout + ("Killed\n" if killed and "Killed" not in done.stdout else "")
        printed = re.sub(rf"\b{re.escape(getpass.getuser())}\b", READER, printed)
        ids = compare(command.output, printed)
        assert ids is not None, f"$ {command.line}\nshown:\n{command.output}\nprinted:\n{printed}"
        self.ids |= ids

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SAGAS_")}
        programs = Path(sys.executable).parent
        return kept | {"PATH": f"{programs}:{os.environ['PATH']}", "COLUMNS": "100"}


def change(source: str, edit: str) -> str:
    """The source with the definitions and imports of an edit."""
    following = ""
    for statement in reversed(ast.parse(edit).body):
        text = _segment(edit, statement)
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            source = source if text in source else text + source
            continue
        known = _definition(source, _name(statement))
        source = (
            source.replace(known, text)
            if known
            else source.replace(following, f"{text}\n\n{following}")
        )
        following = text
    return source


def _definition(source: str, name: str | None) -> str | None:
    """The text of the definition of a name, if there is one."""
    places = (place for place in ast.parse(source).body if _name(place) == name)
    return next((_segment(source, place) for place in places), None)


def _name(statement: ast.stmt) -> str | None:
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return statement.name
    return None


def _segment(source: str, statement: ast.stmt) -> str:
    """A statement's lines, its decorators included."""
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    first = min([statement.lineno, *(decorator.lineno for decorator in decorators)])
    lines = source.splitlines(keepends=True)[first - 1 : statement.end_lineno]
    return "".join(lines).rstrip("\n") + "\n"
