from pathlib import Path

import pytest

from approvals.channels import Channels, Routes
from approvals.channels.mail import Mail
from approvals.errors import ChannelDefinitionError
from tests.board import Board

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
