"""Reading back what was stored as text. Pure."""

from collections.abc import Generator
from contextlib import contextmanager

from approvals.errors import ApprovalDefinitionError, PolicyUnreadable

__all__ = ["reading"]


@contextmanager
def reading(what: str) -> Generator[None]:
    """Say what to do where a stored text is not what it should be.

    Args:
        what: What the text is, to begin a sentence with.

    Raises:
        PolicyUnreadable: Whatever it stands for could not be made of it.
    """
    try:
        yield
    except (ApprovalDefinitionError, OverflowError, ValueError) as error:
        raise PolicyUnreadable(
            f"{what} cannot be read ({error}); if a newer version wrote it, upgrade this installation"
        ) from error
