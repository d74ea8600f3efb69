"""`metrics`: how people decide, by action and by person."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.console import RenderableType
from rich.text import Text

from approvals.figures import (
    BURST,
    ActionFigures,
    PersonFigures,
    figures_by_action,
    figures_by_person,
)
from sagas.cli import shapes
from sagas.cli.inputs import since as since_of
from sagas.cli.opening import opened
from sagas.cli.settings import DEFAULT_DB, Db, Json, Settings
from sagas.cli.terminal import Part, grid, safe, section, show
from sagas.model import micros, span
from sagas.story.wording import took

NEVER = "-"


@dataclass(frozen=True, slots=True)
class _Measured:
    actions: Sequence[ActionFigures]
    people: Sequence[PersonFigures]


def metrics(
    *,
    since: Annotated[
        str, typer.Option("--since", metavar="T", help="From when on: 2h, 30d, 2027-03-01.")
    ] = "30d",
    json: Json = False,
    db: Db = DEFAULT_DB,
) -> int:
    """Show how people decide: how fast, how often yes, and how many at once."""
    settings = Settings(db=db)
    after = since_of(since, datetime.now(UTC))
    found = asyncio.run(_measure(settings, 0 if after is None else micros(after)))
    if json:
        actions, people = map(_action_shape, found.actions), map(_person_shape, found.people)
        print(shapes.dump({"actions": list(actions), "people": list(people)}))
    elif not found.actions and not found.people:
        show("nobody was asked")
    else:
        show(*_told(found))
    return 0


async def _measure(settings: Settings, since: int) -> _Measured:
    async with opened(settings) as coordinator:
        store = coordinator.store
        return _Measured(
            figures_by_action(await store.asked_since(since)),
            figures_by_person(await store.cast_since(since)),
        )


def _told(found: _Measured) -> list[Part]:
    parts: list[Part] = section(Text("gates, by action", "bold"), [_counts(found.actions)])
    decided = [of for of in found.actions if of.approve_rate is not None]
    if decided:
        parts += [Text(), *section(Text("decisions, by action", "bold"), [_decisions(decided)])]
    if found.people:
        parts += [Text(), *section(Text("votes, by person", "bold"), [_people(found.people)])]
    tired = [figures for figures in found.people if figures.bursts]
    if tired:
        names = ", ".join(figures.person for figures in tired)
        words = f"! {BURST} votes or more within a minute: {names}"
        parts += [Text(), safe(words, "yellow")]
    return parts


def _counts(actions: Sequence[ActionFigures]) -> RenderableType:
    table = grid("", *["right"] * 6)
    head = ("action", "opened", "waiting", "approved", "rejected", "expired", "lapsed")
    table.add_row(*(Text(word, style="dim") for word in head))
    for of in actions:
        counts = (of.opened, of.waiting, of.approved, of.rejected, of.expired, of.lapsed)
        told = (Text(str(count) if count else NEVER) for count in counts)
        table.add_row(safe(of.action, "bold"), *told)
    return table


def _decisions(actions: Sequence[ActionFigures]) -> RenderableType:
    table = grid("", *["right"] * 3)
    table.add_row(*(Text(word, style="dim") for word in ("action", "yes", "median", "p90")))
    for of in actions:
        told = (_share(of.approve_rate), _time(of.median), _time(of.p90))
        table.add_row(safe(of.action, "bold"), *map(Text, told))
    return table


def _people(people: Sequence[PersonFigures]) -> RenderableType:
    table = grid("", *["right"] * 8)
    head = ("person", "votes", "approved", "rejected", "yes", "median", "p90", "reasons", "bursts")
    table.add_row(*(Text(word, style="dim") for word in head))
    for of in people:
        table.add_row(
            safe(of.person, "bold"),
            Text(str(of.votes)),
            Text(str(of.approved)),
            Text(str(of.rejected)),
            Text(_share(of.approve_rate)),
            Text(_time(of.median)),
            Text(_time(of.p90)),
            Text(_share(of.with_reason / of.votes)),
            Text(f"{of.bursts} (up to {of.most_in_a_minute})" if of.bursts else NEVER),
        )
    return table


def _share(rate: float | None) -> str:
    return NEVER if rate is None else f"{rate:.0%}"


def _time(length: timedelta | None) -> str:
    return NEVER if length is None else took(span(length))


def _seconds(length: timedelta | None) -> float | None:
    return None if length is None else length.total_seconds()


def _action_shape(of: ActionFigures) -> shapes.Shape:
    return {
        "action": of.action,
        "opened": of.opened,
        "waiting": of.waiting,
        "approved": of.approved,
        "rejected": of.rejected,
        "expired": of.expired,
        "lapsed": of.lapsed,
        "withdrawn": of.withdrawn,
        "approve_rate": of.approve_rate,
        "median_seconds": _seconds(of.median),
        "p90_seconds": _seconds(of.p90),
    }


def _person_shape(of: PersonFigures) -> shapes.Shape:
    return {
        "person": of.person,
        "votes": of.votes,
        "approved": of.approved,
        "rejected": of.rejected,
        "approve_rate": of.approve_rate,
        "median_seconds": _seconds(of.median),
        "p90_seconds": _seconds(of.p90),
        "with_reason": of.with_reason,
        "bursts": of.bursts,
        "most_in_a_minute": of.most_in_a_minute,
    }
