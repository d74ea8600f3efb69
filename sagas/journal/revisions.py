"""Which versions of the schema there are, and what to tell about a database of another one.

Pure.
"""

from sagas.errors import SchemaMismatch

REVISIONS = ("0001",)
"""Every version of the schema, the oldest first; the last one is what this release reads."""

HEAD = REVISIONS[-1]


def check(found: str | None, shown: str) -> None:
    """Refuse a database whose schema this release does not read.

    Args:
        found: The version that the database says it has; None if it holds no journal.
        shown: The database's URL for people.

    Raises:
        SchemaMismatch: It is not `HEAD`; the message says what to do.
    """
    if found == HEAD:
        return
    if found is None:
        raise SchemaMismatch(f"{shown} holds no journal yet: run `sagas migrate --db {shown}`")
    if found in REVISIONS:
        raise SchemaMismatch(
            f"{shown} was made by an older agent-sagas (schema {found}, this release reads {HEAD}): "
            f"run `sagas migrate --db {shown}`"
        )
    raise SchemaMismatch(
        f"{shown} was made by a newer agent-sagas (schema {found}, this release reads {HEAD}): "
        "upgrade agent-sagas"
    )
