"""Chance: what a saga draws at random. A simulation draws it from a seed instead.

Touches: the operating system's source of random numbers.
"""

import random
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from uuid import UUID

_SYSTEM = random.SystemRandom()
_source: ContextVar[random.Random] = ContextVar("sagas_chance", default=_SYSTEM)


def random_uuid() -> UUID:
    """A random id (version 4 of RFC 9562)."""
    return UUID(int=_source.get().getrandbits(128), version=4)


@contextmanager
def drawing(source: random.Random) -> Generator[None]:
    """Draw from something else in this context, and in the tasks that begin in it."""
    before = _source.set(source)
    try:
        yield
    finally:
        _source.reset(before)
