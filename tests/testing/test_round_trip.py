"""`check_round_trip`: each property by an action that lacks it, and actions that have them all."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Annotated, Any

import pytest
from hypothesis import strategies as st
from pydantic import BaseModel, Field, PlainSerializer, PlainValidator, WithJsonSchema

from sagas import Catalog, NotExecuted, Residue, Reversibility, current_step, waived
from sagas.authoring.action import Action
from sagas.testing import (
    Leak,
    NotDeterministic,
    Provider,
    Recording,
    Refused,
    Report,
    Unexplorable,
    WorldNotReset,
    check_round_trip,
)

R = Reversibility
DAY = timedelta(hours=24)

Book = Callable[[str], Awaitable[str]]
Cancel = Callable[[str], Awaitable[Residue | None]]


def rules(report: Report) -> list[str]:
    return sorted(violation.rule for violation in report.violations)


def made(
    book: Book, cancel: Cancel | None = None, *, world: Provider | None = None, **options: Any
) -> Action[..., Any]:
    """An action that books a city, and a compensation that is given the booking's id."""
    catalog = Catalog("travel")
    undo: dict[str, Any] = options.pop("undo", {})

    options.setdefault("key_ttl", DAY)

    @catalog.action(reversibility=R.COMPENSATABLE, **options)
    async def hotel(city: str) -> str:
        return await book(city)

    @hotel.compensation(**undo)
    async def cancel_hotel(result: str) -> Residue | None:
        if cancel is not None:
            return await cancel(result)
        assert world is not None
        await world.undo("hotel", result)
        return None

    return hotel


def booking(world: Provider) -> Book:
    async def book(city: str) -> str:
        return await world.do("hotel", city)

    return book


# --- correct actions ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "world",
    [
        Provider.keyed(),
        Provider(),
        Provider.slow(timedelta(milliseconds=1)),
        Provider.lossy(),
        Provider.lossy((1, 3, 5)),
        Provider(refuses=lambda call: call.subject == "Atlantis"),
    ],
    ids=["keyed", "good", "slow", "lossy", "lossier", "refusing"],
)
async def test_a_correct_action_raises_no_alarm(world: Provider) -> None:
    hotel = made(booking(world), world=world, definite=(Refused,))
    report = await check_round_trip(hotel, "Rome", {"city": "Atlantis"}, world=world)

    assert report.violations == []
    assert report.saga == "travel.hotel"
    assert report.schedules >= 3


async def test_a_correct_action_raises_no_alarm_with_inputs_that_are_made() -> None:
    world = Provider.keyed()
    report = await check_round_trip(made(booking(world), world=world), world=world, runs=10)

    assert report.violations == []
    assert report.schedules >= 20


async def test_a_keyless_action_is_called_only_once() -> None:
    world = Provider.keyless()
    hotel = made(booking(world), world=world, key_ttl=None)

    assert (await check_round_trip(hotel, "Rome", world=world)).violations == []


async def test_a_compensation_that_needs_no_result_raises_no_alarm() -> None:
    world = Provider()
    catalog = Catalog("travel")

    @catalog.action(reversibility=R.COMPENSATABLE, key_ttl=DAY)
    async def hotel(city: str) -> str:
        return await world.do("hotel", city)

    @hotel.probe()
    async def find_hotel(city: str) -> str | None:
        return await world.find("hotel")

    @hotel.compensation()
    async def cancel_hotel(result: str | None) -> None:
        await world.undo("hotel", result)

    @cancel_hotel.probe()
    async def is_cancelled() -> bool:
        return await world.find("hotel") is not None

    assert (await check_round_trip(hotel, "Rome", world=world)).violations == []


def test_actions_that_are_not_async_raise_no_alarm() -> None:
    world = Provider()
    catalog = Catalog("travel")

    @catalog.action(reversibility=R.COMPENSATABLE, key_ttl=DAY)
    def tell(city: str) -> None:
        world.sync.do("note", city)

    @tell.probe()
    def was_told(city: str) -> bool:
        return world.sync.find("note") is not None

    @tell.compensation()
    def forget() -> None:
        world.sync.undo("note")

    report = asyncio.run(check_round_trip(tell, "Rome", world=world))

    assert report.violations == []


class Labels:
    """A fake whose labels are changed, and put back."""

    def __init__(self) -> None:
        self.held: dict[str, str] = {}
        self.clear()

    def clear(self) -> None:
        self.held = {"box": "old"}

    def put(self, what: str, label: str) -> None:
        self.held[what] = label


def labelling(restored: Callable[[str], str]) -> tuple[Action[..., Any], Recording]:
    labels = Labels()
    world = Recording(reset=labels.clear, snapshot=lambda: dict(labels.held))
    partner = world.wrap(labels, "put")
    catalog = Catalog("labels")

    @catalog.action(reversibility=R.REVERSIBLE, repeatable=True)
    async def label(text: str) -> None:
        partner.put("box", text)

    @label.before
    async def read_label() -> str:
        return labels.held["box"]

    @label.compensation()
    async def restore(before: str) -> None:
        partner.put("box", restored(before))

    return label, world


async def test_what_was_read_before_is_put_back() -> None:
    label, world = labelling(lambda before: before)

    assert (await check_round_trip(label, "new", world=world)).violations == []


async def test_an_action_that_cannot_be_undone_is_checked_for_its_key_and_its_probe() -> None:
    world = Provider()
    catalog = Catalog("post")

    @catalog.action(reversibility=R.IRREVERSIBLE, key_ttl=DAY, approval=waived(reason="a test"))
    async def mail(to: str) -> str:
        return await world.do("mail", to)

    @mail.probe()
    async def find_mail(to: str) -> str | None:
        return await world.find("mail", key="another")

    report = await check_round_trip(mail, "ana", world=world)

    assert rules(report) == ["probe_tells_the_truth"]


# --- do and undo --------------------------------------------------------------------------------


async def test_an_undo_that_does_nothing_is_found() -> None:
    world = Provider.keyed()

    async def cancel(booking: str) -> None:
        pass

    report = await check_round_trip(made(booking(world), cancel), "Rome", world=world)

    assert rules(report) == ["undo_restores"]
    (found,) = report.violations
    assert "hotel: nothing before" in found.detail
    assert "'city': 'Rome'" in found.rerun
    assert found.history[0].startswith("do hotel -> 'hotel-")
    assert [name for name, _, _ in found.ledger] == ["hotel"]


async def test_an_undo_that_puts_back_something_else_is_found() -> None:
    label, world = labelling(str.upper)

    assert rules(await check_round_trip(label, "new", world=world)) == ["undo_restores"]


async def test_an_undo_that_fails_is_found() -> None:
    world = Provider.keyed()

    async def cancel(booking: str) -> None:
        raise KeyError(booking)

    report = await check_round_trip(made(booking(world), cancel), "Rome", world=world)

    assert rules(report) == ["undo_answers"]


async def test_an_undo_that_is_lost_is_repeated_as_a_saga_would() -> None:
    world = Provider(loses=lambda call: call.direction == "undo" and call.number == 2)

    report = await check_round_trip(made(booking(world), world=world), "Rome", world=world)

    assert report.violations == []


async def test_a_residue_wants_a_comparison() -> None:
    world = Provider.keyed()

    async def cancel(booking: str) -> Residue | None:
        await world.undo("hotel", booking)
        await world.do("fee", booking, key=f"{current_step().idempotency_key} fee")
        return None

    hotel = made(booking(world), cancel, undo={"residue": "a fee"})
    report = await check_round_trip(hotel, "Rome", world=world)

    assert "residue_is_compared" in rules(report)
    assert "pass compare=" in str(report)


async def test_a_comparison_says_what_may_remain() -> None:
    world = Provider.keyed()

    async def cancel(booking: str) -> Residue | None:
        await world.undo("hotel", booking)
        return Residue("a fee")

    hotel = made(booking(world), cancel)

    def fails(before: object, after: object) -> None:
        raise AssertionError("there is no fee")

    assert rules(await check_round_trip(hotel, "Rome", world=world)) == []

    def refuses(before: object, after: object) -> bool:
        return before != after

    for compare in (refuses, fails):
        report = await check_round_trip(hotel, "Rome", world=world, compare=compare)
        assert rules(report) == ["undo_restores"]
    assert "there is no fee" in str(report)


# --- again --------------------------------------------------------------------------------------


async def test_a_key_that_the_destination_ignores_is_found() -> None:
    world = Provider.keyless()
    report = await check_round_trip(made(booking(world), world=world), "Rome", world=world)

    assert rules(report) == ["do_twice_is_do_once"]


async def test_a_key_with_something_new_in_it_is_found() -> None:
    world = Provider.keyed()
    calls = iter(range(1000))

    async def book(city: str) -> str:
        key = f"{current_step().idempotency_key} at {next(calls)}"
        return await world.do("hotel", city, key=key)

    report = await check_round_trip(made(book, world=world), "Rome", world=world)

    assert rules(report) == ["do_twice_is_do_once", "effects_carry_the_key"]


async def test_a_second_result_that_differs_is_found() -> None:
    world = Provider.keyed()
    calls = iter(range(1000))

    async def book(city: str) -> str:
        await world.do("hotel", city)
        return f"number {next(calls)}"

    async def cancel(booking: str) -> None:
        await world.undo("hotel")

    report = await check_round_trip(made(book, cancel), "Rome", world=world)

    assert rules(report) == ["do_twice_is_do_once"]
    assert "another result" in str(report)


async def test_a_second_undo_that_does_more_is_found() -> None:
    world = Provider.keyless()

    async def cancel(booking: str) -> None:
        await world.undo("hotel", booking)
        if current_step().attempt > 1:
            await world.do("refund", booking)

    hotel = made(booking(world), cancel, key_ttl=None, undo={"repeatable": True})
    report = await check_round_trip(hotel, "Rome", world=world)

    assert rules(report) == ["undo_twice_is_undo_once"]


async def test_a_second_undo_that_fails_is_found() -> None:
    world = Provider.keyed()

    async def cancel(booking: str) -> None:
        if await world.undo("hotel", booking) is None or current_step().attempt > 1:
            raise NotExecuted("it is cancelled already")

    report = await check_round_trip(made(booking(world), cancel), "Rome", world=world)

    assert rules(report) == ["undo_twice_is_undo_once"]


# --- without knowing ----------------------------------------------------------------------------


def unsure(undo: Callable[[Provider, str | None], Awaitable[None]]) -> tuple[Any, Provider]:
    world = Provider.keyed()
    catalog = Catalog("travel")

    @catalog.action(reversibility=R.COMPENSATABLE, key_ttl=DAY)
    async def hotel(city: str) -> str:
        return await world.do("hotel", city)

    @hotel.compensation()
    async def cancel_hotel(result: str | None) -> None:
        await undo(world, result)

    return hotel, world


async def test_an_undo_that_pays_back_what_was_never_paid_is_found() -> None:
    async def undo(world: Provider, result: str | None) -> None:
        if result is None and current_step().undoes.idempotency_key:
            await world.do("refund", "ana")
        else:
            await world.undo("hotel", result)

    hotel, world = unsure(undo)
    report = await check_round_trip(hotel, "Rome", world=world)

    assert "undo_without_do_harms_nothing" in rules(report)


async def test_an_undo_that_fails_where_nothing_was_done_is_found() -> None:
    async def undo(world: Provider, result: str | None) -> None:
        if await world.undo("hotel", result) is None:
            raise LookupError("no such booking")

    hotel, world = unsure(undo)

    assert rules(await check_round_trip(hotel, "Rome", world=world)) == [
        "undo_without_do_harms_nothing"
    ]


async def test_an_undo_that_gives_up_without_a_result_is_found() -> None:
    async def undo(world: Provider, result: str | None) -> None:
        if result is not None:
            await world.undo("hotel", result)

    hotel, world = unsure(undo)

    assert rules(await check_round_trip(hotel, "Rome", world=world)) == [
        "undo_without_result_restores"
    ]


# --- probes -------------------------------------------------------------------------------------


def probed(
    probe: Callable[[Provider], Awaitable[str | None]],
    *,
    world: Provider | None = None,
    lag: timedelta = timedelta(0),
) -> tuple[Any, Provider]:
    world = world or Provider.probed()
    hotel = made(booking(world), world=world, key_ttl=None)

    @hotel.probe(lag=lag)
    async def find_hotel(city: str) -> str | None:
        return await probe(world)

    return hotel, world


async def never(world: Provider) -> str | None:
    return None


async def always(world: Provider) -> str | None:
    return "hotel-1"


async def another(world: Provider) -> str | None:
    return "another" if await world.find("hotel") else None


async def failing(world: Provider) -> str | None:
    raise LookupError


async def acting(world: Provider) -> str | None:
    await world.do("question", "hotel")
    return await world.find("hotel")


@pytest.mark.parametrize("probe", [never, always, another, failing], ids=lambda one: one.__name__)
async def test_a_probe_that_does_not_tell_the_truth_is_found(probe: Any) -> None:
    hotel, world = probed(probe)

    assert rules(await check_round_trip(hotel, "Rome", world=world)) == ["probe_tells_the_truth"]


async def test_a_probe_that_acts_is_found() -> None:
    hotel, world = probed(acting)

    assert "asking_changes_nothing" in rules(await check_round_trip(hotel, "Rome", world=world))


async def test_a_lag_that_is_not_declared_is_found_and_one_that_is_is_waited_for() -> None:
    lag = timedelta(milliseconds=50)
    late = Provider.probed(lag=lag)

    async def ask(world: Provider) -> str | None:
        return await world.find("hotel")

    hasty, _ = probed(ask, world=late)
    patient, _ = probed(ask, world=late, lag=2 * lag)

    assert rules(await check_round_trip(hasty, "Rome", world=late)) == ["probe_tells_the_truth"]
    assert rules(await check_round_trip(patient, "Rome", world=late)) == []


async def test_the_probe_of_a_compensation_that_lies_is_found() -> None:
    world = Provider()
    hotel = made(booking(world), world=world)
    assert hotel.undo is not None

    @hotel.undo.probe()
    async def is_cancelled(result: str) -> bool:
        return False

    assert rules(await check_round_trip(hotel, "Rome", world=world)) == ["probe_tells_the_truth"]


# --- what is recorded ---------------------------------------------------------------------------


async def test_an_effect_that_no_ledger_has_is_found() -> None:
    labels = Labels()
    world = Recording(reset=labels.clear, snapshot=lambda: dict(labels.held))
    catalog = Catalog("labels")

    @catalog.action(reversibility=R.COMPENSATABLE, repeatable=True)
    async def label(text: str) -> None:
        labels.put("box", text)

    @label.compensation()
    async def restore() -> None:
        labels.put("box", "old")

    report = await check_round_trip(label, "new", world=world)

    assert rules(report) == ["effects_are_recorded"]


async def test_two_effects_of_one_call_are_found() -> None:
    world = Provider.keyless()

    async def book(city: str) -> str:
        await world.do("card", city)
        return await world.do("hotel", city)

    async def cancel(booking: str) -> None:
        await world.undo("hotel", booking)
        await world.undo("card")

    hotel = made(book, cancel, key_ttl=None)
    report = await check_round_trip(hotel, "Rome", world=world)

    assert rules(report) == ["one_effect_a_step"]


# --- inputs -------------------------------------------------------------------------------------


class Stay(BaseModel):
    city: str = Field(min_length=1, max_length=20)
    nights: int = Field(ge=1, le=30)


def staying(most: int) -> tuple[Action[..., Any], Provider]:
    """Its undo forgets long stays."""
    world = Provider.keyed()
    catalog = Catalog("travel")

    @catalog.action(reversibility=R.COMPENSATABLE, key_ttl=DAY)
    async def stay(request: Stay) -> str:
        return await world.do("stay", request.city, nights=request.nights)

    @stay.compensation()
    async def leave(request: Stay, result: str) -> None:
        if request.nights <= most:
            await world.undo("stay", result)

    return stay, world


async def test_made_inputs_are_shrunk_to_the_smallest_that_fails() -> None:
    stay, world = staying(most=6)
    report = await check_round_trip(stay, world=world, runs=50)

    assert rules(report) == ["undo_restores"]
    assert report.violations[0].detail.startswith(
        "with {'request': {'city': '0', 'nights': 7}}: the world is not as it was"
    )


async def test_the_same_seed_finds_the_same() -> None:
    stay, world = staying(most=6)
    first, second = [await check_round_trip(stay, world=world, seed=3) for _ in range(2)]

    assert first.violations == second.violations
    assert first.schedules == second.schedules


async def test_of_several_examples_the_smallest_that_fails_is_shown() -> None:
    stay, world = staying(most=6)
    long, short = Stay(city="Constantinople", nights=30), {"city": "Rome", "nights": 7}
    report = await check_round_trip(stay, long, short, {"request": long}, world=world)

    assert "Rome" in report.violations[0].detail


async def test_an_example_that_does_not_fit_is_refused() -> None:
    stay, world = staying(most=6)

    with pytest.raises(Unexplorable, match=r"example 1 of travel\.stay does not fit: nights"):
        await check_round_trip(stay, {"city": "Rome", "nights": 0}, world=world)


async def test_strategies_may_be_given_by_parameter_and_by_class() -> None:
    stay, world = staying(most=6)
    fixed = st.just(Stay(city="Rome", nights=9))
    for chosen in ({"request": fixed}, {Stay: fixed}):
        report = await check_round_trip(stay, world=world, strategies=chosen)
        assert "'Rome', 'nights': 9" in report.violations[0].detail


class Strange:
    """Something that only its own validator knows how to make."""


Odd = Annotated[
    Strange,
    PlainValidator(lambda value: Strange()),
    PlainSerializer(lambda value: 1),
    WithJsonSchema({"type": "integer"}),
]


async def test_a_type_of_which_no_values_can_be_made_is_named() -> None:
    catalog = Catalog("travel")

    @catalog.action(reversibility=R.IRREVERSIBLE, key_ttl=DAY, approval=waived(reason="a test"))
    async def odd(it: Odd) -> None: ...

    with pytest.raises(Unexplorable, match=r"odd: parameter 'it': no values .* pass examples"):
        await check_round_trip(odd, world=Provider())


# --- what is no check ---------------------------------------------------------------------------


async def test_a_world_that_does_not_forget_is_refused() -> None:
    world = Provider.keyed()
    remembering = Recording(reset=lambda: None, snapshot=world.snapshot)

    with pytest.raises(WorldNotReset, match="keep clocks and chance out"):
        await check_round_trip(made(booking(world), world=world), "Rome", "Oslo", world=remembering)


async def test_a_world_that_keeps_its_ledger_is_refused() -> None:
    class Keeping(Provider):
        def reset(self) -> None:
            pass

    world = Keeping()
    with pytest.raises(WorldNotReset, match="the ledger still has 2 effects"):
        await check_round_trip(made(booking(world), world=world), "Rome", "Oslo", world=world)


async def test_a_call_that_goes_on_after_its_time_is_refused() -> None:
    world = Provider.keyed()
    catalog = Catalog("travel")
    release = threading.Event()

    @catalog.action(
        reversibility=R.IRREVERSIBLE,
        repeatable=True,
        timeout=timedelta(milliseconds=20),
        approval=waived(reason="a test"),
    )
    def hang(city: str) -> str:
        release.wait(30)
        return city

    @hang.probe()
    async def find(city: str) -> str | None:
        return None

    with pytest.raises(Leak, match="hang goes on after its time"):
        await check_round_trip(hang, "Rome", world=world)
    release.set()


async def test_a_check_in_which_every_call_is_refused_shows_nothing() -> None:
    world = Provider(refuses=lambda call: True)
    hotel = made(booking(world), world=world, definite=(Refused,))

    with pytest.raises(Unexplorable, match=r"no call of travel\.hotel had a result"):
        await check_round_trip(hotel, "Rome", world=world)


async def test_an_action_that_goes_by_itself_is_refused() -> None:
    world = Provider.keyed()
    calls = iter(range(1000))

    async def cancel(booking: str) -> None:
        if next(calls) > 2:
            await world.undo("hotel", booking)

    with pytest.raises(NotDeterministic, match="goes by itself"):
        await check_round_trip(made(booking(world), cancel), world=world, runs=10)


async def test_what_has_nothing_to_be_checked_is_refused() -> None:
    catalog = Catalog("travel")

    @catalog.action(reversibility=R.READ_ONLY)
    async def look(city: str) -> str:
        return city

    with pytest.raises(Unexplorable, match="use check_declared_class"):
        await check_round_trip(look, "Rome", world=Provider())
    with pytest.raises(Unexplorable, match="takes an action"):
        await check_round_trip(look.fn, "Rome", world=Provider())  # type: ignore[arg-type]


async def test_a_check_that_is_cancelled_stops() -> None:
    world, begun = Provider.keyed(), asyncio.Event()

    async def book(city: str) -> str:
        begun.set()
        return await asyncio.Future()

    task = asyncio.create_task(check_round_trip(made(book, world=world), world=world, runs=5))
    await begun.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
