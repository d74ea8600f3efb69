"""What catalogs, actions, sagas, savepoints and events may be called.

Pure.
"""

import re

from sagas.errors import DefinitionError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


def check_name(what: str, name: str) -> None:
    """Refuse names that could not be part of a path.

    Raises:
        DefinitionError: The name holds anything but letters, digits, `_` and `-`.
    """
    if not _NAME.fullmatch(name):
        raise DefinitionError(
            f"{what} name {name!r} cannot be used: begin with a letter or _, "
            "and go on with letters, digits, _ and -"
        )
