"""All rules, applied to one catalog."""

from sagas.authoring.catalog import Catalog
from sagas.linting.declaring import DECLARED_RULES
from sagas.linting.drilling import DRILL_RULES
from sagas.linting.finding import Finding, Known, Rule
from sagas.linting.ordering import ORDER_RULES
from sagas.linting.recorded import RECORDED_RULES
from sagas.linting.repeating import REPEAT_RULES

RULES: tuple[Rule, ...] = (
    *DRILL_RULES,
    *DECLARED_RULES,
    *ORDER_RULES,
    *REPEAT_RULES,
    *RECORDED_RULES,
)


CODES = {
    "D001": "no drill of a compensation is recorded",
    "D002": "the last drill of a compensation failed",
    "D003": "a compensation was drilled with other code",
    "D004": "the last drill of a compensation is too long ago",
    "S001": "a step that can fail and be undone comes after one that cannot be undone",
    "S002": "two steps that cannot be undone, and no way forward if the later one fails",
    "S003": "the lost outcome of a step past the pivot can only be settled by a person",
    "S005": "nothing is said of what an undo leaves behind",
    "S006": "an effect can be undone for less time than a later approval may take",
    "S007": "a call may be repeated for longer than its key lives",
    "S008": "the lost outcome of an action can only be settled by a person",
    "S009": "an undo needs the result of a call whose answer may be lost for good",
    "S010": "the lost outcome of an undo can only be settled by a person",
    "S011": "branches of one parallel touched the same resource",
    "S013": "an action that cannot be undone runs without a gate",
    "S016": "a step is called before the one that it is said to build upon",
    "S017": "an undo that cannot be undone itself runs without a gate",
    "S024": "every turn of a loop asks a person",
    "S025": "a probe does not read the key of the call that it is asked about",
    "S026": "a body reads a clock that is not recorded",
    "S027": "a body draws something that is not recorded",
    "S028": "a body touches the world outside its steps",
    "S029": "a step is called where a parked body comes through",
    "S030": "a body begins tasks of its own",
}
"""What each rule finds; codes are never given to another rule."""


def lint(catalog: Catalog, known: Known) -> list[Finding]:
    """What the rules find in a catalog, each thing once, by name and code."""
    found = dict.fromkeys(finding for rule in RULES for finding in rule(catalog, known))
    return sorted(found, key=lambda item: (item.subject, item.version, item.code, _line(item)))


def _line(finding: Finding) -> int:
    return finding.place.line if finding.place else 0
