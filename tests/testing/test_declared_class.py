"""`check_declared_class`: each lie by an action that tells it, and actions that tell the truth."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from compensations import Retry
from sagas import Catalog, NotExecuted, Reversibility, current_step, decide, waived
from sagas.authoring.action import Action, Compensation
from sagas.state import Track
from sagas.testing import AnswerLost, Provider, Refused, Report, Unexplorable, check_declared_class

R = Reversibility
DAY = timedelta(hours=24)
WAIVED = waived(reason="a test")

Work = Callable[[str], Awaitable[str]]


def rules(report: Report) -> list[str]:
    return sorted(violation.rule for violation in report.violations)


def made(work: Work, reversibility: Reversibility, **options: Any) -> Action[..., Any]:
    """An action of some class; it has a compensation if its class wants one."""
    catalog = Catalog("shop")
    if reversibility.needs_approval:
        options.setdefault("approval", WAIVED)

    @catalog.action(reversibility=reversibility, **options)
    async def buy(what: str) -> str:
        return await work(what)

    if reversibility.is_undoable:
        buy.compensation(repeatable=True)(_take_back)
    return buy


async def _take_back(what: str) -> None: ...


def buying(world: Provider) -> Work:
    async def work(what: str) -> str:
        return await world.do("thing", what)

    return work


def harmless(what: str) -> Reversibility:
    return R.READ_ONLY


def for_good(what: str) -> Reversibility:
    return R.IRREVERSIBLE if what == "moon" else R.COMPENSATABLE


# --- the truth ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reversibility", [R.COMPENSATABLE, R.REVERSIBLE, R.IRREVERSIBLE, R.UNKNOWN]
)
@pytest.mark.parametrize(
    ("world", "options"),
    [
        (Provider.keyed(), {"key_ttl": DAY}),
        (Provider.keyless(), {}),
        (Provider.slow(timedelta(milliseconds=1)), {"key_ttl": DAY}),
        (Provider.lossy(), {"key_ttl": DAY}),
        (Provider(refuses=lambda call: call.subject == "moon"), {"definite": (Refused,)}),
    ],
    ids=["keyed", "keyless", "slow", "lossy", "refusing"],
)
async def test_an_action_that_is_what_it_says_raises_no_alarm(
    reversibility: Reversibility, world: Provider, options: dict[str, Any]
) -> None:
    buy = made(buying(world), reversibility, **options)
    report = await check_declared_class(buy, "hat", {"what": "moon"}, world=world)

    assert report.violations == []


async def test_one_that_only_reads_raises_no_alarm() -> None:
    world = Provider()

    async def look(what: str) -> str:
        return what + str(world.snapshot())

    report = await check_declared_class(made(look, R.READ_ONLY), world=world, runs=5)

    assert report.violations == []


async def test_one_that_may_be_repeated_raises_no_alarm() -> None:
    world = Provider.keyed()
    buy = made(buying(world), R.COMPENSATABLE, repeatable=True)

    assert (await check_declared_class(buy, "hat", world=world)).violations == []


async def test_one_whose_class_is_computed_raises_no_alarm() -> None:
    world = Provider.keyed()
    buy = made(
        buying(world),
        R.COMPENSATABLE,
        key_ttl=DAY,
        approval=WAIVED,
        classify=for_good,
    )

    assert (await check_declared_class(buy, "hat", "moon", world=world)).violations == []


# --- lies about the class -----------------------------------------------------------------------


async def test_a_read_only_action_that_acts_is_found() -> None:
    world = Provider()
    report = await check_declared_class(made(buying(world), R.READ_ONLY), "hat", world=world)

    assert rules(report) == ["read_only_changes_nothing"]


async def test_an_action_without_an_effect_that_declares_one_is_found() -> None:
    async def nothing(what: str) -> str:
        return what

    buy = made(nothing, R.COMPENSATABLE)

    assert rules(await check_declared_class(buy, "hat", world=Provider())) == [
        "effects_are_recorded"
    ]


async def test_a_missing_compensation_is_found() -> None:
    world = Provider()
    buy = made(buying(world), R.COMPENSATABLE)
    buy.undo = None

    assert rules(await check_declared_class(buy, "hat", world=world)) == [
        "undoable_has_a_compensation"
    ]


async def test_an_irreversible_action_that_nobody_is_asked_about_is_found() -> None:
    world = Provider()
    buy = made(buying(world), R.IRREVERSIBLE)
    buy.options = replace(buy.options, approval=None)

    assert rules(await check_declared_class(buy, "hat", world=world)) == ["irreversible_has_a_gate"]


async def test_an_irreversible_action_with_a_compensation_is_found() -> None:
    world = Provider()
    undo = made(buying(world), R.COMPENSATABLE).undo
    assert isinstance(undo, Compensation)
    buy = made(buying(world), R.IRREVERSIBLE)
    buy.undo = undo

    assert rules(await check_declared_class(buy, "hat", world=world)) == [
        "irreversible_has_no_compensation"
    ]


async def test_a_class_that_is_computed_to_be_better_is_found() -> None:
    world = Provider()
    buy = made(buying(world), R.IRREVERSIBLE, classify=harmless)

    assert rules(await check_declared_class(buy, "hat", world=world)) == ["classes_only_get_worse"]


async def test_rules_that_repeat_what_is_keyless_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    world = Provider.keyless()
    buy = made(buying(world), R.COMPENSATABLE, retry=Retry(attempts=5))
    assert rules(await check_declared_class(buy, "hat", world=world)) == []

    def again(track: Track, *_: object, **__: object) -> object:
        return decide.Act(track.attempts + 1)

    monkeypatch.setattr(decide, "forward", again)

    assert rules(await check_declared_class(buy, "hat", world=world)) == [
        "keyless_is_never_repeated"
    ]


# --- lies about keys ----------------------------------------------------------------------------


async def test_a_key_that_is_not_honoured_is_found() -> None:
    world = Provider.keyless()
    buy = made(buying(world), R.COMPENSATABLE, key_ttl=DAY)

    assert rules(await check_declared_class(buy, "hat", world=world)) == ["one_key_is_one_effect"]


async def test_a_key_that_is_not_sent_is_found() -> None:
    world = Provider.keyed()

    async def work(what: str) -> str:
        return await world.do("thing", what, key="")

    buy = made(work, R.COMPENSATABLE, key_ttl=DAY)

    assert rules(await check_declared_class(buy, "hat", world=world)) == [
        "effects_carry_the_key",
        "one_key_is_one_effect",
        "two_keys_are_two_effects",
    ]


async def test_a_key_that_is_made_of_the_input_is_found() -> None:
    world = Provider.keyed()

    async def work(what: str) -> str:
        return await world.do("thing", what, key=f"buy {what}")

    buy = made(work, R.COMPENSATABLE, key_ttl=DAY)

    assert rules(await check_declared_class(buy, "hat", world=world)) == [
        "effects_carry_the_key",
        "two_keys_are_two_effects",
    ]


async def test_a_repetition_that_does_harm_is_found() -> None:
    world = Provider.keyless()
    buy = made(buying(world), R.COMPENSATABLE, repeatable=True)

    assert rules(await check_declared_class(buy, "hat", world=world)) == ["repetition_does_no_harm"]


async def test_an_action_that_repeats_its_call_by_itself_is_found() -> None:
    world = Provider(keys=False, loses=(1,))

    async def stubborn(what: str) -> str:
        try:
            return await world.do("thing", what)
        except AnswerLost:
            return await world.do("thing", what)

    buy = made(stubborn, R.COMPENSATABLE)

    assert rules(await check_declared_class(buy, "hat", world=world)) == ["one_effect_a_step"]


async def test_a_request_that_differs_under_one_key_is_found() -> None:
    world = Provider.keyed()

    async def work(what: str) -> str:
        return await world.do("thing", what, attempt=current_step().attempt)

    buy = made(work, R.COMPENSATABLE, key_ttl=DAY)
    report = await check_declared_class(buy, "hat", world=world)

    assert rules(report) == ["one_key_is_one_effect"]
    assert "KeyReused" in str(report)


# --- lies about errors --------------------------------------------------------------------------


async def test_a_definite_error_after_the_effect_is_found() -> None:
    world = Provider.lossy()
    buy = made(buying(world), R.COMPENSATABLE, definite=(AnswerLost,))
    report = await check_declared_class(buy, "hat", world=world)

    assert rules(report) == ["definite_means_nothing_happened"]
    assert "AnswerLost" in str(report)


async def test_not_executed_after_the_effect_is_found() -> None:
    world = Provider()

    async def work(what: str) -> str:
        await world.do("thing", what)
        raise NotExecuted("too late")

    buy = made(work, R.COMPENSATABLE)

    assert rules(await check_declared_class(buy, "hat", world=world)) == [
        "definite_means_nothing_happened"
    ]


async def test_an_error_that_does_not_say_that_nothing_happened_is_found() -> None:
    world = Provider(refuses=(1,))
    report = await check_declared_class(made(buying(world), R.COMPENSATABLE), "hat", world=world)

    assert rules(report) == ["errors_are_explained"]
    assert "name the error in definite=" in str(report)


async def test_a_predicate_that_fails_makes_nothing_definite() -> None:
    world = Provider(refuses=(1,))

    def predicate(error: BaseException) -> bool:
        raise KeyError

    buy = made(buying(world), R.COMPENSATABLE, definite=predicate)

    assert rules(await check_declared_class(buy, "hat", world=world)) == ["errors_are_explained"]


async def test_a_result_that_cannot_be_stored_is_found() -> None:
    world = Provider()

    async def work(what: str) -> str:
        await world.do("thing", what)
        return "\x00"

    buy = made(work, R.COMPENSATABLE)

    assert rules(await check_declared_class(buy, "hat", world=world)) == ["results_are_storable"]


async def test_a_world_that_loses_every_answer_shows_nothing() -> None:
    world = Provider(keys=False, loses=lambda call: True)
    buy = made(buying(world), R.COMPENSATABLE)

    with pytest.raises(Unexplorable, match="or a world that answers"):
        await check_declared_class(buy, "hat", world=world)


async def test_a_defect_of_some_inputs_is_found_among_those_that_are_made() -> None:
    world = Provider.keyed()

    async def work(what: str) -> str:
        if "b" in what:
            return what
        return await world.do("thing", what)

    buy = made(work, R.COMPENSATABLE, key_ttl=DAY)
    report = await check_declared_class(buy, "abc", world=world)

    assert rules(report) == ["effects_are_recorded"]
    assert report.violations[0].rerun == (
        "await check_declared_class(buy, {'what': 'abc'}, world=...)"
    )
