"""What the pages show is what happens."""

from pathlib import Path

import pytest

from tests.docs.walkthrough import Walkthrough, change, compare

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_readme_does_what_it_says(tmp_path: Path) -> None:
    Walkthrough(tmp_path).play((ROOT / "README.md").read_text(), untitled="trips.py")


@pytest.mark.slow
def test_the_quickstart_does_what_it_says(tmp_path: Path) -> None:
    Walkthrough(tmp_path).play((ROOT / "docs" / "quickstart.md").read_text())


@pytest.mark.slow
def test_the_page_on_previews_does_what_it_says(tmp_path: Path) -> None:
    Walkthrough(tmp_path).play((ROOT / "docs" / "preview.md").read_text())


@pytest.mark.slow
@pytest.mark.timeout(400)  # it explores a dozen times, in processes of its own
def test_the_tutorial_does_what_it_says(tmp_path: Path) -> None:
    Walkthrough(tmp_path).play((ROOT / "docs" / "prove-it.md").read_text())


@pytest.mark.slow
def test_the_page_about_auditing_does_what_it_says(tmp_path: Path) -> None:
    Walkthrough(tmp_path).play((ROOT / "docs" / "auditing.md").read_text())


@pytest.mark.slow
def test_the_page_about_sessions_does_what_it_says(tmp_path: Path) -> None:
    Walkthrough(tmp_path).play((ROOT / "docs" / "sessions.md").read_text())


@pytest.mark.slow
def test_the_page_about_residue_does_what_it_says(tmp_path: Path) -> None:
    Walkthrough(tmp_path).play((ROOT / "docs" / "residue.md").read_text())


def test_another_output_does_not_match() -> None:
    assert compare("trip-1 completed\n", "trip-1 stuck\n") is None


def test_more_output_than_shown_does_not_match() -> None:
    assert compare("completed\n", "completed\nand more\n") is None


def test_left_out_lines_match() -> None:
    assert compare("first\n...\nlast\n", "first\nsecond\nlast\n") == {}


def test_other_ids_instants_and_durations_match() -> None:
    shown = "g-v67aj6979cfd: approved by ana at 03:52 UTC, 2.4 s\n"
    printed = "g-q9sv4prmt72w: approved by ana at 23:01 UTC, 12 ms\n"
    assert compare(shown, printed) == {"g-v67aj6979cfd": "g-q9sv4prmt72w"}


def test_an_instant_of_another_day_matches() -> None:
    assert compare("until 07:52 UTC\n", "until 2026-11-24 01:10 UTC\n") == {}


def test_a_changed_definition_takes_the_place_of_the_old_one() -> None:
    source = "@a.action()\nasync def f() -> int:\n    return 1\n\n\nx = 1\n"
    assert change(source, "@a.action(k=2)\nasync def f() -> int:\n    return 2\n") == (
        "@a.action(k=2)\nasync def f() -> int:\n    return 2\n\n\nx = 1\n"
    )


def test_the_readme_is_short_and_shows_code_early() -> None:
    lines = (ROOT / "README.md").read_text().splitlines()
    assert len(lines) <= 120
    assert lines.index("```python") < 25
