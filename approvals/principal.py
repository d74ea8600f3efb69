"""A person who has been identified, and how.

Pure.
"""

from dataclasses import dataclass

from approvals.errors import DirectoryError
from approvals.names import fault_of_name

__all__ = ["Principal"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """A person as a directory vouches for them.

    Raises:
        DirectoryError: The name could be taken for a group's, for everyone's or for nobody's.
    """

    name: str
    """The name by which requirements name this person."""
    display: str
    """How the person is shown to others; decides nothing."""
    groups: frozenset[str]
    """The groups the person was in when identified, without the mark."""
    evidence: str
    """How the person was identified: ``operating-system user ana``, ``token of ana``."""

    def __post_init__(self) -> None:
        fault = fault_of_name(self.name)
        if fault is not None:
            raise DirectoryError(
                f"{self.name!r} cannot be the name of a person: it {fault}; give the person "
                "another name in the directory"
            )
