"""`sagas slack`, `slack manifest` and `slack check` as they are typed."""

import asyncio
import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from approvals.testing import Fault, Person, SlackServer
from sagas import connect
from sagas.cli import main
from sagas.coordinator import Coordinator
from tests.slack.installing import Files, installed_in, post, write

pytestmark = pytest.mark.usefixtures("ann")

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("SAGAS_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def files(tmp_path: Path, slack: SlackServer) -> Files:
    slack.usergroup("S1", handle="desk", members=["U1"])
    return installed_in(tmp_path, slack)


async def looked_at(capsys: pytest.CaptureFixture[str], files: Files) -> tuple[int, dict[str, Any]]:
    """What `sagas slack check` exits with and finds."""
    words = ["--channels", str(files.channels), "--directory", str(files.people), "--json"]
    code = await asyncio.to_thread(main, ["slack", "check", *words])
    out, err = capsys.readouterr()
    assert err == ""
    return code, {each["what"]: each for each in json.loads(out)}


async def test_where_nothing_is_missing_the_check_says_so(
    capsys: pytest.CaptureFixture[str], files: Files
) -> None:
    code, found = await looked_at(capsys, files)
    assert code == 0
    assert list(found) == [
        *("settings file", "bot token", "workspace", "scopes", "clock", "C1", "user groups"),
        *("app token", "signing secrets"),
    ]
    assert {each["mend"] for each in found.values()} == {None}
    assert found["C1"]["said"].endswith("known there: ann")


async def test_what_is_missing_is_told_with_what_to_do(
    capsys: pytest.CaptureFixture[str], files: Files, slack: SlackServer, tmp_path: Path
) -> None:
    slack.scopes.discard("im:write")
    slack.space.channels["C1"].members.discard(slack.space.bot)
    slack.fail("usergroups.list", Fault.refused("missing_scope"))
    installed_in(tmp_path, slack, teams='["T9"]', app_token='"xapp-1-other"', signing_secrets="")
    code, found = await looked_at(capsys, files)
    missing = {what: each["mend"] for what, each in found.items() if not each["ok"]}
    assert code == 1
    assert set(missing) == {"workspace", "scopes", "C1", "user groups", "app token"}
    assert "im:write" in found["scopes"]["said"]
    assert "T1" in missing["workspace"]
    assert "invite" in missing["C1"]
    assert "xapp-1-other" not in str(found)


@pytest.mark.parametrize("mode", [0o644, 0o602])
async def test_a_file_of_secrets_that_everybody_can_read_or_change_is_told(
    capsys: pytest.CaptureFixture[str], files: Files, mode: int
) -> None:
    files.settings.chmod(mode)
    code, found = await looked_at(capsys, files)
    assert (code, found["settings file"]["mend"]) == (1, "chmod o-rwx slack.toml")


async def test_nobody_known_and_no_way_for_clicks_are_told(
    capsys: pytest.CaptureFixture[str], files: Files, slack: SlackServer, tmp_path: Path
) -> None:
    installed_in(tmp_path, slack, app_token="", signing_secrets="")
    files.people.write_text("[users.ann]\n")
    code, found = await looked_at(capsys, files)
    assert code == 1
    assert 'slack = "T1/' in found["C1"]["mend"]
    assert "SAGAS_SLACK_APP_TOKEN" in found["clicks"]["mend"]


async def test_a_scope_that_messages_are_found_again_by_is_told_if_it_is_missing(
    capsys: pytest.CaptureFixture[str], files: Files, slack: SlackServer
) -> None:
    slack.scopes.difference_update({"channels:history", "groups:history"})
    _, found = await looked_at(capsys, files)
    assert found["scopes"]["said"] == "missing: channels:history, groups:history"


async def test_each_fault_is_told_with_one_mend(
    capsys: pytest.CaptureFixture[str], files: Files, slack: SlackServer
) -> None:
    slack.scopes.discard("channels:read")
    _, found = await looked_at(capsys, files)
    assert found["C1"]["said"] == "Slack answers missing_scope (it needs channels:read)"
    assert found["C1"]["mend"] == "add it to the app and install the app anew"


async def test_a_route_of_nobody_is_told(capsys: pytest.CaptureFixture[str], files: Files) -> None:
    known = 'ann = ["slack:C1"]\nanyone = ["slack:C1"]\n"@slack:S1" = ["slack:C1"]\n'
    wrong = 'anna = ["slack:C1"]\n"@dsk" = ["slack:C1"]\n'
    files.channels.write_text(f"{files.channels.read_text()}\n[routes]\n{known}{wrong}")
    code, found = await looked_at(capsys, files)
    assert code == 1
    assert {what for what, each in found.items() if not each["ok"]} == {
        *("route of anna", "route of @dsk"),
    }


async def test_without_a_directory_the_mend_is_to_name_one(
    capsys: pytest.CaptureFixture[str], files: Files
) -> None:
    await asyncio.to_thread(main, ["slack", "check", "--channels", str(files.channels), "--json"])
    found = {each["what"]: each for each in json.loads(capsys.readouterr().out)}
    assert "--directory" in found["C1"]["mend"]


async def test_a_clock_that_differs_from_that_of_slack_is_told(
    capsys: pytest.CaptureFixture[str], files: Files, slack: SlackServer
) -> None:
    slack.clock.advance(timedelta(minutes=7))
    code, found = await looked_at(capsys, files)
    assert code == 1
    assert "NTP" in found["clock"]["mend"]


async def test_a_token_that_is_none_is_told_and_the_rest_is_not_asked(
    capsys: pytest.CaptureFixture[str], files: Files, slack: SlackServer, tmp_path: Path
) -> None:
    installed_in(tmp_path, slack, bot_token='"xoxb-1-other"')
    code, found = await looked_at(capsys, files)
    assert (code, found["bot token"]["ok"]) == (1, False)
    assert "C1" not in found
    assert "xoxb-1-other" not in str(found)


def test_the_manifest_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["slack", "manifest", "--name", "Desk", "--url", "https://a.example.org"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["display_information"]["name"] == "Desk"
    assert not found["settings"]["socket_mode_enabled"]


def test_without_a_channel_of_slack_there_is_nothing_to_hear(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["slack"]) == 2
    assert 'kind = "slack"' in capsys.readouterr().err


def command(files: Files, journal: str, *words: str) -> subprocess.Popen[str]:
    options = ["--db", journal, "--channels", str(files.channels), "--directory", str(files.people)]
    return subprocess.Popen(
        [sys.executable, "-m", "sagas.cli", *words, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDEVMODE": ""},
    )


async def recorded(coordinator: Coordinator, saga: str) -> None:
    """Wait until it is on record where the message is: a click before that is told to come again."""
    [gate] = await coordinator.store.gates_of(saga)
    while not any(  # noqa: ASYNC110  nothing tells of it
        each.receipt for each in await coordinator.store.deliveries_about(gate.id)
    ):
        await asyncio.sleep(0.01)


async def test_a_gate_is_told_and_decided_in_slack_by_socket_mode_and_by_http(
    slack: SlackServer, ann: Person, files: Files, sqlite_url: str
) -> None:
    async with connect(
        sqlite_url, post, directory=files.people, channels=files.channels, user="agent"
    ) as coordinator:
        first = await coordinator.start(write, "all", id="first")
        process = command(files, sqlite_url, "slack")
        try:
            await slack.until(lambda: slack.sockets.connected == 2)
            await slack.until(lambda: slack.messages("C1"))
            await recorded(coordinator, "first")
            clicked = await ann.click(slack.messages("C1")[0], "Approve")
            assert clicked.acknowledged
            assert (await first.outcome(timeout=60)).result == "mailed to all"
        finally:
            process.terminate()
            _, err = await asyncio.to_thread(process.communicate)
        assert (process.returncode, "Traceback" in err) == (0, False)

        second = await coordinator.start(write, "ben", id="second")
        process = command(files, sqlite_url, "serve", "--port", "0")
        try:
            assert process.stdout is not None
            line = await asyncio.to_thread(process.stdout.readline)
            url = line.strip().removeprefix("the inbox is at ")
            slack.deliver_to(
                interactivity=f"{url}/slack/interactivity", events=f"{url}/slack/events"
            )
            await slack.until(lambda: any("ben" in str(m.blocks) for m in slack.messages("C1")))
            [message] = [m for m in slack.messages("C1") if "ben" in str(m.blocks)][:1]
            await recorded(coordinator, "second")
            while not (await ann.click(message, "Approve")).acknowledged:  # noqa: ASYNC110
                await asyncio.sleep(0.05)  # it has not asked yet whose the app is
            assert (await second.outcome(timeout=60)).result == "mailed to ben"
        finally:
            process.terminate()
            await asyncio.to_thread(process.communicate)
        assert process.returncode == 0
