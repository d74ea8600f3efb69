"""How people and groups are named.

Pure.
"""

__all__ = ["ANYONE", "GROUP_MARK", "ROLE_MARK", "SLACK_MARK", "fault_of_name"]

ANYONE = "anyone"
"""Stands for every identified person; nobody may be called that."""

GROUP_MARK = "@"
"""Comes before the name of a group where people may be named too; no name begins with it."""

ROLE_MARK = "role:"
"""Comes before the name of a role where groups are named: ``@role:payer``."""

SLACK_MARK = "slack:"
"""Comes before the id of a user group of Slack where groups are named: ``@slack:S0123``."""


def fault_of_name(name: str) -> str | None:
    """Say what is wrong with `name` as the name of a person or a group, or None.

    A name is compared letter by letter, so that one that looks like another's must not pass:
    characters that cannot be seen are refused.
    """
    if not name.strip():
        return "is empty"
    if name != name.strip():
        return "begins or ends with a space"
    if not name.isprintable():
        return "contains characters that cannot be seen"
    if name.startswith(GROUP_MARK):
        return f"begins with {GROUP_MARK}, which marks a group"
    if name == ANYONE:
        return "stands for every identified person"
    return None
