"""Each store passes the whole suite."""

import pytest

from sagas.journal import migrate
from tests.conformance.appending_suite import AppendingSuite
from tests.conformance.desk_suite import DeskSuite
from tests.conformance.library_suite import LibrarySuite
from tests.conformance.ownership_suite import OwnershipSuite


class StoreSuite(AppendingSuite, OwnershipSuite, DeskSuite, LibrarySuite):
    """Everything that a store promises."""


class TestSqlite(StoreSuite):
    @pytest.fixture
    def database_url(self, sqlite_url: str) -> str:
        return sqlite_url


class TestPostgres(StoreSuite):
    @pytest.fixture
    def database_url(self, postgres_url: str) -> str:
        migrate(postgres_url)
        return postgres_url
