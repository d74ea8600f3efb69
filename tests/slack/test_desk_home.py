"""The home page of the app: what waits for whoever looks, and what they decided."""

from datetime import timedelta

from approvals.delegation import delegation
from approvals.testing import Person
from tests.slack.desks import PAYMENT, Counter, settle, transfer, words_of
from tests.web import shop


async def opened(counter: Counter, person: Person) -> str:
    await person.open_home()
    await counter.settled()
    return words_of(person.home)


async def test_it_shows_what_a_person_can_decide(counter: Counter) -> None:
    await counter.asks()
    assert "shop.mail" in await opened(counter, counter.ben)


async def test_it_shows_nothing_that_is_for_others(counter: Counter) -> None:
    await counter.asks()
    assert "Nothing waits for you." in await opened(counter, counter.dee)


async def test_it_shows_what_a_person_can_decide_for_somebody_else(counter: Counter) -> None:
    await counter.asks()
    now = counter.coordinator.now()
    ana = counter.coordinator.identify("slack", "T1/U1")
    until = now + timedelta(days=1)
    made = delegation(id="d-1", by=ana, to="dee", now=now, until=until, reason="away")
    await counter.coordinator.delegate(made, by=ana)
    assert "shop.mail" in await opened(counter, counter.dee)


async def test_it_shows_what_a_person_can_decide_as_a_member_of_a_user_group(
    counter: Counter,
) -> None:
    await counter.asks(transfer, PAYMENT)
    assert "till.wire" in await opened(counter, counter.ben)


async def test_what_ends_first_comes_first(counter: Counter) -> None:
    await counter.asks(settle, PAYMENT)
    await counter.asks(shop.announce, id="summer")
    words = await opened(counter, counter.ben)
    assert words.index("till.pay") < words.index("shop.mail")


async def test_it_shows_interventions_to_everybody(counter: Counter) -> None:
    await counter.wonders()
    assert "sagas.answer" in await opened(counter, counter.dee)


async def test_a_decision_moves_a_gate_to_what_was_decided(counter: Counter) -> None:
    message = await counter.asks(settle, PAYMENT)
    await counter.coordinator.reject((await counter.gate()).id, by="ben", reason="no")
    words = await opened(counter, counter.ben)
    assert message.blocks
    assert words.index("What you decided") < words.index("till.pay")


async def test_a_home_page_that_is_looked_at_is_made_anew_after_a_decision(
    counter: Counter,
) -> None:
    message = await counter.asks()
    await opened(counter, counter.ben)
    await counter.ben.click(message, "Approve")
    await counter.settled()
    assert "Nothing waits for you." in words_of(counter.ben.home)


async def test_a_home_page_that_nobody_looked_at_is_not_made(counter: Counter) -> None:
    await counter.ben.click(await counter.asks(), "Approve")
    await counter.settled()
    assert counter.slack.called("views.publish") == []


async def test_a_guest_is_told_why_the_page_is_empty(counter: Counter) -> None:
    counter.ben.change(guest=True)
    assert "You are a guest here" in await opened(counter, counter.ben)


async def test_everything_of_a_gate_opens_from_the_home_page(counter: Counter) -> None:
    await counter.asks()
    await opened(counter, counter.ben)
    view = await counter.opens(counter.ben, counter.ben.home, "Details")
    await counter.ben.click(view, "Approve")
    assert await counter.state() == "approved"


async def test_a_rejection_from_the_home_page_is_told_in_the_form(counter: Counter) -> None:
    await counter.asks()
    await opened(counter, counter.ben)
    view = await counter.opens(counter.ben, counter.ben.home, "Details")
    await counter.opens(counter.ben, view, "Reject")
    counter.ben.fill("reason", "no")
    outcome = await counter.ben.submit()
    assert "Rejected: it does not run." in words_of(outcome.modal)


async def test_an_intervention_is_answered_from_the_home_page(counter: Counter) -> None:
    await counter.wonders()
    await opened(counter, counter.ben)
    await counter.opens(counter.ben, counter.ben.home, "Answer")
    counter.ben.fill("choice", "Unwind")
    counter.ben.fill("reason", "give up")
    await counter.ben.submit()
    assert (await counter.question()).choice == "unwind"


async def test_other_tabs_are_none_of_its_business(counter: Counter) -> None:
    told = {"type": "app_home_opened", "user": "U2", "channel": "DU2", "tab": "messages"}
    await counter.slack.emit(told)
    await counter.settled()
    assert counter.slack.called("views.publish") == []
