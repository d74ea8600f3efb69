"""Oracles: rules that judge a saga by its journal and by what the world recorded.

They read the entries, and not the state that the product folds from them, so that a mistake in
folding, deciding or planning shows too. Each rule is a function; `ALWAYS` holds at every moment,
`AT_THE_END` once a saga is at rest. `overlaps` judges several sagas of one journal together.

Pure.
"""

from sagas.testing.oracles.evidence import Call, Evidence
from sagas.testing.oracles.locks import overlaps
from sagas.testing.oracles.verdict import ALWAYS, AT_THE_END, Rule, violations

__all__ = ["ALWAYS", "AT_THE_END", "Call", "Evidence", "Rule", "overlaps", "violations"]
