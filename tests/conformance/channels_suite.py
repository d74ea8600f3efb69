"""What every channel must do, whatever carries its messages.

A suite for an adapter gives `channel`, and `arrived`: what people have of it by now, as pairs of a
target and the text they read. It names a `target` of the channel's own, if an address is none.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from approvals import Gate, GateState
from approvals.channels import Channel, Happening, InterventionView, Notice, Saying
from approvals.errors import ChannelDefinitionError
from approvals.presentation import present
from tests.unit.approvals.builders import NOW, in_state, pending

Arrived = Callable[[], Awaitable[list[tuple[str, str]]]]

TARGET = "ana@example.org"
LINK = "https://inbox.example.org/gates/g-1"


def notice(found: Gate | None = None, **different: object) -> Notice:
    """A gate that asks ana."""
    shown = present(found or pending(), now=NOW)
    made = Notice(
        reference="a1b2c3",
        saying=Saying.ASKED,
        happening=Happening.WAITING,
        version="pending.1",
        target=TARGET,
        subject=shown,
        link=LINK,
        follows=None,
        at=NOW,
    )
    return replace(made, **different)  # type: ignore[arg-type]


def decided(target: str = TARGET) -> Notice:
    """The same gate, once somebody has decided."""
    found = replace(in_state(GateState.REJECTED, reason="too dear"), decided_by="bo")
    return notice(found, happening=Happening.REJECTED, version="rejected.1", target=target)


def asking(target: str = TARGET) -> Notice:
    """An intervention."""
    view = InterventionView(
        intervention_id="i-1",
        saga_id="trip-1",
        path="book_hotel#1",
        kind="in-doubt",
        question="did the booking take place?",
        evidence="the call timed out",
        choices=("happened", "not-happened"),
        standing="waiting for an answer",
        is_open=True,
    )
    return notice(subject=view, reference="d4e5f6", version="open", target=target)


class ChannelSuite:
    @pytest.fixture
    def target(self) -> str:
        """Where ana is reached."""
        return TARGET

    async def test_a_notice_arrives_where_it_is_sent(
        self, channel: Channel, arrived: Arrived, target: str
    ) -> None:
        await channel.post(notice(target=target))
        assert [where for where, _ in await arrived()] == [target]

    async def test_it_says_what_would_run_and_where_one_decides(
        self, channel: Channel, arrived: Arrived, target: str
    ) -> None:
        await channel.post(notice(target=target))
        [(_, text)] = await arrived()
        assert "travel.email_itinerary" in text
        assert pending().digest[:12] in text
        assert LINK in text

    async def test_no_link_leads_anywhere_but_to_the_inbox(
        self, channel: Channel, arrived: Arrived, target: str
    ) -> None:
        await channel.post(notice(target=target))
        [(_, text)] = await arrived()
        assert text.count("https://") == text.count(LINK)
        assert "approve?" not in text

    async def test_an_intervention_arrives_too(
        self, channel: Channel, arrived: Arrived, target: str
    ) -> None:
        await channel.post(asking(target))
        [(_, text)] = await arrived()
        assert "did the booking take place?" in text

    async def test_an_update_says_what_has_become_of_it(
        self, channel: Channel, arrived: Arrived, target: str
    ) -> None:
        receipt = await channel.post(notice(target=target))
        await channel.update(receipt, decided(target))
        assert "rejected by bo" in (await arrived())[-1][1].lower()

    async def test_the_receipt_of_an_update_serves_the_next_one(
        self, channel: Channel, arrived: Arrived, target: str
    ) -> None:
        receipt = await channel.post(notice(target=target))
        changed = notice(replace(pending(), revision=2), version="pending.2", target=target)
        receipt = await channel.update(receipt, replace(changed, happening=Happening.CHANGED))
        await channel.update(receipt, decided(target))
        assert "rejected by bo" in (await arrived())[-1][1].lower()

    async def test_a_receipt_is_kept_as_texts(self, channel: Channel, target: str) -> None:
        receipt = await channel.post(notice(target=target))
        assert all(isinstance(part, str) for pair in receipt.items() for part in pair)

    async def test_a_reminder_follows_what_it_reminds_of(
        self, channel: Channel, arrived: Arrived, target: str
    ) -> None:
        receipt = await channel.post(notice(target=target))
        later = notice(
            target=target,
            reference="b2c3d4",
            saying=Saying.REMINDED,
            follows=receipt,
            at=NOW + timedelta(hours=1),
        )
        await channel.post(later)
        assert [where for where, _ in await arrived()] == [target, target]

    async def test_what_was_never_sent_is_not_found(self, channel: Channel, target: str) -> None:
        assert await channel.find(notice(reference="never", target=target)) is None

    async def test_what_is_found_can_be_updated(
        self, channel: Channel, arrived: Arrived, target: str
    ) -> None:
        await channel.post(notice(target=target))
        found = await channel.find(notice(target=target))
        if found is not None:
            await channel.update(found, decided(target))
            assert "rejected by bo" in (await arrived())[-1][1].lower()

    async def test_a_target_that_cannot_be_is_refused_when_routes_are_read(
        self, channel: Channel, target: str
    ) -> None:
        channel.check(target)
        with pytest.raises(ChannelDefinitionError):
            channel.check("ana and bo")
