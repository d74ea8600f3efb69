"""Rules about windows: each is closed once, when its time has come, and not behind an undo's back.

Pure.
"""

from collections.abc import Iterator

from reversibility import Window
from sagas.entries import EventReceived, Succeeded, WindowAlarmed, WindowClosed
from sagas.model import span
from sagas.testing.oracles.evidence import Evidence
from sagas.testing.oracles.steps import Step


def a_window_closes_in_its_time(evidence: Evidence) -> Iterator[str]:
    """A window is said to be closed once, at the instant that was declared, and not before it."""
    for seq, at, entry in evidence.of(WindowClosed):
        step = evidence.steps.get(entry.path)
        if step is None or seq not in step.closings:
            yield f"entry {seq} closes a window of {entry.path} that is not open"
        elif entry.closed_at > at:
            yield f"entry {seq} closes the window of {entry.path} before its time"
        elif entry.closed_at not in _ends(evidence, step, seq):
            yield f"entry {seq} closes the window of {entry.path} at an instant that nobody gave"


def an_alarm_is_raised_in_its_time(evidence: Evidence) -> Iterator[str]:
    """It is said that a window is about to close where that was asked for, and as early as asked."""
    for seq, at, entry in evidence.of(WindowAlarmed):
        step = evidence.steps.get(entry.path)
        window = None if step is None else _window(step, seq)
        if step is None or window is None or window.alarm is None:
            yield f"entry {seq} warns of a window of {entry.path} that nobody wants to be warned of"
        elif entry.closes_at not in _ends(evidence, step, seq):
            yield f"entry {seq} warns that {entry.path} closes at an instant that nobody gave"
        elif not entry.closes_at - span(window.alarm) <= at:
            yield f"entry {seq} warns of the window of {entry.path} before its time"


def an_undo_in_time_is_carried_through(evidence: Evidence) -> Iterator[str]:
    """No window is said to be closed once the undo that it limits was called."""
    for step in evidence.steps.values():
        course = step.course_at(step.closed)
        if step.closed and (course.undoing or course.undone or course.undo_failed):
            yield f"entry {step.closed} closes the window of {step.path}, whose undo was called"


def is_urgent(evidence: Evidence, step: Step, seq: int) -> bool:
    """Whether it is known when its window closes, or that of a step that has to wait for it."""
    if not evidence.has_windows:
        return False
    waits = [
        other
        for other in evidence.steps.values()
        if other.seq < step.seq and other.intents and step.depends_on(other)
    ]
    return bool(_ends(evidence, step, seq)) or any(
        is_urgent(evidence, other, seq) for other in waits
    )


def _ends(evidence: Evidence, step: Step, before: int) -> set[int]:
    """The instants at which the window may have closed."""
    window = _window(step, before)
    if window is None:
        return set()
    if window.duration is not None:
        return {at + span(window.duration) for seq, at, _ in step.intents if seq < before}
    if window.event is not None:
        return _instants_of(evidence, window, step.seq)
    return {
        at if told.closes_at is None else told.closes_at
        for _, at, told in step.told
        if isinstance(told, Succeeded)
    }


def _window(step: Step, before: int) -> Window | None:
    declared = (entry.window for seq, _, entry in step.intents if seq < before)
    return next((window for window in declared if window is not None), None)


def _instants_of(evidence: Evidence, window: Window, after: int) -> set[int]:
    return {
        at
        for seq, at, entry in evidence.of(EventReceived)
        if seq > after and entry.name == window.event
    }
