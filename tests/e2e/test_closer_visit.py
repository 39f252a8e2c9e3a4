"""Looking closer between two real presenters over the real service: seen in the visit, filed with it, and delivered by
the outbox when the call ends first; a clip likewise. The patient's camera has a still mode of 12 megapixels."""

from __future__ import annotations

import asyncio
import hashlib
from functools import partial

import cv2
import numpy as np
import pytest

from app.media.closer import coding
from app.media.closer.life import Life
from app.media.devices import DeviceSpec
from app.presenters.review_views import PartKind
from app.presenters.views import Page
from tests.clinic.service import start_clinic
from tests.e2e.e2e_people import start_visit, two_people

LARGE = DeviceSpec("synthetic", "12mp")
STILL_WIDTH = 4032


@pytest.fixture
def taken(monkeypatch):
    """SHA-256 of each original that the patient's app has made, in order."""
    digests: list[str] = []
    original = coding.original

    def noted(rgb):
        made = original(rgb)
        digests.append(hashlib.sha256(made).hexdigest())
        return made

    monkeypatch.setattr(coding, "original", noted)
    return digests


@pytest.mark.timeout(300)
def test_a_closer_look_is_seen_filed_and_comes_after_the_call_too(tmp_path, taken):
    clinic = start_clinic(tmp_path, tls="self")
    try:
        asyncio.run(scenario(tmp_path, clinic, taken))
    finally:
        clinic.stop()


async def scenario(tmp_path, service, taken):
    async with two_people(tmp_path, service.url, service.code, camera=LARGE) as clinic:
        patient, provider = clinic.patient, clinic.provider
        for who in (patient, provider):  # the machine is shared: nothing here is about time
            who.until = partial(who.until, seconds=90.0)
        await start_visit(clinic)
        await provider.until(lambda v: v.visit and v.visit.can_look_closer)
        provider.presenter.set_camera(False)  # only the patient's pictures matter, and encoding costs
        await sharp_in_the_visit(patient, provider)
        await clip_is_made(patient, provider)
        await call_ends_first(patient, provider)
        await patient.until(lambda v: len(v.items) == 3 and all(i.text.startswith("Received") for i in v.items))
        view = await provider.until(lambda v: v.page is Page.HOME and len(v.inbox) == 3)
        seen = [await opened(provider, row.submission_id) for row in view.inbox]
        assert {visit for visit, _, _ in seen} == {clinic.visit_id}, "each is filed under the visit"
        photos = {part.sha256 for _, purpose, part in seen if purpose == "Sharp photo in the visit"}
        assert len(taken) == 2
        assert photos == set(taken), "every pixel that was taken, delivered in the call or after it"
        clips = [part for _, purpose, part in seen if purpose == "Clip from the visit"]
        assert [part.kind for part in clips] == [PartKind.CLIP]


async def asked(patient, provider, what):
    """One touch of each."""
    await provider.until(lambda v: v.visit and v.visit.can_look_closer)
    before = len(provider.views)
    provider.presenter.look_closer(what)
    await patient.until(lambda v: v.visit and v.visit.closer and v.visit.closer.life is Life.ASKED)
    patient.presenter.answer_closer(True)
    return before


async def sharp_in_the_visit(patient, provider):
    before = await asked(patient, provider, "photo")
    await provider.until(lambda v: v.visit.closer.life is Life.DONE and width(v.visit.closer.picture) == STILL_WIDTH)
    shown = [v.visit.closer for v in provider.views[before:] if v.visit.closer and v.visit.closer.picture]
    widths = [width(picture) for picture in dict.fromkeys(closer.picture for closer in shown)]
    assert widths == sorted(widths), "each one is better than the last"
    assert widths[0] <= 400, "a first look comes before the fine one"
    assert shown[0].says.text.startswith("This is a first look.")
    view = await patient.until(lambda v: v.visit.closer.life is Life.DONE)
    assert view.visit.closer.says.text == "Sent to Dr Lee."
    delivered = "A sharp photo of Ann Example was delivered in the visit"
    assert all(delivered in [entry.text for entry in who.view.visit.timeline] for who in (patient, provider))
    provider.presenter.dismiss_closer()
    await provider.until(lambda v: v.visit.closer is None)


async def clip_is_made(patient, provider):
    await asked(patient, provider, "clip")
    await patient.until(lambda v: v.visit.closer.says.text.startswith("Recording: "))
    await provider.until(lambda v: v.visit.closer.life is Life.SAVED)
    provider.presenter.dismiss_closer()


async def call_ends_first(patient, provider):
    """When the provider has had the first look, and the photo is safe, somebody hangs up."""
    items = len(patient.view.items)
    await asked(patient, provider, "photo")
    await provider.until(lambda v: v.visit.closer.life is Life.SENDING and v.visit.closer.picture)
    await patient.until(lambda v: len(v.items) > items)
    patient.presenter.hang_up()
    view = await patient.until(lambda v: v.page is Page.HOME and v.notice)
    assert view.notice.text == "Your photo is saved. It is sent to the clinic when the connection allows."


async def opened(provider, submission):
    """(its visit, its purpose, the one part of it), opened by the provider."""
    provider.presenter.open_item(submission)
    view = await provider.until(
        lambda v: v.opened and v.opened.submission_id == submission and v.opened.parts and v.opened.parts[0].sha256
    )
    (part,) = view.opened.parts
    return provider.presenter._item.manifest.visit_id, view.opened.purpose, part


def width(jpeg):
    """In pixels, to the next eight: decoded at an eighth, which is quick."""
    return cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_REDUCED_GRAYSCALE_8).shape[1] * 8 if jpeg else 0
