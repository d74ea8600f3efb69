"""Other arguments, filled in and sent from Slack, in two steps."""

import asyncio
import json

from approvals.testing import Outcome
from approvals.testing.fields import said
from tests.slack.desks import Counter, words_of
from tests.web import shop


def labels(counter: Counter) -> list[str]:
    view = counter.ben.modal
    assert view is not None
    return [said(block["label"]) for block in view.blocks if block["type"] == "input"]


async def begun(counter: Counter, *, note: str = "Ring twice.") -> Outcome:
    """Open the form, fill in another note, and go on to what that changes."""
    message = await counter.asks(shop.sell, shop.ORDER)
    await counter.opens(counter.ben, message, "Edit")
    counter.ben.fill("order.note", note)
    counter.ben.fill("reason", "they are out")
    return await counter.ben.submit()


async def arguments(counter: Counter) -> dict[str, object]:
    return dict(json.loads((await counter.gate()).arguments)["order"])


async def test_nothing_is_changed_before_it_was_seen_what_changes(counter: Counter) -> None:
    outcome = await begun(counter)
    assert outcome.modal is not None
    assert outcome.modal.title == "Send these changes?"
    assert "+ Ring twice." in words_of(outcome.modal)
    assert (await counter.gate()).revision == 1


async def test_what_was_seen_is_what_the_gate_asks_from_then_on(counter: Counter) -> None:
    await begun(counter)
    outcome = await counter.ben.submit()
    gate = await counter.gate()
    assert (gate.revision, gate.editor) == (2, "ben")
    assert (await arguments(counter))["note"] == "Ring twice."
    assert (await outcome.told()).startswith("Revision 2 is to be decided now, by somebody else")


async def test_what_was_left_alone_stays_to_the_letter(counter: Counter) -> None:
    message = await counter.asks(shop.sell, shop.ORDER)
    before = await arguments(counter)
    await counter.opens(counter.ben, message, "Edit")
    counter.ben.fill("order.note", "Ring twice.")
    counter.ben.fill("reason", "they are out")
    await counter.ben.submit()
    await counter.ben.submit()
    assert await arguments(counter) == before | {"note": "Ring twice."}


async def test_whoever_edited_does_not_decide(counter: Counter) -> None:
    await begun(counter)
    await counter.ben.submit()
    message = counter.slack.messages("C1")[0]
    await counter.slack.until(lambda: "Ring twice." in json.dumps(message.blocks))
    outcome = await counter.ben.click(message, "Approve")
    assert "somebody else has to decide" in await outcome.told()


async def test_what_is_changed_after_it_was_seen_is_shown_anew(counter: Counter) -> None:
    await begun(counter)
    counter.ben.fill("order.note", "Throw it over the fence.")
    outcome = await counter.ben.submit()
    assert "+ Throw it over the fence." in words_of(outcome.modal)
    assert (await counter.gate()).revision == 1


async def test_what_a_field_cannot_take_is_said_beside_it(counter: Counter) -> None:
    message = await counter.asks(shop.sell, shop.ORDER)
    await counter.opens(counter.ben, message, "Edit")
    counter.ben.fill("order.price", "much")
    counter.ben.fill("reason", "why not")
    outcome = await counter.ben.submit()
    assert list(outcome.errors) == ["order.price"]


async def test_what_the_action_does_not_take_is_said_beside_the_field(counter: Counter) -> None:
    message = await counter.asks(shop.sell, shop.ORDER)
    await counter.opens(counter.ben, message, "Edit")
    counter.ben.fill("order.copies", "100")
    counter.ben.fill("reason", "many")
    outcome = await counter.ben.submit()
    [(label, told)] = outcome.errors.items()
    assert (label, "order at most 99 at once" in told) == ("order.copies", True)


async def test_what_is_pinned_stays(counter: Counter) -> None:
    message = await counter.asks(shop.sell, shop.ORDER)
    await counter.opens(counter.ben, message, "Edit")
    counter.ben.fill("order.account", "DE-8")
    counter.ben.fill("reason", "my own")
    await counter.ben.submit()
    outcome = await counter.ben.submit()
    [told] = outcome.errors.values()
    assert "order.account cannot be changed by an edit" in told
    assert (await counter.gate()).revision == 1


async def test_whoever_decides_about_an_edit_reads_why_it_was_made(counter: Counter) -> None:
    await begun(counter)
    await counter.ben.submit()
    view = await counter.coordinator.presentation((await counter.gate()).id)
    assert (view.editor, view.edited_because) == ("ben", "they are out")


async def test_nothing_changed_is_no_edit(counter: Counter) -> None:
    await begun(counter, note=shop.ORDER.note)
    outcome = await counter.ben.submit()
    assert (len(outcome.errors), (await counter.gate()).revision) == (1, 1)


async def test_who_may_not_approve_gets_no_form(counter: Counter) -> None:
    outcome = await counter.dee.click(await counter.asks(shop.sell, shop.ORDER), "Edit")
    assert (await outcome.told()).startswith("You are not among the approvers")
    assert counter.dee.modal is None


async def test_a_gate_that_is_decided_meanwhile_says_so_in_the_form(counter: Counter) -> None:
    await begun(counter)
    await counter.coordinator.reject((await counter.gate()).id, by="cy", reason="no")
    outcome = await counter.ben.submit()
    [told] = outcome.errors.values()
    assert told.startswith("Already rejected by cy at ")


async def test_a_saga_that_is_undone_meanwhile_says_so_in_the_form(counter: Counter) -> None:
    await begun(counter)
    await counter.coordinator.cancel("spring", reason="not now", by="cy")
    while (await counter.gate()).state.is_open:  # noqa: ASYNC110  nothing tells of it
        await asyncio.sleep(0.005)
    outcome = await counter.ben.submit()
    [told] = outcome.errors.values()
    assert told.startswith("No longer needed")


async def test_no_secret_argument_ever_reaches_slack(counter: Counter) -> None:
    await begun(counter)
    await counter.ben.submit()
    await counter.settled()
    sent = json.dumps([call.body for call in counter.slack.calls])
    brought = json.dumps([each.payload for each in counter.slack.deliveries])
    answered = json.dumps([each.answer for each in counter.slack.deliveries])
    assert shop.ORDER.card.number not in sent + brought + answered


async def test_a_secret_that_is_not_filled_in_stays(counter: Counter) -> None:
    await begun(counter)
    assert "order.card.number" in labels(counter)
    await counter.ben.submit()
    card = (await arguments(counter))["card"]
    assert card == {"number": shop.ORDER.card.number, "holder": "Ana"}
