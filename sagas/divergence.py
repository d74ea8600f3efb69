"""Where code and journal part, in words: one line that says it, and a diff below.

In a diff a line with `-` is what the journal holds, a line with `+` is what the code makes of it
now, and every other line is the same in both.

Pure.
"""

import json
from collections.abc import Iterable, Sequence
from typing import cast

from reversibility import Reversibility
from sagas.errors import Misfit, PayloadError
from sagas.state import SagaState, Step

LONGEST = 100
"""How many characters of a value are shown."""

AROUND = 2
"""How many calls before the one in question are shown."""

MEMBERS = 12
"""How many members of a value are shown, of those that differ and of those that do not."""


def call_label(action: str, version: int, arguments: bytes) -> str:
    """A call of an action, on one line."""
    return f"{action} version {version}  {_short(arguments.decode())}"


def other_call(state: SagaState, scope: str, ordinal: int, now: str, path: str) -> str:
    """Another call is made where one is recorded.

    Args:
        now: The call that is made now, on one line.
        path: Its path.
    """
    known = state.calls[scope][ordinal]
    return _text(
        f"call {ordinal} of {scope} was {known}, and is {path} now",
        [
            *_calls_to(state, scope, ordinal),
            ("+", str(ordinal), now),
            *_rest(state, scope, ordinal),
        ],
    )


def new_call(state: SagaState, missing: str, ordinal: int, now: str, path: str) -> str:
    """A call is made that is not recorded, although a recorded one was not made again.

    Args:
        missing: The scope of the call that is missing.
        ordinal: Its place there.
    """
    known = state.calls[missing][ordinal]
    return _text(
        f"{path} is new, but the recorded {known} was not called again",
        [*_calls_to(state, missing, ordinal), ("+", "", f"{now}  at {path}")],
    )


def out_of_turn(state: SagaState, missing: str, ordinal: int, path: str) -> str:
    """A recorded call would be carried on, although one before it was not made again."""
    known = state.calls[missing][ordinal]
    return _text(
        f"{path} is called, but the recorded {known} before it was not called again",
        [
            *_calls_to(state, missing, ordinal),
            ("+", "", f"{recorded_label(state, path)}  at {path}"),
        ],
    )


def ended_early(state: SagaState, scope: str, ordinal: int, error: str | None = None) -> str:
    """The body ends although a recorded call was not made again.

    Args:
        error: What left it, if it did not return.
    """
    known = state.calls[scope][ordinal]
    return _text(
        f"it ended without calling the recorded {known}",
        [
            *_calls_to(state, scope, ordinal),
            ("+", "", f"the body is left by {_short(error)}" if error else "the body returns"),
            *_rest(state, scope, ordinal),
        ],
    )


def other_kind(state: SagaState, path: str, was_not: str, now: str) -> str:
    """A call of the same name is of another kind now.

    Args:
        was_not: What it was not, such as "no wait".
    """
    return _text(
        f"{path} was {was_not}, and is one now",
        [("-", "", recorded_label(state, path)), ("+", "", now)],
    )


def other_action(state: SagaState, path: str, now: str) -> str:
    """The same path calls another action, or another version of it."""
    return _text(
        f"{path} is another action now, or another version of it",
        [("-", "", recorded_label(state, path)), ("+", "", now)],
    )


def other_arguments(state: SagaState, path: str, now: bytes) -> str:
    """The same step is called with other arguments."""
    return _text(
        f"{path} is called with other arguments now", _members(state.steps[path].arguments, now)
    )


def misfit(error: PayloadError, path: str | None = None) -> str:
    """A recorded value is not what its type says any more, or is not there.

    Args:
        path: The step that it belongs to.
    """
    summary = f"{path}: {error}" if path else str(error)
    if not isinstance(error, Misfit):
        return one_line(summary)
    if error.reread is not None:
        return _text(summary, _members(error.recorded, error.reread))
    held = [("-", "", f"{name}  {_short(text)}") for name, text in _flat(error.recorded)]
    return _text(summary, [*_first(held, "that were recorded"), ("+", "", error.reason)])


def missing_code(name: str, version: int, versions: Sequence[int]) -> str:
    """No such version of an action or a saga is known here: the diff alone.

    Args:
        versions: Those of the same name that are known.
    """
    known = [("+", "", f"{name} version {other}") for other in versions]
    return _lines(
        [("-", "", f"{name} version {version}"), *(known or [("+", "", "nothing of that name")])]
    )


def lost_compensation(step: Step, now: Reversibility) -> str:
    """An action could be undone, and cannot any more: the diff alone."""
    return _lines(
        [
            ("", "", f"{step.action} version {step.version}"),
            ("-", "", f"{step.reversibility}"),
            ("+", "", f"{now}, without a compensation"),
        ]
    )


def no_rollback(state: SagaState, path: str) -> str:
    """A block that was rolled back is left without an exception."""
    reason = state.savepoints[path].reason or "an exception"
    return _text(
        f"{path} was rolled back, and is left without an exception now",
        [
            ("", "", savepoint_label(path)),
            ("-", "", f"left by {reason}"),
            ("+", "", "left without an exception"),
        ],
    )


def other_end(recorded: str, now: str) -> str:
    """The body ends otherwise than it did, with everything recorded called again."""
    return _text(f"it {recorded}, and {now} now", [("-", "", recorded), ("+", "", now)])


def other_result(recorded: bytes, now: bytes) -> str:
    """The body returns another result."""
    return _text("it returns another result now", _members(recorded, now))


def goes_on(asked: Iterable[str]) -> str:
    """The body calls more than is recorded, after all that is.

    Args:
        asked: What it calls, each on one line.
    """
    return _text("it goes on where the journal ends", [("+", "", label) for label in asked])


def other_options(path: str, changed: Iterable[tuple[str, str, str]]) -> str:
    """An action is declared otherwise than it was when the step was recorded.

    Args:
        changed: What is declared, how it was, and how it is.
    """
    lines = [
        line
        for what, was, now in changed
        for line in (("-", "", f"{what}  {was}"), ("+", "", f"{what}  {now}"))
    ]
    return _text(f"the action of {path} is declared otherwise now", lines)


def recorded_label(state: SagaState, path: str) -> str:
    """A recorded call, on one line."""
    step = state.steps.get(path)
    if step is not None:
        return call_label(step.action, step.version, step.arguments)
    if path in state.savepoints:
        return savepoint_label(path)
    timer, own = state.timers.get(path), _own_name(path)
    if timer is not None and own.startswith("event-"):
        return f'sagas.event("{timer.what}")'
    return f"sagas.{own}()"


def savepoint_label(path: str) -> str:
    """A block, on one line."""
    return f'savepoint("{_own_name(path)}")'


def _own_name(path: str) -> str:
    """What a path ends with, without the scope and the count."""
    return path[max(path.rfind("/"), path.rfind(":")) + 1 :].rpartition("#")[0]


_Line = tuple[str, str, str]


def _calls_to(state: SagaState, scope: str, ordinal: int) -> list[_Line]:
    """The calls of a scope up to one of them, which stands only in the journal."""
    calls = state.calls[scope]
    before = [number for number in sorted(calls) if number < ordinal][-AROUND:]
    same = [("", str(number), recorded_label(state, calls[number])) for number in before]
    return [*same, ("-", str(ordinal), recorded_label(state, calls[ordinal]))]


def _rest(state: SagaState, scope: str, ordinal: int) -> list[_Line]:
    count = sum(number > ordinal for number in state.calls[scope])
    if not count:
        return []
    return [("", "", f"… and {count} recorded {'call' if count == 1 else 'calls'} after it")]


def _members(recorded: bytes, now: bytes) -> list[_Line]:
    """The members of two JSON texts, compared."""
    before, after = dict(_flat(recorded)), dict(_flat(now))
    width = max(map(len, [*before, *after]), default=0)
    changed: list[_Line] = []
    same: list[_Line] = []
    for name in [*before, *(name for name in after if name not in before)]:
        old, new = before.get(name), after.get(name)
        if old == new:
            same.append(("", "", f"{name:<{width}}  {_short(str(old))}"))
            continue
        changed += [
            (sign, "", f"{name:<{width}}  {_short(text)}")
            for sign, text in (("-", old), ("+", new))
            if text is not None
        ]
    return [*_first(same, "that are the same"), *_first(changed, "that differ")]


def _first(lines: list[_Line], which: str) -> list[_Line]:
    if len(lines) <= MEMBERS:
        return lines
    return [*lines[:MEMBERS], ("", "", f"… and {len(lines) - MEMBERS} lines more {which}")]


def _flat(encoded: bytes) -> list[tuple[str, str]]:
    """Each leaf of a JSON text under the way that leads to it."""
    found: list[tuple[str, str]] = []
    parts: list[tuple[str, object]] = [("", json.loads(encoded))]
    while parts:
        name, value = parts.pop()
        inner = list(_inside(name, value))
        if inner:
            parts += reversed(inner)
        else:
            found.append((name or "value", json.dumps(value, ensure_ascii=True)))
    return found


def _inside(name: str, value: object) -> Iterable[tuple[str, object]]:
    if isinstance(value, dict):
        members = cast(dict[str, object], value)
        return [(f"{name}.{key}" if name else key, item) for key, item in members.items()]
    if isinstance(value, list):
        return [(f"{name}[{index}]", item) for index, item in enumerate(cast(list[object], value))]
    return []


def _text(summary: str, lines: Iterable[_Line]) -> str:
    return f"{one_line(summary)}\n{_lines(lines)}"


def _lines(lines: Iterable[_Line]) -> str:
    given = list(lines)
    width = max((len(number) for _, number, _ in given), default=0)
    gap = "  " if width else ""
    return "\n".join(
        f"{sign or ' '} {number:>{width}}{gap}{one_line(text)}".rstrip()
        for sign, number, text in given
    )


def one_line(text: str) -> str:
    """A text whose line ends cannot pass for ours."""
    return " ".join(text.split("\n"))


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text):,} characters)"
