"""Forms: what a browser sends, and the seal that says whose form it was and what it was about.

A seal is made of the session's own secret, so that no other session can make it; it names what the
form does (`approve or reject gate G with digest D`), and a number that is used once.

Pure but for the number.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from sagas.model import micros
from sagas.web import secret
from sagas.web.errors import WebError
from sagas.web.site import Site

MOST_FIELDS = 100
_TYPE = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Seal:
    """A seal that is in order.

    Attributes:
        hash: What is remembered of it once it is used.
        until: Until when it could be used (microseconds).
    """

    hash: str
    until: int


def seal(session: str, purpose: str, *, now: datetime) -> str:
    """A seal for a form of this session that does this."""
    bare = f"{secret.made()}.{micros(now)}"
    return f"{bare}.{_mac(session, purpose, bare)}"


def check(session: str, purpose: str, text: str, *, now: datetime, site: Site) -> Seal:
    """Check a seal that came back.

    Raises:
        WebError: It is missing, another session's, for something else, or too old.
    """
    number, _, rest = text.partition(".")
    made_at, _, mac = rest.partition(".")
    if not number or not secret.same(mac, _mac(session, purpose, f"{number}.{made_at}")):
        raise WebError(
            403,
            "this form is not one that was shown to you for this: open the page again and send its "
            "own form",
            title="Not your form",
        )
    until = int(made_at) + micros_of(site)
    if micros(now) >= until:
        raise WebError(403, "this form is too old: open the page again", title="Too old")
    return Seal(secret.hashed(number), until)


def micros_of(site: Site) -> int:
    """How long a form holds, in microseconds."""
    return int(site.form.total_seconds() * 1_000_000)


def _mac(session: str, purpose: str, bare: str) -> str:
    return secret.derived(session, f"form {len(purpose)} {purpose} {bare}")


def fields(
    body: bytes,
    headers: Mapping[str, str],
    known: Collection[str],
    *,
    needed: Collection[str] = (),
    free: tuple[str, ...] = (),
) -> dict[str, str]:
    """The fields of a form.

    Args:
        known: Those it may have.
        needed: Those of them that it has to have.
        free: How further fields begin that it may have.

    Raises:
        WebError: It is no form, or has fields that it should not have, twice or not at all.
    """
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != _TYPE:
        raise WebError(415, f"send the form as {_TYPE}, as the page does")
    pairs = _pairs(body)
    found = dict(pairs)
    wrong = {name for name in found if name not in known and not name.startswith(free)}
    if wrong:
        raise _malformed("it has fields that are not known here")
    if len(found) < len(pairs):
        raise _malformed("it has a field twice")
    missing = [name for name in needed if name not in found]
    if missing:
        raise _malformed(f"the field {missing[0]} is missing")
    return found


def _pairs(body: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(body),
            errors="strict",
            max_num_fields=MOST_FIELDS,
        )
    except ValueError:
        raise _malformed("its body cannot be read") from None


def _malformed(why: str) -> WebError:
    return WebError(400, f"this form is malformed: {why}", title="Malformed form")


def check_origin(headers: Mapping[str, Any], site: Site) -> None:
    """Refuse what another site's page made a browser send.

    Raises:
        WebError: It came from elsewhere, or does not say where from.
    """
    origin, fetch = headers.get("origin"), headers.get("sec-fetch-site")
    if fetch is not None and fetch != "same-origin":
        raise _foreign()
    if origin is None and fetch is None:
        raise _foreign()
    own = origin is None or (
        origin in site.origins and origin.partition("://")[2] == headers.get("host")
    )
    if not own:
        raise _foreign()


def _foreign() -> WebError:
    return WebError(
        403,
        "this was not sent by a page of this inbox: open the page here and send its own form",
        title="Sent from elsewhere",
    )
