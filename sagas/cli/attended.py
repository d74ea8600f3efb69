"""One command of `sagas` that ends when its standard input does: `python -m sagas.cli.attended ...`.

Whoever starts it holds the other end of that pipe. When they die, even by SIGKILL, the kernel
closes the pipe and the command is asked to stop: nothing is left behind.

Touches: standard input, this process's signals.
"""

import os
import signal
import sys
import threading


def main() -> int:
    """Run what was typed after the module's name."""
    from sagas.cli.launching import guarded

    threading.Thread(target=_watch, daemon=True).start()
    return guarded(sys.argv[1:])


def _watch() -> None:
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
