"""What every store must keep of standing rules, and how it lets them be used."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from approvals import GateState
from approvals.rule import Budget
from sagas.errors import PayloadError, Refused
from sagas.ports import Applied, Lease, MoveGate, OpenGate, RuleUse, SpendRule, Store
from tests.conformance.support import (
    AT,
    NOW,
    SECOND,
    Tale,
    begun,
    consuming,
    gate_of,
    given,
    registered,
)

UNIT = 1_000_000
TEN = 10 * UNIT


class RulesSuite:
    async def test_a_rule_is_read_as_it_was_made(self, store: Store) -> None:
        budget = Budget(
            total=Decimal("99.5"), currency="EUR", path="order.total", currency_path="order.unit"
        )
        rule = given(
            where=['any to[*] matches "*@example.com"', 'note == "a \\" ü"', "fare is given"],
            budget=budget,
            agent="booking bot",
            requester="eve",
        )
        await store.create_rule(rule)
        assert await store.rule("r-1") == rule
        assert await store.rule("r-2") is None

    async def test_a_rule_is_made_once(self, store: Store) -> None:
        await store.create_rule(given())
        await store.create_rule(given(uses=9))
        assert await store.rule("r-1") == given()

    async def test_a_rule_that_cannot_be_stored_is_refused(self, store: Store) -> None:
        with pytest.raises(PayloadError):
            await store.create_rule(given(reason="a\x00b"))

    async def test_rules_are_listed_with_the_newest_first(self, store: Store) -> None:
        first, second = given("r-a"), given("r-b", now=NOW + timedelta(seconds=1))
        other = given("r-c", action="travel.pay", now=NOW + timedelta(seconds=2))
        for rule in (second, other, first):
            await store.create_rule(rule)
        assert await store.rules(action=None, live_at=None, limit=9) == [other, second, first]
        assert await store.rules(action=first.action, live_at=None, limit=1) == [second]

    async def test_only_rules_in_force_match_an_action_and_its_version(self, store: Store) -> None:
        rules = [
            given("r-long", until=NOW + timedelta(days=2)),
            given("r-short", until=NOW + timedelta(hours=1)),
            given("r-over", until=NOW + timedelta(seconds=1)),
            given("r-other", action="travel.email"),
            given("r-new", version=2),
            given("r-gone"),
        ]
        for rule in rules:
            await store.create_rule(rule)
        await store.revoke_rule("r-gone", by="cy", reason="enough", at=AT)
        found = await store.matching_rules("travel.email_itinerary", 1, at=AT + SECOND)
        assert [rule.id for rule in found] == ["r-short", "r-long"]
        live = await store.rules(action=None, live_at=AT + SECOND, limit=9)
        assert {rule.id for rule in live} == {"r-short", "r-long", "r-other", "r-new"}

    async def test_a_rule_is_revoked_once_and_says_by_whom(self, store: Store) -> None:
        await store.create_rule(given())
        revoked = await store.revoke_rule("r-1", by="cy", reason="enough", at=AT)
        assert revoked == replace(
            given(), revoked_at=NOW, revoked_by="cy", revoked_because="enough"
        )
        with pytest.raises(Refused, match="was revoked by cy before"):
            await store.revoke_rule("r-1", by="dan", reason="too", at=AT)
        with pytest.raises(Refused, match="there is no standing rule r-2"):
            await store.revoke_rule("r-2", by="dan", reason="too", at=AT)
        assert await store.rule("r-1") == revoked

    async def test_a_use_is_on_the_record_and_counts(self, store: Store) -> None:
        lease = await registered(store)
        await store.create_rule(given(budget=Budget(total=Decimal(20), currency="EUR")))
        scene = await _approved(store, lease, "s-1")
        assert await _use(store, lease, scene, units=TEN) == [Applied.YES]
        use = RuleUse("g-s-1", "r-1", "s-1", TEN, AT)
        assert await store.rule_uses("r-1") == [use]
        assert await store.rule_uses_at(["g-s-1", "g-s-2"]) == [use]
        assert await store.rule_uses_at(["g-s-2"]) == await store.rule_uses_at([]) == []
        found = await store.rule("r-1")
        assert found is not None
        assert (found.used, found.spent) == (1, Decimal(10))
        gate = await store.gate("g-s-1")
        assert gate is not None
        assert gate.state is GateState.CONSUMED

    async def test_uses_come_page_by_page_the_newest_first(self, store: Store) -> None:
        lease = await registered(store)
        await store.create_rule(given(uses=4))
        for number, at in enumerate((AT, AT + 2, AT + 1, AT + 2)):
            tale = await _approved(store, lease, f"s-{number}")
            assert await _use(store, lease, tale, units=None, at=at) == [Applied.YES]
        first = await store.rule_uses("r-1", limit=3)
        assert [use.saga_id for use in first] == ["s-3", "s-1", "s-2"]
        after = (first[1].at, first[1].gate_id)
        rest = await store.rule_uses("r-1", after=after)
        assert [use.saga_id for use in rest] == ["s-2", "s-0"]

    @pytest.mark.parametrize(
        "unfit",
        [
            "revoked",
            "over",
            "used up",
            "budget",
            "no amount",
            "unknown",
        ],
    )
    async def test_a_unit_is_refused_as_a_whole_if_its_rule_does_not_allow_it(
        self, store: Store, unfit: str
    ) -> None:
        lease = await registered(store)
        await store.create_rule(given(uses=1, budget=Budget(total=Decimal(15), currency="EUR")))
        if unfit == "used up":
            await _use(store, lease, await _approved(store, lease, "s-0"), units=1)
        if unfit == "revoked":
            await store.revoke_rule("r-1", by="cy", reason="enough", at=AT)
        before = await store.rule_uses("r-1")
        tale = await _approved(store, lease, "s-1")
        units = {"budget": 15 * UNIT + 1, "no amount": None}.get(unfit, TEN)
        at = AT + 86_400 * SECOND if unfit == "over" else AT
        rule_id = "r-2" if unfit == "unknown" else "r-1"
        applied = await _use(store, lease, tale, units=units, at=at, rule_id=rule_id)
        assert applied == [Applied.MOVED]
        assert await store.rule_uses("r-1") == before
        gate = await store.gate("g-s-1")
        assert gate is not None
        assert gate.state is GateState.APPROVED
        loaded = await store.load("s-1")
        assert loaded is not None
        assert len(loaded.rows) == 2

    async def test_of_many_sagas_that_race_for_the_last_use_one_gets_it(
        self, store: Store, another: Callable[[], Awaitable[Store]]
    ) -> None:
        await store.create_rule(given(uses=1))
        racers = [(each, await registered(each)) for each in (store, await another())]
        tales = [
            (each, lease, await _approved(each, lease, f"s-{number}"))
            for number, (each, lease) in enumerate(racers * 4)
        ]
        answers = await asyncio.gather(*(_use(*each, units=None) for each in tales))
        assert sorted(answer.value for [answer] in answers) == ["moved"] * 7 + ["yes"]
        assert len(await store.rule_uses("r-1")) == 1

    async def test_a_budget_is_not_overdrawn_by_those_who_race_for_it(
        self, store: Store, another: Callable[[], Awaitable[Store]]
    ) -> None:
        await store.create_rule(given(uses=99, budget=Budget(total=Decimal(35), currency="EUR")))
        racers = [(each, await registered(each)) for each in (store, await another())]
        tales = [
            (each, lease, await _approved(each, lease, f"s-{number}"))
            for number, (each, lease) in enumerate(racers * 4)
        ]
        answers = await asyncio.gather(*(_use(*each, units=TEN) for each in tales))
        assert [answer for [answer] in answers].count(Applied.YES) == 3

    async def test_units_of_one_append_that_use_several_rules_wait_in_no_circle(
        self, store: Store, another: Callable[[], Awaitable[Store]]
    ) -> None:
        rules = ["r-1", "r-2", "r-3"]
        for rule_id in rules:
            await store.create_rule(given(rule_id, uses=99))
        one, other = store, await another()
        batches: list[Awaitable[list[Applied]]] = []
        for each, order in ((one, rules), (other, rules[::-1])):
            lease = await registered(each)
            tales = [await _approved(each, lease, f"s-{order[0]}-{rule}") for rule in order]
            units = [
                tale.unit(
                    1,
                    MoveGate(f"g-{tale.saga_id}", GateState.APPROVED, GateState.CONSUMED, AT),
                    SpendRule(rule, f"g-{tale.saga_id}", None, AT),
                )
                for tale, rule in zip(tales, order, strict=True)
            ]
            batches.append(each.commit(lease, units))
        assert await asyncio.gather(*batches) == [[Applied.YES] * 3] * 2

    async def test_a_gate_uses_a_rule_once(self, store: Store) -> None:
        lease = await registered(store)
        await store.create_rule(given(uses=2))
        tale = await _approved(store, lease, "s-1")
        spend = SpendRule("r-1", "g-s-1", None, AT)
        assert await store.commit(lease, [tale.unit(1, spend)]) == [Applied.YES]
        assert await store.commit(lease, [tale.unit(1, spend)]) == [Applied.MOVED]
        assert len(await store.rule_uses("r-1")) == 1

    async def test_the_gates_of_an_action_are_read_with_the_newest_first(
        self, store: Store
    ) -> None:
        lease = await registered(store)
        for number in (1, 2, 3):
            await _approved(store, lease, f"s-{number}", opened=NOW + timedelta(seconds=number))
        found = await store.gates_of_action("travel.email_itinerary", limit=2)
        assert [gate.id for gate in found] == ["g-s-3", "g-s-2"]
        assert await store.gates_of_action("travel.email", limit=2) == []


async def _approved(store: Store, lease: Lease, saga_id: str, *, opened: datetime = NOW) -> Tale:
    """A saga with a gate that opened approved."""
    tale = await begun(store, lease, saga_id)
    gate = replace(
        gate_of(store, saga_id, f"g-{saga_id}"),
        opened_at=opened,
        state=GateState.APPROVED,
        decided_at=NOW,
        decided_by="rule r-1",
        valid_until=NOW + timedelta(days=2),
    )
    assert await store.commit(lease, [tale.unit(1, OpenGate(gate))]) == [Applied.YES]
    return tale


async def _use(
    store: Store,
    lease: Lease,
    tale: Tale,
    *,
    units: int | None,
    at: int = AT,
    rule_id: str = "r-1",
) -> list[Applied]:
    """Use an approval that a rule gave."""
    gate_id = f"g-{tale.saga_id}"
    move = consuming(replace(gate_of(store, tale.saga_id), id=gate_id))
    return await store.commit(lease, [tale.unit(1, move, SpendRule(rule_id, gate_id, units, at))])
