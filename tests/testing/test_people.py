"""People who are played: in tests only, and they tell the truth."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from compensations import Choice, InterventionKind
from compensations.interventions import OFFERS
from sagas import Catalog, Reversibility, waived
from sagas.ports import QuestionRow
from sagas.testing import Evidence, NotATest, Provider, TestDirectory, Truth, explore
from sagas.testing.people import truthfully

DAY = timedelta(days=1)


def asked(kind: InterventionKind) -> QuestionRow:
    return QuestionRow("q", "s", "s/do#1", kind, "?", "", OFFERS[kind], False, "open", 0)


def test_the_directory_of_a_test_knows_nobody_outside_a_test(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    people = TestDirectory()
    for look in (people.principal, people.members, people.groups_of):
        with pytest.raises(NotATest, match="played in tests only"):
            look("tester-1")


@pytest.mark.parametrize(
    ("kind", "choice"),
    [
        (InterventionKind.PAST_PIVOT, Choice.KEEP),
        (InterventionKind.POISONED, Choice.KEEP),
        (InterventionKind.LATE_EFFECT, Choice.WAIVE),
    ],
)
def test_what_cannot_be_undone_is_kept_with_what_led_to_it(
    kind: InterventionKind, choice: Choice
) -> None:
    told = truthfully(asked(kind), Truth(done=True, asked_before=1, is_out=True))

    assert told == (choice, None)


def test_what_can_be_undone_is_undone() -> None:
    told = truthfully(asked(InterventionKind.POISONED), Truth(done=True, asked_before=1))

    assert told == (Choice.UNWIND, None)


async def test_who_tells_the_truth_knows_that_something_is_out() -> None:
    catalog, world = Catalog("press"), Provider.keyed()

    @catalog.action(reversibility=Reversibility.COMPENSATABLE, key_ttl=DAY)
    async def draft(text: str) -> str:
        return await world.do("draft", text)

    @draft.compensation()
    async def delete(result: str) -> None:
        await world.undo("draft", result)

    @catalog.action(
        reversibility=Reversibility.IRREVERSIBLE, approval=waived(reason="a test"), key_ttl=DAY
    )
    async def publish(draft: str) -> str:
        return await world.do("publish", draft)

    @catalog.saga
    async def press(text: str) -> str:
        return await publish(await draft(text))

    def drafts_of_what_is_out_stay(evidence: Evidence) -> Iterator[str]:
        done = {(effect.name, effect.direction) for effect in evidence.ledger}
        if {("publish", "do"), ("draft", "undo")} <= done:
            yield "the draft of what is published was deleted"

    report = await explore(
        press, "news", world=world, schedules=1, rules=[drafts_of_what_is_out_stay]
    )

    report.check()
