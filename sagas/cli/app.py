"""The commands, in one table of contents."""

from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from sagas.cli.commands import (
    accounting,
    checking,
    deciding,
    delegating,
    delivering,
    demonstrating,
    drilling,
    exporting,
    keeping,
    keying,
    linting,
    locking,
    looking,
    measuring,
    ruling,
    running,
    serving,
    slacking,
)


class Words(TyperGroup):
    """Finds a command of two words, such as `history export`, by its first two.

    Where the second word is what the first command takes, `--` before it says so.
    """

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[Any, Any, list[str]]:
        """The command that was typed, and what it was given."""
        two = " ".join(args[:2])
        return super().resolve_command(ctx, [two, *args[2:]] if two in self.commands else args)


app = typer.Typer(
    name="sagas",
    cls=Words,
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


NAMES: dict[object, str] = {
    demonstrating.slack: "demo slack",
    exporting.export: "history export",
    keying.create: "token create",
    keying.list_: "token list",
    keying.revoke: "token revoke",
    locking.release: "locks release",
    ruling.create: "rules create",
    ruling.list_: "rules list",
    ruling.show_: "rules show",
    ruling.revoke: "rules revoke",
    slacking.manifest: "slack manifest",
    slacking.check: "slack check",
}
"""The names of commands that are not those of their functions."""

for command in (
    running.run,
    running.worker,
    looking.list_,
    looking.show_,
    looking.history,
    exporting.export,
    looking.preview,
    accounting.audit,
    deciding.inbox,
    deciding.approve,
    deciding.reject,
    deciding.edit,
    deciding.withdraw,
    deciding.revoke,
    deciding.resolve,
    deciding.cancel,
    deciding.send,
    delivering.deliveries,
    delegating.delegate,
    delegating.delegations,
    delegating.undelegate,
    locking.locks,
    locking.release,
    ruling.create,
    ruling.list_,
    ruling.show_,
    ruling.revoke,
    serving.serve,
    serving.login,
    slacking.slack,
    slacking.manifest,
    slacking.check,
    measuring.metrics,
    keying.create,
    keying.list_,
    keying.revoke,
    checking.check,
    linting.lint,
    drilling.drill,
    demonstrating.slack,
    keeping.migrate,
    keeping.verify,
):
    app.command(NAMES.get(command, command.__name__.rstrip("_")))(command)
