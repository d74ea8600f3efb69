"""What is set for Slack, and that what is wrong is named and what is secret is not."""

import json
from pathlib import Path

import pytest

from approvals.channels.slack.settings import SlackSettings
from approvals.errors import ChannelDefinitionError
from reversibility import Reversibility

BOT, APP, SIGN = "xoxb-1-hidden", "xapp-1-hidden", "hidden-signing-secret"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("SAGAS_SLACK_BOT_TOKEN", BOT)
    monkeypatch.setenv("SAGAS_SLACK_TEAMS", "T0123")
    for name in ("APP_TOKEN", "SIGNING_SECRETS", "GUESTS", "BY_EMAIL", "WEB_ONLY", "API_URL"):
        monkeypatch.delenv(f"SAGAS_SLACK_{name}", raising=False)
    return monkeypatch


def test_a_bot_token_and_a_workspace_are_enough_and_let_nobody_else_in() -> None:
    found = SlackSettings.load()
    assert found.bot_token.get_secret_value() == BOT
    assert found.teams == {"T0123"}
    assert (found.guests, found.by_email, found.web_only) == (False, False, frozenset())
    assert found.round_up_above == 10


def test_all_of_it_is_set_by_the_environment(environment: pytest.MonkeyPatch) -> None:
    for name, value in {
        "APP_TOKEN": APP,
        "SIGNING_SECRETS": f"{SIGN}, next",
        "TEAMS": "T0123,E0456",
        "GUESTS": "true",
        "BY_EMAIL": "1",
        "WEB_ONLY": "irreversible, unknown",
        "ROUND_UP_ABOVE": "3",
    }.items():
        environment.setenv(f"SAGAS_SLACK_{name}", value)
    found = SlackSettings.load()
    assert found.needs_app_token() == APP
    assert found.needs_signing_secrets() == (SIGN, "next")
    assert found.teams == {"T0123", "E0456"}
    assert found.guests
    assert found.by_email
    assert found.round_up_above == 3
    assert found.web_only == {Reversibility.IRREVERSIBLE, Reversibility.UNKNOWN}


def write(folder: Path, text: str) -> Path:
    file = folder / "slack.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_file_says_the_same_and_the_environment_counts_first(
    tmp_path: Path, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("SAGAS_SLACK_TEAMS", "T0999")
    text = f'app_token = "{APP}"\nteams = ["T0123"]\nweb_only = ["irreversible"]\nguests = true'
    found = SlackSettings.load(write(tmp_path, text))
    assert found.needs_app_token() == APP
    assert found.teams == {"T0999"}
    assert found.web_only == {Reversibility.IRREVERSIBLE, Reversibility.UNKNOWN}
    assert found.guests


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("BOT_TOKEN", "", "SAGAS_SLACK_BOT_TOKEN is not set: copy the Bot User OAuth Token"),
        ("BOT_TOKEN", "xoxp-hidden", "SAGAS_SLACK_BOT_TOKEN cannot be right .*xoxb-.*copy"),
        ("BOT_TOKEN", "xoxb-hidden\r\nX: y", "SAGAS_SLACK_BOT_TOKEN cannot be right"),
        ("APP_TOKEN", BOT, "SAGAS_SLACK_APP_TOKEN cannot be right .*connections:write"),
        ("SIGNING_SECRETS", "hidden,b,c", "SAGAS_SLACK_SIGNING_SECRETS .*more than two"),
        ("TEAMS", "", "SAGAS_SLACK_TEAMS is not set: name the ids"),
        ("TEAMS", " , ", "SAGAS_SLACK_TEAMS is not set: name the ids"),
        ("TEAMS", "T0123,acme", "SAGAS_SLACK_TEAMS cannot be right .*no id of a workspace"),
        ("GUESTS", "hidden", "SAGAS_SLACK_GUESTS cannot be right .*write true or false"),
        ("WEB_ONLY", "hidden", "SAGAS_SLACK_WEB_ONLY cannot be right .*irreversible"),
        ("API_URL", "http://hidden.example/", "SAGAS_SLACK_API_URL cannot be right .*loopback"),
    ],
)
def test_what_is_missing_or_cannot_be_right_is_named_with_the_mend_and_without_its_value(
    environment: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    environment.setenv(f"SAGAS_SLACK_{name}", value)
    with pytest.raises(ChannelDefinitionError, match=words) as refused:
        SlackSettings.load()
    assert "hidden" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_all_that_is_wrong_is_named_at_once(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("SAGAS_SLACK_BOT_TOKEN")
    environment.delenv("SAGAS_SLACK_TEAMS")
    with pytest.raises(ChannelDefinitionError, match=r"BOT_TOKEN is not set.*; .*TEAMS is not set"):
        SlackSettings.load()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('bot_tokens = "hidden"', r"slack\.toml or the environment: .*bot_tokens\) is not known"),
        ("round_up_above = -1", r"\(round_up_above\) cannot be right .*: write how many"),
        ("app_token = 7", r"SAGAS_SLACK_APP_TOKEN \(app_token\) cannot be right"),
        (
            "teams = []\napp_token = hidden",
            r"slack\.toml: this is not TOML \(at line 2, column 13\)",
        ),
        ("signing_secrets = ['hidden', ' ']", "one of them is blank"),
    ],
)
def test_a_file_that_cannot_be_right_is_named_with_the_key(
    tmp_path: Path, text: str, words: str
) -> None:
    with pytest.raises(ChannelDefinitionError, match=words) as refused:
        SlackSettings.load(write(tmp_path, text))
    assert "hidden" not in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ChannelDefinitionError, match=r"absent\.toml: .*cannot be read"):
        SlackSettings.load(tmp_path / "absent.toml")


def test_what_is_secret_is_not_shown(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("SAGAS_SLACK_APP_TOKEN", APP)
    environment.setenv("SAGAS_SLACK_SIGNING_SECRETS", SIGN)
    found = SlackSettings.load()
    for shown in (repr(found), str(found), json.dumps(found.model_dump(mode="json"))):
        assert "hidden" not in shown


def test_a_transport_that_lacks_its_secret_says_which() -> None:
    found = SlackSettings.load()
    with pytest.raises(ChannelDefinitionError, match="SAGAS_SLACK_APP_TOKEN is not set"):
        found.needs_app_token()
    with pytest.raises(ChannelDefinitionError, match="SAGAS_SLACK_SIGNING_SECRETS is not set"):
        found.needs_signing_secrets()


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:80@evil.example.org/api/",
        "http://localhost:x@evil.example.org/",
        "http://127.0.0.1:80\\@evil.example.org/",
        "http://127.0.0.1:9/\n",
        "http://127.0.0.1:8/api/?next=",
        "http://127.0.0.1.evil.example.org:80/",
        "ftp://127.0.0.1:80/",
    ],
)
def test_a_token_goes_to_loopback_or_to_slack(
    environment: pytest.MonkeyPatch, address: str
) -> None:
    environment.setenv("SAGAS_SLACK_API_URL", address)
    with pytest.raises(ChannelDefinitionError, match="API_URL cannot be right"):
        SlackSettings.load()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_a_slack_for_tests_is_on_loopback(environment: pytest.MonkeyPatch, host: str) -> None:
    environment.setenv("SAGAS_SLACK_API_URL", f"http://{host}:8080/api/")
    assert SlackSettings.load().api_url == f"http://{host}:8080/api/"
