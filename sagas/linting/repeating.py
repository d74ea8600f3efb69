"""What a body must not do, because it runs again after each wait and each crash.

A body reads the clock, draws ids and waits by `sagas.now`, `sagas.uuid` and `sagas.sleep`, which
are recorded; whatever else it touches belongs into an action.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from sagas.authoring.catalog import Catalog
from sagas.authoring.saga import Saga
from sagas.linting.finding import Finding, Known, Place, Rule
from sagas.linting.flow import Called
from sagas.linting.ordering import flows

_CLOCKS = frozenset(
    {
        "asyncio.tasks.sleep",
        "datetime.date.today",
        "datetime.datetime.now",
        "datetime.datetime.today",
        "datetime.datetime.utcnow",
        "time.localtime",
        "time.monotonic",
        "time.monotonic_ns",
        "time.perf_counter",
        "time.perf_counter_ns",
        "time.sleep",
        "time.time",
        "time.time_ns",
    }
)
_CHANCE = ("random.", "secrets.", "posix.urandom", "nt.urandom", "uuid.uuid1", "uuid.uuid4")
_OUTSIDE = (
    "aiohttp.",
    "builtins.input",
    "httpx.",
    "io.open",
    "os.getenv",
    "os.listdir",
    "os.makedirs",
    "os.mkdir",
    "os.remove",
    "os.rename",
    "os.system",
    "os.unlink",
    "posix.",
    "requests.",
    "shutil.",
    "smtplib.",
    "socket.",
    "sqlite3.",
    "subprocess.",
    "urllib.request.",
    "urllib3.",
)
_TASKS = frozenset(
    {
        "asyncio.taskgroups.TaskGroup",
        "asyncio.tasks.as_completed",
        "asyncio.tasks.create_task",
        "asyncio.tasks.ensure_future",
        "asyncio.tasks.gather",
        "asyncio.tasks.wait",
        "asyncio.threads.to_thread",
    }
)


def reads_clock(catalog: Catalog, known: Known) -> Iterator[Finding]:
    """Tell of clocks that tell another time when the body runs again."""
    for saga, called in _calls(catalog):
        if called.name in _CLOCKS:
            yield _finding(
                "S026",
                saga,
                called.place,
                f"its body calls {_short(called)}, which is not recorded: when the body runs again, "
                "after a wait or a crash, it is another time",
                "use sagas.now() and sagas.sleep(), which are recorded, or read it in an action",
            )


def draws(catalog: Catalog, known: Known) -> Iterator[Finding]:
    """Tell of chance that falls otherwise when the body runs again."""
    for saga, called in _calls(catalog):
        if called.name.startswith(_CHANCE):
            yield _finding(
                "S027",
                saga,
                called.place,
                f"its body calls {_short(called)}, which is not recorded: when the body runs again "
                "it gives something else",
                "use sagas.uuid(), which is recorded, or draw it in an action",
            )


def touches_world(catalog: Catalog, known: Known) -> Iterator[Finding]:
    """Tell of what a body does to the world, or asks of it, outside its steps."""
    for saga, called in _calls(catalog):
        if called.name.startswith(_OUTSIDE) and not called.name.startswith(_CHANCE):
            yield _finding(
                "S028",
                saga,
                called.place,
                f"its body calls {_short(called)}: it is done again whenever the body runs again, "
                "and no journal knows of it",
                "do it in an action",
            )


def steps_in_cleanup(catalog: Catalog, known: Known) -> Iterator[Finding]:
    """Tell of steps where a body comes through whenever it is parked."""
    for saga, flow in flows(catalog):
        for site in flow.sites:
            if site.is_cleanup:
                yield _finding(
                    "S029",
                    saga,
                    site.place,
                    f"{site.action.short_name} is called in a `finally`, or in a handler of "
                    "BaseException: the body comes through there whenever it is parked, and the "
                    "call is refused then",
                    "call it after the block, or in `except Exception`; what has to be undone "
                    "belongs into a compensation",
                )


def own_tasks(catalog: Catalog, known: Known) -> Iterator[Finding]:
    """Tell of tasks that a body begins by itself."""
    for saga, called in _calls(catalog):
        if called.name in _TASKS:
            yield _finding(
                "S030",
                saga,
                called.place,
                f"its body calls {_short(called)}: which task comes first is not recorded, and a "
                "step that is called in a task of its own is refused",
                "use sagas.parallel(...)",
            )


def _calls(catalog: Catalog) -> Iterator[tuple[Saga[Any, Any], Called]]:
    for saga, flow in flows(catalog):
        for called in flow.called:
            yield saga, called


def _short(called: Called) -> str:
    module, _, name = called.name.rpartition(".")
    return f"{module.partition('.')[0]}.{name}"


def _finding(code: str, saga: Saga[Any, Any], place: Place, reason: str, mend: str) -> Finding:
    return Finding(code, saga.name, saga.version, reason, mend, place=place)


REPEAT_RULES: Iterable[Rule] = (reads_clock, draws, touches_world, steps_in_cleanup, own_tasks)
