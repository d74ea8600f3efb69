"""The actions that the scenarios are made of: one per class and kind of observability."""

from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel

from sagas import (
    Catalog,
    NotExecuted,
    OnAlarm,
    Residue,
    Retry,
    Reversibility,
    Window,
    approval,
    waived,
)
from tests.behaviour.world import Refusal, world

DAY = timedelta(hours=24)
HOUR = timedelta(hours=1)
SOON = Retry(attempts=3, first=timedelta(milliseconds=5))
ONCE = Retry(attempts=1, first=timedelta(milliseconds=5))
QUICK = timedelta(milliseconds=150)
PATIENT = timedelta(seconds=20)

shop = Catalog("shop")


def resource(what: str) -> list[str]:
    """What stands before the dash."""
    return [what.split("-", maxsplit=1)[0]]


class Order(BaseModel):
    """What a saga is about."""

    items: list[str] = []
    choice: str = ""


@shop.action(
    reversibility=Reversibility.COMPENSATABLE,
    key_ttl=DAY,
    retry=SOON,
    timeout=PATIENT,
    definite=(Refusal,),
)
async def keyed(what: str) -> str:
    """The partner honours keys."""
    return await world.do(what)


@keyed.compensation()
async def undo_keyed(what: str, result: str) -> None:
    """Undo it."""
    await world.do(f"undo-{what}")


@shop.action(
    reversibility=Reversibility.COMPENSATABLE,
    key_ttl=DAY,
    retry=ONCE,
    timeout=QUICK,
    definite=(Refusal,),
)
async def hasty(what: str) -> str:
    """As `keyed`, with one attempt that may take a moment only."""
    return await world.do(what)


@hasty.compensation(residue="a fee", retry=SOON)
async def undo_hasty(what: str, result: str) -> Residue | None:
    """Undo it, for a fee."""
    await world.do(f"undo-{what}")
    return None


@shop.action(
    reversibility=Reversibility.COMPENSATABLE, retry=SOON, timeout=QUICK, definite=(Refusal,)
)
async def keyless(what: str) -> str:
    """The partner knows no keys and cannot be asked."""
    return await world.do(what)


@keyless.compensation(repeatable=True)
async def undo_keyless(what: str, result: str) -> None:
    """Undo it."""
    await world.do(f"undo-{what}")


@shop.action(
    reversibility=Reversibility.COMPENSATABLE, retry=SOON, timeout=QUICK, definite=(Refusal,)
)
async def blind(what: str) -> str:
    """As `keyless`, but undoing it never does harm."""
    return await world.do(what)


@blind.compensation(repeatable=True)
async def undo_blind(what: str, result: str | None) -> None:
    """Undo it, if it happened."""
    await world.do(f"undo-{what}")


@shop.action(
    reversibility=Reversibility.COMPENSATABLE, retry=SOON, timeout=QUICK, definite=(Refusal,)
)
async def probed(what: str) -> str:
    """No keys, but the partner can be asked."""
    return await world.do(what)


@probed.probe(retry=ONCE)
async def find_probed(what: str) -> str | None:
    """Ask."""
    return world.find(what)


@probed.compensation(repeatable=True)
async def undo_probed(what: str, result: str) -> None:
    """Undo it."""
    await world.do(f"undo-{what}")


@shop.action(
    reversibility=Reversibility.COMPENSATABLE, retry=SOON, timeout=QUICK, definite=(Refusal,)
)
async def lagging(what: str) -> str:
    """As `probed`, but the partner shows an effect a minute late."""
    return await world.do(what)


@lagging.probe(lag=timedelta(minutes=1), retry=ONCE)
async def find_lagging(what: str) -> str | None:
    """Ask."""
    return world.find(what)


@lagging.compensation(repeatable=True)
async def undo_lagging(what: str, result: str) -> None:
    """Undo it."""
    await world.do(f"undo-{what}")


@shop.action(
    reversibility=Reversibility.COMPENSATABLE,
    key_ttl=DAY,
    retry=SOON,
    timeout=PATIENT,
    definite=(Refusal,),
)
async def both(what: str) -> str:
    """Keys and a probe."""
    return await world.do(what)


@both.probe(retry=ONCE)
async def find_both(what: str) -> str | None:
    """Ask."""
    return world.find(what)


@both.compensation()
async def undo_both(what: str, result: str) -> None:
    """Undo it."""
    await world.do(f"undo-{what}")


@shop.action(reversibility=Reversibility.COMPENSATABLE, repeatable=True, timeout=QUICK)
def in_thread(what: str) -> str:
    """Not async: it runs in a thread; "slow" ones wait until they are let go."""
    if what.startswith("slow") and not world.lets_go():
        return "too late for its test"
    return world.do_at_once(what)


@in_thread.compensation()
def undo_in_thread(what: str, result: str) -> None:
    """Undo it."""
    world.do_at_once(f"undo-{what}")


@shop.action(reversibility=Reversibility.COMPENSATABLE, timeout=QUICK)
def in_thread_keyless(what: str) -> str:
    """Not async, no keys."""
    return world.do_at_once(what) if world.lets_go() else "too late for its test"


@in_thread_keyless.compensation(repeatable=True)
def undo_in_thread_keyless(what: str, result: str) -> None:
    """Undo it."""
    world.do_at_once(f"undo-{what}")


@shop.action(reversibility=Reversibility.REVERSIBLE, key_ttl=DAY, retry=SOON, definite=(Refusal,))
async def labelled(what: str, label: str) -> str:
    """Changes something that was read before."""
    return await world.do(f"{what}={label}")


@labelled.before
async def read_label(what: str) -> str:
    """Read it."""
    script = world.script[f"before-{what}"]
    if script:
        await script.popleft()(world, None)  # type: ignore[arg-type]
    return f"old-{what}"


@labelled.compensation()
async def restore_label(what: str, label: str, before: str) -> None:
    """Put it back."""
    await world.do(f"undo-{what}={before}")


@shop.action(reversibility=Reversibility.READ_ONLY, retry=SOON, timeout=PATIENT)
async def look_up(what: str) -> str:
    """Only reads."""
    return await world.do(what)


@shop.action(
    reversibility=Reversibility.IRREVERSIBLE,
    key_ttl=DAY,
    retry=SOON,
    timeout=PATIENT,
    definite=(Refusal,),
    approval=waived(reason="a scenario"),
)
async def mail(what: str) -> str:
    """Cannot be taken back."""
    return await world.do(what)


@shop.action(
    reversibility=Reversibility.IRREVERSIBLE,
    timeout=QUICK,
    retry=ONCE,
    approval=waived(reason="a scenario"),
)
async def wire(what: str) -> str:
    """Cannot be taken back, and nobody can tell whether it happened."""
    return await world.do(what)


@shop.action(
    reversibility=Reversibility.IRREVERSIBLE,
    key_ttl=DAY,
    retry=SOON,
    definite=(Refusal,),
    approval=approval(by="anyone", within=timedelta(hours=1)),
)
async def publish(what: str) -> str:
    """Cannot be taken back, so that somebody is asked first."""
    return await world.do(what)


@shop.action(
    reversibility=Reversibility.COMPENSATABLE,
    key_ttl=DAY,
    retry=SOON,
    definite=(Refusal,),
    approval=approval(by="@desk", within=timedelta(hours=1), valid_for=timedelta(hours=2)),
)
async def gated(what: str) -> str:
    """The desk is asked first."""
    return await world.do(what)


@gated.compensation()
async def undo_gated(what: str, result: str) -> None:
    """Undo it."""
    await world.do(f"undo-{what}")


@shop.action(
    reversibility=Reversibility.COMPENSATABLE,
    key_ttl=DAY,
    approval=approval(by="@desk", within=timedelta(hours=1), separate=True),
)
async def separated(what: str) -> str:
    """The desk is asked first, but not who started the saga."""
    return await world.do(what)


@shop.action(
    reversibility=Reversibility.COMPENSATABLE,
    key_ttl=DAY,
    approval=approval(by="@desk", quorum=2, within=timedelta(hours=1)),
)
async def doubled(what: str) -> str:
    """Two of the desk are asked first."""
    return await world.do(what)


@doubled.compensation()
async def undo_doubled(what: str, result: str) -> None:
    """Undo it."""
    await world.do(f"undo-{what}")


@separated.compensation()
async def undo_separated(what: str, result: str) -> None:
    """Undo it."""
    await world.do(f"undo-{what}")


@shop.action(
    reversibility=Reversibility.COMPENSATABLE, key_ttl=DAY, retry=SOON, definite=(Refusal,)
)
async def costly(what: str) -> str:
    """Its undo costs money."""
    return await world.do(what)


@costly.compensation(approval=approval(by="@desk", within=timedelta(hours=1)))
async def undo_costly(what: str, result: str) -> None:
    """Undo it, once the desk agrees."""
    await world.do(f"undo-{what}")


@shop.action(
    reversibility=Reversibility.COMPENSATABLE,
    key_ttl=DAY,
    retry=SOON,
    definite=(Refusal,),
    conflicts=resource,
)
async def sharing(what: str) -> str:
    """Touches a resource that others touch too: what stands before the dash."""
    return await world.do(what)


@sharing.compensation()
async def undo_sharing(what: str, result: str) -> None:
    """Undo it."""
    await world.do(f"undo-{what}")


@shop.action(reversibility=Reversibility.COMPENSATABLE, key_ttl=DAY, retry=SOON, timeout=PATIENT)
async def strange(what: str) -> Any:
    """Returns whatever the scenario says."""
    await world.do(what)
    return world.results.popleft()


@strange.compensation()
async def undo_strange(what: str) -> None:
    """Undo it, without its result."""
    await world.do(f"undo-{what}")


@shop.action(reversibility=Reversibility.COMPENSATABLE, key_ttl=DAY, retry=SOON, timeout=PATIENT)
async def delayed(what: str) -> str:
    """Says when it may be tried again."""
    script = world.script[what]
    if script:
        script.popleft()
        raise NotExecuted("busy", retry_after=timedelta(milliseconds=20))
    return await world.do(what)


@delayed.compensation()
async def undo_delayed(what: str, result: str) -> None:
    """Undo it."""
    await world.do(f"undo-{what}")


WEEK = timedelta(days=7)


class Terms(BaseModel):
    """Until when."""

    free_until: datetime | None = None


class Offer(BaseModel):
    """What the partner offers, and until when it can be taken back."""

    terms: Terms | None = None


@shop.action(
    reversibility=Reversibility.COMPENSATABLE,
    key_ttl=DAY,
    retry=SOON,
    timeout=PATIENT,
    definite=(Refusal,),
    window=Window(duration=WEEK),
)
async def held(what: str) -> str:
    """Can be let go of within a week."""
    return await world.do(what)


@held.compensation()
async def undo_held(what: str, result: str) -> None:
    """Let go of it."""
    await world.do(f"undo-{what}")


@shop.action(
    reversibility=Reversibility.COMPENSATABLE,
    key_ttl=DAY,
    retry=SOON,
    definite=(Refusal,),
    window=Window(duration=WEEK),
)
async def held_at_a_price(what: str) -> str:
    """As `held`, and its undo costs money."""
    return await world.do(what)


@held_at_a_price.compensation(approval=approval(by="@desk", within=2 * WEEK))
async def undo_held_at_a_price(what: str, result: str) -> None:
    """Let go of it, once the desk agrees."""
    await world.do(f"undo-{what}")


@shop.action(
    reversibility=Reversibility.COMPENSATABLE,
    key_ttl=DAY,
    retry=SOON,
    definite=(Refusal,),
    after=["held"],
)
async def slowly(what: str) -> str:
    """Builds upon what is held; the desk takes its time to agree to its undo."""
    return await world.do(what)


@slowly.compensation(approval=approval(by="@desk", within=2 * WEEK))
async def undo_slowly(what: str, result: str) -> None:
    """Undo it, once the desk agrees."""
    await world.do(f"undo-{what}")


@shop.action(
    reversibility=Reversibility.COMPENSATABLE,
    retry=ONCE,
    timeout=QUICK,
    window=Window(duration=WEEK),
)
async def held_blindly(what: str) -> str:
    """As `held`; nobody can tell whether it happened, and its undo does no harm."""
    return await world.do(what)


@held_blindly.compensation(repeatable=True)
async def undo_held_blindly(what: str, result: str | None) -> None:
    """Let go of it, if there is anything."""
    await world.do(f"undo-{what}")


@shop.action(
    reversibility=Reversibility.COMPENSATABLE,
    key_ttl=DAY,
    retry=SOON,
    definite=(Refusal,),
    window=Window(until="terms.free_until"),
)
async def offered(what: str) -> Offer:
    """Says until when it can be taken back."""
    await world.do(what)
    return Offer(terms=world.results.popleft())


@offered.compensation()
async def undo_offered(what: str) -> None:
    """Take it back."""
    await world.do(f"undo-{what}")


@shop.action(
    reversibility=Reversibility.COMPENSATABLE,
    key_ttl=DAY,
    retry=SOON,
    definite=(Refusal,),
    window=Window(event="shipped"),
)
async def ordered(what: str) -> str:
    """Can be cancelled until it is shipped."""
    return await world.do(what)


@ordered.compensation()
async def undo_ordered(what: str, result: str) -> None:
    """Cancel it."""
    await world.do(f"undo-{what}")


def warned(on_alarm: OnAlarm) -> Window:
    """Open for a week, with an alarm on the last day."""
    return Window(duration=WEEK, alarm=DAY, on_alarm=on_alarm)


@shop.action(
    reversibility=Reversibility.COMPENSATABLE,
    key_ttl=DAY,
    window=warned(OnAlarm.ESCALATE),
)
async def held_and_asked(what: str) -> str:
    """A person is asked before its window closes."""
    return await world.do(what)


@held_and_asked.compensation()
async def undo_held_and_asked(what: str, result: str) -> None:
    """Let go of it."""
    await world.do(f"undo-{what}")


@shop.action(reversibility=Reversibility.COMPENSATABLE, key_ttl=DAY, window=warned(OnAlarm.UNWIND))
async def held_or_undone(what: str) -> str:
    """It is undone before its window closes."""
    return await world.do(what)


@held_or_undone.compensation()
async def undo_held_or_undone(what: str, result: str) -> None:
    """Let go of it."""
    await world.do(f"undo-{what}")


@shop.action(reversibility=Reversibility.COMPENSATABLE, key_ttl=DAY, window=warned(OnAlarm.ACCEPT))
async def held_anyway(what: str) -> str:
    """Its window may close."""
    return await world.do(what)


@held_anyway.compensation()
async def undo_held_anyway(what: str, result: str) -> None:
    """Let go of it."""
    await world.do(f"undo-{what}")


@shop.action(
    reversibility=Reversibility.COMPENSATABLE,
    key_ttl=DAY,
    window=Window(duration=WEEK, alarm=WEEK - timedelta(microseconds=1), on_alarm=OnAlarm.ACCEPT),
)
async def warned_at_once(what: str) -> str:
    """Its alarm is raised as soon as its saga waits."""
    return await world.do(what)


@warned_at_once.compensation()
async def undo_warned_at_once(what: str, result: str) -> None:
    """Let go of it."""
    await world.do(f"undo-{what}")


@shop.action(
    reversibility=Reversibility.COMPENSATABLE, key_ttl=DAY, after=["offered"], definite=(Refusal,)
)
async def upon_offered(what: str) -> str:
    """Builds upon an offer."""
    return await world.do(what)


@upon_offered.compensation()
async def undo_upon_offered(what: str, result: str) -> None:
    """Undo it."""
    await world.do(f"undo-{what}")
