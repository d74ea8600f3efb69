"""`lint`: what can be seen of a catalog before anything runs."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated

import typer
from rich.text import Text

from sagas.authoring.catalog import Catalog
from sagas.cli import shapes, targets
from sagas.cli.failing import ERROR, complain
from sagas.cli.inputs import span
from sagas.cli.opening import NoJournalYet, opened
from sagas.cli.settings import DEFAULT_DB, Db, Settings
from sagas.cli.terminal import Part, safe, section, show
from sagas.connecting import check_catalogs
from sagas.linting.finding import Finding, Known
from sagas.linting.rules import lint as find
from sagas.model import micros
from sagas.story.wording import plural


class Format(StrEnum):
    """How findings are printed."""

    TEXT = "text"
    JSON = "json"


def lint(
    target: Annotated[list[str], typer.Argument(metavar="TARGET...", help="module:catalog")],
    *,
    max_age: Annotated[
        str, typer.Option("--max-age", metavar="SPAN", help="For how long a drill counts: 90d, 2w.")
    ] = "90d",
    format_: Annotated[
        Format, typer.Option("--format", help="For people, or for programs.")
    ] = Format.TEXT,
    db: Db = DEFAULT_DB,
) -> int:
    """Tell what is wrong with the actions of a catalog, before anything runs.

    Nothing is called, and nothing is written. Exits with 1 if something is found.
    """
    longest = span(max_age, "--max-age")
    catalogs = targets.catalogs(target)
    check_catalogs(catalogs)
    known, unknown = asyncio.run(_recorded(Settings(db=db), catalogs, longest))
    if unknown is not None:
        complain(f"no drills are known: {unknown}")
    findings = [finding for catalog in catalogs for finding in find(catalog, known)]
    if format_ is Format.JSON:
        print(shapes.dump(_shape(findings, catalogs, has_journal=unknown is None)))
    else:
        _tell(findings, catalogs)
    return ERROR if findings else 0


async def _recorded(
    settings: Settings, catalogs: Sequence[Catalog], max_age: timedelta
) -> tuple[Known, str | None]:
    """What the journal knows; and, where there is none, that."""
    try:
        async with opened(settings) as coordinator:
            store = coordinator.store
            drills = [drill for catalog in catalogs for drill in await store.drills(catalog.name)]
            last = {(drill.action, drill.version): drill for drill in drills}
            return Known(await store.time(), last, max_age), None
    except NoJournalYet as error:
        return Known(micros(datetime.now(UTC)), max_age=max_age), str(error)


def _tell(findings: Sequence[Finding], catalogs: Sequence[Catalog]) -> None:
    parts: list[Part] = []
    for finding in findings:
        title = Text.assemble(
            (finding.code, "bold yellow"),
            "  ",
            safe(finding.subject, "bold"),
            safe(f" version {finding.version}", "dim"),
        )
        parts += section(title, [safe(finding.reason), safe(finding.mend, "dim"), Text()])
    checked = plural(sum(1 for catalog in catalogs for _ in catalog.actions), "action")
    parts.append(safe(f"{checked}: {plural(len(findings), 'finding')}"))
    show(*parts)


def _shape(
    findings: Sequence[Finding], catalogs: Sequence[Catalog], *, has_journal: bool
) -> shapes.Shape:
    return {
        "findings": [
            {
                "code": item.code,
                "subject": item.subject,
                "version": item.version,
                "reason": item.reason,
                "mend": item.mend,
            }
            for item in findings
        ],
        "checked": sum(1 for catalog in catalogs for _ in catalog.actions),
        "has_journal": has_journal,
    }
