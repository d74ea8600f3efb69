"""The commands, in one table of contents."""

from importlib.metadata import version
from typing import Annotated

import typer

from sagas.cli.commands import checking, deciding, keeping, linting, looking, running

app = typer.Typer(
    name="sagas",
    help="Run sagas, look at them, and decide what they ask. SAGAS_DB names the journal.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _tell_version(asked: bool) -> None:
    if asked:
        print(f"agent-sagas {version('agent-sagas')}")
        raise typer.Exit


@app.callback()
def options(
    *,
    version_: Annotated[
        bool,
        typer.Option(
            "--version", callback=_tell_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Take the options that belong to no command."""


for command in (
    running.run,
    running.worker,
    looking.list_,
    looking.show_,
    looking.history,
    looking.preview,
    deciding.inbox,
    deciding.approve,
    deciding.reject,
    deciding.resolve,
    deciding.cancel,
    deciding.send,
    checking.check,
    linting.lint,
    keeping.migrate,
    keeping.verify,
):
    app.command(command.__name__.rstrip("_"))(command)
