"""All rules, applied to one catalog."""

from sagas.authoring.catalog import Catalog
from sagas.linting.drilling import DRILL_RULES
from sagas.linting.finding import Finding, Known, Rule

RULES: tuple[Rule, ...] = (*DRILL_RULES,)


def lint(catalog: Catalog, known: Known) -> list[Finding]:
    """What the rules find in a catalog, by name and code."""
    found = [finding for rule in RULES for finding in rule(catalog, known)]
    return sorted(found, key=lambda item: (item.subject, item.version, item.code))
