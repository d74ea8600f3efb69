"""When an action was last drilled, and what that showed.

Pure.
"""

from sagas.journal import records, statements
from sagas.journal.operation import Operation, Query
from sagas.ports import Drill


def record(drill: Drill) -> Operation[None]:
    """Add a drill, once."""
    yield Query(statements.RECORD_DRILL, records.drill_values(drill))


def drills(catalog: str) -> Operation[list[Drill]]:
    """The last drill of each action and version of a catalog, in the order of names."""
    found = yield Query(statements.DRILLS, (f"{catalog}.",))
    return [records.drill(row) for row in found]
