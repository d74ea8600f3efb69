"""What an action's author asks for: who may allow it, how many of them, and until when.

Pure.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from approvals.errors import ApprovalDefinitionError, PolicyUnreadable
from approvals.names import ANYONE, GROUP_MARK, fault_of_name
from approvals.wording import duration

__all__ = ["Approval", "Waiver", "approval", "waived"]

_MICROSECOND = timedelta(microseconds=1)
_VERSION_LENGTH = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """What has to be allowed by people before an action runs.

    Raises:
        ApprovalDefinitionError: The requirement cannot be right.
    """

    by: tuple[str, ...]
    """Who may decide: people (``ana``), groups (``@travel-desk``) or ``anyone``; sorted."""
    within: timedelta
    """How long a gate waits for a decision; after that it has expired."""
    quorum: int = 1
    """How many different people have to approve. One rejection is enough to reject."""
    valid_for: timedelta = timedelta(hours=24)
    """How long an approval may wait to be used; after that it has lapsed."""
    separate: bool = False
    """Whether the person who started the saga is kept from deciding."""
    reason_required: bool = False
    """Whether a decision has to come with a reason."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "by", tuple(sorted(self.by)))
        _check_names(self.by)
        _check_quorum(self)
        _check_durations(self)

    @property
    def open_to_anyone(self) -> bool:
        """Whether every identified person may decide."""
        return ANYONE in self.by

    @property
    def people(self) -> tuple[str, ...]:
        """The people named, without those who are named through a group."""
        return tuple(n for n in self.by if not n.startswith(GROUP_MARK) and n != ANYONE)

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups named, without the mark."""
        return tuple(n.removeprefix(GROUP_MARK) for n in self.by if n.startswith(GROUP_MARK))

    @property
    def version(self) -> str:
        """The policy version: a digest of everything that was asked for."""
        return hashlib.sha256(self.to_json().encode("ascii")).hexdigest()[:_VERSION_LENGTH]

    def admits(self, name: str, groups: Collection[str]) -> bool:
        """Whether a person of this name, in these groups, is among those who may decide."""
        return (
            self.open_to_anyone
            or name in self.people
            or any(group in self.groups for group in groups)
        )

    def describe(self) -> str:
        """Word the requirement for people: ``1 of @travel-desk within 4 h``."""
        separate = ", not who started the saga" if self.separate else ""
        reason = ", with a reason" if self.reason_required else ""
        return f"{self._who()} within {duration(self.within)}{separate}{reason}"

    def _who(self) -> str:
        if not self.open_to_anyone:
            return f"{self.quorum} of {', '.join(self.by)}"
        return ANYONE if self.quorum == 1 else f"any {self.quorum} people"

    def to_json(self) -> str:
        """Write the requirement as canonical JSON: equal requirements give equal text."""
        form = {
            "by": self.by,
            "form": 1,
            "quorum": self.quorum,
            "reason_required": self.reason_required,
            "separate": self.separate,
            "valid_for_us": self.valid_for // _MICROSECOND,
            "within_us": self.within // _MICROSECOND,
        }
        return json.dumps(form, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "Approval":
        """Read what `to_json` wrote.

        Raises:
            PolicyUnreadable: The text is not such a requirement.
        """
        try:
            stored = _Stored.model_validate_json(text)
            return cls(
                by=stored.by,
                within=stored.within_us * _MICROSECOND,
                quorum=stored.quorum,
                valid_for=stored.valid_for_us * _MICROSECOND,
                separate=stored.separate,
                reason_required=stored.reason_required,
            )
        except (ValidationError, ApprovalDefinitionError, OverflowError) as error:
            raise PolicyUnreadable(
                f"the stored requirement cannot be read ({error}); if a newer version wrote it, "
                "upgrade this installation"
            ) from error


class _Stored(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    form: Literal[1]
    by: tuple[str, ...]
    within_us: int
    quorum: int
    valid_for_us: int
    separate: bool
    reason_required: bool


@dataclass(frozen=True, slots=True)
class Waiver:
    """The author's word that an action needs no approval, and why."""

    reason: str
    """Shown by lint and in the audit."""

    def __post_init__(self) -> None:
        if not self.reason.strip():
            raise ApprovalDefinitionError(
                "an approval is waived without a reason; write waived(reason=...) for those who "
                "read the audit"
            )


def approval(
    *,
    by: str | Sequence[str],
    within: timedelta,
    quorum: int = 1,
    valid_for: timedelta = timedelta(hours=24),
    separate: bool = False,
    reason_required: bool = False,
) -> Approval:
    """Ask for an approval.

    Args:
        by: Who may decide: a person (``"ana"``), a group (``"@travel-desk"``), several of
            them, or ``"anyone"`` for every identified person.
        within: How long to wait for a decision. Silence never approves.
        quorum: How many different people have to approve. One rejection is enough to reject.
        valid_for: How long an approval may wait to be used.
        separate: Keep the person who started the saga from deciding.
        reason_required: Refuse a decision without a reason.

    Raises:
        ApprovalDefinitionError: The requirement cannot be right.
    """
    return Approval(
        by=(by,) if isinstance(by, str) else tuple(by),
        within=within,
        quorum=quorum,
        valid_for=valid_for,
        separate=separate,
        reason_required=reason_required,
    )


def waived(*, reason: str) -> Waiver:
    """Let an action run without the approval its class asks for.

    Raises:
        ApprovalDefinitionError: The reason is blank.
    """
    return Waiver(reason)


def _check_names(by: tuple[str, ...]) -> None:
    if not by:
        raise ApprovalDefinitionError(
            'the approval names nobody; write by="@group", by="name" or by="anyone"'
        )
    for name in by:
        _check_name(name)
    twice = [name for name, count in Counter(by).items() if count > 1]
    if twice:
        raise ApprovalDefinitionError(
            f"the approval names {', '.join(twice)} more than once; name everyone once"
        )
    if ANYONE in by and len(by) > 1:
        raise ApprovalDefinitionError(
            f'the approval names "{ANYONE}" beside others; write by="{ANYONE}" alone, or leave '
            "it out"
        )


def _check_name(name: str) -> None:
    if name == ANYONE:
        return
    fault = fault_of_name(name.removeprefix(GROUP_MARK))
    if fault is not None:
        raise ApprovalDefinitionError(
            f'the approval names {name!r}, which {fault}; write "name" for a person and '
            '"@name" for a group'
        )


def _check_quorum(asked: Approval) -> None:
    if asked.quorum < 1:
        raise ApprovalDefinitionError(
            f"a quorum of {asked.quorum} would approve without a person; ask for 1 or more, or "
            "write waived(reason=...)"
        )
    only_people = len(asked.people) == len(asked.by)
    if only_people and asked.quorum > len(asked.people):
        raise ApprovalDefinitionError(
            f"a quorum of {asked.quorum} cannot be met by {', '.join(asked.by)}; name more "
            "people, or lower it"
        )


def _check_durations(asked: Approval) -> None:
    for field, length in (("within", asked.within), ("valid_for", asked.valid_for)):
        if length <= timedelta(0):
            raise ApprovalDefinitionError(
                f"{field} is {length.total_seconds():g} s, which is over before it begins; give "
                "a positive timedelta"
            )
