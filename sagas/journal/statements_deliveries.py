"""The statements about deliveries, with what each guarantees when others run at the same time.

They lock in the order of all statements: *worker row, gate or intervention row, delivery row*, and
never a saga's, so that no saga waits for a message.

Pure.
"""

UNANNOUNCED_GATES = """
select {gate}, notify_at from gate where notify_at <= $1 order by notify_at limit $2
"""
"""Committed rows; each may be announced or decided a moment later, which `ANNOUNCE_GATE` finds."""

UNANNOUNCED_QUESTIONS = """
select {question}, notify_at from intervention where notify_at <= $1 order by notify_at limit $2
"""
"""Committed rows; each may be announced or answered a moment later."""

DELIVERIES_ABOUT = """
select {delivery} from delivery
where subject in (select value from {elements}($1) as element) order by id
"""
"""Committed rows, in the order in which they were queued."""

ANNOUNCE_GATE = """
update gate set notify_at = $2
where id = $1 and notify_at = $3
    and (cast($4 as text) is null or (state = $4 and revision = $5 and voted = $6
        and coalesce(aftermath, '') = $7))
returning saga_id
"""
"""Compare and set: of two that announce one gate, one waits and then changes nothing; and neither
does who comes after the gate was moved or voted on, or more became of it."""

ANNOUNCE_QUESTION = """
update intervention set notify_at = $2
where id = $1 and notify_at = $3 and (cast($4 as text) is null or state = $4)
returning saga_id
"""
"""Compare and set, as of a gate."""

QUEUE = """
insert into delivery (saga_id, subject, channel, target, saying, level, rest, state, attempts,
                      next_at, says, made_at, changed_at, for_whom)
values ($1, $2, $3, $4, $5, $6, $7, 'queued', 0, $8, $9, $8, $8, $10)
on conflict (subject, channel, target, saying, level) do nothing
returning id
"""
"""Once for each target and level: of two that queue it, one waits and inserts nothing."""

MARK_STALE = """
update delivery set state = 'stale', attempts = 0, next_at = $2, changed_at = $2
where id in (select cast(value as bigint) from {elements}($1) as element)
    and state in ('sent', 'updated') and holder is null and says <> $3
"""
"""Under the lock on what it is about. What is in hand is compared when it is settled."""

MARK_MOOT = """
update delivery set state = 'moot', next_at = null, changed_at = $2
where id in (select cast(value as bigint) from {elements}($1) as element)
    and state = 'queued' and holder is null
"""
"""Under the lock on what it is about. What is in hand is compared when it is settled."""

LET_FALL = """
update delivery
set state = case when state = 'sending' then 'unknown' else state end, holder = null, next_at = $1
where holder is not null and holder in (select id from worker where state <> 'alive')
    and channel = $2
"""
"""What a dead worker had in hand may have been sent; nobody who lives is disturbed."""

IN_HAND = "select {delivery} from delivery where holder = $1 and channel = $2 order by id"
"""What this worker has; nobody else changes that while it lives."""

TAKE = """
with due as (
    select id from delivery
    where holder is null and channel = $4 and next_at <= $2
    order by next_at, id limit $3
    {skip_locked})
update delivery
set holder = $1, attempts = attempts + 1,
    state = case when state = 'queued' then 'sending' else state end
where id in (select id from due)
returning {delivery}
"""
"""Of several that take at once each gets messages of its own."""

LOCK_GATE_OF = "select {gate} from gate where id = $1 {for_update}"
"""Holds the gate still, so that what a message says and what is so are compared truly."""

LOCK_QUESTION_OF = "select {question} from intervention where id = $1 {for_update}"
"""Holds the intervention still."""

SETTLE = """
update delivery
set state = $4, next_at = $5, says = coalesce($6, says), receipt = coalesce($7, receipt),
    error = $8, changed_at = $9, holder = null, round_up = coalesce($11, round_up),
    attempts = case when $10 then 0 else attempts end
where id = $1 and holder = $2 and attempts = $3
returning {delivery}
"""
"""Compare and set: what is in another's hand by now is not touched."""

MARK_BESIDE = """
update delivery set state = 'stale', attempts = 0, next_at = $3, changed_at = $3
where id in (
    select id from delivery
    where round_up = $1 and id <> $2 and state in ('sent', 'updated') and holder is null
    order by id
    {skip_locked})
"""
"""What was shown in one message with one that has lost it; waits for nobody. What is in another
hand finds that out there."""

DELIVERY_TO = """
select state from delivery
where subject = $1 and channel = $2 and target = $3 and saying = $4 and level = $5
"""
"""Read after `QUEUE` has inserted nothing."""

WAITING_AT = """
select {delivery} from delivery
where channel = $1 and target = $2 and id < $3
    and saying <> 'reminded' and state not in ('dead', 'lost', 'moot')
    and (says = 'open' or substr(says, 1, 8) = 'pending.')
order by id desc limit $4
"""
"""Committed rows, from the index of what waits at one place; no more than asked for."""

GATHERED = "select {delivery} from delivery where round_up = $1 order by id"
"""Committed rows: whoever was gathered before this is read is in it."""

GATHERED_AT = """
select {delivery} from delivery
where channel = $1 and target = $2 and round_up is not null
order by id desc limit $3
"""
"""Committed rows, from the index of what is gathered; no more than asked for."""

NEXT_DELIVERY = """
select min(at) from (
    select min(notify_at) as at from gate where notify_at is not null
    union all
    select min(notify_at) as at from intervention where notify_at is not null
    union all
    select min(next_at) as at from delivery where holder is null and next_at is not null
    union all
    select min(0) as at from delivery join worker on worker.id = delivery.holder
    where delivery.holder is not null and worker.state <> 'alive') as due
"""
"""A look without locks. What a dead worker has in hand is due since ever."""

DELIVERIES = """
select {delivery} from delivery
where cast($1 as text) is null or state = $1
order by id desc limit $2
"""
"""Committed rows."""

DELIVERIES_OF = """
select {delivery} from delivery
where saga_id = $1 and (cast($2 as text) is null or state = $2)
order by id desc limit $3
"""
"""Committed rows, from the index of one saga's."""
