"""Explorers: every schedule lands, defects are found and shown, and what proves nothing is refused."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any, cast

import pytest

import sagas
from sagas import Catalog, Reversibility, approval, current_step, parallel
from sagas.testing import (
    Effect,
    FaultMissed,
    Leak,
    NotDeterministic,
    Provider,
    Recording,
    Report,
    Responder,
    Unexplorable,
    WorldNotReset,
    explore,
    explore_crashes,
    explore_decisions,
    explore_failures,
    explore_races,
    explore_unknown,
    explore_unwind,
    explore_versions,
)
from sagas.testing.exploring.exploration import Exploration, Wishes
from sagas.testing.oracles import Evidence
from sagas.testing.simulating.faults import parse
from sagas.testing.simulating.run import Subject
from tests.testing.shops import KEY_TTL, kinds_of, shop

UNDONE = "every_effect_is_undone_or_stands_rightly"


async def everything(explorer: Any, **options: Any) -> Report:
    """What an explorer says of a sound saga with gates, branches and a sleep."""
    sound = shop()
    found: Report = await explorer(sound.trip, "ana", world=sound.provider, **options)
    return found


# --- what each explorer does ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "explorer",
    [
        explore_crashes,
        explore_failures,
        explore_unknown,
        explore_unwind,
        explore_decisions,
    ],
    ids=lambda explorer: explorer.__name__,
)
async def test_a_sound_saga_survives(explorer: Any) -> None:
    report = await everything(explorer)

    assert report.violations == []
    assert report.schedules > 5
    assert report.faults_landed == report.faults_planned > 0


async def test_a_sound_saga_survives_a_second_owner_and_a_cancel_anywhere() -> None:
    report = await everything(explore_races, most=40)

    cancels_in_an_unwind = 40 + len(("sea view", "garden", "mail"))
    assert report.violations == []
    assert report.schedules == 1 + 80 + cancels_in_an_unwind


class Garage:
    """A world of which what is not there can be given back: nothing happens then."""

    def __init__(self) -> None:
        self.lent = set[str]()
        self.lines = list[tuple[str, str, str]]()

    def reset(self) -> None:
        self.lent.clear()
        self.lines.clear()

    def snapshot(self) -> object:
        return sorted(self.lent)

    def ledger(self) -> list[tuple[str, str, str]]:
        return list(self.lines)

    def lend(self, car: str) -> str:
        self.lent.add(car)
        self.lines.append(("lend", "do", current_step().idempotency_key))
        return car

    def give_back(self, car: str) -> None:
        if car in self.lent:
            self.lent.remove(car)
            self.lines.append(("lend", "undo", current_step().idempotency_key))


@pytest.mark.parametrize("turn", [26, 38])
async def test_an_effect_that_comes_after_the_second_owner_undid_it_on_suspicion_is_undone(
    turn: int,
) -> None:
    garage, catalog = Garage(), Catalog("garage")

    @catalog.action(reversibility=Reversibility.COMPENSATABLE)
    async def lend(car: str) -> str:
        return garage.lend(car)

    @lend.compensation(key_ttl=KEY_TTL)
    async def give_back(car: str, result: str | None) -> None:
        garage.give_back(car)

    @catalog.action(reversibility=Reversibility.READ_ONLY, definite=(ValueError,))
    async def ask(car: str) -> str:
        raise ValueError("no")

    @catalog.saga
    async def ride(car: str) -> None:
        await parallel(lend(car), ask(car))

    schedule = f"slow:1:do:ride/1.1:lend#1 second-owner:{turn}:1"
    report = await explore_races(ride, "red", world=cast(Any, garage), only=schedule)

    assert report.violations == []
    assert report.faults_landed == 2


async def test_a_process_that_was_replaced_while_its_saga_slept_begins_anew_only_once() -> None:
    provider, catalog = Provider(), Catalog("naps")

    @catalog.action(reversibility=Reversibility.COMPENSATABLE, key_ttl=KEY_TTL)
    async def ring(who: str) -> str:
        return await provider.do("ring", who)

    @ring.compensation()
    async def hush(who: str, result: str) -> None:
        await provider.undo("ring", result)

    @catalog.saga
    async def nap(who: str) -> None:
        await sagas.sleep(timedelta(hours=1))
        await ring(who)

    report = await explore_races(nap, "ana", world=provider)

    assert report.violations == []
    assert report.faults_landed == report.faults_planned > 0


@pytest.mark.unmeasured
async def test_the_default_profile_tries_everything_and_as_many_pairs_as_fit() -> None:
    report = await everything(explore, schedules=700)

    assert report.violations == []
    assert report.schedules == 700
    assert set(report.parts) == {
        "crashes",
        "outages",
        "failures",
        "unknown",
        "unwind",
        "decisions",
        "races",
        "pairs",
    }


async def test_a_kill_comes_before_and_after_each_append_and_each_call() -> None:
    sound = shop()
    killed: set[str] = set()

    def rule(evidence: Evidence) -> Iterator[str]:
        if evidence.history.saga is None or evidence.history.saga.status != "completed":
            yield "it did not complete"
        killed.add("".join(row.kind[0] for row in evidence.history.rows))

    report = await explore_crashes(sound.stay, "ana", world=sound.provider, rules=[rule])

    calls, appends = 2, 5  # Started, Intended, Succeeded with Intended, Succeeded, Ended
    assert report.schedules == 1 + 2 * calls + 2 * appends
    assert report.violations == []
    assert len(killed) > 1, "recovery leaves no trace"


async def test_depth_two_kills_whoever_recovers() -> None:
    sound = shop()
    once = await explore_crashes(sound.stay, "ana", world=sound.provider)
    twice = await explore_crashes(sound.stay, "ana", world=sound.provider, depth=2)

    assert twice.violations == []
    assert twice.schedules > 5 * once.schedules
    assert twice.faults_planned == twice.faults_landed


async def test_actions_that_are_not_async_are_explored_too() -> None:
    catalog, provider = Catalog("plain"), Provider()

    @catalog.action(reversibility=Reversibility.COMPENSATABLE, key_ttl=KEY_TTL)
    def hold(room: str) -> str:
        return provider.sync.do("hold", room)

    @hold.compensation()
    def release(room: str, result: str) -> None:
        provider.sync.undo("hold", result)

    @catalog.saga
    async def stay(guest: str) -> str:
        return await hold(guest)

    report = await explore(stay, "ana", world=provider, schedules=100)

    assert (report.violations, report.schedules) == ([], 100)


async def test_what_waits_for_an_event_gets_it_from_the_people() -> None:
    catalog, provider = Catalog("waits"), Provider()

    @catalog.action(reversibility=Reversibility.COMPENSATABLE, key_ttl=KEY_TTL)
    async def hold(room: str) -> str:
        return await provider.do("hold", room)

    @hold.compensation()
    async def release(room: str, result: str) -> None:
        await provider.undo("hold", result)

    @catalog.saga
    async def stay(guest: str) -> str:
        await hold(guest)
        said: str = await sagas.event("arrived", until=sagas.now() + timedelta(days=3))
        return said

    people = Responder(events={"arrived": "at noon"})
    report = await explore_crashes(stay, "ana", world=provider, people=people)

    assert report.violations == []


async def test_a_gate_expires_while_the_one_beside_it_is_approved() -> None:
    catalog, provider = Catalog("mail"), Provider()
    ends = list[list[str]]()

    @catalog.action(
        reversibility=Reversibility.IRREVERSIBLE,
        key_ttl=KEY_TTL,
        approval=approval(by="@desk", within=timedelta(hours=4)),
    )
    async def mail(to: str) -> str:
        return await provider.do("mail", to)

    @catalog.saga
    async def invite(guest: str) -> None:
        await parallel(mail(guest), mail("ben"))

    def states(evidence: Evidence) -> Iterator[str]:
        ends.append([gate.state.value for gate in evidence.history.gates])
        yield from ()

    await explore_decisions(invite, "ana", world=provider, rules=[states], only="expire:1")
    await explore_decisions(invite, "ana", world=provider, rules=[states], only="expire:2")

    [(_, one), (_, other)] = zip(ends[::2], ends[1::2], strict=True)
    assert one.count("expired") == other.count("expired") == 1


@pytest.mark.parametrize(("code", "told"), [("edit:1", "GateRevised"), ("revoke:1", "'revoked'")])
async def test_what_people_change_and_take_back_is_in_the_journal(code: str, told: str) -> None:
    sound, entries = shop(), list[str]()

    def journal(evidence: Evidence) -> Iterator[str]:
        entries.append(str([entry for _, _, entry in evidence.timed]))
        yield from ()

    await explore_decisions(sound.trip, "ana", world=sound.provider, rules=[journal], only=code)

    untouched, misled = entries
    assert told not in untouched
    assert told in misled


async def test_a_no_that_the_database_did_not_hear_is_said_again() -> None:
    sound, ends = shop(), list[list[str]]()

    def states(evidence: Evidence) -> Iterator[str]:
        ends.append([gate.state.value for gate in evidence.history.gates])
        yield from ()

    for code in await _outages_at_a_no(sound):
        await explore_decisions(sound.trip, "ana", world=sound.provider, rules=[states], only=code)

    assert ends[1::2]
    assert all(states == ["rejected"] for states in ends[1::2])


async def _outages_at_a_no(sound: Any) -> list[str]:
    """The schedules in which a storage call fails after a gate has opened, and a no is said."""
    subject = Subject(sound.trip, "ana", (sound.catalog,), sound.provider, Responder())

    def work() -> list[str]:
        decided = Exploration(subject, Wishes()).attempt(parse("reject:1"))
        calls = decided.seen.storage[0]
        opened = next(at for at, call in enumerate(calls) if "GateOpened" in call)
        closed = next(at for at, call in enumerate(calls) if "GateDecided" in call)
        return [f"reject:1 store-down:{at + 1}:1" for at in range(opened + 1, closed)]

    return await asyncio.to_thread(work)


# --- what is found, and how it is shown -----------------------------------------------------------


async def test_a_compensation_that_does_nothing_is_found_by_its_effect() -> None:
    broken = shop(undoes=False)
    report = await explore_failures(broken.stay, "ana", world=broken.provider)

    assert UNDONE in kinds_of(report)
    with pytest.raises(AssertionError, match="hold stands"):
        report.check()


def careless(undo: Any) -> tuple[Any, Provider]:
    """A saga whose only step is undone by this."""
    catalog, provider = Catalog("careless"), Provider()

    @catalog.action(reversibility=Reversibility.COMPENSATABLE, key_ttl=KEY_TTL)
    async def hold(room: str) -> str:
        return await provider.do("hold", room)

    @hold.compensation()
    async def release(room: str, result: str) -> None:
        await undo(provider, result)

    @catalog.saga
    async def stay(guest: str) -> str:
        return await hold(guest)

    return stay, provider


async def test_an_undo_that_raises_each_time_is_found_although_a_person_lets_it_be() -> None:
    async def wrong(provider: Provider, held: str) -> None:
        raise KeyError(held)

    stay, provider = careless(wrong)
    report = await explore_failures(stay, "ana", world=provider)

    assert kinds_of(report) == {"an_undo_works_by_itself"}
    assert "the undo of stay/hold#1 raised KeyError" in report.violations[0].detail


async def test_an_undo_that_the_partner_does_not_answer_is_no_error_of_its_own() -> None:
    async def lost(provider: Provider, held: str) -> None:
        raise ConnectionError(held)

    stay, provider = careless(lost)
    report = await explore_failures(stay, "ana", world=provider)

    assert report.violations == []


async def test_a_task_that_outlives_its_call_is_found() -> None:
    tasks = list[Any]()

    async def leave(provider: Provider, held: str) -> None:
        tasks.append(asyncio.create_task(provider.undo("hold", held)))

    stay, provider = careless(leave)
    report = await explore_failures(stay, "ana", world=provider)

    assert "a_call_leaves_nothing_running" in kinds_of(report)


async def test_a_task_that_ends_before_its_call_is_nothing_to_tell() -> None:
    async def wait(provider: Provider, held: str) -> None:
        await asyncio.gather(asyncio.create_task(provider.undo("hold", held)))

    stay, provider = careless(wait)
    report = await explore_failures(stay, "ana", world=provider)

    assert report.violations == []


async def test_the_shortest_journal_is_shown_and_one_schedule_runs_again() -> None:
    broken = shop(undoes=False)
    report = await explore(broken.stay, "ana", world=broken.provider, schedules=100)
    [shown] = [violation for violation in report.violations if violation.rule == UNDONE]
    code = shown.rerun.partition("only='")[2].rstrip("')")

    again = await explore(broken.stay, "ana", world=broken.provider, only=code)

    assert shown.schedules > 10
    assert len(shown.history) <= 9
    assert again.schedules == 2  # the untouched one, and this one
    [found] = [violation for violation in again.violations if violation.rule == UNDONE]
    assert (found.history, found.ledger) == (shown.history, shown.ledger)


async def test_a_schedule_of_calls_is_told_alike_when_it_is_run_again() -> None:
    broken = shop(undoes=False)
    report = await explore_failures(broken.stay, "ana", world=broken.provider)
    [shown] = [violation for violation in report.violations if violation.rule == UNDONE]
    code = shown.rerun.partition("only='")[2].rstrip("')")

    again = await explore_failures(broken.stay, "ana", world=broken.provider, only=code)

    [found] = [violation for violation in again.violations if violation.rule == UNDONE]
    assert (found.schedule, found.rerun) == (shown.schedule, shown.rerun)


@pytest.mark.parametrize("code", ["kill:6:1", "store-lost:3:1", "cancel-saga:9:1"])
async def test_a_schedule_that_is_run_again_says_where_it_strikes(code: str) -> None:
    sound, runs = shop(), list[Evidence]()

    def untouched(evidence: Evidence) -> Iterator[str]:
        runs.append(evidence)
        if len(runs) > 1:
            yield "something went wrong"

    report = await explore(sound.stay, "ana", world=sound.provider, only=code, rules=[untouched])

    [shown] = report.violations
    kind, at, _ = code.split(":")
    assert shown.schedule.startswith(f"{kind} ")
    assert f" {at}" in shown.schedule


async def test_rules_of_ones_own_are_asked_of_every_run() -> None:
    sound = shop()

    def never_two_rooms(evidence: Evidence) -> Iterator[str]:
        held = [effect for effect in evidence.ledger if effect.direction == "do"]
        if len(held) > 1:
            yield f"{len(held)} rooms were held"

    report = await explore_crashes(sound.stay, "ana", world=sound.provider, rules=[never_two_rooms])

    assert kinds_of(report) == {"never_two_rooms"}


async def test_a_rule_that_is_broken_in_two_places_is_counted_once_for_each_schedule() -> None:
    sound = shop()

    def never(evidence: Evidence) -> Iterator[str]:
        yield from ("in one place", "in another")

    report = await explore(sound.stay, "ana", world=sound.provider, rules=[never], only="kill:1:1")

    [found] = report.violations
    assert (found.detail, found.schedules) == ("in one place", report.schedules)


async def test_a_saga_that_does_not_get_through_when_nothing_goes_wrong_is_told() -> None:
    full = shop(provider=Provider(refuses=range(1, 1000)))
    report = await explore_crashes(full.stay, "ana", world=full.provider)

    assert report.untouched == "compensated"
    assert report.summary.endswith(", untouched it is compensated")


async def test_what_a_killed_process_had_in_a_finally_does_not_happen() -> None:
    """A lock that is let go of in a `finally` stays, as it does after kill -9."""
    locks, found = set[str](), list[bool]()

    class Locks(Provider):
        def reset(self) -> None:
            super().reset()
            locks.clear()

    sound = shop(provider=Locks())

    @sound.catalog.action(reversibility=Reversibility.READ_ONLY)
    async def look(what: str) -> str:
        found.append(what in locks)
        locks.add(what)
        try:
            for _ in range(50):
                await asyncio.sleep(0)
        finally:
            locks.discard(what)
        return what

    @sound.catalog.action(reversibility=Reversibility.READ_ONLY)
    async def glance(what: str) -> str:
        return what

    @sound.catalog.saga
    async def visit(guest: str) -> None:
        await parallel(look(guest), glance(guest))

    await explore_crashes(visit, "ana", world=sound.provider)

    assert any(found)


async def test_a_call_that_was_killed_in_mid_flight_is_repeated_under_its_key() -> None:
    calls: list[str] = []
    sound = shop()
    provider = sound.provider
    catalog = Catalog("counted")

    @catalog.action(reversibility=Reversibility.COMPENSATABLE, key_ttl=KEY_TTL)
    async def hold(room: str) -> str:
        calls.append(current_step().idempotency_key)
        return await provider.do("hold", room)

    @hold.compensation()
    async def release(room: str, result: str) -> None:
        await provider.undo("hold", result)

    @catalog.saga
    async def stay(guest: str) -> str:
        return await hold(guest)

    report = await explore_crashes(stay, "ana", world=provider, only="kill:6:1")

    assert report.violations == []
    assert len(calls) == 5  # thrice untouched; killed after the call, and repeated
    assert len(set(calls)) == 1


# --- other code -----------------------------------------------------------------------------------


def versions(*, second: str) -> tuple[Any, Provider]:
    """A saga whose second step is another action in the new code."""
    catalog, provider = Catalog("released"), Provider()

    @catalog.action(reversibility=Reversibility.COMPENSATABLE, key_ttl=KEY_TTL)
    async def hold(room: str) -> str:
        return await provider.do("hold", room)

    @hold.compensation()
    async def release(room: str, result: str) -> None:
        await provider.undo("hold", result)

    @catalog.saga
    async def stay(guest: str) -> str:
        await hold("first night")
        return await hold(second)

    return stay, provider


async def test_the_same_code_goes_on_from_everywhere() -> None:
    old, provider = versions(second="second night")
    new, _ = versions(second="second night")
    _share(provider, new)

    report = await explore_versions(old, new, "ana", world=provider)

    assert (report.violations, report.faults_landed) == ([], report.faults_planned)


async def test_code_that_asks_for_something_else_is_told_where_it_cannot_go_on() -> None:
    old, provider = versions(second="second night")
    new, _ = versions(second="another night")
    _share(provider, new)

    report = await explore_versions(old, new, "ana", world=provider)

    assert "the_new_code_goes_on" in kinds_of(report)


def _share(provider: Provider, saga: Any) -> None:
    """The new code acts on the world of the old."""
    for action in saga.catalog.actions:
        fn = action.fn
        cell = fn.__closure__[fn.__code__.co_freevars.index("provider")]
        cell.cell_contents = provider
        undo = action.undo.fn
        undo.__closure__[undo.__code__.co_freevars.index("provider")].cell_contents = provider


async def test_a_new_catalog_without_the_old_version_is_refused() -> None:
    sound, other = shop(), Catalog("shop")

    @other.saga(version=2)
    async def stay(guest: str) -> str:
        return guest

    with pytest.raises(Unexplorable, match=r"no shop\.stay version 1"):
        await explore_versions(sound.stay, stay, "ana", world=sound.provider)


# --- what would prove nothing ---------------------------------------------------------------------


async def test_a_body_that_goes_by_a_clock_of_its_own_is_told_so() -> None:
    sound = shop()

    @sound.catalog.saga
    async def hasty(guest: str) -> str:
        return str(time.monotonic_ns())

    with pytest.raises(NotDeterministic, match="time, random ids and waits from `sagas`"):
        await explore(hasty, "ana", world=sound.provider)


async def test_a_world_that_remembers_an_effect_is_told_so() -> None:
    class Elephant(Provider):
        def reset(self) -> None:
            return

    broken = shop(provider=Elephant())
    with pytest.raises(WorldNotReset, match="still has 2 effects"):
        await explore(broken.stay, "ana", world=broken.provider)


async def test_a_world_that_is_not_as_it_was_is_told_so() -> None:
    class Growing(Provider):
        grown = 0

        def reset(self) -> None:
            super().reset()
            self.grown += 1

        def snapshot(self) -> Any:
            return {"grown": self.grown}

    broken = shop(provider=Growing())
    with pytest.raises(WorldNotReset, match=r"was \{'grown': 1\}, and is \{'grown': 2\}"):
        await explore(broken.stay, "ana", world=broken.provider)


async def test_a_world_that_hands_out_what_it_goes_on_changing_is_looked_at_when_it_was_asked() -> (
    None
):
    catalog = Catalog("bank")
    balance: dict[str, Any] = {"ana": 0}
    known = set[str]()

    def reset() -> None:
        known.clear()
        balance["ana"] = 0

    world = Recording(reset=reset, snapshot=lambda: balance)

    def book(amount: int) -> None:
        key = current_step().idempotency_key
        if key not in known:
            known.add(key)
            balance["ana"] += amount
            world.record("book")

    @catalog.action(reversibility=Reversibility.COMPENSATABLE, key_ttl=KEY_TTL)
    async def charge(who: str) -> None:
        book(5)

    @charge.compensation()
    async def refund(who: str) -> None:
        book(-4)

    @catalog.saga
    async def order(who: str) -> None:
        await charge(who)

    report = await explore_failures(order, "ana", world=world)

    assert kinds_of(report) == {"the_world_is_as_before"}


async def test_a_snapshot_that_cannot_be_copied_is_refused() -> None:
    class Locked(Provider):
        def snapshot(self) -> Any:
            return threading.Lock()

    sound = shop(provider=Locked())
    with pytest.raises(Unexplorable, match="cannot pickle"):
        await explore(sound.stay, "ana", world=sound.provider)


async def test_what_is_no_world_is_refused() -> None:
    sound = shop()
    world: Any = object()
    with pytest.raises(Unexplorable, match=r"it has no `reset\(\)`"):
        await explore(sound.stay, "ana", world=world)


async def test_a_ledger_of_other_lines_is_refused() -> None:
    class Talkative(Provider):
        def ledger(self) -> Any:
            return [(1, 2, 3, 4) for _ in super().ledger()]

    broken = shop(provider=Talkative())
    with pytest.raises(Unexplorable, match="three texts"):
        await explore(broken.stay, "ana", world=broken.provider)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({"name": "hold", "direction": "do", "key": "k"}, "'name': 'hold'"),
        (("hold", "forward", "k"), "says 'forward'"),
        ("do!", "'do!'"),
    ],
    ids=["dict", "direction", "text"],
)
async def test_a_line_of_a_ledger_that_says_something_else_is_shown(line: Any, said: str) -> None:
    class Talkative(Provider):
        def ledger(self) -> Any:
            return [line for _ in super().ledger()]

    broken = shop(provider=Talkative())
    with pytest.raises(Unexplorable, match=said):
        await explore(broken.stay, "ana", world=broken.provider)


async def test_a_world_that_cannot_be_reset_is_told_so() -> None:
    class Away(Provider):
        def reset(self) -> None:
            raise ConnectionError("the sandbox is away")

    broken = shop(provider=Away())
    with pytest.raises(WorldNotReset, match=r"`reset\(\)` failed \(ConnectionError: the sandbox"):
        await explore(broken.stay, "ana", world=broken.provider)


async def test_a_world_that_cannot_be_looked_at_is_told_so() -> None:
    class Dark(Provider):
        def snapshot(self) -> Any:
            raise KeyError("rooms")

    broken = shop(provider=Dark())
    with pytest.raises(Unexplorable, match=r"`snapshot\(\)` failed \(KeyError: 'rooms'\)"):
        await explore(broken.stay, "ana", world=broken.provider)


async def test_a_snapshot_with_the_time_in_it_is_told_so() -> None:
    class Ticking(Provider):
        def snapshot(self) -> Any:
            return {"at": time.monotonic_ns()}

    broken = shop(provider=Ticking())
    with pytest.raises(Unexplorable, match="two looks at the empty world differ"):
        await explore(broken.stay, "ana", world=broken.provider)


async def test_a_snapshot_that_is_the_living_world_itself_hides_nothing() -> None:
    class Living(Provider):
        def __init__(self) -> None:
            super().__init__()
            self.held: dict[str, int] = {}

        def reset(self) -> None:
            super().reset()
            self.held.clear()

        def snapshot(self) -> Any:
            return self.held

    world, catalog = Living(), Catalog("living")

    @catalog.action(reversibility=Reversibility.COMPENSATABLE, key_ttl=KEY_TTL)
    async def hold(room: str) -> str:
        world.held[room] = 1
        return await world.do("hold", room)

    @hold.compensation()
    async def release(room: str, result: str) -> None:
        await world.undo("hold", result)  # and it stays in what the world holds

    @catalog.saga
    async def stay(guest: str) -> str:
        return await hold(await hold(guest) + "!")

    report = await explore_unwind(stay, "ana", world=world)

    assert [violation.rule for violation in report.violations] == ["the_world_is_as_before"]


async def test_a_class_is_no_world() -> None:
    sound, world = shop(), cast(Any, Provider)
    with pytest.raises(Unexplorable, match=r"make one, Provider\(\)"):
        await explore(sound.stay, "ana", world=world)


async def test_a_function_is_no_saga() -> None:
    async def stay(guest: str) -> str:
        return guest

    with pytest.raises(Unexplorable, match=r"is no saga: hand over what `@catalog\.saga` made"):
        await explore(cast(Any, stay), "ana", world=Provider())


def nothing_said(evidence: Evidence) -> Any:
    return None


def one_text(evidence: Evidence) -> Any:
    return "it is wrong"


def raises(evidence: Evidence) -> Any:
    raise KeyError("room")


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (nothing_said, "gave None"),
        (one_text, "gave 'it is wrong'"),
        (raises, r"failed \(KeyError: 'room'\)"),
    ],
)
async def test_a_rule_that_yields_no_sentences_is_told_so(rule: Any, said: str) -> None:
    sound = shop()
    with pytest.raises(Unexplorable, match=f"the rule {rule.__name__} on .*`untouched` {said}"):
        await explore(sound.stay, "ana", world=sound.provider, rules=[rule])


async def test_an_action_that_goes_by_what_earlier_runs_left_is_told_so() -> None:
    catalog, provider, runs = Catalog("leaky"), Provider(), [0]

    @catalog.action(reversibility=Reversibility.COMPENSATABLE, key_ttl=KEY_TTL)
    async def hold(room: str) -> str:
        runs[0] += 1
        return await provider.do("hold", room) if runs[0] < 12 else "sold out"

    @hold.compensation()
    async def release(room: str, result: str) -> None:
        await provider.undo("hold", result)

    @catalog.saga
    async def stay(guest: str) -> str:
        return await hold(guest)

    with pytest.raises(Leak, match="went on into the next"):
        await explore_crashes(stay, "ana", world=provider)


async def test_nothing_more_is_tried_once_the_rule_was_broken() -> None:
    broken = shop(undoes=False)
    report = await explore_unwind(broken.stay, "ana", world=broken.provider, until=UNDONE)
    everything = await explore_unwind(broken.stay, "ana", world=broken.provider)

    assert UNDONE in kinds_of(report)
    assert report.schedules < everything.schedules


@pytest.mark.parametrize(
    ("explorer", "option", "mend"),
    [
        (explore_decisions, "rule", "did you mean 'rules'"),
        (explore_crashes, "depht", "did you mean 'depth'"),
        (explore_failures, "depth", "explore_crashes has it"),
        (explore_races, "schedules", "explore has it"),
        (explore, "colour", "it has catalogs, compare, .*, schedules, .* world"),
    ],
)
async def test_an_option_that_an_explorer_does_not_have_is_refused_with_the_mend(
    explorer: Any, option: str, mend: str
) -> None:
    sound = shop()
    with pytest.raises(Unexplorable, match=f"{explorer.__name__} has no option '{option}': {mend}"):
        await explorer(sound.stay, "ana", world=sound.provider, **{option: 2})


async def test_a_fault_that_does_not_strike_is_an_error() -> None:
    sound = shop()
    with pytest.raises(FaultMissed, match=r"kill:999:1.*Explore without `only=`"):
        await explore_crashes(sound.stay, "ana", world=sound.provider, only="kill:999:1")


async def test_an_action_that_leaves_a_thread_running_is_told_so() -> None:
    sound, over = shop(), threading.Event()

    @sound.catalog.action(reversibility=Reversibility.READ_ONLY)
    async def watch(what: str) -> str:
        threading.Thread(target=over.wait, name="watcher", daemon=True).start()
        return what

    @sound.catalog.saga
    async def watched(guest: str) -> str:
        return await watch(guest)

    with pytest.raises(Leak, match="thread 'watcher'"):
        await explore_crashes(watched, "ana", world=sound.provider)
    over.set()


async def test_an_action_that_blocks_for_ever_is_told_with_the_place() -> None:
    sound, over = shop(), threading.Event()

    @sound.catalog.action(reversibility=Reversibility.READ_ONLY)
    async def block(what: str) -> str:
        over.wait()
        return what

    @sound.catalog.saga
    async def blocked(guest: str) -> str:
        return await block(guest)

    with pytest.raises(Unexplorable, match=r"(?s)longer than 1 s.*over\.wait\(\)"):
        await explore(blocked, "ana", world=sound.provider, patience=1)
    over.set()


@pytest.mark.parametrize("code", ["nonsense", "kill", "kill:x:1", "refuse:1"])
async def test_a_schedule_that_is_none_is_refused(code: str) -> None:
    sound = shop()
    with pytest.raises(Unexplorable, match="is no fault"):
        await explore(sound.stay, "ana", world=sound.provider, only=code)


async def test_an_empty_schedule_is_refused() -> None:
    sound = shop()
    with pytest.raises(Unexplorable, match="no schedule is named"):
        await explore(sound.stay, "ana", world=sound.provider, only=" ")


async def test_races_at_none_of_the_points_are_refused() -> None:
    sound = shop()
    with pytest.raises(Unexplorable, match="most is at least 1"):
        await explore_races(sound.stay, "ana", world=sound.provider, most=0)


async def test_an_explorer_that_finds_nothing_to_try_is_an_error_and_no_pass() -> None:
    sound = shop()

    @sound.catalog.saga
    async def nothing(guest: str) -> str:
        return guest

    with pytest.raises(Unexplorable, match=r"explore_failures found nothing in shop\.nothing"):
        await explore_failures(nothing, "ana", world=sound.provider)


async def test_decisions_without_a_gate_are_an_error_and_no_pass() -> None:
    sound = shop()
    with pytest.raises(Unexplorable, match=r"no gate opened"):
        await explore_decisions(sound.stay, "ana", world=sound.provider)


async def test_a_depth_of_nothing_is_refused() -> None:
    sound = shop()
    with pytest.raises(Unexplorable, match="depth is at least 1"):
        await explore_crashes(sound.stay, "ana", world=sound.provider, depth=0)


# --- worlds that have to be waited for --------------------------------------------------------------


class Served:
    """A world behind a socket, served by the loop of the test."""

    def __init__(self) -> None:
        self.effects: list[Effect] = []
        self.address: tuple[str, int] = ("", 0)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        name, direction, key = (await reader.readline()).decode().split()
        if not any(effect.key == key for effect in self.effects):
            self.effects.append(Effect(name, direction, key))
        writer.write(b"done\n")
        await writer.drain()
        writer.close()

    async def ask(self, name: str) -> None:
        info = current_step()
        reader, writer = await asyncio.open_connection(*self.address)
        writer.write(f"{name} {info.direction} {info.idempotency_key}\n".encode())
        await reader.readline()
        writer.close()
        await writer.wait_closed()

    async def reset(self) -> None:
        await asyncio.sleep(0)
        self.effects.clear()

    async def snapshot(self) -> list[str]:
        await asyncio.sleep(0)
        standing: dict[str, None] = {}
        for effect in self.effects:
            standing.pop(effect.name, None) if effect.direction == "undo" else standing.setdefault(
                effect.name
            )
        return list(standing)

    async def ledger(self) -> list[Effect]:
        await asyncio.sleep(0)
        return list(self.effects)


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    world = Served()
    server = await asyncio.start_server(world.serve, "127.0.0.1", 0)
    world.address = server.sockets[0].getsockname()[:2]
    yield world
    server.close()
    await server.wait_closed()


async def test_a_world_behind_a_socket_is_waited_for_and_explored(served: Served) -> None:
    catalog = Catalog("served")

    @catalog.action(reversibility=Reversibility.COMPENSATABLE, key_ttl=KEY_TTL)
    async def hold(room: str) -> str:
        await served.ask(f"hold-{room}")
        return room

    @hold.compensation()
    async def release(room: str) -> None:
        await served.ask(f"hold-{room}")

    @catalog.saga
    async def stay(guest: str) -> str:
        await hold("first")
        return await hold("second")

    report = await explore(stay, "ana", world=served, schedules=60)

    assert report.violations == []
    assert report.faults_landed == report.faults_planned > 60


async def test_an_action_that_sleeps_takes_no_real_time() -> None:
    catalog, world = Catalog("slow"), Provider.keyed()

    @catalog.action(reversibility=Reversibility.COMPENSATABLE, key_ttl=KEY_TTL)
    async def book(city: str) -> str:
        booked = await world.do("book", city)
        for _ in range(100):
            await asyncio.sleep(0.1)
        return booked

    @book.compensation()
    async def cancel(result: str) -> None:
        await world.undo("book", result)

    @catalog.saga
    async def trip(city: str) -> str:
        return await book(city)

    report = await explore_crashes(trip, "Rome", world=world, patience=30)

    report.check()


async def test_an_action_is_given_what_was_intended_whoever_looked_at_it_before() -> None:
    catalog, world = Catalog("looking"), Provider.keyed()

    def touches(cities: list[str]) -> list[str]:
        cities.append("Bari")
        return sorted(set(cities))

    @catalog.action(reversibility=Reversibility.COMPENSATABLE, key_ttl=KEY_TTL, conflicts=touches)
    async def book(cities: list[str]) -> str:
        return await world.do("book", ", ".join(cities))

    @book.compensation()
    async def cancel(result: str) -> None:
        await world.undo("book", result)

    @catalog.saga
    async def trip(city: str) -> str:
        return await book([city])

    report = await explore_crashes(trip, "Rome", world=world)

    report.check()


async def test_what_comes_before_there_is_a_saga_is_no_fault_that_struck() -> None:
    for kind in ("cancel-saga", "second-owner"):
        with pytest.raises(FaultMissed):
            await everything(explore_races, only=f"{kind}:1:1")
