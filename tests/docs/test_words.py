"""The pages name everything that a user can meet, and nothing that does not exist."""

import re
from pathlib import Path

import pytest

import sagas
from approvals import GateState
from compensations import Choice, InterventionKind
from compensations.interventions import OFFERS
from reversibility import ObservabilityKind, Reversibility
from sagas import Status
from sagas.entries import KINDS

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text()
STATES = (ROOT / "docs" / "state-machines.md").read_text()
CONCEPTS = (ROOT / "docs" / "concepts.md").read_text()

UNWANTED = re.compile(
    r"\b(robust|powerful|production-ready|enterprise|simply|just|seamless|easily)\b", re.IGNORECASE
)


@pytest.mark.parametrize("name", sagas.__all__)
def test_the_glossary_names_every_public_name(name: str) -> None:
    assert f"`{name}`" in GLOSSARY


@pytest.mark.parametrize("status", list(Status))
def test_every_status_has_a_row(status: Status) -> None:
    assert f"| `{status}` |" in STATES


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_entry_has_a_row(kind: str) -> None:
    assert f"| `{kind}` |" in STATES


@pytest.mark.parametrize("state", list(GateState))
def test_every_state_of_a_gate_has_a_row(state: GateState) -> None:
    assert f"| `{state}` |" in STATES


@pytest.mark.parametrize("choice", list(Choice))
def test_every_choice_has_a_row(choice: Choice) -> None:
    assert f"| `{choice}` |" in STATES


@pytest.mark.parametrize("kind", list(InterventionKind))
def test_every_kind_of_intervention_is_shown_with_its_choices(kind: InterventionKind) -> None:
    choices = ", ".join(f"`{choice}`" for choice in OFFERS[kind])
    row = next(line for line in STATES.splitlines() if line.startswith(f"| `{kind}` |"))
    assert choices in row


@pytest.mark.parametrize("reversibility", list(Reversibility))
def test_every_class_has_a_row(reversibility: Reversibility) -> None:
    assert f"| `{reversibility}` |" in CONCEPTS


@pytest.mark.parametrize("kind", list(ObservabilityKind))
def test_every_kind_of_observability_has_a_row(kind: ObservabilityKind) -> None:
    assert f"\n| {kind} |" in CONCEPTS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_test_that_a_page_names_exists(page: Path) -> None:
    named = re.findall(r"`(tests/[\w/.-]+)`", page.read_text())
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_page_praises(page: Path) -> None:
    assert UNWANTED.findall(page.read_text()) == []


def test_every_page_is_in_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text()
    assert [page.name for page in PAGES[2:] if f" {page.name}\n" not in navigation] == []
