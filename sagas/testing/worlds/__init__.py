"""Ready worlds: a partner that is kept in memory, a fake that is recorded, a service behind HTTP.

None of them is bound to an event loop or a thread: an explorer uses many, one after another.
"""

from sagas.testing.worlds.answers import AnswerLost, KeyReused, NotAskable, Refused
from sagas.testing.worlds.desk import Call
from sagas.testing.worlds.http import HttpWorld
from sagas.testing.worlds.provider import Provider
from sagas.testing.worlds.recording import Recording
from sagas.testing.worlds.several import Worlds

__all__ = [
    "AnswerLost",
    "Call",
    "HttpWorld",
    "KeyReused",
    "NotAskable",
    "Provider",
    "Recording",
    "Refused",
    "Worlds",
]
