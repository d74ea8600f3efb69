"""A saga's story in a terminal: a summary by step, a timeline, and how it goes on."""

from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from approvals import Presentation
from compensations import Choice
from compensations.interventions import MEANINGS
from sagas.cli.reading import Reading
from sagas.cli.settings import Settings
from sagas.cli.terminal import (
    CommandLine,
    Part,
    evidence,
    grid,
    mark,
    safe,
    section,
    show,
    status,
    step_mark,
    style_of,
)
from sagas.model import Status
from sagas.story import Beat, CallStory, Lasting, Mark, StepState, StepStory, Story, Wait, WaitKind
from sagas.story.wording import clock, day, moment, plural, took

WORDS = {
    StepState.WAITING: "waits",
    StepState.RUNNING: "running",
    StepState.IN_DOUBT: "in doubt",
    StepState.DONE: "done",
    StepState.FAILED: "not done",
    StepState.UNDOING: "undoing",
    StepState.UNDO_IN_DOUBT: "undo in doubt",
    StepState.UNDO_FAILED: "not undone",
    StepState.UNDONE: "undone",
    StepState.WAIVED: "left as it is",
}
WHY = {
    Lasting.RESIDUE: "",
    Lasting.IRREVERSIBLE: "it took effect and cannot be undone",
    Lasting.IN_DOUBT: "in doubt: ",
    Lasting.NOT_UNDONE: "",
}
SHORT, RESULT = 300, 1000
_TOLD_BELOW = (Status.STUCK, Status.WAITING, Status.RUNNING)


# --- the whole --------------------------------------------------------------------------------


def summary(reading: Reading, settings: Settings, *known: Sequence[Part]) -> None:
    """Print `show`.

    Args:
        known: What else should be known: until when it can be undone, and of the compensations.
    """
    story = reading.story
    parts: list[Part] = [headline(story), *_because(story)]
    parts += [Text(), steps(story)] if story.steps else []
    for more in known:
        parts += [Text(), *more] if more else []
    parts += _blocks(reading, settings)
    show(*parts)


def timeline(reading: Reading, settings: Settings) -> None:
    """Print `history`."""
    story = reading.story
    parts: list[Part] = [headline(story), *_because(story)]
    for date, beats in _by_day(story.beats):
        parts += [Text(), Text(f"{date}, UTC", style="dim"), _beats(beats)]
    parts += _blocks(reading, settings)
    show(*parts)


def ending(reading: Reading, settings: Settings) -> None:
    """Print how a run ended."""
    parts: list[Part] = [headline(reading.story), *_because(reading.story)]
    parts += _blocks(reading, settings)
    show(*parts)


def headline(story: Story) -> RenderableType:
    """What it is, where it stands, and since when."""
    lasted = f", {took(story.ended - story.started)}" if story.ended else ""
    first = Text.assemble(safe(story.id, "bold"), "  ", status(story.status))
    until = f", deadline {moment(story.deadline)}" if story.deadline is not None else ""
    second = safe(
        f"{story.saga} version {story.version}, started by {story.starter} at "
        f"{moment(story.started)}{lasted}{until}",
        "dim",
    )
    return Group(first, second)


def _because(story: Story) -> list[Part]:
    """Why it was unwound; what it is stuck on or waits for is told where that is told."""
    is_told_below = story.status in _TOLD_BELOW and story.waits
    if not story.reason or is_told_below:
        return []
    return [Text.assemble(("because  ", "bold"), safe(story.reason, limit=2 * SHORT))]


def _blocks(reading: Reading, settings: Settings) -> list[Part]:
    story = reading.story
    found = [_result(story), _remains(story), _open(reading), _not_taken_up(story)]
    found += [_next(reading, settings), _broken(reading), _unread(reading)]
    parts: list[Part] = []
    for block in found:
        parts += [Text(), *block] if block else []
    return parts


# --- steps ------------------------------------------------------------------------------------


def steps(story: Story) -> Table:
    """One line for each step: what was done, what was undone, and when."""
    table = grid("fixed", "", "fixed", "fixed", "fixed", "rest")
    head = ("", "step", "now", "done", "undone", "")
    table.add_row(*(Text(word, style="dim") for word in head))
    for step in story.steps:
        table.add_row(
            step_mark(step.state),
            safe(step.label),
            Text(WORDS[step.state]),
            Text(_when(step.do)),
            Text(_when(step.undo)),
            safe(_remark(step), limit=SHORT),
        )
    return table


def _when(call: CallStory | None) -> str:
    """When a call took effect, if it did."""
    if call is None or call.ended is None or call.phase != "succeeded":
        return "-"
    return clock(call.ended)


def _remark(step: StepStory) -> str:
    parts = ["took effect after it had been given up"] if step.late else []
    call = step.undo if step.undo is not None else step.do
    if step.state is not StepState.DONE and (call.error or call.message):
        parts.append(": ".join(part for part in (call.error, call.message) if part))
    if call.attempts > 1:
        parts.append(plural(call.attempts, "attempt"))
    if call.ended is not None and call.via in ("probe", "person"):
        parts.append(f"known from a {call.via}")
    if step.waiver:
        parts.append(f"approval waived: {step.waiver}")
    if step.residue is not None:
        parts.append(f"leaves: {step.residue}")
    if not parts and step.state is StepState.DONE and not step.reversibility.is_undoable:
        parts.append(step.reversibility.label)
    return "; ".join(parts)


# --- the timeline -----------------------------------------------------------------------------


def _by_day(beats: Sequence[Beat]) -> Iterable[tuple[str, list[Beat]]]:
    days: dict[str, list[Beat]] = {}
    for beat in beats:
        days.setdefault(day(beat.at), []).append(beat)
    return days.items()


def _beats(beats: Sequence[Beat]) -> Table:
    table = grid("fixed", "right", "fixed", "fixed", "rest", "right")
    for beat in beats:
        quiet = "dim" if beat.mark is Mark.NOTED else ""
        table.add_row(
            Text(clock(beat.at, fine=True), style="dim"),
            Text(str(beat.seq), style="dim"),
            mark(beat.mark),
            Text(beat.verb, style=quiet or style_of(beat.mark)),
            _what(beat, quiet),
            Text(took(beat.took) if beat.took is not None else "", style="dim"),
        )
    return table


def _what(beat: Beat, quiet: str) -> Text:
    detail = safe(beat.detail, quiet, limit=SHORT)
    if beat.mark is Mark.ENDED:
        return Text(beat.subject, style="bold")
    if not beat.subject:
        return detail
    subject = safe(beat.subject, quiet or "bold")
    return Text.assemble(subject, "  " if beat.detail else "", detail)


# --- what is left, and what comes next --------------------------------------------------------


def _result(story: Story) -> list[Part]:
    if story.result is None or story.result == b"null":
        return []
    return section(Text("result", "bold"), [safe(story.result.decode(), limit=RESULT)])


def _remains(story: Story) -> list[Part]:
    if not story.remains:
        undone = story.status is Status.COMPENSATED
        return [Text("nothing remains", style="green")] if undone else []
    table = grid("", "rest")
    for item in story.remains:
        why = WHY[item.why]
        text = why if item.why is Lasting.IRREVERSIBLE else f"{why}{item.text}"
        table.add_row(safe(item.label, "bold"), safe(text, limit=SHORT))
    return section(Text("remains", "bold yellow"), [table])


def _open(reading: Reading) -> list[Part]:
    waits = [wait for wait in reading.story.waits if wait.kind is not WaitKind.WORKER]
    if not waits:
        return []
    table = grid("", "rest")
    for wait in waits:
        table.add_row(safe(wait.label, "bold"), _wait_text(wait, reading))
    return section(Text("waits for", "bold yellow"), [table])


def _wait_text(wait: Wait, reading: Reading) -> RenderableType:
    until = f" until {moment(wait.until)}" if wait.until is not None else ""
    lines: list[RenderableType] = [safe(f"{wait.text}{until}", limit=SHORT)]
    question = reading.questions.get(wait.ref)
    if question is not None and question.evidence:
        lines.append(evidence(question.kind, question.evidence, "dim"))
    return Group(*lines)


def _not_taken_up(story: Story) -> list[Part]:
    if not story.asked:
        return []
    table = grid("", "rest")
    for item in story.asked:
        state = "" if item.kind == "event" else item.state
        what = " ".join(part for part in (item.kind, state, item.ref) if part)
        said = ": ".join(part for part in (f"by {item.by}", item.reason) if part)
        table.add_row(safe(what, "bold"), safe(said, limit=SHORT))
    return section(Text("asked, and not taken up by a worker yet", "bold yellow"), [table])


def _next(reading: Reading, settings: Settings) -> list[Part]:
    lines = commands(reading, settings)
    return section(Text("next", "bold"), lines) if lines else []


def _broken(reading: Reading) -> list[Part]:
    if reading.broken is None:
        return []
    return section(Text("the chain is broken", "bold red"), [safe(reading.broken.reason)])


def _unread(reading: Reading) -> list[Part]:
    if reading.unread is None:
        return []
    title = Text("this is not all: the rest cannot be read here", "bold red")
    return section(title, [safe(reading.unread)])


def commands(reading: Reading, settings: Settings) -> list[CommandLine]:
    """What a person could type next; nothing, where what is known is not all."""
    found: list[CommandLine] = []
    if reading.unread is not None:
        return found
    for wait in reading.story.waits:
        found += _commands_for(wait, reading, settings)
    return found


def _commands_for(wait: Wait, reading: Reading, settings: Settings) -> list[CommandLine]:
    story = reading.story
    match wait.kind:
        case WaitKind.GATE:
            shown = reading.presentations.get(wait.ref)
            return gate_commands(shown, settings) if shown is not None else []
        case WaitKind.INTERVENTION:
            question = reading.questions.get(wait.ref)
            if question is None:
                return []
            return question_commands(
                question.id, question.choices, settings, wants_result=question.wants_result
            )
        case WaitKind.EVENT:
            return [CommandLine(settings.command("send", story.id, wait.ref, "--payload", "JSON"))]
        case WaitKind.WORKER:
            driven = reading.row.owner is not None
            why = "if the process that drives it has stopped" if driven else "nobody drives it now"
            return [CommandLine(settings.command("worker", "TARGET"), why)]
        case WaitKind.SLEEP:
            return []


def arguments(shown: Presentation) -> RenderableType:
    """What would run, value by value."""
    table = grid("", "rest")
    for fact in shown.facts:
        table.add_row(Text(fact.name), Text(fact.value))
    return table


def gate_commands(shown: Presentation, settings: Settings) -> list[CommandLine]:
    """How a gate is decided; what is not shown whole is not approved from there."""
    seen = ["--digest", shown.short_digest] if shown.revision > 1 else []
    approve = CommandLine(settings.command("approve", shown.gate_id, *seen))
    look = CommandLine(
        settings.command("inbox", shown.gate_id),
        "not everything is shown here: this shows all of it, and how to approve it",
    )
    return [
        approve if shown.complete else look,
        CommandLine(settings.command("reject", shown.gate_id, "--reason", "TEXT")),
    ]


def question_commands(
    question_id: str, choices: Iterable[Choice], settings: Settings, *, wants_result: bool
) -> list[CommandLine]:
    """How an intervention is answered: a line for each choice."""
    lines: list[CommandLine] = []
    for choice in choices:
        words = ["resolve", question_id, "--choice", choice.value, "--reason", "TEXT"]
        if choice is Choice.HAPPENED and wants_result:
            words += ["--result", "JSON", "--target", "TARGET"]
        lines.append(CommandLine(settings.command(*words), MEANINGS[choice]))
    return lines
