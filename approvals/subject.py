"""What exactly a gate is about: one action with one set of bytes, at one place of one saga.

Pure.
"""

import hashlib
from dataclasses import dataclass

__all__ = ["FORWARD", "GateSubject"]

FORWARD = "do"
"""The direction of a saga's own steps; any other direction is a compensation's."""

_DOMAIN = b"agent-sagas/gate-subject/1"
_LENGTH_BYTES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSubject:
    """What a decision allows, and nothing else: what is approved is what runs."""

    journal_id: str
    """The journal the saga lives in: an approval does not travel to a copy of it."""
    saga_id: str
    path: str
    """The path of the step inside the saga."""
    direction: str
    """``do`` for a step of the saga, ``undo`` for a compensation."""
    generation: int
    """Rises when an unwind or a rollback begins: what was approved before is void after."""
    revision: int
    """Which wording of the arguments; an edit makes a new one."""
    action: str
    action_version: int
    arguments: bytes
    """The canonical bytes of the arguments, as the action will get them."""
    policy_version: str
    """The version of the requirement under which people decide."""

    def digest(self) -> str:
        """Return the SHA-256, in hexadecimal, that stands for this subject and for no other.

        Each field is preceded by its length, so that no part of one field can be taken for a part
        of its neighbour; the domain keeps the digest apart from every other use of the hash.
        """
        digest = hashlib.sha256()
        for field in (_DOMAIN, *self._fields()):
            digest.update(len(field).to_bytes(_LENGTH_BYTES))
            digest.update(field)
        return digest.hexdigest()

    def _fields(self) -> tuple[bytes, ...]:
        return (
            _text(self.journal_id),
            _text(self.saga_id),
            _text(self.path),
            _text(self.direction),
            _text(str(self.generation)),
            _text(str(self.revision)),
            _text(self.action),
            _text(str(self.action_version)),
            self.arguments,
            _text(self.policy_version),
        )


def _text(value: str) -> bytes:
    # A lone surrogate has bytes of its own, so that nothing fails here and nothing collides.
    return value.encode("utf-8", "surrogatepass")
