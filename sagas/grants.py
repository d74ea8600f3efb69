"""Who decides, and what they give beforehand: standing rules and delegations."""

from collections.abc import Callable, Sequence
from contextlib import suppress

from approvals import Directory, Gate, Principal
from approvals.delegation import Delegation
from approvals.directory import LiveGroups, as_of_now
from approvals.errors import DirectoryUnavailable
from approvals.requirement import groups_named
from approvals.rule import StandingRule
from approvals.wording import cut
from sagas import acting, granting
from sagas.driving.environment import Handlers
from sagas.errors import Refused
from sagas.granting import Tried
from sagas.model import micros
from sagas.ports import Clock, Store
from sagas.reader import Reader
from sagas.rights import Acting

ON_OUR_WORD = "the program's word"
"""How somebody was identified whom nobody has asked."""


class Grants(Reader):
    """Knows people, and keeps what they give beforehand.

    Args:
        user: Who this process acts for, where a call does not say.
        groups: Those of the directory whose members somebody else keeps.
    """

    def __init__(
        self,
        store: Store,
        handlers: Handlers,
        *,
        clock: Clock,
        directory: Callable[[], Directory],
        user: str,
        groups: LiveGroups | None = None,
    ) -> None:
        super().__init__(store, handlers, clock)
        self._directory = directory
        self._user = user
        self._groups = groups

    def principal(self, name: str | None = None) -> Principal:
        """A person of the directory, on this program's word.

        Raises:
            Refused: The directory does not know them.
        """
        directory = self._directory()
        wanted = name or self._user
        groups = directory.groups_of(wanted)
        if groups is None:
            raise Refused(f"{wanted} is not known in {directory.source}")
        return Principal(name=wanted, display=wanted, groups=groups, evidence=ON_OUR_WORD)

    @property
    def directory(self) -> Directory:
        """Who is who, as of now."""
        return self._directory()

    async def acting_for(self, person: Principal, /) -> list[Acting]:
        """Those who have asked somebody to decide for them now, with the rights they have now."""
        found: list[Acting] = []
        for each in await self.store.delegated_to(person.name, at=micros(self._clock.now())):
            with suppress(Refused):  # whoever has left has no right to be used
                found.append(Acting(each, self.principal(each.delegator)))
        return found

    def identify(self, claim: str, value: str) -> Principal:
        """The person of the directory of whom a provider of log-ins says this.

        Args:
            claim: `sub`, `email` or `slack`.

        Raises:
            Refused: The directory has nobody of whom that is so.
        """
        directory = self._directory()
        found = directory.identified(claim, value)
        if found is None:
            raise Refused(
                f"nobody in {directory.source} has the {claim} {cut(value, 200)}: ask for "
                f"it to be added there, as {claim} of a user"
            )
        return found

    async def _ask_about(self, gates: Sequence[Gate]) -> None:
        """Have it told who is in the live groups that decide at these gates.

        Raises:
            DirectoryUnavailable: It is not told.
        """
        wanted = {group for gate in gates for group in groups_named(gate.policy)}
        if self._groups is not None and wanted:
            await self._groups.refresh(wanted)

    async def in_live_groups(self, person: Principal, gates: Sequence[Gate]) -> Principal:
        """A person in the live groups that they are in, as was told lately.

        For saying what they may do at these gates; whatever they decide asks anew.
        """
        if self._groups is None:
            return person
        if not self._is_told(gates):
            with suppress(DirectoryUnavailable):
                await self._ask_about(gates)
        return as_of_now(person, self._directory())

    def _is_told(self, gates: Sequence[Gate]) -> bool:
        """Whether it is known who decides at these gates."""
        directory = self._directory()
        try:
            for group in {group for gate in gates for group in groups_named(gate.policy)}:
                directory.members(group)
        except DirectoryUnavailable:
            return False
        return True

    # --- standing rules -----------------------------------------------------------------------

    async def try_rule(self, rule: StandingRule, /, *, last: int = 20) -> Sequence[Tried]:
        """What a rule would have allowed of the last gates of its action, the oldest first.

        Args:
            rule: From `approvals.standing_rule`; it need not be made yet.
            last: How many gates are looked at.
        """
        return await granting.try_out(self.store, rule, self._directory(), last=last)

    async def create_rule(self, rule: StandingRule, /, *, by: Principal) -> StandingRule:
        """Make a standing rule, as the approval of an identified person.

        No name is taken for a person here: whoever gives an approval beforehand has logged in.

        Args:
            rule: From `approvals.standing_rule`; its grantor is whoever was identified.
            by: Who gives it.

        Raises:
            Refused: They could not approve such a call alone; or it needs a budget.
            ApprovalDefinitionError: Its limits are not right from now on.
        """
        if by.evidence == ON_OUR_WORD:
            raise Refused(
                f"nobody has seen that it is {by.name} who gives this approval: log in, or use "
                "`sagas rules create`"
            )
        await self._ask_about(
            await self.store.gates_of_action(rule.action, limit=granting.LOOKED_AT)
            if self._groups is not None
            else ()
        )
        now = self._clock.now()
        return await granting.create(self.store, rule, self._directory(), by=by, now=now)

    async def revoke_rule(self, rule: str, /, *, by: Principal, reason: str) -> StandingRule:
        """Let a standing rule allow nothing more; approvals it gave that were not used yet are void.

        Raises:
            Refused: There is none of that id, or it was revoked before.
        """
        now = self._clock.now()
        return await granting.revoke(self.store, rule, by=by, reason=reason, now=now)

    # --- delegations --------------------------------------------------------------------------

    async def delegate(self, delegation: Delegation, /, *, by: Principal) -> Delegation:
        """Let somebody else decide for an identified person, who is away.

        Args:
            delegation: From `approvals.delegation.delegation`; it is from whoever was identified.
            by: Whose right it is.

        Raises:
            Refused: Nobody has identified them, the directory does not know the other person, or
                it would close a circle.
            ApprovalDefinitionError: It is over, or lasts too long.
        """
        if by.evidence == ON_OUR_WORD:
            raise Refused(
                f"nobody has seen that it is {by.name} who delegates: log in, or use "
                "`sagas delegate`"
            )
        now = self._clock.now()
        return await acting.create(self.store, delegation, self._directory(), by=by, now=now)

    async def undelegate(self, delegation: str, /, *, by: Principal) -> Delegation:
        """Take a delegation back, or give it back; votes that were given with it stay.

        Raises:
            Refused: They have none of that id, or it was revoked before.
        """
        return await acting.revoke(self.store, delegation, by=by, now=self._clock.now())
