"""The hash chain: what was touched is found, and found where it was touched."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagas.chain import Break, Fields, Row, genesis, link, verify

JOURNAL, SAGA = "j-1", "trip-42"
COUNT = 6


def chain(count: int = COUNT, *, journal: str = JOURNAL, saga: str = SAGA) -> list[Row]:
    rows: list[Row] = []
    previous = genesis(journal, saga)
    for seq in range(1, count + 1):
        body, payload = f'{{"n":{seq}}}', None if seq % 2 else f"[{seq}]"
        previous = link(
            previous,
            Fields(
                seq,
                "Recorded",
                1,
                1000 + seq,
                body.encode(),
                None if payload is None else payload.encode(),
            ),
        )
        rows.append(Row(saga, seq, "Recorded", 1, 1000 + seq, body, payload, previous))
    return rows


def check(rows: list[Row], *, head: int | None = COUNT) -> Break | None:
    return verify(JOURNAL, SAGA, rows, head=head)


def test_an_untouched_chain_verifies() -> None:
    assert check(chain()) is None


def test_an_empty_chain_verifies() -> None:
    assert check([], head=0) is None


def test_a_chain_verifies_without_a_head() -> None:
    assert check(chain(), head=None) is None


CHANGES: list[tuple[str, Callable[[Row], Row]]] = [
    ("kind", lambda row: row._replace(kind="Ended")),
    ("version", lambda row: row._replace(version=2)),
    ("instant", lambda row: row._replace(at=row.at + 1)),
    ("body", lambda row: row._replace(body=row.body.replace("n", "m"))),
    ("longer body", lambda row: row._replace(body=row.body + " ")),
    ("payload", lambda row: row._replace(payload="[0]")),
    (
        "payload removed or added",
        lambda row: row._replace(payload="" if row.payload is None else None),
    ),
    ("hash", lambda row: row._replace(hash=row.hash[::-1])),
]


@pytest.mark.parametrize("seq", range(1, COUNT + 1))
@pytest.mark.parametrize("change", [row[1] for row in CHANGES], ids=[row[0] for row in CHANGES])
def test_a_changed_row_is_found(change: Callable[[Row], Row], seq: int) -> None:
    rows = chain()
    rows[seq - 1] = change(rows[seq - 1])
    found = check(rows)

    assert found is not None
    assert found.seq == seq
    assert "was changed after it was written" in found.reason


@given(st.integers(0, COUNT - 1), st.data())
def test_any_changed_character_of_a_body_is_found(index: int, data: st.DataObject) -> None:
    rows = chain()
    row = rows[index]
    place = data.draw(st.integers(0, len(row.body) - 1))
    letter = data.draw(st.characters(codec="utf-8"))
    changed = row.body[:place] + letter + row.body[place + 1 :]
    rows[index] = row._replace(body=changed)

    assert (check(rows) is None) == (changed == row.body)


@pytest.mark.parametrize("seq", range(1, COUNT))
def test_a_deleted_row_is_found(seq: int) -> None:
    rows = chain()
    del rows[seq - 1]

    assert check(rows) == Break(SAGA, seq, f"entry {seq} is missing (found {seq + 1})")


@pytest.mark.parametrize("seq", range(1, COUNT))
def test_a_row_deleted_and_the_rest_renumbered_is_found(seq: int) -> None:
    rows = chain()
    del rows[seq - 1]
    rows = [row._replace(seq=number) for number, row in enumerate(rows, 1)]
    found = check(rows)

    assert found is not None
    assert found.seq == seq


@pytest.mark.parametrize("seq", range(1, COUNT + 1))
def test_an_inserted_row_is_found(seq: int) -> None:
    rows = chain()
    rows.insert(seq - 1, rows[seq - 1])
    rows = [row._replace(seq=number) for number, row in enumerate(rows, 1)]
    found = check(rows, head=COUNT + 1)

    assert found is not None
    assert found.seq == seq + 1


@pytest.mark.parametrize("seq", range(1, COUNT))
def test_two_swapped_rows_are_found(seq: int) -> None:
    rows = chain()
    one, other = rows[seq - 1], rows[seq]
    rows[seq - 1], rows[seq] = other._replace(seq=one.seq), one._replace(seq=other.seq)
    found = check(rows)

    assert found is not None
    assert found.seq == seq


@pytest.mark.parametrize("left", range(COUNT))
def test_a_cut_off_tail_is_found_against_a_head_that_is_known(left: int) -> None:
    found = check(chain()[:left])

    assert found == Break(
        SAGA, left + 1, f"the journal ends at entry {left}, but {COUNT} were written"
    )


def test_a_cut_off_tail_does_not_show_without_a_head() -> None:
    assert check(chain()[:3], head=None) is None


def test_the_rows_of_another_saga_do_not_verify() -> None:
    found = check(chain(saga="trip-43"))

    assert found is not None
    assert found.seq == 1


def test_the_rows_of_another_journal_do_not_verify() -> None:
    assert check(chain(journal="j-2")) is not None


def test_no_payload_and_an_empty_payload_have_different_hashes() -> None:
    start = genesis(JOURNAL, SAGA)

    assert link(start, Fields(1, "Ended", 1, 0, b"{}", None)) != link(
        start, Fields(1, "Ended", 1, 0, b"{}", b"")
    )


def test_a_byte_moved_from_body_to_payload_changes_the_hash() -> None:
    start = genesis(JOURNAL, SAGA)

    assert link(start, Fields(1, "Ended", 1, 0, b"ab", b"c")) != link(
        start, Fields(1, "Ended", 1, 0, b"a", b"bc")
    )


def test_sagas_and_journals_begin_differently() -> None:
    assert len({genesis(j, s) for j in ("a", "ab") for s in ("b", "c", "bc")}) == 6
