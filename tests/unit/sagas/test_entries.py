"""Entries: every kind survives the journal, and what this release cannot read says so."""

import json
import types
import typing
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reversibility import Window
from sagas import entries as entries_module
from sagas.entries import KINDS, Entry, Started, body_of, read
from sagas.errors import Corrupt

TEXT = st.text(st.characters(codec="utf-8"))
BY_TYPE: dict[object, st.SearchStrategy[Any]] = {
    str: TEXT,
    int: st.integers(-(2**63), 2**63 - 1),
    bool: st.booleans(),
    bytes: st.binary(),
    list[str]: st.lists(TEXT),
    list[int]: st.lists(st.integers(0, 2**63 - 1)),
    Window: st.one_of(
        st.builds(
            Window, duration=st.timedeltas(timedelta(microseconds=1), timedelta(days=36_000))
        ),
        st.builds(Window, until=st.just("free_until")),
        st.builds(Window, event=st.just("shipped")),
    ),
    list[object]: st.lists(st.none() | st.booleans() | st.integers() | TEXT),
}


def values(hint: object) -> st.SearchStrategy[Any]:
    members = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    return st.one_of(*(st.none() if m is type(None) else BY_TYPE[m] for m in members))


def entries(kind: type[Entry]) -> st.SearchStrategy[Entry]:
    hints = typing.get_type_hints(kind)
    return st.builds(kind, **{field.name: values(hints[field.name]) for field in fields(kind)})


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.__name__)
@settings(max_examples=25)
@given(data=st.data())
def test_every_kind_survives_the_journal_to_the_byte(
    kind: type[Entry], data: st.DataObject
) -> None:
    entry = data.draw(entries(kind))
    found = read(entry.kind, entry.VERSION, body_of(entry), entry.payload)

    assert found == entry
    assert body_of(found) == body_of(entry)


def test_a_body_is_read_from_text_as_well() -> None:
    assert read("Started", 1, body_of(STARTED).decode(), STARTED.payload) == STARTED


def test_every_kind_of_entry_has_a_tag() -> None:
    defined = [item for item in vars(entries_module).values() if isinstance(item, type)]

    assert set(KINDS.values()) == {kind for kind in defined if issubclass(kind, Entry)} - {Entry}


def test_a_tag_is_the_name_of_the_class() -> None:
    assert {tag: kind.__name__ for tag, kind in KINDS.items()} == {tag: tag for tag in KINDS}


STARTED = Started(saga="travel.trip", version=1, starter="ana", payload=b'{"city":"Rome"}')


def test_the_payload_is_not_in_the_body() -> None:
    assert body_of(STARTED) == b'{"saga":"travel.trip","version":1,"starter":"ana"}'


def test_what_is_none_is_not_in_the_body() -> None:
    failed = KINDS["Failed"](path="p", error="E", message="m")  # type: ignore[call-arg]

    assert json.loads(body_of(failed)) == {"path": "p", "error": "E", "message": "m", "via": "call"}


def test_a_kind_of_one_field_has_a_body_too() -> None:
    fired = KINDS["TimerFired"](path="p")  # type: ignore[call-arg]

    assert body_of(fired) == b'{"path":"p"}'


@pytest.mark.parametrize(
    ("kind", "version"), [("Teleported", 1), ("Started", 2), ("Started", 0), ("Started", -1)]
)
def test_an_unknown_kind_or_version_asks_for_an_upgrade(kind: str, version: int) -> None:
    with pytest.raises(
        Corrupt, match="was not written by this agent-sagas or an older one"
    ) as caught:
        read(kind, version, b"{}", None)

    assert "upgrade" in str(caught.value)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b"{}",
        b'{"saga":1,"version":"x"}',
        b'{"saga":"a"}',
        b"\xff",
    ],
)
@pytest.mark.parametrize("payload", [None, b"1"])
def test_a_body_that_does_not_fit_its_kind_is_corrupt(body: bytes, payload: bytes | None) -> None:
    with pytest.raises(Corrupt, match="an entry of kind 'Started' does not read"):
        read("Started", 1, body, payload)


def test_an_entry_does_not_change() -> None:
    with pytest.raises(AttributeError):
        STARTED.saga = "other"  # type: ignore[misc]


def test_entries_with_other_payloads_differ() -> None:
    assert replace(STARTED, payload=b"1") != STARTED
