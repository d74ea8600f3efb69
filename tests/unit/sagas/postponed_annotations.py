"""Definitions whose annotations are text until they are asked for."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from sagas import Catalog, Reversibility
from sagas.authoring.action import Action

catalog = Catalog("postponed")


class Item(BaseModel):
    x: int


@catalog.action(reversibility=Reversibility.COMPENSATABLE)
async def act(item: Item) -> Item:
    return item


@act.compensation()
async def undo(item: Item, result: Item | None) -> None: ...


@act.probe()
async def find(item: Item) -> Item | None:
    return None


@catalog.saga
async def run(item: Item) -> Item:
    return await act(item)


def local() -> Action[..., Any]:
    """An action whose types nobody else can name."""

    class Thing(BaseModel):
        x: int

    inner = Catalog("inner")

    @inner.action(reversibility=Reversibility.COMPENSATABLE)
    async def change(thing: Thing) -> Thing:
        return thing

    @change.before
    async def former(thing: Thing) -> Thing | None:
        return None

    @change.compensation()
    async def restore(thing: Thing, before: Thing | None, result: Thing | None) -> None: ...

    @restore.probe()
    async def restored(thing: Thing) -> bool:
        return True

    @change.probe()
    async def changed(thing: Thing) -> Thing | None:
        return None

    return change
