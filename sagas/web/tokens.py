"""Tokens of programs: shown once, kept as a hash, good for what their owner may do at that time."""

import secrets
from collections.abc import Collection
from datetime import datetime, timedelta

from approvals import Principal
from sagas.errors import SagaError
from sagas.model import micros
from sagas.ports import ApiToken, Scope, Store
from sagas.web import secret

PREFIX = "sagas_"
"""What a token begins with, so that scanners of code find one that was left there."""
LIFE = timedelta(days=30)
LONGEST = timedelta(days=366)
LONGEST_LABEL = 200


async def make(
    store: Store,
    owner: Principal,
    *,
    label: str,
    scopes: Collection[Scope],
    life: timedelta,
    now: datetime,
) -> tuple[str, ApiToken]:
    """A new token of an identified person; what is to be shown, and what is kept.

    Raises:
        SagaError: It would be good for nothing, hold too long, or has no label.
    """
    if not scopes:
        raise SagaError(
            "a token without a scope is good for nothing: give it read, decide or grant"
        )
    if not timedelta(0) < life <= LONGEST:
        raise SagaError(f"a token holds for some time, and for {LONGEST.days} days at most")
    if not 0 < len(label.strip()) <= LONGEST_LABEL or not label.isprintable():
        raise SagaError(
            f"say in 1 to {LONGEST_LABEL} characters what the token is for: it is listed by that"
        )
    word = f"{PREFIX}{secret.made()}"
    token = ApiToken(
        id=f"t-{secrets.token_hex(6)}",
        token_hash=secret.hashed(word),
        owner=owner.name,
        label=label.strip(),
        scopes=frozenset(scopes),
        made_at=micros(now),
        until=micros(now + life),
    )
    await store.record_token(token)
    return word, token


def standing(token: ApiToken, *, now: datetime) -> str:
    """Whether a token still opens something: `valid`, `over` or `revoked`."""
    if token.revoked_at is not None:
        return "revoked"
    return "over" if micros(now) >= token.until else "valid"
