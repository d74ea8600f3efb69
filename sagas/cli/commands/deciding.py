"""`inbox`, `approve`, `reject`, `edit` and the like: what people decide.

But for `edit`, none of them needs the code of a saga, nor a running process: a decision is a row, and whoever
drives the saga finds it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, TypeVar
from uuid import uuid4

import typer
from rich.text import Text

from approvals import Gate, GateState, Presentation, Principal
from approvals.quorum import still_needed
from approvals.rendering import render_text
from approvals.standing import standing
from sagas.cli import shapes, targets
from sagas.cli.failing import complain
from sagas.cli.inputs import json_bytes, json_text, json_value
from sagas.cli.opening import opened, or_nothing
from sagas.cli.settings import (
    DEFAULT_DB,
    MOST,
    AsUser,
    Db,
    DirectoryFile,
    GroupsFile,
    Json,
    Limit,
    Settings,
    acting,
)
from sagas.cli.telling import arguments, gate_commands, question_commands
from sagas.cli.terminal import Part, evidence, grid, safe, section, show
from sagas.coordinator import Coordinator
from sagas.errors import Corrupt, Refused
from sagas.model import micros
from sagas.ports import QuestionRow

T = TypeVar("T")

GOES_ON = "whoever drives it goes on, or else `sagas worker TARGET`"

Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it is recorded.")]
MaybeReason = Annotated[
    str | None, typer.Option("--reason", metavar="TEXT", help="Why; it is recorded.")
]
Digest = Annotated[
    str | None,
    typer.Option(
        "--digest", metavar="HEX", help="What you saw: its digest, or 8 digits of it at least."
    ),
]
ActingFor = Annotated[
    str | None,
    typer.Option(
        "--for", metavar="NAME", help="Decide with the right of this person, who has asked you to."
    ),
]
GateId = Annotated[str, typer.Argument(metavar="GATE", help="The gate's id, from the inbox.")]
SagaId = Annotated[str, typer.Argument(metavar="ID", help="The saga's id.")]


@dataclass(frozen=True, slots=True)
class _AskedGate:
    """A gate that waits."""

    gate: Gate
    shown: Presentation
    journal_id: str

    def shape(self) -> shapes.Shape:
        return shapes.inbox_gate(self.gate, self.shown, self.journal_id)

    def block(self, settings: Settings) -> list[Part]:
        return _gate_block(self.shown, settings)


@dataclass(frozen=True, slots=True)
class _AskedQuestion:
    """An intervention that waits."""

    question: QuestionRow
    action: str | None

    def shape(self) -> shapes.Shape:
        return shapes.inbox_question(self.question, self.action)

    def block(self, settings: Settings) -> list[Part]:
        return _question_block(self.question, self.action, settings)


_Asked = _AskedGate | _AskedQuestion


def inbox(
    id_: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="One of them, with nothing left out.")
    ] = None,
    *,
    limit: Limit = 100,
    json: Json = False,
    db: Db = DEFAULT_DB,
    directory: DirectoryFile = None,
) -> int:
    """List what waits for a person, the oldest first, with the commands that decide it."""
    settings = Settings(db=db, directory=directory)
    more = False

    async def main() -> list[_Asked]:
        nonlocal more
        async with opened(settings) as coordinator:
            if id_ is not None:
                return [await _presented(coordinator, await _one(coordinator, id_), whole=True)]
            oldest = await _oldest(coordinator, limit + 1)
            more = len(oldest) > limit
            return [await _presented(coordinator, each, whole=json) for each in oldest[:limit]]

    items = asyncio.run(or_nothing(main()))
    shows = ", and --limit shows them" if limit < MOST else ""
    following = f"the oldest {limit}; more wait{shows}"
    if json:
        print(shapes.dump([item.shape() for item in items]))
        if more:
            complain(following)
    elif id_ is not None and isinstance(items[0], _AskedGate):
        shown = items[0].shown
        show(Text(render_text(shown)), *gate_commands(shown, settings))
    else:
        blocks = [item.block(settings) for item in items]
        show(*(_separated(blocks) if blocks else ["nothing waits for a person"]))
        if more:
            show(Text(), Text(following, style="dim"))
    return 0


async def _oldest(coordinator: Coordinator, limit: int) -> list[Gate | QuestionRow]:
    """What waits for a person, the oldest first."""
    now = micros(coordinator.now())
    gates = await coordinator.store.waiting_gates(live_at=now, limit=limit)
    questions = await coordinator.store.waiting_questions(limit=limit)
    both: list[Gate | QuestionRow] = [*gates, *questions]
    return sorted(both, key=_place)[:limit]


def _place(found: Gate | QuestionRow) -> tuple[int, str]:
    at = found.opened_at
    return at if isinstance(at, int) else micros(at), found.id


async def _one(coordinator: Coordinator, id_: str) -> Gate | QuestionRow:
    """The gate or the intervention of an id.

    Raises:
        Refused: Nothing of that id waits.
    """
    gate = await coordinator.store.gate(id_)
    if gate is not None and gate.state.is_open and coordinator.now() < gate.deadline:
        return gate
    question = await coordinator.store.question(id_)
    if question is not None and question.state == "open":
        return question
    raise Refused(f"{id_} waits for nobody here; `sagas inbox` lists what does")


async def _presented(coordinator: Coordinator, found: Gate | QuestionRow, *, whole: bool) -> _Asked:
    """What waits, as it is shown."""
    if isinstance(found, QuestionRow):
        return _AskedQuestion(found, await _action_of(coordinator, found))
    shown = await coordinator.presentation(found.id, whole=whole)
    return _AskedGate(found, shown, coordinator.store.journal_id)


async def _action_of(coordinator: Coordinator, question: QuestionRow) -> str | None:
    """The action that a question is about, if it is about a step."""
    if question.path is None:
        return None
    try:
        step = (await coordinator.state(question.saga_id)).steps.get(question.path)
    except Corrupt:  # a newer agent-sagas wrote it; the question can be answered all the same
        return None
    return step.action if step is not None else None


def _separated(blocks: list[list[Part]]) -> list[Part]:
    parts: list[Part] = []
    for block in blocks:
        parts += [*block, Text()]
    return parts[:-1]


def _gate_block(shown: Presentation, settings: Settings) -> list[Part]:
    facts = grid("", "rest")
    for label, value in _head(shown):
        if value is not None:
            facts.add_row(Text(label, style="dim"), Text(value))
    parts: list[Part] = [facts, *section(Text("would run with", "dim"), [arguments(shown)])]
    parts += [Text(f"! {warning}", style="yellow") for warning in shown.warnings]
    if not shown.complete:
        parts.append(Text("! not everything is shown: it cannot be approved so", style="yellow"))
    if shown.because is not None:
        title = Text("why, in words that nobody has verified", "dim")
        parts += section(title, [Text(f"> {shown.because}")])
    title = Text.assemble((shown.gate_id, "bold"), "  ", (shown.title, "bold yellow"))
    return section(title, [*parts, *gate_commands(shown, settings)])


def _edited(shown: Presentation) -> str | None:
    if shown.editor is None:
        return None
    because = f": {shown.edited_because}" if shown.edited_because else ""
    return f"by {shown.editor}, who does not vote on it{because}"


def _head(shown: Presentation) -> list[tuple[str, str | None]]:
    return [
        ("saga", f"{shown.saga_id}, started by {shown.requester}"),
        ("step", shown.path),
        ("class", shown.label),
        ("edited", _edited(shown)),
        ("moves", shown.cost),
        ("reaches", shown.recipients),
        ("done", "; ".join(shown.done_so_far) or None),
        ("if not", _if_rejected(shown)),
        ("who", shown.who),
        ("votes", "; ".join(shown.votes) or None),
        ("until", shown.until),
        ("digest", shown.short_digest),
    ]


def _if_rejected(shown: Presentation) -> str | None:
    undone = [f"undoing would undo {', '.join(shown.undone)}"] if shown.undone else []
    left = [f"leave {'; '.join(shown.remains)}"] if shown.remains else []
    return " and ".join([*undone, *left]) or None


def _question_block(question: QuestionRow, action: str | None, settings: Settings) -> list[Part]:
    facts = grid("", "rest")
    rows = [("saga", question.saga_id), ("step", question.path or ""), ("action", action or "")]
    for label, value in rows:
        if value:
            facts.add_row(Text(label, style="dim"), safe(value))
    if question.evidence:
        facts.add_row(Text("known", style="dim"), evidence(question.kind, question.evidence))
    title = Text.assemble((question.id, "bold"), "  ", safe(question.question, "bold red"))
    commands = question_commands(
        question.id, question.choices, settings, wants_result=question.wants_result
    )
    return section(title, [facts, *commands])


def approve(
    gate: GateId,
    *,
    reason: MaybeReason = None,
    digest: Digest = None,
    for_: ActingFor = None,
    db: Db = DEFAULT_DB,
    directory: DirectoryFile = None,
    channels: GroupsFile = None,
    as_user: AsUser = None,
) -> int:
    """Vote for what a gate holds back."""
    settings = Settings(db=db, directory=directory, as_user=as_user, groups=channels)
    person = acting(settings)

    async def vote(coordinator: Coordinator) -> Gate:
        about = digest
        if about is None:
            about = await digest_unedited(coordinator, gate, person)
        return await coordinator.approve(
            gate, by=person, reason=reason, digest=about, acting_for=for_
        )

    return _voted(settings, vote)


async def digest_unedited(coordinator: Coordinator, gate_id: str, person: Principal) -> str | None:
    """What an approval is about that names no digest: an edit at this instant is not approved.

    Raises:
        Refused: Somebody else edited the gate.
    """
    gate = await coordinator.store.gate(gate_id)
    if gate is not None and gate.state.is_open and gate.editor not in (None, person.name):
        raise Refused(
            f"{gate_id} was edited by {gate.editor}: look at it with `sagas inbox {gate_id}`, and "
            "approve it with --digest and the digest that you saw; nothing was decided"
        )
    return None if gate is None else gate.digest


def reject(
    gate: GateId,
    *,
    reason: Reason,
    digest: Digest = None,
    for_: ActingFor = None,
    db: Db = DEFAULT_DB,
    directory: DirectoryFile = None,
    channels: GroupsFile = None,
    as_user: AsUser = None,
) -> int:
    """Vote against what a gate holds back; one rejection rejects it, unless more are asked for."""
    settings = Settings(db=db, directory=directory, as_user=as_user, groups=channels)
    person = acting(settings)

    async def vote(coordinator: Coordinator) -> Gate:
        return await coordinator.reject(
            gate, by=person, reason=reason, digest=digest, acting_for=for_
        )

    return _voted(settings, vote)


def withdraw(
    gate: GateId,
    *,
    reason: MaybeReason = None,
    db: Db = DEFAULT_DB,
    directory: DirectoryFile = None,
    as_user: AsUser = None,
) -> int:
    """Take your vote back, as long as nothing is decided."""
    settings = Settings(db=db, directory=directory, as_user=as_user)
    person = acting(settings)

    async def vote(coordinator: Coordinator) -> Gate:
        return await coordinator.withdraw(gate, by=person, reason=reason)

    found = _decided(settings, vote)
    show(safe(f"{found.id}: your vote is withdrawn"))
    return 0


def revoke(
    gate: GateId,
    *,
    reason: Reason,
    for_: ActingFor = None,
    db: Db = DEFAULT_DB,
    directory: DirectoryFile = None,
    channels: GroupsFile = None,
    as_user: AsUser = None,
) -> int:
    """Take back an approval that was not used yet; another gate asks again."""
    settings = Settings(db=db, directory=directory, as_user=as_user, groups=channels)
    person = acting(settings)

    async def vote(coordinator: Coordinator) -> Gate:
        return await coordinator.revoke(gate, by=person, reason=reason, acting_for=for_)

    return _voted(settings, vote)


def edit(
    gate: GateId,
    arguments: Annotated[
        str, typer.Argument(metavar="JSON|@FILE", help="All the arguments, as they are to be.")
    ],
    *,
    reason: Reason,
    target: Annotated[
        str | None,
        typer.Option(
            "--target", metavar="TARGET", help="The catalog whose action checks the arguments."
        ),
    ] = None,
    db: Db = DEFAULT_DB,
    directory: DirectoryFile = None,
    channels: GroupsFile = None,
    as_user: AsUser = None,
) -> int:
    """Let a gate ask about other arguments; somebody else decides about them."""
    settings = Settings(db=db, directory=directory, as_user=as_user, groups=channels)
    text = json_text(arguments, "the arguments")
    catalogs = [targets.load(target).catalog] if target is not None else []
    person = acting(settings)

    async def main() -> Presentation:
        async with opened(settings, *catalogs, user=person.name) as coordinator:
            revised = await coordinator.edit(gate, text, reason=reason, by=person)
            return await coordinator.presentation(revised.id, whole=True)

    shown = asyncio.run(main())
    changes = grid("", "rest")
    for change in shown.changes:
        changes.add_row(Text(change.name), Text(f"- {change.before or '(nothing)'}"))
        changes.add_row(Text(), Text(f"+ {change.after or '(nothing)'}"))
    title = safe(
        f"{shown.gate_id}: revision {shown.revision} is to be decided now, by somebody else"
    )
    show(*section(title, [changes, Text(shown.still_needed)]))
    return 0


def _voted(settings: Settings, vote: Callable[[Coordinator], Awaitable[Gate]]) -> int:
    async def main(coordinator: Coordinator) -> tuple[Gate, str]:
        gate = await vote(coordinator)
        return gate, still_needed(gate, await coordinator.store.votes(gate.id))

    gate, lacking = _decided(settings, main)
    if gate.state is GateState.PENDING:
        show(safe(f"{gate.id}: your vote is recorded; still needed to approve: {lacking}"))
    else:
        word = standing(gate, now=datetime.now(UTC)).removeprefix("already ")
        show(safe(f"{gate.id}: {word}"))
    return 0


def resolve(
    intervention: Annotated[
        str, typer.Argument(metavar="INTERVENTION", help="Its id, from the inbox.")
    ],
    *,
    choice: Annotated[
        str, typer.Option("--choice", metavar="CHOICE", help="One of those on offer.")
    ],
    reason: Reason,
    result: Annotated[
        str | None,
        typer.Option(
            "--result", metavar="JSON|@FILE", help="For `happened`: what the call returned."
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            "--target", metavar="TARGET", help="The catalog whose action checks the result's type."
        ),
    ] = None,
    db: Db = DEFAULT_DB,
    directory: DirectoryFile = None,
    as_user: AsUser = None,
) -> int:
    """Answer an intervention."""
    settings = Settings(db=db, directory=directory, as_user=as_user)
    text = json_text(result, "the result") if result is not None else None
    if text is not None:
        json_bytes(text, "the result")
    catalogs = [targets.load(target).catalog] if target is not None else []
    person = acting(settings)

    async def main() -> QuestionRow:
        async with opened(settings, *catalogs, user=person.name) as coordinator:
            return await coordinator.resolve(
                intervention, choice, reason=reason, result_json=text, by=person
            )

    answered = asyncio.run(main())
    show(safe(f"{answered.id}: {answered.choice}, for {answered.saga_id}; {GOES_ON}"))
    return 0


def cancel(
    id_: SagaId,
    *,
    reason: Reason,
    db: Db = DEFAULT_DB,
    directory: DirectoryFile = None,
    as_user: AsUser = None,
) -> int:
    """Ask for a saga to be undone."""
    settings = Settings(db=db, directory=directory, as_user=as_user)
    person = acting(settings)

    async def ask(coordinator: Coordinator) -> None:
        await coordinator.cancel(id_, reason=reason, by=person)

    _decided(settings, ask)
    show(safe(f"{id_}: asked to be undone; {GOES_ON}"))
    return 0


def send(
    id_: SagaId,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The event's name.")],
    *,
    payload: Annotated[
        str, typer.Option("--payload", metavar="JSON|@FILE", help="What it says.")
    ] = "null",
    key: Annotated[
        str | None,
        typer.Option("--key", metavar="KEY", help="Sent once per key; made up if left out."),
    ] = None,
    db: Db = DEFAULT_DB,
    directory: DirectoryFile = None,
    as_user: AsUser = None,
) -> int:
    """Send an event to a saga."""
    settings = Settings(db=db, directory=directory, as_user=as_user)
    value = json_value(payload, "the event's payload")
    if not name:
        raise Refused("an event needs a name")
    person = acting(settings)

    async def deliver(coordinator: Coordinator) -> bool:
        return await coordinator.send(id_, name, value, key=key or uuid4().hex, by=person.name)

    sent = _decided(settings, deliver)
    word = "sent" if sent else f"not sent again: the key {key} was delivered before"
    show(safe(f"{id_}: {name} {word}"))
    return 0


def _decided(settings: Settings, decide: Callable[[Coordinator], Awaitable[T]]) -> T:
    """Open the journal, let something be decided, and close it."""

    async def main() -> T:
        async with opened(settings) as coordinator:
            return await decide(coordinator)

    return asyncio.run(main())
