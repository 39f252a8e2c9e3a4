"""A guest joins with the real Chromium, through the real service, by a one-time link."""

import asyncio
import json
import wave

import numpy as np
import pytest

from app.media.devices import DeviceSpec, Taps
from app.media.rate.feedback import TransportFeedback
from app.presenters.views import Page, PictureState, VisitPhase
from tests.clinic.service import start_clinic
from tests.e2e.chromium import CHROMIUM, WHY_NOT, chromium
from tests.e2e.e2e_people import two_people

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=WHY_NOT)

_LOUD = 2000
_PATIENCE_S = 60.0  # a busy machine's rate control gives pictures late
# Of the call with each app in turn: what arrived, what went out, what the link is thought to carry.
_CALLS = """
(async () => {
  const calls = [];
  for (const connection of connections.filter((one) => one.connectionState === "connected")) {
    const whole = {};
    for (const report of (await connection.getStats()).values()) {
      if (report.type === "inbound-rtp" && report.kind === "video") whole.pictures = report.framesDecoded;
      if (report.type === "inbound-rtp" && report.kind === "audio") whole.energy = report.totalAudioEnergy;
      if (report.type === "outbound-rtp" && report.kind === "video") whole.sent = report.framesSent;
      if (report.availableOutgoingBitrate) whole.estimate = report.availableOutgoingBitrate;
    }
    calls.push(whole);
  }
  return calls;
})()
"""
# The most that the page lets the picture of its first connected call take.
_ALLOWED = """
connections.find((one) => one.connectionState === "connected")
  ?.getSenders().find((sender) => sender.track?.kind === "video").getParameters().encodings[0].maxBitrate
"""
# For each call whether the page lets its pictures go.
_SENDING = """
JSON.stringify(connections.filter((one) => one.connectionState === "connected").flatMap((one) =>
  one.getSenders().filter((sender) => sender.track?.kind === "video")
    .map((sender) => sender.getParameters().encodings[0].active)))
"""


async def flows(tab, *talks):
    """For each call whether the page gets speech and pictures in it (else it is silent); the page sends in all."""
    enough = "(c, i) => c.sent > 5 && (wanted[i] ? c.energy > 0.001 && c.pictures > 5 : !c.pictures)"
    look = f"const wanted = {json.dumps(talks)}, s = await {_CALLS}; return s.length === wanted.length"
    try:
        await tab.until(f"(async () => {{ {look} && s.every({enough}) }})()", _PATIENCE_S)
    except AssertionError:
        raise AssertionError(f"it does not flow both ways: {await tab.run(_CALLS)}") from None


class Heard:
    """Waits until the provider's loudspeaker gives something loud: the guest's made-up microphone beeps."""

    def __init__(self):
        self.loop = asyncio.get_running_loop()
        self.loud = asyncio.Event()
        self.taps = Taps(played_speech=self.played)

    def played(self, _t, samples):
        if np.abs(samples.astype(np.int32)).max() > _LOUD:
            self.loop.call_soon_threadsafe(self.loud.set)

    async def something(self):
        async with asyncio.timeout(_PATIENCE_S):
            await self.loud.wait()


def tone(folder):
    """What the provider says: 300 Hz, over and over."""
    samples = (9000 * np.sin(np.arange(48000) * 2 * np.pi * 300 / 48000)).astype("<i2")
    with wave.open(str(folder / "tone.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(48000)
        file.writeframes(samples.tobytes())
    return DeviceSpec("file", str(folder / "tone.wav"))


@pytest.fixture
def service(tmp_path):
    running = start_clinic(tmp_path, tls="self")
    yield running
    running.stop()


@pytest.mark.timeout(300)
def test_a_browser_joins_alone_and_then_with_the_patient(tmp_path, service):
    asyncio.run(visit(tmp_path, service))
    log = "".join(service.log)
    assert "guest" not in log, "nothing of a guest is logged"
    # Three letters alone are found by chance in keys; "<" stands in none, and every copy of the name has it.
    assert not any(name in service.bytes_on_disk() for name in (b"Ana <b>", b"Ana &lt;", b"Bold</b>"))


async def visit(tmp_path, service):
    heard = Heard()
    async with (
        two_people(tmp_path, service.url, service.code, taps=heard.taps, microphone=tone(tmp_path)) as clinic,
        chromium(tmp_path / "chromium", service.data / "tls.crt") as browser,
    ):
        link, tab = await stands_in_for_the_patient(clinic, browser, heard)
        second = await browser.tab(link)
        await second.press("join")
        await second.says("This link has been used already.")
        await the_patient_comes_too(clinic, tab)
        clinic.provider.presenter.hang_up()
        await clinic.provider.until(lambda v: v.page is Page.HOME)
        await tab.says("The visit is over.")
        await clinic.patient.until(lambda v: v.page is Page.HOME and v.visit is None)
        assert await tab.run("connections.every((one) => one.connectionState === 'closed')")
        assert tab.faults == second.faults == []


async def stands_in_for_the_patient(clinic, browser, heard):
    """The whole visit between the provider's app and a browser: nobody else is there yet."""
    provider = clinic.provider
    await provider.until(lambda v: v.schedule)
    provider.presenter.start_visit(clinic.visit_id)
    await provider.until(lambda v: v.visit and v.visit.phase is VisitPhase.WAITING)
    provider.presenter.invite_guest("interpreter", "Ana <b>Bold</b>")
    link = (await provider.until(lambda v: v.visit and v.visit.guest and v.visit.guest.link)).visit.guest.link
    tab = await browser.tab(link)
    assert await tab.run("location.hash") == "", "the link's secret must not stay in the address line"
    await tab.press("join")
    view = await provider.until(lambda v: v.visit.guest and v.visit.guest.picture is PictureState.LIVE, _PATIENCE_S)
    assert view.visit.guest.title == "Ana <b>Bold</b> (interpreter, not verified)"
    assert view.visit.guest.link == "", "a used link is not shown any more"
    assert any(entry.text == "Ana <b>Bold</b> (interpreter, not verified) joined" for entry in view.visit.timeline)
    await tab.says("You are connected with Dr Lee.")
    await flows(tab, True)
    await heard.something()
    outgoing = provider.presenter._guest.session.outgoing
    assert isinstance(outgoing.feedback, TransportFeedback), "what we send follows Chromium's feedback"
    # The app asks it to begin at 60 kbit/s; from there it rises by our feedback alone, and the page lets it.
    risen = "c.length === 1 && c[0].estimate > 120000"
    await tab.until(f"(async () => {{ const c = await {_CALLS}; return {risen} }})()", _PATIENCE_S)
    await tab.until(f"{_ALLOWED} === 800000", _PATIENCE_S)
    await speech_alone(provider, tab)
    return link, tab


async def speech_alone(provider, tab):
    """Chosen by the provider: the guest's pictures stop at the guest, and come back."""
    for alone, words in ((True, "Speech alone was chosen."), (False, "Pictures were chosen again.")):
        provider.presenter.set_speech_alone(alone)
        await tab.says(words)
        await tab.until(f"{_SENDING} === '{json.dumps([not alone])}'")
        state = PictureState.NONE if alone else PictureState.LIVE
        await provider.until(lambda v, state=state: v.visit.guest.picture is state, _PATIENCE_S)


async def the_patient_comes_too(clinic, tab):
    """Each app has a call of its own with the guest; the patient hears from the provider's app who that is."""
    patient, provider = clinic.patient, clinic.provider
    await patient.until(lambda v: v.next_visit)
    patient.presenter.set_camera(False)  # her app's own pictures are tested elsewhere, and cost this machine much
    patient.presenter.join(clinic.visit_id)
    await patient.until(lambda v: v.visit and v.visit.phase is VisitPhase.LIVE, _PATIENCE_S)
    await patient.until(lambda v: v.visit.guest and v.visit.guest.picture is PictureState.LIVE, _PATIENCE_S)
    here = "(interpreter, not verified) is in the visit"  # said a moment after the first picture, or before
    view = await patient.until(lambda v: v.visit.guest and here in v.visit.guest.says.text, _PATIENCE_S)
    assert view.visit.guest.link == ""
    await flows(tab, True, False)
    names = await tab.run("[...document.querySelectorAll('figcaption')].map((one) => one.textContent)")
    assert names == ["Dr Lee", "Ann Example (patient)"]
    await provider.until(lambda v: v.visit.phase is VisitPhase.LIVE and v.visit.guest.connected)
