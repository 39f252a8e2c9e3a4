"""A guest joins with the real Chromium, through the real service, by a one-time link."""

import asyncio

import numpy as np
import pytest

from app.media.devices import Taps
from app.media.rate.feedback import TransportFeedback
from app.presenters.views import Page, PictureState, VisitPhase
from tests.clinic.service import start_clinic
from tests.e2e.chromium import CHROMIUM, WHY_NOT, chromium
from tests.e2e.e2e_people import two_people

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=WHY_NOT)

_LOUD = 2000
_RECEIVED = """
(async () => {
  const whole = {};
  for (const connection of connections) {
    for (const report of (await connection.getStats()).values()) {
      if (report.type === "inbound-rtp" && report.kind === "video") whole.pictures = report.framesDecoded;
      if (report.type === "inbound-rtp" && report.kind === "audio") whole.sound = report.packetsReceived;
      if (report.type === "candidate-pair" && report.nominated) whole.estimate = report.availableOutgoingBitrate;
      if (report.type === "outbound-rtp" && report.kind === "video") whole.sent = report.framesSent;
    }
  }
  return whole;
})()
"""


class Heard:
    """Waits until the provider's loudspeaker gives something loud."""

    def __init__(self):
        self.loop = asyncio.get_running_loop()
        self.loud = asyncio.Event()
        self.taps = Taps(played_speech=self.played)

    def played(self, _t, samples):
        if np.abs(samples.astype(np.int32)).max() > _LOUD:
            self.loop.call_soon_threadsafe(self.loud.set)


@pytest.fixture
def service(tmp_path):
    running = start_clinic(tmp_path, tls="self")
    yield running
    running.stop()


def test_a_browser_stands_in_for_a_patient_who_has_no_app(tmp_path, service):
    asyncio.run(alone(tmp_path, service))


async def alone(tmp_path, service):
    heard = Heard()
    async with (
        two_people(tmp_path, service.url, service.code, taps=heard.taps) as clinic,
        chromium(tmp_path / "chromium", service.data / "tls.crt") as browser,
    ):
        provider = clinic.provider
        await provider.until(lambda v: v.schedule)
        provider.presenter.start_visit(clinic.visit_id)
        await provider.until(lambda v: v.visit and v.visit.phase is VisitPhase.WAITING)
        provider.presenter.invite_guest("caregiver", "Ana <b>Bold</b>")
        link = (await provider.until(lambda v: v.visit and v.visit.guest and v.visit.guest.link)).visit.guest.link
        tab = await browser.tab(link)
        assert await tab.run("location.hash") == "", "the link's secret must not stay in the address line"
        await tab.press("join")
        await provider.until(lambda v: v.visit and v.visit.guest and v.visit.guest.connected)
        await provider.until(lambda v: v.visit.guest.picture is PictureState.LIVE)
        await tab.says("You are connected with Dr Lee.")
        got = await tab.until(
            f"(async () => {{ const s = await {_RECEIVED}; return s.pictures > 15 && s.sound > 50 && s }})()"
        )
        async with asyncio.timeout(15):
            await heard.loud.wait()
        print(got)
        session = provider.presenter._guest.session
        assert isinstance(session.outgoing.feedback, TransportFeedback), (
            "Chromium's transport-wide feedback is followed"
        )
        view = provider.view.visit
        assert view.guest.title == "Ana <b>Bold</b> (caregiver, not verified)"
        assert view.guest.link == "", "a used link is not shown any more"
        assert any("(caregiver, not verified) joined" in entry.text for entry in view.timeline)
        second = await browser.tab(link)
        await second.press("join")
        await second.says("This link has been used already.")
        await tab.press("leave")
        await provider.until(lambda v: v.visit and v.visit.guest is None and "has left the visit" in v.notice.text)
        await tab.says("You have left the visit.")
        assert tab.faults == []
        provider.presenter.hang_up()
        await provider.until(lambda v: v.page is Page.HOME)
