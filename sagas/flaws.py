"""What is wrong with a gate, as its row, its votes, its rule and the entries of its saga tell it.

The chain shows that no entry was changed. It does not show that the entries make sense, nor that the
rows beside them say the same: somebody who may append could decide a gate twice, and somebody who may
write rows could say that one was approved.

Pure.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal, InvalidOperation

from approvals import Gate, GateState, Vote
from approvals.gate import is_intact, may_move
from approvals.quorum import is_met
from approvals.rule import units_of
from sagas.entries import Entry, GateConsumed, GateDecided, GateOpened
from sagas.ports import Request, RuleUse

__all__ = ["decided_twice", "flaw_of_decision", "flaw_of_row", "flaws_of_uses", "never_opened"]

_BY_VOTES = frozenset({GateState.APPROVED, GateState.CONSUMED})


def decided_twice(entries: Iterable[Entry]) -> list[str]:
    """The gates that left a state which is never left, in the words of the entries."""
    flaws: list[str] = []
    known: dict[str, GateState] = {}
    for entry in entries:
        match entry:
            case GateOpened():
                known[entry.gate] = GateState.PENDING
            case GateDecided(gate=gate, state=state):
                flaws += _move(known, gate, GateState(state))
            case GateConsumed(gate=gate):
                flaws += _move(known, gate, GateState.CONSUMED)
            case _:
                pass
    return flaws


def _move(known: dict[str, GateState], gate: str, new: GateState) -> list[str]:
    old = known.get(gate)
    known[gate] = new
    if old is None:
        return [f"gate {gate} is {new} without having been opened"]
    return [] if may_move(old, new) else [f"gate {gate} was {old}, and then {new}"]


def never_opened(gates: Iterable[Gate], entries: Iterable[Entry]) -> list[str]:
    """Rows of gates that no entry speaks of, and entries whose rows are gone."""
    rows = {gate.id for gate in gates}
    opened = {entry.gate for entry in entries if isinstance(entry, GateOpened)}
    return [
        *(f"gate {gate} has a row, and no entry opened it" for gate in sorted(rows - opened)),
        *(f"gate {gate} was opened, and its row is gone" for gate in sorted(opened - rows)),
    ]


def flaw_of_row(gate: Gate, opened: GateOpened | None, *, journal_id: str) -> str | None:
    """Whether a gate shows something else than what it opened with."""
    if not is_intact(gate, journal_id=journal_id):
        return f"gate {gate.id} shows something else than its digest stands for"
    if opened is None or opened.stakes is None or gate.revision > 1:
        return None  # an edit may change what stands beside the arguments
    if (gate.stakes.to_json(), gate.because) != (opened.stakes, opened.because):
        return f"gate {gate.id} shows another class or reason than the one it opened with"
    return None


def flaw_of_decision(
    gate: Gate, votes: Sequence[Vote], entries: Iterable[Entry], waiting: Iterable[Request]
) -> str | None:
    """Whether a gate's row says something else than its entries, or than its votes add up to.

    Args:
        waiting: The requests that whoever drives the saga has not taken up.
    """
    said, rule = _last(gate.id, entries)
    asked = {request.state for request in waiting if request.ref == gate.id}
    if gate.state != said and gate.state not in asked:
        return f"gate {gate.id} is {gate.state} by its row, and {said} by the entries"
    if gate.state in _BY_VOTES and rule is None and not is_met(gate, votes):
        return f"gate {gate.id} is {gate.state}, and has not the votes that it asks for"
    return None


def flaws_of_uses(saga_id: str, uses: Iterable[RuleUse], entries: Iterable[Entry]) -> list[str]:
    """Uses of standing rules that are not as the entries have them, and those that are not counted.

    Args:
        uses: Those recorded for the gates of this saga.
    """
    flaws: list[str] = []
    counted = {use.gate_id: use for use in uses}
    for entry in entries:
        if not isinstance(entry, GateConsumed) or entry.rule is None:
            continue
        use = counted.pop(entry.gate, None)
        if use is None:
            flaws.append(
                f"rule {entry.rule} allowed gate {entry.gate}, and that use is not counted"
            )
        elif use.rule_id != entry.rule or use.saga_id != saga_id:
            flaws.append(
                f"gate {entry.gate} was allowed by rule {entry.rule}, and counts as a use of "
                f"{use.rule_id} by {use.saga_id}"
            )
        elif use.units != _units(entry.amount):
            flaws.append(
                f"gate {entry.gate} took {entry.amount or 'nothing'} of rule {entry.rule}, and "
                "another amount is counted"
            )
    return flaws + [
        f"gate {gate} counts as a use of rule {use.rule_id}, and no entry says so"
        for gate, use in counted.items()
    ]


def _units(amount: str | None) -> int | None:
    try:
        return None if amount is None else units_of(Decimal(amount))
    except InvalidOperation:
        return None


def _last(gate: str, entries: Iterable[Entry]) -> tuple[str, str | None]:
    """The state that the entries leave a gate in, and the rule that approved it, if one did."""
    state, rule = GateState.PENDING.value, None
    for entry in entries:
        if isinstance(entry, GateDecided) and entry.gate == gate:
            state, rule = entry.state, entry.rule
        elif isinstance(entry, GateConsumed) and entry.gate == gate:
            state = GateState.CONSUMED.value
    return state, rule
