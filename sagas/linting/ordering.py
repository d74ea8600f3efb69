"""The order of steps in a body: what comes after a step that cannot be undone, and what before it.

Findings are about what may happen, branch by branch; a failure that the body handles, and a saga
that says `after_pivot="unwind"`, have been thought about and are not found.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from approvals import Approval
from reversibility import ObservabilityKind
from sagas.authoring.catalog import Catalog
from sagas.authoring.saga import Saga
from sagas.linting.finding import Finding, Known, Level, Rule
from sagas.linting.flow import Flow, Site, flow_of
from sagas.model import AfterPivot


def newest_sagas(catalog: Catalog) -> list[Saga[Any, Any]]:
    """The newest version of each saga."""
    newest: dict[str, Saga[Any, Any]] = {}
    for saga in catalog.sagas:
        if saga.name not in newest or newest[saga.name].version < saga.version:
            newest[saga.name] = saga
    return list(newest.values())


def flows(catalog: Catalog) -> Iterator[tuple[Saga[Any, Any], Flow]]:
    """The sagas of a catalog whose bodies can be read."""
    for saga in newest_sagas(catalog):
        flow = flow_of(saga)
        if flow is not None:
            yield saga, flow


def fallible_after_pivot(catalog: Catalog, known: Known) -> Iterator[Finding]:
    """Tell of steps that could come before one that cannot be undone, and come after it."""
    for saga, site, pivot in _after_pivots(catalog):
        if site.action.options.reversibility.is_undoable and not site.is_caught:
            yield _finding(
                "S001",
                saga,
                site,
                f"{site.action.short_name} can fail after {pivot.action.short_name}, which cannot "
                "be undone: a person is asked then how to go on",
                f"call it before {pivot.action.short_name}; or catch its failure and go another "
                'way; or declare the saga with after_pivot="unwind"',
            )


def several_pivots(catalog: Catalog, known: Known) -> Iterator[Finding]:
    """Tell of a second step that cannot be undone, with nothing to do if it fails."""
    for saga, site, pivot in _after_pivots(catalog):
        if site.action.options.reversibility.is_pivot and not site.is_caught:
            again = " itself, in a loop" if site is pivot else ""
            yield _finding(
                "S002",
                saga,
                site,
                f"{site.action.short_name} comes after {pivot.action.short_name}{again}, and neither "
                "can be undone: if the later one fails or is rejected, the earlier one stands",
                "catch its failure and go another way, or make one action of both; or declare the "
                'saga with after_pivot="unwind"',
            )


def not_retriable_after_pivot(catalog: Catalog, known: Known) -> Iterator[Finding]:
    """Tell of steps past the pivot whose lost outcome only a person can settle."""
    for saga, site, pivot in _after_pivots(catalog):
        kind = site.action.policy(site.action.options.reversibility).observability.kind
        if site is not pivot and kind is ObservabilityKind.NEITHER:
            yield _finding(
                "S003",
                saga,
                site,
                f"{site.action.short_name} comes after {pivot.action.short_name}, has neither a key "
                "nor a probe, and is not repeatable: if its answer is lost, nothing but a person "
                "can bring the saga forward",
                "declare key_ttl= and send the key, or define a probe, or declare it repeatable",
            )


def closes_while_waiting(catalog: Catalog, known: Known) -> Iterator[Finding]:
    """Tell of effects that can be undone for less time than a later approval may take."""
    for saga, flow in flows(catalog):
        for earlier, gate in _waits(flow):
            window, asked = earlier.action.window, gate.action.options.approval
            if window is None or window.duration is None or not isinstance(asked, Approval):
                continue
            if window.alarm is None and asked.within >= window.duration:
                yield _finding(
                    "S006",
                    saga,
                    earlier,
                    f"{earlier.action.short_name} can be undone for {window.duration}, and "
                    f"{gate.action.short_name} may wait {asked.within} for its approval: a rejection "
                    "may come when it cannot be undone any more",
                    "ask before it, or within a shorter time; or have an alarm raised: "
                    "Window(..., alarm=timedelta(...))",
                )


def built_upon_too_early(catalog: Catalog, known: Known) -> Iterator[Finding]:
    """Tell of a step that is said to build upon another, and is called before it."""
    for saga, flow in flows(catalog):
        for site in flow.sites:
            called = {other.action.name for other in flow.sites}
            earlier = {other.action.name for other in flow.earlier(site)}
            for name in site.action.after:
                if name in called and name not in earlier and name != site.action.name:
                    yield _finding(
                        "S016",
                        saga,
                        site,
                        f"{site.action.short_name} is declared after={name!r}, but is called before "
                        "it: undoing goes in the order of the calls, so that what it builds upon "
                        "would be undone first",
                        f"call {name.rpartition('.')[2]} first, or take it out of after=",
                    )


def asks_in_a_loop(catalog: Catalog, known: Known) -> Iterator[Finding]:
    """Tell of a loop in which every turn asks a person."""
    for saga, flow in flows(catalog):
        for site in flow.sites:
            if site.is_repeated and isinstance(site.action.options.approval, Approval):
                yield _finding(
                    "S024",
                    saga,
                    site,
                    f"{site.action.short_name} is called in a loop, and each call asks a person",
                    "make one action of all of them, so that one approval is for all; or say by a "
                    "standing rule which of them need nobody",
                    level=Level.NOTE,
                )


def _after_pivots(catalog: Catalog) -> Iterator[tuple[Saga[Any, Any], Site, Site]]:
    """Each step with an effect that may come after a pivot, with the first such pivot."""
    for saga, flow in flows(catalog):
        if saga.after_pivot is AfterPivot.UNWIND:
            continue
        for site in flow.sites:
            if not site.action.options.reversibility.has_effect:
                continue
            pivot = next(_pivots(flow, site), None)
            if pivot is not None:
                yield saga, site, pivot


def _waits(flow: Flow) -> Iterator[tuple[Site, Site]]:
    """Each effect with a window, and each step that a person is asked about after it."""
    for gate in flow.sites:
        for earlier in flow.earlier(gate):
            if earlier.action.window is not None and earlier is not gate:
                yield earlier, gate


def _pivots(flow: Flow, site: Site) -> Iterator[Site]:
    return (item for item in flow.earlier(site) if item.action.options.reversibility.is_pivot)


def _finding(
    code: str,
    saga: Saga[Any, Any],
    site: Site,
    reason: str,
    mend: str,
    *,
    level: Level = Level.WARNING,
) -> Finding:
    return Finding(code, saga.name, saga.version, reason, mend, level, site.place)


ORDER_RULES: Iterable[Rule] = (
    fallible_after_pivot,
    several_pivots,
    not_retriable_after_pivot,
    closes_while_waiting,
    built_upon_too_early,
    asks_in_a_loop,
)
