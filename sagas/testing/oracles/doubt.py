"""Rules about calls of which nobody knows whether they took effect.

Pure.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from compensations import Choice
from sagas.entries import (
    Blocked,
    Compensated,
    CompensationFailed,
    CompensationIntended,
    Entry,
    Failed,
    FoundInDoubt,
    GateDecided,
    GateOpened,
    Intended,
    Postponed,
    Probed,
    Succeeded,
)
from sagas.testing.oracles.declared import Declared
from sagas.testing.oracles.evidence import Evidence
from sagas.testing.oracles.steps import DO, UNDO, Answer, Step


@dataclass(slots=True)
class Knowledge:
    """What is known of one call at some point of the journal.

    Attributes:
        first: When its first attempt under this key was intended.
        under_way: Whether an attempt was begun and nothing was said of it yet.
        doubt: Whether nobody knows what became of an attempt.
        wanted: Whether a person asked for another attempt.
        absent: Whether the destination had no trace of any attempt, asked late enough.
        found: Whether the destination had a trace, as the entry before says.
        running: How many attempts that were given up go on.
        last_end: After this no attempt of a lost worker can be running.
        answer: What a person answered last.
        refused: Whether an attempt is known not to have happened.
    """

    key: str = ""
    first: int = 0
    under_way: bool = False
    doubt: bool = False
    wanted: bool = False
    absent: bool = False
    found: bool = False
    running: int = 0
    last_end: int = 0
    answer: str = ""
    refused: bool = False
    attempt: int = 0

    @property
    def in_doubt(self) -> bool:
        """Whether an attempt may have taken effect, as far as anybody knows."""
        return self.doubt or self.under_way


Judge = Callable[[Knowledge, int, Any], str | None]


def _walk(
    evidence: Evidence,
    kinds: tuple[type[Entry], ...],
    judge: Callable[[Step, str], Judge],
    *,
    fewest: int = 1,
) -> Iterator[str]:
    """Judge what was said of every call that has an effect, with what was known before.

    Args:
        kinds: The entries that are judged.
        fewest: Calls of which there are fewer of them cannot be wrong.
    """
    for step in evidence.steps.values():
        for direction in (DO, UNDO):
            told = step.about(direction)
            if direction == DO and step.intents and not step.has_effect:
                continue
            if sum(isinstance(entry, kinds) for _, _, entry in told) < fewest:
                continue
            known, check = Knowledge(), judge(step, direction)
            for seq, at, entry in told:
                wrong = check(known, at, entry) if isinstance(entry, kinds) else None
                if wrong is not None:
                    yield f"entry {seq} {wrong}"
                _learn(known, at, entry)


# --- what an entry adds to what is known ------------------------------------------------------


def _learn(known: Knowledge, at: int, told: Entry | Answer) -> None:
    known.found = isinstance(told, Probed) and told.answer == "found"
    learn = _LEARN.get(type(told))
    if learn is not None:
        learn(known, at, told)


def _intent(known: Knowledge, at: int, entry: Intended | CompensationIntended) -> None:
    if entry.key != known.key:
        known.key, known.first = entry.key, at
        known.doubt = known.under_way = False
    known.doubt = known.in_doubt
    known.under_way, known.wanted, known.absent = True, False, False
    known.refused, known.answer, known.attempt = False, "", entry.attempt


def _doubted(known: Knowledge, at: int, entry: FoundInDoubt) -> None:
    if entry.over:
        known.running = max(known.running - 1, 0)
        known.last_end = max(known.last_end, entry.ended)
        return
    known.doubt, known.under_way = True, False
    known.running += entry.running
    if not entry.observed:
        known.last_end = max(known.last_end, entry.ended)


def _postponed(known: Knowledge, at: int, entry: Postponed) -> None:
    known.under_way, known.refused = False, True


def _settled(known: Knowledge, at: int, entry: Entry) -> None:
    known.under_way = known.doubt = False
    known.refused = isinstance(entry, Failed | CompensationFailed)


def _asked(known: Knowledge, at: int, entry: Probed) -> None:
    if entry.answer == "absent" and entry.counts:
        known.absent, known.doubt = True, False


def _answered(known: Knowledge, at: int, answer: Answer) -> None:
    known.answer = answer.closed.choice
    known.wanted = known.wanted or answer.allows_another


_LEARN: dict[type[Any], Callable[[Knowledge, int, Any], None]] = {
    Intended: _intent,
    CompensationIntended: _intent,
    FoundInDoubt: _doubted,
    Postponed: _postponed,
    Succeeded: _settled,
    Failed: _settled,
    Compensated: _settled,
    CompensationFailed: _settled,
    Probed: _asked,
    Answer: _answered,
}


# --- the rules --------------------------------------------------------------------------------


def doubt_is_not_called_again(evidence: Evidence) -> Iterator[str]:
    """What may have happened is repeated only if that is harmless, or somebody knows or wants it.

    Harmless is a call whose destination knows its key still, or one that may be repeated. Else the
    destination must have no trace of it, or a person must have asked for another attempt.
    """

    def judge(step: Step, direction: str) -> Judge:
        declared = evidence.declared(step, direction)
        return lambda known, at, told: _repeated(declared, known, at, told)

    yield from _walk(evidence, (Intended, CompensationIntended), judge, fewest=2)


def _repeated(
    declared: Declared | None, known: Knowledge, at: int, told: Intended | CompensationIntended
) -> str | None:
    if told.key != known.key:
        return None
    if not known.in_doubt or known.wanted:
        return None
    if known.under_way and not known.doubt:
        return f"calls {told.path} again before anybody said what became of the attempt before"
    if declared is None or declared.may_repeat(known.first, at):
        return None
    key = "has no key" if declared.key_ttl is None else "has outlived its key"
    return f"calls {told.path} again, which {key}, may have happened, and was not looked for"


def an_outcome_has_a_source(evidence: Evidence) -> Iterator[str]:
    """What became of a call is said by the call, a probe, a person or a gate that really spoke.

    So nobody but a person settles what can be neither repeated nor asked about.
    """

    def judge(step: Step, direction: str) -> Judge:
        declared = evidence.declared(step, direction)
        return lambda known, at, told: _unfounded(evidence, step, declared, known, at, told)

    yield from _walk(evidence, (Succeeded, Failed, Compensated, CompensationFailed), judge)


def _unfounded(  # noqa: PLR0917
    evidence: Evidence,
    step: Step,
    declared: Declared | None,
    known: Knowledge,
    at: int,
    told: Succeeded | Failed | Compensated | CompensationFailed,
) -> str | None:
    if isinstance(told, Succeeded | Compensated):
        return _unfounded_success(known, told)
    source = _FAILURES.get(told.via) if isinstance(told, Failed) else None
    if source is not None:
        return source(evidence, step, known)
    return _unfounded_failure(declared, known, at, step.path)


_SAID = frozenset({Choice.HAPPENED, Choice.DONE})


def _unfounded_success(known: Knowledge, told: Succeeded | Compensated) -> str | None:
    source = {
        "call": known.under_way,
        "probe": known.found,
        "person": known.answer in _SAID,
        "late": True,
    }.get(told.via, False)
    return None if source else f"says that {told.path} happened, and no {told.via} did say so"


def _unfounded_failure(
    declared: Declared | None, known: Knowledge, at: int, path: str
) -> str | None:
    """Whether a call's own "no" does not speak for an earlier attempt of unknown outcome."""
    if known.under_way and not known.doubt:
        return None
    if not known.doubt:
        said = known.refused or known.absent
        return None if said else f"says that {path} did not happen, and nobody did say so"
    if known.under_way and (declared is None or declared.answers_for_all(known.first, at)):
        return None
    return f"says that {path} did not happen, and an earlier attempt is in doubt"


def _not_found(evidence: Evidence, step: Step, known: Knowledge) -> str | None:
    return None if known.absent else f"says that {step.path} was not found, and no probe did say so"


def _denied(evidence: Evidence, step: Step, known: Knowledge) -> str | None:
    if known.in_doubt:
        return f"has a gate refuse {step.path}, which may have happened"
    return None


def _person_said_no(evidence: Evidence, step: Step, known: Knowledge) -> str | None:
    if known.answer == Choice.NOT_HAPPENED:
        return None
    return f"says that {step.path} did not happen, and no person did say so"


def _never_called(evidence: Evidence, step: Step, known: Knowledge) -> str | None:
    called = (known.key, known.attempt)
    if any((call.key, call.attempt) == called for call in evidence.calls):
        return f"says that {step.path} was not called, and it was"
    return None if known.under_way and not known.doubt else f"cancels {step.path} out of turn"


def _locked_out(evidence: Evidence, step: Step, known: Knowledge) -> str | None:
    """Before its first intent, and only where the journal says who was in the way."""
    blocked = any(isinstance(told, Blocked) and told.holders for _, _, told in step.told)
    if not blocked or step.intents:
        return f"says that {step.path} was locked out, and nobody was in its way"
    return None


_FAILURES: dict[str, Callable[[Evidence, Step, Knowledge], str | None]] = {
    "probe": _not_found,
    "gate": _denied,
    "person": _person_said_no,
    "cancel": _never_called,
    "before": _never_called,
    "lock": _locked_out,
}


def a_gate_that_refuses_was_decided(evidence: Evidence) -> Iterator[str]:
    """A step fails at its gate only if the gate was not approved."""
    for step in evidence.steps.values():
        gate, states = "", dict[str, str]()
        for seq, _, told in step.told:
            if isinstance(told, GateOpened) and told.direction == DO:
                gate, states[told.gate] = told.gate, "pending"
            elif isinstance(told, GateDecided):
                states[told.gate] = told.state
            elif isinstance(told, Failed) and _unlike(told, states.get(gate, "pending")):
                yield f"entry {seq} has {step.path} refused by a gate that did not refuse it"


def _unlike(told: Failed, state: str) -> bool:
    return told.via == "gate" and state in ("pending", "approved", "consumed")


def absent_means_something(evidence: Evidence) -> Iterator[str]:
    """That there is no trace of a call counts only once no attempt can arrive any more."""

    def judge(step: Step, direction: str) -> Judge:
        declared = evidence.declared(step, direction)
        lag = 0 if declared is None else declared.lag
        return lambda known, at, told: _too_early(lag, known, at, told)

    yield from _walk(evidence, (Probed,), judge)


def _too_early(lag: int, known: Knowledge, at: int, told: Probed) -> str | None:
    if told.answer != "absent" or not told.counts:
        return None
    if known.running:
        return f"counts that there is no trace of {told.path}, and a call of it goes on"
    if at < known.last_end + lag:
        return f"counts that there is no trace of {told.path}, and a call of it could still arrive"
    return None
