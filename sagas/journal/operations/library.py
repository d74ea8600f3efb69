"""What is read for people.

Pure.
"""

import json

from approvals import Gate
from sagas.journal import records, statements
from sagas.journal.operation import Operation, Query
from sagas.ports import QuestionRow, SagaRow


def saga(saga_id: str) -> Operation[SagaRow | None]:
    """One saga's row."""
    found = yield Query(statements.SAGA, (saga_id,))
    return records.saga_row(found[0]) if found else None


def sagas(
    *, status: str | None, saga: str | None, since: int | None, limit: int
) -> Operation[list[SagaRow]]:
    """Saga rows, the newest first; None leaves a filter out."""
    found = yield Query(statements.SAGAS, (status, saga, since, limit))
    return [records.saga_row(row) for row in found]


def live_sagas(after: str, limit: int) -> Operation[list[SagaRow]]:
    """Rows of sagas that have not ended and whose ids come after that one, in the order of ids."""
    found = yield Query(statements.LIVE_SAGAS, (after, limit))
    return [records.saga_row(row) for row in found]


def rollback_marks(
    after: tuple[int, str, int], *, until: int, limit: int
) -> Operation[list[tuple[int, str, int]]]:
    """A page of the entries that tell of undoing, in the order of their instants."""
    found = yield Query(statements.ROLLBACK_MARKS, (*after, until, limit))
    return [(row[0], row[1], row[2]) for row in found]


_BEGINNING = (-1, "")
"""Before whatever waits."""


def waiting_gates(
    *, person: str | None, live_at: int | None, after: tuple[int, str] | None, limit: int
) -> Operation[list[Gate]]:
    """A page of the gates that can be decided, the oldest first."""
    who = None if person is None else f"%{_literal(json.dumps(person))}%"
    place = after or _BEGINNING
    found = yield Query(statements.WAITING_GATES, (who, *place, limit, live_at))
    return [records.gate(row) for row in found]


def _literal(text: str) -> str:
    """A pattern for `like ... escape '!'` that stands for the text itself."""
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")


def voted_by(person: str, *, limit: int) -> Operation[list[Gate]]:
    """The gates of somebody's last votes, the latest first."""
    found = yield Query(statements.VOTED_BY, (person, limit))
    return [records.gate(row) for row in found]


def gates_of(saga_id: str) -> Operation[list[Gate]]:
    """Every gate of a saga, in the order in which they opened."""
    found = yield Query(statements.GATES_OF, (saga_id,))
    return [records.gate(row) for row in found]


def waiting_questions(*, after: tuple[int, str] | None, limit: int) -> Operation[list[QuestionRow]]:
    """A page of the interventions that wait for an answer, the oldest first."""
    found = yield Query(statements.WAITING_QUESTIONS, (*(after or _BEGINNING), limit))
    return [records.question_row(row) for row in found]


def questions_of(saga_id: str) -> Operation[list[QuestionRow]]:
    """Every intervention of a saga, in the order in which they opened."""
    found = yield Query(statements.QUESTIONS_OF, (saga_id,))
    return [records.question_row(row) for row in found]


def question(intervention_id: str) -> Operation[QuestionRow | None]:
    """One intervention."""
    found = yield Query(statements.QUESTION, (intervention_id,))
    return records.question_row(found[0]) if found else None
