"""The browser that the pages are tested with: Debian's Chromium, headless, found or installed.

`python -m tests.chromium` makes sure that a later run of the tests finds it.
"""

import os
import shutil
from pathlib import Path

from tests import apt

VARIABLE = "SAGAS_TEST_CHROMIUM"
"""Environment variable with the path of another Chromium."""

_NAMES = ("chromium", "chromium-browser", "google-chrome")


def find() -> Path | None:
    """The program, or None where there is none."""
    if given := os.environ.get(VARIABLE):
        return Path(given)
    found = next((place for name in _NAMES if (place := shutil.which(name))), None)
    return None if found is None else Path(found)


def provide() -> str:
    """Make sure that a browser can be found, and say in one sentence where."""
    if found := find() or _installed_by_apt():
        return f"the tests of the pages use {found}"
    return (
        "no Chromium could be found or installed: the tests of the pages will fail; install "
        f"Debian's package chromium, or name a program in {VARIABLE}"
    )


def _installed_by_apt() -> Path | None:
    return find() if apt.install("chromium") else None


if __name__ == "__main__":
    print(provide())
