"""Votes that people give in Slack."""

from tests.slack.desks import Counter


async def test_a_click_on_approve_approves(counter: Counter) -> None:
    message = await counter.asks()
    await counter.ben.click(message, "Approve")
    assert await counter.state() == "approved"


async def test_whoever_approves_is_told_that_it_counts(counter: Counter) -> None:
    message = await counter.asks()
    outcome = await counter.ben.click(message, "Approve")
    assert await outcome.told() == "Your approval counts: it is approved, and runs."


async def test_a_rejection_asks_for_its_reason_first(counter: Counter) -> None:
    message = await counter.asks()
    await counter.rejects(counter.ben, message, "too dear")
    gate = await counter.gate()
    assert (gate.state.value, gate.reason) == ("rejected", "too dear")
