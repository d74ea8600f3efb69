"""`audit`: every rollback of a period."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Protocol

import typer

from reversibility import Reversibility
from sagas.audit import AuditRecord, AuditSums, Period, Unaudited, given_period
from sagas.cli import shapes
from sagas.cli.audits import shapes as audited
from sagas.cli.audits import sheet, telling
from sagas.cli.failing import ERROR
from sagas.cli.inputs import since as instant_of
from sagas.cli.opening import opened
from sagas.cli.settings import DEFAULT_DB, Db, Settings
from sagas.cli.terminal import Part, show
from sagas.model import Status


class Format(StrEnum):
    """How an audit is printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


class _Form(Protocol):
    """Prints an audit, one saga after the other."""

    def begin(self, period: Period, criteria: Mapping[str, str | None]) -> None: ...

    def saga(self, record: AuditRecord) -> None: ...

    def unreadable(self, told: Unaudited) -> None: ...

    def end(self, sums: AuditSums, unread: int) -> None: ...


def audit(
    *,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="T", help="What was undone since: 2h, 7d, 2027-03-01."),
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="T", help="And before: 2h, 7d, 2027-04-01.")
    ] = None,
    saga: Annotated[
        str | None, typer.Option("--saga", metavar="NAME", help="Only sagas of that full name.")
    ] = None,
    action: Annotated[
        str | None,
        typer.Option("--action", metavar="NAME", help="Only those that undid or left such a step."),
    ] = None,
    class_: Annotated[
        Reversibility | None,
        typer.Option("--class", help="Only those that undid or left a step of that class."),
    ] = None,
    approver: Annotated[
        str | None,
        typer.Option("--approver", metavar="NAME", help="Only those in which NAME decided."),
    ] = None,
    end: Annotated[
        Status | None, typer.Option("--end", help="Only those that ended so, or stand there.")
    ] = None,
    format_: Annotated[
        Format, typer.Option("--format", help="For people, programs or spreadsheets.")
    ] = Format.TABLE,
    db: Db = DEFAULT_DB,
) -> int:
    """Tell every rollback of a period, from entries alone.

    Exits with 1 if there is a saga that cannot be read, or was changed.
    """
    now = datetime.now(UTC)
    first, last = instant_of(since, now), instant_of(until, now, "--until")
    sums = AuditSums(given_period(first, last))
    criteria = {
        "saga": saga,
        "action": action,
        "class": class_ and class_.value,
        "approver": approver,
        "end": end and end.value,
    }
    form = _FORMS[format_]()

    async def main() -> int:
        async with opened(Settings(db=db)) as coordinator:
            found = coordinator.audit(
                since=first,
                until=last,
                saga=saga,
                action=action,
                reversibility=class_,
                approver=approver,
                end=end,
            )
            return await _tell(found, form, sums, criteria)

    return ERROR if asyncio.run(main()) else 0


async def _tell(
    found: AsyncGenerator[AuditRecord | Unaudited],
    form: _Form,
    sums: AuditSums,
    criteria: Mapping[str, str | None],
) -> int:
    """How many sagas could not be told. Nothing is printed before something is known to be right."""
    unread = 0
    told = await anext(found, None)
    form.begin(sums.period, criteria)
    while told is not None:
        if isinstance(told, AuditRecord):
            sums.add(told)
            form.saga(told)
        else:
            unread += 1
            form.unreadable(told)
        told = await anext(found, None)
    form.end(sums, unread)
    return unread


class _Blocks:
    """For people."""

    def begin(self, period: Period, criteria: Mapping[str, str | None]) -> None:
        self._is_first = True
        self._narrowed = period != Period() or any(criteria.values())

    def saga(self, record: AuditRecord) -> None:
        self._block(telling.saga(record))

    def unreadable(self, told: Unaudited) -> None:
        self._block(telling.unreadable(told))

    def end(self, sums: AuditSums, unread: int) -> None:
        if sums.total.sagas or unread:
            self._block(telling.sums(sums, unread))
        else:
            show(telling.nothing(narrowed=self._narrowed))

    def _block(self, parts: list[Part]) -> None:
        """Print parts after an empty line."""
        if not self._is_first:
            print()
        self._is_first = False
        show(*parts)


class _Lines:
    """One object on each line."""

    def begin(self, period: Period, criteria: Mapping[str, str | None]) -> None:
        print(shapes.line(audited.heading(period, criteria)))

    def saga(self, record: AuditRecord) -> None:
        print(shapes.line(audited.saga(record)))

    def unreadable(self, told: Unaudited) -> None:
        print(shapes.line(audited.unreadable(told)))

    def end(self, sums: AuditSums, unread: int) -> None:
        print(shapes.line(audited.sums(sums, unread)))


class _Rows:
    """For spreadsheets, which do the sums."""

    def begin(self, period: Period, criteria: Mapping[str, str | None]) -> None:
        sys.stdout.write(sheet.header())

    def saga(self, record: AuditRecord) -> None:
        sys.stdout.writelines(map(sheet.line, sheet.rows(record)))

    def unreadable(self, told: Unaudited) -> None:
        sys.stdout.write(sheet.line(sheet.unreadable(told)))

    def end(self, sums: AuditSums, unread: int) -> None:
        sys.stdout.flush()


_FORMS: dict[Format, Callable[[], _Form]] = {
    Format.TABLE: _Blocks,
    Format.JSON: _Lines,
    Format.CSV: _Rows,
}
