"""T12: what people read of the journal and of the log has no tokens and no declared secrets."""

import json
import logging
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagas.discreet import (
    Discretion,
    discreet,
    logging_without,
    redaction_of,
    without_secrets,
)
from sagas.entries import Ended, Entry, Failed, GateOpened, Intended, Started, Succeeded

TOKEN = "ghp_" + "a1B2" * 9
KEY = "journal-1"


def logged(message: str, *args: object, error: Exception | None = None) -> str:
    info = (type(error), error, None) if error is not None else None
    record = logging.LogRecord("sagas", logging.INFO, "x.py", 1, message, args, info)
    assert Discretion().filter(record)
    return logging.Formatter().format(record)


def test_t12_a_token_in_a_message_is_not_logged() -> None:
    assert logged("called with %s", TOKEN) == "called with [redacted: token]"


def test_t12_a_token_in_a_traceback_is_not_logged() -> None:
    text = logged("it failed", error=ValueError(f"refused: {TOKEN}"))
    assert TOKEN not in text
    assert "ValueError: refused: [redacted: token]" in text


def test_t12_what_has_no_token_is_logged_as_it_is() -> None:
    assert logged("%s: %d of %s", "t1", 3, "50%") == "t1: 3 of 50%"


def intended(payload: bytes, *places: str) -> Intended:
    return Intended(
        path="s/a#1",
        ordinal=1,
        action="t.a",
        version=1,
        reversibility="irreversible",
        attempt=1,
        key="k",
        generation=0,
        latest_end=0,
        payload=payload,
        sensitive=list(places) or None,
    )


def test_t12_a_declared_secret_is_not_in_the_history() -> None:
    shown = discreet(intended(b'{"pin":"1111","to":"eve"}', "/pin"), KEY)
    arguments = json.loads(shown.payload or b"")
    assert arguments["to"] == "eve"
    assert arguments["pin"].startswith("[redacted: text, 4 characters")


def test_t12_a_token_is_in_no_text_of_an_entry() -> None:
    failed = Failed(path="s/a#1", error="Refused", message=f"bad token {TOKEN}")
    assert TOKEN not in discreet(failed, KEY).message
    result = Succeeded(path="s/a#1", payload=json.dumps({"got": TOKEN}).encode())
    assert TOKEN.encode() not in (discreet(result, KEY).payload or b"")


def test_t12_a_result_can_be_secret_as_a_whole() -> None:
    shown = discreet(Succeeded(path="s/a#1", payload=b'"1111"', sensitive=[""]), KEY)
    assert b"1111" not in (shown.payload or b"")


def test_t12_the_words_about_why_are_looked_at_too() -> None:
    opened = GateOpened(
        gate="g",
        path="s/a#1",
        direction="do",
        ordinal=1,
        action="t.a",
        version=1,
        generation=0,
        digest="d",
        deadline=0,
        by="anyone",
        because=f"they sent {TOKEN}",
    )
    assert TOKEN not in (discreet(opened, KEY).because or "")


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers())
def test_t12_what_has_no_secret_keeps_its_bytes(number: float) -> None:
    payload = json.dumps({"fare": number}).encode()
    entry = intended(payload, "/pin")
    assert discreet(entry, KEY) is entry or discreet(entry, KEY).payload == payload


@pytest.mark.parametrize("digits", [b"1e2", b"100000000000000000000.10", b"1.0"])
def test_t12_no_digit_of_a_number_is_lost(digits: bytes) -> None:
    payload = b'{"fare":' + digits + b"}"
    assert discreet(intended(payload, "/pin"), KEY).payload == payload


def test_t12_a_result_is_read_without_what_an_argument_declares() -> None:
    entries: list[tuple[int, int, Entry]] = [
        (1, 0, intended(b'{"pin":"seven-eleven"}', "/pin")),
        (2, 0, Succeeded(path="s/a#1", payload=b'{"note":"by seven-eleven"}')),
        (3, 0, Failed(path="s/a#1", error="E", message="no seven-eleven", data=["seven-eleven"])),
    ]
    shown = without_secrets(entries, redaction_of(entries, KEY))
    assert "seven-eleven" not in str(shown)


def test_t12_a_before_image_is_read_without_its_secrets() -> None:
    entry = replace(intended(b"{}"), before='{"was":"1111","of":"eve"}', sensitive_before=["/was"])
    shown = discreet(entry, KEY).before or ""
    assert "1111" not in shown
    assert "eve" in shown


def test_t12_names_and_states_stay_as_they_are() -> None:
    entries: list[tuple[int, int, Entry]] = [
        (1, 0, intended(b'{"pin":"s/a#1"}', "/pin")),
        (2, 0, Ended(status="completed")),
        (
            3,
            0,
            Started(saga="t.a", version=1, starter="ana", payload=b'"completed"', sensitive=[""]),
        ),
    ]
    shown = without_secrets(entries, redaction_of(entries, KEY))
    assert shown[0][2].path == "s/a#1"  # type: ignore[attr-defined]
    assert shown[1][2] == entries[1][2]


def test_t12_what_is_logged_in_a_saga_has_no_secret_of_it() -> None:
    redaction = redaction_of([(1, 0, intended(b'{"pin":"seven-eleven"}', "/pin"))], KEY)
    with logging_without(lambda: redaction):
        text = logged("called with %s", "seven-eleven", error=ValueError("seven-eleven"))
    assert "seven-eleven" not in text
    assert "seven-eleven" in logged("called with %s", "seven-eleven")
