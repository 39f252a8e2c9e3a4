"""A sound server of the tests' own, with devices that can be plugged in and pulled out: real PortAudio streams.

PulseAudio runs with its own folder and socket, knows no card and no session, and works as root in a container. The
fixtures stand in conftest.py; any test may take `sound`.
"""

from __future__ import annotations

import ctypes.util
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from app.media.audio import portaudio

RATE = 48_000
INSTALL = (
    "sudo apt-get install -y --no-install-recommends pulseaudio pulseaudio-utils libasound2-plugins libportaudio2"
)
BLOCK = 480

Samples = NDArray[np.int16]


def why_not() -> str:
    """Why there can be no such server here; empty if there can."""
    lacks = [name for name in ("pulseaudio", "pactl", "parec", "pacat") if shutil.which(name) is None]
    plugins = list(Path("/usr/lib").glob("*/alsa-lib/libasound_module_pcm_pulse.so"))
    if lacks or not plugins or ctypes.util.find_library("portaudio") is None:
        return f"real sound streams need PulseAudio's programs; type: {INSTALL}"
    return ""


class SoundServer:
    """A running PulseAudio. `speaker` and `microphone` are the names of the default devices."""

    speaker, microphone = "speaker", "microphone"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._socket = folder / "native"
        self.environment = {
            **os.environ,
            "LC_ALL": "C.UTF-8",
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder),
            "PULSE_RUNTIME_PATH": str(folder),
            "PULSE_STATE_PATH": str(folder),
            "PULSE_SERVER": f"unix:{self._socket}",
            "ALSA_CONFIG_PATH": str(folder / "alsa.conf"),
        }
        for name in ("DBUS_SESSION_BUS_ADDRESS", "PULSE_SINK", "PULSE_SOURCE"):
            self.environment.pop(name, None)
        (folder / "alsa.conf").write_text(
            "</usr/share/alsa/alsa.conf>\npcm.!default { type pulse }\nctl.!default { type pulse }\n"
        )
        script = folder / "thinline.pa"
        script.write_text(f"load-module module-native-protocol-unix auth-anonymous=1 socket={self._socket}\n")
        words = "-n --daemonize=no --exit-idle-time=-1 --use-pid-file=no --disable-shm=yes --realtime=no"
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                ["pulseaudio", *words.split(), "-F", str(script)],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._modules: dict[str, list[str]] = {}

    def wait(self) -> None:
        """Until it answers."""
        self.pactl("info", tries=100)
        self.add_speaker(self.speaker, "Test loudspeaker")
        self.add_microphone(self.microphone, "Test microphone")
        self.pactl("set-default-sink", self.speaker)
        self.pactl("set-default-source", self.microphone)

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(5)

    def pactl(self, *words: str, tries: int = 1) -> str:
        for _ in range(tries - 1):
            done = subprocess.run(["pactl", *words], env=self.environment, capture_output=True, text=True, check=False)
            if done.returncode == 0:
                return done.stdout.strip()
            threading.Event().wait(0.02)  # a server that is starting has no event to wait for
        done = subprocess.run(["pactl", *words], env=self.environment, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def add_speaker(self, name: str, description: str) -> None:
        """Plugs in a loudspeaker that nobody hears; :meth:`recording` does."""
        # Without rewinds the server mixes 50 ms ahead, as a sound card does, not two seconds.
        self._modules[name] = [
            self._load("module-null-sink", f"sink_name={name} norewinds=1 rate=48000", _named("sink", description))
        ]

    def add_microphone(self, name: str, description: str) -> None:
        """Plugs in a microphone, which hears what :meth:`speaking` plays to it."""
        hidden = f"{name}-air"
        self._modules[name] = [
            self._load("module-null-sink", f"sink_name={hidden} norewinds=1 rate=48000 channels=1"),
            self._load(
                "module-remap-source",
                f"source_name={name} master={hidden}.monitor channels=1",
                _named("source", description),
            ),
        ]

    def remove(self, name: str) -> None:
        """Pulls a device out."""
        for module in reversed(self._modules.pop(name)):
            self.pactl("unload-module", module)

    def _load(self, *words: str) -> str:
        return self.pactl("load-module", *" ".join(words).split(" ", 1))

    @contextmanager
    def recording(self, name: str, took: Callable[[Samples], None]) -> Iterator[None]:
        """`took` gets what the loudspeaker plays, 10 ms at once, on a thread of its own, until the block ends."""
        command = f"parec --raw -d {name}.monitor --rate={RATE} --channels=1 --format=s16le --latency-msec=10"
        process = subprocess.Popen(command.split(), env=self.environment, stdout=subprocess.PIPE)

        def read() -> None:
            assert process.stdout is not None
            while len(data := process.stdout.read(BLOCK * 2)) == BLOCK * 2:
                took(np.frombuffer(data, np.int16))

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        try:
            yield
        finally:
            process.terminate()
            process.wait(5)
            thread.join(5)
            assert process.stdout is not None
            process.stdout.close()

    @contextmanager
    def speaking(self, name: str, give: Callable[[], Samples]) -> Iterator[None]:
        """The microphone hears what `give` returns (10 ms at once), at the server's pace, until the block ends."""
        command = f"pacat --raw -d {name}-air --rate={RATE} --channels=1 --format=s16le --latency-msec=60"
        process = subprocess.Popen(command.split(), env=self.environment, stdin=subprocess.PIPE, bufsize=0)
        over = threading.Event()

        def write() -> None:
            assert process.stdin is not None
            try:
                while not over.is_set():
                    process.stdin.write(give().tobytes())
            except OSError:
                return

        thread = threading.Thread(target=write, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            process.terminate()
            process.wait(5)
            thread.join(5)
            assert process.stdin is not None
            process.stdin.close()


def _named(kind: str, description: str) -> str:
    """pactl splits its arguments at spaces, so the description's are escaped twice: for it and for the server."""
    return f"{kind}_properties=\"device.description='{description}'\""


@contextmanager
def sound_server(folder: Path) -> Iterator[SoundServer]:
    """The server, and this process's PortAudio looking at it alone. Skips the test where it cannot be had."""
    if reason := why_not():
        if os.environ.get("CI") and os.geteuid() == 0:
            pytest.fail(f"packaging/setup.sh did not install what the sound tests need: {reason}")
        pytest.skip(reason)
    server = SoundServer(folder)
    changed = ("PULSE_SERVER", "PULSE_RUNTIME_PATH", "PULSE_STATE_PATH", "ALSA_CONFIG_PATH")
    before = {name: os.environ.get(name) for name in changed}
    try:
        server.wait()
        os.environ.update({name: server.environment[name] for name in changed})
        portaudio.rescan()
        yield server
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        server.close()
        portaudio.rescan()
