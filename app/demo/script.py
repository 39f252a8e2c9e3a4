"""What happens in the demo, step by step, through the real widgets of both windows; each step is seen."""

from __future__ import annotations

import time

from app.demo.clinic import DemoClinic
from app.demo.hand import Hand, HandError
from app.demo.path import Path as ThinPath
from app.demo.report import Report
from app.ui import names

PATIENT, PROVIDER = "Ann Example", "Dr Lee"
REASON = "Rash on the left forearm"
PHONE = "+1 555 0100"
CANARIES = (PATIENT, PROVIDER, REASON, PHONE)

CUT_GOES_ON_S = 6.0
GOOD_KBPS, THIN_KBPS = 1500.0, 32.0
SHARP_WIDTH = 1_000
"""Of the grade for the eye, 1,024 pixels wide."""


class Script:
    """The two windows, the path between them and the clinic; raises HandError where something is not seen."""

    def __init__(self, path: ThinPath, clinic: DemoClinic, patient: Hand, provider: Hand, report: Report) -> None:
        self._path = path
        self._clinic = clinic
        self._patient = patient
        self._provider = provider
        self._report = report
        self._shots = 0

    def run(self) -> None:
        self._enrol()
        visit_id = self._schedule()
        self._meet(visit_id)
        self._thin()
        self._look_closer()
        self._recover()
        self._cut_and_photo()
        self._reconnect()
        self._deliver()
        self._fetch_original()

    def _enrol(self) -> None:
        """The first provider's own window is the desk; what it invites by, the patient types in."""
        provider, patient = self._provider, self._patient
        self._sign_in(provider, self._clinic.first_code)
        provider.click(names.DESK_OPEN_INVITE)
        provider.wait(names.DESK_NAME, seconds=10, enabled=True)
        provider.type(names.DESK_NAME, PATIENT)
        provider.click(names.DESK_INVITE)
        provider.wait(names.DESK_INVITED, seconds=15, text_has=PATIENT)
        code = provider.text(names.DESK_INVITATION).splitlines()[1]
        self._seen("The first provider is enrolled and invites the patient", "invited")
        self._sign_in(patient, code)
        self._seen("The patient is enrolled by the one-time code", "enrolled")

    def _sign_in(self, hand: Hand, code: str) -> None:
        hand.wait(names.ENROL_ADDRESS, seconds=20, enabled=True)
        hand.type(names.ENROL_ADDRESS, self._path.clinic_url_for(hand.name))
        hand.type(names.ENROL_CODE, code)
        hand.click(names.ENROL_GO)
        hand.wait(names.CLINIC_STATE, seconds=20, text_has="Connected")
        self._path.assign(str(hand.wait_event("device", 10)["id"]), hand.name)

    def _schedule(self) -> str:
        provider = self._provider
        until = time.monotonic() + 15
        while True:
            try:
                provider.ask("choose", name=names.DESK_PATIENT, text=PATIENT)
                break
            except HandError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.2)
        provider.click(names.DESK_NOW)
        provider.type(names.DESK_REASON, REASON)
        provider.type(names.DESK_MY_NAME, PROVIDER)
        provider.type(names.DESK_PHONE, PHONE)
        provider.click(names.DESK_ADD)
        visit_id = self._only_item(provider, "schedule.", ".start").split(".")[1]
        provider.wait(names.schedule_patient(visit_id), seconds=15, text_has=PATIENT)
        self._patient.wait(names.HOME_JOIN, seconds=15, enabled=True)
        self._seen("The provider plans a visit; it is on both lists", "scheduled", self._patient.text(names.HOME_WITH))
        return visit_id

    def _meet(self, visit_id: str) -> None:
        self._patient.click(names.HOME_JOIN)
        self._patient.wait(names.VISIT_LINK, seconds=10, text_has="waiting room")
        self._provider.wait(names.schedule_state(visit_id), seconds=10, text_has="ait")
        self._seen("The patient waits and the provider sees it", "waiting")
        self._provider.click(names.schedule_start(visit_id))
        for hand in self._both():
            hand.wait(names.VISIT_LINK, seconds=25, text_has="connection is good")
            hand.wait(names.VISIT_REMOTE, seconds=15, picture_over=15)
            hand.wait(names.VISIT_OTHER, seconds=15, text_has="hears you and sees you")
        self._speech_goes_on(2.0)
        self._seen("Both see and hear each other", "live", self._patient.text(names.VISIT_OTHER))

    def _thin(self) -> None:
        began = time.monotonic()
        self._path.set(rate_kbps=THIN_KBPS)
        for hand in self._both():
            hand.wait(names.VISIT_LINK, seconds=25, text_has="connection is weak")
        self._patient.wait(names.VISIT_LINK, seconds=75, text_has="you see each other as still pictures")
        took = time.monotonic() - began
        heard = self._speech_goes_on(4.0)
        numbers = {hand.name: hand.picture_number(names.VISIT_REMOTE) for hand in self._both()}
        for hand in self._both():
            hand.wait(names.VISIT_REMOTE, seconds=25, picture_over=numbers[hand.name])
        self._report.facts["thin"] = {"rate_kbps": THIN_KBPS, "both_at_stills_s": round(took, 1), "speech": heard}
        self._seen(
            f"The link is thinned to {THIN_KBPS:.0f} kbit/s: still pictures come every few seconds, speech goes on",
            "thin",
            self._patient.text(names.VISIT_LINK),
        )

    def _look_closer(self) -> None:
        """Asked by one touch, answered by one: a first look comes over the thin link, the fine one when it is wide."""
        self._provider.click(names.CLOSER)
        self._patient.click(names.CLOSER_AGREE, seconds=20)
        agreed = time.monotonic()
        self._provider.wait(names.CLOSER_PICTURE, seconds=45, width_over=0)
        first = round(time.monotonic() - agreed, 1)
        said = self._provider.text(names.CLOSER_VIEW_SAYS)
        self._seen(f"{PROVIDER} looks closer: a first look of a sharp photo after {first:g} s", "first-look", said)
        self._path.set(rate_kbps=GOOD_KBPS)
        self._provider.wait(names.CLOSER_PICTURE, seconds=60, width_over=SHARP_WIDTH)
        sharp = round(time.monotonic() - agreed, 1)
        self._report.facts["closer"] = {"first_look_s": first, "first_look_kbps": THIN_KBPS, "sharp_s": sharp}
        # It goes on getting sharper beneath the call; how far it is by now depends on the machine.
        said = self._provider.text(names.CLOSER_VIEW_SAYS)
        self._seen(f"The link is wide again: a larger photo {sharp:g} s after the touch", "sharp", said)
        self._provider.click(names.CLOSER_VIEW_BACK)  # the finest grade comes beneath what follows

    def _recover(self) -> None:
        numbers = {hand.name: hand.picture_number(names.VISIT_REMOTE) for hand in self._both()}
        for hand in self._both():
            hand.wait(names.VISIT_REMOTE, seconds=40, picture_over=numbers[hand.name] + 20)
            hand.wait(names.VISIT_LINK, seconds=25, text_has="connection is good")
        self._seen("Moving pictures come back by themselves", "recovered")

    def _cut_and_photo(self) -> None:
        self._path.set(cut=True)
        for hand in self._both():
            hand.wait(names.VISIT_LINK, seconds=15, text_has="interrupted")
        self._seen("The link is cut: both windows say so", "cut", self._patient.text(names.VISIT_LINK))
        self._patient.click(names.VISIT_PHOTO)
        self._patient.click(names.PHOTO_SHUTTER)
        photo = self._patient.wait_event("photo", 10)
        self._patient.click(names.PHOTO_KEEP)
        self._patient.wait(names.NOTICE_TEXT, seconds=10, text_has="Saved")
        time.sleep(CUT_GOES_ON_S)
        self._report.facts["photo"] = {"size": photo["size"], "sha256_taken": photo["sha256"]}
        self._seen("A photo is taken with no link at all: sealed and saved", "saved")

    def _reconnect(self) -> None:
        self._path.set(cut=False)
        began = time.monotonic()
        numbers = {hand.name: hand.picture_number(names.VISIT_REMOTE) for hand in self._both()}
        for hand in self._both():
            hand.wait(names.VISIT_REMOTE, seconds=45, picture_over=numbers[hand.name] + 10)
        self._report.facts["reconnected_s"] = round(time.monotonic() - began, 1)
        self._speech_goes_on(1.0)
        self._seen("The link is back: so is the visit, by itself", "reconnected")

    def _deliver(self) -> None:
        """Two photos lie in the outbox: the closer look's original, and the one of the cut."""
        self._provider.click(names.VISIT_HANGUP)
        self._patient.wait(names.HOME_ITEMS, seconds=15)
        for item in self._items(self._patient, "items.", ".text", 2):
            self._patient.wait(item, seconds=60, text_has="Received by the clinic")
        self._seen("Both photos are received: the clinic's signed receipts were checked", "received")
        rows = self._items(self._provider, "inbox.", ".open", 2)
        copies = [row for row in rows if self._opens_a_copy(row)]
        if len(copies) != 1:
            raise HandError(f"of two photos one should be a light copy, not {len(copies)}")
        for item in self._items(self._patient, "items.", ".text", 2):
            self._patient.wait(item, seconds=20, text_has="Opened by")
        if copies[0] != rows[-1]:
            self._open(copies[0])
        self._seen("The provider opens them, of one a light copy; the patient sees that", "opened")

    def _opens_a_copy(self, row: str) -> bool:
        self._open(row)
        return names.ITEM_WANT in self._provider.ask("names")["names"]

    def _open(self, row: str) -> None:
        before = self._provider.event("opened")
        if before is not None:
            self._provider.click(names.ITEM_BACK)
        self._provider.click(row)
        self._provider.wait(names.item_picture(0), seconds=30)
        self._provider.wait_event("opened", 30, after=before)

    def _fetch_original(self) -> None:
        """What was taken stays with the patient until somebody asks for it: then it comes, the very same bytes."""
        before = self._provider.event("opened")
        self._provider.click(names.ITEM_WANT)
        self._provider.click(names.ANSWER_ASK)
        self._provider.wait(names.ITEM_ORIGINAL, seconds=60, text_has="has come")
        self._provider.click(self._only_item(self._provider, "item.other.", ""))
        opened = self._provider.wait_event("opened", 30, after=before)
        self._provider.wait(names.item_picture(0), seconds=30)
        facts = self._report.facts["photo"]
        digest = facts["sha256_opened"] = opened["sha256"][0]
        if digest != facts["sha256_taken"]:
            raise HandError("the photo that was opened is not the photo that was taken")
        self._seen(
            "The provider asks for the original; it comes by itself",
            "original",
            f"SHA-256 {digest[:16]}… on both sides",
        )

    def _only_item(self, hand: Hand, begin: str, end: str) -> str:
        return self._items(hand, begin, end, 1)[0]

    def _items(self, hand: Hand, begin: str, end: str, count: int) -> list[str]:
        """The names of the widgets that begin and end so, as soon as there are so many."""

        def found() -> list[str]:
            return [n for n in hand.ask("names")["names"] if n.startswith(begin) and n.endswith(end)]

        until = time.monotonic() + 20
        while len(found()) < count and time.monotonic() < until:
            time.sleep(0.1)
        items = found()
        if len(items) != count:
            raise HandError(f"{hand.name}: {len(items)} items instead of {count}")
        return items

    def _speech_goes_on(self, seconds: float) -> dict[str, float]:
        """Both sides receive this much more speech; returns the seconds received on each side."""
        got: dict[str, float] = {}
        for hand in self._both():
            before = hand.stat("audio_in", "totalSamplesReceived")
            after = hand.wait_stat("audio_in", "totalSamplesReceived", before + seconds * 48_000, seconds * 3 + 6)
            got[hand.name] = round((after - before) / 48_000, 1)
        return got

    def _both(self) -> tuple[Hand, Hand]:
        return self._patient, self._provider

    def _seen(self, what: str, shot: str, words: str = "") -> None:
        self._report.step(what, words)
        self._shots += 1
        for hand, who in ((self._patient, "patient"), (self._provider, "provider")):
            hand.shot(self._report.out / f"{self._shots:02}-{shot}-{who}.png")


def media_facts(hands: dict[str, Hand]) -> dict[str, dict[str, object]]:
    """What each side received in all, and the timeline of what it sent and saw, for the report."""
    facts: dict[str, dict[str, object]] = {}
    for who, hand in hands.items():
        facts[who] = {
            "frames_received": int(hand.stat("video_in", "framesDecoded")),
            "audio_seconds_received": round(hand.stat("audio_in", "totalSamplesReceived") / 48_000, 1),
            "concealed_seconds": round(hand.stat("audio_in", "concealedSamples") / 48_000, 1),
            "rtp_packets_received": int(sum(hand.stat(part, "packetsReceived") for part in ("audio_in", "video_in"))),
            "candidates": [hand.stats.get("transport", {}).get(f"{end}CandidateType") for end in ("local", "remote")],
            "rungs": hand.rungs,
            "timeline": [{"at": e["at"], "text": e["text"]} for e in hand.events if e["event"] == "timeline"],
        }
    return facts
