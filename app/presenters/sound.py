"""One try of microphone and loudspeaker: say something, hear it back. States of the test in, sentences out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from app.media.devices import DeviceSpec
from app.presenters.views import Level, Sentence, SoundPhase


class SoundStatus(Protocol):
    """The face of app.media.audio.sound_test.SoundTestStatus."""

    @property
    def state(self) -> str: ...
    @property
    def problem(self) -> str: ...


class SoundTester(Protocol):
    """The face of app.media.audio.sound_test.SoundTest."""

    def start(self) -> None: ...
    def stop(self, timeout: float = 2.0) -> None: ...


class SoundTestMaker(Protocol):
    """`tell` is called on the test's own thread."""

    def __call__(
        self, microphone: DeviceSpec, speaker: DeviceSpec, tell: Callable[[SoundStatus], None]
    ) -> SoundTester: ...


def choosing_in_visit(other: str) -> Sentence:
    """What the page says while a visit has the devices."""
    return Sentence(f"Your visit with {other} goes on while you choose here.", Level.NOTE)


class SoundCheck:
    """Runs at most one test at a time. All methods on the I/O loop; `changed` is called after every change."""

    def __init__(self, make: SoundTestMaker, changed: Callable[[], None]) -> None:
        self._make = make
        self._changed = changed
        self._tester: SoundTester | None = None
        self._turn = asyncio.Lock()
        self._wish = 0
        self._phase, self._problem = SoundPhase.READY, ""

    @property
    def running(self) -> bool:
        return self._phase in _RUNNING

    @property
    def phase(self) -> SoundPhase:
        return self._phase

    @property
    def says(self) -> Sentence:
        return Sentence(self._problem, Level.WARN) if self._problem else SAYS[self._phase]

    @property
    def hints(self) -> tuple[str, ...]:
        return HINTS[self._phase]

    async def start(self, microphone: DeviceSpec, speaker: DeviceSpec) -> None:
        """Begins anew; a test that is running is ended first."""
        wish = await self._end()
        async with self._turn:
            if wish != self._wish:
                return  # ended, or begun anew, while this one waited for the devices
            loop = asyncio.get_running_loop()

            def tell(status: SoundStatus) -> None:
                if not loop.is_closed():
                    loop.call_soon_threadsafe(self._told, wish, str(status.state), status.problem)

            self._tester = self._make(microphone, speaker, tell)
            self._show(SoundPhase.LISTENING)
            await asyncio.to_thread(self._tester.start)

    async def stop(self) -> None:
        """Ends a running test, frees the devices, 2 s at most; the page begins anew."""
        await self._end()

    def answer(self, heard: bool) -> None:
        """The person heard themselves, or did not."""
        if self._phase is SoundPhase.ASKING:
            self._show(SoundPhase.HEARD if heard else SoundPhase.NOT_HEARD)

    async def _end(self) -> int:
        self._wish += 1
        wish = self._wish
        async with self._turn:
            tester, self._tester = self._tester, None
            if self._phase is not SoundPhase.READY:
                self._show(SoundPhase.READY)
            if tester is not None:  # one that has come to its end may not have let go of the devices yet
                await asyncio.to_thread(tester.stop)
        return wish

    def _told(self, wish: int, state: str, problem: str) -> None:
        """What the test says. Raises KeyError on a state that it does not have."""
        phase = _PHASES[state]
        if wish != self._wish:
            return  # of a test that is over
        self._show(phase, problem if phase is SoundPhase.FAILED else "")

    def _show(self, phase: SoundPhase, problem: str = "") -> None:
        self._phase, self._problem = phase, problem
        self._changed()


_PHASES = {
    "listening": SoundPhase.LISTENING,
    "playing": SoundPhase.PLAYING,
    "done": SoundPhase.ASKING,
    "no-sound": SoundPhase.NO_SOUND,
    "failed": SoundPhase.FAILED,
}
"""By the names of SoundTestState."""

_RUNNING = frozenset({SoundPhase.LISTENING, SoundPhase.PLAYING})

SAYS = {
    SoundPhase.READY: Sentence("Press the button and say a few words. Then you hear your own voice.", Level.NOTE),
    SoundPhase.LISTENING: Sentence("Say something now: your name, for example, or what day it is.", Level.NOTE),
    SoundPhase.PLAYING: Sentence("Listen now. This is your own voice.", Level.NOTE),
    SoundPhase.ASKING: Sentence("Did you hear your own voice?", Level.NOTE),
    SoundPhase.HEARD: Sentence("Your microphone and your loudspeaker work. Nothing more to do here.", Level.GOOD),
    SoundPhase.NOT_HEARD: Sentence("The microphone heard you, but no sound came to your ears.", Level.WARN),
    SoundPhase.NO_SOUND: Sentence("The microphone heard nothing.", Level.WARN),
    SoundPhase.FAILED: Sentence("The try did not work.", Level.WARN),
}

HINTS: dict[SoundPhase, tuple[str, ...]] = {
    SoundPhase.READY: (),
    SoundPhase.LISTENING: (),
    SoundPhase.PLAYING: (),
    SoundPhase.ASKING: (),
    SoundPhase.HEARD: (),
    SoundPhase.NOT_HEARD: (
        "Turn up the volume: on this computer, and on the loudspeaker itself.",
        "Are headphones plugged in? Then the sound comes out there.",
        "Choose another loudspeaker on this page, then try again.",
    ),
    SoundPhase.NO_SOUND: (
        "Come closer to the microphone and speak up.",
        "A headset often has a small switch in its cable: is it on?",
        "Choose another microphone on this page, then try again.",
    ),
    SoundPhase.FAILED: (
        "Is everything plugged in, and does no other program use it?",
        "Choose another microphone or loudspeaker on this page, then try again.",
    ),
}
