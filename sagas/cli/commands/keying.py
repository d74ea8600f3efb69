"""`token create`, `token list` and `token revoke`: what programs show to the HTTP API."""

import asyncio
from datetime import timedelta
from typing import Annotated

import typer
from rich.text import Text

from sagas.cli.opening import opened
from sagas.cli.settings import DEFAULT_DB, AsUser, Db, DirectoryFile, Settings, acting
from sagas.cli.terminal import grid, safe, show
from sagas.errors import Refused
from sagas.model import micros
from sagas.ports import ApiToken, Scope
from sagas.story.wording import moment

DAYS = 30.0


def create(
    *,
    label: Annotated[
        str, typer.Option("--label", metavar="TEXT", help="What it is for; it is listed by that.")
    ],
    scope: Annotated[
        list[Scope], typer.Option("--scope", help="What it is good for; may be repeated.")
    ],
    days: Annotated[
        float, typer.Option("--days", metavar="N", help="For how many days it holds.")
    ] = DAYS,
    db: Db = DEFAULT_DB,
    directory: DirectoryFile = None,
    as_user: AsUser = None,
) -> int:
    """Make a token of yours for a program, and print it once.

    It can do no more than you can when it is shown.
    """
    from sagas.web import tokens

    settings = Settings(db=db, directory=directory, as_user=as_user)
    person = acting(settings)

    async def main() -> str:
        async with opened(settings) as coordinator:
            word, _ = await tokens.make(
                coordinator.store,
                person,
                label=label,
                scopes=scope,
                life=timedelta(days=min(days, 10_000)),
                now=coordinator.now(),
            )
            return word

    print(asyncio.run(main()))
    return 0


def list_(*, db: Db = DEFAULT_DB, directory: DirectoryFile = None, as_user: AsUser = None) -> int:
    """List your tokens; what they are themselves is kept nowhere."""
    from sagas.web.tokens import standing

    settings = Settings(db=db, directory=directory, as_user=as_user)
    person = acting(settings)
    table = grid("", "", "fixed", "fixed", "rest")
    table.add_row(*(Text(word, style="dim") for word in ("id", "scopes", "", "until", "for")))

    async def main() -> list[ApiToken]:
        async with opened(settings) as coordinator:
            found = await coordinator.store.tokens(person.name)
            for token in found:
                table.add_row(
                    safe(token.id, "bold"),
                    Text(", ".join(sorted(token.scopes))),
                    Text(standing(token, now=coordinator.now())),
                    Text(moment(token.until)),
                    safe(token.label),
                )
            return found

    show(table if asyncio.run(main()) else "no tokens")
    return 0


def revoke(
    token: Annotated[str, typer.Argument(metavar="TOKEN", help="The token's id, from the list.")],
    *,
    db: Db = DEFAULT_DB,
    directory: DirectoryFile = None,
    as_user: AsUser = None,
) -> int:
    """Take a token of yours back, for ever and at once."""
    settings = Settings(db=db, directory=directory, as_user=as_user)
    person = acting(settings)

    async def main() -> None:
        async with opened(settings) as coordinator:
            at = micros(coordinator.now())
            if await coordinator.store.revoke_token(token, owner=person.name, at=at) is None:
                raise Refused(
                    f"{person.name} has no token {token}: `sagas token list` shows those there are"
                )

    asyncio.run(main())
    show(safe(f"{token}: revoked"))
    return 0
