"""A digest stands for one subject and for no other."""

import hashlib
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals.subject import GateSubject
from tests.unit.approvals.builders import subject

# Few letters and short texts: the same text, and the same text cut elsewhere, come up often.
texts = st.text(alphabet="a1/\ud800", max_size=3)
numbers = st.integers(0, 12)
subjects = st.builds(
    GateSubject,
    journal_id=texts,
    saga_id=texts,
    path=texts,
    direction=st.sampled_from(["do", "undo"]),
    generation=numbers,
    revision=numbers,
    action=texts,
    action_version=numbers,
    arguments=st.binary(max_size=3),
    policy_version=texts,
)


@given(subjects, subjects)
def test_two_subjects_are_equal_exactly_where_their_digests_are(
    one: GateSubject, other: GateSubject
) -> None:
    assert (one == other) == (one.digest() == other.digest())


@given(subjects, st.data())
def test_moving_letters_to_a_neighbouring_field_changes_the_digest(
    one: GateSubject, data: st.DataObject
) -> None:
    whole = one.saga_id + one.path
    at = data.draw(st.integers(0, len(whole)))
    other = replace(one, saga_id=whole[:at], path=whole[at:])
    assert (one == other) == (one.digest() == other.digest())


@given(subjects)
def test_an_equal_subject_has_an_equal_digest(one: GateSubject) -> None:
    assert replace(one).digest() == one.digest()


def changes() -> list[GateSubject]:
    one = subject()
    return [
        replace(one, journal_id="journal-2"),
        replace(one, saga_id="trip-43"),
        replace(one, path="book_trip/5:email_itinerary#1"),
        replace(one, direction="undo"),
        replace(one, generation=1),
        replace(one, revision=2),
        replace(one, action="travel.email_invoice"),
        replace(one, action_version=2),
        replace(one, arguments=b"{}"),
        replace(one, policy_version="0"),
    ]


@pytest.mark.parametrize("changed", changes())
def test_a_change_of_any_field_changes_the_digest(changed: GateSubject) -> None:
    assert changed.digest() != subject().digest()


def test_no_field_is_left_out_of_the_changes() -> None:
    assert len(changes()) == len(fields(GateSubject))


def test_a_digest_is_a_sha256_in_hexadecimal_over_a_domain_of_its_own() -> None:
    digest = subject().digest()
    assert len(bytes.fromhex(digest)) == hashlib.sha256().digest_size


def test_the_digest_stays_what_stored_gates_were_given() -> None:
    assert subject().digest() == (
        "65a142b8a012399120a53d30e34c8452ff26704a7b7b8505e51068a8543c770b"
    )
