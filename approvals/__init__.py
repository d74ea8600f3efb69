"""Who may allow an action, and what became of the question.

A *gate* asks people whether one action may run with exactly these arguments. `approval` says whom
to ask, a `Directory` who they are, `cast` what a vote brings about, `present` what they see. The
package decides and words; keeping gates and waiting at them is its caller's business.
"""

from approvals.directory import Directory, OperatingSystemDirectory
from approvals.errors import ApprovalDefinitionError, ApprovalError, DirectoryError
from approvals.gate import Gate, GateState, open_gate
from approvals.presentation import Presentation, present
from approvals.principal import Principal
from approvals.quorum import Ruling, Vote, VoteKind, cast
from approvals.redaction import Sensitive
from approvals.requirement import Approval, Waiver, approval, waived
from approvals.subject import GateSubject
from approvals.toml_directory import TomlDirectory

__all__ = [
    "Approval",
    "ApprovalDefinitionError",
    "ApprovalError",
    "Directory",
    "DirectoryError",
    "Gate",
    "GateState",
    "GateSubject",
    "OperatingSystemDirectory",
    "Presentation",
    "Principal",
    "Ruling",
    "Sensitive",
    "TomlDirectory",
    "Vote",
    "VoteKind",
    "Waiver",
    "approval",
    "cast",
    "open_gate",
    "present",
    "waived",
]
