"""The statements about standing rules: making them, finding those that fit, using them up.

A rule's row comes after the worker's and before the saga's in the order of locks. What was used of a
rule is counted from its uses, always under the lock on the rule where something is made of it.

Pure.
"""

CREATE_RULE = """
insert into standing_rule (id, action, action_version, conditions, agent, requester, grantor,
                           evidence, reason, made_at, until, uses, budget, units)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
on conflict (id) do nothing
"""
"""Made once, however often it is sent."""

RULE = "select {rule} from standing_rule where id = $1"
"""A committed row, with what was used of it by then; may be used up or revoked a moment later."""

RULES = """
select {rule} from standing_rule
where (cast($1 as text) is null or action = $1)
    and (cast($2 as bigint) is null or (revoked_at is null and until > $2))
order by made_at desc, id desc limit $3
"""
"""Committed rows, the newest first; those that are used up too."""

MATCHING_RULES = """
select {rule} from standing_rule
where revoked_at is null and action = $1 and action_version = $2 and until > $3
order by until, id
"""
"""From the index of those that were not revoked, so that it costs what is in force for one action."""

REVOKE_RULE = """
update standing_rule set revoked_at = $2, revoked_by = $3, revoked_because = $4
where id = $1 and revoked_at is null
returning id
"""
"""Waits for whoever is using the rule, and then stops all later uses; the first revocation stays."""

LOCK_RULES = """
select id from standing_rule
where id in (select value from {elements}($1) as element)
order by id {for_update}
"""
"""In order. Whoever holds a rule's row is the only one who uses or revokes it, and what is counted
afterwards in the same transaction is all that was used."""

USE_RULE = """
insert into rule_use (gate_id, rule_id, saga_id, units, used_at)
select cast($2 as text), id, cast($3 as text), cast($4 as bigint), cast($5 as bigint)
from standing_rule
where id = $1 and revoked_at is null and until > $5
    and uses > (select count(*) from rule_use where rule_id = $1)
    and (units is null or units >= coalesce(cast($4 as bigint), units + 1) + (
        select coalesce(sum(rule_use.units), 0) from rule_use where rule_id = $1))
on conflict (gate_id) do nothing
returning gate_id
"""
"""Under the lock on the rule: compare and set, so that of two that want the last use one gets it. A
use without an amount is none for a rule with a budget."""

USED_RULE = "select rule_id from rule_use where gate_id = $1"
"""Read only to settle an append whose answer was lost."""

RULE_USES = """
select gate_id, rule_id, saga_id, units, used_at from rule_use
where rule_id = $1 and (used_at, gate_id) < ($2, $3)
order by used_at desc, gate_id desc limit $4
"""
"""A page of committed rows, the newest first, from the index of one rule's."""

RULE_USE_AT = "select gate_id, rule_id, saga_id, units, used_at from rule_use where gate_id = $1"
"""A committed row: by the gate, whatever saga it names."""

GATES_OF_ACTION = (
    "select {gate} from gate where action = $1 order by opened_at desc, id desc limit $2"
)
"""Committed rows, the newest first."""
