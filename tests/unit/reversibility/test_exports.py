"""The front door of the package, and what it must never import."""

import subprocess
import sys

import reversibility


def test_every_exported_name_exists() -> None:
    assert [name for name in reversibility.__all__ if not hasattr(reversibility, name)] == []


def test_the_exports_are_sorted() -> None:
    assert list(reversibility.__all__) == sorted(reversibility.__all__)


def test_the_front_door_has_at_most_seventeen_names() -> None:
    assert len(reversibility.__all__) <= 17


def test_importing_the_vocabulary_loads_no_loop_and_no_third_party() -> None:
    program = (
        "import reversibility, sys;"
        "print({'asyncio', 'pydantic', 'sqlalchemy', 'sagas'} & set(sys.modules))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert loaded.stdout.strip() == "set()"
