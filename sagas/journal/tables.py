"""The tables, and the life of what is in them.

A **saga** is one row: what was started, who drives it, and the status that people see. Its truth is
its **entries**: facts in the order of `seq`, each carrying its predecessor's hash, never changed
and never removed. The row is a projection of them, written in the same transaction.

A **worker** is one incarnation of a process that drives sagas. Its number is the lock token. It
is `alive` until it retires or somebody declares it dead, and never again after that. Every append
locks its own worker's row, shared; so declaring a worker dead waits for what it is writing, and
refuses what it writes afterwards. `saga.owner` names the worker that drives a saga, or nobody.

People and other programs never write entries. They write a **request** and raise `control`, of the
saga and of the worker that owns it, in one transaction. The worker folds requests into entries and
notes in `folded` how far it has come: where `control` and `folded` differ, a request waits. An
append that must not overlook a request compares `worker.control`, whose row it has locked anyway.

`saga.deaths` counts the workers that died while they drove a saga, since it last came further: a
saga that kills whoever drives it must not go round for ever.

A **gate** is one question to people, with a digest over what would run; its `stakes` (class, size,
where it is secret) and `because` (the body's own words) are as its entry has them. Its **votes** are
what each person said; one with a `refusal` counts for nothing. Other arguments that somebody
proposed are a **revision**; the gate asks about the last one, and the first is what it asked at
first. An edit that was refused is a **refused_edit**: who wanted it, and why not, without the
arguments. An **intervention** is a question that only a person can answer. Both are decided by
compare-and-set, so that the first decision wins and everybody else is told.

A **standing_rule** is an approval that a person gave beforehand; only its revocation is ever written
later. A **rule_use** is one call that it allowed, written with that call's intent and never changed:
how often a rule was used and what of its budget is spent is counted from these rows, under a lock on
the rule.

A **delegation** lets one person use another's right for a time. A vote that does so names it, whose
right it used, and the groups that this other person was in.

A **bucket** is one limit, or one key of a limit that is kept by key; its row is nothing but a lock.
Its **permits** are what calls hold of it: a `start` until a period after the call was begun, a
`call` until the call is over. A `turn` is a place in the line of those who wait. Each names who
holds it and until when; past that instant it counts for nothing, whoever has died.

`notify_at` of a gate and of an intervention is since when there may be something to tell people of
it. Whoever opens or moves one, or notes the `aftermath` of a gate, sets it in the same transaction; nothing is told before that is
committed, and nothing that is committed stays untold. A **delivery** is one message to one target:
queued when its subject was announced, and repaired when what it says is no longer so. `holder` is the
worker that has it in hand, and whose death makes it anybody's. Deliveries with one `round_up` are
shown in one message, which was posted under that reference.

A **drill** is one rehearsed do and undo of one action against a sandbox: what code was drilled, and
whether it passed. A newer one does not replace it; the one with the highest number counts.

A **web_session** is one browser that somebody logged in with, and a **login_link** what they may have
logged in by; an **api_token** lets a program act for its owner. Of each only a hash is kept of what is
secret. A **spent_form** is a form of a page that was sent, and is not taken a second time. None of
them says what a person may do: that is asked of the directory each time.

The **journal** has one row: the random id that keeps its keys apart from every other journal's.

Instants are microseconds since 1970 in UTC: what is hashed is what is stored, and no time zone can
come in between. Only `worker.lease_until` is measured by another clock on SQLite, whose processes
share one machine: microseconds of its uptime, which nobody sets. Entries, arguments and payloads are the exact JSON text, never a JSON type, which
would rewrite it. There is no foreign key on `entry`: checking it would lock the saga's row at each
append. Those of its rows that tell of undoing are indexed by their instants, so that an audit finds
what was undone in a period without trusting a row that can be changed.

Least privilege (PostgreSQL): the role that migrates owns the tables and is used for nothing else. A
worker's role, which the page about operating grants what it needs, cannot change or remove an entry
or a vote, nor switch off the triggers that refuse it. With SQLite, whoever may write the file may rewrite it: the chain shows it, nothing prevents it.

These classes describe the schema to the migrations and to whoever wants to read the tables with
SQLModel. The stores do not use them.
"""

from re import sub
from typing import Any, ClassVar

from sqlalchemy import (
    BigInteger,
    Column,
    Identity,
    Index,
    Integer,
    MetaData,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import declared_attr
from sqlmodel import Field, SQLModel

metadata = MetaData()


def _number() -> Any:
    """A primary key that the database gives once and never again."""
    kind = BigInteger().with_variant(Integer(), "sqlite")
    return Field(default=None, sa_column=Column(kind, Identity(always=True), primary_key=True))


def _where(name: str, columns: str, condition: str) -> Index:
    """An index of those rows only for which a condition holds."""
    where = text(condition)
    return Index(name, *columns.split(), sqlite_where=where, postgresql_where=where)


class _Table(SQLModel):
    metadata = metadata

    @declared_attr  # type: ignore[arg-type]  # as SQLModel declares it
    def __tablename__(cls) -> str:  # noqa: N805  # pyright: ignore[reportIncompatibleVariableOverride]
        """The class's name in small letters, its words apart."""
        return sub("(?<=[a-z])(?=[A-Z])", "_", cls.__name__).lower()


class Journal(_Table, table=True):
    """The journal itself: one row."""

    id: str = Field(sa_type=Text, primary_key=True)
    created_at: int = Field(sa_type=BigInteger)


class Worker(_Table, table=True):
    """One incarnation of a process that drives sagas."""

    __table_args__: ClassVar[Any] = (
        _where("worker_alive", "id", "state = 'alive'"),
        {"sqlite_autoincrement": True},
    )

    id: int | None = _number()
    name: str = Field(sa_type=Text)
    host: str = Field(sa_type=Text)
    pid: int = Field(sa_type=BigInteger)
    started: int = Field(sa_type=BigInteger)
    state: str = Field(sa_type=Text)
    control: int = Field(sa_type=BigInteger)
    lease_until: int = Field(sa_type=BigInteger)
    created_at: int = Field(sa_type=BigInteger)


class Saga(_Table, table=True):
    """One saga: what was started, who drives it, and the status that people see."""

    __table_args__: ClassVar[Any] = (
        Index("saga_newest", "created_at", "id"),
        _where("saga_owned", "owner id", "owner is not null"),
        _where(
            "saga_requested",
            "id",
            "owner is null and control <> folded"
            " and status not in ('completed', 'compensated', 'residual')",
        ),
        _where("saga_suspected", "id", "owner is null and deaths > 0"),
        _where(
            "saga_timed",
            "wake_at id",
            "owner is null and status not in ('completed', 'compensated', 'residual')",
        ),
    )

    id: str = Field(sa_type=Text, primary_key=True)
    name: str = Field(sa_type=Text)
    version: int = Field(sa_type=Integer)
    input_digest: str = Field(sa_type=Text)
    starter: str = Field(sa_type=Text)
    status: str = Field(sa_type=Text)
    reason: str | None = Field(default=None, sa_type=Text)
    head: int = Field(sa_type=BigInteger)
    head_hash: str | None = Field(default=None, sa_type=Text)
    owner: int | None = Field(default=None, sa_type=BigInteger, foreign_key="worker.id")
    control: int = Field(sa_type=BigInteger)
    folded: int = Field(sa_type=BigInteger)
    wake_at: int | None = Field(default=None, sa_type=BigInteger)
    created_at: int = Field(sa_type=BigInteger)
    updated_at: int = Field(sa_type=BigInteger)
    deaths: int = Field(sa_type=Integer)


class Entry(_Table, table=True):
    """One fact about one saga; never changed, never removed."""

    __table_args__: ClassVar[Any] = (
        _where(
            "entry_undoing",
            "written_at saga_id seq",
            "kind in ('UnwindBegan', 'RollbackBegan', 'Reopened', 'CompensationIntended',"
            " 'Compensated', 'CompensationFailed', 'InterventionClosed')",
        ),
    )

    saga_id: str = Field(sa_type=Text, primary_key=True)
    seq: int = Field(sa_type=BigInteger, primary_key=True)
    kind: str = Field(sa_type=Text)
    version: int = Field(sa_type=Integer)
    written_at: int = Field(sa_type=BigInteger)
    body: str = Field(sa_type=Text)
    payload: str | None = Field(default=None, sa_type=Text)
    hash: str = Field(sa_type=Text)


class Gate(_Table, table=True):
    """One question to people about one step."""

    __table_args__: ClassVar[Any] = (
        Index("gate_of_saga", "saga_id"),
        Index("gate_opened", "opened_at"),
        _where("gate_open", "opened_at id", "state = 'pending'"),
        _where("gate_notify", "notify_at", "notify_at is not null"),
        Index("gate_of_action", "action", "opened_at"),
    )

    id: str = Field(sa_type=Text, primary_key=True)
    saga_id: str = Field(sa_type=Text, foreign_key="saga.id")
    path: str = Field(sa_type=Text)
    direction: str = Field(sa_type=Text)
    generation: int = Field(sa_type=Integer)
    revision: int = Field(sa_type=Integer)
    action: str = Field(sa_type=Text)
    action_version: int = Field(sa_type=Integer)
    arguments: str = Field(sa_type=Text)
    policy: str = Field(sa_type=Text)
    digest: str = Field(sa_type=Text)
    parties: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    opened_at: int = Field(sa_type=BigInteger)
    deadline: int = Field(sa_type=BigInteger)
    decided_at: int | None = Field(default=None, sa_type=BigInteger)
    decided_by: str | None = Field(default=None, sa_type=Text)
    reason: str | None = Field(default=None, sa_type=Text)
    valid_until: int | None = Field(default=None, sa_type=BigInteger)
    consumed_at: int | None = Field(default=None, sa_type=BigInteger)
    eligible: str = Field(sa_type=Text)
    vetoers: str = Field(sa_type=Text)
    stakes: str = Field(sa_type=Text)
    because: str | None = Field(default=None, sa_type=Text)
    editor: str | None = Field(default=None, sa_type=Text)
    voted: int = Field(sa_type=Integer)
    aftermath: str | None = Field(default=None, sa_type=Text)
    notify_at: int | None = Field(default=None, sa_type=BigInteger)


class Revision(_Table, table=True):
    """One wording of the arguments of a gate that was edited; never changed, never removed."""

    gate_id: str = Field(sa_type=Text, primary_key=True, foreign_key="gate.id")
    number: int = Field(sa_type=Integer, primary_key=True)
    arguments: str = Field(sa_type=Text)
    digest: str = Field(sa_type=Text)
    stakes: str = Field(sa_type=Text)
    actor: str | None = Field(default=None, sa_type=Text)
    reason: str | None = Field(default=None, sa_type=Text)
    made_at: int = Field(sa_type=BigInteger)


class RefusedEdit(_Table, table=True):
    """An edit that changed nothing; never changed, never removed."""

    __table_args__: ClassVar[Any] = (
        Index("refused_edit_of_gate", "gate_id"),
        {"sqlite_autoincrement": True},
    )

    id: int | None = _number()
    gate_id: str = Field(sa_type=Text, foreign_key="gate.id")
    principal: str = Field(sa_type=Text)
    reason: str = Field(sa_type=Text)
    channel: str = Field(sa_type=Text)
    made_at: int = Field(sa_type=BigInteger)
    revision: int = Field(sa_type=Integer)
    member_of: str = Field(sa_type=Text)
    evidence: str = Field(sa_type=Text)
    digest: str | None = Field(default=None, sa_type=Text)
    arguments_hash: str = Field(sa_type=Text)
    refusal: str = Field(sa_type=Text)


class Vote(_Table, table=True):
    """What one person said at a gate, and the rights they had then."""

    __table_args__: ClassVar[Any] = (
        Index("vote_of_gate", "gate_id"),
        Index("vote_cast", "cast_at"),
        Index("vote_of_person", "principal", "id"),
        {"sqlite_autoincrement": True},
    )

    id: int | None = _number()
    gate_id: str = Field(sa_type=Text, foreign_key="gate.id")
    principal: str = Field(sa_type=Text)
    kind: str = Field(sa_type=Text)
    reason: str | None = Field(default=None, sa_type=Text)
    channel: str = Field(sa_type=Text)
    cast_at: int = Field(sa_type=BigInteger)
    revision: int = Field(sa_type=Integer)
    member_of: str = Field(sa_type=Text)
    evidence: str = Field(sa_type=Text)
    digest: str | None = Field(default=None, sa_type=Text)
    seen: str | None = Field(default=None, sa_type=Text)
    refusal: str | None = Field(default=None, sa_type=Text)
    acting_for: str | None = Field(default=None, sa_type=Text)
    acting_groups: str | None = Field(default=None, sa_type=Text)
    delegation: str | None = Field(default=None, sa_type=Text)


class StandingRule(_Table, table=True):
    """An approval that a person gave beforehand, within limits."""

    __table_args__: ClassVar[Any] = (
        Index("standing_rule_newest", "made_at", "id"),
        _where("standing_rule_of_action", "action action_version until", "revoked_at is null"),
    )

    id: str = Field(sa_type=Text, primary_key=True)
    action: str = Field(sa_type=Text)
    action_version: int = Field(sa_type=Integer)
    conditions: str = Field(sa_type=Text)
    agent: str | None = Field(default=None, sa_type=Text)
    requester: str | None = Field(default=None, sa_type=Text)
    grantor: str = Field(sa_type=Text)
    evidence: str = Field(sa_type=Text)
    reason: str = Field(sa_type=Text)
    made_at: int = Field(sa_type=BigInteger)
    until: int = Field(sa_type=BigInteger)
    uses: int = Field(sa_type=Integer)
    budget: str | None = Field(default=None, sa_type=Text)
    units: int | None = Field(default=None, sa_type=BigInteger)
    revoked_at: int | None = Field(default=None, sa_type=BigInteger)
    revoked_by: str | None = Field(default=None, sa_type=Text)
    revoked_because: str | None = Field(default=None, sa_type=Text)


class RuleUse(_Table, table=True):
    """A call that a standing rule allowed; never changed, never removed."""

    __table_args__: ClassVar[Any] = (Index("rule_use_of_rule", "rule_id", "used_at", "gate_id"),)

    gate_id: str = Field(sa_type=Text, foreign_key="gate.id", primary_key=True)
    rule_id: str = Field(sa_type=Text, foreign_key="standing_rule.id")
    saga_id: str = Field(sa_type=Text)
    units: int | None = Field(default=None, sa_type=BigInteger)
    used_at: int = Field(sa_type=BigInteger)


class Delegation(_Table, table=True):
    """Who decides for whom, and until when; never changed but by its revocation."""

    __table_args__: ClassVar[Any] = (
        _where("delegation_to", "delegate until", "revoked_at is null"),
        _where("delegation_from", "delegator until", "revoked_at is null"),
        _where("delegation_until", "until", "revoked_at is null"),
        Index("delegation_newest", "made_at", "id"),
    )

    id: str = Field(sa_type=Text, primary_key=True)
    delegator: str = Field(sa_type=Text)
    delegate: str = Field(sa_type=Text)
    begins: int = Field(sa_type=BigInteger)
    until: int = Field(sa_type=BigInteger)
    actions: str = Field(sa_type=Text)
    reason: str = Field(sa_type=Text)
    evidence: str = Field(sa_type=Text)
    made_at: int = Field(sa_type=BigInteger)
    revoked_at: int | None = Field(default=None, sa_type=BigInteger)
    revoked_by: str | None = Field(default=None, sa_type=Text)


class Intervention(_Table, table=True):
    """A question that only a person can answer: `open`, `answered`, or `closed` as moot."""

    __table_args__: ClassVar[Any] = (
        Index("intervention_of_saga", "saga_id"),
        _where("intervention_open", "opened_at id", "state = 'open'"),
        _where("intervention_notify", "notify_at", "notify_at is not null"),
    )

    id: str = Field(sa_type=Text, primary_key=True)
    saga_id: str = Field(sa_type=Text, foreign_key="saga.id")
    path: str | None = Field(default=None, sa_type=Text)
    kind: str = Field(sa_type=Text)
    question: str = Field(sa_type=Text)
    evidence: str = Field(sa_type=Text)
    choices: str = Field(sa_type=Text)
    wants_result: bool
    state: str = Field(sa_type=Text)
    opened_at: int = Field(sa_type=BigInteger)
    choice: str | None = Field(default=None, sa_type=Text)
    actor: str | None = Field(default=None, sa_type=Text)
    reason: str | None = Field(default=None, sa_type=Text)
    closed_at: int | None = Field(default=None, sa_type=BigInteger)
    identified_by: str | None = Field(default=None, sa_type=Text)
    channel: str | None = Field(default=None, sa_type=Text)
    notify_at: int | None = Field(default=None, sa_type=BigInteger)


class Request(_Table, table=True):
    """What somebody who does not hold the lease wants of a saga."""

    __table_args__: ClassVar[Any] = (
        UniqueConstraint("saga_id", "delivery_key", name="request_once"),
        Index("request_of_saga", "saga_id", "id"),
        {"sqlite_autoincrement": True},
    )

    id: int | None = _number()
    saga_id: str = Field(sa_type=Text, foreign_key="saga.id")
    kind: str = Field(sa_type=Text)
    ref: str = Field(sa_type=Text)
    actor: str = Field(sa_type=Text)
    reason: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    payload: str | None = Field(default=None, sa_type=Text)
    valid_until: int | None = Field(default=None, sa_type=BigInteger)
    made_at: int = Field(sa_type=BigInteger)
    folded: bool
    delivery_key: str | None = Field(default=None, sa_type=Text)
    identified_by: str | None = Field(default=None, sa_type=Text)
    channel: str | None = Field(default=None, sa_type=Text)


class Bucket(_Table, table=True):
    """One limit, or one key of it: whoever holds this row gives and takes its permits."""

    id: str = Field(sa_type=Text, primary_key=True)


class Permit(_Table, table=True):
    """What a call holds of a bucket, or that it waits."""

    __table_args__: ClassVar[Any] = (Index("permit_until", "until"),)

    bucket: str = Field(sa_type=Text, primary_key=True)
    kind: str = Field(sa_type=Text, primary_key=True)
    holder: str = Field(sa_type=Text, primary_key=True)
    start: str = Field(sa_type=Text)
    saga_id: str = Field(sa_type=Text)
    at: int = Field(sa_type=BigInteger)
    until: int = Field(sa_type=BigInteger)


class Lock(_Table, table=True):
    """A key that a saga holds, or waits for. Of a holder the number is the lock token."""

    __table_args__: ClassVar[Any] = (
        Index(
            "lock_held_once",
            "key",
            unique=True,
            sqlite_where=text("held"),
            postgresql_where=text("held"),
        ),
        Index("lock_line", "key", "id"),
        Index("lock_of_saga", "saga_id"),
        {"sqlite_autoincrement": True},
    )

    id: int | None = _number()
    key: str = Field(sa_type=Text)
    saga_id: str = Field(sa_type=Text)
    path: str = Field(sa_type=Text)
    since: int = Field(sa_type=BigInteger)
    held: bool
    until: int | None = Field(default=None, sa_type=BigInteger)
    woken: bool


_WAITING = (
    "saying <> 'reminded' and state not in ('dead', 'lost', 'moot')"
    " and (says = 'open' or substr(says, 1, 8) = 'pending.')"
)
"""First messages that say that somebody is waited for."""


class Delivery(_Table, table=True):
    """One message to one target, about one gate or intervention."""

    __table_args__: ClassVar[Any] = (
        UniqueConstraint("subject", "channel", "target", "saying", "level", name="delivery_once"),
        Index("delivery_of_saga", "saga_id", "id"),
        _where("delivery_due", "channel next_at", "holder is null and next_at is not null"),
        _where("delivery_held", "holder", "holder is not null"),
        _where("delivery_waiting", "channel target id", _WAITING),
        _where("delivery_gathered", "round_up id", "round_up is not null"),
        _where("delivery_gathered_at", "channel target id", "round_up is not null"),
        {"sqlite_autoincrement": True},
    )

    id: int | None = _number()
    saga_id: str = Field(sa_type=Text, foreign_key="saga.id")
    subject: str = Field(sa_type=Text)
    channel: str = Field(sa_type=Text)
    target: str = Field(sa_type=Text)
    saying: str = Field(sa_type=Text)
    level: int = Field(sa_type=Integer)
    rest: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    attempts: int = Field(sa_type=Integer)
    next_at: int | None = Field(default=None, sa_type=BigInteger)
    says: str = Field(sa_type=Text)
    receipt: str | None = Field(default=None, sa_type=Text)
    error: str | None = Field(default=None, sa_type=Text)
    holder: int | None = Field(default=None, sa_type=BigInteger, foreign_key="worker.id")
    made_at: int = Field(sa_type=BigInteger)
    changed_at: int = Field(sa_type=BigInteger)
    for_whom: str = Field(sa_type=Text)
    round_up: str | None = Field(default=None, sa_type=Text)


class Drill(_Table, table=True):
    """What one drill of one action against a sandbox showed; never changed, never removed."""

    __table_args__: ClassVar[Any] = (
        UniqueConstraint("drill_id", name="drill_once"),
        Index("drill_of_action", "action", "version", "id"),
        {"sqlite_autoincrement": True},
    )

    id: int | None = _number()
    drill_id: str = Field(sa_type=Text)
    action: str = Field(sa_type=Text)
    version: int = Field(sa_type=Integer)
    digest: str = Field(sa_type=Text)
    result: str = Field(sa_type=Text)
    detail: str = Field(sa_type=Text)
    runs: int = Field(sa_type=Integer)
    sandbox: str = Field(sa_type=Text)
    actor: str = Field(sa_type=Text)
    drilled_at: int = Field(sa_type=BigInteger)


class WebSession(_Table, table=True):
    """One browser that somebody is logged in with."""

    __tablename__: ClassVar[Any] = "web_session"
    __table_args__: ClassVar[Any] = (Index("web_session_until", "until"),)

    token_hash: str = Field(sa_type=Text, primary_key=True)
    principal: str = Field(sa_type=Text)
    evidence: str = Field(sa_type=Text)
    begun_at: int = Field(sa_type=BigInteger)
    seen_at: int = Field(sa_type=BigInteger)
    until: int = Field(sa_type=BigInteger)


class LoginLink(_Table, table=True):
    """A link that logs somebody in, once; `used_by` is the hash of the session it began."""

    __tablename__: ClassVar[Any] = "login_link"
    __table_args__: ClassVar[Any] = (Index("login_link_until", "until"),)

    token_hash: str = Field(sa_type=Text, primary_key=True)
    principal: str = Field(sa_type=Text)
    evidence: str = Field(sa_type=Text)
    made_at: int = Field(sa_type=BigInteger)
    until: int = Field(sa_type=BigInteger)
    used_by: str | None = Field(default=None, sa_type=Text)


class SpentForm(_Table, table=True):
    """A form that was sent; `spender` tells one sending from another."""

    __tablename__: ClassVar[Any] = "spent_form"
    __table_args__: ClassVar[Any] = (Index("spent_form_until", "until"),)

    form_hash: str = Field(sa_type=Text, primary_key=True)
    spender: str = Field(sa_type=Text)
    until: int = Field(sa_type=BigInteger)


class ApiToken(_Table, table=True):
    """What a program shows to act for its owner; never removed, so that it is known who had one."""

    __tablename__: ClassVar[Any] = "api_token"
    __table_args__: ClassVar[Any] = (
        UniqueConstraint("token_hash", name="api_token_once"),
        Index("api_token_of_owner", "owner", "made_at"),
    )

    id: str = Field(sa_type=Text, primary_key=True)
    token_hash: str = Field(sa_type=Text)
    owner: str = Field(sa_type=Text)
    label: str = Field(sa_type=Text)
    scopes: str = Field(sa_type=Text)
    made_at: int = Field(sa_type=BigInteger)
    until: int = Field(sa_type=BigInteger)
    revoked_at: int | None = Field(default=None, sa_type=BigInteger)
