"""What a person reads where code and journal part."""

from sagas import divergence
from sagas import entries as e
from sagas.errors import Misfit, PayloadError
from sagas.fold import fold
from sagas.state import SagaState


def state() -> SagaState:
    """A saga that made four calls, the last of them in a branch."""
    found: list[e.Entry] = [
        e.Started(saga="travel.trip", version=1, starter="ana"),
        _intended("trip/book#1", 1, b'{"city":"Oslo","nights":2}'),
        e.Recorded(path="trip/now#1", ordinal=2, what="now", payload=b"1"),
        e.TimerSet(path="trip/event-paid#1", ordinal=3, what="paid"),
        e.SavepointSet(path="trip/lodging#1", ordinal=4),
        e.TimerSet(path="trip/sleep#1", ordinal=5, what="sleep", until=1),
        _intended("trip/1.2:book#1", 1, b'{"city":"Rome","nights":1}'),
    ]
    return fold("s", [(seq, seq, entry) for seq, entry in enumerate(found, start=1)])


def _intended(path: str, ordinal: int, arguments: bytes) -> e.Intended:
    return e.Intended(
        path=path,
        ordinal=ordinal,
        action="travel.book",
        version=1,
        reversibility="compensatable",
        attempt=1,
        key="k",
        generation=0,
        latest_end=1,
        payload=arguments,
    )


def lines(text: str) -> list[str]:
    return text.splitlines()


def test_another_call_is_shown_below_the_recorded_one_with_what_came_before() -> None:
    told = divergence.other_call(state(), "trip", 3, 'sagas.event("sent")', "trip/event-sent#1")
    assert lines(told) == [
        "call 3 of trip was trip/event-paid#1, and is trip/event-sent#1 now",
        '  1  travel.book version 1  {"city":"Oslo","nights":2}',
        "  2  sagas.now()",
        '- 3  sagas.event("paid")',
        '+ 3  sagas.event("sent")',
        "     … and 2 recorded calls after it",
    ]


def test_a_missing_call_is_shown_with_the_new_one_and_its_place() -> None:
    told = divergence.new_call(state(), "trip/1.2:", 1, "sagas.uuid()", "trip/uuid#1")
    assert (
        lines(told)[0]
        == "trip/uuid#1 is new, but the recorded trip/1.2:book#1 was not called again"
    )
    assert lines(told)[1].startswith("- 1  travel.book version 1")
    assert lines(told)[2].endswith("sagas.uuid()  at trip/uuid#1")


def test_an_early_end_is_shown_as_such() -> None:
    told = divergence.ended_early(state(), "trip", 5)
    assert lines(told)[-2:] == ["- 5  sagas.sleep()", "+    the body returns"]
    told = divergence.ended_early(state(), "trip", 5, "ValueError: too\nearly")
    assert lines(told)[-1] == "+    the body is left by ValueError: too early"


def test_of_other_arguments_each_member_that_differs_is_shown() -> None:
    told = divergence.other_arguments(state(), "trip/book#1", b'{"city":"Oslo","nights":3}')
    assert lines(told)[1:] == ['  city    "Oslo"', "- nights  2", "+ nights  3"]


def test_a_block_and_a_wait_are_named_as_they_are_written() -> None:
    assert divergence.recorded_label(state(), "trip/lodging#1") == 'savepoint("lodging")'
    assert divergence.recorded_label(state(), "trip/sleep#1") == "sagas.sleep()"


def test_members_of_lists_and_of_members_are_compared_one_by_one() -> None:
    error = Misfit("x", "changed", b'{"a":{"b":[1,2]},"c":[]}', b'{"a":{"b":[1,3]},"c":[]}')
    assert lines(divergence.misfit(error))[1:] == [
        "  a.b[0]  1",
        "  c       []",
        "- a.b[1]  2",
        "+ a.b[1]  3",
    ]


def test_a_value_that_cannot_be_read_is_shown_above_the_reason() -> None:
    error = Misfit("result of x", "nights: Field required", b'{"days":2}', None)
    assert lines(divergence.misfit(error, "trip/book#1")) == [
        "trip/book#1: the recorded result of x is not what its type says now: nights: Field required",
        "- days  2",
        "+ nights: Field required",
    ]


def test_another_mistake_is_told_in_its_own_words() -> None:
    assert divergence.misfit(PayloadError("nothing was recorded"), "p") == "p: nothing was recorded"


def test_a_long_list_of_members_is_cut_and_says_so() -> None:
    recorded = ("[" + ",".join(map(str, range(40))) + "]").encode()
    error = Misfit("x", "changed", recorded, b"[0]")
    assert lines(divergence.misfit(error))[-1] == "  … and 27 lines more that differ"


def test_a_text_with_line_ends_cannot_pass_for_a_line_of_ours() -> None:
    error = Misfit("x", "bad\n+ approved by ana", b'"a\\n+ b"', None)
    assert all(line[0] in "-+t" for line in lines(divergence.misfit(error)))
    assert len(lines(divergence.misfit(error))) == 3


def test_the_versions_that_are_known_stand_below_the_one_that_is_not() -> None:
    assert lines(divergence.missing_code("a.b", 1, [2, 3])) == [
        "- a.b version 1",
        "+ a.b version 2",
        "+ a.b version 3",
    ]
