"""One running service for the whole run; tests that stop, flood or starve it start their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.clinic.people import Device
from tests.clinic.service import RunningClinic, start_clinic

settings.register_profile("clinic", deadline=None)  # the machine is shared: no property depends on time
settings.load_profile("clinic")


@pytest.fixture(scope="session")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningClinic]:
    running = start_clinic(tmp_path_factory.mktemp("service"))
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="session")
def provider(clinic: RunningClinic) -> Device:
    device = Device(clinic)
    device.enrol(clinic.code)
    return device


@pytest.fixture(scope="session")
def patient(provider: Device) -> Device:
    return provider.newcomer()


@pytest.fixture
def own_clinic(tmp_path: Path) -> Iterator[RunningClinic]:
    """For one test alone, which may kill it."""
    running = start_clinic(tmp_path)
    yield running
    running.stop()


@pytest.fixture
def own_provider(own_clinic: RunningClinic) -> Device:
    device = Device(own_clinic)
    device.enrol(own_clinic.code)
    return device
