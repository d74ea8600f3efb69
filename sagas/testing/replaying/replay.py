"""Running the body of today against a recorded history.

The body is rehearsed up to where it had come; then its end is held against the recorded one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sagas import divergence
from sagas.authoring.catalog import Catalog
from sagas.connecting import check_catalogs
from sagas.driving.environment import Handlers
from sagas.driving.rehearsal import PATIENCE_SECONDS, End, Reach, rehearse
from sagas.driving.run import located
from sagas.errors import Corrupt, PayloadError
from sagas.fold import fold
from sagas.payloads import canonical
from sagas.testing.errors import NotAHistory
from sagas.testing.history import History
from sagas.testing.recorded import read_exported
from sagas.testing.replaying.ending import Ending, Timed, ending
from sagas.testing.replaying.options import declared_otherwise
from sagas.testing.replaying.verdict import Replayed, Verdict


async def replay(
    history: bytes | Path | History, *catalogs: Catalog, patience: float = PATIENCE_SECONDS
) -> Replayed:
    """Find out what the code of today makes of a recorded history; no action is called.

    Args:
        history: The file that `sagas history export` wrote, or what is in it.
        catalogs: Every catalog whose code the saga needs.
        patience: How many seconds its body may take: it waits for nothing.

    Raises:
        OSError: The file cannot be read.
        DefinitionError: A catalog is incomplete, or two have one name.
    """
    check_catalogs(list(catalogs))
    try:
        read = _read(history)
        timed = read.timed
    except (Corrupt, NotAHistory) as error:
        return Replayed(Verdict.UNREADABLE, changes=(str(error),))
    if not timed:
        return Replayed(Verdict.UNREADABLE, read.saga_id, changes=("it has no entries",))
    return await _replayed(read.saga_id, ending(timed), Handlers(catalogs), patience)


def _read(history: bytes | Path | History) -> History:
    if isinstance(history, History):
        return history
    return read_exported(history if isinstance(history, bytes) else history.read_bytes())


@dataclass(slots=True)
class _Changes:
    """What was found, with what stands in the way apart."""

    blocking: list[str] = field(default_factory=list[str])
    others: list[str] = field(default_factory=list[str])

    @property
    def verdict(self) -> Verdict:
        if self.blocking:
            return Verdict.BLOCKED
        return Verdict.COMPATIBLE if self.others else Verdict.SAME


async def _replayed(saga_id: str, ended: Ending, handlers: Handlers, patience: float) -> Replayed:
    found = _Changes()
    _declared(found, handlers, saga_id, ended.entries)
    state = fold(saga_id, ended.entries)
    name, version = state.saga, state.version
    rehearsed = await rehearse(state, handlers, now=ended.at, patience=patience)
    found.blocking += [item.diff for item in rehearsed.findings]
    saga = handlers.saga(name, version)
    if saga is not None and ended.result is not None:
        try:
            saga.output.recall(ended.result)
        except PayloadError as error:
            found.blocking.append(divergence.misfit(error))
    if rehearsed.end is not None and not found.blocking:
        _compare(found, ended, rehearsed.end, () if saga is None else saga.sensitive_result)
    changes = (*found.blocking, *found.others)
    return Replayed(found.verdict, saga_id, name, version, changes)


def _declared(found: _Changes, handlers: Handlers, saga_id: str, entries: Sequence[Timed]) -> None:
    try:
        found.others += declared_otherwise(handlers, fold(saga_id, entries))
    except Exception as error:  # noqa: BLE001  it comes from the user's own functions
        found.blocking.append(f"how an action is declared cannot be computed: {located(error)}")


def _compare(found: _Changes, ended: Ending, end: End, sensitive: tuple[str, ...]) -> None:
    """Hold the end of the body against the recorded one."""
    match end.reach:
        case Reach.GOES_ON:
            found.others.append(divergence.goes_on(end.what))
        case Reach.RETURNED:
            found.others += _returned(ended, end.payload or b"null", sensitive)
        case Reach.LEFT if ended.result is not None:
            now = f"is left by {end.what[0]}"
            found.blocking.append(divergence.other_end(_recorded(ended), now))
        case Reach.LEFT if not ended.failed and ended.reason != end.what[0]:
            now = f"is left by {end.what[0]}"
            found.others.append(divergence.other_end(_recorded(ended), now))
        case Reach.WAITS if ended.result is not None or ended.reason is not None:
            found.others.append(divergence.other_end(_recorded(ended), "waits"))
        case _:
            pass


def _returned(ended: Ending, payload: bytes, sensitive: tuple[str, ...]) -> Iterator[str]:
    if ended.result is None:
        yield divergence.other_end(_recorded(ended), "returns")
    elif canonical(ended.result) != canonical(payload):
        yield divergence.other_result(ended.result, payload, sensitive)


def _recorded(ended: Ending) -> str:
    """How the body ended when it was recorded, in words."""
    if ended.result is not None:
        return "returned"
    if ended.reason is not None:
        return f"was left by {ended.reason}"
    return "was left by an exception" if ended.failed else "had not ended"
