"""An installation over the local Slack: its files of channels, settings and people, and a catalog."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from approvals.testing import SlackServer
from sagas import Catalog, Reversibility, approval

PEOPLE = """
[users.ann]
slack = "T1/U1"

[users.bo]
slack = "T1/U2"

[users.agent]
"""
CHANNELS = """
otherwise = ["slack:C1"]

[channels.slack]
kind = "slack"
settings = "slack.toml"
"""

post = Catalog("post")


@post.action(
    reversibility=Reversibility.IRREVERSIBLE,
    approval=approval(by="@slack:S1", within=timedelta(hours=4)),
)
async def mail(to: str) -> str:
    return f"mailed to {to}"


@post.saga
async def write(to: str) -> str:
    return await mail(to)


@dataclass(frozen=True)
class Files:
    """Where an installation is written down."""

    channels: Path
    settings: Path
    people: Path


def installed_in(folder: Path, slack: SlackServer, **more: str) -> Files:
    """Write the files of an installation over this Slack.

    Args:
        more: Further keys of the settings, each as TOML has its value.
    """
    files = Files(folder / "channels.toml", folder / "slack.toml", folder / "people.toml")
    files.channels.write_text(CHANNELS)
    files.people.write_text(PEOPLE)
    said = {
        "bot_token": f'"{slack.bot_token}"',
        "app_token": f'"{slack.app_token}"',
        "signing_secrets": f'["{slack.signing_secret}"]',
        "teams": f'["{slack.space.team}"]',
        "api_url": f'"{slack.base_url}"',
        **more,
    }
    files.settings.write_text("".join(f"{key} = {value}\n" for key, value in said.items() if value))
    files.settings.chmod(0o640)
    return files
