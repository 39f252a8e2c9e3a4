"""What goes wrong in the middle: the service dies and comes back, the disk is full."""

import asyncio
import os
import subprocess
import sys
import threading

import pytest

from app.presenters.views import ItemStage, Page, PhotoPhase, PictureState, VisitPhase
from app.wire.trust import Role
from tests.clinic.service import start_clinic
from tests.e2e.e2e_people import desk, person, start_visit, two_people


@pytest.fixture
def service(tmp_path):
    clinic = start_clinic(tmp_path, args=("--port", "0"))
    yield clinic
    clinic.stop()


async def live_visit(clinic):
    patient, provider = clinic.patient, clinic.provider
    await start_visit(clinic)
    for who in (patient, provider):
        await who.until(lambda v: v.visit and v.visit.picture is PictureState.LIVE)


def test_a_visit_outlives_its_service_and_both_meet_again_after_a_restart(tmp_path):
    clinic = start_clinic(tmp_path)
    clinic.args = ("--port", str(clinic.port))

    async def run():
        async with two_people(tmp_path, clinic.url, clinic.code) as people:
            await live_visit(people)
            await asyncio.to_thread(clinic.kill)
            await people.patient.until(lambda v: "cannot be reached" in v.clinic.text)
            before = people.patient.remote.latest().number
            await people.patient.until(
                lambda v: v.visit.phase is VisitPhase.LIVE and people.patient.remote.latest().number > before + 10
            )
            await asyncio.to_thread(clinic.start)
            for who in (people.patient, people.provider):
                await who.until(lambda v: "Connected" in v.clinic.text, 30)
                assert who.view.visit.phase is VisitPhase.LIVE
            # The waiting room knows them again: a hang-up is told.
            for who in (people.patient, people.provider):
                await who.until(lambda v, w=who: w.presenter._room.other_present)
            people.patient.presenter.hang_up()
            await people.provider.until(lambda v: v.page is Page.HOME and "has ended the visit" in v.notice.text)

    try:
        asyncio.run(run())
    finally:
        clinic.stop()


def test_a_patient_who_starts_the_app_anew_is_back_in_the_visit(tmp_path, service):
    async def run():
        async with two_people(tmp_path, service.url, service.code) as people:
            await live_visit(people)
            # As if the process had been killed: no bye is said, the transport just goes silent.
            people.patient.presenter._stream.send = lambda message: False
            await people.patient.presenter.stop()
            again = person(Role.PATIENT, tmp_path / "ann")
            people.patient = again
            await again.presenter.start()
            await again.until(lambda v: v.next_visit and "Connected" in v.clinic.text)
            again.presenter.join(people.visit_id)
            await again.until(lambda v: v.visit and v.visit.picture is PictureState.LIVE, 40)
            await people.provider.until(lambda v: v.visit and v.visit.phase is VisitPhase.LIVE)
            await again.presenter.stop()

    asyncio.run(run())


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_saves_nothing_says_so_and_loses_nothing(tmp_path, service):
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600k", "none", str(small)], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.decode().strip()}")

    async def run():
        async with desk(tmp_path / "desk", service.url, service.code) as office:
            patient = person(Role.PATIENT, small / "ann")
            await patient.presenter.start()
            patient.presenter.enrol(service.url, await office.invite(Role.PATIENT, "Ann Example"))
            await patient.until(lambda v: "Connected" in v.clinic.text)
            await photograph(patient)
            patient.presenter.keep_photo()
            # Delivered and erased: else that makes room again, after the ballast.
            await patient.until(lambda v: v.items and v.page is Page.HOME and v.items[0].stage is ItemStage.RECEIVED)
            await asyncio.to_thread(until_held_alone, small / "ann" / "blobs")
            await asyncio.to_thread(fill, small / "ballast")
            await photograph(patient)
            # Refused at the shutter; the store, opened anew, may have found some room since.
            await patient.until(lambda v: v.notice and "Saved" not in v.notice.text)
            await asyncio.to_thread(fill, small / "more")
            patient.presenter.keep_photo()
            await patient.until(lambda v: v.photo.phase is PhotoPhase.SAVING)
            view = await patient.until(lambda v: v.photo.phase is PhotoPhase.REVIEW)
            assert "Saved" not in view.notice.text
            # The picture is still there to be kept once there is room.
            assert view.photo.phase is PhotoPhase.REVIEW
            assert view.photo.jpeg
            assert len(view.items) == 1
            (small / "ballast").unlink()
            (small / "more").unlink()
            patient.presenter.keep_photo()
            await patient.until(lambda v: len(v.items) == 2)
            await patient.presenter.stop()

    try:
        asyncio.run(run())
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)


async def photograph(patient):
    patient.presenter.start_photo()
    for _ in range(60):
        patient.presenter.shutter()
        try:
            await patient.until(lambda v: v.photo and v.photo.phase is PhotoPhase.REVIEW, 0.5)
            return
        except AssertionError:
            continue
    raise AssertionError("the camera gave no picture")


def until_held_alone(folder):
    """Delivered files go, the original stays with its manifest; there is nothing else to wait on from outside."""
    turn = threading.Event()
    for _ in range(400):
        if len(list(folder.iterdir())) == 2:
            return
        turn.wait(0.05)
    raise AssertionError("a delivered file stays")


def fill(path):
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 4096)
        except OSError:
            return


def test_one_profile_is_used_by_one_app_at_a_time(tmp_path, service):
    async def run():
        first, second = person(Role.PATIENT, tmp_path / "ann"), person(Role.PATIENT, tmp_path / "ann")
        await first.presenter.start()
        await second.presenter.start()
        view = await second.until(lambda v: v.notice)
        assert "already" in view.notice.text or "in use" in view.notice.text
        await second.presenter.stop()
        await first.presenter.stop()

    asyncio.run(run())


def test_the_command_line_says_one_sentence_and_fails(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "app", "clinic", "people", "--no-keyring", "--profile", str(tmp_path / "nobody")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "not enrolled" in done.stderr
    assert done.stderr.count("\n") == 1
