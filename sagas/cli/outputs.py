"""What is written into a file: at once or not at all, and for its owner alone."""

import os
import secrets
from pathlib import Path

from sagas.cli.failing import Mistake

OURS_ALONE = 0o600


def replace(path: Path, content: bytes) -> None:
    """Put a file of this content in the place of what is there.

    It is written beside its place and then renamed, so that nobody sees half of it, and a symbolic
    link in its place is replaced: what it points to is left alone.

    Raises:
        Mistake: The file cannot be written.
    """
    try:
        _check(path)
        beside = path.with_name(f".sagas-{secrets.token_hex(8)}")
        try:
            _create(beside, content)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise Mistake(f"{path} cannot be written ({error.strerror}): name another file") from None


def _check(path: Path) -> None:
    """Refuse a place in which no file can be, before anything is made."""
    if not path.parent.is_dir():
        raise Mistake(f"{path} cannot be written: there is no directory {path.parent}; make it")
    if path.exists() and not path.is_file():
        raise Mistake(f"{path} cannot be written: it is there and is no file; name another one")


def _create(path: Path, content: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, OURS_ALONE), "wb") as file:
        file.write(content)
