"""Who is let in: links that log in once, sessions, forms that were sent, and tokens of programs.

Pure.
"""

import json

from sagas.journal import statements_entrance as statements
from sagas.journal.operation import Operation, Query, Record
from sagas.ports import ApiToken, LoginLink, Scope, WebSession


def record_link(link: LoginLink) -> Operation[None]:
    """Add a link, and forget those that are over."""
    yield Query(statements.FORGET_LINKS, (link.made_at,))
    values = (link.token_hash, link.principal, link.evidence, link.made_at, link.until)
    yield Query(statements.RECORD_LINK, values)


def link(token_hash: str) -> Operation[LoginLink | None]:
    """A link, used or not."""
    found = yield Query(statements.LINK, (token_hash,))
    return LoginLink(*found[0]) if found else None


def enter(link_hash: str, session: WebSession) -> Operation[bool]:
    """Use a link up, and begin a session with it; False if it is used up or over."""
    used = yield Query(statements.USE_LINK, (link_hash, session.token_hash, session.begun_at))
    if used:
        yield from begin_session(session)
        return True
    # An attempt whose commit was in doubt may have used it for this very session.
    after = yield Query(statements.LINK, (link_hash,))
    return bool(after) and LoginLink(*after[0]).used_by == session.token_hash


def begin_session(session: WebSession) -> Operation[None]:
    """Add a session, and forget those that are over."""
    yield Query(statements.FORGET_SESSIONS, (session.begun_at,))
    values = (session.token_hash, session.principal, session.evidence, session.begun_at)
    yield Query(statements.BEGIN_SESSION, (*values, session.until))


def session(token_hash: str) -> Operation[WebSession | None]:
    """A session, whether or not its time is over."""
    found = yield Query(statements.SESSION, (token_hash,))
    return WebSession(*found[0]) if found else None


def see_session(token_hash: str, at: int) -> Operation[None]:
    """Note that a session was used."""
    yield Query(statements.SEE_SESSION, (token_hash, at))


def end_session(token_hash: str) -> Operation[None]:
    """Remove a session, if it is there."""
    yield Query(statements.END_SESSION, (token_hash,))


def spend(form_hash: str, *, spender: str, until: int, at: int) -> Operation[bool]:
    """Take a form, once; False if another sending of it was first."""
    yield Query(statements.FORGET_FORMS, (at,))
    yield Query(statements.SPEND_FORM, (form_hash, spender, until))
    found = yield Query(statements.SPENDER, (form_hash,))
    return bool(found[0][0] == spender)


def record_token(token: ApiToken) -> Operation[None]:
    """Add a token."""
    scopes = json.dumps(sorted(token.scopes))
    values = (token.id, token.token_hash, token.owner, token.label, scopes)
    yield Query(statements.RECORD_KEY, (*values, token.made_at, token.until))


def token(token_hash: str) -> Operation[ApiToken | None]:
    """A token, whether or not it still opens anything."""
    found = yield Query(statements.KEY, (token_hash,))
    return _token(found[0]) if found else None


def tokens(owner: str) -> Operation[list[ApiToken]]:
    """The tokens of a person, the oldest first."""
    found = yield Query(statements.KEYS, (owner,))
    return [_token(row) for row in found]


def revoke_token(token_id: str, *, owner: str, at: int) -> Operation[ApiToken | None]:
    """Take a token back for ever; None if that person has none of that id."""
    found = yield Query(statements.REVOKE_KEY, (token_id, owner, at))
    return _token(found[0]) if found else None


def _token(record: Record) -> ApiToken:
    number, token_hash, owner, label, scopes, made_at, until, revoked_at = record
    return ApiToken(
        id=number,
        token_hash=token_hash,
        owner=owner,
        label=label,
        scopes=frozenset(Scope(scope) for scope in json.loads(scopes)),
        made_at=made_at,
        until=until,
        revoked_at=revoked_at,
    )
