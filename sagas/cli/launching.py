"""From what was typed to an exit code.

With SAGAS_DEBUG set, the traceback of an error is shown instead of one line about it.
"""

import os
import sys
from collections.abc import Sequence

from typer import Abort, Exit

from sagas.cli.app import app
from sagas.cli.failing import INTERRUPTED, complain, explain


def guarded(arguments: Sequence[str] | None) -> int:
    """Run the command line and turn whatever is raised into an exit code."""
    debugging = bool(os.environ.get("SAGAS_DEBUG"))
    try:
        return _run(arguments)
    except Exit as exit_:
        return exit_.exit_code
    except (Abort, KeyboardInterrupt):
        complain("interrupted")
        return INTERRUPTED
    except Exception as error:
        if debugging:
            raise
        return explain(error)


def _run(arguments: Sequence[str] | None) -> int:
    given = list(sys.argv[1:] if arguments is None else arguments)
    result: object = app(given or ["--help"], prog_name="sagas", standalone_mode=False)
    return result if isinstance(result, int) else 0
