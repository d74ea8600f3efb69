"""The command line: `sagas`, or `python -m sagas.cli`."""

from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Args:
        arguments: What was typed after the program's name; what this process was given if None.
    """
    from sagas.cli.launching import guarded

    return guarded(arguments)
