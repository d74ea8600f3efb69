"""The oracle finds every defect that is planted in sound books, and blames no sound trip.

That the rules of `sagas.testing.oracles` find what breaks them is tested where they are at home.
"""

from collections.abc import Sequence
from dataclasses import replace

from sagas.entries import (
    Compensated,
    Entry,
    FoundInDoubt,
    InterventionClosed,
    InterventionOpened,
    RollbackBegan,
    RolledBackTo,
    SavepointSet,
    Succeeded,
)
from sagas.model import Direction, Status
from sagas.testing.history import History
from tests.crash import tales
from tests.crash.books import Books, Effect
from tests.crash.oracle import violations, violations_at_rest, violations_at_the_end
from tests.crash.tales import CAR, FLIGHT, HOTEL, MAIL, books, effect, key_of, told


def broken(history: History, books: Books, end: Status = Status.COMPLETED) -> set[str]:
    """The names of the rules that do not hold."""
    return names_of(violations_at_the_end(history, books, end))


def names_of(found: Sequence[str]) -> set[str]:
    return {text.partition(":")[0] for text in found}


def broken_undo(entries: Sequence[Entry], effects: Sequence[Effect]) -> set[str]:
    return broken(told(entries), books(effects), Status.COMPENSATED)


def settled_by_a_person() -> list[Entry]:
    """A trip whose mail was in doubt until somebody looked."""
    doubt = FoundInDoubt(path=MAIL, direction="do", reason="killed", ended=0, observed=False)
    opened = InterventionOpened(
        intervention="i",
        what="in-doubt",
        question="?",
        evidence="",
        choices=["happened"],
        path=MAIL,
    )
    closed = InterventionClosed(intervention="i", choice="happened", by="ana", reason="seen")
    sent = Succeeded(path=MAIL, via="person", payload=b"{}")
    return [*tales.completed()[:-2], doubt, opened, closed, sent, tales.completed()[-1]]


# --- sound ------------------------------------------------------------------------------------


def test_a_sound_trip_that_completed_has_no_violation() -> None:
    assert (
        violations_at_the_end(told(tales.completed()), books(tales.sent()), Status.COMPLETED) == []
    )


def test_a_sound_trip_that_was_undone_has_no_violation() -> None:
    assert broken_undo(tales.compensated(), tales.returned()) == set()


def test_a_mail_in_doubt_that_a_person_settled_is_no_violation() -> None:
    assert broken(told(settled_by_a_person()), books(tales.sent())) == set()


def test_a_saga_that_was_never_started_and_did_nothing_is_no_violation() -> None:
    assert violations(History("j", "trip", None, ()), books([])) == []


def test_at_every_entry_of_a_sound_trip_nothing_is_wrong_at_that_moment() -> None:
    entries, effects = tales.compensated(), tales.returned()
    for length in range(1, len(entries)):
        done = {key_of(it.path) for it in entries[:length] if isinstance(it, Succeeded)}
        done |= {
            key_of(it.path, Direction.UNDO)
            for it in entries[:length]
            if isinstance(it, Compensated)
        }
        known = [item for item in effects if item.key in done]
        assert violations(told(entries[:length]), books(known)) == []


def test_a_step_that_begins_after_a_rollback_is_no_violation() -> None:
    path = "book_trip/lodging#1"
    entries = [
        *tales.booked()[:3],
        SavepointSet(path=path, ordinal=2),
        RollbackBegan(path=path, reason="unfit", generation=1),
        RolledBackTo(path=path),
        *tales.booked()[3:],
    ]
    assert violations(told(entries), books(tales.bookings())) == []


def test_a_car_that_was_cancelled_after_the_hotel_is_no_violation() -> None:
    effects = [*tales.bookings(), effect("cancel", HOTEL, 4), effect("cancel", CAR, 5)]
    effects.append(effect("cancel", FLIGHT, 6))
    assert broken_undo(tales.compensated(), effects) == set()


def test_a_saga_at_rest_that_has_not_ended_is_no_violation_if_it_need_not() -> None:
    asked = settled_by_a_person()[:-3]
    assert violations_at_rest(told(asked), books(tales.sent())) == []
    assert broken(told(asked), books(tales.sent())) >= {"it_has_ended"}


# --- spoilt -----------------------------------------------------------------------------------


def test_what_breaks_a_rule_for_every_saga_is_found() -> None:
    entries = [it for it in tales.compensated() if getattr(it, "path", "") != HOTEL]
    assert broken_undo(entries, tales.returned()) >= {"every_effect_was_intended"}


def test_an_end_of_the_wrong_kind_is_found() -> None:
    found = violations_at_the_end(
        told(tales.compensated()), books(tales.returned()), Status.COMPLETED
    )
    assert found == ["it should be completed, and is compensated"]


def test_a_missing_end_is_found() -> None:
    entries = tales.completed()[:-1]
    assert broken(told(entries), books(tales.sent())) >= {"it_has_ended"}


def test_a_refused_call_without_an_intent_is_found() -> None:
    asked = books(tales.sent(), ("of nobody", "book"))
    assert broken(told(tales.completed()), asked) == {"every_request_was_intended"}


def test_a_cancellation_under_the_key_of_a_booking_is_found() -> None:
    effects = [*tales.returned()[:-1], effect("cancel", FLIGHT, 6, key=key_of(FLIGHT))]
    assert "every_request_was_intended" in broken_undo(tales.compensated(), effects)


def test_a_mail_that_was_sent_twice_is_found() -> None:
    effects = [*tales.sent(), effect("mail", MAIL, 5)]
    assert broken(told(tales.completed()), books(effects)) == {
        "no_call_took_effect_twice",
        "the_world_is_as_the_end_says",
    }


def test_a_mail_that_was_not_sent_is_found() -> None:
    assert broken(told(tales.completed()), books(tales.bookings())) == {
        "what_is_said_to_have_happened_did",
        "the_world_is_as_the_end_says",
    }


def test_a_booking_that_is_left_standing_is_found() -> None:
    effects = [it for it in tales.returned() if it.key != key_of(HOTEL, Direction.UNDO)]
    assert broken_undo(tales.compensated(), effects) == {
        "what_is_said_to_have_happened_did",
        "every_effect_is_undone_or_stands_rightly",
        "the_world_is_as_the_end_says",
    }


def test_a_booking_that_was_cancelled_twice_is_found() -> None:
    effects = [*tales.returned(), effect("cancel", HOTEL, 7)]
    found = broken_undo(tales.compensated(), effects)
    assert "a_booking_is_cancelled_by_its_own_undo" in found


def test_a_booking_that_was_cancelled_by_the_undo_of_another_step_is_found() -> None:
    hotel, car = (key_of(path, Direction.UNDO) for path in (HOTEL, CAR))
    effects = [replace(item, key=car) if item.key == hotel else item for item in tales.returned()]
    found = broken_undo(tales.compensated(), effects)
    assert "a_booking_is_cancelled_by_its_own_undo" in found


def test_a_cancelled_booking_of_a_trip_that_completed_is_found() -> None:
    effects = [*tales.sent(), effect("cancel", CAR, 5)]
    found = broken(told(tales.completed()), books(effects))
    assert found >= {"every_effect_was_intended", "the_world_is_as_the_end_says"}


def test_a_flight_that_was_cancelled_before_the_hotel_is_found() -> None:
    undone = [effect("cancel", path, 4) for path in (CAR, FLIGHT, HOTEL)]
    assert broken_undo(tales.compensated(), [*tales.bookings(), *undone]) == {
        "the_world_saw_the_later_undone_first"
    }


def test_a_result_that_names_another_booking_is_found() -> None:
    effects = [
        replace(item, subject="hotel-2") if item.service == "hotels" else item
        for item in tales.sent()
    ]
    assert broken(told(tales.completed()), books(effects)) == {"the_world_is_as_the_end_says"}
