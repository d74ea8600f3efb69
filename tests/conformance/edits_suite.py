"""What every store must do with edits of what people are asked."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from approvals import Gate, GateState
from approvals.gate import is_intact
from approvals.quorum import Refusal
from approvals.revision import EditRefusal, Revision, refused_edit
from sagas.errors import PayloadError, Refused
from sagas.ports import Store
from tests.conformance.support import NOW, ballot, person, proposal, registered, with_gate

Opening = Callable[[], Awaitable[Store]]


class EditsSuite:
    async def test_an_edit_makes_a_revision_with_a_digest_of_its_own(self, store: Store) -> None:
        _, gate = await with_gate(store, await registered(store))
        edited = await store.edit(gate.id, proposal())
        assert (edited.revision, edited.arguments, edited.editor, edited.state) == (
            2,
            proposal().arguments,
            "bo",
            GateState.PENDING,
        )
        assert edited.digest != gate.digest
        assert is_intact(edited, journal_id=store.journal_id)
        assert await store.gate(gate.id) == edited

    async def test_every_revision_is_kept_and_the_first_is_what_was_asked(
        self, store: Store
    ) -> None:
        _, gate = await with_gate(store, await registered(store))
        assert await store.revisions(gate.id) == []
        edited = await store.edit(gate.id, proposal())
        third = await store.edit(gate.id, proposal("cy", revision=2, arguments=b"{}"))

        def kept(one: Gate, **more: str | None) -> Revision:
            return Revision(
                number=one.revision,
                arguments=one.arguments,
                digest=one.digest,
                stakes=one.stakes,
                by=more.get("by"),
                reason=more.get("reason"),
                at=NOW,
            )

        assert await store.revisions(gate.id) == [
            kept(gate),
            kept(edited, by="bo", reason="it is his"),
            kept(third, by="cy", reason="it is his"),
        ]

    async def test_an_edit_is_a_request(self, store: Store) -> None:
        _, gate = await with_gate(store, await registered(store))
        edited = await store.edit(gate.id, proposal())
        control, [request] = await store.requests("trip-1")
        assert control == 1
        assert (request.kind, request.ref, request.by, request.reason, request.state) == (
            "edit",
            gate.id,
            "bo",
            "it is his",
            f"2 {edited.digest}",
        )
        assert request.payload == edited.arguments

    async def test_votes_on_an_earlier_revision_are_void(self, store: Store) -> None:
        _, gate = await with_gate(store, await registered(store), quorum=2)
        await store.vote(gate.id, ballot("cy"), person("cy"))
        await store.edit(gate.id, proposal())
        vote = replace(ballot("di"), revision=2)
        assert (await store.vote(gate.id, vote, person("di"))).state is GateState.PENDING
        vote = replace(ballot("cy"), revision=2)
        assert (await store.vote(gate.id, vote, person("cy"))).state is GateState.APPROVED

    async def test_t7_the_editor_has_no_vote(self, store: Store) -> None:
        _, gate = await with_gate(store, await registered(store))
        await store.edit(gate.id, proposal())
        with pytest.raises(Refused, match="you made revision 2 of this"):
            await store.vote(gate.id, replace(ballot("bo"), revision=2), person("bo"))
        [vote] = await store.votes(gate.id)
        assert vote.refusal is Refusal.EDITOR

    async def test_race_approve_against_edit_the_vote_is_for_what_was_seen_or_refused(
        self, store: Store, another: Opening
    ) -> None:
        other = await another()
        _, gate = await with_gate(store, await registered(store))

        async def approve() -> str:
            try:
                return (await store.vote(gate.id, ballot("cy"), person("cy"))).state.value
            except Refused as refused:
                return str(refused)

        async def edit() -> str:
            try:
                return str((await other.edit(gate.id, proposal())).revision)
            except Refused as refused:
                return str(refused)

        told = list(await asyncio.gather(approve(), edit()))
        stored = await store.gate(gate.id)
        assert stored is not None
        if stored.state is GateState.APPROVED:
            assert stored.revision == 1
            assert told == ["approved", "already approved by cy at 10:00 UTC"]
        else:
            assert (stored.state, stored.revision, told[1]) == (GateState.PENDING, 2, "2")
            assert told[0].startswith("you had revision 1 before you, and revision 2 is to be")

    async def test_of_two_edits_at_once_one_is_made_and_the_other_is_told(
        self, store: Store, another: Opening
    ) -> None:
        other = await another()
        _, gate = await with_gate(store, await registered(store))

        async def edit(desk: Store, name: str) -> str:
            try:
                return str((await desk.edit(gate.id, proposal(name))).editor)
            except Refused as refused:
                return str(refused)

        told = await asyncio.gather(edit(store, "bo"), edit(other, "cy"))
        refused = "you had revision 1 before you, and revision 2 is to be decided: look at it"
        assert sorted(text.startswith(refused) for text in told) == [False, True]
        assert len(await store.revisions(gate.id)) == 2
        assert len((await store.requests("trip-1"))[1]) == 1

    async def test_an_edit_that_comes_too_late_finds_the_gate_expired(self, store: Store) -> None:
        _, gate = await with_gate(store, await registered(store))
        late = gate.deadline + timedelta(seconds=1)
        with pytest.raises(Refused, match="nobody decided before 14:00 UTC"):
            await store.edit(gate.id, proposal(at=late))
        stored = await store.gate(gate.id)
        assert stored is not None
        assert (stored.state, stored.revision) == (GateState.EXPIRED, 1)
        _, [request] = await store.requests("trip-1")
        assert (request.kind, request.state) == ("gate", "expired")

    async def test_whoever_may_not_approve_does_not_edit(self, store: Store) -> None:
        _, gate = await with_gate(store, await registered(store), by="@desk")
        with pytest.raises(Refused, match="not among the approvers"):
            await store.edit(gate.id, proposal())
        assert await store.gate(gate.id) == gate
        assert await store.revisions(gate.id) == []

    async def test_an_edit_that_is_refused_is_on_the_record_without_its_arguments(
        self, store: Store
    ) -> None:
        _, gate = await with_gate(store, await registered(store), by="@desk")
        wrong = proposal(channel="web", digest="12345678", editor=person("bo", "desk"))
        stranger = proposal("cy", reason="mine")
        for tried in (wrong, stranger):
            with pytest.raises(Refused):
                await store.edit(gate.id, tried)
        kept = [
            refused_edit(wrong, EditRefusal.WRONG_DIGEST, journal_id=store.journal_id),
            refused_edit(stranger, EditRefusal.NOT_ENTITLED, journal_id=store.journal_id),
        ]
        assert await store.refused_edits(gate.id) == kept
        assert (kept[0].principal, kept[0].channel, kept[0].at) == ("bo", "web", NOW)
        assert "example.org" not in repr(kept)

    async def test_an_edit_that_counts_is_not_among_those_refused(self, store: Store) -> None:
        _, gate = await with_gate(store, await registered(store))
        await store.edit(gate.id, proposal())
        assert await store.refused_edits(gate.id) == []

    async def test_a_request_says_who_edited_and_how_that_is_known(self, store: Store) -> None:
        _, gate = await with_gate(store, await registered(store))
        await store.edit(gate.id, proposal(channel="web"))
        _, [request] = await store.requests("trip-1")
        assert (request.by, request.identified_by, request.channel) == (
            "bo",
            proposal().editor.evidence,
            "web",
        )

    async def test_there_is_no_edit_without_a_gate(self, store: Store) -> None:
        with pytest.raises(Refused, match="no gate g-9"):
            await store.edit("g-9", proposal())

    async def test_a_reason_that_cannot_be_stored_does_not_edit(self, store: Store) -> None:
        _, gate = await with_gate(store, await registered(store))
        with pytest.raises(PayloadError, match="the reason contains"):
            await store.edit(gate.id, proposal(reason="a\x00b"))
