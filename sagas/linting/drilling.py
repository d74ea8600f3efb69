"""Drills: which are missing, failed, of other code, or too long ago."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from enum import StrEnum
from typing import Any

from sagas.authoring.action import Action
from sagas.authoring.catalog import Catalog
from sagas.authoring.digest import HandlerDigest, digest_of
from sagas.linting.finding import Finding, Known, Rule
from sagas.model import span
from sagas.ports import Drill
from sagas.story.wording import moment


class Standing(StrEnum):
    """What the last drill of an action says of it today."""

    PASSED = "passed"
    NEVER = "never"
    FAILED = "failed"
    OTHER_CODE = "other-code"
    TOO_OLD = "too-old"


_CODES = {
    Standing.NEVER: "D001",
    Standing.FAILED: "D002",
    Standing.OTHER_CODE: "D003",
    Standing.TOO_OLD: "D004",
}
_MENDS = {
    Standing.NEVER: "give its sandbox an example of {name}, and run `sagas drill`",
    Standing.FAILED: "mend what the drill showed, and drill it again with `sagas drill`",
    Standing.OTHER_CODE: "drill it again with `sagas drill`",
    Standing.TOO_OLD: "drill it again with `sagas drill`",
}


def standing(
    drill: Drill | None, *, now: int, max_age: timedelta, digest: HandlerDigest | None
) -> Standing:
    """How an action stands by its last drill; without a digest its code is taken for the same."""
    if drill is None:
        return Standing.NEVER
    if not drill.passed:
        return Standing.FAILED
    if digest is not None and drill.digest != digest.text:
        return Standing.OTHER_CODE
    return Standing.TOO_OLD if now - drill.at > span(max_age) else Standing.PASSED


def reason_for(found: Standing, drill: Drill | None, digest: HandlerDigest | None = None) -> str:
    """The same in words."""
    if drill is None:
        return "no drill of its compensation is recorded"
    when = f"at {moment(drill.at)} against {drill.sandbox}"
    match found:
        case Standing.FAILED:
            return f"its last drill failed, {when}: {drill.detail}"
        case Standing.OTHER_CODE:
            return f"{_difference(drill, digest)} since it was drilled, {when}"
        case _:
            return f"it was last drilled {when}"


def _difference(drill: Drill, digest: HandlerDigest | None) -> str:
    was, is_ = drill.digest.partition(":")[0], digest.kind if digest else ""
    if was == is_:
        return "its code has changed"
    return f"nobody can tell whether its code has changed (digests of {was} and {is_} differ)"


def drillable(catalog: Catalog) -> list[Action[..., Any]]:
    """The newest version of each action that a body can still call and that has an effect."""
    newest: dict[str, Action[..., Any]] = {}
    for action in catalog.actions:
        known = newest.get(action.name)
        if not action.retired and (known is None or known.version < action.version):
            newest[action.name] = action
    return [action for action in newest.values() if action.options.reversibility.has_effect]


def _rule(wanted: Standing) -> Rule:
    def rule(catalog: Catalog, known: Known) -> Iterator[Finding]:
        for action in drillable(catalog):
            if action.undo is None:
                continue
            drill = known.drills.get((action.name, action.version))
            digest = digest_of(action)
            found = standing(drill, now=known.now, max_age=known.max_age, digest=digest)
            if found is wanted:
                yield Finding(
                    _CODES[found],
                    action.name,
                    action.version,
                    reason_for(found, drill, digest),
                    _MENDS[found].format(name=action.short_name),
                )

    return rule


never_drilled = _rule(Standing.NEVER)
drill_failed = _rule(Standing.FAILED)
drilled_with_other_code = _rule(Standing.OTHER_CODE)
drilled_too_long_ago = _rule(Standing.TOO_OLD)

DRILL_RULES: Iterable[Rule] = (
    never_drilled,
    drill_failed,
    drilled_with_other_code,
    drilled_too_long_ago,
)
