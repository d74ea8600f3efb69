"""What every form that is sent goes through: not too often, and not twice."""

import time

from sagas.model import micros
from sagas.web import secret
from sagas.web.errors import WebError
from sagas.web.forms import Seal
from sagas.web.guarding import too_often
from sagas.web.office import Office
from sagas.web.sessions import Visitor


async def sent_once(seal: Seal, who: Visitor, office: Office) -> None:
    """Take a form that was sent.

    Raises:
        WebError: It was sent before, or this session sends too much.
    """
    wait = office.decisions.take(secret.hashed(who.session), time.monotonic())
    if wait is not None:
        raise too_often(wait)
    taken = await office.coordinator.store.spend(
        seal.hash, spender=secret.made(), until=seal.until, at=micros(office.now())
    )
    if not taken:
        raise WebError(
            409,
            "this form was sent before, and counts once: what came of it is shown here",
            title="Sent before",
        )
