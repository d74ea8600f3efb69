"""Edits: people change what a gate asks, somebody else approves it, and that is what runs."""

import json
from typing import Any

import pytest

from approvals.revision import hash_of
from sagas import Catalog, Coordinator, Handle, Outcome, Reversibility, Status, approval
from sagas.cli.commands.deciding import digest_unedited
from sagas.entries import GateRevised
from sagas.errors import PayloadError, Refused
from sagas.restoring import entries_of
from tests.behaviour.acting import LIMIT, approve_all, only_gate
from tests.behaviour.conftest import House
from tests.behaviour.shop import DAY, HOUR, Order, costly, gated, shop
from tests.behaviour.test_gates import asking, asking_and_caring, asking_apart, gate_of
from tests.behaviour.world import World, lose_request
from tests.behaviour.world import world as world_now

OTHER = '{"what": "other"}'


@shop.saga
async def asking_then_failing(order: Order) -> None:
    await gated("asked")
    raise ValueError("no")


@shop.saga
async def undoing_at_a_price(order: Order) -> None:
    await costly("trip")
    raise ValueError("no")


@shop.action(reversibility=Reversibility.COMPENSATABLE, key_ttl=DAY)
async def noted(what: str, note: str) -> str:
    return await world_now.do(what)


@noted.compensation(approval=approval(by="@desk", within=HOUR))
async def undo_noted(what: str) -> None:
    await world_now.do(f"undo-{what}")


@shop.saga
async def undoing_apart(order: Order) -> None:
    await noted("trip", "old")
    raise ValueError("no")


async def at_the_gate(coordinator: Coordinator, saga: Any = asking) -> tuple[Handle[Any], str]:
    handle = await coordinator.start(saga, Order(), id="s")
    await handle.settled()
    return handle, await only_gate(coordinator)


async def ended(handle: Handle[Any]) -> Outcome[Any]:
    return await handle.outcome(timeout=LIMIT)


@pytest.mark.usefixtures("on_both")
async def test_t3_what_runs_is_the_revision_that_was_approved(house: House, world: World) -> None:
    async with house.open() as coordinator:
        handle, gate = await at_the_gate(coordinator)
        revised = await coordinator.edit(gate, OTHER, reason="cheaper", by="ben")
        assert (revised.revision, revised.arguments, revised.editor) == (
            2,
            b'{"what":"other"}',
            "ben",
        )
        await coordinator.approve(gate, by="eve")
        outcome = await ended(handle)
    assert outcome.result == "other-done"
    assert world.done == ["before", "other"]


async def test_an_edit_while_the_command_approves_is_not_approved(house: House) -> None:
    eve = house.people.principal("eve")
    assert eve is not None
    async with house.open() as coordinator:
        _, gate = await at_the_gate(coordinator)
        about = await digest_unedited(coordinator, gate, eve)
        await coordinator.edit(gate, OTHER, reason="cheaper", by="ben")
        with pytest.raises(Refused):
            await coordinator.approve(gate, by=eve, digest=about)
        await coordinator.approve(gate, by="ana", reason="seen")


async def test_the_compensation_gets_what_was_approved(house: House, world: World) -> None:
    async with house.open() as coordinator:
        handle, gate = await at_the_gate(coordinator, asking_then_failing)
        await coordinator.edit(gate, OTHER, reason="cheaper", by="ben")
        await coordinator.approve(gate, by="eve")
        assert (await ended(handle)).status is Status.COMPENSATED
    assert [effect.what for effect in world.effects] == ["other", "undo-other"]


async def test_a_repetition_is_made_with_what_was_approved(house: House, world: World) -> None:
    world.plan("other", lose_request)
    async with house.open() as coordinator:
        handle, gate = await at_the_gate(coordinator)
        await coordinator.edit(gate, OTHER, reason="cheaper", by="ben")
        await coordinator.approve(gate, by="eve")
        assert (await ended(handle)).completed
    assert [call.what for call in world.calls] == ["before", "other", "other"]


@pytest.mark.usefixtures("on_both")
async def test_the_journal_shows_both_and_a_replay_goes_on(house: House) -> None:
    async with house.open() as coordinator:
        _, gate = await at_the_gate(coordinator)
        await coordinator.edit(gate, OTHER, reason="cheaper", by="ben")
    async with house.open() as coordinator:  # the body runs again, and calls as it did
        await coordinator.approve(gate, by="eve")
        assert (await ended(await coordinator.resume("s"))).completed
        state = await coordinator.state("s")
        step = next(step for step in state.steps.values() if step.action == "shop.gated")
        assert (step.arguments, step.forward.revised) == (b'{"what":"asked"}', b'{"what":"other"}')
        assert [row.kind for row in (await coordinator.load("s")).rows][-7:] == [
            "GateOpened",
            "GateRevised",
            "GateDecided",
            "GateConsumed",
            "Intended",
            "Succeeded",
            "Ended",
        ]


async def test_an_edit_while_nobody_drives_is_the_same(house: House, world: World) -> None:
    async with house.open() as coordinator:
        _, gate = await at_the_gate(coordinator)
    async with house.open() as coordinator:
        await coordinator.edit(gate, OTHER, reason="cheaper", by="ben")
    async with house.open() as coordinator:
        await coordinator.approve(gate, by="eve")
    async with house.open() as coordinator:
        assert (await ended(await coordinator.resume("s"))).completed
    assert world.done == ["before", "other"]


async def test_a_gate_is_edited_more_than_once(house: House, world: World) -> None:
    async with house.open() as coordinator:
        handle, gate = await at_the_gate(coordinator)
        await coordinator.edit(gate, OTHER, reason="cheaper", by="ben")
        await coordinator.edit(gate, '{"what": "third"}', reason="nicer", by="eve")
        made = await coordinator.store.revisions(gate)
        assert [(one.number, one.by, one.reason, json.loads(one.arguments)) for one in made] == [
            (1, None, None, {"what": "asked"}),
            (2, "ben", "cheaper", {"what": "other"}),
            (3, "eve", "nicer", {"what": "third"}),
        ]
        await coordinator.approve(gate, by="ben")  # somebody else made the last revision
        assert (await ended(handle)).completed
    assert world.done == ["before", "third"]


async def test_t7_the_editor_does_not_decide_about_their_edit(house: House) -> None:
    async with house.open() as coordinator:
        handle, gate = await at_the_gate(coordinator)
        await coordinator.edit(gate, OTHER, reason="cheaper", by="ben")
        with pytest.raises(Refused, match="you made revision 2 of this, and somebody else has to"):
            await coordinator.approve(gate, by="ben")
        with pytest.raises(Refused, match="you made revision 2 of this"):
            await coordinator.reject(gate, reason="no", by="ben")
        await coordinator.approve(gate, by="eve")
        assert (await ended(handle)).completed


async def test_t9_a_vote_on_what_was_asked_before_an_edit_is_refused(house: House) -> None:
    async with house.open() as coordinator:
        _, gate = await at_the_gate(coordinator)
        shown = (await gate_of(coordinator)).digest
        await coordinator.edit(gate, OTHER, reason="cheaper", by="ben")
        with pytest.raises(Refused, match="is not that of what is to be decided"):
            await coordinator.approve(gate, by="eve", digest=shown)
        assert (await gate_of(coordinator)).state == "pending"


async def test_an_edit_of_another_revision_than_was_seen_is_refused(house: House) -> None:
    async with house.open() as coordinator:
        _, gate = await at_the_gate(coordinator)
        await coordinator.edit(gate, OTHER, reason="cheaper", by="ben", revision=1)
        with pytest.raises(Refused, match="you had revision 1 before you, and revision 2"):
            await coordinator.edit(gate, '{"what":"x"}', reason="mine", by="eve", revision=1)


async def test_t8_an_edit_changes_arguments_and_nothing_else(house: House) -> None:
    async with house.open() as coordinator:
        _, gate = await at_the_gate(coordinator)
        before = await gate_of(coordinator)
        after = await coordinator.edit(gate, OTHER, reason="cheaper", by="ben")
    changed = {
        name
        for name in before.__dataclass_fields__
        if getattr(before, name) != getattr(after, name)
    }
    assert changed == {"arguments", "revision", "digest", "editor"}


@pytest.mark.parametrize(
    "text",
    ["", "nothing", "[]", "null", '"other"', "{}", '{"what": 7}', '{"what": "a", "what": "b"}',
     '{"what": "other", "who": "me"}', '{"what": NaN}', "9" * 100],
)  # fmt: skip
async def test_t8_an_edit_that_the_action_could_not_be_called_with_is_refused(
    house: House, text: str
) -> None:
    async with house.open() as coordinator:
        _, gate = await at_the_gate(coordinator)
        before = await gate_of(coordinator)
        with pytest.raises(PayloadError):
            await coordinator.edit(gate, text, reason="cheaper", by="ben")
        assert await gate_of(coordinator) == before


async def test_an_edit_that_changes_nothing_is_refused(house: House) -> None:
    async with house.open() as coordinator:
        _, gate = await at_the_gate(coordinator)
        with pytest.raises(Refused, match="nothing is changed"):
            await coordinator.edit(gate, '{ "what" : "asked" }', reason="cheaper", by="ben")


async def test_an_edit_needs_a_reason(house: House) -> None:
    async with house.open() as coordinator:
        _, gate = await at_the_gate(coordinator)
        with pytest.raises(Refused, match="an edit needs a reason"):
            await coordinator.edit(gate, OTHER, reason=" ", by="ben")


async def test_somebody_outside_the_group_does_not_edit(house: House) -> None:
    async with house.open() as coordinator:
        _, gate = await at_the_gate(coordinator)
        with pytest.raises(Refused, match="not among the approvers"):
            await coordinator.edit(gate, OTHER, reason="cheaper", by="zoe")


async def test_who_started_the_saga_does_not_edit_a_separate_gate(house: House) -> None:
    async with house.open(user="ana") as coordinator:
        _, gate = await at_the_gate(coordinator, asking_apart)
        with pytest.raises(Refused, match="you started this saga"):
            await coordinator.edit(gate, OTHER, reason="cheaper", by="ana")


async def test_an_edit_that_nobody_could_decide_about_is_refused_before_it_is_written(
    house: House,
) -> None:
    house.people.desk = {"ben"}
    async with house.open() as coordinator:
        handle, gate = await at_the_gate(coordinator)
        with pytest.raises(Refused, match="nobody could decide about the edit: 1 approvals are"):
            await coordinator.edit(gate, OTHER, reason="cheaper", by="ben")
        assert await coordinator.store.revisions(gate) == []
        await coordinator.approve(gate, by="ben")
        assert (await ended(handle)).completed


async def test_what_is_decided_is_not_edited(house: House) -> None:
    async with house.open() as coordinator:
        _, gate = await at_the_gate(coordinator, asking_and_caring)
        await coordinator.reject(gate, reason="no", by="eve")
        with pytest.raises(Refused, match="already rejected by eve"):
            await coordinator.edit(gate, OTHER, reason="cheaper", by="ben")


async def test_without_the_action_an_edit_says_what_to_name(house: House) -> None:
    async with house.open() as coordinator:
        _, gate = await at_the_gate(coordinator)
    async with house.open(Catalog("nothing")) as coordinator:
        with pytest.raises(Refused, match=r"cannot be checked: name the target .* \(--target\)"):
            await coordinator.edit(gate, OTHER, reason="cheaper", by="ben")


async def test_there_is_no_edit_without_a_gate(house: House) -> None:
    async with house.open() as coordinator:
        with pytest.raises(Refused, match="there is no gate g-9"):
            await coordinator.edit("g-9", OTHER, reason="cheaper", by="ben")


@pytest.mark.usefixtures("on_both")
async def test_an_undo_runs_with_the_revision_that_was_approved(house: House, world: World) -> None:
    async with house.open() as coordinator:
        handle, gate = await at_the_gate(coordinator, undoing_at_a_price)
        assert (await gate_of(coordinator)).direction == "undo"
        await coordinator.edit(gate, OTHER, reason="cheaper", by="ben")
        await coordinator.approve(gate, by="eve")
        assert (await ended(handle)).status is Status.COMPENSATED
    assert [effect.what for effect in world.effects] == ["trip", "undo-other"]


async def test_an_edit_that_an_undo_would_not_see_is_refused(house: House, world: World) -> None:
    async with house.open() as coordinator:
        handle, gate = await at_the_gate(coordinator, undoing_apart)
        with pytest.raises(Refused, match="does not take note: an edit of it would change nothing"):
            await coordinator.edit(
                gate, '{"note": "new", "what": "trip"}', reason="cheaper", by="ben"
            )
        await coordinator.approve(gate, by="eve")
        assert (await ended(handle)).status is Status.COMPENSATED


async def test_after_a_revocation_the_gate_asks_what_the_body_called_with(
    house: House, world: World
) -> None:
    async with house.open() as coordinator:
        _, gate = await at_the_gate(coordinator)
    async with house.open() as coordinator:
        await coordinator.edit(gate, OTHER, reason="cheaper", by="ben")
        await coordinator.approve(gate, by="eve")
        await coordinator.revoke(gate, reason="no", by="ana")
        handle = await coordinator.resume("s")
        await handle.settled()
        assert (await gate_of(coordinator)).arguments == b'{"what":"asked"}'
        await approve_all(coordinator)
        assert (await ended(handle)).completed
    assert world.done == ["before", "asked"]


async def test_a_rejected_edit_is_a_rejection(house: House, world: World) -> None:
    async with house.open() as coordinator:
        handle, gate = await at_the_gate(coordinator, asking_and_caring)
        await coordinator.edit(gate, OTHER, reason="cheaper", by="ben")
        await coordinator.reject(gate, reason="worse", by="eve")
        assert '"worse"' in str((await ended(handle)).result)
    assert world.done == []


async def test_people_see_what_an_edit_changed_and_who_made_it(house: House) -> None:
    async with house.open() as coordinator:
        _, gate = await at_the_gate(coordinator)
        await coordinator.edit(gate, OTHER, reason="cheaper", by="ben")
        shown = await coordinator.presentation(gate)
    assert [(one.name, one.before, one.after) for one in shown.changes] == [
        ("what", "asked", "other")
    ]
    assert (shown.revision, shown.editor) == (2, "ben")


# --- refused edits are on the record ----------------------------------------------------------


async def tried(coordinator: Coordinator, gate: str, arguments: str = OTHER, **more: Any) -> None:
    more = {"reason": "cheaper", "by": "ben", **more}
    with pytest.raises((Refused, PayloadError)):
        await coordinator.edit(gate, arguments, **more)


@pytest.mark.usefixtures("on_both")
async def test_t8_each_refused_edit_is_recorded_with_who_where_and_why(house: House) -> None:
    ben = house.people.principal("ben")
    async with house.open() as coordinator:
        _, gate = await at_the_gate(coordinator)
        await tried(coordinator, gate, "{", by=ben, channel="web")
        await tried(coordinator, gate, '{"what": 7}')
        await tried(coordinator, gate, '{"what": "asked"}')
        await tried(coordinator, gate, by="zoe")
        await tried(coordinator, gate, "{", by="zoe")
        await tried(coordinator, gate, revision=7)
        await tried(coordinator, gate, digest="0" * 64)
        refused = await coordinator.store.refused_edits(gate)
        assert [(one.principal, one.channel, one.refusal.value) for one in refused] == [
            ("ben", "web", "invalid"),
            ("ben", "program", "invalid"),
            ("ben", "program", "unchanged"),
            ("zoe", "program", "not-entitled"),
            ("zoe", "program", "not-entitled"),
            ("ben", "program", "other-revision"),
            ("ben", "program", "wrong-digest"),
        ]
        assert [one.evidence for one in refused[:2]] == ["a test", "the program's word"]
        assert [one.at for one in refused] == sorted(one.at for one in refused)
        assert (await coordinator.store.revisions(gate), await waiting(coordinator)) == ([], 1)


async def test_t13_a_refused_edit_keeps_no_arguments(house: House) -> None:
    async with house.open() as coordinator:
        _, gate = await at_the_gate(coordinator)
        await tried(coordinator, gate, '{"what": "my secret", "more": 1}')
        await tried(coordinator, gate, '{"what": "my secret"}', by="zoe")
        refused = await coordinator.store.refused_edits(gate)
    assert "my secret" not in repr(refused)
    canonical = hash_of(b'{"what":"my secret"}', journal_id=coordinator.store.journal_id)
    assert refused[1].arguments_hash == canonical != refused[0].arguments_hash


async def test_an_edit_of_what_nobody_here_can_check_is_recorded(house: House) -> None:
    async with house.open() as coordinator:
        _, gate = await at_the_gate(coordinator)
    async with house.open(Catalog("nothing")) as coordinator:
        await tried(coordinator, gate)
        house.people.desk = {"ben"}
    async with house.open() as coordinator:
        await tried(coordinator, gate)
        found = [one.refusal.value for one in await coordinator.store.refused_edits(gate)]
    assert found == ["not-editable", "nobody-left"]


async def test_the_journal_says_how_it_is_known_who_edited(house: House) -> None:
    async with house.open() as coordinator:
        _, gate = await at_the_gate(coordinator)
        ben = house.people.principal("ben")
        await coordinator.edit(gate, OTHER, reason="cheaper", by=ben, channel="web")
        await coordinator.approve(gate, by="eve")
        await ended(await coordinator.resume("s"))
        entries = [entry for _, _, entry in entries_of((await coordinator.load("s")).rows)]
    [revised] = [entry for entry in entries if isinstance(entry, GateRevised)]
    assert (revised.identified_by, revised.channel) == ("a test", "web")


async def waiting(coordinator: Coordinator) -> int:
    return len(await coordinator.store.waiting_gates())
