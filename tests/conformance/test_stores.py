"""Each store passes the whole suite."""

import pytest

from tests.conformance.appending_suite import AppendingSuite
from tests.conformance.delegations_suite import DelegationsSuite
from tests.conformance.deliveries_suite import DeliveriesSuite
from tests.conformance.desk_suite import DeskSuite
from tests.conformance.drills_suite import DrillsSuite
from tests.conformance.edits_suite import EditsSuite
from tests.conformance.entrance_suite import EntranceSuite
from tests.conformance.figures_suite import FiguresSuite
from tests.conformance.library_suite import LibrarySuite
from tests.conformance.limits_suite import LimitsSuite
from tests.conformance.locks_suite import LocksSuite
from tests.conformance.ownership_suite import OwnershipSuite
from tests.conformance.rules_suite import RulesSuite


class StoreSuite(
    AppendingSuite,
    OwnershipSuite,
    DeskSuite,
    EditsSuite,
    LibrarySuite,
    FiguresSuite,
    LimitsSuite,
    LocksSuite,
    DrillsSuite,
    DeliveriesSuite,
    EntranceSuite,
    RulesSuite,
    DelegationsSuite,
):
    """Everything that a store promises."""


class TestSqlite(StoreSuite):
    @pytest.fixture
    def database_url(self, journal_url: str) -> str:
        return journal_url


@pytest.mark.postgres
class TestPostgres(StoreSuite):
    @pytest.fixture
    def database_url(self, migrated_url: str) -> str:
        return migrated_url
