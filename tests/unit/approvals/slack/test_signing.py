"""What counts as signed by Slack, and that nothing that a stranger sends is more than refused."""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest

from approvals.channels.slack.signing import (
    LARGEST_BODY,
    Accepted,
    Headers,
    NotSlack,
    Signatures,
)
from approvals.errors import ChannelDefinitionError

NOW = datetime(2026, 3, 4, 10, 2, tzinfo=UTC)
SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
NEXT = "another-secret"
BODY = b"payload=%7B%22type%22%3A%22block_actions%22%7D"
STAMP = "X-Slack-Request-Timestamp"
SIGN = "X-Slack-Signature"


def signature(body: bytes = BODY, *, stamp: str, secret: str = SECRET) -> str:
    """What Slack documents: HMAC-SHA256 over version, timestamp and raw body."""
    signed = f"v0:{stamp}:".encode() + body
    return "v0=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def headers(body: bytes = BODY, *, at: datetime = NOW, secret: str = SECRET) -> dict[str, str]:
    stamp = str(int(at.timestamp()))
    return {STAMP: stamp, SIGN: signature(body, stamp=stamp, secret=secret)}


def signatures(*secrets: str) -> Signatures:
    return Signatures(secrets or (SECRET,), now=lambda: NOW)


def test_what_slack_signed_is_accepted() -> None:
    assert isinstance(signatures().check(BODY, headers()), Accepted)


def test_the_names_of_headers_may_be_written_in_any_case_and_come_as_pairs_of_bytes() -> None:
    pairs = [(key.lower().encode(), value.encode()) for key, value in headers().items()]
    assert isinstance(signatures().check(BODY, pairs), Accepted)


def test_the_body_counts_as_bytes_were_it_ever_so_slightly_changed() -> None:
    assert isinstance(signatures().check(BODY + b"\n", headers()), NotSlack)


@pytest.mark.parametrize("secret", [SECRET, NEXT])
def test_both_secrets_count_while_they_are_changed(secret: str) -> None:
    assert isinstance(signatures(SECRET, NEXT).check(BODY, headers(secret=secret)), Accepted)


def test_a_secret_that_was_taken_out_counts_no_more() -> None:
    assert isinstance(signatures(NEXT).check(BODY, headers()), NotSlack)


@pytest.mark.parametrize("seconds", [-300, -299, 0, 299, 300])
def test_a_request_of_the_last_and_next_five_minutes_is_accepted(seconds: int) -> None:
    sent = headers(at=NOW + timedelta(seconds=seconds))
    assert isinstance(signatures().check(BODY, sent), Accepted)


@pytest.mark.parametrize("seconds", [-301, 301, -86_400, 10**9])
def test_a_request_from_further_away_is_refused_and_the_clock_is_named(seconds: int) -> None:
    found = signatures().check(BODY, headers(at=NOW + timedelta(seconds=seconds)))
    assert isinstance(found, NotSlack)
    assert "clock" in found.why


def test_the_same_request_has_the_same_replay_key_and_another_another() -> None:
    first, again = (signatures().check(BODY, headers()) for _ in range(2))
    other = signatures().check(b"payload=1", headers(b"payload=1"))
    assert isinstance(first, Accepted)
    assert isinstance(again, Accepted)
    assert isinstance(other, Accepted)
    assert first.replay_key == again.replay_key != other.replay_key
    assert first.replay_key == hashlib.sha256(headers()[SIGN].encode()).hexdigest()


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_a_request_need_not_be_remembered_longer_than_it_is_accepted(seconds: int) -> None:
    sent = headers(at=NOW + timedelta(seconds=seconds))
    found = signatures().check(BODY, sent)
    assert isinstance(found, Accepted)
    later = Signatures((SECRET,), now=lambda: found.remember_until)
    assert isinstance(later.check(BODY, sent), NotSlack)
    assert found.sent_at == NOW + timedelta(seconds=seconds)


def forged(stamp: object = None, sign: object = None) -> object:
    """Headers that are right but for what is given; an empty text takes the place of None."""
    right = headers()
    return {
        STAMP: right[STAMP] if stamp is None else stamp,
        SIGN: right[SIGN] if sign is None else sign,
    }


_MALFORMED: list[object] = [
    forged("abc"),
    forged(""),
    forged("123.0"),
    forged("9" * 5000),
    forged("9" * 12),
    forged("-5"),
    forged("+5"),
    forged(" 5"),
    forged("1_0"),
    forged("\u0661\u0662"),  # digits, but not ours
    forged(headers()[STAMP] + "\n"),
    forged(sign=""),
    forged(sign="v0=" + "é" * 64),
    forged(sign="v0=" + "0" * 63),
    forged(sign=headers()[SIGN].upper()),
    forged(sign=headers()[SIGN] + "\n"),
    forged(sign="v1=" + "0" * 64),
    forged(sign="v0=" + "0" * 64),
    forged([headers()[STAMP]]),
    forged(sign=[headers()[SIGN]]),
    forged(5),
    forged(b"\xff"),
    {},
    {STAMP: headers()[STAMP]},
    {SIGN: headers()[SIGN]},
    [],
    [*headers().items(), *headers().items()],
    [*headers().items(), (SIGN.lower(), "v0=")],
    ["ab", 7, (1, 2, 3), (None, None)],
    None,
    7,
]


@pytest.mark.parametrize("given", _MALFORMED)
def test_headers_of_any_other_form_are_refused_and_raise_nothing(given: Headers) -> None:
    assert isinstance(signatures().check(BODY, given), NotSlack)


def test_a_body_that_is_no_text_is_refused_even_with_a_signature_that_fits() -> None:
    body = b"payload=\xff\xfe"
    assert isinstance(signatures().check(body, headers(body)), NotSlack)


def test_a_body_of_64_kib_is_accepted_and_a_byte_more_is_refused_as_too_large() -> None:
    body = b"x" * LARGEST_BODY
    assert isinstance(signatures().check(body, headers(body)), Accepted)
    found = signatures().check(body + b"x", headers(body + b"x"))
    assert isinstance(found, NotSlack)
    assert found.is_too_large


@pytest.mark.parametrize("given", _MALFORMED)
def test_a_refusal_quotes_nothing_that_came_from_outside(given: Headers) -> None:
    found = signatures().check(b"payload=hello-there", given)
    assert isinstance(found, NotSlack)
    assert "hello-there" not in found.why
    assert headers()[SIGN] not in found.why


@pytest.mark.parametrize("secrets", [(), ("",), ("  ",), (SECRET, ""), (SECRET, NEXT, "third")])
def test_no_secret_a_blank_one_and_a_third_are_errors_that_say_where_it_is_found(
    secrets: tuple[str, ...],
) -> None:
    with pytest.raises(ChannelDefinitionError, match="Basic Information") as refused:
        Signatures(secrets, now=lambda: NOW)
    assert SECRET not in str(refused.value)


def test_a_secret_is_not_shown() -> None:
    assert SECRET not in repr(signatures())


def test_a_request_is_remembered_while_a_clock_is_set_forward_and_back() -> None:
    found = signatures().check(BODY, headers())
    assert isinstance(found, Accepted)
    assert found.remember_until >= NOW + timedelta(hours=1)
