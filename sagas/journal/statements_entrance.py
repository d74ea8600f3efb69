"""The statements about who is let in: links, sessions, forms that were sent, and tokens.

They take no lock but on the one row that they touch, and none of the journal's other rows; so they
may come anywhere in the order of locks.

Pure.
"""

RECORD_LINK = """
insert into login_link (token_hash, principal, evidence, made_at, until)
values ($1, $2, $3, $4, $5)
on conflict (token_hash) do nothing
"""
"""Recorded once, however often it is sent."""

LINK = """
select token_hash, principal, evidence, made_at, until, used_by from login_link
where token_hash = $1
"""
"""A committed row; may be used up a moment later."""

USE_LINK = """
update login_link set used_by = $2
where token_hash = $1 and used_by is null and until > $3
returning token_hash
"""
"""Compare and set: of two that use one link, one waits and then changes nothing."""

FORGET_LINKS = "delete from login_link where until <= $1"
"""Links that no longer open anything."""

BEGIN_SESSION = """
insert into web_session (token_hash, principal, evidence, begun_at, seen_at, until)
values ($1, $2, $3, $4, $4, $5)
on conflict (token_hash) do nothing
"""
"""Begun once, however often it is sent."""

SESSION = """
select token_hash, principal, evidence, begun_at, seen_at, until from web_session
where token_hash = $1
"""
"""A committed row; may be ended a moment later."""

SEE_SESSION = "update web_session set seen_at = $2 where token_hash = $1 and seen_at < $2"
"""Later ones win, whatever the order in which they come."""

END_SESSION = "delete from web_session where token_hash = $1"
"""Gone once this is committed; whoever looked before may finish what they were doing."""

FORGET_SESSIONS = "delete from web_session where until <= $1"
"""Sessions that are over."""

SPEND_FORM = """
insert into spent_form (form_hash, spender, until) values ($1, $2, $3)
on conflict (form_hash) do nothing
"""
"""Of two that send one form, one waits for the other's end and then inserts nothing."""

SPENDER = "select spender from spent_form where form_hash = $1"
"""After `SPEND_FORM` in the same transaction: whoever was first."""

FORGET_FORMS = "delete from spent_form where until <= $1"
"""Forms that are refused for their age."""

RECORD_KEY = """
insert into api_token (id, token_hash, owner, label, scopes, made_at, until)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (id) do nothing
"""
"""Recorded once, however often it is sent."""

KEY = """
select id, token_hash, owner, label, scopes, made_at, until, revoked_at from api_token
where token_hash = $1
"""
"""A committed row; may be revoked a moment later."""

KEYS = """
select id, token_hash, owner, label, scopes, made_at, until, revoked_at from api_token
where owner = $1 order by made_at, id
"""
"""Committed rows."""

REVOKE_KEY = """
update api_token set revoked_at = coalesce(revoked_at, $3) where id = $1 and owner = $2
returning id, token_hash, owner, label, scopes, made_at, until, revoked_at
"""
"""The first revocation stays; nothing brings a token back."""
