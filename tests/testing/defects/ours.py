"""Defects of the coordinator."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from typing import Any

import sagas.driving.run as running
import sagas.driving.steps as stepping
import sagas.fold as folding
from approvals import GateState
from approvals.rule import standing_rule
from compensations.plan import Effect, Standing
from reversibility import ObservabilityKind
from sagas import Coordinator, decide, entries
from sagas.driving.attempts import Flight
from sagas.driving.calling import Answer, TimedOut
from sagas.driving.drive import Drive
from sagas.driving.gates import Admitted, Gates
from sagas.driving.log import SagaLog, Submission
from sagas.driving.places import Place
from sagas.driving.requests import _Batch
from sagas.driving.timers import Waiting
from sagas.driving.undoing import Undoing
from sagas.journal.operations import desk, reading
from sagas.model import Status
from sagas.ports import Applied, MoveGate, Project, Unit
from sagas.state import Phase
from sagas.testing.people import TESTERS
from tests.testing.defects import Defect, replaced
from tests.testing.sagas import SAMPLES

Change = tuple[Any, str, Any]

DEFECTS: dict[str, Defect] = {}


def always(value: Any) -> Any:
    """A function that gives this, whatever it is given."""

    def gives(*_: Any, **__: Any) -> Any:
        return value

    return gives


def defect(saga: str, rule: str) -> Callable[[Callable[[], list[Change]]], None]:
    """Register what makes the changes; its docstring says what is wrong with them."""

    def register(make: Callable[[], list[Change]]) -> None:
        def plant() -> AbstractContextManager[None]:
            return replaced(*make())

        name = make.__name__
        assert name not in DEFECTS
        DEFECTS[name] = Defect(name, make.__doc__ or "", rule, SAMPLES[saga], plant)

    return register


def _applied_at_once(kind: type[entries.Entry], *, written: bool) -> list[Change]:
    """Entries of a kind are believed before they are durable; or are not written at all."""
    commit = SagaLog.commit

    async def hasty(
        self: SagaLog, *given: entries.Entry, ops: Any = (), guarded: bool = False
    ) -> None:
        if not any(isinstance(entry, kind) for entry in given):
            await commit(self, *given, ops=ops, guarded=guarded)
            return
        if written:
            self.emit(*given, ops=ops)
        for entry in given:
            folding._HANDLERS[type(entry)](self.state, self.state.head + 1, 0, entry)

    return [(SagaLog, "commit", hasty)]


def _applied_at_emission(kind: type[entries.Entry]) -> list[Change]:
    """Entries of a kind, and what travels with them, are believed and never written."""
    emit = SagaLog.emit

    def forgetful(
        self: SagaLog, *given: entries.Entry, ops: Any = (), guarded: bool = False
    ) -> Submission:
        if not any(isinstance(entry, kind) for entry in given):
            return emit(self, *given, ops=ops, guarded=guarded)
        for entry in given:
            folding._HANDLERS[type(entry)](self.state, self.state.head + 1, 0, entry)
        believed = Submission(given, tuple(ops), guarded)
        believed.resolve()
        return believed

    return [(SagaLog, "emit", forgetful)]


@defect("in_sequence", "what_is_called_is_what_was_intended")
def another_argument_than_intended() -> list[Change]:
    """An action is called with something else than its intent says."""
    launch = Flight.launch

    def careless(self: Flight, fn: Any, arguments: Any, *more: Any) -> None:
        changed = {name: f"{given}!" for name, given in arguments.items()}
        launch(self, fn, arguments if "result" in arguments else changed, *more)

    return [(Flight, "launch", careless)]


def ruled() -> list[Change]:
    """Before a saga starts, somebody has given an approval beforehand: that is no defect."""
    start = Coordinator.start

    async def given(self: Coordinator, *saga: Any, **more: Any) -> Any:
        made = self.now()
        rule = standing_rule(
            id="r-1",
            by=self.principal(TESTERS[0]),
            action="shop.mail",
            version=1,
            anything=True,
            uses=9,
            reason="they always go out",
            now=made,
            until=made + timedelta(days=2),
        )
        await self.store.create_rule(rule)
        return await start(self, *saga, **more)

    return [(Coordinator, "start", given)]


# --- intents --------------------------------------------------------------------------------------


@defect("in_sequence", "a_call_begins_after_its_intent")
def call_before_the_intent_is_durable() -> list[Change]:
    """The call is made while its intent is still on its way to the journal."""
    return _applied_at_once(entries.Intended, written=True)


@defect("in_sequence", "a_call_begins_after_its_intent")
def no_intent_of_an_undo() -> list[Change]:
    """A compensation is called without an intent."""
    return _applied_at_once(entries.CompensationIntended, written=False)


# --- keys -----------------------------------------------------------------------------------------

KEY = Drive.key


@defect("in_sequence", "a_key_holds_nothing_else")
def key_with_the_time_in_it() -> list[Change]:
    """The key of a call holds the time at which it is made."""

    def key(self: Drive, path: str, *given: Any, **more: Any) -> str:
        return KEY(self, f"{path} at {self.now()}", *given, **more)

    return [(Drive, "key", key)]


@defect("in_sequence", "a_call_keeps_its_key")
def key_with_the_attempt_in_it() -> list[Change]:
    """Each attempt at a call has a key of its own."""
    made: Any = stepping._Attempt

    def attempt(**given: Any) -> Any:
        key = sha256(f"{given['key']} {given['number']}".encode()).hexdigest()
        return made(**given | {"key": key if given["number"] > 1 else given["key"]})

    return [(stepping, "_Attempt", attempt)]


@defect("in_sequence", "a_key_belongs_to_one_call")
def key_of_two_steps() -> list[Change]:
    """Two calls of one action have the same key."""

    def key(self: Drive, path: str, *given: Any, **more: Any) -> str:
        return KEY(self, path.partition("#")[0], *given, **more)

    return [(Drive, "key", key)]


@defect("in_sequence", "a_key_belongs_to_one_call")
def key_of_both_directions() -> list[Change]:
    """An undo is called under the key of what it undoes."""

    def key(self: Drive, path: str, direction: Any, *, again: int = 0) -> str:
        step = self.state.steps.get(path)
        return step.forward.key if step is not None else KEY(self, path, direction, again=again)

    return [(Drive, "key", key)]


@defect("another_way", "generations_rise_one_by_one")
def generation_forgotten() -> list[Change]:
    """A rollback does not begin a new generation."""
    began = folding._rollback_began

    def forgetful(state: Any, seq: int, at: int, entry: Any) -> None:
        began(state, seq, at, replace(entry, generation=state.generation))

    return [(folding._HANDLERS, entries.RollbackBegan, forgetful)]  # type: ignore[list-item]


# --- outcomes and doubt ---------------------------------------------------------------------------


@defect("in_sequence", "only_what_may_have_happened_is_undone")
def outcome_dropped_with_what_was_refused() -> list[Change]:
    """What travelled with an entry that was refused is taken for written."""

    def take_back(self: SagaLog, sealed: Any, refused: Any, error: Exception) -> None:
        for submission in sealed:
            submission.resolve(error if refused(submission) else None)

    return [(SagaLog, "_take_back", take_back)]


@defect("in_sequence", "nothing_is_left_open")
def result_lost_after_the_effect() -> list[Change]:
    """A body is given a result that is never written."""
    return _applied_at_emission(entries.Succeeded)


@defect("a_gate_before_the_end", "doubt_is_not_called_again")
def retry_without_a_key() -> list[Change]:
    """What knows no keys is called again after a lost answer."""
    return [(decide, "_observable", always(ObservabilityKind.KEY))]


@defect("probes", "doubt_is_not_called_again")
def retry_without_asking() -> list[Change]:
    """What could be asked is called again after a lost answer instead."""
    return [(decide, "_observable", always(ObservabilityKind.KEY))]


@defect("in_sequence", "what_is_said_not_to_have_happened_did_not")
def doubt_taken_for_failure() -> list[Change]:
    """Any error of a call is taken for a refusal."""
    return [(Flight, "_is_definite", always(True))]


@defect("in_sequence", "what_is_said_not_to_have_happened_did_not")
def silence_taken_for_failure() -> list[Change]:
    """A call that does not answer in time is taken for one that did not happen."""
    entry = Flight._entry

    def given_up(self: Flight, answer: Answer) -> entries.Entry:
        if isinstance(answer, TimedOut):
            return entries.Failed(path=self._step.path, error="Timeout", message="no answer")
        return entry(self, answer)

    return [(Flight, "_entry", given_up)]


@defect("in_sequence", "what_is_said_to_have_happened_did")
def doubt_taken_for_success() -> list[Change]:
    """A call of which nobody knows whether it happened is taken for done."""

    def hopeful(self: Flight, reason: str, *, running: bool = False) -> entries.Entry:
        path = self._step.path
        if self._callee.direction == "undo":
            return entries.Compensated(path=path)
        return entries.Succeeded(path=path, payload=b'"surely"')

    return [(Flight, "_in_doubt", hopeful)]


@defect("probes", "absent_means_something")
def absent_believed_too_early() -> list[Change]:
    """A probe that finds nothing is believed while the call may still arrive."""

    def probe(track: Any, policy: Any, now: int, absent: Any) -> Any:
        return absent if track.absent else decide.Probe(absent_counts=True)

    return [(decide, "_probe", probe)]


# --- unwinding ------------------------------------------------------------------------------------


@defect("in_sequence", "what_came_later_is_undone_first")
def unwind_in_forward_order() -> list[Change]:
    """What was done first is undone first."""
    effect = decide._effect

    def turned(step: Any, stands: Standing) -> Effect:
        found = effect(step, stands)
        return replace(found, seq=1_000_000 - found.seq)

    return [(decide, "_effect", turned)]


@defect("what_builds_upon_what", "what_came_later_is_undone_first")
def unwind_regardless_of_what_builds_upon_it() -> list[Change]:
    """What a later step builds upon is undone while that step stands."""
    effect = decide._effect

    def alone(step: Any, stands: Standing) -> Effect:
        return replace(effect(step, stands), conflicts=frozenset(), after=frozenset())

    return [(decide, "_effect", alone)]


@defect("in_sequence", "nothing_is_left_open")
def unwind_forgets_what_is_in_doubt() -> list[Change]:
    """Only what is known to have happened is undone."""
    effects = decide.effects

    def known(state: Any, **given: Any) -> Any:
        return [item for item in effects(state, **given) if state.steps[item.path].happened]

    return [(decide, "effects", known)]


@defect("in_sequence", "only_what_may_have_happened_is_undone")
def undo_of_what_failed() -> list[Change]:
    """What is known not to have happened is undone."""
    standing = decide.standing

    def eager(state: Any, step: Any) -> Standing:
        failed = step.forward.phase is Phase.FAILED and step.forward.attempts
        if failed and step.undo.phase is Phase.NONE:
            return Standing.DONE
        return standing(state, step)

    return [(decide, "standing", eager)]


@defect("in_sequence", "nothing_is_undone_twice")
def undo_repeated_after_it_succeeded() -> list[Change]:
    """A compensation is called once more after it succeeded."""
    standing, undo = decide.standing, decide.undo

    def is_again(step_undo: Any) -> bool:
        return step_undo.phase is Phase.SUCCEEDED and step_undo.attempts == 1

    def twice(state: Any, step: Any) -> Standing:
        return Standing.DONE if is_again(step.undo) else standing(state, step)

    def again(track: Any, policy: Any, now: int) -> Any:
        return decide.Act(2) if is_again(track) else undo(track, policy, now)

    return [(decide, "standing", twice), (decide, "undo", again)]


@defect("another_way", "a_block_is_undone_before_the_body_goes_on")
def rollback_of_nothing() -> list[Change]:
    """A block is said to be rolled back before its steps are undone."""
    unwind = Undoing.unwind

    async def nothing(self: Undoing, within: str | None = None) -> bool:
        return True if within else await unwind(self)

    return [(Undoing, "unwind", nothing)]


@defect("no_way_back", "the_end_hides_nothing")
def what_cannot_be_undone_is_forgotten() -> list[Change]:
    """A saga is called compensated although something of it cannot be undone."""
    return [(decide, "end_of_unwind", always(Status.COMPENSATED))]


@defect("residue", "the_end_hides_nothing")
def residue_hidden() -> list[Change]:
    """A saga is called compensated although something remains."""
    return [(decide, "end_of_unwind", always(Status.COMPENSATED))]


@defect("signed_off", "nothing_is_left_open")
def residue_that_nobody_accepted() -> list[Change]:
    """A saga ends although somebody has to accept what remains."""
    return [(decide, "unsigned", always([]))]


@defect("past_the_pivot", "the_pivot_is_asked_about")
def unwind_past_the_pivot() -> list[Change]:
    """A failure past the pivot unwinds the saga, and nobody is asked."""
    return [(decide, "may_unwind", always(True))]


@defect("in_sequence", "every_step_is_undone_at_the_end")
def end_while_something_stands() -> list[Change]:
    """An unwind is said to be over although something is not undone."""

    async def over(self: Undoing, within: str | None = None) -> bool:
        return True

    return [(Undoing, "unwind", over)]


@defect("in_parallel", "nothing_new_is_done_while_undoing")
def step_begun_after_the_unwind_began() -> list[Change]:
    """A body goes on while what it did is undone."""
    return [(Drive, "closing", property(lambda self: self.stopping))]


@defect("nested_parallel", "a_closed_parallel_begins_nothing_new")
def branches_go_on_after_one_failed() -> list[Change]:
    """A branch begins another step although a sibling has failed."""
    return [(Place, "is_closed", property(lambda self: self.body.drive.closing))]


# --- gates ----------------------------------------------------------------------------------------

ADMIT = Gates.admit


def _admitting(when: Callable[[Gates, Any], bool]) -> list[Change]:
    """A gate lets a call through where it should not."""

    async def admit(self: Gates, site: Any, approval: Any) -> Any:
        gate = self._drive.state.gate(site.path, site.direction)
        if gate is not None and when(self, gate):
            move = MoveGate(gate.id, GateState(gate.state), GateState.CONSUMED, self._drive.now())
            return Admitted(gate.id, gate.path, move, gate.arguments)
        return await ADMIT(self, site, approval)

    return [(Gates, "admit", admit)]


@defect("quorum_and_groups", "a_gate_is_decided_once")
def approval_used_twice() -> list[Change]:
    """One approval lets a second attempt use it up again."""

    async def lets_repeat(*_: Any) -> bool:
        return False

    return [
        *_admitting(lambda _, gate: gate.state == "consumed"),
        (Gates, "lets_repeat", lets_repeat),
    ]


@defect("a_gate_before_the_end", "a_use_of_a_rule_is_counted")
def use_of_a_rule_not_counted() -> list[Change]:
    """A call that a standing rule allows is made without being counted among the rule's uses."""
    return [*ruled(), (Admitted, "ops", property(lambda self: [self.use]))]


@defect("a_gate_before_the_end", "a_gate_is_decided_once")
def silence_taken_for_approval() -> list[Change]:
    """A gate that nobody decided lets its call through."""

    def is_over(self: Gates, gate: Any) -> bool:
        return bool(gate.state == "pending" and self._drive.now() >= gate.deadline)

    return _admitting(is_over)


@defect("a_gate_before_the_end", "a_gate_is_decided_once")
def rejection_ignored() -> list[Change]:
    """A gate that somebody rejected lets its call through."""
    return _admitting(lambda _, gate: gate.state == "rejected")


@defect("quorum_and_groups", "an_approval_is_used_in_time")
def approval_used_too_late() -> list[Change]:
    """An approval is used when it is not valid any more."""

    async def flaw(*_: Any) -> None:
        return None

    def admitted(self: Gates, gate: Any) -> Admitted:
        move = MoveGate(gate.id, GateState.APPROVED, GateState.CONSUMED, gate.valid_until - 1)
        return Admitted(gate.id, gate.path, move, gate.arguments)

    def used_at(self: Unit, at: int) -> Unit:
        return self

    return [
        (Gates, "_flaw", flaw),
        (Gates, "_admitted", admitted),
        (Unit, "used_at", used_at),
    ]


@defect("a_gate_before_the_end", "what_was_approved_is_what_runs")
def approval_not_bound_to_the_payload() -> list[Change]:
    """People are shown something else than what runs, and nobody notices."""
    return [(reading, "is_intact", always(True)), (desk, "is_intact", always(True))]


@defect("a_gate_before_the_end", "what_needs_a_gate_has_one")
def gate_left_out() -> list[Change]:
    """What cannot be undone is called without an approval."""

    async def admission(self: stepping.Steps, call: stepping.Call, *_: Any) -> Any:
        return stepping._Passed(call.arguments)

    return [(stepping.Steps, "_admission", admission)]


# --- owners, requests, time, ends -----------------------------------------------------------------


@defect("in_sequence", "a_call_begins_after_its_intent")
def refusal_of_a_stale_owner_ignored() -> list[Change]:
    """Whoever has lost a saga to another owner goes on as if its entries had been written."""
    settle = SagaLog.settle

    def deaf(self: SagaLog, applied: Applied) -> bool:
        lost = applied in (Applied.FENCED, Applied.CONFLICT)
        more: bool = settle(self, Applied.YES if lost else applied)
        return more

    return [(SagaLog, "settle", deaf)]


@defect("in_sequence", "a_cancel_is_heard")
def cancel_ignored() -> list[Change]:
    """Nothing comes of a cancel."""
    return [(_Batch, "_cancel", always(None))]


@defect("in_sequence", "the_unwind_begins_once")
def cancel_begins_the_unwind_again() -> list[Change]:
    """A cancel during an unwind begins another one."""
    return [(Drive, "is_unwinding", property(lambda self: False))]


@defect("timers", "a_timer_does_not_fire_early")
def timer_fires_early() -> list[Change]:
    """A sleep is over before its time."""

    async def until_due(self: Any, timer: Any) -> None:
        await self._drive.log.commit(entries.TimerFired(path=self._path))

    return [(Waiting, "_until_due", until_due)]


@defect("a_deadline", "what_comes_in_time_unwinds")
def deadline_ignored() -> list[Change]:
    """A saga goes on after its deadline."""

    def passed(self: Any) -> None:
        self.entries.append(entries.DeadlinePassed(too_late=False))

    return [(_Batch, "pass_deadline", passed)]


@defect("a_deadline", "nothing_new_is_done_after_the_deadline")
def deadline_forgotten() -> list[Change]:
    """A saga that was started with a deadline has none."""
    started = folding._started

    def forgetful(state: Any, seq: int, at: int, entry: Any) -> None:
        started(state, seq, at, entry)
        state.due = None

    return [(folding._HANDLERS, entries.Started, forgetful)]  # type: ignore[list-item]


@defect("in_parallel", "an_answer_is_not_passed_over")
def late_effect_not_heard() -> list[Change]:
    """What takes effect after it was given up, beside what is undone, is passed over."""
    return [(Flight, "_late", always(None))]


@defect("in_sequence", "every_step_is_undone_at_the_end")
def unwind_forgets_the_last_step() -> list[Change]:
    """The last step that happened is not undone."""
    effects = decide.effects

    def but_the_last(state: Any, **given: Any) -> Any:
        found = sorted(effects(state, **given), key=lambda item: item.seq)
        return found[:-1]

    return [(decide, "effects", but_the_last)]


@defect("events", "an_event_is_taken_once")
def event_taken_twice() -> list[Change]:
    """An event that was taken is handed out again."""
    taken = folding._event_taken

    def again(state: Any, seq: int, at: int, entry: Any) -> None:
        taken(state, seq, at, entry)
        state.events[entry.event].taken = False

    return [(folding._HANDLERS, entries.EventTaken, again)]  # type: ignore[list-item]


@defect("no_way_back", "the_row_says_what_the_entries_say")
def row_says_something_else() -> list[Change]:
    """A saga of which something remains is shown as one of which nothing does."""

    def project(status: Status, *given: Any, **more: Any) -> Project:
        shown = Status.COMPENSATED if status is Status.RESIDUAL else status
        return Project(shown, *given, **more)

    return [(running, "Project", project)]


@defect("in_sequence", "the_body_repeats_itself")
def another_result_than_the_recorded_one() -> list[Change]:
    """A body that runs again gets another result than the one that is recorded."""
    settled = stepping.Steps._settled

    async def other(self: Any, call: Any, step: Any) -> Any:
        return f"{await settled(self, call, step)} or so"

    return [(stepping.Steps, "_settled", other)]
