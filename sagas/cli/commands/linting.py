"""`lint`: what can be seen of a catalog before anything runs."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated

import typer
from rich.text import Text

from sagas.authoring.catalog import Catalog
from sagas.cli import sarif, shapes, targets
from sagas.cli.failing import ERROR, complain
from sagas.cli.inputs import span
from sagas.cli.opening import NoJournalYet, opened
from sagas.cli.settings import DEFAULT_DB, Db, Settings
from sagas.cli.terminal import Part, safe, section, show
from sagas.connecting import check_catalogs
from sagas.coordinator import Coordinator
from sagas.errors import Corrupt, Unreadable
from sagas.linting.finding import Finding, Known, Level
from sagas.linting.ordering import newest_sagas
from sagas.linting.rules import CODES
from sagas.linting.rules import lint as find
from sagas.model import micros
from sagas.state import SagaState
from sagas.story.wording import plural


class Format(StrEnum):
    """How findings are printed."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"


Target = Annotated[list[str], typer.Argument(metavar="TARGET...", help="module:catalog")]
MaxAge = Annotated[
    str, typer.Option("--max-age", metavar="SPAN", help="For how long a drill counts: 90d, 2w.")
]
Runs = Annotated[
    int,
    typer.Option("--runs", metavar="N", min=0, max=10_000, help="Recorded sagas of each to read."),
]
Ignored = Annotated[
    list[str] | None,
    typer.Option("--ignore", metavar="CODE", help="A rule that is not applied; may be repeated."),
]
HowPrinted = Annotated[
    Format, typer.Option("--format", help="For people, for programs, or for code scanners.")
]


def lint(
    target: Target,
    *,
    max_age: MaxAge = "90d",
    runs: Runs = 20,
    ignore: Ignored = None,
    format_: HowPrinted = Format.TEXT,
    db: Db = DEFAULT_DB,
) -> int:
    """Tell what is wrong with the actions and sagas of a catalog, before anything runs.

    Nothing is called, and nothing is written. Exits with 1 if there is a warning.
    """
    longest, ignored = span(max_age, "--max-age"), _codes(ignore or [])
    catalogs = targets.catalogs(target)
    check_catalogs(catalogs)
    known, unknown = asyncio.run(_recorded(Settings(db=db), catalogs, longest, runs))
    if unknown is not None:
        complain(f"no drills are known, and no recorded sagas: {unknown}")
    findings = [
        finding
        for catalog in catalogs
        for finding in find(catalog, known)
        if finding.code not in ignored
    ]
    match format_:
        case Format.JSON:
            print(shapes.dump(_shape(findings, catalogs, has_journal=unknown is None)))
        case Format.SARIF:
            print(shapes.dump(sarif.log_of(findings)))
        case Format.TEXT:
            _tell(findings, catalogs)
    return ERROR if any(finding.level is Level.WARNING for finding in findings) else 0


def _codes(given: Sequence[str]) -> frozenset[str]:
    for code in given:
        if code not in CODES:
            raise typer.BadParameter(
                f"{code!r} is no rule: give one of {', '.join(CODES)}", param_hint="--ignore"
            )
    return frozenset(given)


async def _recorded(
    settings: Settings, catalogs: Sequence[Catalog], max_age: timedelta, runs: int
) -> tuple[Known, str | None]:
    """What the journal knows; and, where there is none, that."""
    try:
        async with opened(settings) as coordinator:
            store = coordinator.store
            drills = [drill for catalog in catalogs for drill in await store.drills(catalog.name)]
            last = {(drill.action, drill.version): drill for drill in drills}
            known = Known(await store.time(), last, max_age)
            return replace(known, runs=await _runs(coordinator, catalogs, runs)), None
    except NoJournalYet as error:
        return Known(micros(datetime.now(UTC)), max_age=max_age), str(error)


async def _runs(
    coordinator: Coordinator, catalogs: Sequence[Catalog], most: int
) -> tuple[SagaState, ...]:
    """The newest recorded sagas of each name; those that cannot be read show nothing."""
    found: list[SagaState] = []
    for saga in [saga for catalog in catalogs for saga in newest_sagas(catalog)] if most else []:
        rows = await coordinator.store.sagas(status=None, saga=saga.name, since=None, limit=most)
        for row in rows:
            try:
                found.append(await coordinator.state(row.id))
            except (Corrupt, Unreadable) as error:
                complain(f"{row.id} is left out: {error}")
    return tuple(found)


def _tell(findings: Sequence[Finding], catalogs: Sequence[Catalog]) -> None:
    parts: list[Part] = []
    for finding in findings:
        title = Text.assemble(
            (finding.code, "bold yellow" if finding.level is Level.WARNING else "bold cyan"),
            "  ",
            safe(finding.subject, "bold"),
            safe(f" version {finding.version}, {finding.level.value}", "dim"),
        )
        lines = [safe(finding.reason), safe(finding.mend, "dim")]
        if finding.place is not None:
            lines.append(safe(f"{finding.place.file}:{finding.place.line}", "dim"))
        parts += section(title, [*lines, Text()])
    warnings = sum(finding.level is Level.WARNING for finding in findings)
    parts.append(
        safe(
            f"{_checked(catalogs)}: {plural(warnings, 'warning')}, "
            f"{plural(len(findings) - warnings, 'note')}"
        )
    )
    show(*parts)


def _checked(catalogs: Sequence[Catalog]) -> str:
    actions = sum(1 for catalog in catalogs for _ in catalog.actions)
    sagas = sum(1 for catalog in catalogs for _ in catalog.sagas)
    return f"{plural(actions, 'action')} and {plural(sagas, 'saga')}"


def _shape(
    findings: Sequence[Finding], catalogs: Sequence[Catalog], *, has_journal: bool
) -> shapes.Shape:
    return {
        "findings": [
            {
                "code": item.code,
                "level": item.level.value,
                "subject": item.subject,
                "version": item.version,
                "reason": item.reason,
                "mend": item.mend,
                "file": item.place.file if item.place else None,
                "line": item.place.line if item.place else None,
            }
            for item in findings
        ],
        "checked": sum(1 for catalog in catalogs for _ in catalog.actions),
        "has_journal": has_journal,
    }
