"""`rules create`, `rules list`, `rules show`, `rules revoke`: approvals that are given beforehand.

A rule is made here or in the inbox, by whoever the operating system or a token says it is, and never
by anything that a message could contain.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Annotated

import typer
from rich.text import Text

from approvals.rule import Budget, StandingRule, standing_rule
from approvals.wording import instant
from sagas.cli import shapes
from sagas.cli.failing import Mistake, complain
from sagas.cli.inputs import span
from sagas.cli.opening import opened, or_nothing
from sagas.cli.settings import (
    DEFAULT_DB,
    AsUser,
    Db,
    DirectoryFile,
    GroupsFile,
    Json,
    Limit,
    Settings,
    acting,
    newest,
)
from sagas.cli.terminal import CommandLine, Part, grid, safe, section, show
from sagas.errors import Refused
from sagas.granting import Tried, new_id
from sagas.model import instant as instant_of
from sagas.model import micros
from sagas.ports import RuleUse
from sagas.story.wording import plural

LIMIT = 1000
RuleId = Annotated[str, typer.Argument(metavar="RULE", help="The rule's id, from `rules list`.")]
Why = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it is recorded.")]


@dataclass(frozen=True, slots=True)
class _Looked:
    """A rule with what it allowed lately."""

    rule: StandingRule
    uses: Sequence[RuleUse]
    more: bool
    now: datetime


def create(  # noqa: PLR0913 (an option for each limit)
    action: Annotated[
        str, typer.Argument(metavar="ACTION", help="The action's full name: travel.pay.")
    ],
    *,
    version: Annotated[
        int, typer.Option("--version", metavar="N", help="The action's version.")
    ] = 1,
    where: Annotated[
        list[str] | None,
        typer.Option(
            "--where", metavar="CONDITION", help="What holds of its arguments; may be repeated."
        ),
    ] = None,
    anything: Annotated[
        bool, typer.Option("--anything", help="Whatever its arguments are.")
    ] = False,
    for_: Annotated[
        str, typer.Option("--for", metavar="SPAN", help="How long it holds: 12h, 7d; 90d at most.")
    ],
    uses: Annotated[
        int, typer.Option("--uses", metavar="N", help="How often it may be used, at most.")
    ],
    budget: Annotated[
        str | None,
        typer.Option(
            "--budget", metavar="AMOUNT", help="How much it may allow in all: 500, or 500 EUR."
        ),
    ] = None,
    amount: Annotated[
        str | None,
        typer.Option(
            "--amount", metavar="PATH", help="Where the amount is; what is declared if left out."
        ),
    ] = None,
    currency: Annotated[
        str | None,
        typer.Option("--currency", metavar="PATH", help="Where the amount's currency is."),
    ] = None,
    agent: Annotated[
        str | None, typer.Option("--agent", metavar="NAME", help="Only for this agent.")
    ] = None,
    requester: Annotated[
        str | None,
        typer.Option("--requester", metavar="NAME", help="Only for what this person asks for."),
    ] = None,
    reason: Why,
    last: Annotated[
        int, typer.Option("--last", metavar="N", help="Try it on so many gates of the action.")
    ] = 20,
    preview: Annotated[
        bool, typer.Option("--preview", help="Say what it would have allowed, and make none.")
    ] = False,
    json: Json = False,
    db: Db = DEFAULT_DB,
    directory: DirectoryFile = None,
    channels: GroupsFile = None,
    as_user: AsUser = None,
) -> int:
    """Approve calls of one action beforehand, within limits."""
    settings = Settings(db=db, directory=directory, as_user=as_user, groups=channels)
    person = acting(settings)
    lasts, limited = span(for_, "--for"), _budget(budget, amount, currency)
    if last < 0:
        raise Mistake(f"--last is 0 or more, not {last}")

    async def main() -> tuple[StandingRule, Sequence[Tried], datetime]:
        async with opened(settings) as coordinator:
            now = coordinator.now()
            rule = standing_rule(
                id=new_id(),
                action=action,
                version=version,
                by=person,
                reason=reason,
                now=now,
                until=_after(now, lasts),
                uses=uses,
                where=where or (),
                anything=anything,
                budget=limited,
                agent=agent,
                requester=requester,
            )
            tried = await coordinator.try_rule(rule, last=last)
            return (
                rule if preview else await coordinator.create_rule(rule, by=person),
                tried,
                now,
            )

    rule, tried, now = asyncio.run(main())
    if json:
        print(shapes.dump(shapes.tried_rule(rule, tried, made=not preview, now=now)))
        return 0
    show(*_trial(rule, tried, now), *([] if preview else _made(rule, settings)))
    return 0


def list_(
    *,
    action: Annotated[
        str | None, typer.Option("--action", metavar="NAME", help="Only for this action.")
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Also those that are revoked, over or used up.")
    ] = False,
    json: Json = False,
    db: Db = DEFAULT_DB,
) -> int:
    """List standing rules, the newest first."""
    now: list[datetime] = []

    async def main() -> list[StandingRule]:
        async with opened(Settings(db=db)) as coordinator:
            now.append(coordinator.now())
            live_at = None if every else micros(now[0])
            found = await coordinator.store.rules(action=action, live_at=live_at, limit=LIMIT)
            return [rule for rule in found if every or rule.state(now[0]) == "live"]

    rules = asyncio.run(or_nothing(main()))
    if json:
        print(shapes.dump([shapes.rule(rule, now=now[0]) for rule in rules]))
    elif not rules:
        show("no standing rule is in force" if not every else "there are no standing rules")
    else:
        table = grid("fixed", "fixed", "fixed", "rest")
        for rule in rules:
            used = f"{rule.used} of {rule.uses}"
            words = Text(rule.describe(now=now[0]))
            table.add_row(Text(rule.id, style="bold"), Text(rule.state(now[0])), used, words)
        show(table)
    return 0


def show_(id_: RuleId, *, limit: Limit = 100, json: Json = False, db: Db = DEFAULT_DB) -> int:
    """Show a standing rule and what it has allowed, the newest first."""

    async def main() -> _Looked:
        async with opened(Settings(db=db)) as coordinator:
            rule = await coordinator.store.rule(id_)
            if rule is None:
                raise Refused(
                    f"there is no standing rule {id_}; `sagas rules list --all` shows those there are"
                )
            uses = await coordinator.store.rule_uses(id_, limit=limit + 1)
            return _Looked(rule, uses[:limit], len(uses) > limit, coordinator.now())

    found = asyncio.run(main())
    if json:
        uses = [shapes.rule_use(use) for use in found.uses]
        print(shapes.dump(shapes.rule(found.rule, now=found.now) | {"allowed": uses}))
        if found.more:
            complain(_following(found))
    else:
        show(*_told(found, Settings(db=db)))
    return 0


def revoke(
    id_: RuleId,
    *,
    reason: Why,
    db: Db = DEFAULT_DB,
    directory: DirectoryFile = None,
    as_user: AsUser = None,
) -> int:
    """Let a standing rule allow nothing more."""
    settings = Settings(db=db, directory=directory, as_user=as_user)
    person = acting(settings)

    async def main() -> StandingRule:
        async with opened(settings) as coordinator:
            return await coordinator.revoke_rule(id_, by=person, reason=reason)

    rule = asyncio.run(main())
    show(
        safe(f"{rule.id}: revoked, after {plural(rule.used, 'use')}; people are asked from now on")
    )
    return 0


def _budget(text: str | None, path: str | None, currency_path: str | None) -> Budget | None:
    """The budget that was typed.

    Raises:
        Mistake: It is no amount; or it is said where to find what no budget needs.
    """
    if text is None:
        if path is not None or currency_path is not None:
            raise Mistake("--amount and --currency say where a --budget is counted: give one")
        return None
    number, _, currency = text.strip().partition(" ")
    try:
        total = Decimal(number)
    except InvalidOperation:
        raise Mistake(f"--budget takes an amount such as 500 or '500 EUR', not {text!r}") from None
    return Budget(
        total=total, currency=currency.strip() or None, path=path, currency_path=currency_path
    )


def _after(now: datetime, lasts: timedelta) -> datetime:
    try:
        return now + lasts
    except OverflowError:
        raise Mistake("--for takes a span of 90d at most") from None


def _trial(rule: StandingRule, tried: Sequence[Tried], now: datetime) -> list[Part]:
    """What it would have allowed lately."""
    table = grid("fixed", "fixed", "rest")
    for one in tried:
        table.add_row(
            Text("allowed" if one.why_not is None else "asked", style="dim" if one.why_not else ""),
            Text(instant(one.gate.opened_at, now=now)),
            safe(
                f"{one.gate.id} of {one.gate.saga_id}" + (f": {one.why_not}" if one.why_not else "")
            ),
        )
    allowed = sum(one.why_not is None for one in tried)
    words = f"of the last {plural(len(tried), 'gate')} it would have allowed {allowed}"
    title = Text.assemble((rule.id, "bold"), "  ", rule.describe(now=now))
    return [title, *section(Text(words, style="bold"), [table] if tried else [])]


def _made(rule: StandingRule, settings: Settings) -> list[Part]:
    revoking = settings.command("rules", "revoke", rule.id, "--reason", "TEXT")
    return [safe(f"{rule.id}: made, as the approval of {rule.grantor}"), CommandLine(revoking)]


def _following(found: _Looked) -> str:
    return newest(len(found.uses), f" of {plural(found.rule.used, 'use')}")


def _told(found: _Looked, settings: Settings) -> list[Part]:
    rule, now = found.rule, found.now
    facts = grid("", "rest")
    made = f"{rule.grantor} ({rule.evidence}) at {instant(rule.made_at, now=now)}"
    rows = [("state", rule.state(now)), ("given by", made), ("because", rule.reason)]
    rows.append(("used", f"{rule.used} of {rule.uses}"))
    if rule.budget is not None:
        rows.append(("spent", f"{rule.spent.normalize():f} of {rule.budget.describe()}"))
    if rule.revoked_at is not None:
        at = instant(rule.revoked_at, now=now)
        rows.append(("revoked", f"by {rule.revoked_by} at {at}: {rule.revoked_because}"))
    for label, text in rows:
        facts.add_row(Text(label, style="dim"), safe(text))
    title = Text.assemble((rule.id, "bold"), "  ", rule.describe(now=now))
    parts: list[Part] = section(title, [facts])
    if found.uses:
        table = grid("fixed", "rest")
        for use in found.uses:
            at = instant(instant_of(use.at), now=now)
            table.add_row(Text(at, style="dim"), safe(f"{use.gate_id} of {use.saga_id}"))
        more = [Text(_following(found), style="dim")] if found.more else []
        parts += section(Text("allowed", style="bold"), [table, *more])
    if rule.state(now) == "live":
        parts.append(CommandLine(settings.command("rules", "revoke", rule.id, "--reason", "TEXT")))
    return parts
