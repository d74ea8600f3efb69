"""What goes wrong on demand, as the real client meets it."""

import asyncio

import pytest
from aiohttp import ServerDisconnectedError
from slack_sdk.errors import SlackApiError

from approvals.testing import Fault, SlackServer
from tests.slack.conftest import Client, answered, client_of

pytestmark = pytest.mark.usefixtures("ann")


async def post(client: Client) -> None:
    await client.chat_postMessage(channel="C1", text="Hi")


@pytest.mark.parametrize(
    "error", ["is_archived", "token_revoked", "account_inactive", "fatal_error", "missing_scope"]
)
async def test_an_error_of_slacks_is_answered_and_nothing_done(
    slack: SlackServer, client: Client, error: str
) -> None:
    slack.fail("chat.postMessage", Fault.refused(error))
    with pytest.raises(SlackApiError) as refused:
        await post(client)
    assert answered(refused)["error"] == error
    assert slack.messages("C1") == []


def test_an_error_that_slack_has_not_is_not_played() -> None:
    with pytest.raises(ValueError, match="is_archvied"):
        Fault.refused("is_archvied")


async def test_too_many_calls_are_told_when_to_come_again(
    slack: SlackServer, client: Client
) -> None:
    slack.fail("chat.postMessage", Fault.rate_limited(7))
    with pytest.raises(SlackApiError) as refused:
        await post(client)
    assert answered(refused).status_code == 429
    assert answered(refused).headers["Retry-After"] == "7"


@pytest.mark.parametrize(("after", "count"), [(False, 0), (True, 1)])
async def test_a_server_error_comes_before_or_after_the_post(
    slack: SlackServer, client: Client, after: bool, count: int
) -> None:
    slack.fail("chat.postMessage", Fault.broken(500, takes_effect=after))
    with pytest.raises(SlackApiError) as refused:
        await post(client)
    assert answered(refused).status_code == 500
    assert len(slack.messages("C1")) == count


@pytest.mark.parametrize(("after", "count"), [(False, 0), (True, 1)])
async def test_the_line_is_cut_before_or_after_the_post(
    slack: SlackServer, client: Client, after: bool, count: int
) -> None:
    slack.fail("chat.postMessage", Fault.dropped(takes_effect=after))
    with pytest.raises(ServerDisconnectedError):
        await post(client)
    assert len(slack.messages("C1")) == count


async def test_the_default_retries_of_the_client_post_twice(slack: SlackServer) -> None:
    client = client_of(slack)
    slack.fail("chat.postMessage", Fault.dropped(takes_effect=True))
    await post(client)
    assert len(slack.messages("C1")) == 2


async def test_a_call_that_is_not_answered_has_been_done(
    slack: SlackServer, client: Client
) -> None:
    slack.fail("chat.postMessage", Fault.timeout())
    waiting = asyncio.create_task(post(client))
    await slack.until(lambda: slack.messages("C1"))
    assert not waiting.done()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)


async def test_a_fault_lasts_as_long_as_it_was_told_to(slack: SlackServer, client: Client) -> None:
    slack.fail("*", Fault.refused("token_revoked"), times=None)
    for _ in range(2):
        with pytest.raises(SlackApiError):
            await post(client)
    slack.faults.mend()
    await post(client)
    assert len(slack.messages("C1")) == 1
