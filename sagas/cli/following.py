"""Following a saga that runs: what it waits for is told once, and its end in full."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from rich.text import Text

from approvals import Gate, GateState, Presentation
from approvals.rendering import render_text
from sagas.authoring.catalog import Catalog
from sagas.cli.asking import Prompt, is_here
from sagas.cli.reading import Reading, read
from sagas.cli.settings import Settings, acting
from sagas.cli.telling import arguments, ending, gate_commands
from sagas.cli.terminal import CommandLine, Part, safe, section, show
from sagas.coordinator import Coordinator
from sagas.errors import Refused
from sagas.model import Status
from sagas.ports import SagaRow
from sagas.story import Wait, WaitKind
from sagas.story.wording import moment

SECONDS = 0.5


@dataclass(slots=True)
class Follower:
    """Watches one saga, whoever drives it.

    Attributes:
        told: What was told to wait for already.
    """

    coordinator: Coordinator
    saga_id: str
    settings: Settings
    catalog: Catalog
    told: set[str] = field(default_factory=set[str])

    async def follow(self, *, wait: bool) -> Status:
        """Return when the saga has ended or is stuck; without `wait`, also when it waits."""
        while True:
            row = await self.coordinator.get(self.saga_id)
            if self._is_over(row):
                ending(await self._read(), self.settings)
                return row.status
            if self._is_parked(row):
                if not wait:
                    ending(await self._read(), self.settings)
                    return row.status
                await self._tell()
            await self.coordinator.store.changed(SECONDS)

    def _is_over(self, row: SagaRow) -> bool:
        stuck = row.status is Status.STUCK and row.owner is None and row.control == row.folded
        return row.status.is_end or stuck

    def _is_parked(self, row: SagaRow) -> bool:
        """Whether nothing happens until somebody decides, sends, or a time comes."""
        if row.owner is not None or row.control != row.folded:
            return False
        return row.status in (Status.WAITING, Status.UNWINDING)

    async def _read(self) -> Reading:
        return await read(self.coordinator, self.saga_id)

    async def _tell(self) -> None:
        reading = await self._read()
        for wait in reading.story.waits:
            if f"{wait.kind} {wait.ref} {wait.label}" in self.told:
                continue
            self.told.add(f"{wait.kind} {wait.ref} {wait.label}")
            gate = reading.gates.get(wait.ref)
            if gate is None:
                show(*self._waiting(wait, []))
            elif not await self._ask(gate):
                shown = await self.coordinator.presentation(gate.id)
                show(*self._waiting(wait, self._question(shown)))

    def _waiting(self, wait: Wait, more: Sequence[Part]) -> list[Part]:
        until = f" until {moment(wait.until)}" if wait.until is not None else ""
        what = Text.assemble(
            safe(wait.label, "bold"), " waits for ", safe(f"{wait.text}{until}", limit=300)
        )
        if wait.kind is WaitKind.EVENT:
            command = self.settings.command("send", self.saga_id, wait.ref, "--payload", "JSON")
            more = [*more, CommandLine(command)]
        return section(what, more)

    def _question(self, shown: Presentation) -> list[Part]:
        return [arguments(shown), *gate_commands(shown, self.settings)]

    # --- asking here --------------------------------------------------------------------------

    async def _ask(self, gate: Gate) -> bool:
        """Ask the person at this terminal, if there is one who may decide; whether it is decided."""
        if not is_here() or not self._may_decide(gate):
            return False
        shown = await self.coordinator.presentation(gate.id, whole=True)
        show(Text(render_text(shown)))
        answer = await self._answer(gate.id)
        if answer is not None:
            await self._decide(shown, approved=answer)
            return True
        show()
        return not await self._is_open(gate.id)

    async def _answer(self, gate_id: str) -> bool | None:
        """What is typed: yes or no; None if nobody types, or somebody else decided meanwhile."""
        prompt = Prompt()
        prompt.ask("Approve? [y/n] ")
        with prompt.listening():
            while True:
                try:
                    line = await prompt.line(SECONDS)
                except TimeoutError:
                    if await self._is_open(gate_id):
                        continue
                    return None
                word = line.strip().lower()
                if word in ("y", "yes", "n", "no"):
                    return word in ("y", "yes")
                if not line:
                    return None
                prompt.ask("Please answer y or n: ")

    async def _is_open(self, gate_id: str) -> bool:
        gate = await self.coordinator.store.gate(gate_id)
        return gate is not None and gate.state is GateState.PENDING

    async def _decide(self, shown: Presentation, *, approved: bool) -> None:
        person, gate_id = acting(self.settings), shown.gate_id
        digest, seen = shown.digest, shown.seen
        try:
            if approved:
                await self.coordinator.approve(gate_id, by=person, digest=digest, seen=seen)
            else:
                reason = "said so in the terminal"
                await self.coordinator.reject(
                    gate_id, by=person, reason=reason, digest=digest, seen=seen
                )
        except Refused as error:
            show(safe(str(error), "yellow"))

    def _may_decide(self, gate: Gate) -> bool:
        try:
            person = acting(self.settings)
        except Refused:
            return False
        separate = gate.policy.separate and person.name in gate.parties.names
        waited = datetime.now(UTC) - gate.opened_at
        return gate.policy.may_approve(person.name, person.groups, waited) and not separate
