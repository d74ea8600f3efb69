import os
from dataclasses import replace
from pathlib import Path

import pytest

from approvals import Presentation
from approvals.channels import Channels, Gathers, Notice, Routes
from approvals.channels.configuration import live_groups, slack_settings
from approvals.channels.mail import Mail
from approvals.channels.slack.message import Message
from approvals.channels.slack.posting import SlackChannel
from approvals.errors import ChannelDefinitionError
from reversibility import Reversibility
from tests.board import Board
from tests.conformance.channels_suite import notice

GOOD = """
link = "https://inbox.example.org"
interventions = ["mail:ops@example.org"]
otherwise = ["mail:ops@example.org"]

[routes]
ana = ["mail:ana@example.org"]

[channels.mail]
kind = "mail"
host = "smtp.example.org"
sender = "sagas@example.org"
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "channels.toml"
    path.write_text(text)
    return path


def test_a_file_names_channels_routes_and_the_inbox(tmp_path: Path) -> None:
    found = Channels.load(written(tmp_path, GOOD))
    assert [channel.name for channel in found.channels] == ["mail"]
    assert found.link == "https://inbox.example.org"
    assert found.routes == Routes(
        {"ana": ["mail:ana@example.org"]}, ["mail:ops@example.org"], ["mail:ops@example.org"]
    )


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('link = "https', 'link = "mailto', "begin it with https://"),
        ("mail:ana@example.org", "chat:ana", "there is no channel 'chat'"),
        ("mail:ana@example.org", "mail:ana", "no mail address"),
        ("mail:ana@example.org", "ana", "no place to send to"),
        ('kind = "mail"', 'kind = "pigeon"', "channels.mail.kind"),
        ("sagas@example.org", "Sagas <sagas@example.org>", "no mail address"),
        ('kind = "mail"', 'kind = "mail"\npassword = "hush"', "never in the file"),
        (
            'kind = "mail"',
            'kind = "mail"\npassword_from = "NOT_SET_HERE"',
            "NOT_SET_HERE is not set",
        ),
        ("[routes]", "[routes", "not TOML"),
    ],
)
def test_what_cannot_be_right_is_refused_with_what_to_do(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    with pytest.raises(ChannelDefinitionError, match=words):
        Channels.load(written(tmp_path, GOOD.replace(old, new)))


def test_a_refusal_does_not_repeat_a_secret(tmp_path: Path) -> None:
    text = GOOD.replace('kind = "mail"', 'kind = "mail"\npassword = "hush"')
    with pytest.raises(ChannelDefinitionError) as refused:
        Channels.load(written(tmp_path, text))
    assert "hush" not in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ChannelDefinitionError, match="nowhere"):
        Channels.load(tmp_path / "nowhere.toml")


def test_a_password_comes_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAIL_PASSWORD", "hush")
    text = GOOD.replace('kind = "mail"', 'kind = "mail"\npassword_from = "MAIL_PASSWORD"')
    [channel] = Channels.load(written(tmp_path, text)).channels
    assert isinstance(channel, Mail)
    assert "hush" not in repr(channel)


def test_two_channels_of_one_name_are_refused() -> None:
    with pytest.raises(ChannelDefinitionError, match="two channels are named"):
        Channels([Board(), Board()], Routes())


IN_SLACK = """
otherwise = ["slack:C1"]

[channels.slack]
kind = "slack"
settings = "slack.toml"
"""
SLACK = """
bot_token = "xoxb-1-hush"
teams = ["T1"]
web_only = ["irreversible"]
round_up_above = 4
"""


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("SAGAS_SLACK_")]:
        monkeypatch.delenv(name)


def test_slack_is_set_by_a_file_beside_the_channels(tmp_path: Path) -> None:
    (tmp_path / "slack.toml").write_text(SLACK)
    path = written(tmp_path, IN_SLACK)
    found = Channels.load(path)
    assert [channel.name for channel in found.channels] == ["slack"]
    [channel] = found.channels
    assert isinstance(channel, Gathers)
    assert channel.round_up_above == 4
    assert found.groups is not None
    assert live_groups(path) is not None
    assert slack_settings(path)["slack"].teams == {"T1"}
    assert "hush" not in repr(found)


def test_slack_is_set_by_the_environment_where_no_file_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAGAS_SLACK_BOT_TOKEN", "xoxb-1-hush")
    monkeypatch.setenv("SAGAS_SLACK_TEAMS", "T1")
    found = Channels.load(written(tmp_path, IN_SLACK.replace('settings = "slack.toml"', "")))
    assert [channel.name for channel in found.channels] == ["slack"]


def test_channels_without_slack_know_no_groups(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)
    assert Channels.load(path).groups is live_groups(path) is None
    assert slack_settings(path) == {}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("slack.toml", "nowhere.toml", "nowhere.toml"),
        ('settings = "slack.toml"', "", "SAGAS_SLACK_BOT_TOKEN is not set"),
        ('kind = "slack"', 'kind = "slack"\ntoken = "xoxb-1-hush"', "channels.slack.token"),
        ('settings = "slack.toml"', "settings = 1", "channels.slack.settings"),
        ("slack:C1", "slack:general", "no place in Slack"),
        ("[channels.slack]", '[channels.chat]\nkind = "slack"\n[channels.slack]', "one app"),
    ],
)
def test_what_cannot_be_right_about_slack_is_refused_with_what_to_do(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    (tmp_path / "slack.toml").write_text(SLACK)
    with pytest.raises(ChannelDefinitionError, match=words) as refused:
        Channels.load(written(tmp_path, IN_SLACK.replace(old, new)))
    assert "hush" not in str(refused.value)


def test_what_is_not_approved_in_slack_has_no_button_that_approves(tmp_path: Path) -> None:
    (tmp_path / "slack.toml").write_text(SLACK)
    [channel] = Channels.load(written(tmp_path, IN_SLACK)).channels
    assert isinstance(channel, SlackChannel)
    final = channel._render(of_class(Reversibility.IRREVERSIBLE))
    other = channel._render(of_class(Reversibility.COMPENSATABLE))
    assert isinstance(final, Message)
    assert isinstance(other, Message)
    assert not final.may_approve()
    assert other.may_approve()
    assert "Reject" in str(final.blocks)


def of_class(kind: Reversibility) -> Notice:
    asked = notice()
    assert isinstance(asked.subject, Presentation)
    return replace(asked, subject=replace(asked.subject, reversibility=kind))
