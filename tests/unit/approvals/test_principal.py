"""A person's name cannot be taken for something else."""

import pytest

from approvals.errors import DirectoryError
from approvals.names import fault_of_name
from approvals.principal import Principal


@pytest.mark.parametrize("name", ["", " ", "ana ", "@desk", "anyone", "an\u202ea"])
def test_a_name_that_could_be_mistaken_is_refused(name: str) -> None:
    with pytest.raises(DirectoryError, match="cannot be the name of a person"):
        Principal(name=name, display="Ana", groups=frozenset(), evidence="token")


@pytest.mark.parametrize("name", ["ana", "Ana Lima", "ana@example.org", "Ömer", "U02ABC"])
def test_an_ordinary_name_has_no_fault(name: str) -> None:
    assert fault_of_name(name) is None
