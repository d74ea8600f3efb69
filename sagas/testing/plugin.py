"""The pytest plugin: recorded histories as tests, and fixtures for a journal and for clocks.

`pytest --saga-histories=DIR --saga-catalog=module:catalog` makes each recorded history of the
directory a test that replays it. What is heavy is imported when it is asked for: this module is
loaded by every pytest run of an environment that has sagas.

Touches: pytest's configuration, files, the path of modules.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

if TYPE_CHECKING:
    from sagas.authoring.catalog import Catalog
    from sagas.testing.clocks import FrozenClock, VirtualClock
    from sagas.testing.replaying import Replayed

HISTORIES = "saga_histories"
CATALOGS = "saga_catalogs"
SUFFIX = ".json"
SOURCE = ".py"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take `--saga-histories` and `--saga-catalog`, and what the ini file says of both."""
    group = parser.getgroup("sagas", "recorded histories of sagas")
    group.addoption(
        "--saga-histories",
        action="append",
        default=[],
        metavar="DIR",
        help="replay the recorded histories of this directory against today's code",
    )
    group.addoption(
        "--saga-catalog",
        action="append",
        default=[],
        metavar="MODULE:CATALOG",
        help="a catalog whose code the recorded sagas need, or file.py:catalog (repeatable)",
    )
    parser.addini(HISTORIES, "directories of recorded histories to replay", type="paths")
    parser.addini(
        CATALOGS,
        "catalogs of the recorded sagas: module:catalog or file.py:catalog",
        type="linelist",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Collect from the directories too.

    A run that names what it tests leaves out those of the ini file, and what it names within a
    directory is all that it tests of that.
    """
    asked, given = _asked(config), _given(config)
    for directory in _directories(config):
        if given and directory not in asked:
            continue
        if not any(directory in (path, *path.parents) for path in given):
            config.args.append(str(directory))


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Refuse what cannot be replayed, before anything runs."""
    directories = _directories(session.config)
    if directories:
        session.config.stash[_CATALOGS] = _catalogs(session.config)
    for directory in directories:
        _check(directory)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> "RecordedHistory | None":
    """Take a file of one of the directories for a recorded history."""
    if file_path.suffix != SUFFIX:
        return None
    if not any(directory in file_path.parents for directory in _directories(parent.config)):
        return None
    made: Any = RecordedHistory
    return cast(RecordedHistory, made.from_parent(parent, path=file_path))


class RecordedHistory(pytest.File):
    """The file of one saga."""

    def collect(self) -> Iterator[pytest.Item]:
        """One test, named after the saga."""
        from sagas.testing.recorded import recorded_id

        made: Any = Replay
        yield cast(Replay, made.from_parent(self, name=recorded_id(self.path.read_bytes())))


class Replay(pytest.Item):
    """The replay of one recorded history: it passes if such a saga would go on."""

    def runtest(self) -> None:
        """Replay it."""
        import asyncio

        from sagas.testing.replaying import replay

        catalogs = self.config.stash[_CATALOGS]
        with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
            found = runner.run(replay(self.path, *catalogs))
        self.user_properties.append(("verdict", found.verdict.value))
        if not found.verdict.is_good:
            raise Stranded(found)
        if found.changes:
            self.add_report_section("call", "saga history", str(found))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The diff, and no traceback: the test has no code of its own."""
        if isinstance(excinfo.value, Stranded):
            return str(excinfo.value.found)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where it is, and what it is called in the head of a failure."""
        return self.path, None, f"history of {self.name}"


class Stranded(AssertionError):
    """A saga with this history would not go on under today's code."""

    def __init__(self, found: "Replayed") -> None:
        super().__init__(str(found))
        self.found = found


_CATALOGS: "pytest.StashKey[list[Catalog]]" = pytest.StashKey()


def _asked(config: pytest.Config) -> list[Path]:
    """The directories of the command line."""
    return [
        (config.invocation_params.dir / item).resolve()
        for item in _named(config, "--saga-histories")
    ]


def _named(config: pytest.Config, option: str) -> list[str]:
    """What was given to an option that may be repeated."""
    given: Any = config.getoption(option)
    return list(given or [])


def _given(config: pytest.Config) -> list[Path]:
    """The files and directories that the run names."""
    if config.args_source is not pytest.Config.ArgsSource.ARGS:
        return []
    paths = (item.partition("::")[0] for item in config.args)
    return [(config.invocation_params.dir / path).resolve() for path in paths]


def _directories(config: pytest.Config) -> list[Path]:
    """Every directory of histories, each once."""
    named: list[Path] = config.getini(HISTORIES)
    return list(dict.fromkeys([*_asked(config), *(path.resolve() for path in named)]))


def _check(directory: Path) -> None:
    """Refuse a directory that is not there, or empty, or that holds something else.

    Raises:
        UsageError: It is.
    """
    from sagas.testing.errors import NotAHistory
    from sagas.testing.recorded import recorded_id

    if not directory.is_dir():
        raise pytest.UsageError(f"--saga-histories: there is no directory {directory}")
    files = sorted(directory.rglob(f"*{SUFFIX}"))
    if not files:
        raise pytest.UsageError(
            f"--saga-histories: {directory} holds no recorded history: write some with "
            f"`sagas history export --to {directory}`"
        )
    for path in files:
        try:
            recorded_id(path.read_bytes())
        except (NotAHistory, OSError) as error:
            raise pytest.UsageError(f"--saga-histories: {path}: {error}") from None


def _catalogs(config: pytest.Config) -> "list[Catalog]":
    """The catalogs that were named.

    Raises:
        UsageError: None was, one is not there, or two cannot be served together.
    """
    from sagas.connecting import check_catalogs
    from sagas.errors import DefinitionError

    given: list[str] = [*_named(config, "--saga-catalog"), *config.getini(CATALOGS)]
    if not given:
        raise pytest.UsageError(
            "recorded histories need the code of their sagas: --saga-catalog=module:catalog, or "
            f"{CATALOGS} in the ini file"
        )
    _find_modules(config)
    named = (_catalog(text, config) for text in given)
    found = list({id(item): item for item in named}.values())
    try:
        check_catalogs(found)
    except DefinitionError as error:
        raise pytest.UsageError(f"--saga-catalog: {error}") from None
    return found


def _find_modules(config: pytest.Config) -> None:
    """Have the project's own modules found, as `python -m pytest` does: from the root directory."""
    for directory in (str(config.invocation_params.dir), str(config.rootpath)):
        if directory not in sys.path:
            sys.path.insert(0, directory)


def _catalog(text: str, config: pytest.Config) -> "Catalog":
    from importlib import import_module

    from sagas.authoring.catalog import Catalog

    where, colon, attribute = text.rpartition(":")
    if not (where and colon and attribute):
        raise pytest.UsageError(
            f"--saga-catalog: {text!r} is not of the form module:catalog or file.py:catalog"
        )
    name = _module_of(where, config) if where.endswith(SOURCE) else where
    try:
        module = import_module(name)
    except Exception as error:
        raise pytest.UsageError(
            f"--saga-catalog: {name} cannot be imported: {type(error).__name__}: {error} (modules "
            f"are found in {config.rootpath}, and in what the ini file says under pythonpath)"
        ) from error
    found = getattr(module, attribute, None)
    if isinstance(found, Catalog):
        return found
    known = sorted(key for key, value in vars(module).items() if isinstance(value, Catalog))
    has = f"it has {', '.join(known)}" if known else "it has none"
    raise pytest.UsageError(f"--saga-catalog: {name} has no catalog {attribute!r}: {has}")


def _module_of(file: str, config: pytest.Config) -> str:
    """The name under which a file is imported."""
    places = (config.invocation_params.dir, config.rootpath)
    path = next((path for place in places if (path := (place / file).resolve()).is_file()), None)
    if path is None:
        raise pytest.UsageError(f"--saga-catalog: there is no file {file}")
    for place in places:
        if path.is_relative_to(place.resolve()):
            return ".".join(path.relative_to(place.resolve()).with_suffix("").parts)
    sys.path.insert(0, str(path.parent))
    return path.stem


# --- fixtures ---------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def _empty_journal(tmp_path_factory: pytest.TempPathFactory) -> Path:  # pyright: ignore[reportUnusedFunction]
    """An SQLite journal without a saga, to copy."""
    from sagas.journal import migrate

    path = tmp_path_factory.mktemp("sagas") / "empty.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def saga_journal(_empty_journal: Path, tmp_path: Path) -> str:
    """The URL of a fresh SQLite journal, in the test's own directory."""
    import shutil

    path = tmp_path / "sagas.db"
    shutil.copy(_empty_journal, path)
    return f"sqlite:///{path}"


@pytest.fixture
def virtual_clock() -> "VirtualClock":
    """A clock for `connect(clock=...)` that stands still until the test moves it."""
    from sagas.testing.clocks import VirtualClock

    return VirtualClock()


@pytest.fixture
def frozen_clock() -> "Iterator[FrozenClock]":
    """The time of day of the whole process, frozen with freezegun and moved by the test."""
    from sagas.testing.clocks import frozen_time

    with frozen_time() as clock:
        yield clock
