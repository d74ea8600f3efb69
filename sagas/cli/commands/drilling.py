"""`drill`: do and undo every action of a catalog against a sandbox, and record that it works."""

import asyncio
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from sagas.cli import shapes, targets
from sagas.cli.asking import Prompt, is_here
from sagas.cli.failing import ERROR, Mistake, complain
from sagas.cli.opening import opened
from sagas.cli.settings import DEFAULT_DB, Db, Json, Settings, operating_system_user
from sagas.cli.terminal import Part, mark, safe, section, show
from sagas.journal.urls import parse
from sagas.story import Mark
from sagas.story.wording import plural, took

if TYPE_CHECKING:
    from sagas.testing import Drilled, Sandbox

_A_DAY = 86400.0
_LIMIT = 500


def drill(
    target: Annotated[str, typer.Argument(metavar="TARGET", help="module:sandbox")],
    *,
    action: Annotated[
        list[str] | None,
        typer.Option("--action", metavar="NAME", help="Only this action; may be repeated."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing in a terminal.")] = False,
    json: Json = False,
    db: Db = DEFAULT_DB,
) -> int:
    """Do and undo the actions of a catalog against a sandbox, and record what that showed.

    Exits with 1 if a drill failed.
    """
    from sagas.testing.drills import Sandbox

    settings = Settings(db=db)
    sandbox = targets.one(target, Sandbox, "sandbox")
    found = asyncio.run(_all(settings, sandbox, action or [], yes=yes, quiet=json))
    if json:
        print(shapes.dump(_shape(sandbox, found)))
    else:
        _sum_up(settings, found)
    return ERROR if any(item.result == "failed" for item in found) else 0


async def _all(
    settings: Settings, sandbox: "Sandbox", only: Sequence[str], *, yes: bool, quiet: bool
) -> "list[Drilled]":
    """Drill and record, one by one: what was drilled before something broke is kept."""
    from sagas.testing.drills import check_sandbox
    from sagas.testing.drills import drill as drilling

    plans = sandbox.plan(only)
    count = sum(1 for plan in plans if plan.examples)
    what = f"{plural(count, 'action')} of {sandbox.catalog.name} against {sandbox.name}"
    await check_sandbox(sandbox)
    async with opened(settings, make=True) as coordinator:
        if is_here() and not yes and not await _agreed(f"Do and undo {what}? [y/n] "):
            raise Mistake("nothing was drilled: it was not agreed to")
        _announce(f"drilling {what}", quiet=quiet)
        found: list[Drilled] = []
        async for item in drilling(sandbox, only=only):
            found.append(item)
            if item.report is not None:
                store = coordinator.store
                at = await store.time()
                await store.record(item.record(sandbox, by=_user(), at=at))
            if not quiet:
                _tell(item)
    return found


async def _agreed(question: str) -> bool:
    prompt = Prompt()
    prompt.ask(question)
    with prompt.listening():
        while True:
            try:
                line = await prompt.line(_A_DAY)
            except TimeoutError:
                return False
            word = line.strip().lower()
            if word in ("y", "yes", "n", "no") or not line:
                return word in ("y", "yes")
            prompt.ask("Please answer y or n: ")


def _announce(text: str, *, quiet: bool) -> None:
    """Say against what, before anything runs; beside the JSON, not in it."""
    if quiet:
        complain(text)
    else:
        show(safe(text))
        sys.stdout.flush()


def _user() -> str:
    """By whom: a build machine need not have names for its users."""
    try:
        return operating_system_user()
    except Mistake:
        return f"user {os.getuid()}"


# --- in words ---------------------------------------------------------------------------------


def _tell(item: "Drilled") -> None:
    marks = {"passed": Mark.DONE, "failed": Mark.FAILED, "skipped": Mark.NOTED}
    title = Text.assemble(
        mark(marks[item.result.value]),
        " ",
        safe(item.action.name, "bold"),
        safe(f" version {item.action.version}  ", "dim"),
        item.result.value,
    )
    report = item.report
    if report is None:
        show(*section(title, [safe(item.reason, "dim")]))
        return
    tried = f"{plural(report.schedules, 'round trip')}, {took(round(report.seconds * 1e6))}"
    lines: list[Part] = [safe(tried, "dim")]
    if item.digest.without_source:
        functions = ", ".join(item.digest.without_source)
        lines.append(safe(f"without its source, which cannot be had: {functions}", "yellow"))
    for violation in report.violations:
        lines += [safe(line, limit=_LIMIT) for line in str(violation).splitlines()]
    show(*section(title, lines))


def _sum_up(settings: Settings, found: "Sequence[Drilled]") -> None:
    counts = ", ".join(
        f"{sum(item.result == word for item in found)} {word}"
        for word in ("passed", "failed", "skipped")
    )
    total = plural(len(found), "action")
    show(safe(f"{total}: {counts}; recorded in {parse(settings.db).shown}"))


# --- as JSON ----------------------------------------------------------------------------------


def _shape(sandbox: "Sandbox", found: "Sequence[Drilled]") -> shapes.Shape:
    return {
        "sandbox": sandbox.name,
        "catalog": sandbox.catalog.name,
        "actions": [_action(item) for item in found],
    } | {
        word: sum(item.result == word for item in found) for word in ("passed", "failed", "skipped")
    }


def _action(item: "Drilled") -> shapes.Shape:
    report = item.report
    return {
        "action": item.action.name,
        "version": item.action.version,
        "result": item.result.value,
        "reason": item.reason or None,
        "digest": item.digest.text,
        "without_source": list(item.digest.without_source),
        "runs": report.schedules if report else 0,
        "violations": [
            {
                "rule": violation.rule,
                "detail": violation.detail,
                "schedule": violation.schedule,
                "rerun": violation.rerun,
            }
            for violation in (report.violations if report else ())
        ],
    }
