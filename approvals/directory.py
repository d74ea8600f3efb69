"""Who is who and who belongs to what, as far as deciding needs to know.

Pure.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NoReturn, Protocol

from approvals.clause import Clause, groups_of, people_of
from approvals.errors import DirectoryError
from approvals.names import ANYONE, GROUP_MARK, SLACK_MARK, fault_of_name
from approvals.parties import Parties
from approvals.principal import Principal
from approvals.requirement import Approval

__all__ = [
    "Directory",
    "LiveGroups",
    "OperatingSystemDirectory",
    "as_known",
    "as_of_now",
    "check_reachable",
    "electorate",
    "vetoers",
]


class Directory(Protocol):
    """Identifies people and knows their groups.

    Rights are asked for at every decision, never remembered: an adapter answers with what is so
    now, or with a snapshot whose age it bounds.
    """

    @property
    def source(self) -> str:
        """Where the knowledge comes from, for messages: a path, a service."""
        ...

    def principal(self, operating_system_user: str) -> Principal | None:
        """Identify the person logged in to the machine as this user, or None."""
        ...

    def authenticate(self, name: str, token: str) -> Principal | None:
        """Identify the person of this name by their token, or None."""
        ...

    def identified(self, claim: str, value: str) -> Principal | None:
        """Identify the one person of whom a provider of log-ins says this, or None.

        Args:
            claim: `sub`, `email` or `slack`; or `slack-email`: the address that Slack confirms, of
                somebody for whom the directory has no Slack id.
        """
        ...

    def members(self, group: str) -> frozenset[str]:
        """The people in a group, by name; nobody is in a group that is not known.

        Raises:
            DirectoryUnavailable: That cannot be told now.
        """
        ...

    def groups_of(self, name: str) -> frozenset[str] | None:
        """The groups a person is in, or None where the person is not known.

        Groups whose members cannot be told now are left out: `members` says that of each.
        """
        ...


class LiveGroups(Protocol):
    """Groups whose members somebody else keeps, who has to be asked: ``@slack:S0123``."""

    def over(self, directory: Directory) -> Directory:
        """A directory with these groups beside its own."""
        ...

    def watch(self, groups: Iterable[str]) -> None:
        """Have `keep` ask for these groups from now on; others are left out."""
        ...

    async def refresh(self, groups: Iterable[str]) -> None:
        """Ask who is in these groups now; others are left out.

        Args:
            groups: Names with or without the mark of a group.

        Raises:
            DirectoryUnavailable: That is not told.
        """
        ...

    async def keep(self) -> NoReturn:
        """Ask again and again for every group that is watched; until it is cancelled."""
        ...


def as_of_now(person: Principal, directory: Directory | None) -> Principal:
    """A person who was identified before, in the live groups that they are in now.

    Args:
        directory: One that knows those groups; None where nobody can tell, so that they are in none.
    """
    known = frozenset[str]() if directory is None else directory.groups_of(person.name)
    live = {group for group in known or () if group.startswith(SLACK_MARK)}
    own = {group for group in person.groups if not group.startswith(SLACK_MARK)}
    return replace(person, groups=frozenset(own | live))


@dataclass(frozen=True, slots=True)
class OperatingSystemDirectory:
    """The users of this machine: each is a person of that name, and there are no groups."""

    @property
    def source(self) -> str:
        """Where the knowledge comes from, for messages."""
        return "the operating system's users, who have no groups here"

    def principal(self, operating_system_user: str) -> Principal | None:
        """Identify a user of the machine; a name that requirements cannot name is nobody's."""
        if fault_of_name(operating_system_user) is not None:
            return None
        return Principal(
            name=operating_system_user,
            display=operating_system_user,
            groups=frozenset(),
            evidence=f"operating-system user {operating_system_user}",
        )

    def authenticate(self, name: str, token: str) -> Principal | None:
        """Identify nobody: the operating system keeps no tokens for us."""
        return None

    def identified(self, claim: str, value: str) -> Principal | None:
        """Identify nobody: the operating system knows nothing of other log-ins."""
        return None

    def members(self, group: str) -> frozenset[str]:
        """Return nobody: there are no groups."""
        return frozenset()

    def groups_of(self, name: str) -> frozenset[str]:
        """Return no group: every user may exist, and none is in a group."""
        return frozenset()


def as_known(parties: Parties, directory: Directory) -> Parties:
    """Name those for whom a saga acts as the directory does, where it knows them by their log-in.

    A saga may have been started where the directory was not at hand, in the name of a user of the
    machine; that user is kept from deciding under the name that the directory has for them too.
    """

    def name_of(name: str) -> str:
        person = None if directory.groups_of(name) is not None else directory.principal(name)
        return name if person is None else person.name

    def maybe(name: str | None) -> str | None:
        return None if name is None else name_of(name)

    return Parties(
        starter=name_of(parties.starter),
        requester=maybe(parties.requester),
        agent=maybe(parties.agent),
        owner=maybe(parties.owner),
    )


_NO_MEMBERS = "add members there, or name other approvers"
_NO_GROUPS = (
    "name a directory that has the group: --directory FILE or SAGAS_DIRECTORY "
    "(connect(directory=...))"
)


def electorate(
    approval: Approval, directory: Directory, *, parties: Parties | None = None
) -> tuple[str, ...]:
    """List who may decide when a gate opens, sorted; nobody in particular where anyone may.

    Args:
        approval: The requirement.
        directory: Who is who.
        parties: For whom the saga acts; left out where the requirement keeps them from deciding.
    """
    if approval.open_to_anyone:
        return ()
    kept_out = parties.names if parties is not None and approval.separate else frozenset[str]()
    people = {name for clause in approval.clauses for name in _known(clause, directory)}
    return tuple(sorted(people - kept_out))


def vetoers(approval: Approval, directory: Directory, *, parties: Parties) -> tuple[str, ...]:
    """List who may reject alone when a gate opens and may not approve; sorted.

    Nobody where anyone may approve, and `anyone` alone where anyone may veto.
    """
    if approval.open_to_anyone:
        return ()
    if ANYONE in approval.veto:
        return (ANYONE,)
    kept_out = parties.names if approval.separate else frozenset[str]()
    approvers = electorate(approval, directory)
    return tuple(sorted(_people(approval.veto, directory) - kept_out - set(approvers)))


def check_reachable(
    approval: Approval, directory: Directory, parties: Parties, *, editor: str | None = None
) -> None:
    """Check, when a gate is to open or to be edited, that enough people exist who could decide.

    Each clause has to be met, and one person may count in several; so each is checked alone.

    Raises:
        DirectoryError: A group is empty, a person is not known, or too few people remain.
    """
    for clause in approval.clauses:
        if not clause.open_to_anyone:
            _check_known(clause, directory)
            kept_out = parties if approval.separate else None
            _check_quorum(clause, directory, kept_out, editor)


def _known(clause: Clause, directory: Directory) -> frozenset[str]:
    """The people of a clause who exist, once its gate opens."""
    return _people(clause.by, directory)


def _people(names: Iterable[str], directory: Directory) -> frozenset[str]:
    """The people of these names and groups who exist."""
    named = tuple(names)
    people = {name for name in people_of(named) if directory.groups_of(name) is not None}
    return frozenset(people).union(*(directory.members(group) for group in groups_of(named)))


def _check_known(clause: Clause, directory: Directory) -> None:
    for group in groups_of(clause.by):
        if not directory.members(group):
            mend = _NO_GROUPS if isinstance(directory, OperatingSystemDirectory) else _NO_MEMBERS
            raise DirectoryError(
                f"the group {GROUP_MARK}{group} has no members in {directory.source}; {mend}"
            )
    for name in people_of(clause.by):
        if directory.groups_of(name) is None:
            raise DirectoryError(
                f"the approver {name} is not known in {directory.source}; add them there, or name "
                "other approvers"
            )


def _check_quorum(
    clause: Clause, directory: Directory, kept_out: Parties | None, editor: str | None
) -> None:
    names = kept_out.names if kept_out else frozenset[str]()
    eligible = _known(clause, directory) - names - {editor or ""}
    if len(eligible) >= clause.quorum:
        return
    excluded = f", without those for whom it acts ({kept_out.describe()})" if kept_out else ""
    excluded += f", without {editor}, who makes the edit" if editor else ""
    raise DirectoryError(
        f"{clause.quorum} approvals are needed, and {', '.join(clause.by)} stand for "
        f"{len(eligible)} in {directory.source}{excluded}; add people there, or lower the quorum"
    )
