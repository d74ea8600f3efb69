"""Votes that people give in Slack."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta

from approvals.delegation import delegation
from tests.slack.desks import PAYMENT, Counter, settle
from tests.web import shop

OTHER = shop.LETTER.model_copy(update={"to": "others@example.org"})


async def edited(counter: Counter) -> None:
    """Have the gate ask about other arguments, as somebody does on the web."""
    gate = await counter.gate()
    text = json.dumps({"letter": OTHER.model_dump()})
    await counter.coordinator.edit(gate.id, text, reason="it is theirs", by="cy", channel="web")


async def test_a_click_on_approve_is_committed_before_it_is_acknowledged(counter: Counter) -> None:
    message = await counter.asks()
    outcome = await counter.ben.click(message, "Approve")
    assert (outcome.acknowledged, await counter.state()) == (True, "approved")


async def test_whoever_approves_is_told_that_it_counts(counter: Counter) -> None:
    outcome = await counter.ben.click(await counter.asks(), "Approve")
    assert await outcome.told() == "Your approval counts: it is approved, and runs."


async def test_whoever_approves_first_of_two_is_told_what_is_still_needed(counter: Counter) -> None:
    outcome = await counter.ben.click(await counter.asks(settle, PAYMENT), "Approve")
    assert await outcome.told() == "Your approval counts; still needed: 1 more of @desk."


async def test_a_vote_says_how_it_came_about(counter: Counter) -> None:
    await counter.ben.click(await counter.asks(), "Approve")
    gate = await counter.gate()
    [vote] = await counter.coordinator.store.votes(gate.id)
    assert (vote.principal, vote.channel) == ("ben", "slack")
    assert (vote.evidence, vote.digest) == ("Slack user T1/U2", gate.digest)
    assert (vote.seen or "").startswith("whole:")
    assert vote.groups == {"desk", "slack:S1"}


async def test_the_same_person_counts_once_however_often_they_click(counter: Counter) -> None:
    message = await counter.asks(settle, PAYMENT)
    await asyncio.gather(*(counter.ben.click(message, "Approve") for _ in range(3)))
    assert await counter.state() == "pending"


async def test_two_people_in_the_same_moment_both_count(counter: Counter) -> None:
    message = await counter.asks(settle, PAYMENT)
    await asyncio.gather(
        counter.ben.click(message, "Approve"), counter.cy.click(message, "Approve")
    )
    assert await counter.state() == "approved"


async def test_who_is_not_asked_is_told_so(counter: Counter) -> None:
    outcome = await counter.dee.click(await counter.asks(), "Approve")
    told = await outcome.told()
    assert (told.startswith("You are not among the approvers"), await counter.state()) == (
        True,
        "pending",
    )


async def test_who_is_not_asked_gets_no_form_for_a_reason(counter: Counter) -> None:
    outcome = await counter.dee.click(await counter.asks(), "Reject")
    assert await outcome.told() == "You are not among those who decide this."
    assert counter.dee.modal is None


async def test_whoever_asked_for_it_does_not_decide_where_duties_are_separate(
    counter: Counter,
) -> None:
    await counter.coordinator.start(shop.clear, shop.LETTER, id="spring", requester="ben")
    await counter.slack.until(lambda: counter.slack.messages("C1"))
    gate = await counter.gate()
    await counter.recorded(gate.id)
    outcome = await counter.ben.click(counter.slack.messages("C1")[0], "Approve")
    assert "somebody else has to decide" in await outcome.told()


async def test_a_rejection_comes_with_its_reason(counter: Counter) -> None:
    outcome = await counter.rejects(counter.ben, await counter.asks(), "too dear")
    gate = await counter.gate()
    assert (gate.state.value, gate.reason) == ("rejected", "too dear")
    assert (outcome.modal, await outcome.told()) == (None, "Rejected: it does not run.")


async def test_a_blank_reason_is_refused_beside_its_field(counter: Counter) -> None:
    outcome = await counter.rejects(counter.ben, await counter.asks(), "  ")
    assert list(outcome.errors.values()) == ["A reason is missing: say why."]
    assert await counter.state() == "pending"


async def test_where_a_reason_is_asked_for_an_approval_comes_with_one(counter: Counter) -> None:
    message = await counter.asks(shop.publish)
    await counter.opens(counter.ben, message, "Approve")
    assert await counter.coordinator.store.votes((await counter.gate()).id) == []
    counter.ben.fill("reason", "it is good")
    await counter.ben.submit()
    [vote] = await counter.coordinator.store.votes((await counter.gate()).id)
    assert (vote.kind.value, vote.reason) == ("approve", "it is good")


async def test_who_clicks_after_a_decision_is_told_what_it_was_and_by_whom(
    counter: Counter,
) -> None:
    message = await counter.asks()
    shown = replace(message, blocks=message.blocks)
    await counter.coordinator.reject((await counter.gate()).id, by="cy", reason="no money")
    outcome = await counter.ben.click(shown, "Approve")
    told = await outcome.told()
    assert told.startswith("Already rejected by cy at ")
    assert told.endswith(": no money.")


async def test_a_gate_that_is_decided_on_the_web_while_a_form_is_open_stays_decided(
    counter: Counter,
) -> None:
    message = await counter.asks()
    await counter.opens(counter.ben, message, "Reject")
    await counter.coordinator.approve((await counter.gate()).id, by="cy", channel="web")
    counter.ben.fill("reason", "no")
    outcome = await counter.ben.submit()
    [told] = outcome.errors.values()
    assert told.startswith("Already approved by cy at ")
    assert await counter.state() == "approved"


async def test_a_saga_that_is_undone_while_a_form_is_open_says_so_in_the_form(
    counter: Counter,
) -> None:
    message = await counter.asks()
    await counter.opens(counter.ben, message, "Reject")
    await counter.coordinator.cancel("spring", reason="not this spring", by="cy")
    while (await counter.gate()).state.is_open:  # noqa: ASYNC110  nothing tells of it
        await asyncio.sleep(0.005)
    counter.ben.fill("reason", "no")
    outcome = await counter.ben.submit()
    [told] = outcome.errors.values()
    assert told.startswith("No longer needed: it was cancelled")


async def test_a_message_of_before_an_edit_decides_nothing_and_says_what_changed(
    counter: Counter,
) -> None:
    message = await counter.asks()
    shown = replace(message, blocks=message.blocks)
    await edited(counter)
    outcome = await counter.ben.click(shown, "Approve")
    told = await outcome.told()
    assert "cy made revision 2 of it" in told
    assert "readers@example.org -> others@example.org" in told
    assert await counter.state() == "pending"


async def test_a_form_of_before_an_edit_is_replaced_by_what_is_so(counter: Counter) -> None:
    await counter.opens(counter.ben, await counter.asks(), "Reject")
    await edited(counter)
    counter.ben.fill("reason", "no")
    outcome = await counter.ben.submit()
    assert outcome.modal is not None
    assert (outcome.modal.title, await counter.state()) == ("No effect", "pending")


async def test_a_form_that_withdraws_takes_the_vote_back(counter: Counter) -> None:
    message = await counter.asks(settle, PAYMENT)
    await counter.ben.click(message, "Approve")
    form = await counter.opens(counter.ben, message, "Reject")
    carried = json.loads(form.body["private_metadata"])
    form.body["private_metadata"] = json.dumps(carried | {"v": "withdraw"})
    counter.ben.fill("reason", "not yet")
    outcome = await counter.ben.submit()
    assert "Your vote is withdrawn." in await outcome.told()
    votes = await counter.coordinator.store.votes((await counter.gate()).id)
    assert [vote.kind.value for vote in votes] == ["approve", "withdraw"]


async def test_a_delegate_decides_and_is_told_for_whom(counter: Counter) -> None:
    ana = counter.coordinator.identify("slack", "T1/U1")
    now = counter.coordinator.now()
    made = delegation(
        id="d-1", by=ana, to="dee", now=now, until=now + timedelta(days=1), reason="away"
    )
    await counter.coordinator.delegate(made, by=ana)
    outcome = await counter.dee.click(await counter.asks(settle, PAYMENT), "Approve")
    assert "Your approval counts, for ana" in await outcome.told()
