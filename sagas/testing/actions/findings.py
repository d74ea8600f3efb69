"""What was found with one input, and the report that is made of the smallest of each kind.

Pure.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from pydantic import JsonValue

from sagas.testing.report import Report, Violation

_MOST_DIFFERENCES = 3
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that was broken with one input.

    Attributes:
        shown: The input, as Python would write it.
        history: What was called, and what it answered.
        ledger: What the world had recorded by then.
    """

    rule: str
    detail: str
    shown: str
    schedule: str
    history: Sequence[str] = ()
    ledger: Sequence[tuple[str, str, str]] = ()


def smallest(found: Iterable[Finding]) -> list[Finding]:
    """The finding with the shortest input, for each rule."""
    kept: dict[str, Finding] = {}
    for finding in found:
        other = kept.get(finding.rule)
        if other is None or len(finding.shown) < len(other.shown):
            kept[finding.rule] = finding
    return list(kept.values())


def report_of(
    name: str, found: Iterable[Finding], *, again: str, runs: int, seed: int, seconds: float
) -> Report:
    """The report of a check.

    Args:
        again: The call that repeats it with one input, with `{input}` in the input's place.
    """
    violations = [
        Violation(
            finding.rule,
            f"with {finding.shown}: {finding.detail}" if finding.shown else finding.detail,
            finding.schedule,
            tuple(finding.history),
            tuple(finding.ledger),
            seed,
            rerun=again.replace("{input}", f"{finding.shown}, " if finding.shown else ""),
        )
        for finding in found
    ]
    return Report(name, seed, schedules=runs, violations=violations, seconds=seconds)


def difference(before: JsonValue, after: JsonValue) -> str:
    """Where two snapshots differ; empty if they do not."""
    found = list(_differences("", before, after))
    more = len(found) - _MOST_DIFFERENCES
    rest = f"; and {more} more" if more > 0 else ""
    return "; ".join(found[:_MOST_DIFFERENCES]) + rest


def _differences(where: str, before: JsonValue, after: JsonValue) -> Iterable[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        for name in sorted({*before, *after}):
            yield from _member(f"{where}.{name}".lstrip("."), name, before, after)
    elif json.dumps(before) != json.dumps(after):
        place = f"{where}: " if where else ""
        yield f"{place}{text_of(before)} before, {text_of(after)} after"


def _member(
    where: str, name: str, before: Mapping[str, JsonValue], after: Mapping[str, JsonValue]
) -> Iterable[str]:
    if name not in before:
        yield f"{where}: nothing before, {text_of(after[name])} after"
    elif name not in after:
        yield f"{where}: {text_of(before[name])} before, nothing after"
    else:
        yield from _differences(where, before[name], after[name])


def text_of(value: object) -> str:
    """A value for people, not too long."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001  a repr is user code
        text = f"<{type(value).__name__}>"
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def shown_input(encoded: bytes) -> str:
    """The arguments of a call as Python would write them."""
    return repr(cast(object, json.loads(encoded)))
