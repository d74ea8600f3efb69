"""What has to be allowed by people before an action runs: by whom, how many, and until when.

Requirements compose: ``one & other`` asks for everything that either asks for, and never for less.
So a policy can only tighten what an author wrote, and a gate stands as long as
``asked & wanted_now == asked``. Pure.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict

from approvals.clause import Clause, Rung, check_names, groups_of, names_person, people_of
from approvals.errors import ApprovalDefinitionError
from approvals.storing import reading
from approvals.wording import duration

__all__ = ["Approval", "Waiver", "approval", "waived"]

LONGEST = timedelta(days=3660)
"""How long a gate may wait, and an approval hold: what ends later than calendars do never opens."""

_MICROSECOND = timedelta(microseconds=1)
_VERSION_LENGTH = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """What has to be allowed by people before an action runs.

    Raises:
        ApprovalDefinitionError: The requirement cannot be right.
    """

    clauses: tuple[Clause, ...]
    """All of them have to be met; sorted, and one for the same people and ladder."""
    within: timedelta
    """How long a gate waits for a decision; after that it has expired. Silence never approves."""
    valid_for: timedelta = timedelta(hours=24)
    """How long an approval may wait to be used; after that it has lapsed."""
    rejections: int = 1
    """How many different people have to reject."""
    veto: tuple[str, ...] = ()
    """Whose single rejection is enough, whether or not they may approve; sorted."""
    separate: bool = False
    """Whether those for whom the saga acts are kept from deciding."""
    reason_required: bool = False
    """Whether a decision has to come with a reason."""
    remind: tuple[timedelta, ...] = ()
    """How long after the opening those who can decide are told again; the earliest first."""
    pinned: tuple[str, ...] = ()
    """The arguments that an edit may not change: ``to``, ``order.amount``; sorted."""
    intent: tuple[str, ...] = ()
    """The arguments that make it the same request again; sorted. None stands for all."""
    policies: tuple[str, ...] = ()
    """The policies that asked for a part of it, so that people know why; sorted."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "clauses", _merged(self.clauses))
        object.__setattr__(self, "remind", tuple(sorted(set(self.remind))))
        for field in ("veto", "pinned", "intent", "policies"):
            object.__setattr__(self, field, tuple(sorted(set(getattr(self, field)))))
        if not self.clauses:
            raise ApprovalDefinitionError("the requirement has no clause; name approvers with by=")
        if self.veto:
            check_names(self.veto)
        _check_rejections(self.rejections)
        _check_durations(self)

    def __and__(self, other: "Approval") -> "Approval":
        """Ask for everything that either asks for.

        The shorter wait and validity hold, the fewer rejections reject, and everything that keeps
        people or arguments out is kept. With two lists of arguments that make a request the same,
        those in both do, because fewer of them recognize more.
        """
        return Approval(
            clauses=(*self.clauses, *other.clauses),
            within=min(self.within, other.within),
            valid_for=min(self.valid_for, other.valid_for),
            rejections=min(self.rejections, other.rejections),
            veto=(*self.veto, *other.veto),
            separate=self.separate or other.separate,
            reason_required=self.reason_required or other.reason_required,
            remind=(*self.remind, *other.remind),
            pinned=(*self.pinned, *other.pinned),
            intent=_fewer(self.intent, other.intent),
            policies=(*self.policies, *other.policies),
        )

    @property
    def open_to_anyone(self) -> bool:
        """Whether every identified person may decide."""
        return any(clause.open_to_anyone for clause in self.clauses)

    @property
    def quorum(self) -> int:
        """How many different people have to approve, at least."""
        return max(clause.quorum for clause in self.clauses)

    @property
    def version(self) -> str:
        """The policy version: a digest of everything that was asked for."""
        return hashlib.sha256(self.to_json().encode("ascii")).hexdigest()[:_VERSION_LENGTH]

    @property
    def rungs(self) -> tuple[timedelta, ...]:
        """When approvers are added, after the opening; the earliest first."""
        return tuple(sorted({rung.after for clause in self.clauses for rung in clause.ladder}))

    def names(self, waited: timedelta) -> tuple[str, ...]:
        """Everyone who may approve, by the names they are asked under; sorted."""
        return tuple(sorted({name for clause in self.clauses for name in clause.names(waited)}))

    def may_approve(self, name: str, groups: Collection[str], waited: timedelta) -> bool:
        """Whether this person's approval counts in a clause by now.

        Args:
            name: The person.
            groups: Without the mark.
            waited: How long the gate has been open.
        """
        return any(clause.admits(name, groups, waited) for clause in self.clauses)

    def may_veto(self, name: str, groups: Collection[str]) -> bool:
        """Whether this person's rejection is enough alone."""
        return names_person(self.veto, name, groups)

    def describe(self) -> str:
        """Word the requirement for people: ``1 of @travel-desk within 4 h``."""
        who = " and ".join(clause.describe() for clause in self.clauses)
        return f"{who} within {duration(self.within)}" + "".join(
            f", {words}" for words in self._further()
        )

    def _further(self) -> Iterable[str]:
        if self.rejections > 1:
            yield f"rejected by {self.rejections} of them"
        if self.veto:
            yield f"{', '.join(self.veto)} can veto"
        if self.separate:
            yield "nobody for whom the saga acts"
        if self.reason_required:
            yield "with a reason"
        if self.policies:
            yield f"because of the policy {' and of '.join(self.policies)}"

    def to_json(self) -> str:
        """Write the requirement as canonical JSON: equal requirements give equal text."""
        form = {
            "clauses": [_clause_form(clause) for clause in self.clauses],
            "form": 2,
            "intent": self.intent,
            "pinned": self.pinned,
            "policies": self.policies,
            "reason_required": self.reason_required,
            "rejections": self.rejections,
            "remind_us": [wait // _MICROSECOND for wait in self.remind],
            "separate": self.separate,
            "valid_for_us": self.valid_for // _MICROSECOND,
            "veto": self.veto,
            "within_us": self.within // _MICROSECOND,
        }
        return json.dumps(form, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "Approval":
        """Read what `to_json` wrote.

        Raises:
            PolicyUnreadable: The text is not such a requirement.
        """
        with reading("the stored requirement"):
            return _Stored.model_validate_json(text).requirement()


def _clause_form(clause: Clause) -> object:
    ladder = [{"after_us": rung.after // _MICROSECOND, "to": rung.to} for rung in clause.ladder]
    return {"by": clause.by, "ladder": ladder, "quorum": clause.quorum}


class _Form(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class _StoredRung(_Form):
    after_us: int
    to: tuple[str, ...]


class _StoredClause(_Form):
    by: tuple[str, ...]
    ladder: tuple[_StoredRung, ...]
    quorum: int

    def clause(self) -> Clause:
        ladder = tuple(Rung(after=rung.after_us * _MICROSECOND, to=rung.to) for rung in self.ladder)
        return Clause(by=self.by, quorum=self.quorum, ladder=ladder)


class _Stored(_Form):
    clauses: tuple[_StoredClause, ...]
    form: Literal[2]
    intent: tuple[str, ...]
    pinned: tuple[str, ...]
    policies: tuple[str, ...]
    reason_required: bool
    rejections: int
    remind_us: tuple[int, ...]
    separate: bool
    valid_for_us: int
    veto: tuple[str, ...]
    within_us: int

    def requirement(self) -> Approval:
        return Approval(
            clauses=tuple(stored.clause() for stored in self.clauses),
            within=self.within_us * _MICROSECOND,
            valid_for=self.valid_for_us * _MICROSECOND,
            rejections=self.rejections,
            veto=self.veto,
            separate=self.separate,
            reason_required=self.reason_required,
            remind=tuple(wait * _MICROSECOND for wait in self.remind_us),
            pinned=self.pinned,
            intent=self.intent,
            policies=self.policies,
        )


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


def approval(  # noqa: PLR0913 (a keyword for each thing that can be asked for)
    *,
    by: str | Sequence[str],
    within: timedelta,
    quorum: int = 1,
    valid_for: timedelta = timedelta(hours=24),
    rejections: int = 1,
    veto: str | Sequence[str] = (),
    separate: bool = False,
    reason_required: bool = False,
    remind: timedelta | Sequence[timedelta] = (),
    escalate: Mapping[timedelta, str | Sequence[str]] | None = None,
    pinned: str | Sequence[str] = (),
    intent: str | Sequence[str] = (),
) -> Approval:
    """Ask for an approval. Two of them, joined with ``&``, ask for both.

    Args:
        by: Who may decide: a person (``"ana"``), a group (``"@travel-desk"``), several of
            them, or ``"anyone"`` for every identified person.
        within: How long to wait for a decision. Silence never approves.
        quorum: How many different people have to approve.
        valid_for: How long an approval may wait to be used.
        rejections: How many different people have to reject.
        veto: Whose single rejection is enough, whether or not they may approve.
        separate: Keep those for whom the saga acts from deciding: who started it, who asked for
            it, the agent and its owner.
        reason_required: Refuse a decision without a reason.
        remind: When to tell them again, after the gate has opened.
        escalate: Who may decide too, after a time: ``{timedelta(hours=1): "@leads"}``.
        pinned: The arguments that an approver's edit may not change: ``"to"``,
            ``"order.amount"``.
        intent: The arguments by which a request that was rejected is recognized when it comes
            again; all of them if left out.

    Raises:
        ApprovalDefinitionError: The requirement cannot be right.
    """
    ladder = tuple(Rung(after=after, to=_names(to)) for after, to in (escalate or {}).items())
    asked = Approval(
        clauses=(Clause(by=_names(by), quorum=quorum, ladder=ladder),),
        within=within,
        valid_for=valid_for,
        rejections=rejections,
        veto=_names(veto),
        separate=separate,
        reason_required=reason_required,
        remind=(remind,) if isinstance(remind, timedelta) else tuple(remind),
        pinned=_names(pinned),
        intent=_names(intent),
    )
    _check_in_time(asked)
    return asked


def waived(*, reason: str) -> Waiver:
    """Let an action run without the approval its class asks for.

    Raises:
        ApprovalDefinitionError: The reason is blank.
    """
    return Waiver(reason)


def people_asked(approval: Approval, waited: timedelta) -> tuple[str, ...]:
    """The people named by now, without those who are named through a group."""
    return people_of(approval.names(waited))


def groups_asked(approval: Approval, waited: timedelta) -> tuple[str, ...]:
    """The groups named by now, without the mark."""
    return groups_of(approval.names(waited))


def groups_named(approval: Approval) -> frozenset[str]:
    """Every group that has a say at any time, to approve or to veto, without the mark."""
    return frozenset(groups_of((*approval.names(approval.within), *approval.veto)))


def _names(given: str | Sequence[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _merged(clauses: Iterable[Clause]) -> tuple[Clause, ...]:
    """One clause for the same people and ladder, with the larger quorum."""
    largest: dict[object, Clause] = {}
    for clause in sorted(clauses):
        largest[clause.by, clause.ladder] = clause
    return tuple(sorted(largest.values()))


def _fewer(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    if not one or not other:
        return one or other
    return tuple(set(one) & set(other)) or min(one, other)


def _check_rejections(rejections: int) -> None:
    if rejections < 1:
        raise ApprovalDefinitionError(
            f"{rejections} rejections would reject without a person; ask for 1 or more"
        )


def _check_durations(asked: Approval) -> None:
    for field, length in (("within", asked.within), ("valid_for", asked.valid_for)):
        if length <= timedelta(0):
            raise ApprovalDefinitionError(
                f"{field} is {length.total_seconds():g} s, which is over before it begins; give "
                "a positive timedelta"
            )
        if length > LONGEST:
            raise ApprovalDefinitionError(
                f"{field} is {length.days} days, which is too long; give {LONGEST.days} days at most"
            )


def _check_in_time(asked: Approval) -> None:
    """What comes after the deadline would never come."""
    for what, waits in (("a reminder", asked.remind), ("an escalation", asked.rungs)):
        for wait in waits:
            if not timedelta(0) < wait < asked.within:
                raise ApprovalDefinitionError(
                    f"{what} after {duration(abs(wait))} does not fall into the "
                    f"{duration(asked.within)} in which the gate is open; let it come sooner, or "
                    "lengthen within="
                )
