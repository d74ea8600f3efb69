"""What people see before they decide: what would run, what follows from it, and by when.

Everything is taken from the gate, never from an agent's account of it, which is kept apart and said
to be unverified. Whatever an agent or a user may have worded is made visible, and secrets have
something standing in their place. What does not fit is cut, and what is cut cannot be approved.
Pure.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

from approvals.changes import Change, changes_between
from approvals.deeds import Deed, Fate, closing
from approvals.delegation import Delegation
from approvals.facts import WHOLE, Fact, Facts, Limits, facts_of
from approvals.gate import Gate
from approvals.quorum import Vote, VoteKind, still_needed
from approvals.redaction import Known, Redaction
from approvals.scripts import warnings_of
from approvals.seen import view_digest
from approvals.standing import standing
from approvals.subject import FORWARD
from approvals.wording import duration, instant
from reversibility import Magnitude, Reversibility

__all__ = ["Presentation", "in_words", "present"]

_SHORT_DIGEST = 16
_NAME_LIMIT = 200
_REASON_LIMIT = 500
_TOLD_LIMIT = 1_000
_LIST_LIMIT = 20
_PEOPLE_LIMIT = 10
_WARNING_LIMIT = 10
_PASSING = frozenset({"until", "standing", "is_open", "seen", "whole_at"})
"""What changes by itself while somebody looks, and is no part of the digest of what they saw."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Presentation:
    """A gate as people see it; every text is safe to show on one line."""

    gate_id: str
    title: str
    saga_id: str
    path: str
    requester: str
    """Who started the saga."""
    action: str
    """The action with its version."""
    reversibility: Reversibility
    label: str
    """The class of the action, in a few words."""
    cost: str | None
    """How much it moves, with the currency; None where that is not declared."""
    recipients: str | None
    """How many people it reaches; None where that is not declared."""
    revision: int
    """Which wording of the arguments this is."""
    editor: str | None
    """Who made this revision, and does not vote on it; None as it was asked."""
    edited_because: str | None
    """Why they made it, in their words; None as it was asked."""
    facts: tuple[Fact, ...]
    """The arguments, from their canonical bytes."""
    changes: tuple[Change, ...]
    """What differs from the revision before, where there was one."""
    warnings: tuple[str, ...]
    """What a reader could be deceived by."""
    because: str | None
    """Why it is to run, in words that nobody has verified."""
    complete: bool
    """Whether the facts are all there is; where they are not, it cannot be approved from here."""
    whole_at: str
    """Where all of it can be seen."""
    cannot_undo: str
    """What is past undoing once the action has run."""
    done_so_far: tuple[str, ...]
    """What took effect, or may have, oldest first."""
    on_rejection: str
    """What follows when it is rejected, or nobody decides."""
    undone: tuple[str, ...]
    """What would be undone then, in that order."""
    remains: tuple[str, ...]
    """What would remain then."""
    undoable_until: str | None
    """Until when all of it can be undone, and what is the first that then cannot be; None if no end
    of that is known."""
    who: str
    """Who may decide, and how many of them have to."""
    votes: tuple[str, ...]
    """Who has voted."""
    still_needed: str
    """How many more have to approve."""
    deadline: datetime
    until: str
    """The deadline in words, with what is left of it."""
    at_deadline: str
    """What happens then."""
    standing: str
    """Where the gate stands."""
    afterwards: tuple[str, ...]
    """What became of the action and its saga since it was decided; nothing while it is open."""
    is_open: bool
    """Whether it can still be decided."""
    digest: str
    """What the decision is about: the digest of the subject."""
    short_digest: str
    """The beginning of the digest, to compare by eye across channels."""

    @property
    def may_approve(self) -> bool:
        """Whether a view of this may offer to approve."""
        return self.complete and self.is_open

    @property
    def seen(self) -> str:
        """The digest of all that is shown: a vote carries it, to say what the voter had seen."""
        shown = {name: value for name, value in asdict(self).items() if name not in _PASSING}
        shown["deadline"] = self.deadline.isoformat()
        return view_digest(shown, complete=self.complete)


def in_words(gate: Gate, key: str, former: bytes | None = None) -> Redaction:
    """What hides a gate's secret arguments in what people and bodies say, by their values.

    Arguments are shown by their places alone: nobody hides one by making a secret of the same text.

    Args:
        key: The journal's id, which keys the hashes.
        former: The arguments of the revision before, where there is one.
    """
    redaction = Redaction(key, gate.stakes.sensitive)
    documents = [gate.arguments] if former is None else [gate.arguments, former]
    secrets = (secret for document in documents for secret in redaction.secrets_in(document))
    return replace(redaction, known=Known(secrets))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wording:
    """How the texts of one gate are made safe."""

    redaction: Redaction
    now: datetime
    whole: bool

    def name(self, text: str, limit: int = _NAME_LIMIT) -> str:
        return self.redaction.shown(text, None if self.whole else limit)[0]

    def listed(self, texts: Sequence[str], what: str) -> tuple[str, ...]:
        """The latest of these, and how many there are before them."""
        if self.whole or len(texts) <= _LIST_LIMIT:
            return tuple(texts)
        return (f"[cut: {len(texts) - _LIST_LIMIT} earlier {what}]", *texts[-_LIST_LIMIT:])


def present(  # noqa: PLR0913 (a keyword for each thing that is shown)
    gate: Gate,
    *,
    now: datetime,
    key: str = "",
    done: Sequence[Deed] | None = (),
    undone: Sequence[str] = (),
    expected: str | None = None,
    votes: Sequence[Vote] = (),
    delegations: Sequence[Delegation] = (),
    former: bytes | None = None,
    edited_because: str | None = None,
    reversibility: Reversibility | None = None,
    whole: bool = False,
    whole_at: str | None = None,
    afterwards: Sequence[str] = (),
) -> Presentation:
    """Prepare a gate to be shown.

    Args:
        gate: The gate as it is stored.
        now: The instant at which it is shown; aware.
        key: The journal's id, which keys the hashes of secrets.
        done: What the saga has done so far, oldest first; None if that cannot be told here.
        undone: The names of what a rejection would undo, in that order; by default those of `done`
            that would be, the latest first.
        expected: What undoing them is expected to leave in all, in words.
        votes: What people have said, oldest first; what was refused is not shown.
        delegations: Who decides for whom now, as far as it matters here.
        former: The arguments of the revision before, where there is one.
        edited_because: Why this revision was made, where there is one before it.
        reversibility: The class of the action with these arguments, if not the one stored.
        whole: Cut nothing.
        whole_at: Where all of it can be seen, in words.
        afterwards: What became of the action and its saga; shown once nobody can decide any more.
    """
    is_open = gate.state.is_open and now < gate.deadline
    words = _Wording(redaction=Redaction(key, gate.stakes.sensitive), now=now, whole=whole)
    limits = WHOLE if whole else Limits()
    facts = facts_of(gate.arguments, words.redaction, limits=limits)
    changes, all_changes = _changes(gate, former, words, limits)
    said = replace(words, redaction=in_words(gate, key, former))
    because, all_words = _because(gate, said)
    kind = reversibility or gate.stakes.reversibility
    return Presentation(
        gate_id=gate.id,
        title=_title(gate, words),
        saga_id=words.name(gate.saga_id),
        path=words.name(gate.path),
        requester=words.name(gate.requester),
        action=f"{words.name(gate.action)}, version {gate.action_version}",
        reversibility=kind,
        label=kind.label,
        cost=_cost(gate.stakes.magnitude, words),
        recipients=_recipients(gate.stakes.magnitude),
        revision=gate.revision,
        editor=None if gate.editor is None else words.name(gate.editor),
        edited_because=said.name(edited_because, _REASON_LIMIT) if edited_because else None,
        facts=facts.shown,
        changes=changes,
        warnings=_warnings(gate, facts),
        because=because,
        complete=facts.complete and all_changes and all_words,
        whole_at=whole_at or f"sagas inbox {gate.id}",
        cannot_undo=_CANNOT_UNDO[kind],
        done_so_far=_so_far(done, words),
        on_rejection=_on_rejection(gate, done, expected),
        undone=words.listed(_undone(done or (), undone, words), "steps"),
        remains=words.listed(_remaining(done or (), words), "steps"),
        undoable_until=_undoable_until(done or (), words),
        who=_who(gate, delegations, words),
        votes=words.listed(
            [_vote(vote, gate.revision, words, said) for vote in votes if vote.refusal is None],
            "votes",
        ),
        still_needed=_still_needed(gate, votes),
        deadline=gate.deadline,
        until=_until(gate, now=now),
        at_deadline=_AT_DEADLINE if gate.direction == FORWARD else _AT_DEADLINE_OF_UNDO,
        standing=said.redaction.masked(standing(gate, now=now)),
        afterwards=() if is_open else tuple(said.name(each, _TOLD_LIMIT) for each in afterwards),
        is_open=is_open,
        digest=gate.digest,
        short_digest=gate.digest[:_SHORT_DIGEST],
    )


_CANNOT_UNDO = {
    Reversibility.READ_ONLY: "It changes nothing, so that nothing has to be undone.",
    Reversibility.REVERSIBLE: "Nothing is final: the former state can be restored.",
    Reversibility.COMPENSATABLE: "It can be made up for; what others saw of it stays seen.",
    Reversibility.IRREVERSIBLE: "Once it has begun, it cannot be undone.",
    Reversibility.UNKNOWN: "Nobody has declared how to undo it: take it for final.",
}
_AT_DEADLINE = "Silence never approves: from then on it does not run."
_AT_DEADLINE_OF_UNDO = "Silence never approves: from then on a person has to settle it."
_SAID = {
    VoteKind.APPROVE: "approved",
    VoteKind.REJECT: "rejected",
    VoteKind.WITHDRAW: "withdrew that",
    VoteKind.REVOKE: "revoked the approval",
}
_STAYING = {Fate.REMAINS: "", Fate.ASKED: "a person has to act first"}


def _title(gate: Gate, words: _Wording) -> str:
    purpose = "" if gate.direction == FORWARD else ", to make up for an earlier step"
    return f"May {words.name(gate.action)} run{purpose}?"


def _changes(
    gate: Gate, former: bytes | None, words: _Wording, limits: Limits
) -> tuple[tuple[Change, ...], bool]:
    if former is None:
        return (), True
    return changes_between(former, gate.arguments, words.redaction, limits=limits)


def _because(gate: Gate, words: _Wording) -> tuple[str | None, bool]:
    if gate.because is None:
        return None, True
    return words.redaction.shown(gate.because, None)


def _cost(size: Magnitude | None, words: _Wording) -> str | None:
    if size is None or size.amount is None:
        return None
    return words.name(f"{size.amount} {size.currency}")


def _recipients(size: Magnitude | None) -> str | None:
    if size is None or size.recipients is None:
        return None
    return f"{size.recipients} {'person' if size.recipients == 1 else 'people'}"


def _warnings(gate: Gate, facts: Facts) -> tuple[str, ...]:
    found = [f"{fact.name}: {warning}" for fact in facts.shown for warning in fact.warnings]
    found += [f"the words about why: {warning}" for warning in warnings_of(gate.because or "")]
    more = len(found) - _WARNING_LIMIT
    return (*found[:_WARNING_LIMIT], *([f"and {more} more like these"] if more > 0 else []))


def _so_far(done: Sequence[Deed] | None, words: _Wording) -> tuple[str, ...]:
    if done is None:
        return ("it cannot be told here: a newer version wrote it",)
    return words.listed([_deed(deed, words) for deed in done], "steps")


def _deed(deed: Deed, words: _Wording) -> str:
    doubt = "; nobody knows yet whether it took effect" if deed.is_in_doubt else ""
    until = (
        f"; until {instant(deed.until, now=words.now)}" if deed.until else _until_event(deed, words)
    )
    return f"{words.name(deed.name)}: {deed.reversibility.label}{until}{doubt}"


def _until_event(deed: Deed, words: _Wording) -> str:
    return f"; until the event {words.name(deed.event)}" if deed.event else ""


def _undone(done: Sequence[Deed], order: Sequence[str], words: _Wording) -> list[str]:
    known = {deed.name: deed for deed in done if deed.fate is Fate.UNDONE}
    names = [name for name in order if name in known] if order else list(reversed(known))
    return [_going(known[name], words) for name in names]


def _going(deed: Deed, words: _Wording) -> str:
    leaves = f"; may leave: {words.name(deed.leaves)}" if deed.leaves else ""
    return f"{words.name(deed.name)}{leaves}"


def _remaining(done: Sequence[Deed], words: _Wording) -> list[str]:
    return [
        f"{words.name(deed.name)}: {_STAYING[deed.fate] or deed.reversibility.label}"
        for deed in done
        if deed.fate in _STAYING
    ]


def _on_rejection(gate: Gate, done: Sequence[Deed] | None, expected: str | None) -> str:
    if gate.direction != FORWARD:
        return "It does not run, and a person has to settle the step it was to make up for."
    if done is not None and all(deed.fate is Fate.SETTLED for deed in done):
        return "It does not run; nothing has been done that would have to be undone."
    leaves = f" Undoing is expected to leave, in all: {expected}." if expected else ""
    return f"It does not run; the saga takes another way, or undoes what can be undone.{leaves}"


def _undoable_until(done: Sequence[Deed], words: _Wording) -> str | None:
    """When the first of them is past undoing, and which one that is."""
    limited = [deed for deed in done if deed.fate is Fate.UNDONE]
    first = closing(limited)
    if first is not None and first.until is not None:
        over = " (over)" if first.until <= words.now else ""
        return f"{instant(first.until, now=words.now)}{over}: {words.name(first.name)}"
    waiting = next((deed for deed in limited if deed.event), None)
    if waiting is None:
        return None
    return f"the event {words.name(waiting.event or '')}: {words.name(waiting.name)}"


def _who(gate: Gate, delegations: Sequence[Delegation], words: _Wording) -> str:
    acting = "".join(f"; {each.describe(now=words.now)}" for each in delegations)
    return f"{_asked(gate, words)}{acting}"


def _asked(gate: Gate, words: _Wording) -> str:
    asked = words.name(gate.policy.describe(), 10 * _NAME_LIMIT)
    if not gate.eligible:
        return asked
    limit = len(gate.eligible) if words.whole else _PEOPLE_LIMIT
    people = ", ".join(words.name(person) for person in gate.eligible[:limit])
    more = len(gate.eligible) - limit
    return f"{asked} ({people}{f' and {more} more' if more > 0 else ''})"


def _vote(vote: Vote, revision: int, words: _Wording, because: _Wording) -> str:
    said = _SAID[vote.kind]
    of_old = f" (of revision {vote.revision})" if vote.revision != revision else ""
    reason = f": {because.name(vote.reason, _REASON_LIMIT)}" if vote.reason else ""
    at = instant(vote.at, now=words.now)
    return f"{words.name(vote.voter)} {said} at {at}{of_old}{reason}"


def _still_needed(gate: Gate, votes: Sequence[Vote]) -> str:
    lacking = still_needed(gate, votes)
    return f"still needed: {lacking}" if lacking else "enough people have approved"


def _until(gate: Gate, *, now: datetime) -> str:
    left = gate.deadline - now
    at = instant(gate.deadline, now=now)
    if left <= timedelta(0):
        return f"{at} (over)"
    whole_minutes = left - left % timedelta(minutes=1)
    return f"{at} ({duration(whole_minutes) if whole_minutes else 'less than 1 min'} left)"
