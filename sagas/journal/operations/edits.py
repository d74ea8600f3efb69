"""Other arguments for an open gate, and the revisions there were.

A revision is a row that is never changed. The first, as the gate was asked, is written beside the
second: until then it is the gate's own.

An edit that is refused is a row of its own, as a refused vote is.

Pure.
"""

from dataclasses import dataclass

from approvals import Gate
from approvals.gate import is_intact
from approvals.revision import Proposal, RefusedEdit, Revision, refused_edit, revise
from sagas.errors import Refused
from sagas.journal import records, statements, statements_edits
from sagas.journal.operation import Operation, Query
from sagas.journal.operations import desk
from sagas.model import micros


@dataclass(frozen=True, slots=True)
class Edited:
    """A gate after an edit; with a refusal, it changed nothing."""

    gate: Gate
    refusal: str | None


def edit(journal_id: str, gate_id: str, proposal: Proposal, *, settling: bool) -> Operation[Edited]:
    """Let a gate ask about other arguments from now on."""
    found = yield Query(statements.SAGA_OF_GATE, (gate_id,))
    if not found:
        raise Refused(f"there is no gate {gate_id}")
    held = yield from desk.hold(found[0][0])
    gate = records.gate((yield Query(statements.LOCK_GATE, (gate_id,)))[0])
    if not is_intact(gate, journal_id=journal_id):
        raise Refused(
            f"gate {gate_id} was tampered with: what it shows is not what its digest stands for; "
            "nothing was changed"
        )
    if settling and (yield from _is_made(gate_id, proposal)):
        return Edited(gate, None)
    ruling = revise(gate, proposal, journal_id=journal_id, now=proposal.at)
    if ruling.accepted:
        yield from _revise(gate, ruling.gate, proposal)
        yield from desk.ask(
            held,
            "edit",
            ref=gate_id,
            by=desk.Asker(proposal.editor.name, proposal.editor.evidence, proposal.channel),
            reason=proposal.reason,
            state=f"{ruling.gate.revision} {ruling.gate.digest}",
            at=micros(proposal.at),
            payload=proposal.arguments,
        )
    elif ruling.gate.state is not gate.state:
        yield Query(statements.DECIDE_GATE, records.decision_values(ruling.gate))
        yield from desk.decide(held, ruling.gate, at=micros(proposal.at))
    if ruling.refusal is not None:
        refused = refused_edit(proposal, ruling.refusal, journal_id=journal_id)
        yield from _record(gate_id, refused, settling=settling)
    return Edited(ruling.gate, None if ruling.accepted else ruling.message)


def revisions(gate_id: str) -> Operation[list[Revision]]:
    """The revisions of a gate that was edited, the first as it was asked; none of any other."""
    return [records.revision(row) for row in (yield Query(statements_edits.REVISIONS, (gate_id,)))]


def refused_edits(gate_id: str) -> Operation[list[RefusedEdit]]:
    """The edits of a gate that were refused, in the order in which they were."""
    found = yield Query(statements_edits.REFUSED_EDITS, (gate_id,))
    return [records.refused_edit(row) for row in found]


def _record(gate_id: str, refused: RefusedEdit, *, settling: bool) -> Operation[None]:
    """Keep a refusal once, however often its transaction is made."""
    if settling:
        place = (gate_id, refused.principal, micros(refused.at))
        if (yield Query(statements_edits.REFUSED_EDIT, place)):
            return
    values = records.refused_edit_values(gate_id, refused)
    yield Query(statements_edits.RECORD_REFUSED_EDIT, values)


def _revise(before: Gate, after: Gate, proposal: Proposal) -> Operation[None]:
    if before.revision == 1:
        asked = records.revision_values(before, by=None, reason=None, at=before.opened_at)
        yield Query(statements_edits.ADD_REVISION, asked)
    made = records.revision_values(
        after, by=proposal.editor.name, reason=proposal.reason, at=proposal.at
    )
    yield Query(statements_edits.ADD_REVISION, made)
    yield Query(statements_edits.REVISE_GATE, records.revised_values(after))


def _is_made(gate_id: str, proposal: Proposal) -> Operation[bool]:
    """Whether an earlier attempt, whose answer was lost, has made this very revision."""
    made = [
        found for found in (yield from revisions(gate_id)) if found.number == proposal.revision + 1
    ]
    return [(one.by, one.at, one.arguments) for one in made] == [
        (proposal.editor.name, proposal.at, proposal.arguments)
    ]
