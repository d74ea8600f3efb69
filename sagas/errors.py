"""Every error that `sagas` raises, in one family.

```
SagaError
├─ DefinitionError        the code as written cannot be right (raised when it is imported)
├─ NotInSaga              a step was called where no saga can record it
├─ PayloadError           a value that the journal cannot store and give back unchanged
│  └─ Misfit              a recorded value is not what its type says any more
├─ NotExecuted            raised by an action: nothing happened
├─ StepFailed             a step is known not to have happened
│  ├─ ApprovalRejected    a person said no
│  ├─ ApprovalExpired     nobody decided in time
│  └─ Locked              another saga holds what the step touches
│     ├─ LockTimeout      and it did so for longer than the step waits
│     └─ Deadlock         and it waits for this saga
├─ StepInterrupted        the body stopped waiting for a step (it goes on, and is accounted for)
├─ UnknownSaga            no saga of that id
├─ DifferentInput         the id is taken by a saga with another input
├─ SessionBusy            nothing has come yet of a session's last turn, or somebody else steers it
├─ SessionOver            a session has ended, or is being undone
├─ SessionStuck           a session waits for a person
├─ TimerError             an instant or a duration that nothing can wait for
├─ Refused                a decision came too late, from the wrong person, or is not on offer
└─ JournalError
   ├─ JournalUnavailable  the database cannot be reached or used
   ├─ SchemaMismatch      the database was made by another version
   ├─ UnsafeDatabase      the database would lose what it acknowledged
   ├─ Conflict            another writer appended first
   ├─ LeaseLost           this worker was declared dead; it must stop
   └─ Corrupt             an entry does not read or its chain does not verify
      └─ Unreadable       an entry was written by a newer agent-sagas
```

Pure.
"""

from datetime import timedelta


class SagaError(Exception):
    """The root: everything this package raises on purpose."""


class DefinitionError(SagaError):
    """An action, compensation, probe or saga as written cannot be right."""


class NotInSaga(SagaError):
    """A step was called where no saga can record it."""


class PayloadError(SagaError):
    """A value cannot be stored and given back unchanged."""


class Misfit(PayloadError):
    """A recorded value is not what its type says any more: the type changed under one version.

    Attributes:
        reason: What does not fit, in words.
        recorded: The bytes that the journal holds.
        reread: What today's type makes of them; None if it cannot read them.
        sensitive: Where they are secret, as JSON pointers.
    """

    def __init__(
        self,
        what: str,
        reason: str,
        recorded: bytes,
        reread: bytes | None,
        sensitive: tuple[str, ...] = (),
    ) -> None:
        super().__init__(f"the recorded {what} is not what its type says now: {reason}")
        self.reason = reason
        self.recorded = recorded
        self.reread = reread
        self.sensitive = sensitive


class NotExecuted(SagaError):
    """Raised by an action to state that nothing happened.

    Args:
        message: What the partner answered.
        retry_after: If given, the call may be repeated after this long.
    """

    def __init__(self, message: str = "", *, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class StepFailed(SagaError):
    """A step is known not to have happened.

    Attributes:
        path: The step's path.
        kind: The name of the error's class.
        message: Its text.
        data: Its arguments, where they are plain JSON values.
    """

    def __init__(
        self, path: str, kind: str, message: str, data: list[object] | None = None
    ) -> None:
        super().__init__(f"{path}: {kind}: {message}" if message else f"{path}: {kind}")
        self.path = path
        self.kind = kind
        self.message = message
        self.data = data


class ApprovalRejected(StepFailed):
    """A person rejected the step; `message` is the reason given."""


class ApprovalExpired(StepFailed):
    """Nobody decided before the gate's deadline."""


class Locked(StepFailed):
    """Another saga holds a key that the step needs; `message` says which, and who."""


class LockTimeout(Locked):
    """The step waited for a key as long as it was to; another saga still holds it."""


class Deadlock(Locked):
    """The step was not let wait for a saga that waits for this one."""


class StepInterrupted(SagaError):
    """The body stopped waiting for a step, for example through `asyncio.timeout`.

    The step itself goes on and is accounted for: a saga that unwinds undoes it.
    To bound a call, give the action a `timeout`.
    """


class UnknownSaga(SagaError):
    """No saga of that id."""


class DifferentInput(SagaError):
    """The id belongs to a saga that was started with another input."""


class SessionBusy(SagaError):
    """Nothing has come yet of a session's last turn, or somebody else steers it too."""


class SessionOver(SagaError):
    """A session has ended, or is being undone: there is nothing more to choose."""


class SessionStuck(SagaError):
    """A session waits for a person, who has to act before it goes on."""


class TimerError(SagaError):
    """An instant or a duration that nothing can wait for: without a time zone, past, negative."""


class Refused(SagaError):
    """A decision was not accepted; the message says why, and nothing was changed."""


class JournalError(SagaError):
    """The journal could not do what was asked."""


class JournalUnavailable(JournalError):
    """The database cannot be reached or used."""


class SchemaMismatch(JournalError):
    """The database was made by another version of agent-sagas."""


class UnsafeDatabase(JournalError):
    """The database is set up so that it would lose what it acknowledged."""


class Conflict(JournalError):
    """Another writer appended first."""


class LeaseLost(JournalError):
    """This worker was declared dead by another one and must stop."""


class Corrupt(JournalError):
    """An entry cannot be read, or its chain does not verify."""


class Unreadable(Corrupt):
    """An entry was written by a newer agent-sagas: this one cannot know what it says."""


class Parked(BaseException):
    """Leaves a body that has to wait; internal.

    Not an `Exception`, so that a body's own `except Exception` cannot take a wait for a failure.
    """
