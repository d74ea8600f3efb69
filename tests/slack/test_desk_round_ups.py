"""Clicks in a message that shows several requests: its lines lead to details, which decide."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from approvals.channels.slack.actions import Asked
from approvals.testing import Message, SlackServer, View
from tests.slack.desks import Counter, counter_in, words_of
from tests.web import shop


@pytest.fixture
async def counter(slack: SlackServer, tmp_path: Path) -> AsyncGenerator[Counter]:
    async with counter_in(slack, tmp_path, round_up_above=1) as made:
        yield made


async def gathered(counter: Counter) -> Message:
    """The message that shows two requests, *second* and *third*."""
    await counter.asks(id="first")
    together = await counter.asks(id="second")
    await counter.coordinator.start(shop.announce, shop.LETTER, id="third")
    await counter.slack.until(lambda: len(ways_in(together)) == 2)
    await counter.recorded((await counter.gate("third")).id)
    return together


def ways_in(message: Message) -> list[str]:
    """The blocks that lead to details, in order."""
    return [block["block_id"] for block in message.blocks if "accessory" in block]


async def details(counter: Counter, message: Message, line: int) -> View:
    await counter.ben.click(message, Asked.DETAILS.value, block=ways_in(message)[line])
    await counter.slack.until(lambda: counter.ben.modal is not None)
    assert counter.ben.modal is not None
    return counter.ben.modal


async def test_a_line_leads_to_the_details_of_its_request_which_approve_it_alone(
    counter: Counter,
) -> None:
    together = await gathered(counter)
    view = await details(counter, together, 1)
    await counter.ben.click(view, "Approve")
    await counter.settled()
    assert "Your approval counts" in words_of(counter.ben.modal)
    assert [await counter.state(each) for each in ("first", "second", "third")] == [
        "pending",
        "pending",
        "approved",
    ]
    await counter.slack.until(lambda: len(ways_in(together)) == 1)


async def test_it_is_rejected_from_its_details_too(counter: Counter) -> None:
    view = await details(counter, await gathered(counter), 0)
    await counter.opens(counter.ben, view, "Reject")
    counter.ben.fill("reason", "no")
    await counter.ben.submit()
    assert [await counter.state(each) for each in ("second", "third")] == ["rejected", "pending"]


async def test_a_line_copied_into_another_message_leads_nowhere(counter: Counter) -> None:
    together = await gathered(counter)
    alone = counter.slack.messages("C1")[0]
    alone.blocks[:] = together.blocks
    await counter.ben.click(alone, Asked.DETAILS.value, block=ways_in(alone)[0])
    await counter.settled()
    await counter.slack.until(lambda: counter.ben.ephemerals or counter.ben.modal)
    said = [*counter.ben.ephemerals, str(counter.ben.modal and counter.ben.modal.body)]
    assert any("This message is none that was sent about it" in each for each in said)
