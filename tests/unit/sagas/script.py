"""A journal written by hand: entries applied one by one, and the state they add up to."""

from datetime import timedelta

from compensations import Retry
from reversibility import Observability, Reversibility, Window
from sagas import entries as e
from sagas.decide import CallPolicy
from sagas.fold import apply
from sagas.model import Direction
from sagas.state import SagaState, Step, Track

SECOND = 1_000_000
START = 1_900_000_000 * SECOND
PATH = "trip/book#1"
KEY_TTL = timedelta(seconds=60)
TIMEOUT = 10 * SECOND
LAG = 2 * SECOND


def policy(
    reversibility: Reversibility = Reversibility.COMPENSATABLE,
    *,
    key: bool = False,
    probe: bool = False,
    repeatable: bool = False,
    attempts: int = 3,
    accepts_unknown: bool = False,
) -> CallPolicy:
    return CallPolicy(
        reversibility=reversibility,
        observability=Observability(
            key_ttl=KEY_TTL if key else None, probe=probe, repeatable=repeatable
        ),
        retry=Retry(attempts=attempts, first=timedelta(seconds=1)),
        timeout=timedelta(microseconds=TIMEOUT),
        lag=timedelta(microseconds=LAG),
        accepts_unknown=accepts_unknown,
    )


class Script:
    """Appends entries to one saga. `now` stands still until it is moved."""

    def __init__(self) -> None:
        self.state = SagaState("s-1")
        self.now = START
        self.written: list[e.Entry] = []

    def add(self, *entries: e.Entry) -> "Script":
        for entry in entries:
            self.written.append(entry)
            apply(self.state, self.state.head + 1, self.now, entry)
        return self

    def later(self, micros: int) -> "Script":
        self.now += micros
        return self

    def step(self, path: str = PATH) -> Step:
        return self.state.steps[path]

    def track(self, direction: Direction, path: str = PATH) -> Track:
        step = self.state.steps[path]
        return step.forward if direction is Direction.DO else step.undo

    # --- one step -----------------------------------------------------------------------------

    def intend(
        self,
        path: str = PATH,
        *,
        action: str = "travel.book",
        reversibility: Reversibility = Reversibility.COMPENSATABLE,
        conflicts: list[str] | None = None,
        after: list[str] | None = None,
        window: Window | None = None,
    ) -> "Script":
        known = self.state.steps.get(path)
        return self.add(
            e.Intended(
                path=path,
                ordinal=known.ordinal if known else len(self.state.steps) + 1,
                action=action,
                version=1,
                reversibility=reversibility,
                attempt=known.forward.attempts + 1 if known else 1,
                key="key",
                generation=0,
                latest_end=self.now + TIMEOUT,
                conflicts=conflicts,
                after=after,
                window=window,
                payload=None if known else b'{"room":1}',
            )
        )

    def intend_undo(self, path: str = PATH) -> "Script":
        return self.add(
            e.CompensationIntended(
                path=path,
                attempt=self.step(path).undo.attempts + 1,
                key="undo-key",
                generation=1,
                latest_end=self.now + TIMEOUT,
            )
        )

    def succeed(self, path: str = PATH) -> "Script":
        return self.add(e.Succeeded(path=path, payload=b'"ok"'))

    def fail(self, path: str = PATH) -> "Script":
        return self.add(e.Failed(path=path, error="NoRoom", message="full"))

    def doubt(
        self, direction: Direction = Direction.DO, path: str = PATH, *, running: bool = False
    ) -> "Script":
        """An attempt was seen to end in doubt, now, or was left alone when its time was up."""
        return self.add(
            e.FoundInDoubt(
                path=path,
                direction=direction,
                reason="timed out",
                ended=self.now,
                observed=True,
                running=running,
            )
        )

    def crash(self, direction: Direction = Direction.DO, path: str = PATH) -> "Script":
        """A worker was lost with an attempt under way."""
        end = self.track(direction, path).last_end
        return self.add(
            e.FoundInDoubt(path=path, direction=direction, reason="lost", ended=end, observed=False)
        )

    def refuse(self, direction: Direction = Direction.DO, *, until: int) -> "Script":
        """An attempt is known not to have happened, and may be repeated from `until` on."""
        return self.add(
            e.Postponed(path=PATH, direction=direction, error="Busy", message="busy", until=until)
        )

    def probed(
        self, answer: str, direction: Direction = Direction.DO, *, counts: bool = False
    ) -> "Script":
        return self.add(e.Probed(path=PATH, direction=direction, answer=answer, counts=counts))

    def ask(
        self,
        what: str = "in-doubt",
        direction: Direction | None = Direction.DO,
        path: str | None = PATH,
    ) -> "Script":
        return self.add(
            e.InterventionOpened(
                intervention="i-1",
                what=what,
                question="did it?",
                evidence="none",
                choices=["retry", "waive"],
                path=path,
                direction=direction,
            )
        )

    def answer(self, choice: str) -> "Script":
        return self.add(
            e.InterventionClosed(intervention="i-1", choice=choice, by="ana", reason="I looked")
        )

    def unwind(self) -> "Script":
        return self.add(e.UnwindBegan(reason="it failed", cause="failure", generation=1))
