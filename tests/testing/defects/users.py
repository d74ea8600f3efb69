"""Defects of sagas, as their authors make them."""

import random
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Annotated, Any

from pydantic import BaseModel, JsonValue, PlainSerializer

from sagas import NotExecuted, Reversibility, current_step, parallel
from sagas.testing import Effect, Provider, Refused
from tests.testing.defects import Defect, nothing
from tests.testing.sagas import DAY, SOON, Sample, Shop

R = Reversibility

DEFECTS: dict[str, Defect] = {}


def defect(rule: str) -> Callable[[Callable[[bool], Sample]], None]:
    """Register what makes the saga, broken or sound; its docstring says what is wrong with it."""

    def register(make: Callable[[bool], Sample]) -> None:
        name = make.__name__
        assert name not in DEFECTS
        broken, sound = partial(make, True), partial(make, False)
        DEFECTS[name] = Defect(name, make.__doc__ or "", rule, broken, nothing, sound)

    return register


def one_step(shop: Shop, act: Any, **options: Any) -> Sample:
    """A saga that does one thing, and then another that may be refused."""
    car = shop.keyed("car")

    @shop.catalog.saga
    async def body(city: str) -> str:
        return await car(str(await act(city)))

    return Sample(body, shop.world, options=options)


# --- what is declared, and is not so --------------------------------------------------------------


@defect("no_call_took_effect_twice")
def keys_that_nobody_honours(broken: bool) -> Sample:
    """An action is declared to have a key, and its partner ignores keys."""
    shop = Shop()
    partner = Provider.keyless(beside=shop.world) if broken else shop.world

    @shop.catalog.action(reversibility=R.COMPENSATABLE, key_ttl=DAY, retry=SOON)
    async def room(city: str) -> str:
        return await partner.do("room", city)

    @room.compensation()
    async def leave(result: str) -> None:
        await shop.world.undo("room", result)

    return one_step(shop, room)


@defect("no_call_took_effect_twice")
def undo_that_cannot_be_repeated(broken: bool) -> Sample:
    """A refund inherits a key that its partner ignores, and pays twice."""
    shop = Shop()
    partner = Provider.keyless(beside=shop.world) if broken else shop.world

    @shop.catalog.action(reversibility=R.COMPENSATABLE, key_ttl=DAY, retry=SOON)
    async def charge(city: str) -> str:
        return await shop.world.do("charge", city)

    @charge.compensation(residue="a charge and a refund")
    async def refund(result: str) -> None:
        await partner.do("refund", result)

    return one_step(shop, charge)


@defect("the_world_is_as_before")
def repeatable_that_is_not(broken: bool) -> Sample:
    """An action is declared to be repeatable, and books again each time."""
    shop = Shop()
    partner = Provider.keyless(beside=shop.world) if broken else shop.world

    @shop.catalog.action(reversibility=R.COMPENSATABLE, repeatable=True, retry=SOON)
    async def room(city: str) -> str:
        return await partner.do("room", city)

    @room.compensation()
    async def leave(result: str) -> None:
        await shop.world.undo("room", result)

    return one_step(shop, room)


@defect("what_is_said_not_to_have_happened_did_not")
def error_that_is_not_definite(broken: bool) -> Sample:
    """A lost connection is declared to mean that nothing happened."""
    shop = Shop()
    definite = (Refused, ConnectionError) if broken else Refused
    return one_step(shop, shop.keyed("room", definite=definite))


@defect("the_world_is_as_before")
def undo_by_an_apology(broken: bool) -> Sample:
    """What cannot be undone is declared compensatable, and an apology is sent."""
    shop = Shop()

    @shop.catalog.action(reversibility=R.COMPENSATABLE, key_ttl=DAY, definite=Refused)
    async def letter(city: str) -> str:
        return await shop.world.do("letter", city)

    @letter.compensation()
    async def take_back(city: str, result: str) -> None:
        if broken:
            await shop.world.do("apology", city)
        else:
            await shop.world.undo("letter", result)

    return one_step(shop, letter)


# --- actions --------------------------------------------------------------------------------------


@defect("what_is_said_to_have_happened_did")
def error_that_is_swallowed(broken: bool) -> Sample:
    """An action swallows a refusal, and returns as if it had succeeded."""
    shop = Shop()
    full = Provider(refuses=(1,), beside=shop.world, name="full")

    @shop.catalog.action(reversibility=R.COMPENSATABLE, key_ttl=DAY, definite=Refused)
    async def room(city: str) -> str:
        try:
            return await full.do("room", city)
        except Refused:
            if not broken:
                raise
            return "booked"

    @room.compensation()
    async def leave(result: str) -> None:
        await full.undo("room", result)

    return one_step(shop, room)


@defect("what_is_said_not_to_have_happened_did_not")
def refusal_after_the_effect(broken: bool) -> Sample:
    """An action raises NotExecuted when it has had its effect."""
    shop = Shop()

    @shop.catalog.action(reversibility=R.COMPENSATABLE, key_ttl=DAY)
    async def room(city: str) -> str:
        if not broken and current_step().attempt == 1:
            raise NotExecuted("too small")
        booking = await shop.world.do("room", city)
        if broken and booking:
            raise NotExecuted("too small")
        return booking

    @room.compensation()
    async def leave(result: str) -> None:
        await shop.world.undo("room", result)

    return one_step(shop, room)


@defect("every_effect_was_intended")
def effect_under_another_key(broken: bool) -> Sample:
    """An action sends a key of its own."""
    shop = Shop()

    @shop.catalog.action(reversibility=R.COMPENSATABLE, key_ttl=DAY)
    async def room(city: str) -> str:
        return await shop.world.do("room", city, key=f"room in {city}" if broken else None)

    @room.compensation()
    async def leave(result: str) -> None:
        await shop.world.undo("room", result)

    return one_step(shop, room)


@defect("every_effect_was_intended")
def undo_under_the_key_of_what_it_undoes(broken: bool) -> Sample:
    """A compensation sends the key of the call that it undoes."""
    shop = Shop()
    partner = Provider.keyless(beside=shop.world)

    @shop.catalog.action(reversibility=R.COMPENSATABLE, key_ttl=DAY)
    async def room(city: str) -> str:
        return await shop.world.do("room", city)

    @room.compensation(repeatable=True)
    async def leave(result: str) -> None:
        sent = current_step().undoes.idempotency_key
        await partner.undo("room", result, key=sent if broken else None)

    return one_step(shop, room)


class Price(BaseModel):
    """A price that is rounded where it is written."""

    amount: Annotated[float, PlainSerializer(lambda amount: round(amount, 1))]


@defect("a_result_can_be_stored")
def result_that_does_not_come_back(broken: bool) -> Sample:
    """A result is not the same once it was written and read again."""
    shop = Shop()
    amount = 12.34 if broken else 12.5

    @shop.catalog.action(reversibility=R.COMPENSATABLE, key_ttl=DAY)
    async def quote(city: str) -> Price:
        await shop.world.do("quote", city)
        return Price(amount=amount)

    @quote.compensation()
    async def withdraw(city: str) -> None:
        await shop.world.undo("quote")

    return one_step(shop, quote)


@defect("Leak")
def state_kept_between_runs(broken: bool) -> Sample:
    """An action counts its calls, and does something else after a while."""
    shop, calls = Shop(), [0]

    @shop.catalog.action(reversibility=R.COMPENSATABLE, key_ttl=DAY)
    async def room(city: str) -> str:
        calls[0] += 1
        booking = await shop.world.do("room", city)
        return f"{booking}!" if broken and calls[0] > 50 else booking

    @room.compensation()
    async def leave(result: str) -> None:
        await shop.world.undo("room", result.removesuffix("!"))

    return one_step(shop, room)


# --- probes ---------------------------------------------------------------------------------------


def _probed(answer: Callable[[str | None], str | None]) -> Sample:
    shop = Shop()
    partner = Provider.probed(beside=shop.world)

    @shop.catalog.action(reversibility=R.COMPENSATABLE, retry=SOON, definite=Refused)
    async def seat(city: str) -> str:
        return await partner.do("seat", city)

    @seat.probe()
    async def find(city: str) -> str | None:
        return answer(await partner.find("seat"))

    @seat.compensation(repeatable=True)
    async def leave(result: str) -> None:
        await partner.undo("seat", result)

    return one_step(shop, seat)


@defect("the_world_is_as_before")
def probe_that_never_finds(broken: bool) -> Sample:
    """A probe says that there is no trace, whatever happened."""
    return _probed(lambda found: None if broken else found)


@defect("what_is_said_to_have_happened_did")
def probe_that_always_finds(broken: bool) -> Sample:
    """A probe says that it happened, whatever happened."""
    return _probed(lambda found: "seat" if broken else found)


# --- compensations --------------------------------------------------------------------------------


@defect("what_is_said_to_have_happened_did")
def undo_that_does_nothing(broken: bool) -> Sample:
    """A compensation does nothing."""
    shop = Shop()

    @shop.catalog.action(reversibility=R.COMPENSATABLE, key_ttl=DAY)
    async def room(city: str) -> str:
        return await shop.world.do("room", city)

    @room.compensation()
    async def leave(result: str) -> None:
        if not broken:
            await shop.world.undo("room", result)

    return one_step(shop, room)


@defect("no_call_took_effect_twice")
def undo_that_undoes_twice(broken: bool) -> Sample:
    """A compensation refunds twice."""
    shop = Shop()
    partner = Provider.keyless(beside=shop.world)

    @shop.catalog.action(reversibility=R.COMPENSATABLE, key_ttl=DAY)
    async def charge(city: str) -> str:
        return await shop.world.do("charge", city)

    @charge.compensation(residue="a charge and a refund", key_ttl=DAY)
    async def refund(result: str) -> None:
        await shop.world.do("refund", result)
        if broken:
            await partner.do("refund", result)

    return one_step(shop, charge)


@defect("what_is_said_to_have_happened_did")
def undo_that_needs_a_result_it_has_not(broken: bool) -> Sample:
    """A compensation says that it needs no result, and does nothing without one."""
    shop = Shop()
    partner = Provider.keyless(beside=shop.world)

    @shop.catalog.action(reversibility=R.COMPENSATABLE)
    async def room(city: str) -> str:
        return await partner.do("room", city)

    @room.compensation(repeatable=True)
    async def leave(result: str | None) -> None:
        if result is not None or not broken:
            await partner.undo("room", result)

    return one_step(shop, room)


# --- bodies ---------------------------------------------------------------------------------------


@defect("every_effect_was_intended")
def effect_in_the_body(broken: bool) -> Sample:
    """A body does something itself, and not by an action."""
    shop = Shop()
    room = shop.keyed("room")

    @shop.catalog.saga
    async def body(city: str) -> str:
        if broken:
            await shop.world.do("note", city)
        return await room(city)

    return Sample(body, shop.world)


@defect("NotDeterministic")
def time_in_the_body(broken: bool) -> Sample:
    """A body asks the clock what time it is."""
    shop = Shop()
    room = shop.keyed("room")

    @shop.catalog.saga
    async def body(city: str) -> str:
        return await room(f"{city} at {time.time_ns() if broken else 0}")

    return Sample(body, shop.world)


@defect("NotDeterministic")
def chance_in_the_body(broken: bool) -> Sample:
    """A body draws a random number."""
    shop = Shop()
    room = shop.keyed("room")

    @shop.catalog.saga
    async def body(city: str) -> str:
        return await room(f"{city} {random.random() if broken else 0}")  # noqa: S311

    return Sample(body, shop.world)


@defect("the_body_repeats_itself")
def body_that_looks_at_the_world(broken: bool) -> Sample:
    """A body looks at the world without an action: when it runs again, it sees another one."""
    shop = Shop()
    room, car = shop.keyed("room"), shop.keyed("car")

    @shop.catalog.saga
    async def body(city: str) -> str:
        if not broken or not shop.world.snapshot():
            await room(city)
        return await car(city)

    return Sample(body, shop.world)


def the_shelf(label: str) -> list[str]:
    """What two labels have in common."""
    return ["shelf"]


class Shelf:
    """A world with one label on it, which is overwritten and put back."""

    def __init__(self) -> None:
        self.label = "empty"
        self._answers: dict[str, str] = {}
        self._effects: list[Effect] = []

    def put(self, label: str, key: str, direction: str) -> str:
        """Write a label; what was there is the answer, also the second time."""
        if key not in self._answers:
            self._answers[key], self.label = self.label, label
            self._effects.append(Effect("label", direction, key))
        return self._answers[key]

    def reset(self) -> None:
        self.__init__()  # type: ignore[misc]

    def snapshot(self) -> JsonValue:
        return self.label

    def ledger(self) -> list[Effect]:
        return list(self._effects)


@defect("the_world_is_as_before")
def branches_that_share_a_resource(broken: bool) -> Sample:
    """Two branches write to one place, and do not say so, so that they are undone in any order."""
    shop, shelf = Shop(), Shelf()

    @shop.catalog.action(
        reversibility=R.COMPENSATABLE,
        key_ttl=DAY,
        retry=SOON,
        conflicts=None if broken else the_shelf,
    )
    async def write(label: str) -> str:
        return shelf.put(label, current_step().idempotency_key, "do")

    @write.compensation()
    async def put_back(result: str) -> None:
        shelf.put(result, current_step().idempotency_key, "undo")

    @shop.catalog.action(reversibility=R.READ_ONLY, timeout=timedelta(seconds=5))
    async def look(label: str) -> str:
        return label

    @shop.catalog.saga
    async def body(label: str) -> str:
        await parallel(write(label), write("Bari"))
        return await look(label)

    return Sample(body, shelf)
