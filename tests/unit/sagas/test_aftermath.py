"""Which entries have a saga's gates told anew."""

import pytest

from approvals.aftermath import Aftermath
from sagas import entries as e
from sagas.driving.aftermath import notes
from sagas.entries import Entry
from tests.unit.sagas.script import PATH, START, Script

INTENT = e.Intended(
    path=PATH,
    ordinal=0,
    action="book",
    version=1,
    reversibility="compensatable",
    attempt=1,
    key="key",
    generation=0,
    latest_end=START,
    payload=b"{}",
)
BEGAN = e.UnwindBegan(reason="ill", cause="cancel", generation=1)


def opened(path: str, direction: str = "do") -> Entry:
    return e.GateOpened(
        gate=f"g {path} {direction}",
        path=path,
        direction=direction,
        ordinal=0,
        action="book",
        version=1,
        generation=0,
        digest="d",
        deadline=START,
        by="ana",
        payload=b"{}",
    )


def told(script: Script, entry: Entry) -> list[tuple[Aftermath, tuple[str, ...]]]:
    return [(note.became, note.gate_ids) for note in notes(script.state, entry, START)]


@pytest.mark.parametrize(
    "entry",
    [
        e.Succeeded(path=PATH),
        e.Failed(path=PATH, error="E", message="m"),
        BEGAN,
        e.Ended(status="residual"),
    ],
    ids=lambda entry: entry.kind,
)
def test_a_saga_without_gates_tells_nothing(entry: Entry) -> None:
    assert notes(Script().add(INTENT).state, entry, START) == []


@pytest.mark.parametrize(
    ("entry", "became"),
    [
        (e.Succeeded(path=PATH), Aftermath.DONE),
        (e.Failed(path=PATH, error="E", message="m"), Aftermath.FAILED),
        (
            e.FoundInDoubt(path=PATH, direction="do", reason="r", ended=START, observed=True),
            Aftermath.IN_DOUBT,
        ),
    ],
    ids=lambda value: str(getattr(value, "kind", value)),
)
def test_what_became_of_a_step_is_told_at_its_own_gate(entry: Entry, became: Aftermath) -> None:
    script = Script().add(opened(PATH), opened("trip/pay#1"))
    assert told(script, entry) == [(became, (f"g {PATH} do",))]


def test_what_became_of_an_undo_is_told_at_the_gate_of_the_undo() -> None:
    script = Script().add(opened(PATH), opened(PATH, "undo"))
    assert told(script, e.Compensated(path=PATH)) == [(Aftermath.DONE, (f"g {PATH} undo",))]
    failed = e.CompensationFailed(path=PATH, error="E", message="m")
    assert told(script, failed) == [(Aftermath.FAILED, (f"g {PATH} undo",))]


def test_a_step_without_a_gate_is_told_nowhere() -> None:
    assert told(Script().add(opened("trip/pay#1")), e.Succeeded(path=PATH)) == []


def test_an_unwind_and_its_end_are_told_at_every_gate() -> None:
    script = Script().add(opened("a#1"), opened("b#1"))
    both = ("g a#1 do", "g b#1 do")
    assert told(script, BEGAN) == [(Aftermath.UNDOING, both)]
    assert told(script, e.Ended(status="compensated")) == [(Aftermath.UNDONE, both)]
    assert told(script, e.Ended(status="residual")) == [(Aftermath.RESIDUAL, both)]


def test_a_saga_that_completes_tells_nothing_more() -> None:
    assert told(Script().add(opened("a#1")), e.Ended(status="completed")) == []


def test_the_undoing_of_a_block_is_told_at_the_gates_in_it() -> None:
    script = Script().add(opened("trip/block/a#1"), opened("trip/b#1"))
    found = told(script, e.RolledBackTo(path="trip/block"))
    assert found == [(Aftermath.ROLLED_BACK, ("g trip/block/a#1 do",))]
    assert told(script, e.RolledBackTo(path="trip/other")) == []


def test_a_saga_that_is_reopened_while_it_is_undone_says_so() -> None:
    script = Script().add(opened("a#1"))
    reopened = e.Reopened(path="a#1", direction="do", reason="late")
    assert told(script, reopened) == []
    assert told(script.add(BEGAN), reopened) == [(Aftermath.UNDOING, ("g a#1 do",))]
