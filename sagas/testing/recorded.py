"""A recorded history: one saga's journal as a file that outlives its database.

The file holds what was written, exactly: each entry with the text of its fields and of its payload
and with its hash, so that the chain can be verified without the database. It is plain ASCII, one
member a line: no editor, mail or version control has anything in it to change, and the same
journal gives the same bytes.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from hashlib import sha256
from typing import Any, cast

from pydantic import TypeAdapter, ValidationError

from approvals import Approval, Gate, GateState
from approvals.aftermath import Aftermath
from approvals.errors import ApprovalError
from approvals.parties import Parties
from approvals.stakes import Stakes
from sagas.chain import Row, verify
from sagas.errors import Corrupt, UnknownSaga
from sagas.model import instant, micros
from sagas.payloads import explain
from sagas.ports import QuestionRow, RuleUse, SagaRow, Store
from sagas.testing.errors import NotAHistory
from sagas.testing.history import History, read_history

FORMAT = "agent-sagas history"
VERSION = 1
SUFFIX = ".json"

DAMAGE = (ApprovalError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What comes of making values of members that are not what they were."""

_PLAIN = re.compile(r"[a-z0-9_-][a-z0-9._-]{0,99}")
_OTHER = re.compile(r"[^a-z0-9_-]+")


async def export_history(store: Store, saga_id: str) -> bytes:
    """A saga's journal as the bytes of a recorded history.

    Raises:
        UnknownSaga: There is none of that id.
        Corrupt: The journal was changed; nobody could replay it.
    """
    history = await read_history(store, saga_id)
    if history.saga is None:
        raise UnknownSaga(
            f"there is no saga {saga_id!r} in this journal; `sagas list` shows those there are"
        )
    return written(history)


def written(history: History) -> bytes:
    """A history as bytes.

    Raises:
        Corrupt: Its chain does not verify.
    """
    broken = _broken(history)
    if broken is not None:
        raise Corrupt(f"{history.saga_id}: {broken}; `sagas verify` checks the whole journal")
    row = history.saga
    document = {
        "format": FORMAT,
        "version": VERSION,
        "journal": history.journal_id,
        "saga": None if row is None else _sagas().dump_python(row, mode="json"),
        "entries": [_entry(item) for item in history.rows],
        "gates": [_gate(item) for item in history.gates],
        "questions": [_questions().dump_python(item, mode="json") for item in history.questions],
        "uses": [asdict(item) for item in history.uses],
    }
    return f"{json.dumps(document, ensure_ascii=True, indent=1)}\n".encode("ascii")


def read_exported(content: bytes) -> History:
    """The history that a file holds.

    Raises:
        NotAHistory: It holds none, or one of a newer release.
        Corrupt: It was changed after it was written.
    """
    document = _document(content)
    try:
        history = _history(document)
    except DAMAGE as error:
        raise Corrupt(f"the recorded history is damaged: {_why(error)}; export it again") from error
    broken = _broken(history)
    if broken is not None:
        raise Corrupt(f"the recorded history was changed: {broken}; export it again")
    return history


def recorded_id(content: bytes) -> str:
    """The id of the saga whose history a file holds.

    Raises:
        NotAHistory: It holds none.
    """
    saga: object = _document(content).get("saga")
    found = cast(Mapping[str, object], saga).get("id") if isinstance(saga, dict) else None
    if not isinstance(found, str):
        raise NotAHistory("it does not say of which saga it is: export it again")
    return found


def file_name(saga_id: str) -> str:
    """A name for the file of a saga's history: for any id, on any file system, never that of another.

    An id of lower-case letters, digits, `.`, `_` and `-` is its own name. Of any other one the name
    keeps what it can, and a digest after `~` tells it from the rest.
    """
    if _PLAIN.fullmatch(saga_id):
        return saga_id + SUFFIX
    kept = _OTHER.sub("-", saga_id.lower())[:60].strip("-")
    digest = sha256(saga_id.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{kept}~{digest}{SUFFIX}"


@cache
def _sagas() -> TypeAdapter[SagaRow]:
    return TypeAdapter(SagaRow)


@cache
def _questions() -> TypeAdapter[QuestionRow]:
    return TypeAdapter(QuestionRow)


@cache
def _uses() -> TypeAdapter[RuleUse]:
    return TypeAdapter(RuleUse)


# --- out --------------------------------------------------------------------------------------


def _entry(row: Row) -> dict[str, object]:
    known = row._asdict()
    del known["saga_id"]
    return known


def _gate(gate: Gate) -> dict[str, object]:
    return {
        "id": gate.id,
        "saga_id": gate.saga_id,
        "path": gate.path,
        "direction": gate.direction,
        "generation": gate.generation,
        "revision": gate.revision,
        "action": gate.action,
        "action_version": gate.action_version,
        "arguments": gate.arguments.decode(),
        "policy": gate.policy.to_json(),
        "digest": gate.digest,
        "parties": gate.parties.to_json(),
        "state": gate.state.value,
        "opened_at": micros(gate.opened_at),
        "deadline": micros(gate.deadline),
        "decided_at": None if gate.decided_at is None else micros(gate.decided_at),
        "decided_by": gate.decided_by,
        "reason": gate.reason,
        "valid_until": None if gate.valid_until is None else micros(gate.valid_until),
        "eligible": list(gate.eligible),
        "stakes": gate.stakes.to_json(),
        "because": gate.because,
        "editor": gate.editor,
        "vetoers": list(gate.vetoers),
        "voted": gate.voted,
    }


# --- in ---------------------------------------------------------------------------------------


def _document(content: bytes) -> dict[str, Any]:
    try:
        found: object = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    document = cast(dict[str, Any], found) if isinstance(found, dict) else {}
    if document.get("format") != FORMAT:
        raise NotAHistory("it is no recorded history: `sagas history export` writes them")
    if document.get("version") != VERSION:
        raise NotAHistory(
            f"it has the format {document.get('version')!r}, and this agent-sagas reads {VERSION}: "
            "upgrade to read it"
        )
    return document


def _history(document: Mapping[str, Any]) -> History:
    saga = _sagas().validate_python(document["saga"])
    return History(
        document["journal"],
        saga.id,
        saga,
        tuple(Row(saga_id=saga.id, **item) for item in document["entries"]),
        tuple(_read_gate(item) for item in document["gates"]),
        tuple(_questions().validate_python(item) for item in document["questions"]),
        tuple(_uses().validate_python(item) for item in document.get("uses", [])),
    )


def _read_gate(item: Mapping[str, Any]) -> Gate:
    known = dict(item)
    for name in ("opened_at", "deadline", "decided_at", "valid_until"):
        known[name] = None if known[name] is None else instant(known[name])
    known["arguments"] = known["arguments"].encode()
    known["policy"] = Approval.from_json(known["policy"])
    known["parties"] = Parties.from_json(known["parties"])
    known["stakes"] = Stakes.from_json(known["stakes"])
    known["state"] = GateState(known["state"])
    told = known.get("aftermath")
    known["aftermath"] = None if told is None else Aftermath(told)
    known["eligible"] = tuple(known["eligible"])
    known["vetoers"] = tuple(known.get("vetoers", ()))
    return Gate(**known)


def _broken(history: History) -> str | None:
    """Where the chain does not verify."""
    row = history.saga
    head, head_hash = (None, None) if row is None else (row.head, row.head_hash)
    try:
        found = verify(
            history.journal_id, history.saga_id, history.rows, head=head, head_hash=head_hash
        )
    except (AttributeError, TypeError) as error:
        return _why(error)
    return None if found is None else found.reason


def _why(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return explain(error)
    if isinstance(error, KeyError):
        return f"{error} is missing"
    return f"{error}"
