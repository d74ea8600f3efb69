"""Which rules there are, and what they say of a saga.

Pure.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from sagas.testing.oracles import (
    beginnings,
    calls,
    doubt,
    endings,
    gates,
    journals,
    keys,
    locks,
    payloads,
    unwinds,
    windows,
    worlds,
)
from sagas.testing.oracles.evidence import Evidence

Rule: TypeAlias = Callable[[Evidence], Iterator[str]]
"""One sentence for each violation. Its name is the rule's, its docstring the fact that must hold."""

ALWAYS: Sequence[Rule] = (
    journals.the_chain_verifies,
    journals.every_entry_reads,
    journals.a_saga_starts_once,
    journals.nothing_follows_the_end,
    journals.the_unwind_begins_once,
    journals.a_block_is_rolled_back_once,
    journals.generations_rise_one_by_one,
    journals.an_outcome_follows_its_intent,
    journals.an_outcome_is_told_once,
    journals.a_place_is_recorded_once,
    journals.an_event_is_taken_once,
    journals.a_person_answers_what_was_asked,
    keys.a_key_belongs_to_one_call,
    keys.a_call_keeps_its_key,
    keys.a_key_holds_nothing_else,
    keys.attempts_are_counted,
    keys.every_effect_was_intended,
    keys.no_call_took_effect_twice,
    calls.a_call_begins_after_its_intent,
    calls.an_attempt_is_called_once,
    calls.what_is_called_is_what_was_intended,
    calls.nothing_is_called_after_the_end,
    beginnings.nothing_new_is_done_while_undoing,
    beginnings.a_closed_parallel_begins_nothing_new,
    beginnings.nothing_new_is_done_after_the_deadline,
    beginnings.a_timer_does_not_fire_early,
    beginnings.what_comes_too_late_unwinds_nothing,
    unwinds.only_what_may_have_happened_is_undone,
    unwinds.nothing_is_undone_twice,
    unwinds.only_what_is_unwound_is_undone,
    unwinds.the_irreversible_is_not_undone,
    unwinds.what_has_changed_is_not_undone,
    unwinds.what_came_later_is_undone_first,
    unwinds.the_world_saw_the_later_undone_first,
    unwinds.a_block_is_undone_before_the_body_goes_on,
    windows.a_window_closes_in_its_time,
    windows.an_alarm_is_raised_in_its_time,
    windows.an_undo_in_time_is_carried_through,
    locks.a_lock_is_kept_until_the_end,
    gates.a_gate_is_decided_once,
    gates.a_standing_rule_decides_as_its_gate_opens,
    gates.an_approval_is_used_by_its_own_call,
    gates.what_needs_a_gate_has_one,
    gates.an_edit_is_decided_by_others,
    gates.what_was_approved_is_what_runs,
    gates.an_approval_is_used_in_time,
    gates.a_class_is_no_better_than_declared,
    doubt.doubt_is_not_called_again,
    doubt.an_outcome_has_a_source,
    doubt.a_gate_that_refuses_was_decided,
    doubt.absent_means_something,
    worlds.what_is_said_to_have_happened_did,
    worlds.what_is_said_not_to_have_happened_did_not,
    payloads.every_payload_round_trips,
)
"""What holds at every moment, also right after a kill."""

AT_THE_END: Sequence[Rule] = (
    endings.it_has_ended_or_says_what_it_waits_for,
    endings.the_row_says_what_the_entries_say,
    endings.nothing_is_left_open,
    gates.a_use_of_a_rule_is_counted,
    endings.the_end_hides_nothing,
    unwinds.every_step_is_undone_at_the_end,
    worlds.every_effect_is_undone_or_stands_rightly,
    worlds.the_world_is_as_before,
)
"""What holds once a saga has ended, or rests."""


def violations(evidence: Evidence, *, rested: bool) -> list[tuple[str, str]]:
    """What is wrong with a saga: the rule's name, and what was seen, in one sentence.

    Args:
        rested: Whether it has ended, or everybody waits for something; then it is judged by the
            rules for that too.
    """
    rules = (*ALWAYS, *AT_THE_END) if rested else ALWAYS
    return [(rule.__name__, seen) for rule in rules for seen in rule(evidence)]
