"""The pytest plugin, run as its users run it."""

import asyncio
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from textwrap import dedent

import pytest

from sagas import connect
from sagas.testing.recorded import export_history, file_name
from tests.testing.trails import journal_in

pytest_plugins = ["pytester"]

# What an inner run would load, and forget again while this process still holds parts of it.
for name in ("connecting", "testing.asserting", "testing.clocks", "testing.replaying", "worker"):
    import_module(f"sagas.{name}")

CODE = """
    from sagas import Catalog, Reversibility

    travel = Catalog("travel")

    @travel.action(reversibility=Reversibility.READ_ONLY)
    async def look_up(city: str) -> str:
        return f"{city}!"

    @travel.saga
    async def book(city: str) -> str:
        found = await look_up(city)
        return found
"""
GOES_ON = CODE.replace("return found", "return await look_up(found)")
DIVERGES = CODE.replace("look_up(city)\n", "look_up(city.upper())\n")

INI = """
    [pytest]
    pythonpath = .
    asyncio_default_fixture_loop_scope = function
"""

Run = Callable[..., pytest.RunResult]


def _is_installed() -> bool:
    """Whether pytest finds the plugin by itself."""
    return any(item.name == "sagas" for item in entry_points(group="pytest11"))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The recorded histories of two sagas, by the names of their files."""
    url = journal_in(tmp_path_factory.mktemp("journal"))
    place: dict[str, object] = {"__name__": "recorded_code"}
    exec(dedent(CODE), place)  # noqa: S102  the same code that the inner runs import

    async def record() -> dict[str, bytes]:
        async with connect(url, place["travel"]) as coordinator:  # type: ignore[arg-type]
            for saga_id in ("oslo", "Rome/1"):
                await coordinator.run(place["book"], saga_id, id=saga_id)  # type: ignore[arg-type]
            return {
                file_name(saga_id): await export_history(coordinator.store, saga_id)
                for saga_id in ("oslo", "Rome/1")
            }

    return asyncio.run(record())


@pytest.fixture
def run(pytester: pytest.Pytester, files: dict[str, bytes]) -> Run:
    """Run pytest in a project with code and two recorded histories."""
    (pytester.path / "histories").mkdir()
    for name, content in files.items():
        (pytester.path / "histories" / name).write_bytes(content)
    pytester.makefile(".ini", pytest=dedent(INI))

    def call(
        *arguments: str,
        code: str = CODE,
        directory: str = "histories",
        catalog: str = "plugin_trips:travel",
    ) -> pytest.RunResult:
        (pytester.path / "plugin_trips.py").write_text(dedent(code))
        plugin = () if _is_installed() else ("-p", "sagas.testing.plugin")
        given = [f"--saga-histories={directory}"] if directory else []
        given += [f"--saga-catalog={catalog}"] if catalog else []
        return pytester.runpytest_inprocess(*plugin, *given, *arguments)

    return call


# --- what is collected ------------------------------------------------------------------------


def test_each_recorded_history_is_a_test_named_after_its_saga(run: Run) -> None:
    result = run("-v")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(
        ["histories/oslo.json::oslo P*", "histories/rome-1~*.json::Rome/1 P*"]
    )


def test_k_selects_histories_by_the_id_of_their_saga(run: Run) -> None:
    run("-k", "oslo").assert_outcomes(passed=1, deselected=1)


def test_a_history_is_run_again_by_its_name(run: Run) -> None:
    run("histories/oslo.json::oslo").assert_outcomes(passed=1)


def test_the_directory_may_be_named_as_what_is_to_be_tested(run: Run) -> None:
    run("histories").assert_outcomes(passed=2)


def test_histories_are_collected_beside_other_tests(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(test_it="def test_it() -> None: ...")
    run().assert_outcomes(passed=3)
    run(directory="", catalog="").assert_outcomes(passed=1)


def test_the_ini_file_may_name_both(pytester: pytest.Pytester, run: Run) -> None:
    more = "saga_histories = histories\nsaga_catalogs = plugin_trips:travel\n"
    (pytester.path / "pytest.ini").write_text(dedent(INI) + more)
    pytester.makepyfile(test_it="def test_it() -> None: ...")
    run(directory="", catalog="").assert_outcomes(passed=3)
    run("test_it.py", directory="", catalog="").assert_outcomes(passed=1)


@pytest.mark.parametrize("catalog", ["plugin_trips:travel", "plugin_trips.py:travel"])
@pytest.mark.parametrize("elsewhere", ["", "below"])
def test_a_catalog_is_found_from_the_root_directory_whatever_the_path_has(
    pytester: pytest.Pytester,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    catalog: str,
    elsewhere: str,
) -> None:
    (pytester.path / "pytest.ini").write_text(dedent(INI).replace("pythonpath = .\n", ""))
    (pytester.path / "below").mkdir()
    monkeypatch.chdir(pytester.path / elsewhere)
    here = ("", ".", str(pytester.path))
    monkeypatch.setattr("sys.path", [entry for entry in sys.path if entry not in here])
    run(catalog=catalog, directory=str(pytester.path / "histories")).assert_outcomes(passed=2)


# --- verdicts ---------------------------------------------------------------------------------


def test_a_history_that_the_code_goes_on_from_passes_and_says_so(run: Run) -> None:
    result = run("-rP", code=GOES_ON)
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*oslo: compatible travel.book version 1", "*it goes on where*"])


def test_a_history_that_the_code_diverges_from_fails_with_its_diff(run: Run) -> None:
    result = run("-k", "oslo", code=DIVERGES)
    result.assert_outcomes(failed=1, deselected=1)
    result.stdout.fnmatch_lines(
        ["*history of oslo*", "oslo: blocked travel.book version 1", '*- city  "oslo"', '*"OSLO"']
    )
    result.stdout.no_fnmatch_line("*Traceback*")


def test_a_history_that_was_changed_fails(pytester: pytest.Pytester, run: Run) -> None:
    path = pytester.path / "histories" / "oslo.json"
    path.write_bytes(path.read_bytes().replace(b'\\"oslo\\"', b'\\"rome\\"'))
    result = run()
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*unreadable*", "*the recorded history was changed: entry 1*"])


def test_junit_has_a_case_for_each_history_with_its_verdict(
    pytester: pytest.Pytester, run: Run
) -> None:
    run("--junit-xml=out.xml", code=GOES_ON)
    cases = list(ET.parse(pytester.path / "out.xml").iter("testcase"))  # noqa: S314  our own file
    assert {case.get("name") for case in cases} == {"oslo", "Rome/1"}
    verdicts = {item.get("value") for case in cases for item in case.iter("property")}
    assert verdicts == {"compatible"}


# --- what cannot be meant ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("directory", "catalog", "words"),
    [
        ("nowhere", "plugin_trips:travel", "there is no directory *nowhere"),
        ("empty", "plugin_trips:travel", "holds no recorded history: write some with*export --to*"),
        ("other", "plugin_trips:travel", "*x.json: it is no recorded history*"),
        ("histories", "", "need the code of their sagas: --saga-catalog=module:catalog"),
        ("histories", "plugin_trips", "*is not of the form module:catalog or file.py:catalog"),
        ("histories", "nowhere.py:travel", "there is no file nowhere.py"),
        ("histories", "nowhere:travel", "nowhere cannot be imported: ModuleNotFoundError*"),
        ("histories", "plugin_trips:other", "plugin_trips has no catalog 'other': it has travel"),
    ],
)
def test_a_mistake_is_a_usage_error_that_says_what_to_do(
    pytester: pytest.Pytester, run: Run, directory: str, catalog: str, words: str
) -> None:
    for name in ("empty", "other"):
        (pytester.path / name).mkdir()
    (pytester.path / "other" / "x.json").write_text("{}")
    result = run(directory=directory, catalog=catalog)
    assert result.ret is pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: *{words}*"])


def test_code_that_cannot_be_right_is_a_usage_error(run: Run) -> None:
    incomplete = CODE.replace("READ_ONLY", "COMPENSATABLE")
    result = run(code=incomplete)
    assert result.ret is pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: *travel.look_up*"])


# --- fixtures ---------------------------------------------------------------------------------


def test_the_fixtures_give_a_journal_and_clocks(pytester: pytest.Pytester, run: Run) -> None:
    pytester.makepyfile(
        test_it="""
        import asyncio
        import time
        from datetime import timedelta

        import pytest
        from sagas import connect
        from plugin_trips import book, travel

        @pytest.mark.parametrize("number", [1, 2])
        def test_journal(saga_journal, virtual_clock, number) -> None:
            async def main():
                async with connect(saga_journal, travel, clock=virtual_clock) as coordinator:
                    assert await coordinator.list() == []
                    await coordinator.run(book, "oslo", id="s")
                    assert (await coordinator.state("s")).head
            with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
                runner.run(main())

        def test_clocks(frozen_clock, virtual_clock) -> None:
            before = time.time()
            frozen_clock.tick(timedelta(hours=1))
            assert time.time() - before == 3600
            before = virtual_clock.now()
            virtual_clock.advance(timedelta(hours=1))
            assert virtual_clock.now() - before == timedelta(hours=1)
        """
    )
    run(directory="", catalog="").assert_outcomes(passed=3)


def test_the_plugin_loads_nothing_that_runs_sagas() -> None:
    script = "import sagas.testing.plugin, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    heavy = {"sagas.driving", "sagas.journal", "sagas.coordinator", "sqlalchemy", "hypothesis"}
    assert not loaded & {*heavy, "asyncio", "sqlite3", "alembic", "freezegun"}


def test_the_plugin_is_found_under_its_name() -> None:
    project = (Path(__file__).parents[2] / "pyproject.toml").read_text()
    assert '[project.entry-points.pytest11]\nsagas = "sagas.testing.plugin"' in project
