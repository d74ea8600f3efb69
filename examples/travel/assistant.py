"""A trip that a model books step by step: it fails, is told what was undone, and goes another way.

Run as `python -m examples.travel.assistant`. The partners are processes of their own; the model is
a script, so that it chooses the same every time. What it is told and what it answers is JSON, as a
real one's tools would have it; the loop around it does not know that it is none.

The hotel that it finds first is outside of the town, and needs a car. There is none. It has the
hotel cancelled, which costs a fee, takes one in town, and commits.
"""

import asyncio
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from examples.travel.booking import travel
from examples.travel.partner import Mood
from examples.travel.world import World
from sagas import StepFailed, connect
from sagas.sessions import Session, Told

assistant = travel.session("assistant")

TASK = "Three nights near Lisbon for Ana, from 1 March."

Move = Mapping[str, Any]
"""What a model answers: which tool, and with what."""

FLIGHT = {"origin": "Oslo", "destination": "Lisbon", "departure": "2027-03-01"}
SINTRA = {"city": "Sintra", "arrival": "2027-03-01", "nights": 3}
LISBON = {"city": "Lisbon", "arrival": "2027-03-01", "nights": 3}
CAR = {"city": "Lisbon", "pickup": "2027-03-01", "days": 3}


class ScriptedModel:
    """Chooses the next move from what it is told of those before."""

    def choose(self, told: Sequence[str]) -> Move:
        """The next move; `told` has a line for each that was made."""
        match len(told):
            case 0:
                return {"tool": "book_flight", "arguments": {"request": FLIGHT}}
            case 1:
                return {"tool": "savepoint", "name": "lodging"}
            case 2:
                return {"tool": "book_hotel", "arguments": {"request": SINTRA}}
            case 3:
                return {"tool": "rent_car", "arguments": {"request": CAR}}
            case 4 if "failed" in told[-1]:
                return {"tool": "roll_back", "name": "lodging", "reason": "no car for Sintra"}
            case 5:
                return {"tool": "book_hotel", "arguments": {"request": LISBON}}
            case _:
                return {"tool": "commit", "result": "a flight, and a room in town"}


async def steer(session: Session, model: ScriptedModel) -> str:
    """Let a model choose moves until it commits; how the session ended.

    What was made before, perhaps by a process that died, is read from the journal first.
    """
    told = [line_of(each) for each in await session.turns()]
    while True:
        move = model.choose(told)
        print(f"  model: {dict(move)}")
        if move["tool"] == "commit":
            return (await session.commit(move["result"])).status
        told.append(await make(session, move))
        print(f"         {told[-1]}")


async def make(session: Session, move: Move) -> str:
    """Make a move; what the model is told of it."""
    match move["tool"]:
        case "savepoint":
            await session.set_savepoint(move["name"])
            return f"savepoint {move['name']} is set"
        case "roll_back":
            undone = await session.roll_back(move["name"], reason=move["reason"])
            return f"undone: {'; '.join(map(line_of, undone))}"
        case tool:
            try:
                return f"done: {await session.invoke(tool, move['arguments'])}"
            except StepFailed as error:
                return f"failed: {error.message}"
            except Exception as error:  # noqa: BLE001  one of the action's declared errors
                return f"failed: {error}"


def line_of(told: Told) -> str:
    """A turn that was made, and what became of it."""
    turn = told.turn
    what = turn.action if turn.do == "call" else turn.do
    left = f", which left {told.residue}" if told.residue else ""
    return f"{what} is {told.standing}{f': {told.error}' if told.error else ''}{left}"


async def play(world: World, url: str) -> str:
    """Book the trip in a world without cars."""
    world.set_mood("cars", Mood(full=True))
    world.set_mood("hotels", Mood(fee="25.00 EUR"))
    os.environ.update(world.environment)
    async with connect(url, travel) as coordinator:
        session = await coordinator.session(assistant, TASK, id="trip-ana")
        return await steer(session, ScriptedModel())


def main() -> int:
    """Play it, and show the partners' own books."""
    with tempfile.TemporaryDirectory() as directory, World.start(Path(directory)) as world:
        print(f"{TASK}\n")
        status = asyncio.run(play(world, f"sqlite:///{directory}/sagas.db"))
        print(f"\nThe session is {status}. The books of the hotels:")
        for line in world.ledger("hotels"):
            print(f"  {line.kind} {line.subject}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
