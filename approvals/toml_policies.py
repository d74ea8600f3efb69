"""Policies from a TOML file.

::

    [[policy]]
    name = "large payments"
    actions = ["shop.*"]                 # optional: full names, with * and ?
    classes = ["irreversible"]           # optional
    actors = ["*-bot"]                   # optional: one of the saga's parties
    where = ["order.amount > 1000"]      # optional: conditions on the arguments
    by = ["@finance"]
    within = "4h"
    quorum = 2                           # optional, as everything that follows
    valid_for = "24h"
    rejections = 1
    veto = ["@legal"]
    separate = true
    reason_required = true
    remind = ["1h", "2h"]
    escalate = { "3h" = ["@leads"] }
    pinned = ["order.amount"]
    intent = ["order.id"]

A key that is not known is an error: a policy with a slip of the pen asks for nothing. Touches: the
file.
"""

import re
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from approvals.errors import ApprovalDefinitionError
from approvals.policies import Policies, Policy, policy
from approvals.requirement import approval
from reversibility import Reversibility

__all__ = ["load_policies"]

_UNITS = {"s": "seconds", "m": "minutes", "min": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DURATION = re.compile(r"(?P<count>\d{1,6})\s*(?P<unit>s|min|m|h|d|w)")


def _duration(given: object) -> timedelta:
    found = _DURATION.fullmatch(given.strip()) if isinstance(given, str) else None
    if found is None:
        raise ValueError('a duration is written as "90s", "30min", "4h", "2d" or "1w"')
    return timedelta(**{_UNITS[found["unit"]]: int(found["count"])})


_Duration = Annotated[timedelta, BeforeValidator(_duration)]
_Names = Annotated[list[str], Field(min_length=1)]


class _Stored(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    by: _Names
    within: _Duration
    actions: list[str] = ["*"]
    classes: list[Reversibility] = []
    actors: list[str] = []
    where: list[str] = []
    quorum: Annotated[int, Field(strict=True)] = 1
    valid_for: _Duration = timedelta(hours=24)
    rejections: Annotated[int, Field(strict=True)] = 1
    veto: list[str] = []
    separate: Annotated[bool, Field(strict=True)] = False
    reason_required: Annotated[bool, Field(strict=True)] = False
    remind: list[_Duration] = []
    escalate: dict[str, list[str]] = {}
    pinned: list[str] = []
    intent: list[str] = []

    def policy(self) -> Policy:
        return policy(
            self.name,
            actions=self.actions,
            classes=self.classes,
            actors=self.actors,
            where=self.where,
            asks=approval(
                by=self.by,
                within=self.within,
                quorum=self.quorum,
                valid_for=self.valid_for,
                rejections=self.rejections,
                veto=self.veto,
                separate=self.separate,
                reason_required=self.reason_required,
                remind=self.remind,
                escalate={_duration(after): to for after, to in self.escalate.items()},
                pinned=self.pinned,
                intent=self.intent,
            ),
        )


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    policy: list[_Stored] = []


def load_policies(path: str | Path) -> Policies:
    """Read the policies in the file at `path`.

    Raises:
        ApprovalDefinitionError: The file cannot be read, or says something that cannot be right;
            the message says where.
    """
    try:
        stored = _File.model_validate(tomllib.loads(Path(path).read_text("utf-8")))
        return Policies(tuple(each.policy() for each in stored.policy))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ApprovalDefinitionError(f"{path}: {where}: {first['msg']}") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ValueError) as error:
        raise ApprovalDefinitionError(f"{path} cannot be read as policies: {error}") from error
    except ApprovalDefinitionError as error:
        raise ApprovalDefinitionError(f"{path}: {error}") from error
