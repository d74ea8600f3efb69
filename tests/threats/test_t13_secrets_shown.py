"""T13: secrets are shown as kind, length and keyed hash, in every form, and hide nothing else."""

import json
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from approvals import Sensitive
from approvals.presentation import present
from approvals.redaction import Known, Redaction
from approvals.rendering import render_html, render_text
from approvals.stakes import Stakes
from sagas import Catalog, DefinitionError, Reversibility
from sagas.authoring.action import Action
from sagas.errors import PayloadError
from tests.threats.views import of
from tests.unit.approvals.builders import NOW, pending

TOKENS = {
    "a model provider's": "sk-" + "a1B2" * 10,
    "a forge's": "ghp_" + "a1B2" * 9,
    "a chat's": "xoxb-" + "1234567890-abcdef",
    "a cloud's": "AKIA" + "ABCDEFGH12345678",
    "a payment provider's": "sk_live_" + "a1B2c3D4" * 3,
    "a web token": "eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJl",
    "a bearer's": "dGhpcyBpcyBhIHRva2Vu",
    "a private key": "-----BEGIN EC PRIVATE KEY-----\n"
    + "Ab1+" * 12
    + "\n-----END EC PRIVATE KEY-----",
}


class Card(BaseModel):
    number: Annotated[str, Sensitive()]
    holder: str


class Guest(BaseModel):
    name: str
    passports: list[Annotated[str, Sensitive()]] = []
    friends: "list[Guest]" = []


def action(fn: Any, **options: Any) -> Action[..., Any]:
    made: Action[..., Any] = Catalog("t").action(reversibility=Reversibility.READ_ONLY, **options)(
        fn
    )
    return made


async def pay(card: Card, by: dict[str, Card], note: str | None = None) -> None:
    pass


async def host(guest: Guest) -> None:
    pass


def test_t13_marked_types_are_found_wherever_they_are_nested() -> None:
    assert action(pay).sensitive == ("/by/*/number", "/card/number")


def test_t13_a_type_that_holds_itself_is_hidden_from_its_second_level_on() -> None:
    assert action(host).sensitive == ("/guest/friends/*", "/guest/passports/*")


def test_t13_places_can_be_declared_by_name() -> None:
    declared = ["note", "by.*.holder"]
    assert action(pay, sensitive=declared).sensitive == (
        *("/by/*/holder", "/by/*/number", "/card/number", "/note"),
    )


def test_t13_a_declared_place_begins_with_an_input() -> None:
    with pytest.raises(DefinitionError, match="begins with no input"):
        action(pay, sensitive=["nothing.here"])


@given(st.text(min_size=1, max_size=40))
def test_t13_a_declared_secret_is_in_no_form_of_the_gate(secret: str) -> None:
    kept = f"\u2603{secret}\u2603"
    shown = of({"card": {"number": kept}}, stakes=Stakes(sensitive=("/card/number",)), whole=True)
    (fact,) = shown.facts
    assert fact.is_secret
    assert fact.value.startswith(f"[redacted: text, {len(kept)} characters, hmac ")
    for rendered in (render_text(shown), render_html(shown)):
        assert "\u2603" not in rendered


@pytest.mark.parametrize("token", TOKENS.values(), ids=TOKENS)
def test_t13_a_token_is_found_wherever_it_stands(token: str) -> None:
    shown = of(
        {"body": f"use Bearer {token} please", f"Bearer {token}": "x"},
        because=f"Bearer {token}",
        whole=True,
    )
    for rendered in (render_text(shown), render_html(shown)):
        assert token.rsplit("\n", maxsplit=1)[-1] not in rendered.replace("\n      | ", "")
        assert "please" in rendered
    assert "[redacted: token" in render_text(shown)


def test_t13_a_password_in_a_url_is_hidden_and_the_host_is_not() -> None:
    (fact,) = of({"url": "https://eve:hunter2@example.org/x"}).facts
    assert "hunter2" not in fact.value
    assert fact.value.endswith("]@example.org/x")


def test_t13_equal_secrets_look_equal_in_one_journal_and_different_in_another() -> None:
    one, other = Redaction("journal-1"), Redaction("journal-2")
    assert one.stand_in("1234") == one.stand_in("1234")
    assert one.stand_in("1234") != one.stand_in("1235")
    assert one.stand_in("1234") != other.stand_in("1234")


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("ab", "text, 2 characters"),
        ("x", "text, 1 character"),
        (1234, "number, 4 characters"),
        (True, "truth value, 4 characters"),
        (None, "nothing, 4 characters"),
        ([1, 2], "list, 2 members"),
        ({"a": 1}, "object, 1 member"),
    ],
)
def test_t13_the_kind_and_the_length_are_told(value: object, told: str) -> None:
    assert Redaction("j").stand_in(value).startswith(f"[redacted: {told}, hmac ")


def test_t13_the_digest_is_over_the_real_values() -> None:
    gates = [pending(arguments=json.dumps({"pin": pin}).encode()) for pin in ("1", "2")]
    assert gates[0].digest != gates[1].digest


def test_t13_an_edit_of_a_secret_shows_that_it_changed_and_not_to_what() -> None:
    from dataclasses import replace

    gate = replace(pending(arguments=b'{"pin":"2222"}'), stakes=Stakes(sensitive=("/pin",)))
    [change] = present(gate, now=NOW, key="j", former=b'{"pin":"1111"}').changes
    assert change.before != change.after
    assert "1111" not in str(change)
    assert "2222" not in str(change)


def test_t13_a_secret_that_is_nested_too_deep_to_be_shown_is_no_whole_view() -> None:
    document: object = {"pin": "1111", "to": "mallory"}
    for _ in range(9):
        document = {"in": document}
    stakes = Stakes(sensitive=("/in" * 9 + "/pin",))
    shown = of(document, stakes=stakes)
    assert "1111" not in render_text(shown)
    assert not shown.complete
    whole = of(document, stakes=stakes, whole=True)
    assert "1111" not in render_text(whole)
    assert "mallory" in render_text(whole)


@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), st.text("ab c", max_size=30)))
def test_t13_nothing_is_hidden_that_is_no_secret(arguments: dict[str, str]) -> None:
    shown = of(arguments, stakes=Stakes(sensitive=("/pin",)), whole=True)
    assert "[redacted:" not in render_text(shown)
    assert Redaction("j", ("/pin",)).value(arguments) == arguments


def test_t13_a_message_cannot_be_hidden_in_the_shape_of_a_key() -> None:
    body = "-----BEGIN PRIVATE KEY-----\nsend all of it to mallory\n-----END PRIVATE KEY-----"
    (fact,) = of({"body": body}).facts
    assert "send all of it to mallory" in fact.value


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["pin", "a", "b"]), inner, max_size=3)
        ),
        max_leaves=8,
    )
)
def test_t13_text_and_json_hide_the_same(document: object) -> None:
    redaction = Redaction("j", ("/pin", "/a/*", "/b/pin"))
    given_in = {"a": document, "b": document, "pin": document}
    stakes = Stakes(sensitive=redaction.places)
    found = json.dumps(redaction.value(given_in))
    shown = present(_with(given_in, stakes), now=NOW, key="j", whole=True)
    hidden = sum(fact.is_secret for fact in shown.facts)
    assert found.count("[redacted:") == hidden


def _with(arguments: object, stakes: Stakes) -> Any:
    from dataclasses import replace

    return replace(pending(arguments=json.dumps(arguments).encode()), stakes=stakes)


QUOTED = ["{}", "refused: {}!", "<{}>"]


@given(st.text(min_size=8, max_size=30), st.sampled_from(QUOTED), st.booleans())
def test_t13_a_known_secret_is_found_in_words(secret: str, words: str, as_python: bool) -> None:
    kept = f"\u2603{secret}\u2603"
    text = words.format(repr(kept) if as_python else kept)
    shown = Redaction("j", known=Known([kept])).masked(text)
    assert "\u2603" not in shown
    assert Redaction("j").stand_in(kept) in shown


@pytest.mark.parametrize(
    ("secret", "text", "is_found"),
    [
        ("4711", "pin 4711, please", True),
        ("4711", "order 947113", False),
        ("411", "pin 411", False),
        ("12345678", "card12345678x", True),
        (90210, "zip=90210", True),
        (True, "it is true", False),
        (None, "null and none", False),
        ('say "hi" now', 'ValueError: {"to": "say \\"hi\\" now"}', True),
    ],
)
def test_t13_a_short_secret_counts_as_a_word_of_its_own(
    secret: object,
    text: str,
    is_found: bool,
) -> None:
    shown = Redaction("j", known=Known([secret])).masked(text)
    assert (shown != text) is is_found


def test_t13_a_token_that_a_known_secret_overlaps_is_hidden_whole() -> None:
    token = TOKENS["a forge's"]
    shown = Redaction("j", known=Known([f"key {token[:12]}"])).masked(f"the key {token} failed")
    assert shown.startswith("the [redacted: token, ")
    assert token[-8:] not in shown
    assert shown.endswith(" failed")


def test_t13_no_argument_is_hidden_by_a_secret_of_the_same_text() -> None:
    arguments = {"memo": "to mallory", "to": "to mallory"}
    shown = of(arguments, because="to mallory", stakes=Stakes(sensitive=("/memo",)))
    assert [fact.value for fact in shown.facts if fact.name == "to"] == ["to mallory"]
    assert "mallory" not in str(shown.because)


class Ticket(BaseModel):
    code: Annotated[str, Sensitive()]
    rows: tuple[int, ...] = ()


UNFIT: Any = {"code": "voucher-7", "rows": [1]}


async def ticket() -> Ticket:
    return Ticket(code="")


@pytest.mark.parametrize("wrong", [{"code": "voucher-7"}, Ticket.model_construct(**UNFIT)])
def test_t13_no_error_quotes_a_result_that_cannot_be_stored(wrong: Any) -> None:
    with pytest.raises(PayloadError) as told:
        action(ticket).result.encode(wrong)
    assert "voucher" not in str(told.value)
