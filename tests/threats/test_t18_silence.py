"""T18: whatever is asked for, and whoever is silent, time alone approves nothing."""

import inspect
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from approvals import Approval, GateState, Principal, Vote, VoteKind, approval
from approvals.gate import expire, open_gate
from approvals.parties import Parties
from approvals.quorum import cast
from approvals.subject import GateSubject

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
MEANT = {
    *("by", "within", "quorum", "valid_for", "rejections", "veto", "separate"),
    *("reason_required", "remind", "escalate", "pinned", "intent"),
}
ASKED = st.builds(
    approval,
    by=st.sampled_from(["anyone", "@desk", "ana"]),
    within=st.timedeltas(timedelta(seconds=1), timedelta(days=9)),
    separate=st.booleans(),
    reason_required=st.booleans(),
    veto=st.sampled_from([(), "ana"]),
)


def test_t18_no_option_lets_silence_approve() -> None:
    """Whoever adds an option has to think of this."""
    assert set(inspect.signature(approval).parameters) == MEANT


@given(asked=ASKED, late=st.timedeltas(timedelta(0), timedelta(days=999)))
def test_t18_a_gate_whose_time_is_over_is_never_approved(asked: Approval, late: timedelta) -> None:
    subject = GateSubject(
        journal_id="j",
        saga_id="s",
        path="s/a#1",
        direction="do",
        generation=0,
        revision=1,
        action="a",
        action_version=1,
        arguments=b"{}",
        policy_version=asked.version,
    )
    gate = open_gate(
        subject, asked, gate_id="g", parties=Parties(starter="zoe"), eligible=(), now=NOW
    )
    at = gate.deadline + late
    ana = Principal(name="ana", display="ana", groups=frozenset({"desk"}), evidence="a test")
    vote = Vote.of(ana, VoteKind.APPROVE, reason="yes", channel="cli", at=at, revision=1)
    assert expire(gate, at).state is GateState.EXPIRED
    assert cast(gate, [], vote, now=at).state is GateState.EXPIRED
