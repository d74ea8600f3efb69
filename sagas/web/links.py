"""Links that log somebody in, once: whoever can write to the journal can have one made."""

from datetime import datetime, timedelta

from approvals import Principal
from sagas.model import micros
from sagas.ports import LoginLink, Store
from sagas.web import secret

LIFE = timedelta(minutes=10)


async def make(store: Store, principal: Principal, *, now: datetime, origin: str) -> str:
    """A new link for an identified person; only its hash is kept.

    Args:
        origin: Where the inbox is reached, such as `http://127.0.0.1:8421`.
    """
    word = secret.made()
    link = LoginLink(
        token_hash=secret.hashed(word),
        principal=principal.name,
        evidence=f"one-time link made by {principal.evidence}",
        made_at=micros(now),
        until=micros(now + LIFE),
    )
    await store.record_link(link)
    return f"{origin}/enter/{word}"
