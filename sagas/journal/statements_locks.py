"""The statements about locks of sagas: taking them, standing in line, letting others go on.

The rows of locks come after the worker's and before the saga's in the order of locks, and among
themselves in the order of their numbers. Whoever takes a lock, or begins to wait, does so alone, so
that of two that would wait for each other one sees the other. Whoever waits holds the rows still that
it waits for until its own is committed: whoever removes one of them finds it, and wakes it.

Pure.
"""

ALONE = "select {alone}"
"""Waits for whoever takes locks at this moment; until the end of the transaction."""

LOCKS_OF = "select {lock} from lock where saga_id = $1 order by id"
"""What the saga holds and waits for; only its own worker and a person who releases a lock change
that."""

LINE = """
select {lock} from lock where key in (select value from {elements}($1) as element)
order by id {for_share}
"""
"""Of everybody, for these keys. Whoever is letting go of one is waited for, and then is not found."""

AHEAD = """
select distinct waiter.saga_id, other.saga_id, other.held
from lock as waiter join lock as other on other.key = waiter.key
where not waiter.held and waiter.saga_id in (select value from {elements}($1) as element)
    and other.saga_id <> waiter.saga_id and (other.held or other.id < waiter.id)
"""
"""Whom these sagas wait for. Alone, so that no wait begins meanwhile; one may end."""

TAKE_LOCKS = """
insert into lock (key, saga_id, path, since, held, woken)
select value, cast($2 as text), cast($3 as text), {clock}, true, false
from {elements}($1) as element where true order by value
on conflict do nothing
returning id, key
"""
"""Alone, in order. A key that somebody holds is not returned."""

STAND_IN_LINE = """
insert into lock (key, saga_id, path, since, held, until, woken)
select value, cast($2 as text), cast($3 as text), {clock}, false, cast($4 as bigint), false
from {elements}($1) as element where true order by value
"""
"""Alone, in order, with the rows that are waited for held still."""

LOOKED_AGAIN = """
update lock set woken = false where saga_id = $1 and path = $2 and not held and woken
"""
"""Alone, with the rows that are waited for held still: whoever lets go later wakes it again."""

LEAVE_LINE = """
delete from lock where saga_id = $1 and path = $2 and not held returning key
"""
"""Its keys are for others to look at."""

WAKE_OWN = """
update lock set woken = true
where saga_id = $1 and not held and key in (select value from {elements}($2) as element)
"""
"""What a saga's other branches wait for, the saga has."""

HOLD_LINES = """
select id from lock
where saga_id in (select value from {elements}($1) as element)
    or key in (select key from lock where saga_id in (select value from {elements}($1) as element))
order by id {for_update}
"""
"""The rows of these sagas, and of all who wait in the same lines, in order."""

LET_GO_LOCKS = """
delete from lock where saga_id = $1 and (not held or $2) returning key
"""
"""Under the locks on its lines; a second time it finds nothing."""

KEEP_PLACES = """
delete from lock
where saga_id = $1 and not held and path not in (select value from {elements}($2) as element)
returning key
"""
"""Under the locks on its lines."""

UNWOKEN = """
select 1 where not exists (select 1 from lock where saga_id = $1 and not held and woken)
"""
"""Under the locks on its lines: whoever lets go later finds the saga let go of, and wakes it."""

IS_OWNED = "select 1 from saga where id = $1 and owner = $2"
"""Read only to settle an append whose answer was lost."""

NEXT_IN_LINE = """
update lock set woken = true where id in (
    select min(id) from lock
    where not held and key in (select value from {elements}($1) as element) group by key
    union
    select waiter.id
    from lock as one
        join lock as two on two.saga_id = one.saga_id and two.key <> one.key
        join lock as waiter on waiter.key = one.key
    where not one.held and not two.held and not waiter.held
        and one.key in (select value from {elements}($1) as element))
returning saga_id
"""
"""After rows of these keys were removed. The first of a line goes on; where somebody waits for other
keys too, all of the line look again, because one may pass another."""

WAKE_PLACES = """
update lock set woken = true
where not held and saga_id in (select value from {elements}($1) as element)
returning saga_id
"""
"""Alone. Whoever holds nothing that another one wants may have passed it, or may be passed."""

WAKE_WAITING = """
with line as (
    select id from saga
    where owner is null and id in (select value from {elements}($1) as element)
    order by id {for_update})
update saga set wake_at = 0 where id in (select id from line) returning id
"""
"""Makes those due that were let go of. One that is about to be let go of finds that it was woken."""

HOLDER = "select {lock} from lock where key = $1 and held"
"""A committed row."""

RELEASE_LOCK = "delete from lock where id = $1 and held returning key"
"""Under the lock on its saga: the same holder's, or nothing."""

LOCKS = """
select {lock} from lock
where (cast($1 as text) is null or key in (select key from lock where saga_id = $1))
    and (cast($2 as text) is null or key = $2)
order by key, held desc, id limit $3
"""
"""Committed rows: of each key the holder, and then the line."""
