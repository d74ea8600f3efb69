"""Interventions that people answer in Slack."""

import json

from tests.slack.desks import Counter, words_of
from tests.web import shop


async def opened(counter: Counter, choice: str = "Not happened") -> None:
    await counter.opens(counter.ben, await counter.wonders(), choice)
    counter.ben.fill("reason", "the bank says so")


async def test_the_form_says_what_each_answer_means(counter: Counter) -> None:
    await opened(counter)
    assert "Not happened: the call took no effect" in words_of(counter.ben.modal)


async def test_what_an_undo_left_is_shown_and_accepted(counter: Counter) -> None:
    message = await counter.wonders(saga=shop.lend_out)
    assert "a lamp has a scratch (25 EUR)" in json.dumps(message.blocks)
    await counter.opens(counter.ben, message, "Accept")
    assert "Accept: what remains is accepted" in words_of(counter.ben.modal)
    counter.ben.fill("reason", "it is small")
    await counter.ben.submit()
    question = await counter.question()
    assert (question.choice, question.by, question.channel) == ("accept", "ben", "slack")


async def test_an_answer_is_on_record_with_who_gave_it_and_where(counter: Counter) -> None:
    await opened(counter)
    await counter.ben.submit()
    question = await counter.question()
    assert (question.state, question.by, question.reason) == ("answered", "ben", "the bank says so")


async def test_whoever_answers_is_told_that_it_counts(counter: Counter) -> None:
    await opened(counter)
    outcome = await counter.ben.submit()
    assert await outcome.told() == "Your answer counts, and the saga goes on."


async def test_a_result_is_given_as_json(counter: Counter) -> None:
    await opened(counter, "Happened")
    counter.ben.fill("result", '"charged"')
    await counter.ben.submit()
    assert (await counter.question()).state == "answered"


async def test_a_result_that_is_none_is_refused_beside_its_field(counter: Counter) -> None:
    await opened(counter, "Happened")
    counter.ben.fill("result", "{")
    outcome = await counter.ben.submit()
    [label] = outcome.errors
    assert (label.startswith("The result"), (await counter.question()).state) == (True, "open")


async def test_a_result_that_is_missing_is_asked_for(counter: Counter) -> None:
    await opened(counter, "Happened")
    outcome = await counter.ben.submit()
    assert (len(outcome.errors), (await counter.question()).state) == (1, "open")


async def test_a_blank_reason_is_no_answer(counter: Counter) -> None:
    await opened(counter)
    counter.ben.fill("reason", " ")
    outcome = await counter.ben.submit()
    assert list(outcome.errors.values()) == ["A reason is missing: say why."]


async def test_what_was_answered_meanwhile_is_told_in_the_form(counter: Counter) -> None:
    await opened(counter)
    question = await counter.question()
    await counter.coordinator.resolve(question.id, "unwind", reason="give up", by="cy")
    outcome = await counter.ben.submit()
    [told] = outcome.errors.values()
    assert told.startswith("Already answered by cy at ")


async def test_what_was_answered_before_opens_no_form(counter: Counter) -> None:
    payload = counter.clicked(counter.ben, await counter.wonders(), "Retry")
    question = await counter.question()
    await counter.coordinator.resolve(question.id, "unwind", reason="give up", by="cy")
    await counter.takes(payload)
    assert counter.ben.ephemerals[-1].startswith("Already answered by cy at ")
    assert counter.ben.modal is None


async def test_a_guest_answers_nothing(counter: Counter) -> None:
    message = await counter.wonders()
    counter.ben.change(guest=True)
    outcome = await counter.ben.click(message, "Retry")
    assert await outcome.told() == "You are a guest here, and guests do not decide."


async def test_whoever_was_deactivated_while_a_form_was_open_answers_nothing(
    counter: Counter,
) -> None:
    await opened(counter)
    counter.ben.change(deleted=True)
    outcome = await counter.ben.submit()
    assert list(outcome.errors.values()) == [
        "This account is deactivated, so that it decides nothing."
    ]
    assert (await counter.question()).state == "open"
