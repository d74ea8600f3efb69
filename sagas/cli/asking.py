"""A question to whoever sits at this terminal: what was typed before it was shown answers nothing."""

import asyncio
import os
import sys
import termios
from collections.abc import Generator
from contextlib import contextmanager

LONGEST = 4096


def is_here() -> bool:
    """Whether somebody can be asked: a terminal to read from and one to write to."""
    return sys.stdin.isatty() and sys.stdout.isatty()


class Prompt:
    """Asks for lines.

    It reads from the terminal itself, not through `sys.stdin`, which may hold what came earlier.
    """

    def __init__(self) -> None:
        self._terminal = sys.stdin.fileno()
        self._lines: asyncio.Queue[str] = asyncio.Queue()
        self._typed = b""

    @contextmanager
    def listening(self) -> Generator[None]:
        """Take what is typed while this lasts."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self._terminal, self._read)
        try:
            yield
        finally:
            loop.remove_reader(self._terminal)

    def ask(self, question: str) -> None:
        """Forget what has been typed so far, then ask."""
        termios.tcflush(self._terminal, termios.TCIFLUSH)
        self._typed = b""
        while not self._lines.empty():
            self._lines.get_nowait()
        print(question, end="", flush=True)

    async def line(self, seconds: float) -> str:
        """The next line that is typed, with its end; empty once nothing can be typed any more.

        Raises:
            TimeoutError: Nothing was typed for so long.
        """
        return await asyncio.wait_for(self._lines.get(), seconds)

    def _read(self) -> None:
        try:
            found = os.read(self._terminal, LONGEST)
        except OSError:  # the terminal is gone
            found = b""
        if not found:
            asyncio.get_running_loop().remove_reader(self._terminal)
            self._lines.put_nowait("")
        *lines, self._typed = (self._typed + found).split(b"\n")
        for line in lines:
            self._lines.put_nowait(f"{line.decode(errors='replace')}\n")
