"""People for tests: they decide and answer as told, through the same door as everybody else.

Touches: the environment, to see that this is a test.
"""

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any

from approvals import Approval, Gate, Principal
from approvals.requirement import groups_asked, people_asked
from compensations import Choice, InterventionKind
from sagas.coordinator import Coordinator
from sagas.errors import PayloadError, SagaError
from sagas.ports import QuestionRow
from sagas.testing.errors import NotATest

exploring: ContextVar[bool] = ContextVar("sagas_exploring", default=False)
"""Whether this is a simulation."""

TESTERS = tuple(f"tester-{number}" for number in range(1, 10))
REASON = "a test decides"


class TestDirectory:
    """Nine testers, who are in every group, and whoever an approval names."""

    __test__ = False
    source = "the people of a test"

    def __init__(self) -> None:
        self._groups: set[str] = set()
        self._people: set[str] = set(TESTERS)

    def admit(self, approval: Approval) -> None:
        """Know the people and groups of a requirement."""
        self._groups |= set(groups_asked(approval, approval.within))
        self._people |= set(people_asked(approval, approval.within))

    def principal(self, operating_system_user: str) -> Principal | None:
        """Whoever it is.

        Raises:
            NotATest: This is no test.
        """
        check_test()
        return Principal(
            name=operating_system_user,
            display=operating_system_user,
            groups=self.groups_of(operating_system_user),
            evidence="a test",
        )

    def authenticate(self, name: str, token: str) -> Principal | None:
        """Nobody: testers have no tokens."""
        return None

    def members(self, group: str) -> frozenset[str]:
        """The testers.

        Raises:
            NotATest: This is no test.
        """
        check_test()
        self._groups.add(group)
        return frozenset(TESTERS)

    def identified(self, claim: str, value: str) -> Principal | None:
        """Nobody: testers log in nowhere."""
        return None

    def groups_of(self, name: str) -> frozenset[str]:
        """Every group that was ever asked about, for a tester.

        Raises:
            NotATest: This is no test.
        """
        check_test()
        return frozenset(self._groups) if name in TESTERS else frozenset()


def check_test() -> None:
    """Refuse to play a person where it is not a test.

    Raises:
        NotATest: Neither does pytest run, nor a simulation.
    """
    if "PYTEST_CURRENT_TEST" not in os.environ and not exploring.get():
        raise NotATest(
            "people are played in tests only: run this under pytest, or let `explore` play them"
        )


Decide = Callable[[Gate], str]
"""What to do about a gate: `approve`, `reject`, or `wait`."""

Answer = Callable[[QuestionRow, "Truth"], tuple[Choice, object] | None]
"""What to answer a question, with the result of the call for `happened`; None for nothing."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What a person could find out by looking.

    Attributes:
        done: Whether the call that is asked about took effect, as the world says.
        has_result: Whether it is known what the call returned.
        result: What it returned.
        asked_before: How often a person was asked the same about this step.
        is_out: Whether something was done that cannot be undone.
    """

    done: bool
    has_result: bool = False
    result: object = None
    asked_before: int = 0
    is_out: bool = False


def approving(gate: Gate) -> str:
    """Approve whatever it is."""
    return "approve"


@dataclass
class Responder:
    """Decides gates and answers questions, once each time that it is asked to look.

    Args:
        decide: What to do about each gate; by default it is approved.
        answer: What to answer each question; by default the truth.
        events: What is sent to a saga that waits for an event of that name.
    """

    decide: Decide = approving
    answer: Answer = field(default_factory=lambda: truthfully)
    events: Mapping[str, object] = field(default_factory=dict[str, object])

    async def respond(
        self,
        coordinator: Coordinator,
        saga_id: str,
        *,
        truth: Callable[[QuestionRow], Truth] = lambda question: Truth(done=False),
        but: Collection[str] = (),
    ) -> bool:
        """Do what is to be done for a saga now; tells whether there was anything.

        Args:
            truth: What a person would find out by looking.
            but: The ids of gates that are left alone.

        Raises:
            NotATest: This is no test.
        """
        check_test()
        acted = False
        for gate in await coordinator.store.gates_of(saga_id):
            if gate.state.is_open and gate.id not in but:
                acted = await self._decide(coordinator, gate) or acted
        for question in await coordinator.store.questions_of(saga_id):
            if question.state == "open":
                acted = await self._answer(coordinator, question, truth(question)) or acted
        return acted

    async def _decide(self, coordinator: Coordinator, gate: Gate) -> bool:
        what = self.decide(gate)
        if what == "wait":
            return False
        if what not in ("approve", "reject"):
            raise SagaError(f"{what!r} is no decision: approve, reject or wait")
        for voter in voters(gate):
            if what == "reject":
                await coordinator.reject(gate.id, by=voter, reason=REASON)
                return True
            await coordinator.approve(gate.id, by=voter, reason=REASON)
        return True

    async def _answer(self, coordinator: Coordinator, question: QuestionRow, truth: Truth) -> bool:
        answer = self.answer(question, truth)
        if answer is None:
            return False
        choice, result = answer
        try:
            await coordinator.resolve(
                question.id, choice, reason=REASON, result=result, by=TESTERS[0]
            )
        except PayloadError:
            if not truth.has_result:
                raise
            unknown = replace(truth, has_result=False, result=None)  # it cannot be told as it is
            return await self._answer(coordinator, question, unknown)
        return True


def voters(gate: Gate) -> Sequence[str]:
    """As many people as the gate asks for, of those who may."""
    people = [name for name in gate.eligible or TESTERS if name != gate.editor]
    one_kind = len(gate.policy.clauses) == 1
    return people[: gate.policy.quorum] if one_kind else people


def truthfully(question: QuestionRow, truth: Truth) -> tuple[Choice, Any] | None:
    """Answer what the world says; where it says nothing, what ends the saga soonest.

    What led to something that cannot be undone is not taken away from under it, if it may stay.
    """
    offers = question.choices
    if question.kind == InterventionKind.IN_DOUBT:
        if not truth.done:
            return Choice.NOT_HAPPENED, None
        if not question.wants_result:
            return Choice.HAPPENED, None
        if truth.has_result and truth.result is not None:
            return Choice.HAPPENED, truth.result
    if question.kind == InterventionKind.COMPENSATION_IN_DOUBT and truth.done:
        return Choice.DONE, None
    wanted = (Choice.RETRY, Choice.RESUME) if truth.asked_before == 0 else ()
    back = (Choice.UNWIND, Choice.WAIVE, Choice.KEEP)
    for choice in (*wanted, *(reversed(back) if truth.is_out else back), *offers):
        if choice in offers:
            return choice, None
    return None
