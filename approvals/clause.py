"""One part of a requirement: so many of these people, and who is added when nobody decides.

A requirement with several clauses needs all of them; one person may count in each. The ladder's
rungs add approvers as time goes by, and never lower the quorum. Who is admitted follows from the
clause and from how long the gate has been open, so that an escalation is nothing that happens, and
cannot be lost. Pure.
"""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import timedelta

from approvals.errors import ApprovalDefinitionError
from approvals.names import ANYONE, GROUP_MARK, fault_of_name
from approvals.wording import duration

__all__ = ["Clause", "Rung", "check_names"]


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Rung:
    """Who may decide too, once a gate has been open for a time.

    Raises:
        ApprovalDefinitionError: It adds nobody, or does so before the gate opens.
    """

    after: timedelta
    """How long after the gate has opened."""
    to: tuple[str, ...]
    """The people and groups who are added; sorted."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "to", tuple(sorted(self.to)))
        check_names(self.to)
        if self.after <= timedelta(0):
            raise ApprovalDefinitionError(
                "an escalation comes after the gate has opened; give a positive timedelta, or "
                "name these approvers in by="
            )


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Clause:
    """So many of these people have to approve.

    Raises:
        ApprovalDefinitionError: Nobody is named, a name cannot be right, or the quorum cannot
            be met.
    """

    by: tuple[str, ...]
    """Who may decide: people (``ana``), groups (``@travel-desk``) or ``anyone``; sorted."""
    quorum: int = 1
    """How many different people have to approve."""
    ladder: tuple[Rung, ...] = ()
    """Who is added when nobody decides; the earliest first."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "by", tuple(sorted(self.by)))
        object.__setattr__(self, "ladder", tuple(sorted(self.ladder)))
        check_names(self.by)
        _check_quorum(self)

    @property
    def open_to_anyone(self) -> bool:
        """Whether every identified person may decide."""
        return ANYONE in self.by

    def names(self, waited: timedelta) -> tuple[str, ...]:
        """Everyone named by now, sorted, once each."""
        added = (name for rung in self.ladder if rung.after <= waited for name in rung.to)
        return tuple(sorted({*self.by, *added}))

    def admits(self, name: str, groups: Collection[str], waited: timedelta) -> bool:
        """Whether a person of this name, in these groups, may decide by now.

        Args:
            name: The person.
            groups: Without the mark.
            waited: How long the gate has been open.
        """
        return names_person(self.names(waited), name, groups)

    def describe(self) -> str:
        """Word the clause for people: ``2 of @desk``."""
        if self.open_to_anyone:
            who = ANYONE if self.quorum == 1 else f"any {self.quorum} people"
        else:
            who = f"{self.quorum} of {', '.join(self.by)}"
        later = (
            f", after {duration(rung.after)} also {', '.join(rung.to)}" for rung in self.ladder
        )
        return who + "".join(later)


def names_person(named: Iterable[str], name: str, groups: Collection[str]) -> bool:
    """Whether one of these names is this person's, one of their groups', or everyone's."""
    return any(
        each in (ANYONE, name)
        if not each.startswith(GROUP_MARK)
        else each.removeprefix(GROUP_MARK) in groups
        for each in named
    )


def people_of(named: Iterable[str]) -> tuple[str, ...]:
    """The people among these names, without those who are named through a group."""
    return tuple(name for name in named if not name.startswith(GROUP_MARK) and name != ANYONE)


def groups_of(named: Iterable[str]) -> tuple[str, ...]:
    """The groups among these names, without the mark."""
    return tuple(name.removeprefix(GROUP_MARK) for name in named if name.startswith(GROUP_MARK))


def check_names(names: tuple[str, ...]) -> None:
    """Refuse names that could be nobody's, or would be read twice.

    Raises:
        ApprovalDefinitionError: The message says which, and what to write.
    """
    if not names:
        raise ApprovalDefinitionError(
            'the approval names nobody; write by="@group", by="name" or by="anyone"'
        )
    for name in names:
        _check_name(name)
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ApprovalDefinitionError(
            f"the approval names {', '.join(twice)} more than once; name everyone once"
        )
    if ANYONE in names and len(names) > 1:
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


def _check_quorum(clause: Clause) -> None:
    if clause.quorum < 1:
        raise ApprovalDefinitionError(
            f"a quorum of {clause.quorum} would approve without a person; ask for 1 or more, or "
            "write waived(reason=...)"
        )
    only_people = len(people_of(clause.by)) == len(clause.by)
    if only_people and clause.quorum > len(clause.by):
        raise ApprovalDefinitionError(
            f"a quorum of {clause.quorum} cannot be met by {', '.join(clause.by)}; name more "
            "people, or lower it"
        )
