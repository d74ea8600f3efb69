"""Nothing is found in correct sagas of all shapes; the same seed gives the same histories."""

from collections.abc import Iterator
from typing import Any

import pytest

from sagas.testing import Report, explore, explore_unwind
from sagas.testing.oracles import Evidence
from tests.crash.stages import SOAK, is_over
from tests.testing.sagas import SAMPLES, Make

SEEDS = range(50) if SOAK else (0,)
SCHEDULES = 600 if SOAK else 60

LARGE = {"fan_out", "quorum_and_groups"}
"""What is systematic about them alone takes seconds."""


@pytest.mark.unmeasured
@pytest.mark.parametrize("make", SAMPLES.values(), ids=SAMPLES.keys())
@pytest.mark.parametrize("seed", SEEDS)
async def test_nothing_is_found_in_a_correct_saga(make: Make, seed: int) -> None:
    if is_over():
        pytest.skip("the time is up")
    sample = make()
    if make.__name__ in LARGE and not SOAK:
        small: dict[str, Any] = {**sample.options, "only": "second-owner:11:1"}
        report = await explore(sample.saga, sample.input, world=sample.world, seed=seed, **small)
    else:
        report = await explore(
            sample.saga,
            sample.input,
            world=sample.world,
            schedules=SCHEDULES,
            seed=seed,
            **sample.options,
        )
    assert report.violations == []
    assert report.faults_landed == report.faults_planned > 0


def test_there_are_twenty_correct_sagas() -> None:
    assert len(SAMPLES) >= 20


# --- the same seed, the same histories ------------------------------------------------------------


async def explored(seed: int) -> tuple[Report, list[Evidence]]:
    """A report without its times, and what each run was judged by."""
    seen: list[Evidence] = []

    def rule(evidence: Evidence) -> Iterator[str]:
        seen.append(evidence)
        yield f"{len(evidence.history.rows)} entries"

    sample = SAMPLES["harmless_undo"]()
    report = await explore(
        sample.saga, sample.input, world=sample.world, schedules=170, seed=seed, rules=[rule]
    )
    for timed in (report, *report.parts.values()):
        timed.seconds = 0.0
    return report, seen


async def test_the_same_seed_gives_the_same_report_and_the_same_histories() -> None:
    (first, some), (second, others) = await explored(7), await explored(7)

    assert first == second
    assert list(map(_bytes, some)) == list(map(_bytes, others))


async def test_another_seed_chooses_other_pairs() -> None:
    (_, some), (_, others) = await explored(7), await explored(8)

    assert list(map(_kinds, some)) != list(map(_kinds, others))
    assert sorted(map(_kinds, some[:100])) == sorted(map(_kinds, others[:100]))


def _bytes(evidence: Evidence) -> object:
    """Every byte of the journal, and the ledger."""
    return evidence.history.rows, evidence.ledger


def _kinds(evidence: Evidence) -> tuple[str, ...]:
    """What happened, without keys and ids: a seed names the journal too."""
    return tuple(row.kind for row in evidence.history.rows)


async def test_random_ids_are_drawn_from_the_seed() -> None:
    ids: list[str | None] = []

    def rule(evidence: Evidence) -> Iterator[str]:
        ids.extend(row.payload for row in evidence.history.rows if row.kind == "Recorded")
        return iter(())

    sample = SAMPLES["timers"]()
    for seed in (1, 1, 2):
        options: dict[str, Any] = {"seed": seed, "rules": [rule], "only": "untouched"}
        await explore_unwind(sample.saga, sample.input, world=sample.world, **options)

    assert ids[0] == ids[2] != ids[4]
