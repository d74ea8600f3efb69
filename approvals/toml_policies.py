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

What is a list may be one text too, as in code. A key that is not known is an error: a policy with a
slip of the pen asks for nothing. Touches: the file.
"""

import re
import tomllib
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, cast

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


def _listed(given: object) -> object:
    return [given] if isinstance(given, str) else given


_Duration = Annotated[timedelta, BeforeValidator(_duration)]
_Texts = Annotated[list[str], BeforeValidator(_listed)]


class _Stored(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    by: Annotated[_Texts, Field(min_length=1)]
    within: _Duration
    actions: _Texts = ["*"]
    classes: Annotated[list[Reversibility], BeforeValidator(_listed)] = []
    actors: _Texts = []
    where: _Texts = []
    quorum: Annotated[int, Field(strict=True)] = 1
    valid_for: _Duration = timedelta(hours=24)
    rejections: Annotated[int, Field(strict=True)] = 1
    veto: _Texts = []
    separate: Annotated[bool, Field(strict=True)] = False
    reason_required: Annotated[bool, Field(strict=True)] = False
    remind: Annotated[list[_Duration], BeforeValidator(_listed)] = []
    escalate: dict[str, _Texts] = {}
    pinned: _Texts = []
    intent: _Texts = []

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
    content = _read(Path(path))
    try:
        stored = _File.model_validate(content)
    except ValidationError as error:
        faults = [
            f"{_place(detail['loc'], content)}: {_fault(detail['type'], detail['msg'])}"
            for detail in error.errors(include_input=False, include_url=False)
        ]
        raise ApprovalDefinitionError(f"{path}: {'; '.join(faults)}") from None
    try:
        return Policies(tuple(_policy(each) for each in stored.policy))
    except ApprovalDefinitionError as error:
        raise ApprovalDefinitionError(f"{path}: {error}") from error


def _read(path: Path) -> Mapping[str, object]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ApprovalDefinitionError(
            f"{path}: the policies cannot be read ({error.strerror}); create the file, or name "
            "another"
        ) from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ApprovalDefinitionError(
            f"{path}: this is not TOML ({error}); mend the file"
        ) from error


def _policy(stored: _Stored) -> Policy:
    try:
        return stored.policy()
    except (ApprovalDefinitionError, ValueError) as error:
        raise ApprovalDefinitionError(f"the policy {stored.name!r}: {error}") from error


def _place(where: tuple[int | str, ...], content: Mapping[str, object]) -> str:
    """Where it stands, by the name of its policy or by its number, the first being 1."""
    tables = content.get("policy")
    if len(where) < 2 or not isinstance(tables, list) or not isinstance(where[1], int):
        return ".".join(str(part) for part in where)
    name = _name(cast(list[object], tables)[where[1]])
    policy = f"the policy {name!r}" if name else f"policy {where[1] + 1} of the file"
    return ": ".join([policy, *filter(None, [".".join(str(part) for part in where[2:])])])


def _name(table: object) -> str | None:
    name = cast(dict[str, object], table).get("name") if isinstance(table, dict) else None
    return name if isinstance(name, str) else None


def _fault(kind: str, message: str) -> str:
    match kind:
        case "extra_forbidden":
            return (
                "this key is not known; a file has tables [[policy]], and a policy has "
                f"{', '.join(_Stored.model_fields)}"
            )
        case "missing":
            return "this is not given, and every policy needs it"
        case "value_error":
            return message.removeprefix("Value error, ")
        case _:
            return f"{message[:1].lower()}{message[1:]}; mend the value"
