"""The front door of the package."""

import approvals


def test_every_exported_name_is_there() -> None:
    assert all(hasattr(approvals, name) for name in approvals.__all__)


def test_the_front_door_is_small() -> None:
    assert len(approvals.__all__) <= 22
