"""A clinic, a patient's and a provider's presenter, all real, for end-to-end tests without windows."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Generic, TypeVar

from app.media.clip.message import ClipMessage, VoiceMessage
from app.media.devices import DeviceSpec, Sinks, Sources, Taps
from app.media.session import VisitSession
from app.media.shared import SharedEquipment
from app.media.slot import FrameSlot
from app.media.video.camera import CameraPreview
from app.presenters.account import Account
from app.presenters.base import Presenter
from app.presenters.desk import Desk
from app.presenters.devices import Chosen
from app.presenters.environment import Environment
from app.presenters.patient import PatientPresenter
from app.presenters.provider import ProviderPresenter
from app.presenters.views import PatientView, ProviderView
from app.wire.trust import Role

V = TypeVar("V", PatientView, ProviderView)
SYNTHETIC = DeviceSpec("synthetic")
NONE = DeviceSpec("none")


@dataclass
class Person(Generic[V]):
    """A presenter and the views it has published."""

    presenter: Presenter[V]
    remote: FrameSlot
    guest: FrameSlot = field(default_factory=FrameSlot)
    views: list[V] = field(default_factory=list)
    moved: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def view(self) -> V:
        return self.views[-1]

    def publish(self, view: V) -> None:
        self.views.append(view)
        self.moved.set()

    async def until(self, condition: Callable[[V], Any], seconds: float = 20.0) -> V:
        """Waits for a view that meets the condition."""
        try:
            async with asyncio.timeout(seconds):
                while not self.views or not condition(self.view):
                    self.moved.clear()
                    await self.moved.wait()
        except TimeoutError:
            raise AssertionError(f"it did not come; the last view is {self.views[-1:]}") from None
        return self.view


class Preview:
    def __init__(self, slot: FrameSlot) -> None:
        self._camera = CameraPreview("synthetic", "", slot, lambda *_: None)

    async def start(self) -> None:
        await asyncio.to_thread(self._camera.start)

    async def stop(self) -> None:
        await asyncio.to_thread(self._camera.stop)

    def still(self):
        return self._camera.still()

    async def best_still(self):
        return await asyncio.to_thread(self._camera.best_still)


def no_sound_test(*_: Any) -> Any:
    raise AssertionError("nobody tries a microphone here")


def person(
    role: Role,
    folder: Path,
    sessions: list[VisitSession] | None = None,
    taps: Taps | None = None,
    microphone: DeviceSpec = SYNTHETIC,
    camera: DeviceSpec = SYNTHETIC,
) -> Person[Any]:
    """`taps`: those of the devices, which a visit and its guest share."""
    remote, mine, guest = FrameSlot(), FrameSlot(), FrameSlot()
    devices = SharedEquipment()

    def to(slot: FrameSlot) -> Any:
        def session(*, chosen: Chosen, **given: Any) -> VisitSession:
            sinks = Sinks(NONE, slot, mine, taps or Taps())
            made = VisitSession(sources=Sources(camera, microphone), sinks=sinks, devices=devices, **given)
            if sessions is not None:
                sessions.append(made)
            return made

        return session

    def recorder(*, film: bool, chosen: Chosen, begun: Callable[[], None], device: Callable[[Any], None]) -> Any:
        if film:
            return ClipMessage(Sources(SYNTHETIC, SYNTHETIC), mine, begun, lambda event: None, devices=devices)
        return VoiceMessage(SYNTHETIC, lambda event: None, devices=devices)

    env = Environment(
        folder, None, to(remote), no_sound_test, remote, mine, guest_session=to(guest), guest=guest, recorder=recorder
    )
    loop = asyncio.get_running_loop()
    made: Person[Any] = Person(None, remote, guest)  # type: ignore[arg-type]
    if role is Role.PATIENT:
        made.presenter = PatientPresenter(env, loop, made.publish, lambda spec, tell: Preview(mine))
    else:
        made.presenter = ProviderPresenter(env, loop, made.publish)
    return made


@contextlib.asynccontextmanager
async def desk(folder: Path, url: str, code: str) -> AsyncIterator[Desk]:
    """The first provider's device at the command line: it holds the root key."""
    account = await Account.open(folder, None)
    try:
        await account.enrol(url, code, Role.PROVIDER)
        made = Desk(account)
        await made.open()
        yield made
    finally:
        await account.close()


@dataclass
class Clinic:
    """Two enrolled people with a visit between them."""

    desk: Desk
    patient: Person[PatientView]
    provider: Person[ProviderView]
    visit_id: str


async def start_visit(clinic: Clinic) -> None:
    """The patient joins, the provider sees it and starts; what follows is the media's."""
    patient, provider = clinic.patient, clinic.provider
    await provider.until(lambda v: v.schedule)
    await patient.until(lambda v: v.next_visit)
    patient.presenter.join(clinic.visit_id)
    await provider.until(lambda v: v.schedule[0].waiting)
    provider.presenter.start_visit(clinic.visit_id)


@contextlib.asynccontextmanager
async def two_people(
    tmp_path: Path,
    url: str,
    code: str,
    at: datetime | None = None,
    taps: Taps | None = None,
    microphone: DeviceSpec = SYNTHETIC,
    camera: DeviceSpec = SYNTHETIC,
    names: tuple[str, str] = ("Dr Lee", "Ann Example"),
    reason: str = "Rash",
) -> AsyncIterator[Clinic]:
    """Enrols both through their presenters' commands and puts a visit on the list. `taps`, `microphone`: the
    provider's; `camera`: the patient's; `names`: of both, the provider's first."""
    doctor, sick = names
    patient = person(Role.PATIENT, tmp_path / "ann", camera=camera)
    provider = person(Role.PROVIDER, tmp_path / "lee", taps=taps, microphone=microphone)
    async with desk(tmp_path / "desk", url, code) as office:
        try:
            for who, role, name in ((provider, Role.PROVIDER, doctor), (patient, Role.PATIENT, sick)):
                invitation = await office.invite(role, name)
                await who.presenter.start()
                who.presenter.enrol(url, invitation)
                await who.until(lambda view: "Connected" in view.clinic.text)
                await office.vouch()
            people = {p.name: p.device_id for p in await office.people()}
            visit_id = await office.add_visit(
                people[sick], people[doctor], at or datetime.now(UTC), 20, reason, doctor, "+1 555 0100"
            )
            yield Clinic(office, patient, provider, visit_id)
        finally:
            await patient.presenter.stop()
            await provider.presenter.stop()
