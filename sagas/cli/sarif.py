"""Findings as SARIF 2.1.0 (OASIS, 2020), which code scanners read.

Pure, but for the working directory, to which files are told relative.
"""

from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sagas.linting.finding import Finding, Place
from sagas.linting.rules import CODES

__all__ = ["log_of"]

_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)


def log_of(findings: Sequence[Finding]) -> dict[str, Any]:
    """One run of `sagas lint`, with all its rules and what they found."""
    driver = {
        "name": "sagas lint",
        "version": version("agent-sagas"),
        "rules": [_rule(code, meaning) for code, meaning in CODES.items()],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": list(_results(findings)),
    }
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(code: str, meaning: str) -> dict[str, Any]:
    return {"id": code, "shortDescription": {"text": meaning}}


def _results(findings: Iterable[Finding]) -> Iterable[dict[str, Any]]:
    numbers = {code: number for number, code in enumerate(CODES)}
    for finding in findings:
        yield {
            "ruleId": finding.code,
            "ruleIndex": numbers[finding.code],
            "level": finding.level.value,
            "message": {
                "text": f"{finding.subject}: {finding.reason}. To mend it, {finding.mend}."
            },
            "locations": [_location(finding)],
        }


def _location(finding: Finding) -> dict[str, Any]:
    logical = [{"fullyQualifiedName": finding.subject}]
    if finding.place is None:
        return {"logicalLocations": logical}
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": _uri(finding.place)},
            "region": {"startLine": finding.place.line},
        },
        "logicalLocations": logical,
    }


def _uri(place: Place) -> str:
    """Relative to where the command runs, as scanners of a repository want it; else absolute."""
    file = Path(place.file)
    if not file.is_absolute():
        return file.as_posix()
    here = Path.cwd()
    return file.relative_to(here).as_posix() if file.is_relative_to(here) else file.as_uri()
