"""Sessions: sagas whose steps are chosen one by one, from outside."""

import asyncio
from datetime import timedelta
from typing import Annotated, Any, cast

import pytest

from approvals import Sensitive
from sagas import Catalog, Coordinator, NotExecuted, Reversibility, StepFailed, because
from sagas.entries import EventReceived, TimerSet
from sagas.errors import (
    ApprovalRejected,
    DefinitionError,
    DifferentInput,
    PayloadError,
    SessionBusy,
    SessionOver,
    SessionStuck,
)
from sagas.model import Status
from sagas.sessions import Session, Standing
from tests.behaviour.acting import LIMIT, answer, only_gate, only_question, until
from tests.behaviour.conftest import House
from tests.behaviour.shop import (
    costly,
    hasty,
    held_and_asked,
    held_blindly,
    keyed,
    keyless,
    look_up,
    mail,
    probed,
    publish,
    shop,
    strange,
    wire,
)
from tests.behaviour.world import (
    Refusal,
    World,
    ignore_cancellation,
    lose_answer,
    lose_request,
    refuse,
)

assistant = shop.session("assistant")
determined = shop.session("determined", after_pivot="unwind")


async def opened(coordinator: Coordinator, **more: Any) -> Session:
    return await coordinator.session(assistant, "a trip", id="s", **more)


async def test_steps_are_called_one_by_one_and_kept_by_the_commit(
    house: House, world: World, on_both: None
) -> None:
    async with house.open() as coordinator:
        session = await opened(coordinator)
        assert await session.call(keyed, "flight") == "flight-done"
        assert await session.call(keyed, what="hotel") == "hotel-done"
        outcome = await session.commit({"booked": 2})
    assert (outcome.status, outcome.result) == (Status.COMPLETED, {"booked": 2})
    assert (world.done, world.undone) == (["flight", "hotel"], [])


async def test_a_step_that_fails_undoes_nothing_and_another_way_can_be_gone(
    house: House, world: World
) -> None:
    world.plan("hotel", refuse)
    async with house.open() as coordinator:
        session = await opened(coordinator)
        await session.call(keyed, "flight")
        with pytest.raises(Refusal, match="no hotel"):
            await session.call(keyed, "hotel")
        await session.call(keyed, "hostel")
        outcome = await session.commit()
    assert outcome.status is Status.COMPLETED
    assert (world.done, world.undone) == (["flight", "hostel"], [])


async def test_an_abort_undoes_everything_in_reverse(
    house: House, world: World, on_both: None
) -> None:
    async with house.open() as coordinator:
        session = await opened(coordinator)
        await session.call(keyed, "flight")
        await session.call(hasty, "hotel")
        outcome = await session.abort("the traveller is ill")
        told = await session.turns()
    assert outcome.status is Status.RESIDUAL
    assert world.undone == ["hotel", "flight"]
    assert [each.standing for each in told] == [Standing.UNDONE] * 2
    assert told[1].residue is not None
    assert str(told[1].residue) == "a fee"


async def test_a_block_is_rolled_back_alone_and_redone_under_new_keys(
    house: House, world: World, on_both: None
) -> None:
    async with house.open() as coordinator:
        session = await opened(coordinator)
        await session.call(keyed, "flight")
        await session.set_savepoint("lodging")
        await session.call(keyed, "hotel")
        await session.call(keyed, "spa")
        undone = await session.roll_back("lodging", reason="too dear")
        await session.set_savepoint("lodging")
        await session.call(keyed, "hotel")
        await session.release("lodging")
        await session.commit()
    assert [each.path for each in undone] == [
        "assistant/lodging#1/keyed#1",
        "assistant/lodging#1/keyed#2",
    ]
    assert world.done == ["flight", "hotel", "spa", "hotel"]
    assert world.undone == ["spa", "hotel"]
    assert len({effect.key for effect in world.effects if effect.what == "hotel"}) == 2


async def test_what_leaves_a_savepoint_block_rolls_it_back(house: House, world: World) -> None:
    world.plan("hotel", refuse)
    async with house.open() as coordinator:
        session = await opened(coordinator)
        with pytest.raises(Refusal):
            await _lodge(session)
        async with session.savepoint("lodging"):
            await session.call(keyed, "tent")
        await session.commit()
    assert (world.done, world.undone) == (["taxi", "tent"], ["taxi"])


async def _lodge(session: Session) -> None:
    async with session.savepoint("lodging"):
        await session.call(keyed, "taxi")
        await session.call(keyed, "hotel")


async def test_a_roll_back_takes_the_blocks_inside_with_it(house: House, world: World) -> None:
    async with house.open() as coordinator:
        session = await opened(coordinator)
        await session.set_savepoint("outer")
        await session.call(keyed, "one")
        await session.set_savepoint("inner")
        await session.call(keyed, "two")
        await session.roll_back("outer", reason="no")
        with pytest.raises(DefinitionError, match="open are none"):
            await session.release("inner")
        await session.call(keyed, "three")
        await session.commit()
    assert (world.done, world.undone) == (["one", "two", "three"], ["two", "one"])


async def test_a_released_block_is_undone_with_the_rest(house: House, world: World) -> None:
    async with house.open() as coordinator:
        session = await opened(coordinator)
        await session.set_savepoint("outer")
        async with session.savepoint("inner"):
            await session.call(keyed, "one")
        await session.set_savepoint("again")
        await session.call(keyed, "two")
        await session.release("outer")  # and what is open inside it
        await session.abort("no")
    assert world.undone == ["two", "one"]


async def test_another_process_goes_on_from_where_it_is(
    house: House, world: World, on_both: None
) -> None:
    async with house.open() as coordinator:
        session = await opened(coordinator)
        await session.call(keyed, "flight")
        await session.set_savepoint("lodging")
        await session.call(keyed, "hotel")
    async with house.open() as coordinator:
        session = await coordinator.session(assistant, id="s")
        told = await session.turns()
        assert [each.number for each in told] == [1, 2, 3]
        assert [each.result for each in told] == ["flight-done", None, "hotel-done"]
        await session.roll_back("lodging", reason="a better one")
        await session.call(keyed, "inn")
        outcome = await session.commit()
    assert outcome.status is Status.COMPLETED
    assert (world.done, world.undone) == (["flight", "hotel", "inn"], ["hotel"])


async def test_a_call_waits_for_its_gate_and_a_lost_wait_is_taken_up_by_the_same_call(
    house: House, world: World
) -> None:
    async with house.open() as coordinator:
        session = await opened(coordinator)
        with because("the reader asked for it"):
            call = asyncio.create_task(session.call(publish, "book"))
            await until(lambda: _gate_is_open(coordinator))
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
    async with house.open() as coordinator:
        session = await coordinator.session(assistant, id="s")
        pending = await session.pending()
        assert pending is not None
        assert pending.standing is Standing.WAITING
        gate = await only_gate(coordinator)
        assert (await coordinator.presentation(gate)).because == "the reader asked for it"
        with pytest.raises(SessionBusy, match="turn 1"):
            await session.call(keyed, "flight")
        await coordinator.approve(gate, by="ben")
        with because("the reader asked for it"):
            assert await session.call(publish, "book") == "book-done"
        await session.commit()
    assert world.count("book") == 1


async def test_a_program_that_is_run_again_gets_what_is_recorded_and_goes_on(
    house: House, world: World, on_both: None
) -> None:
    world.plan("hotel", refuse)

    async def program(coordinator: Coordinator, *, goes_on: bool) -> None:
        session = await opened(coordinator)
        await session.call(keyed, "flight")
        with pytest.raises(Refusal):
            await _lodge(session)
        if goes_on:
            await session.call(keyed, "tent")
            await session.commit()

    async with house.open() as coordinator:
        await program(coordinator, goes_on=False)
    async with house.open() as coordinator:
        await program(coordinator, goes_on=True)
    assert (world.done, world.undone) == (["flight", "taxi", "tent"], ["taxi"])
    assert world.count("hotel") == 1


async def test_whoever_chooses_otherwise_the_second_time_is_refused_until_they_have_read(
    house: House, world: World
) -> None:
    async with house.open() as coordinator:
        await (await opened(coordinator)).call(keyed, "flight")
    async with house.open() as coordinator:
        session = await opened(coordinator)
        with pytest.raises(SessionBusy, match=r"turn 1 of s is another one.*session\.turns"):
            await session.call(keyed, "train")
        await session.turns()
        await session.call(keyed, "train")
        await session.commit()
    assert world.done == ["flight", "train"]


async def _gate_is_open(coordinator: Coordinator) -> bool:
    return bool(await coordinator.store.waiting_gates())


async def test_a_rejection_is_heard_as_a_failed_step(house: House, world: World) -> None:
    async with house.open() as coordinator:
        session = await opened(coordinator)
        call = asyncio.create_task(session.call(publish, "book"))
        await until(lambda: _gate_is_open(coordinator))
        await coordinator.reject(await only_gate(coordinator), by="ben", reason="not this one")
        with pytest.raises(ApprovalRejected, match="not this one"):
            await call
        assert (await session.commit()).status is Status.COMPLETED
    assert world.done == []


async def test_of_two_who_steer_one_hears_that_the_other_chose(house: House, world: World) -> None:
    async with house.open() as first, house.open() as second:
        mine = await opened(first)
        theirs = await second.session(assistant, id="s")
        outcomes = await asyncio.gather(
            mine.call(keyed, "flight"), theirs.call(keyed, "train"), return_exceptions=True
        )
        assert [type(each) for each in outcomes].count(SessionBusy) == 1
        await mine.turns()
        await mine.commit()
    assert len(world.done) == 1


async def test_two_who_ask_for_the_same_get_one_step(house: House, world: World) -> None:
    async with house.open() as first, house.open() as second:
        mine = await opened(first)
        theirs = await second.session(assistant, id="s")
        outcomes = await asyncio.gather(mine.call(keyed, "flight"), theirs.call(keyed, "flight"))
        told = await mine.turns()
        await mine.commit()
    assert list(outcomes) == ["flight-done"] * 2
    assert (len(told), world.done) == (1, ["flight"])


async def test_models_call_actions_by_name_with_json(house: House, world: World) -> None:
    async with house.open() as coordinator:
        session = await opened(coordinator)
        assert await session.invoke("keyed", {"what": "flight"}) == "flight-done"
        assert await session.invoke("shop.look_up", {"what": "price"}) == "price-done"
        with pytest.raises(PayloadError, match=r"what: Input should be a valid string"):
            await session.invoke("keyed", {"what": 3})
        with pytest.raises(PayloadError, match="what: Field required"):
            await session.invoke("keyed", {})
        with pytest.raises(DefinitionError, match=r"no action 'fly'.*keyed"):
            await session.invoke("fly", {})
        assert len(await session.turns()) == 2
        await session.commit()


async def test_an_action_of_another_catalog_is_refused(house: House) -> None:
    other = Catalog("other")

    @other.action(reversibility=Reversibility.READ_ONLY)
    async def look(what: str) -> str:
        return what

    async with house.open() as coordinator:
        session = await opened(coordinator)
        with pytest.raises(DefinitionError, match=r"other\.look version 1 is not in the catalog"):
            await session.call(look, "x")
        await session.commit()


async def test_a_call_in_doubt_is_settled_before_it_is_heard_of(house: House, world: World) -> None:
    world.plan("hotel", lose_answer)
    async with house.open() as coordinator:
        session = await opened(coordinator)
        assert await session.call(probed, "hotel") == "hotel-done"
        await session.commit()
    assert world.count("hotel") == 1


async def test_a_question_for_a_person_is_told_and_goes_on_once_it_is_answered(
    house: House, world: World
) -> None:
    world.plan("money", lose_answer)
    async with house.open() as coordinator:
        session = await opened(coordinator)
        with pytest.raises(SessionStuck, match=r"did shop\.wire take effect"):
            await session.call(wire, "money")
        question = await only_question(coordinator)
        await coordinator.resolve(question.id, "happened", result="paid", reason="I looked")
        told = await session.settle()
        assert told is not None
        assert (told.standing, told.result) == (Standing.DONE, "paid")
        assert await session.settle() is None
        await session.commit()


async def test_a_roll_back_past_a_pivot_is_put_before_a_person(house: House, world: World) -> None:
    async with house.open() as coordinator:
        session = await opened(coordinator)
        await session.set_savepoint("news")
        await session.call(keyed, "draft")
        await session.call(mail, "letter")
        with pytest.raises(SessionStuck, match="cannot be undone"):
            await session.roll_back("news", reason="a mistake")
        handle = await coordinator.resume("s")
        outcome = await answer(coordinator, handle, "unwind")
        assert outcome.status is Status.RESIDUAL
        with pytest.raises(SessionOver, match="residual"):
            await session.call(keyed, "more")
    assert world.undone == ["draft"]


async def test_what_is_undone_by_others_cannot_be_steered(house: House, world: World) -> None:
    async with house.open() as coordinator:
        session = await opened(coordinator)
        await session.call(costly, "flight")
        await coordinator.cancel("s", reason="no budget")
        await until(lambda: _gate_is_open(coordinator))
        with pytest.raises(SessionOver, match="is being undone: cancelled by ana: no budget"):
            await session.call(keyed, "hotel")
        await coordinator.approve(await only_gate(coordinator), by="ben")
        assert (await session.outcome(timeout=LIMIT)).status is Status.COMPENSATED
    assert world.undone == ["flight"]


async def test_a_session_that_is_declared_so_unwinds_past_its_pivot(
    house: House, world: World
) -> None:
    async with house.open() as coordinator:
        session = await coordinator.session(determined, id="s")
        await session.call(keyed, "draft")
        await session.call(mail, "letter")
        outcome = await session.abort("a mistake")
    assert outcome.status is Status.RESIDUAL
    assert world.undone == ["draft"]


async def test_events_that_no_session_has_sent_change_nothing(house: House, world: World) -> None:
    async with house.open() as coordinator:
        session = await opened(coordinator)
        junk: list[object] = [None, 7, {"do": "call"}, {"do": "release", "name": "nothing"}]
        for number, payload in enumerate(junk):
            await coordinator.send("s", "session", payload, key=f"junk-{number}")
        await session.settle()
        (turn,) = await session.turns()
        assert turn.standing is Standing.DONE
        assert await session.call(keyed, "flight") == "flight-done"
        assert (await session.commit()).status is Status.COMPLETED


async def test_an_id_of_another_saga_or_task_is_refused(house: House) -> None:
    async with house.open() as coordinator:
        await opened(coordinator)
        with pytest.raises(DifferentInput, match="another input"):
            await coordinator.session(assistant, "another trip", id="s")
        with pytest.raises(DifferentInput, match=r"belongs to shop\.assistant version 1"):
            await coordinator.session(determined, id="s")
        again = await coordinator.session(assistant, "a trip", id="s")
        assert await again.turns() == []
        assert await again.call(look_up, "price") == "price-done"
        await again.commit()


@pytest.mark.parametrize("name", ["", "a b", "a/b"])
async def test_a_savepoint_that_cannot_be_named_is_refused(house: House, name: str) -> None:
    async with house.open() as coordinator:
        session = await opened(coordinator)
        with pytest.raises(DefinitionError, match="savepoint name"):
            await session.set_savepoint(name)
        await session.commit()


async def test_savepoints_that_are_open_or_not_are_told(house: House) -> None:
    async with house.open() as coordinator:
        session = await opened(coordinator)
        await session.set_savepoint("a")
        with pytest.raises(DefinitionError, match="'a' is open"):
            await session.set_savepoint("a")
        with pytest.raises(DefinitionError, match="no savepoint 'b' is open: open are a"):
            await session.roll_back("b", reason="no")
        await session.commit()


async def test_secret_arguments_are_kept_from_people(house: House) -> None:
    vault = Catalog("vault")

    @vault.action(reversibility=Reversibility.READ_ONLY)
    async def look(pin: Annotated[str, Sensitive()], place: str) -> str:
        if pin != "4-7-1-1":
            raise NotExecuted("wrong")
        return place

    keeper = vault.session("keeper")
    async with house.open(vault) as coordinator:
        session = await coordinator.session(keeper, id="s")
        assert await session.call(look, "4-7-1-1", "drawer") == "drawer"
        await session.commit()
        loaded = await coordinator.load("s")
    (event,) = [row for row in loaded.rows if row.kind == EventReceived.__name__][:1]
    assert '"sensitive":["/arguments/pin"]' in str(event.body).replace(" ", "")
    assert sum(row.kind == TimerSet.__name__ for row in loaded.rows) == 2


async def test_a_failed_step_of_no_declared_error_is_heard_of_too(
    house: House, world: World
) -> None:
    async def deny(world: World, call: Any) -> str:
        raise NotExecuted("sold out")

    world.plan("hotel", deny)
    async with house.open() as coordinator:
        session = await opened(coordinator)
        with pytest.raises(StepFailed, match="sold out"):
            await session.call(keyed, "hotel")
        (told,) = await session.turns()
        assert (told.standing, told.error) == (Standing.FAILED, "NotExecuted: sold out")
        await session.commit()


async def test_an_event_under_the_key_of_a_turn_is_told_to_whoever_steers(house: House) -> None:
    async with house.open() as coordinator:
        session = await opened(coordinator)
        await coordinator.send("s", "shipped", None, key="session-turn-1")
        with pytest.raises(SessionBusy, match="under its key, session-turn-1"):
            await session.call(keyed, "flight")
        assert (await session.abort("a stranger's event")).status is Status.COMPENSATED


async def test_an_abort_past_a_pivot_is_put_before_a_person(house: House, world: World) -> None:
    async with house.open() as coordinator:
        session = await opened(coordinator)
        await session.call(keyed, "draft")
        await session.call(mail, "letter")
        assert (await session.abort("a mistake")).status is Status.STUCK
        handle = await coordinator.resume("s")
        assert (await answer(coordinator, handle, "unwind")).status is Status.RESIDUAL
        assert [each.standing for each in await session.turns()][-1] is Standing.DONE
    assert world.undone == ["draft"]


async def test_an_abort_while_a_person_is_asked_waits_for_nothing_else(
    house: House, world: World
) -> None:
    world.plan("money", lose_answer)
    async with house.open() as coordinator:
        session = await opened(coordinator)
        with pytest.raises(SessionStuck):
            await session.call(wire, "money")
        assert (await session.abort("a mistake")).status is Status.STUCK


async def test_a_commit_closes_the_blocks_around_it(house: House, world: World) -> None:
    async with house.open() as coordinator:
        session = await opened(coordinator)
        async with session.savepoint("lodging"):
            await session.call(keyed, "hotel")
            outcome = await session.commit("booked")
    assert (outcome.result, world.done, world.undone) == ("booked", ["hotel"], [])


async def test_a_window_that_is_about_to_close_holds_up_no_session(
    house: House, world: World
) -> None:
    async def is_asked(coordinator: Coordinator) -> bool:
        await (await coordinator.resume("s")).settled()
        return bool(await coordinator.store.waiting_questions())

    async with house.open() as coordinator:
        session = await opened(coordinator)
        await session.call(held_and_asked, "flight")
        house.clock.forward(timedelta(days=6, hours=1))
        await until(lambda: is_asked(coordinator))
        assert await session.call(keyed, "hotel") == "hotel-done"
        assert (await session.commit()).status is Status.COMPLETED


async def test_a_result_that_cannot_be_stored_is_given_to_nobody(
    house: House, world: World
) -> None:
    world.results.append(object())
    async with house.open() as coordinator:
        session = await opened(coordinator)
        with pytest.raises(SessionOver, match="its result cannot be stored"):
            await session.call(strange, "flight")
    assert world.undone == ["flight"]


async def test_a_call_of_which_nobody_knows_gives_nothing_once_it_was_undone_in_case(
    house: House, world: World
) -> None:
    world.plan("flight", lose_request)
    async with house.open() as coordinator:
        session = await opened(coordinator)
        with pytest.raises((SessionOver, SessionStuck)):
            await session.call(held_blindly, "flight")
        await session.abort("it is not needed")
    async with house.open() as coordinator:
        again = await coordinator.session(assistant, id="s")
        with pytest.raises(SessionOver):
            await again.call(held_blindly, "flight")
        (told,) = await again.turns()
        assert told.standing is Standing.UNDONE


async def test_a_step_that_failed_and_took_effect_later_is_heard_as_it_was(
    house: House, world: World
) -> None:
    world.plan("flight", ignore_cancellation)
    async with house.open() as coordinator:
        session = await opened(coordinator)
        with pytest.raises(SessionStuck):
            await session.call(keyless, "flight")
        question = await only_question(coordinator)
        await coordinator.resolve(question.id, "not-happened", reason="I saw nothing")
        with pytest.raises(StepFailed, match="I saw nothing"):
            await session.call(keyless, "flight")
        world.released.set()
        await until(lambda: _is_undone(world))
        again = await coordinator.session(assistant, id="s")
        with pytest.raises(StepFailed, match="I saw nothing"):
            await again.call(keyless, "flight")
        (told,) = await again.turns()
        assert told.standing is Standing.UNDONE
        assert told.error == "NotExecuted: ana: I saw nothing; but it took effect later"
        await again.commit()


async def _is_undone(world: World) -> bool:
    return world.undone == ["flight"]


@pytest.mark.parametrize(
    "arguments", [{"what": "\ud800"}, {"what": object()}, {"what": "a", "whta": "b"}]
)
async def test_what_no_action_takes_is_refused_before_anything_is_written(
    house: House, arguments: dict[str, Any]
) -> None:
    async with house.open() as coordinator:
        session = await opened(coordinator)
        with pytest.raises(PayloadError, match=r"plain JSON values|takes no whta: it takes what"):
            await session.invoke("keyed", arguments)
        assert await session.turns() == []
        await session.commit()


async def test_a_session_commits_plain_json(house: House) -> None:
    async with house.open() as coordinator:
        session = await opened(coordinator)
        with pytest.raises(PayloadError, match="plain JSON values"):
            await session.commit(cast(Any, object()))
        await session.commit()
