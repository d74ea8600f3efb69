"""Correct sagas of all shapes, each with the world that it acts on: an exploration finds nothing."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sagas import (
    ApprovalRejected,
    Catalog,
    Limit,
    NotExecuted,
    Residue,
    Retry,
    Reversibility,
    StepFailed,
    approval,
    current_step,
    event,
    now,
    parallel,
    savepoint,
    sleep,
    uuid,
    waived,
)
from sagas.authoring.action import Action
from sagas.authoring.saga import Saga
from sagas.errors import ApprovalExpired
from sagas.testing import Provider, Refused, Responder, World

R = Reversibility
DAY = timedelta(hours=24)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
SOON = Retry(attempts=2, first=timedelta(milliseconds=50))


@dataclass(frozen=True)
class Sample:
    """A saga, what it is started with, and the world it acts on.

    Attributes:
        options: What `explore` is told besides.
    """

    saga: Saga[Any, Any]
    world: World
    input: Any = "Rome"
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])


def itself(what: str) -> list[str]:
    """What a call touches: what it is about."""
    return [what]


class Shop:
    """A catalog over one world, with an action of each kind."""

    def __init__(self) -> None:
        self.world = Provider.keyed()
        self.catalog = Catalog("shop")

    def keyed(self, name: str = "room", **options: Any) -> Action[[str], str]:
        """The partner honours keys."""
        world = self.world
        given: dict[str, Any] = {"key_ttl": DAY, "retry": SOON, "definite": Refused, **options}

        @self.catalog.action(reversibility=R.COMPENSATABLE, name=name, **given)
        async def act(what: str) -> str:
            return await world.do(name, what)

        @act.compensation()
        async def undo(result: str) -> None:
            await world.undo(name, result)

        return act

    def probed(self, name: str = "seat", *, lag: timedelta = timedelta(0)) -> Action[[str], str]:
        """The partner knows no keys, and can be asked, for what is done and for what is undone."""
        world = Provider.probed(lag=lag, beside=self.world)

        @self.catalog.action(reversibility=R.COMPENSATABLE, name=name, retry=SOON, definite=Refused)
        async def act(what: str) -> str:
            return await world.do(name, what)

        @act.probe(lag=lag)
        async def find(what: str) -> str | None:
            return await world.find(name)

        @act.compensation()
        async def undo(result: str) -> None:
            await world.undo(name, result)

        @undo.probe(lag=lag)
        async def find_undone(result: str) -> bool:
            return await world.find(name) is not None

        return act

    def blind(self, name: str = "flag") -> Action[[str], str]:
        """The partner knows no keys and cannot be asked; undoing what never happened does no harm."""
        world = Provider.keyless(beside=self.world)

        @self.catalog.action(reversibility=R.COMPENSATABLE, name=name, definite=Refused)
        async def act(what: str) -> str:
            return await world.do(name, what)

        @act.compensation(repeatable=True)
        async def undo(what: str, result: str | None) -> None:
            await world.undo(name)

        return act

    def final(self, name: str = "mail", **options: Any) -> Action[[str], str]:
        """It cannot be undone, and the partner knows no keys."""
        world = Provider.keyless(beside=self.world)

        gate = approval(by="@desk", within=HOUR)
        given: dict[str, Any] = {"approval": gate, "definite": Refused, **options}

        @self.catalog.action(reversibility=R.IRREVERSIBLE, name=name, **given)
        async def act(what: str) -> str:
            return await world.do(name, what)

        return act

    def reads(self, name: str = "price") -> Action[[str], int]:
        """It only reads."""

        @self.catalog.action(reversibility=R.READ_ONLY, name=name)
        async def act(what: str) -> int:
            return len(what)

        return act


Make = Callable[[], Sample]
SAMPLES: dict[str, Make] = {}


def sample(make: Make) -> Make:
    """Register a saga under the name of what makes it."""
    SAMPLES[make.__name__] = make
    return make


@sample
def empty() -> Sample:
    shop = Shop()

    @shop.catalog.saga
    async def body(city: str) -> str:
        return city

    return Sample(body, shop.world)


@sample
def in_sequence() -> Sample:
    shop = Shop()
    room, car = shop.keyed("room"), shop.keyed("car")

    @shop.catalog.saga
    async def body(city: str) -> str:
        first = await room(city)
        second = await car(first)
        return f"{second} {await room(second)}"

    return Sample(body, shop.world)


@sample
def in_parallel() -> Sample:
    shop = Shop()
    room, car = shop.keyed("room"), shop.probed("car")

    @shop.catalog.saga
    async def body(city: str) -> str:
        a, b, c = await parallel(room(city), car(city), room("Bari"))
        return f"{a} {b} {c}"

    return Sample(body, shop.world)


@sample
def nested_parallel() -> Sample:
    shop = Shop()
    room, car = shop.keyed("room"), shop.keyed("car")

    @shop.catalog.saga
    async def body(city: str) -> str:
        async def both() -> str:
            first = await room("Bari")
            found = await parallel(car(first), room(first))
            return " ".join(found)

        one, two = await parallel(both(), car(city))
        return f"{one} {two}"

    return Sample(body, shop.world)


@sample
def another_way() -> Sample:
    """The first way is refused in the middle: its block is undone, and another way is gone."""
    shop = Shop()
    room, car = shop.keyed("room"), shop.keyed("car")

    @shop.catalog.action(reversibility=R.COMPENSATABLE, key_ttl=DAY)
    async def full(city: str) -> str:
        raise NotExecuted("no room")

    @full.compensation()
    async def leave(result: str) -> None:
        raise AssertionError("it never happened")

    @shop.catalog.saga
    async def body(city: str) -> str:
        try:
            async with savepoint("first"):
                await room(city)
                return await full(city)
        except StepFailed:
            return await car(city)

    return Sample(body, shop.world)


@sample
def refused_at_first() -> Sample:
    """The partner is busy twice, and says when to come again."""
    shop = Shop()
    room = shop.keyed("room")

    @shop.catalog.action(reversibility=R.COMPENSATABLE, key_ttl=DAY, retry=Retry(attempts=4))
    async def busy(city: str) -> str:
        if current_step().attempt < 3:
            raise NotExecuted("busy", retry_after=MINUTE)
        return await shop.world.do("busy", city)

    @busy.compensation()
    async def leave(result: str) -> None:
        await shop.world.undo("busy", result)

    @shop.catalog.saga
    async def body(city: str) -> str:
        return await busy(await room(city))

    return Sample(body, shop.world)


@sample
def probes() -> Sample:
    shop = Shop()
    seat, late = shop.probed("seat"), shop.probed("late", lag=MINUTE)

    @shop.catalog.saga
    async def body(city: str) -> str:
        return await late(await seat(city))

    return Sample(body, shop.world)


@sample
def keys_and_probe() -> Sample:
    world = Provider()
    shop = Shop()
    shop.world = world

    @shop.catalog.action(reversibility=R.COMPENSATABLE, key_ttl=HOUR, definite=Refused)
    async def room(city: str) -> str:
        return await world.do("room", city)

    @room.probe()
    async def find(city: str) -> str | None:
        return await world.find("room")

    @room.compensation(retry=SOON)
    async def leave(result: str | None) -> None:
        await world.undo("room", result)

    @shop.catalog.saga
    async def body(city: str) -> str:
        await room(city)
        return await room("Bari")

    return Sample(body, world)


@sample
def harmless_undo() -> Sample:
    shop = Shop()
    flag, room = shop.blind("flag"), shop.keyed("room")

    @shop.catalog.saga
    async def body(city: str) -> str:
        return await room(await flag(city))

    return Sample(body, shop.world)


@sample
def a_gate_before_the_end() -> Sample:
    shop = Shop()
    room, mail = shop.keyed("room"), shop.final("mail")

    @shop.catalog.saga
    async def body(city: str) -> str:
        return await mail(await room(city))

    return Sample(body, shop.world)


@sample
def quorum_and_groups() -> Sample:
    shop = Shop()
    room = shop.keyed("room", approval=approval(by=["@desk", "ana"], quorum=2, within=HOUR))
    mail = shop.final("mail", approval=approval(by="ana", within=DAY, valid_for=MINUTE))

    @shop.catalog.saga
    async def body(city: str) -> str:
        try:
            return await mail(await room(city))
        except (ApprovalRejected, ApprovalExpired):
            return await room("Bari")

    return Sample(body, shop.world)


@sample
def a_gate_before_an_undo() -> Sample:
    shop = Shop()
    room = shop.keyed("room")

    @shop.catalog.action(reversibility=R.COMPENSATABLE, key_ttl=DAY, definite=Refused)
    async def pay(city: str) -> str:
        return await shop.world.do("pay", city)

    @pay.compensation(approval=approval(by="@desk", within=HOUR))
    async def refund(result: str) -> None:
        await shop.world.undo("pay", result)

    @shop.catalog.saga
    async def body(city: str) -> str:
        await pay(city)
        return await room(city)

    return Sample(body, shop.world)


@sample
def no_way_back() -> Sample:
    """After what cannot be undone, a failure unwinds the rest all the same."""
    shop = Shop()
    room = shop.keyed("room")
    mail = shop.final("mail", approval=waived(reason="it is a test"))

    @shop.catalog.saga(after_pivot="unwind")
    async def body(city: str) -> str:
        await room(city)
        await mail(city)
        return await room("Bari")

    return Sample(body, shop.world)


@sample
def past_the_pivot() -> Sample:
    """After what cannot be undone, people decide."""
    shop = Shop()
    room = shop.keyed("room")
    mail = shop.final("mail", approval=waived(reason="it is a test"))

    @shop.catalog.saga
    async def body(city: str) -> str:
        await room(city)
        await mail(city)
        return await room("Bari")

    return Sample(body, shop.world)


@sample
def events() -> Sample:
    shop = Shop()
    room = shop.keyed("room")

    @shop.catalog.saga
    async def body(city: str) -> str:
        await room(city)
        paid = await event("paid", until=now() + DAY)
        again = await event("paid", until=now() + DAY)
        return await room(f"{paid} {again}")

    return Sample(body, shop.world, options={"people": Responder(events={"paid": "yes"})})


@sample
def an_event_that_does_not_come() -> Sample:
    shop = Shop()
    room = shop.keyed("room")

    @shop.catalog.saga
    async def body(city: str) -> str:
        await room(city)
        return await room(str(await event("paid", until=now() + DAY)))

    return Sample(body, shop.world)


@sample
def timers() -> Sample:
    shop = Shop()
    room = shop.keyed("room")

    @shop.catalog.saga
    async def body(city: str) -> str:
        await room(f"{city} {uuid()} {now().isoformat()}")
        await sleep(DAY)
        await sleep(timedelta(milliseconds=300))
        return await room("Bari")

    return Sample(body, shop.world)


@sample
def a_deadline() -> Sample:
    """It is too slow, so that it is undone."""
    shop = Shop()
    room = shop.keyed("room")

    @shop.catalog.saga(deadline=HOUR)
    async def body(city: str) -> str:
        await room(city)
        await sleep(2 * HOUR)
        return await room("Bari")

    return Sample(body, shop.world)


@sample
def reading() -> Sample:
    shop = Shop()
    price, room = shop.reads("price"), shop.keyed("room")

    @shop.catalog.saga
    async def body(city: str) -> str:
        costs = await price(city)
        booked = await room(f"{city} {costs}")
        return f"{booked} {await price(booked)}"

    return Sample(body, shop.world)


@sample
def in_threads() -> Sample:
    """Its actions are not async."""
    shop = Shop()
    books = shop.world.sync

    @shop.catalog.action(reversibility=R.COMPENSATABLE, key_ttl=DAY, definite=Refused)
    def room(city: str) -> str:
        return books.do("room", city)

    @room.compensation()
    def leave(result: str) -> None:
        books.undo("room", result)

    @shop.catalog.saga
    async def body(city: str) -> str:
        return await room(await room(city))

    return Sample(body, shop.world)


@sample
def caught() -> Sample:
    """A failure is no end: the body does something else."""
    shop = Shop()
    room, car = shop.keyed("room"), shop.keyed("car")

    @shop.catalog.saga
    async def body(city: str) -> str:
        try:
            await room(city)
        except (Refused, StepFailed):
            return await car(city)
        return await car("Bari")

    return Sample(body, shop.world)


@sample
def residue() -> Sample:
    """A fee remains of what is undone, and the world shows it."""
    shop = Shop()
    car = shop.keyed("car")

    @shop.catalog.action(reversibility=R.COMPENSATABLE, key_ttl=DAY, definite=Refused)
    async def room(city: str) -> str:
        return await shop.world.do("room", city)

    @room.compensation(residue="a fee")
    async def leave(result: str) -> Residue | None:
        await shop.world.undo("room", result)
        return Residue("a fee", amount="12.50", currency="EUR")

    @shop.catalog.saga
    async def body(city: str) -> str:
        return await car(await room(city))

    return Sample(body, shop.world)


@sample
def signed_off() -> Sample:
    """Somebody has to accept what remains, of a block and of the whole."""
    shop = Shop()
    car = shop.keyed("car")

    @shop.catalog.action(reversibility=R.COMPENSATABLE, key_ttl=DAY, definite=Refused)
    async def room(city: str) -> str:
        return await shop.world.do("room", city)

    @room.compensation(residue="a fee", sign_off=True)
    async def leave(result: str) -> None:
        await shop.world.undo("room", result)

    @shop.catalog.saga
    async def body(city: str) -> str:
        try:
            async with savepoint("first"):
                await car(await room(city))
        except StepFailed:
            pass
        return await car(await room("Bari"))

    return Sample(body, shop.world)


@sample
def limits() -> Sample:
    shop = Shop()
    one = Limit("partner", concurrent=1, rate=2, per=timedelta(seconds=3))
    room = shop.keyed("room", limits=[one])

    @shop.catalog.saga
    async def body(city: str) -> str:
        a, b = await parallel(room(city), room("Bari"))
        return await room(a + b)

    return Sample(body, shop.world)


@sample
def before_images() -> Sample:
    """What is changed is read before, and put back."""
    world = Provider.keyed()
    shop = Shop()
    shop.world = world

    @shop.catalog.action(reversibility=R.REVERSIBLE, key_ttl=DAY, definite=Refused)
    async def label(what: str, text: str) -> str:
        return await world.do("label", what, text=text)

    @label.before
    async def read(what: str) -> str:
        return f"{what} as it was"

    @label.compensation()
    async def put_back(before: str, result: str) -> None:
        assert before.endswith("as it was")
        await world.undo("label", result)

    @shop.catalog.saga
    async def body(city: str) -> str:
        await label(city, "sunny")
        return await label(city, "rainy")

    return Sample(body, world)


@sample
def what_builds_upon_what() -> Sample:
    """Branches that share a resource say so, and are undone in order."""
    shop = Shop()
    room = shop.keyed("room", conflicts=itself)
    car = shop.keyed("car", after=["room"])

    @shop.catalog.saga
    async def body(city: str) -> str:
        await parallel(room(city), room("Bari"), car(city))
        return await room(city)

    return Sample(body, shop.world)


@sample
def fan_out() -> Sample:
    shop = Shop()
    room = shop.keyed("room")

    @shop.catalog.saga
    async def body(city: str) -> int:
        return len(await parallel(*(room(f"{city} {number}") for number in range(8))))

    return Sample(body, shop.world)


def samples() -> Iterator[tuple[str, Make]]:
    """Each with its name."""
    yield from SAMPLES.items()
