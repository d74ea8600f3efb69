"""What recorded sagas show that no source tells: which resources were touched."""

from collections.abc import Iterable, Iterator
from itertools import combinations

from compensations.plan import concurrent
from sagas.authoring.catalog import Catalog
from sagas.linting.finding import Finding, Known, Rule
from sagas.state import SagaState, Step


def shared_in_parallel(catalog: Catalog, known: Known) -> Iterator[Finding]:
    """Tell of branches of one `parallel` that touched the same resource."""
    for state in _runs(catalog, known):
        for one, other in combinations(_with_conflicts(state), 2):
            shared = one.conflicts & other.conflicts
            if shared and concurrent(one.path, other.path):
                yield Finding(
                    "S011",
                    state.saga,
                    state.version,
                    f"{_named(one)} and {_named(other)} touched the same resource in branches of "
                    "one parallel: which of them came first is chance, and so is the order in which "
                    "they are undone",
                    "call one after the other; or, if their order does not matter, give them "
                    "conflicts= that differ",
                )


def _runs(catalog: Catalog, known: Known) -> Iterator[SagaState]:
    names = {saga.name for saga in catalog.sagas}
    return (state for state in known.runs if state.saga in names)


def _with_conflicts(state: SagaState) -> list[Step]:
    return [step for step in state.steps.values() if step.conflicts and step.may_have_happened]


def _named(step: Step) -> str:
    return step.action.rpartition(".")[2]


RECORDED_RULES: Iterable[Rule] = (shared_in_parallel,)
