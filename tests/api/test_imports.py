"""`import sagas` is for whoever defines sagas; what runs them is loaded when it is asked for."""

import subprocess
import sys

import pytest

LATE = [
    "aiohttp",
    "alembic",
    "asyncpg",
    "fastapi",
    "jinja2",
    "rich",
    "slack_sdk",
    "sqlalchemy",
    "sqlmodel",
    "starlette",
    "tenacity",
    "typer",
]


def loaded(program: str) -> set[str]:
    """The modules of a fresh process after a program."""
    script = f"{program}\nimport sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


@pytest.fixture(scope="module")
def after_import() -> set[str]:
    return loaded("import sagas")


@pytest.mark.parametrize("module", [*LATE, "asyncio", "sqlite3", "ssl"])
def test_importing_sagas_does_not_load(module: str, after_import: set[str]) -> None:
    assert module not in after_import


@pytest.mark.parametrize(
    "part", ["sagas.journal", "sagas.driving", "sagas.coordinator", "sagas.cli"]
)
def test_importing_sagas_does_not_load_what_runs_them(part: str, after_import: set[str]) -> None:
    assert part not in after_import


def test_defining_a_saga_loads_nothing_more() -> None:
    program = (
        "from datetime import timedelta\n"
        "from sagas import Catalog, Retry, Reversibility, approval\n"
        "travel = Catalog('travel')\n"
        "@travel.action(reversibility=Reversibility.COMPENSATABLE, retry=Retry(attempts=5))\n"
        "async def book(city: str) -> str: ...\n"
        "@book.compensation()\n"
        "async def cancel(result: str) -> None: ...\n"
        "@travel.action(reversibility=Reversibility.IRREVERSIBLE,\n"
        "               approval=approval(by='ana', within=timedelta(hours=1)))\n"
        "async def mail(to: str) -> None: ...\n"
        "@travel.saga\n"
        "async def trip(city: str) -> None: ...\n"
    )

    assert not loaded(program) & {*LATE, "asyncio", "sqlite3"}


@pytest.mark.parametrize("package", ["compensations", "approvals", "reversibility"])
def test_a_lower_package_does_not_load_the_upper_one(package: str) -> None:
    assert not any(name.partition(".")[0] == "sagas" for name in loaded(f"import {package}"))


def test_approvals_load_no_client_of_slack() -> None:
    assert not loaded("import approvals, approvals.channels") & {"aiohttp", "slack_sdk"}


def test_the_door_to_the_local_slack_loads_no_server() -> None:
    assert "aiohttp" not in loaded("import approvals.testing")


def test_the_local_slack_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['aiohttp'] = None\n"
        "from approvals.testing import NotInstalled\n"
        "try:\n"
        "    from approvals.testing import SlackServer\n"
        "except NotInstalled as missing:\n"
        "    print(str(missing).replace(' ', '_'))\n"
    )
    assert any("pip_install_'agent-sagas[slack]'" in word for word in loaded(program))
