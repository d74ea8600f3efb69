"""The statements about who decides for whom.

Making one holds the row of a bucket, first of all locks, so that of two that would close a circle
one sees the other. The others touch one row of their own table.

Pure.
"""

LOCK = "delegations of rights"
"""The bucket whose row is held while one is made."""

CREATE_DELEGATION = """
insert into delegation ({delegation}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, null, null)
on conflict (id) do nothing
"""
"""Made once, however often it is sent."""

DELEGATION = "select {delegation} from delegation where id = $1"
"""A committed row; may be revoked a moment later."""

OVERLAPPING = """
select {delegation} from delegation
where revoked_at is null and until > $1 and begins < $2
order by until, id
"""
"""Under the lock: every one that gives a right at some time between the two, from the index of those
that were not revoked."""

DELEGATIONS = """
select {delegation} from delegation
where (cast($1 as text) is null or delegator = $1 or delegate = $1)
    and (cast($2 as bigint) is null or (revoked_at is null and until > $2))
order by made_at desc, id desc limit $3
"""
"""Committed rows, the newest first."""

DELEGATED_TO = """
select {delegation} from delegation
where revoked_at is null and delegate = $1 and until > $2 and begins <= $2
order by delegator, until desc, id
"""
"""Committed rows, from the index of those that were not revoked."""

DELEGATED_BY = """
select {delegation} from delegation
where revoked_at is null and until > $2 and begins <= $2
    and delegator in (select value from {elements}($1) as element)
order by delegator, until desc, id
"""
"""Committed rows, from the index of those that were not revoked."""

REVOKE_DELEGATION = """
update delegation set revoked_at = $2, revoked_by = $3
where id = $1 and revoked_at is null and (delegator = $3 or delegate = $3)
returning id
"""
"""The first revocation stays; a vote that was given before it stays too."""
