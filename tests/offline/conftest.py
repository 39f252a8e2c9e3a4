"""A device with an open profile at a clinic of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.offline.offline_kit import Clinic, Device, open_device


@pytest.fixture
def clinic() -> Clinic:
    return Clinic()


@pytest.fixture
def device(tmp_path: Path, clinic: Clinic) -> Iterator[Device]:
    opened = open_device(tmp_path / "profile", clinic)
    yield opened
    opened.close()
