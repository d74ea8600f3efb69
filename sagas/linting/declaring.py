"""What actions declare: what nobody could settle or undo by itself, seen before it happens."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

from approvals import Waiver
from compensations import Retry
from reversibility import ObservabilityKind, Reversibility
from sagas.authoring.action import Action
from sagas.authoring.catalog import Catalog
from sagas.authoring.handlers import Compensation, Probe
from sagas.authoring.options import Options
from sagas.decide import KEY_MARGIN
from sagas.linting.finding import Finding, Known, Level, Rule, place_of
from sagas.linting.keys import reads_its_key

_ASK = "define a probe that asks the destination, or declare key_ttl= and send the key"


def newest_actions(catalog: Catalog) -> list[Action[..., Any]]:
    """The newest version of each action that a body can still call and that has an effect."""
    newest: dict[str, Action[..., Any]] = {}
    for action in catalog.actions:
        known = newest.get(action.name)
        if not action.retired and (known is None or known.version < action.version):
            newest[action.name] = action
    return [action for action in newest.values() if action.options.reversibility.has_effect]


def remains_unsaid(catalog: Catalog, known: Known) -> Iterator[Finding]:
    """Tell of undos that say nothing of what remains."""
    for action, undo in _undos(catalog):
        may_leave = action.options.reversibility is Reversibility.COMPENSATABLE
        if may_leave and undo.residue is None and not undo.estimator and not undo.tells_residue:
            yield _of_undo(
                "S005",
                action,
                undo,
                f"nothing is said of what {undo.name} leaves behind, so that the saga ends as clean",
                "declare residue=, or return a Residue; if the former state is restored exactly, "
                "declare the action reversible",
                level=Level.NOTE,
            )


def outlasts_its_key(catalog: Catalog, known: Known) -> Iterator[Finding]:
    """Tell of calls that may still be repeated when the destination has forgotten their key."""
    for action, what, options in _calls(catalog):
        longest = longest_life(options)
        if options.key_ttl is not None and not options.repeatable and options.key_ttl < longest:
            yield _of_action(
                "S007",
                action,
                f"{what} may go on for {longest}, and its key is forgotten after {options.key_ttl}: "
                "attempts later than that are not made, and a lost answer needs a probe or a person",
                "make timeout= or retry= shorter, or declare the key_ttl= that the destination "
                "documents",
            )


def nobody_can_tell(catalog: Catalog, known: Known) -> Iterator[Finding]:
    """Tell of actions whose lost answers only a person could settle."""
    for action in newest_actions(catalog):
        undo = action.undo
        if _kind(action.options, action.asks) is not ObservabilityKind.NEITHER:
            continue
        if undo is not None and undo.binding.needs_result:
            yield _of_action(
                "S009",
                action,
                f"{undo.name} needs the result, and nothing tells the result of a call whose answer "
                "was lost: after a crash nobody but a person can undo it",
                f"{_ASK}; or let the compensation take `result: ... | None`",
            )
        elif undo is None or not undo.binding.accepts_unknown:
            yield _of_action(
                "S008",
                action,
                "it has neither a key nor a probe and is not repeatable: whenever its answer is "
                "lost, a person is asked whether it happened, and it is never called twice",
                f"{_ASK}; list errors after which nothing has happened in definite=",
                level=Level.WARNING if undo is not None else Level.NOTE,
            )


def undo_in_doubt(catalog: Catalog, known: Known) -> Iterator[Finding]:
    """Tell of undos whose lost answers only a person could settle."""
    for action, undo in _undos(catalog):
        if undo.policy().observability.kind is ObservabilityKind.NEITHER:
            yield _of_undo(
                "S010",
                action,
                undo,
                f"{undo.name} has neither a key nor a probe and is not repeatable: if its answer is "
                "lost, the unwind waits for a person",
                "declare repeatable=True if undoing twice does no harm, or key_ttl= and send the "
                f"key, or define a probe with `@{undo.name}.probe()`",
            )


def goes_without_gate(catalog: Catalog, known: Known) -> Iterator[Finding]:
    """Tell of calls that cannot be undone and that nobody is asked about, by declared will."""
    for action, what, options in _calls(catalog):
        if options.reversibility.needs_approval and isinstance(options.approval, Waiver):
            yield _of_action(
                "S013" if options is action.options else "S017",
                action,
                f"{what} is {options.reversibility}, and nobody is asked: "
                f"{options.approval.reason}",
                "if that is no longer so, declare approval=approval(by=..., within=...)",
                level=Level.NOTE,
            )


def searches_by_nothing(catalog: Catalog, known: Known) -> Iterator[Finding]:
    """Tell of probes that never read the key of the call that they are asked about."""
    for action in newest_actions(catalog):
        undo = action.undo
        for probe in (action.asks, undo.asks if undo else None):
            if probe is not None and not reads_its_key(probe.fn):
                blind = not probe.binding.inputs
                yield Finding(
                    "S025",
                    action.name,
                    action.version,
                    f"{probe.name} never reads current_step().idempotency_key: "
                    + (
                        "it cannot know which call it is asked about"
                        if blind
                        else "it may find what another call with the same inputs has done"
                    ),
                    "search by a reference that was sent with the call: the key, or something made "
                    "from it",
                    Level.WARNING if blind else Level.NOTE,
                    place_of(probe.fn),
                )


def longest_life(options: Options) -> timedelta:
    """From the first intent of a call to the end of its last attempt, if each takes all its time."""
    retry = options.retry
    waits = sum((_wait(retry, number) for number in range(1, retry.attempts)), timedelta(0))
    return options.timeout * retry.attempts + waits + KEY_MARGIN


def _wait(retry: Retry, number: int) -> timedelta:
    if number > 64:
        return retry.longest
    try:
        return min(retry.first * retry.factor ** (number - 1), retry.longest)
    except OverflowError:
        return retry.longest


def _kind(options: Options, probe: Probe | None) -> ObservabilityKind:
    if options.key_ttl is not None or options.repeatable:
        return ObservabilityKind.BOTH if probe else ObservabilityKind.KEY
    return ObservabilityKind.PROBE if probe else ObservabilityKind.NEITHER


def _undos(catalog: Catalog) -> Iterator[tuple[Action[..., Any], Compensation]]:
    for action in newest_actions(catalog):
        if action.undo is not None:
            yield action, action.undo


def _calls(catalog: Catalog) -> Iterator[tuple[Action[..., Any], str, Options]]:
    """Each call that may be made: of an action, and of its compensation."""
    for action in newest_actions(catalog):
        yield action, action.short_name, action.options
        if action.undo is not None:
            yield action, action.undo.name, action.undo.options


def _of_action(
    code: str, action: Action[..., Any], reason: str, mend: str, *, level: Level = Level.WARNING
) -> Finding:
    return Finding(code, action.name, action.version, reason, mend, level, place_of(action.fn))


def _of_undo(
    code: str,
    action: Action[..., Any],
    undo: Compensation,
    reason: str,
    mend: str,
    *,
    level: Level = Level.WARNING,
) -> Finding:
    return Finding(code, action.name, action.version, reason, mend, level, place_of(undo.fn))


DECLARED_RULES: Iterable[Rule] = (
    remains_unsaid,
    outlasts_its_key,
    nobody_can_tell,
    undo_in_doubt,
    goes_without_gate,
    searches_by_nothing,
)
