"""Every planted defect is found by the default profile, and nothing is found where there is none."""

import pytest

from sagas.testing import TestingError, explore
from tests.testing.defects import Defect, replaced
from tests.testing.defects.ours import DEFECTS as OURS
from tests.testing.defects.ours import ruled
from tests.testing.defects.users import DEFECTS as USERS
from tests.testing.sagas import SAMPLES, Sample

EVERY = {**OURS, **USERS}
SYSTEMATIC = 1
"""All that is tried in any case, and no pairs."""


async def found_in(sample: Sample, until: str | None = None) -> set[str]:
    """The rules that are broken, or the error that refuses to explore; until one of them is."""
    options = dict(sample.options)
    if until is not None:
        options["until"] = until
    try:
        report = await explore(
            sample.saga, sample.input, world=sample.world, schedules=SYSTEMATIC, **options
        )
    except TestingError as error:
        return {type(error).__name__}
    assert report.faults_landed == report.faults_planned
    return {violation.rule for violation in report.violations}


@pytest.mark.parametrize("defect", EVERY.values(), ids=EVERY.keys())
async def test_a_planted_defect_is_found(defect: Defect) -> None:
    with defect.plant():
        assert defect.rule in await found_in(defect.broken(), defect.rule), defect.what


@pytest.mark.unmeasured
@pytest.mark.parametrize("defect", USERS.values(), ids=USERS.keys())
async def test_nothing_is_found_where_the_defect_is_mended(defect: Defect) -> None:
    assert defect.sound is not None
    assert await found_in(defect.sound()) == set()


@pytest.mark.unmeasured
async def test_nothing_is_found_where_a_standing_rule_allows_a_call_and_counts_it() -> None:
    with replaced(*ruled()):
        assert await found_in(SAMPLES["a_gate_before_the_end"]()) == set()


def test_the_catalogue_holds_thirty_defects_of_users_and_of_ours() -> None:
    assert len(OURS) >= 15
    assert len(USERS) >= 12
    assert len(EVERY) == len(OURS) + len(USERS) >= 30
