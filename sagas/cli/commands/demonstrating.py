"""`demo slack`: approvals in a local Slack, to see them before there is a workspace."""

import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from sagas.cli.failing import Mistake
from sagas.cli.stopping import interruptible
from sagas.cli.terminal import CommandLine, safe, show


def slack(
    *,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="The port of the page; 0 for any.")
    ] = 0,
    db: Annotated[
        str | None,
        typer.Option(
            "--db", metavar="URL", help="The journal; one that is removed afterwards if left out."
        ),
    ] = None,
) -> int:
    """Play trips that ask for approval in a local Slack, which you see and click in a browser.

    There is no workspace and no token, and nothing leaves this machine. Ctrl-C ends it and leaves
    nothing running.
    """
    if not all(map(find_spec, ("aiohttp", "pydantic_settings"))):
        raise Mistake(
            "the demo needs libraries that are not installed: pip install 'agent-sagas[slack]'"
        )
    with tempfile.TemporaryDirectory(prefix="sagas-demo-") as folder:
        return interruptible(_played(Path(folder), db, port), "the demo has ended", clean=True)


async def _played(folder: Path, db: str | None, port: int) -> int:
    from sagas.cli.staging import play

    await play(folder, db or f"sqlite:///{folder / 'sagas.db'}", port=port, say=_say)
    return 0


def _say(line: str) -> None:
    show(CommandLine(line) if line.startswith("$ ") else safe(line))
