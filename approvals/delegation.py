"""A delegation: somebody decides for somebody else, for a time.

Whoever is away names another person. That person votes under their own name and says for whom; what
counts is the right of whoever is away, as it is at that moment. It is one hop: a right that was
delegated is not delegated further. Pure.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from approvals.errors import ApprovalDefinitionError
from approvals.names import fault_of_name
from approvals.principal import Principal
from approvals.wording import instant, visible

__all__ = ["Delegation", "circle_with", "delegation"]

LONGEST = timedelta(days=30)
"""How long a delegation may last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delegation:
    """Who decides for whom; made by `delegation`. Instants are aware and in UTC.

    Raises:
        ApprovalDefinitionError: It is to oneself, to nobody, without a reason, or for too long.
    """

    id: str
    delegator: str
    """Whose right it is."""
    delegate: str
    """Who may use it too."""
    begins: datetime
    until: datetime
    """From this instant on it gives no right."""
    actions: tuple[str, ...]
    """The full names of the actions it is for; none stands for all. Sorted."""
    reason: str
    evidence: str
    """How the delegator was identified."""
    made_at: datetime
    revoked_at: datetime | None = None
    revoked_by: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "actions", tuple(sorted(set(self.actions))))
        fault = fault_of_name(self.delegate)
        if fault is not None:
            raise ApprovalDefinitionError(f"{self.delegate!r} {fault}; delegate to one person")
        if self.delegate == self.delegator:
            raise ApprovalDefinitionError("nobody delegates to themselves; name somebody else")
        if not self.begins < self.until <= self.begins + LONGEST or self.until <= self.made_at:
            raise ApprovalDefinitionError(
                f"a delegation lasts {LONGEST.days} days at most, and is not over when it is made; "
                "give another end"
            )
        if not self.reason.strip():
            raise ApprovalDefinitionError("a delegation needs a reason; say for example: on leave")

    def gives(self, at: datetime, action: str) -> bool:
        """Whether it gives a right at that instant, about that action."""
        in_time = self.begins <= at < self.until
        return self.revoked_at is None and in_time and (not self.actions or action in self.actions)

    def state(self, now: datetime) -> str:
        """Where it stands, in one word: ``live``, ``to come``, ``over`` or ``revoked``."""
        if self.revoked_at is not None:
            return "revoked"
        if now >= self.until:
            return "over"
        return "live" if now >= self.begins else "to come"

    def describe(self, *, now: datetime) -> str:
        """Word it for people: ``ben decides for ana until 18:00 UTC``."""
        begins = f" from {instant(self.begins, now=now)}" if now < self.begins else ""
        actions = f", about {', '.join(self.actions)}" if self.actions else ""
        until = instant(self.until, now=now)
        return visible(
            f"{self.delegate} decides for {self.delegator}{begins} until {until}{actions}"
        )


def delegation(
    *,
    id: str,  # noqa: A002  (as everywhere else)
    by: Principal,
    to: str,
    now: datetime,
    until: datetime,
    reason: str,
    begins: datetime | None = None,
    actions: str | Iterable[str] = (),
) -> Delegation:
    """Let somebody else decide.

    Args:
        id: Unlike any other delegation's.
        by: Whose right it is: an identified person.
        to: Who may use it too.
        now: When it is made.
        until: When it ends, 30 days after it begins at the latest.
        reason: Shown with it.
        begins: When it begins; now if left out.
        actions: The full names of the actions it is for; all if left out.

    Raises:
        ApprovalDefinitionError: It is to oneself, to nobody, without a reason, or for too long.
    """
    return Delegation(
        id=id,
        delegator=by.name,
        delegate=to,
        begins=begins or now,
        until=until,
        actions=(actions,) if isinstance(actions, str) else tuple(actions),
        reason=reason,
        evidence=by.evidence,
        made_at=now,
    )


def circle_with(made: Delegation, known: Iterable[Delegation]) -> tuple[str, ...] | None:
    """The people in the circle that a delegation would close, or None.

    Args:
        made: The new one.
        known: All that were not revoked; those at other times are of no matter.
    """
    edges = [
        each
        for each in known
        if each.revoked_at is None and each.begins < made.until and made.begins < each.until
    ]
    paths: list[tuple[str, ...]] = [(made.delegator, made.delegate)]
    seen = {made.delegate}
    while paths:
        path = paths.pop()
        for edge in edges:
            if edge.delegator != path[-1]:
                continue
            if edge.delegate == made.delegator:
                return (*path, edge.delegate)
            if edge.delegate not in seen:
                seen.add(edge.delegate)
                paths.append((*path, edge.delegate))
    return None
