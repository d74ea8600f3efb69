"""What differs between the databases' SQL: a few named fragments.

Pure.
"""

from dataclasses import dataclass, field

_SAGA = (
    "id, name, version, input_digest, starter, status, reason, head, head_hash, owner, control, "
    "folded, wake_at, created_at, updated_at, deaths"
)
_ENTRY = "saga_id, seq, kind, version, written_at, body, payload, hash"
_REQUEST = (
    "id, kind, ref, actor, reason, state, made_at, payload, valid_until, identified_by, channel"
)
_QUESTION = (
    "id, saga_id, path, kind, question, evidence, choices, wants_result, state, opened_at, choice, "
    "actor, reason, closed_at, identified_by, channel"
)
_GATE = (
    "id, saga_id, path, direction, generation, revision, action, action_version, arguments, policy, "
    "digest, parties, state, opened_at, deadline, decided_at, decided_by, reason, valid_until, "
    "eligible, stakes, because, editor, vetoers, voted, aftermath"
)
_REVISION = "gate_id, number, arguments, digest, stakes, actor, reason, made_at"
_REFUSED_EDIT = (
    "principal, reason, channel, made_at, revision, member_of, evidence, digest, arguments_hash, "
    "refusal"
)
_DELIVERY = (
    "id, saga_id, subject, channel, target, saying, level, rest, state, attempts, next_at, says, "
    "receipt, error, made_at, changed_at, for_whom, round_up"
)
_DRILL = "drill_id, action, version, digest, result, detail, runs, sandbox, actor, drilled_at"
_VOTE = (
    "principal, kind, reason, channel, cast_at, revision, member_of, evidence, digest, seen, refusal, "
    "acting_for, acting_groups, delegation"
)
_RULE = (
    "id, action, action_version, conditions, agent, requester, grantor, evidence, reason, made_at, "
    "until, uses, budget, revoked_at, revoked_by, revoked_because, "
    "(select count(*) from rule_use where rule_use.rule_id = standing_rule.id), "
    "(select cast(coalesce(sum(rule_use.units), 0) as bigint) from rule_use"
    " where rule_use.rule_id = standing_rule.id)"
)

_DELEGATION = (
    "id, delegator, delegate, begins, until, actions, reason, evidence, made_at, revoked_at, "
    "revoked_by"
)

_LOCK = "id, key, saga_id, path, since, held, until, woken"

COLUMNS = {
    "saga": _SAGA,
    "entry": _ENTRY,
    "request": _REQUEST,
    "question": _QUESTION,
    "gate": _GATE,
    "vote": _VOTE,
    "revision": _REVISION,
    "refused_edit": _REFUSED_EDIT,
    "drill": _DRILL,
    "delivery": _DELIVERY,
    "rule": _RULE,
    "delegation": _DELEGATION,
    "lock": _LOCK,
}


@dataclass(frozen=True, slots=True)
class Dialect:
    """One database's fragments.

    Attributes:
        for_share: Locks the rows that a select returns against changes by others.
        for_update: Locks them against changes and locks by others.
        skip_locked: The same, but leaves out rows that somebody else has locked.
        elements: The function that turns a JSON array of texts into rows with a column `value`.
        clock: The database's own clock, read when the statement runs, in microseconds since 1970.
        alone: A call that waits for every transaction that has made it.
        lease_clock: What leases are measured with, in microseconds: it need not tell the time.
    """

    for_share: str
    for_update: str
    skip_locked: str
    elements: str
    clock: str
    lease_clock: str
    alone: str
    _rendered: dict[str, str] = field(
        default_factory=dict[str, str], init=False, repr=False, compare=False
    )

    def render(self, statement: str) -> str:
        """The statement's text for this database."""
        text = self._rendered.get(statement)
        if text is None:
            text = self._rendered[statement] = statement.format_map(self._fragments())
        return text

    def _fragments(self) -> dict[str, str]:
        return COLUMNS | {
            "for_share": self.for_share,
            "for_update": self.for_update,
            "skip_locked": self.skip_locked,
            "elements": self.elements,
            "clock": self.clock,
            "lease_clock": self.lease_clock,
            "alone": self.alone,
        }


UPTIME = "sagas_uptime"
"""A function that connections to SQLite bring along: no step of the host's clock moves it."""

SQLITE = Dialect(
    for_share="",  # one writer at a time: BEGIN IMMEDIATE locks everything
    for_update="",
    skip_locked="",
    elements="json_each",
    clock="cast((julianday('now') - 2440587.5) * 86400000000 as integer)",
    lease_clock=f"{UPTIME}()",
    alone="1",
)

POSTGRES = Dialect(
    for_share="for share",
    # Waits for `for share` as any change does, but lets foreign keys be checked meanwhile.
    for_update="for no key update",
    skip_locked="for no key update skip locked",
    elements="json_array_elements_text",
    clock="cast(extract(epoch from clock_timestamp()) * 1000000 as bigint)",
    lease_clock="cast(extract(epoch from clock_timestamp()) * 1000000 as bigint)",
    # Any number will do that nobody else in the database uses.
    alone="pg_advisory_xact_lock(7308047441)",
)
