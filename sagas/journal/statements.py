"""Every statement of the journal, with what it guarantees when others run at the same time.

The texts are portable: `$1` stands for the first value, and a name in braces for a fragment of the
dialect. Locks are always taken in one order, so that nobody waits in a circle: *bucket rows, permit
rows, worker row, standing rules, locks of sagas, saga row, gate or intervention row*. An append locks its own worker's row only, and
shared.

Pure.
"""

# --- fences -----------------------------------------------------------------------------------

FENCE = "select control from worker where id = $1 and state = 'alive' {for_share}"
"""Holds this worker alive, and its `control` still, until the transaction ends: whoever declares it
dead or makes a request of one of its sagas waits, and comes after everything appended here."""

IS_REQUESTED = "select 1 from saga where id = $1 and control <> folded"
"""Whether a request waits; under the fence no new one can come in for a saga of this worker."""

# --- appending --------------------------------------------------------------------------------

CREATE_SAGA = """
insert into saga (id, name, version, input_digest, starter, status, head, head_hash, owner,
                  control, folded, wake_at, created_at, updated_at, deaths)
values ($1, $2, $3, $4, $5, 'running', $6, $7, $8, 0, 0, $9, $9, $9, 0)
on conflict (id) do nothing
returning id
"""
"""Of two that create one id, one waits for the other's end and then inserts nothing."""

PROJECT = """
update saga
set status = $3, reason = $4, wake_at = case when $8 then $5 else wake_at end,
    head = coalesce($6, head),
    head_hash = coalesce($7, head_hash), owner = case when $8 then null else owner end,
    updated_at = coalesce($9, updated_at), deaths = case when $8 then 0 else deaths end
where id = $1 and owner = $2
returning id
"""
"""Touches the saga only while this worker owns it; a request that was made meanwhile stays.

`wake_at` changes only when the saga is let go: while it is driven it stays in the past, so that a
saga whose worker dies is due at once."""

SURVIVED = "update saga set deaths = 0 where id = $1 and owner = $2"
"""Only the worker that drives it can tell."""

OPEN_GATE = """
insert into gate (id, saga_id, path, direction, generation, revision, action, action_version,
                  arguments, policy, digest, parties, state, opened_at, deadline, decided_at,
                  decided_by, reason, valid_until, eligible, stakes, because, editor,
                  vetoers, voted, notify_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
        $21, $22, $23, $24, 0, $14)
"""
"""A gate's id is taken once. What opens it has it announced."""

MOVE_GATE = """
update gate
set state = $3,
    decided_at = case when $2 = 'pending' then $4 else decided_at end,
    consumed_at = case when $3 = 'consumed' then $4 else consumed_at end,
    notify_at = $4
where id = $1 and state = $2
    and ($3 <> 'consumed' or valid_until is null or $4 < valid_until)
returning id
"""
"""Compare and set: of two that move a gate out of one state, one waits and then changes nothing. An
approval that has lapsed is not used, however slowly its unit came here."""

NOTE_AFTERMATH = """
update gate set aftermath = $2, notify_at = $3
where id in (select value from {elements}($1) as element)
"""
"""Only the worker that drives their saga does, in the order of its entries; a second time it changes
nothing but has them looked at again."""

GATE_STATE = "select state from gate where id = $1"
"""Read only to settle an append whose answer was lost."""

OPEN_QUESTION = """
insert into intervention (id, saga_id, path, kind, question, evidence, choices, wants_result, state,
                          opened_at, notify_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, 'open', $9, $9)
"""
"""An intervention's id is taken once."""

CLOSE_QUESTION = """
update intervention set state = 'closed', closed_at = $2, notify_at = $2
where id = $1 and state = 'open'
"""
"""An answer that came first stays."""

FOLD_REQUESTS = """
update request set folded = true where id in (
    select cast(value as bigint) from {elements}($1) as element)
"""
"""Only ever sets the mark, so that folding twice changes nothing."""

FOLD_CONTROL = (
    "update saga set folded = case when folded < $2 then $2 else folded end where id = $1"
)
"""Never goes back; requests made since `control` was read stay unfolded."""

HASH_AT = "select hash from entry where saga_id = $1 and seq = $2"
"""Tells whether an append landed whose answer was lost."""

SAVEPOINT = "savepoint unit"
"""From here on one unit can be taken back alone."""

RELEASE = "release savepoint unit"
"""The unit stays, if the transaction does."""

TAKE_BACK = "rollback to savepoint unit"
"""The unit is gone; the savepoint stays and must be released."""

# --- reading a saga ---------------------------------------------------------------------------

SAGA = "select {saga} from saga where id = $1"
"""A committed row."""

SAGA_TO_DRIVE = """
select {saga}, exists (select 1 from lock where lock.saga_id = saga.id) from saga where id = $1
"""
"""The same, and whether the saga holds keys or waits for some."""

ENTRIES = "select {entry} from entry where saga_id = $1 order by seq"
"""Committed entries; in one snapshot with the others of its operation."""

REQUESTS = "select {request} from request where saga_id = $1 and not folded order by id"
"""Requests whose raising of `control` is in the same snapshot."""

CONTROL = "select control from saga where id = $1"
"""Read in one snapshot with the requests it counts."""

# --- ownership --------------------------------------------------------------------------------

TIME = "select {clock}"
"""Read when the statement runs."""

REGISTER = """
insert into worker (name, host, pid, started, state, control, lease_until, created_at)
values ($1, $2, $3, $4, 'alive', 0, {lease_clock} + $5, {clock})
returning id, {clock}
"""
"""The number is new: the database never gives one twice."""

RENEW = """
update worker set lease_until = {lease_clock} + $2 where id = $1 and state = 'alive'
returning control, {clock}
"""
"""Waits for whoever declares this worker dead, and then renews nothing."""

RETIRE = "update worker set state = 'retired' where id = $1 and state = 'alive'"
"""Waits for this worker's appends under way; later ones are fenced."""

LET_GO = "update saga set owner = null, wake_at = 0 where owner = $1"
"""After the worker's row was changed: what another worker took over is not touched. What is let go
of halfway is due at once, by whatever clock its worker went."""

OTHERS = """
select id, host, pid, started, lease_until < {lease_clock}
from worker where state = 'alive' and id <> $1 order by id
"""
"""A first look without locks; `BURY` looks again."""

BURY = """
update worker set state = 'dead'
where id = $1 and state = 'alive' and ($2 or lease_until < {lease_clock})
"""
"""Waits for the worker's appends under way, and fences all later ones. A renewal that came first
saves the worker, unless its process is known to be gone ($2)."""

ORPHANS = """
select saga.id from saga join worker on worker.id = saga.owner
where saga.owner is not null and worker.state <> 'alive' limit 1
"""
"""Whether a dead or retired worker still holds a saga; a look without locks."""

RELEASE_ORPHANS = """
with orphan as (
    select saga.id from saga
    where owner is not null and owner in (select id from worker where state <> 'alive')
    {skip_locked})
update saga set owner = null, wake_at = 0, deaths = deaths + case
    when owner in (select id from worker where state = 'dead') then 1 else 0 end
where id in (select id from orphan)
"""
"""Sagas that somebody has locked are left for the next time, so that nobody is waited for. What a
dead worker held is due at once: its clock may have been ahead of ours."""

CLAIM = """
with due as (
    select id from saga
    where owner is null and id in (
        select id from saga where owner is null and control <> folded
            and status not in ('completed', 'compensated', 'residual')
        union all
        select id from saga where owner is null and wake_at <= $2
            and status not in ('completed', 'compensated', 'residual'))
        and deaths < $5
        and (name || ' ' || version in (select value from {elements}($4) as code) or $4 is null)
    order by created_at, id limit $3
    {skip_locked}
), suspect as (
    select id from saga
    where owner is null and id in (select id from saga where owner is null and deaths > 0)
        and deaths >= $5 and status not in ('completed', 'compensated', 'residual')
        and (control <> folded or wake_at <= $2)
        and (name || ' ' || version in (select value from {elements}($4) as code) or $4 is null)
    order by created_at, id limit $6
    {skip_locked})
update saga set owner = $1, wake_at = $2
where id in (select id from due union all select id from suspect) returning id
"""
"""Of several that claim at once each gets sagas of its own, and none gets one whose code it lacks.
The two ways to be due are apart because each has its own index. `wake_at` becomes the present: whoever takes the saga from a dead worker need
not know what it was doing.

Sagas that workers have died of are apart: few of them are taken at a time, so that one that kills
its worker brings no other one under suspicion."""

CLAIM_AMONG = """
with due as (
    select id from saga
    where id in (select value from {elements}($7) as element) and owner is null
        and status not in ('completed', 'compensated', 'residual')
        and (control <> folded or wake_at <= $2)
        and deaths < $5
        and (name || ' ' || version in (select value from {elements}($4) as code) or $4 is null)
    order by created_at, id limit $3
    {skip_locked}
), suspect as (
    select id from saga
    where id in (select value from {elements}($7) as element) and owner is null
        and status not in ('completed', 'compensated', 'residual')
        and (control <> folded or wake_at <= $2)
        and deaths >= $5
        and (name || ' ' || version in (select value from {elements}($4) as code) or $4 is null)
    order by created_at, id limit $6
    {skip_locked})
update saga set owner = $1, wake_at = $2
where id in (select id from due union all select id from suspect) returning id
"""
"""The same among named sagas."""

CLAIM_AGAIN = """
update saga set owner = $1, wake_at = $2
where id in (select value from {elements}($3) as element) and (owner is null or owner = $1)
returning id
"""
"""After a claim whose answer was lost: waits for it, and takes what it took or would have taken."""

DUE = """
select id from saga where owner is null and control <> folded
    and status not in ('completed', 'compensated', 'residual')
union
select id from saga where owner is null and wake_at <= $1
    and status not in ('completed', 'compensated', 'residual')
limit $2
"""
"""For a process that follows so many sagas that naming them all takes longer than this."""

NEXT_DUE = """
select min(wake_at) from saga
where owner is null and status not in ('completed', 'compensated', 'residual')
    and wake_at > $1 and wake_at <= $2
"""
"""For a timer to fire when it is due, and not when somebody happens to look."""

HELD = "select id from saga where owner = $1 order by id"
"""What a worker holds, for it to find what it holds and does not drive."""

RAISED = """
select worker.control, saga.id
from worker left join saga on saga.owner = worker.id and saga.control <> saga.folded
where worker.id = $1 order by saga.id
"""
"""One statement, so that `control` counts exactly the requests whose sagas it lists."""

# --- the desk ---------------------------------------------------------------------------------

OWNER = "select owner from saga where id = $1"
"""A first look, to lock the worker before the saga; `LOCK_SAGA` looks again."""

LOCK_WORKER = "select id from worker where id = $1 {for_update}"
"""Waits for the owner's appends under way, and holds the next ones off until the request is
committed: a guarded unit is either before the request or sees it."""

LOCK_SAGA = "select owner, status, updated_at from saga where id = $1 {for_update}"
"""Holds the saga's owner still; nobody claims it meanwhile."""

RAISE_SAGA = "update saga set control = control + 1 where id = $1"
"""Under the lock on the saga."""

RAISE_WORKER = "update worker set control = control + 1 where id = $1"
"""Under the lock on the worker; tells all its guarded units to look at their sagas."""

REQUEST = """
insert into request (saga_id, kind, ref, actor, reason, state, payload, valid_until, made_at,
                     folded, delivery_key, identified_by, channel)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, false, $10, $11, $12)
"""
"""Committed together with the raised `control`, or not at all."""

IS_CANCELLED = "select 1 from request where saga_id = $1 and kind = 'cancel'"
"""Under the lock on the saga, so that of two cancellations one sees the other."""

DELIVERY = "select actor, made_at from request where saga_id = $1 and delivery_key = $2"
"""Under the lock on the saga, so that of two deliveries with one key one sees the other."""

REOPEN = "update saga set status = 'running', reason = $2 where id = $1"
"""Under the lock on the saga, together with the request: from then on it is due."""

SAGA_OF_GATE = "select saga_id from gate where id = $1"
"""Never changes."""

LOCK_GATE = "select {gate} from gate where id = $1 {for_update}"
"""Under the lock on the saga: holds the gate still while a vote is counted."""

VOTES = "select {vote} from vote where gate_id = $1 order by id"
"""In the order in which they were ruled on, because each was inserted under the gate's lock."""

COUNTED_VOTES = "select {vote} from vote where gate_id = $1 and refusal is null order by id"
"""The same without those that were refused: however many there are, they do not hold up a decision."""

REFUSED_VOTE = """
select 1 from vote where gate_id = $1 and principal = $2 and cast_at = $3 and refusal is not null
"""
"""Under the lock on the gate: whether a refusal is on the record whose answer was lost."""

RECORD_VOTE = """
insert into vote (gate_id, {vote}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12,
                                      $13, $14, $15)
"""
"""Under the lock on the gate."""

DECIDE_GATE = """
update gate set state = $2, decided_at = $3, decided_by = $4, reason = $5, valid_until = $6,
    notify_at = coalesce(cast($3 as bigint), 0)
where id = $1
"""
"""Under the lock on the gate, after its state was looked at."""

COUNT_VOTE = "update gate set voted = $2, notify_at = 0 where id = $1"
"""Under the lock on the gate, which stays open: what people were told of it is out of date."""

SAGA_OF_QUESTION = "select saga_id from intervention where id = $1"
"""Never changes."""

LOCK_QUESTION = "select {question} from intervention where id = $1 {for_update}"
"""Under the lock on the saga: holds the question still while it is answered."""

ANSWER = """
update intervention set state = 'answered', choice = $2, actor = $3, reason = $4, closed_at = $5,
    identified_by = $6, channel = $7, notify_at = $5
where id = $1
"""
"""Under the lock on the question, after its state was looked at."""

# --- the library ------------------------------------------------------------------------------

SAGAS = """
select {saga} from saga
where (cast($1 as text) is null or status = $1) and (cast($2 as text) is null or name = $2)
    and (cast($3 as bigint) is null or created_at >= $3)
order by created_at desc, id desc limit $4
"""
"""Committed rows."""

LIVE_SAGAS = """
select {saga} from saga
where id > $1 and status not in ('completed', 'compensated', 'residual')
order by id limit $2
"""
"""A page of committed rows; one that is begun while they are read may be missed."""

ROLLBACK_MARKS = """
select written_at, saga_id, seq from entry
where kind in ('UnwindBegan', 'RollbackBegan', 'Reopened', 'CompensationIntended', 'Compensated',
               'CompensationFailed', 'InterventionClosed')
    and (written_at, saga_id, seq) > ($1, $2, $3) and written_at < $4
order by written_at, saga_id, seq limit $5
"""
"""A page of committed entries, by instant; one that is committed later with an earlier instant may be
missed by whoever is further on. The kinds are those of the index, word for word."""

GATE = "select {gate} from gate where id = $1"
"""A committed row; may be decided a moment later."""

WAITING_GATES = """
select {gate} from gate
where state = 'pending' and (opened_at, id) > ($2, $3)
    and (cast($5 as bigint) is null or deadline > $5)
    and (cast($1 as text) is null or eligible = '[]' or eligible like $1 escape '!'
        or vetoers like $1 escape '!' or vetoers = '["anyone"]'
        or policy like '%"after_us"%')
order by opened_at, id limit $4
"""
"""A page of committed rows, from the index of open gates; each may be decided a moment later.

With a person it has those for whom a ladder may add somebody, whoever that is.
"""

VOTED_BY = """
select {gate} from gate join (
    select gate_id as voted_on, max(id) as voted_last from (
        select id, gate_id from vote
        where principal = $1 and refusal is null
        order by id desc limit $2
    ) as latest group by gate_id
) as said on said.voted_on = gate.id
order by said.voted_last desc
"""
"""Committed rows: the gates of somebody's last votes, as many votes as are asked for."""

GATES_OF = "select {gate} from gate where saga_id = $1 order by opened_at, id"
"""Committed rows."""

QUESTION = "select {question} from intervention where id = $1"
"""A committed row."""

WAITING_QUESTIONS = """
select {question} from intervention
where state = 'open' and (opened_at, id) > ($1, $2)
order by opened_at, id limit $3
"""
"""A page of committed rows, from the index of open ones; each may be answered a moment later."""

QUESTIONS_OF = "select {question} from intervention where saga_id = $1 order by opened_at, id"
"""Committed rows."""

# --- figures ----------------------------------------------------------------------------------

ASKED_SINCE = "select action, state, opened_at, decided_at from gate where opened_at >= $1"
"""Committed rows."""

CAST_SINCE = """
select vote.principal, vote.kind, gate.opened_at, vote.cast_at,
    case when trim(coalesce(vote.reason, '')) <> '' then 1 else 0 end
from vote join gate on gate.id = vote.gate_id
where vote.cast_at >= $1 and vote.refusal is null and vote.kind in ('approve', 'reject')
"""
"""Committed rows: those that said something about what was asked."""

# --- limits -----------------------------------------------------------------------------------

CLOCK = "select {clock}"
"""Read under the locks on the buckets, so that it is later than whatever was given before."""

MAKE_BUCKETS = """
insert into bucket (id)
select value from {elements}($1) as element where true order by value
on conflict (id) do nothing
"""
"""In order, so that of two that make the same buckets one waits and then finds them."""

LOCK_BUCKETS = """
select id from bucket where id in (select value from {elements}($1) as element)
order by id {for_update}
"""
"""In order. Whoever holds a bucket's row is the only one who gives or takes its permits; a row that
was removed meanwhile is not returned."""

LAPSED_OF = """
delete from permit
where bucket in (select value from {elements}($1) as element) and until <= {clock}
"""
"""Under the lock on the buckets."""

ROOM = """
select bucket, kind, count(*), min(at) from permit
where bucket in (select value from {elements}($1) as element)
    and (kind <> 'turn' or exists (
        select 1 from saga
        where saga.id = permit.saga_id and saga.owner is null and saga.wake_at is not null))
group by bucket, kind
"""
"""Under the lock on the buckets, so that nothing is given meanwhile. A turn counts while its saga
sleeps: one that was cancelled has left the line."""

HELD_PERMITS = """
select bucket, kind, holder, at, until from permit
where bucket in (select value from {elements}($1) as element)
    and (kind = 'head' or holder in (select value from {elements}($2) as named))
"""
"""Under the lock on the buckets; what an exchange had given whose answer was lost shows here."""

HOLD = """
insert into permit (bucket, kind, holder, start, saga_id, at, until)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (bucket, kind, holder) do update set
    start = excluded.start,
    at = case when permit.at < excluded.at and permit.kind = 'turn' then permit.at else excluded.at end,
    until = case when permit.until < excluded.until then excluded.until else permit.until end
"""
"""Under the lock on the bucket. What is held already is held for longer, never twice."""

KEEP_PERMIT = """
update permit set at = {clock} - $5, until = {clock} - $5 + $6
where bucket = $1 and kind = $2 and holder = $3 and start = $4
"""
"""Under the lock on the bucket; a permit that has lapsed is not brought back."""

GIVE_BACK = """
delete from permit where bucket = $1 and kind = $2 and holder = $3 and start = $4 returning holder
"""
"""Under the lock on the bucket. What a later beginning of the call has taken over stays."""

WAKE = """
with line as (
    select saga.id from permit join saga on saga.id = permit.saga_id
    where permit.bucket = $1 and permit.kind = 'turn' and saga.owner is null and saga.wake_at > 0
    order by permit.at, saga.id limit $2
    {skip_locked})
update saga set wake_at = 0 where id in (select id from line) returning id
"""
"""Makes those due who have waited longest and are let go. One who is about to be let go is missed,
and looks again by itself."""

LAPSED = """
with lapsed as (
    select bucket, kind, holder from permit where until <= {clock} limit 1000
    {skip_locked})
delete from permit where (bucket, kind, holder) in (select bucket, kind, holder from lapsed)
"""
"""Waits for nobody: a bucket that is in use removes its own."""

EMPTY_BUCKETS = """
with empty as (
    select id from bucket
    where not exists (select 1 from permit where permit.bucket = bucket.id) limit 1000
    {skip_locked})
delete from bucket where id in (select id from empty)
"""
"""Waits for nobody. Whoever waits for a bucket's row finds it gone, and begins again; permits that
were given since are counted by the next row of that name."""

# --- drills -----------------------------------------------------------------------------------

RECORD_DRILL = """
insert into drill ({drill}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
on conflict (drill_id) do nothing
"""
"""Recorded once, however often it is sent: of two that send one id, one waits and inserts nothing."""

DRILLS = """
select {drill} from drill
where id in (
    select max(id) from drill
    where substr(action, 1, length(cast($1 as text))) = cast($1 as text)
    group by action, version)
order by action, version
"""
"""Committed rows; the number that the database gave tells which is the last."""

# --- what the database is ---------------------------------------------------------------------

IDENTITY = "select (select version_num from alembic_version), (select id from journal)"
"""The version of the schema and the journal's own id."""
