"""Where code and journal part, in words: one line that says it, and a diff below.

In a diff a line with `-` is what the journal holds, a line with `+` is what the code makes of it
now, and every other line is the same in both.

Pure.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast

from approvals.redaction import Redaction
from reversibility import Reversibility
from sagas.errors import Misfit, PayloadError
from sagas.state import SagaState, Step

LONGEST = 100
"""How many characters of a value are shown."""

AROUND = 2
"""How many calls before the one in question are shown."""

MEMBERS = 12
"""How many members of a value are shown, of those that differ and of those that do not."""


def call_label(action: str, version: int, arguments: bytes, sensitive: tuple[str, ...] = ()) -> str:
    """A call of an action, on one line.

    Args:
        sensitive: Where the arguments are secret, as JSON pointers.
    """
    return f"{action} version {version}  {_short(_told(arguments, sensitive))}"


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


def other_arguments(
    state: SagaState, path: str, now: bytes, sensitive: tuple[str, ...] = ()
) -> str:
    """The same step is called with other arguments.

    Args:
        sensitive: Where today's code declares them secret, as JSON pointers.
    """
    step = state.steps[path]
    return _text(
        f"{path} is called with other arguments now",
        _members(step.arguments, now, (*step.sensitive, *sensitive)),
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
        return _text(summary, _members(error.recorded, error.reread, error.sensitive))
    held = [
        ("-", "", f"{leaf.name}  {_short(leaf.shown)}")
        for leaf in _flat(error.recorded, error.sensitive)
    ]
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


def other_result(recorded: bytes, now: bytes, sensitive: tuple[str, ...] = ()) -> str:
    """The body returns another result.

    Args:
        sensitive: Where it is secret, as JSON pointers.
    """
    return _text("it returns another result now", _members(recorded, now, sensitive))


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
        return call_label(step.action, step.version, step.arguments, step.sensitive)
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


@dataclass(frozen=True, slots=True)
class _Leaf:
    """A leaf of a JSON text under the way that leads to it; equal if its value is."""

    name: str
    text: str
    shown: str


def _members(recorded: bytes, now: bytes, sensitive: tuple[str, ...]) -> list[_Line]:
    """The members of two JSON texts, compared; secret ones are, too, and are not shown."""
    before = {leaf.name: leaf for leaf in _flat(recorded, sensitive)}
    after = {leaf.name: leaf for leaf in _flat(now, sensitive)}
    width = max(map(len, [*before, *after]), default=0)
    changed: list[_Line] = []
    same: list[_Line] = []
    for name in [*before, *(name for name in after if name not in before)]:
        old, new = before.get(name), after.get(name)
        if old is not None and new is not None and old.text == new.text:
            same.append(("", "", f"{name:<{width}}  {_short(old.shown)}"))
            continue
        changed += [
            (sign, "", f"{name:<{width}}  {_short(leaf.shown)}")
            for sign, leaf in (("-", old), ("+", new))
            if leaf is not None
        ]
    return [*_first(same, "that are the same"), *_first(changed, "that differ")]


def _first(lines: list[_Line], which: str) -> list[_Line]:
    if len(lines) <= MEMBERS:
        return lines
    return [*lines[:MEMBERS], ("", "", f"… and {len(lines) - MEMBERS} lines more {which}")]


def _flat(encoded: bytes, sensitive: tuple[str, ...]) -> list[_Leaf]:
    """Each leaf of a JSON text; a secret is one, whatever it holds."""
    redaction = Redaction("", sensitive)
    found: list[_Leaf] = []
    parts: list[tuple[str, tuple[str, ...], object]] = [("", (), json.loads(encoded))]
    while parts:
        name, path, value = parts.pop()
        is_secret = redaction.hides(path)
        inner = [] if is_secret else list(_inside(name, path, value))
        if inner:
            parts += reversed(inner)
        else:
            text = json.dumps(value, ensure_ascii=True)
            shown = redaction.stand_in(value) if is_secret else text
            found.append(_Leaf(name or "value", text, shown))
    return found


def _inside(
    name: str, path: tuple[str, ...], value: object
) -> Iterable[tuple[str, tuple[str, ...], object]]:
    if isinstance(value, dict):
        members = cast(dict[str, object], value)
        return [
            (f"{name}.{key}" if name else key, (*path, key), item) for key, item in members.items()
        ]
    if isinstance(value, list):
        items = enumerate(cast(list[object], value))
        return [(f"{name}[{index}]", (*path, str(index)), item) for index, item in items]
    return []


def _told(encoded: bytes, sensitive: tuple[str, ...]) -> str:
    """A JSON text, without its secrets."""
    if not sensitive:
        return encoded.decode()
    shown = Redaction("", sensitive).value(json.loads(encoded))
    return json.dumps(shown, ensure_ascii=False)


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
