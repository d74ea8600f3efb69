"""A process full of people who decide about one gate at one instant.

It is told by a line on its input when, and says in one line of JSON what each of them was told. With
`die` it ends without a word as soon as the one vote is committed.
"""

import asyncio
import json
import os
import sys

from sagas import Coordinator, connect
from sagas.errors import Refused


async def decide(coordinator: Coordinator, gate: str, number: int) -> str:
    """Let one person approve, or reject if their number is odd."""
    name = f"person-{number}"
    try:
        if number % 2:
            decided = await coordinator.reject(gate, reason="no", by=name)
        else:
            decided = await coordinator.approve(gate, by=name)
    except Refused as refused:
        return str(refused)
    return f"{decided.state} by {decided.decided_by}"


async def main(url: str, gate: str, first: str, last: str, end: str) -> None:
    """Wait for the word, and let everybody decide."""
    async with connect(url, user="person-0") as coordinator:
        await coordinator.store.gate(gate)
        print("ready", flush=True)
        sys.stdin.readline()
        people = range(int(first), int(last))
        told = await asyncio.gather(*(decide(coordinator, gate, number) for number in people))
        if end == "die":
            os._exit(9)
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
