"""The first schema."""

import secrets
import time
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_NOT_ENDED = "status not in ('completed', 'compensated', 'residual')"
_UNDOING = (
    "kind in ('UnwindBegan', 'RollbackBegan', 'Reopened', 'CompensationIntended',"
    " 'Compensated', 'CompensationFailed', 'InterventionClosed')"
)

_SQLITE_GUARDS = (
    """
    create trigger entry_not_updated before update on entry
    begin select raise(abort, 'entries are never changed'); end
    """,
    """
    create trigger entry_not_deleted before delete on entry
    begin select raise(abort, 'entries are never removed'); end
    """,
    # INSERT OR REPLACE removes a row without telling the triggers above.
    """
    create trigger entry_not_replaced before insert on entry
    when exists (select 1 from entry where saga_id = new.saga_id and seq = new.seq)
    begin select raise(abort, 'this entry is written already'); end
    """,
)

_POSTGRES_GUARDS = (
    """
    create function entry_is_append_only() returns trigger language plpgsql as $$
    begin
        raise exception 'entries are never changed or removed' using errcode = 'OA001';
    end $$
    """,
    """
    create trigger entry_not_changed before update or delete on entry
    for each row execute function entry_is_append_only()
    """,
    """
    create trigger entry_not_truncated before truncate on entry
    for each statement execute function entry_is_append_only()
    """,
    # Ordinary triggers do not fire under session_replication_role = replica.
    "alter table entry enable always trigger entry_not_changed",
    "alter table entry enable always trigger entry_not_truncated",
)


def upgrade() -> None:
    """Make every table."""
    _journal()
    _worker()
    _saga()
    _entry()
    _gate()
    _revision()
    _refused_edit()
    _vote()
    _standing_rule()
    _rule_use()
    _delegation()
    _intervention()
    _request()
    _bucket()
    _permit()
    _lock()
    _drill()
    _web_session()
    _login_link()
    _spent_form()
    _api_token()
    _delivery()
    for guard in _POSTGRES_GUARDS if _is_postgres() else _SQLITE_GUARDS:
        op.execute(guard)
    _name_the_journal()


def _is_postgres() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def _text(name: str, *, nullable: bool = False, **more: Any) -> "sa.Column[str]":
    return sa.Column(name, sa.Text(), nullable=nullable, **more)


def _whole(name: str, *, nullable: bool = False, **more: Any) -> "sa.Column[int]":
    return sa.Column(name, sa.Integer(), nullable=nullable, **more)


def _large(name: str, *, nullable: bool = False, **more: Any) -> "sa.Column[int]":
    return sa.Column(name, sa.BigInteger(), nullable=nullable, **more)


def _number() -> "sa.Column[int]":
    kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column("id", kind, sa.Identity(always=True), primary_key=True)


def _reference(name: str, column: str) -> "sa.Column[str]":
    return sa.Column(name, sa.Text(), sa.ForeignKey(column), nullable=False)


def _index(name: str, table: str, columns: list[str], where: str | None = None) -> None:
    condition = None if where is None else sa.text(where)
    op.create_index(name, table, columns, sqlite_where=condition, postgresql_where=condition)


def _journal() -> None:
    op.create_table("journal", _text("id", primary_key=True), _large("created_at"))


def _worker() -> None:
    op.create_table(
        "worker",
        _number(),
        _text("name"),
        _text("host"),
        _large("pid"),
        _large("started"),
        _text("state"),
        _large("control"),
        _large("lease_until"),
        _large("created_at"),
        sqlite_autoincrement=True,
    )
    _index("worker_alive", "worker", ["id"], "state = 'alive'")


def _saga() -> None:
    op.create_table(
        "saga",
        _text("id", primary_key=True),
        _text("name"),
        _whole("version"),
        _text("input_digest"),
        _text("starter"),
        _text("status"),
        _text("reason", nullable=True),
        _large("head"),
        _text("head_hash", nullable=True),
        sa.Column("owner", sa.BigInteger(), sa.ForeignKey("worker.id"), nullable=True),
        _large("control"),
        _large("folded"),
        _large("wake_at", nullable=True),
        _large("created_at"),
        _large("updated_at"),
        _whole("deaths"),
    )
    _index("saga_newest", "saga", ["created_at", "id"])
    _index("saga_owned", "saga", ["owner", "id"], "owner is not null")
    requested = f"owner is null and control <> folded and {_NOT_ENDED}"
    _index("saga_requested", "saga", ["id"], requested)
    _index("saga_suspected", "saga", ["id"], "owner is null and deaths > 0")
    _index("saga_timed", "saga", ["wake_at", "id"], f"owner is null and {_NOT_ENDED}")


def _entry() -> None:
    op.create_table(
        "entry",
        _text("saga_id", primary_key=True),
        _large("seq", primary_key=True),
        _text("kind"),
        _whole("version"),
        _large("written_at"),
        _text("body"),
        _text("payload", nullable=True),
        _text("hash"),
    )
    _index("entry_undoing", "entry", ["written_at", "saga_id", "seq"], _UNDOING)


def _gate() -> None:
    op.create_table(
        "gate",
        _text("id", primary_key=True),
        _reference("saga_id", "saga.id"),
        _text("path"),
        _text("direction"),
        _whole("generation"),
        _whole("revision"),
        _text("action"),
        _whole("action_version"),
        _text("arguments"),
        _text("policy"),
        _text("digest"),
        _text("parties"),
        _text("state"),
        _large("opened_at"),
        _large("deadline"),
        _large("decided_at", nullable=True),
        _text("decided_by", nullable=True),
        _text("reason", nullable=True),
        _large("valid_until", nullable=True),
        _large("consumed_at", nullable=True),
        _text("eligible"),
        _text("vetoers"),
        _text("stakes"),
        _text("because", nullable=True),
        _text("editor", nullable=True),
        _whole("voted"),
        _text("aftermath", nullable=True),
        _large("notify_at", nullable=True),
    )
    _index("gate_of_saga", "gate", ["saga_id"])
    _index("gate_opened", "gate", ["opened_at"])
    _index("gate_open", "gate", ["opened_at", "id"], "state = 'pending'")
    _index("gate_notify", "gate", ["notify_at"], "notify_at is not null")
    _index("gate_of_action", "gate", ["action", "opened_at"])


def _revision() -> None:
    op.create_table(
        "revision",
        sa.Column("gate_id", sa.Text(), sa.ForeignKey("gate.id"), primary_key=True),
        _whole("number", primary_key=True),
        _text("arguments"),
        _text("digest"),
        _text("stakes"),
        _text("actor", nullable=True),
        _text("reason", nullable=True),
        _large("made_at"),
    )


def _refused_edit() -> None:
    op.create_table(
        "refused_edit",
        _number(),
        _reference("gate_id", "gate.id"),
        _text("principal"),
        _text("reason"),
        _text("channel"),
        _large("made_at"),
        _whole("revision"),
        _text("member_of"),
        _text("evidence"),
        _text("digest", nullable=True),
        _text("arguments_hash"),
        _text("refusal"),
        sqlite_autoincrement=True,
    )
    _index("refused_edit_of_gate", "refused_edit", ["gate_id"])


def _vote() -> None:
    op.create_table(
        "vote",
        _number(),
        _reference("gate_id", "gate.id"),
        _text("principal"),
        _text("kind"),
        _text("reason", nullable=True),
        _text("channel"),
        _large("cast_at"),
        _whole("revision"),
        _text("member_of"),
        _text("evidence"),
        _text("digest", nullable=True),
        _text("seen", nullable=True),
        _text("refusal", nullable=True),
        _text("acting_for", nullable=True),
        _text("acting_groups", nullable=True),
        _text("delegation", nullable=True),
        sqlite_autoincrement=True,
    )
    _index("vote_of_gate", "vote", ["gate_id"])
    _index("vote_cast", "vote", ["cast_at"])
    _index("vote_of_person", "vote", ["principal", "id"])


def _standing_rule() -> None:
    op.create_table(
        "standing_rule",
        _text("id", primary_key=True),
        _text("action"),
        _whole("action_version"),
        _text("conditions"),
        _text("agent", nullable=True),
        _text("requester", nullable=True),
        _text("grantor"),
        _text("evidence"),
        _text("reason"),
        _large("made_at"),
        _large("until"),
        _whole("uses"),
        _text("budget", nullable=True),
        _large("units", nullable=True),
        _large("revoked_at", nullable=True),
        _text("revoked_by", nullable=True),
        _text("revoked_because", nullable=True),
    )
    _index("standing_rule_newest", "standing_rule", ["made_at", "id"])
    columns = ["action", "action_version", "until"]
    _index("standing_rule_of_action", "standing_rule", columns, "revoked_at is null")


def _rule_use() -> None:
    op.create_table(
        "rule_use",
        sa.Column("gate_id", sa.Text(), sa.ForeignKey("gate.id"), primary_key=True),
        _reference("rule_id", "standing_rule.id"),
        _text("saga_id"),
        _large("units", nullable=True),
        _large("used_at"),
    )
    _index("rule_use_of_rule", "rule_use", ["rule_id", "used_at", "gate_id"])


def _delegation() -> None:
    op.create_table(
        "delegation",
        _text("id", primary_key=True),
        _text("delegator"),
        _text("delegate"),
        _large("begins"),
        _large("until"),
        _text("actions"),
        _text("reason"),
        _text("evidence"),
        _large("made_at"),
        _large("revoked_at", nullable=True),
        _text("revoked_by", nullable=True),
    )
    _index("delegation_to", "delegation", ["delegate", "until"], "revoked_at is null")
    _index("delegation_from", "delegation", ["delegator", "until"], "revoked_at is null")
    _index("delegation_until", "delegation", ["until"], "revoked_at is null")
    _index("delegation_newest", "delegation", ["made_at", "id"])


def _intervention() -> None:
    op.create_table(
        "intervention",
        _text("id", primary_key=True),
        _reference("saga_id", "saga.id"),
        _text("path", nullable=True),
        _text("kind"),
        _text("question"),
        _text("evidence"),
        _text("choices"),
        sa.Column("wants_result", sa.Boolean(), nullable=False),
        _text("state"),
        _large("opened_at"),
        _text("choice", nullable=True),
        _text("actor", nullable=True),
        _text("reason", nullable=True),
        _large("closed_at", nullable=True),
        _text("identified_by", nullable=True),
        _text("channel", nullable=True),
        _large("notify_at", nullable=True),
    )
    _index("intervention_of_saga", "intervention", ["saga_id"])
    _index("intervention_open", "intervention", ["opened_at", "id"], "state = 'open'")
    _index("intervention_notify", "intervention", ["notify_at"], "notify_at is not null")


def _request() -> None:
    op.create_table(
        "request",
        _number(),
        _reference("saga_id", "saga.id"),
        _text("kind"),
        _text("ref"),
        _text("actor"),
        _text("reason"),
        _text("state"),
        _text("payload", nullable=True),
        _large("valid_until", nullable=True),
        _large("made_at"),
        sa.Column("folded", sa.Boolean(), nullable=False),
        _text("delivery_key", nullable=True),
        _text("identified_by", nullable=True),
        _text("channel", nullable=True),
        sa.UniqueConstraint("saga_id", "delivery_key", name="request_once"),
        sqlite_autoincrement=True,
    )
    _index("request_of_saga", "request", ["saga_id", "id"])


def _bucket() -> None:
    op.create_table("bucket", _text("id", primary_key=True))


def _permit() -> None:
    op.create_table(
        "permit",
        _text("bucket", primary_key=True),
        _text("kind", primary_key=True),
        _text("holder", primary_key=True),
        _text("start"),
        _text("saga_id"),
        _large("at"),
        _large("until"),
    )
    _index("permit_until", "permit", ["until"])


def _lock() -> None:
    op.create_table(
        "lock",
        _number(),
        _text("key"),
        _text("saga_id"),
        _text("path"),
        _large("since"),
        sa.Column("held", sa.Boolean(), nullable=False),
        _large("until", nullable=True),
        sa.Column("woken", sa.Boolean(), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "lock_held_once",
        "lock",
        ["key"],
        unique=True,
        sqlite_where=sa.text("held"),
        postgresql_where=sa.text("held"),
    )
    _index("lock_line", "lock", ["key", "id"])
    _index("lock_of_saga", "lock", ["saga_id"])


def _drill() -> None:
    op.create_table(
        "drill",
        _number(),
        _text("drill_id"),
        _text("action"),
        _whole("version"),
        _text("digest"),
        _text("result"),
        _text("detail"),
        _whole("runs"),
        _text("sandbox"),
        _text("actor"),
        _large("drilled_at"),
        sa.UniqueConstraint("drill_id", name="drill_once"),
        sqlite_autoincrement=True,
    )
    _index("drill_of_action", "drill", ["action", "version", "id"])


def _web_session() -> None:
    op.create_table(
        "web_session",
        _text("token_hash", primary_key=True),
        _text("principal"),
        _text("evidence"),
        _large("begun_at"),
        _large("seen_at"),
        _large("until"),
    )
    _index("web_session_until", "web_session", ["until"])


def _login_link() -> None:
    op.create_table(
        "login_link",
        _text("token_hash", primary_key=True),
        _text("principal"),
        _text("evidence"),
        _large("made_at"),
        _large("until"),
        _text("used_by", nullable=True),
    )
    _index("login_link_until", "login_link", ["until"])


def _spent_form() -> None:
    op.create_table(
        "spent_form",
        _text("form_hash", primary_key=True),
        _text("spender"),
        _large("until"),
    )
    _index("spent_form_until", "spent_form", ["until"])


def _api_token() -> None:
    op.create_table(
        "api_token",
        _text("id", primary_key=True),
        _text("token_hash"),
        _text("owner"),
        _text("label"),
        _text("scopes"),
        _large("made_at"),
        _large("until"),
        _large("revoked_at", nullable=True),
        sa.UniqueConstraint("token_hash", name="api_token_once"),
    )
    _index("api_token_of_owner", "api_token", ["owner", "made_at"])


def _delivery() -> None:
    op.create_table(
        "delivery",
        _number(),
        _reference("saga_id", "saga.id"),
        _text("subject"),
        _text("channel"),
        _text("target"),
        _text("saying"),
        _whole("level"),
        _text("rest"),
        _text("state"),
        _whole("attempts"),
        _large("next_at", nullable=True),
        _text("says"),
        _text("receipt", nullable=True),
        _text("error", nullable=True),
        sa.Column("holder", sa.BigInteger(), sa.ForeignKey("worker.id"), nullable=True),
        _large("made_at"),
        _large("changed_at"),
        _text("for_whom"),
        _text("round_up", nullable=True),
        sa.UniqueConstraint(
            "subject", "channel", "target", "saying", "level", name="delivery_once"
        ),
        sqlite_autoincrement=True,
    )
    _index("delivery_of_saga", "delivery", ["saga_id", "id"])
    due = "holder is null and next_at is not null"
    _index("delivery_due", "delivery", ["channel", "next_at"], due)
    _index("delivery_held", "delivery", ["holder"], "holder is not null")
    waiting = (
        "saying <> 'reminded' and state not in ('dead', 'lost', 'moot')"
        " and (says = 'open' or substr(says, 1, 8) = 'pending.')"
    )
    _index("delivery_waiting", "delivery", ["channel", "target", "id"], waiting)
    gathered = "round_up is not null"
    _index("delivery_gathered", "delivery", ["round_up", "id"], gathered)
    _index("delivery_gathered_at", "delivery", ["channel", "target", "id"], gathered)


def _name_the_journal() -> None:
    journal = sa.table(
        "journal", sa.column("id", sa.Text()), sa.column("created_at", sa.BigInteger())
    )
    op.bulk_insert(journal, [{"id": secrets.token_hex(16), "created_at": time.time_ns() // 1000}])
