"""A visit room with everything around it scripted."""

import asyncio
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.media.events import (
    SignalPart,
)
from app.media.rtc.errors import BadSignal
from app.media.slot import FrameSlot
from app.net.signalling import SignedSignals
from app.presenters.around import Surroundings
from app.presenters.visit import VisitRoom
from app.wire.messages import Presence, Signal
from app.wire.visits import VisitDetails

ANN, LEE = "annsdevice01", "leesdevice01"
KEYS = {ANN: Ed25519PrivateKey.generate(), LEE: Ed25519PrivateKey.generate()}
PUBLIC = {device: key.public_key().public_bytes_raw() for device, key in KEYS.items()}
DETAILS = VisitDetails(
    visit_id="visit00001",
    starts_at=datetime(2026, 11, 22, tzinfo=UTC),
    minutes=20,
    reason="Rash",
    patient_name="Ann",
    patient_device=ANN,
    provider_name="Dr Lee",
    provider_device=LEE,
    clinic_phone="+1 555",
)


class ScriptedSession:
    """The face of a media session; keeps what it was told."""

    upload_bps = None
    link_bps = None

    def __init__(self, offerer, send, emit):
        self.offerer, self.send, self.emit = offerer, send, emit
        self.heard, self.log = [], []
        self.refuse = False
        self.exchange = asyncio.Event()
        self.exchange.set()

    async def start(self):
        self.log.append("start")

    async def receive(self, part):
        if self.refuse:
            raise BadSignal("malformed")
        self.heard.append(part)

    def set_microphone(self, on):
        self.log.append(("microphone", on))

    def set_camera(self, on):
        self.log.append(("camera", on))

    def set_speech_alone(self, on):
        self.log.append(("speech-alone", on))

    def set_bulk(self, waits):
        self.log.append(("bulk", waits))

    def set_wish(self, view):
        self.log.append(("wish", view))

    async def use_microphone(self, spec):
        self.log.append(("microphone begins", spec.which))
        await self.exchange.wait()
        self.log.append(("microphone", spec.which))

    async def use_speaker(self, spec):
        self.log.append(("speaker", spec.which))

    async def use_camera(self, spec):
        self.log.append(("camera", spec.which))

    def signalling_back(self):
        self.log.append("back")

    def still(self):
        return None

    async def best_still(self):
        return None

    async def stats(self):
        return {}

    async def close(self):
        self.send(SignalPart("bye", "call000001"))
        self.log.append("close")


class World:
    """One side of the visit, with everything around it scripted."""

    def __init__(self, me):
        self.me, self.other = me, LEE if me == ANN else ANN
        self.said, self.troubles, self.devices, self.sessions = [], [], [], []
        self.found = []
        self.way = asyncio.Event()
        self.way.set()
        self.now = 100.0
        self.remote = FrameSlot()
        around = Surroundings(
            say=lambda message: self.said.append(message) or True,
            make_session=self.make,
            make_way=self.way.wait,
            remote=self.remote,
            clock=lambda: self.now,
            wall=lambda: datetime(2026, 11, 22, 9, 30, tzinfo=UTC),
            changed=lambda: None,
            device=self.devices.append,
            devices=self.found.append,
            trouble=self.troubles.append,
        )
        signals = SignedSignals("visit00001", me, KEYS[me], {self.other: PUBLIC[self.other]}, lambda: 1)
        self.room = VisitRoom(DETAILS, me=me, signals=signals, around=around)
        self.theirs = SignedSignals("visit00001", self.other, KEYS[self.other], {}, lambda: 1)

    def make(self, *, offerer, send, emit):
        self.sessions.append(ScriptedSession(offerer, send, emit))
        return self.sessions[-1]

    def presence(self, present, device=None):
        self.room.on_presence(Presence(visit_id="visit00001", device_id=device or self.other, present=present))

    def signal(self, kind, sdp=""):
        body = self.theirs.wrap(self.me, kind, "call000001", sdp)
        self.room.on_signal(Signal(visit_id="visit00001", sender=self.other, body=body))


async def settle():
    for _ in range(10):
        await asyncio.sleep(0)
