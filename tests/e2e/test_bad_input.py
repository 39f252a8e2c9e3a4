"""What goes wrong at enrolment and with files: one clear sentence each, and nothing saved is lost."""

import asyncio
import contextlib

import pytest

from app.presenters.views import ItemStage, Page, PhotoPhase
from app.wire.code import CodeKind, EnrolmentCode
from app.wire.trust import Role
from tests.clinic.service import start_clinic
from tests.e2e.e2e_people import desk, person, two_people


@pytest.fixture
def service(tmp_path):
    clinic = start_clinic(tmp_path, tls="self")
    yield clinic
    clinic.stop()


async def enrolling(tmp_path, address, code, role=Role.PATIENT, folder="someone"):
    """The notice that follows an enrolment that must fail, twice alike: nothing is half done."""
    who = person(role, tmp_path / folder)
    await who.presenter.start()
    try:
        for _ in range(2):
            who.presenter.enrol(address, code)
            view = await who.until(lambda v: not v.busy and v.notice)
            assert view.page is Page.ENROL
            who.presenter.dismiss_notice()
            await who.until(lambda v: v.notice is None)
        return view.notice.text
    finally:
        await who.presenter.stop()


def test_wrong_and_used_codes(tmp_path, service):
    async def run():
        async with desk(tmp_path / "desk", service.url, service.code) as office:
            root = office._account.clinic.root_key
            unknown = str(EnrolmentCode.new(CodeKind.PATIENT, root))
            foreign = str(EnrolmentCode.new(CodeKind.PATIENT, b"another clinic's root key........"))
            for_provider = await office.invite(Role.PROVIDER, "Dr Lee")
            assert "does not know this code" in await enrolling(tmp_path, service.url, unknown)
            assert "another clinic" in await enrolling(tmp_path, service.url, foreign)
            assert "not for a patient" in await enrolling(tmp_path, service.url, for_provider)
            assert "letters and digits" in await enrolling(tmp_path, service.url, "Äpfel!")
            used = await enrolling(tmp_path, service.url, service.code, Role.PROVIDER)
            assert "used already" in used
            assert "address" in await enrolling(tmp_path, "two words", unknown)

    asyncio.run(run())


def test_a_service_that_is_not_there_and_one_that_is_a_portal(tmp_path):
    code = str(EnrolmentCode.new(CodeKind.PATIENT, bytes(32)))

    async def run():
        async def portal(reader, writer):
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await reader.readuntil(b"\r\n\r\n")
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\n<hi/>")
                await writer.drain()
            writer.close()

        listening = await asyncio.start_server(portal, "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        assert "sign-in page" in await enrolling(tmp_path, f"http://127.0.0.1:{port}", code)
        listening.close()
        await listening.wait_closed()
        assert "cannot be reached" in await enrolling(tmp_path, f"http://127.0.0.1:{port}", code)

    asyncio.run(run())


def test_a_certificate_that_does_not_fit(tmp_path, service):
    """Another computer stands where the clinic's was: the enrolled device says so and stays safe."""

    async def run():
        async with two_people(tmp_path, service.url, service.code) as clinic:
            port = service.port
            await asyncio.to_thread(service.stop)
            await clinic.patient.until(lambda v: "cannot be reached" in v.clinic.text)
            (tmp_path / "other").mkdir()
            other = await asyncio.to_thread(start_clinic, tmp_path / "other", "self", None, ("--port", str(port)))
            try:
                await clinic.patient.until(lambda v: "certificate does not fit" in v.clinic.text)
            finally:
                await asyncio.to_thread(other.stop)

    asyncio.run(run())


def test_files_that_are_no_photos_and_a_clinic_that_is_away(tmp_path, service):
    text = tmp_path / "letter.jpg"
    text.write_bytes(b"Dear clinic, this is no photo.\n" * 50)
    bomb = tmp_path / "bomb.png"
    bomb.write_bytes(png_header(30_000, 30_000))
    good = tmp_path / "good.png"

    async def run():
        import cv2
        import numpy as np

        cv2.imwrite(str(good), np.full((60, 80, 3), 127, np.uint8))
        async with two_people(tmp_path, service.url, service.code) as clinic:
            patient = clinic.patient
            await patient.until(lambda v: v.next_visit)
            await asyncio.to_thread(service.stop)
            await patient.until(lambda v: "cannot be reached" in v.clinic.text)
            for path, sentence in ((text, "not a photo"), (bomb, "900 megapixels"), (tmp_path / "gone", "cannot be")):
                patient.presenter.add_files([path])
                view = await patient.until(lambda v, s=sentence: v.notice and s in v.notice.text)
                assert path.name in view.notice.text
            assert patient.view.items == ()
            patient.presenter.add_files([good])
            await patient.until(lambda v: v.photo and v.photo.phase is PhotoPhase.REVIEW and v.photo.sizes)
            patient.presenter.keep_photo()
            await patient.until(lambda v: v.items and "cannot be reached" in v.items[0].text)
            await asyncio.to_thread(service.start)
            return patient.view.items[0].submission_id

    asyncio.run(again(tmp_path, asyncio.run(run())))


async def again(tmp_path, saved):
    """The app is started anew: what was saved is still there."""
    who = person(Role.PATIENT, tmp_path / "ann")
    await who.presenter.start()
    try:
        view = await who.until(lambda v: v.items)
        assert [item.submission_id for item in view.items] == [saved]
        assert view.items[0].stage in (ItemStage.SAVED, ItemStage.WAITING, ItemStage.SENDING)
        assert view.next_visit.with_name == "Dr Lee"
    finally:
        await who.presenter.stop()


def png_header(width, height):
    import struct
    import zlib

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


def test_who_presses_connect_before_the_profile_is_open_is_not_forgotten(tmp_path, service):
    async def run():
        who = person(Role.PROVIDER, tmp_path / "quick")
        opening = asyncio.create_task(who.presenter.start())
        await asyncio.sleep(0)
        who.presenter.enrol(service.url, service.code)
        assert who.presenter._account is None, "it is quicker than the profile"
        try:
            await who.until(lambda v: v.page is Page.HOME)
            await opening
        finally:
            await who.presenter.stop()

    asyncio.run(run())
