"""What can go wrong about approvals.

::

    ApprovalError
    ├─ ApprovalDefinitionError   the requirement as written cannot be right
    ├─ GateMismatch              a gate would say something else than what it is about
    ├─ PolicyUnreadable          a stored requirement is not one this version understands
    ├─ DirectoryError            who is who cannot be told, or too few people could decide
    │   └─ DirectoryUnavailable  it cannot be told now, and may be soon
    └─ ChannelDefinitionError    channels or routes as written cannot be right

Pure.
"""

__all__ = [
    "ApprovalDefinitionError",
    "ApprovalError",
    "ChannelDefinitionError",
    "DirectoryError",
    "DirectoryUnavailable",
    "GateMismatch",
    "PolicyUnreadable",
]


class ApprovalError(Exception):
    """Something about an approval is not right; the root of this package's errors."""


class ApprovalDefinitionError(ApprovalError):
    """The requirement as written cannot be right; raised where it is written, not when it runs."""


class GateMismatch(ApprovalError):
    """A gate would say something else than what it is about."""


class PolicyUnreadable(ApprovalError):
    """A stored requirement is not one this version understands."""


class DirectoryError(ApprovalError):
    """Who is who cannot be told, or too few people could decide."""


class DirectoryUnavailable(DirectoryError):
    """Who is who cannot be told now, and may be soon: neither a yes nor a no."""


class ChannelDefinitionError(ApprovalError):
    """Channels or routes as written cannot be right; raised where they are read."""
