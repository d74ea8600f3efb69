"""Looking at a world: what it holds, what it did, and whether it forgets.

Touches: the world it is given.
"""

import inspect
import json
from typing import cast

from pydantic import JsonValue

from sagas.testing.actions.findings import difference, text_of
from sagas.testing.errors import Unexplorable, WorldNotReset
from sagas.testing.world import Effect, World


class Watched:
    """A world whose every reset is checked."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._empty: JsonValue = None
        self._is_known = False

    async def reset(self) -> JsonValue:
        """Begin anew, and tell what the world holds then.

        Raises:
            WorldNotReset: It remembers an effect, or holds something else than the last time.
        """
        if not self._is_known:
            self._empty = await self._begun()
            self._is_known = True
        now = await self._begun()
        differs = difference(self._empty, now)
        if differs:
            raise WorldNotReset(
                f"the world holds something else after reset() than after an earlier one: {differs}; "
                "let reset() forget everything, and keep clocks and chance out of snapshot()"
            )
        return now

    async def _begun(self) -> JsonValue:
        done = self._world.reset()
        if inspect.isawaitable(done):
            await done
        remembered = await self.ledger()
        if remembered:
            raise WorldNotReset(
                f"after reset() the ledger still has {len(remembered)} effects, the first of them "
                f"{tuple(remembered[0])}: let reset() empty it"
            )
        return await self.snapshot()

    async def snapshot(self) -> JsonValue:
        """What it holds now, as a copy that does not change when the world does.

        Raises:
            Unexplorable: It is no JSON.
        """
        given = self._world.snapshot()
        value = await given if inspect.isawaitable(given) else given
        try:
            return cast(JsonValue, json.loads(json.dumps(value)))
        except (TypeError, ValueError) as error:
            raise Unexplorable(
                f"snapshot() of the world returns {text_of(value)}, which is no JSON ({error}): "
                "return dicts, lists, texts and numbers"
            ) from error

    async def ledger(self) -> list[Effect]:
        """Every effect since the reset.

        Raises:
            Unexplorable: It is no list of effects.
        """
        given = self._world.ledger()
        rows = await given if inspect.isawaitable(given) else given
        try:
            return [Effect(str(name), str(way), str(key)) for name, way, key in rows]
        except (TypeError, ValueError) as error:
            raise Unexplorable(
                f"ledger() of the world returns {text_of(rows)}: "
                "return a list of (name, direction, key)"
            ) from error
