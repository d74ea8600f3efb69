"""A Slack of its own for each test."""

from collections.abc import AsyncIterator

import pytest

from tests.unit.approvals.slack.local import LocalSlack, local_slack


@pytest.fixture
async def slack() -> AsyncIterator[LocalSlack]:
    async with local_slack() as local:
        yield local
