"""What a failure looks like: one line on standard error and an exit code, never a traceback.

A mistake of whoever typed the command exits with 2, everything else with 1.
"""

import sys

from typer.exceptions import TyperException

from approvals.errors import ApprovalError
from approvals.wording import visible
from compensations.errors import CompensationError
from reversibility.errors import ReversibilityError
from sagas.errors import Conflict, Corrupt, LeaseLost, SagaError

OURS = (SagaError, ApprovalError, CompensationError, ReversibilityError)
NOT_THE_USERS = (Conflict, Corrupt, LeaseLost)

ERROR, USAGE, INTERRUPTED = 1, 2, 130


class Mistake(SagaError):
    """A command that cannot be carried out as it was typed; the message says what to do."""


def explain(error: Exception) -> int:
    """Tell an error in one line, and return the exit code that goes with it."""
    if isinstance(error, TyperException):
        complain(_usage(error))
        return USAGE
    if isinstance(error, OURS):
        complain(str(error))
        return ERROR if isinstance(error, NOT_THE_USERS) else USAGE
    name = type(error).__name__
    complain(f"{name}: {error} (this is not expected; SAGAS_DEBUG=1 shows the traceback)")
    return ERROR


def complain(message: str) -> None:
    """Write one line on standard error, with nothing in it that a terminal would obey."""
    print(f"sagas: {visible(' '.join(message.split()))}", file=sys.stderr)


def _usage(error: TyperException) -> str:
    """What typer says about the arguments, and where help is."""
    format_message = getattr(error, "format_message", None)
    message = str(format_message() if format_message else error).strip() or "this is not complete"
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "sagas"
    return f"{message.rstrip('.')}: see `{command} --help`"
