"""A screen for the demo's windows: the desktop's, or a virtual one where there is none."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys


class NoScreen(Exception):
    """There is neither a desktop nor Xvfb."""


class Screen:
    """`env` is what the windows' processes need; `kind` says which it is."""

    def __init__(self) -> None:
        self._server: subprocess.Popen[bytes] | None = None
        self.env: dict[str, str] = {}
        self.kind = "the desktop"

    def __enter__(self) -> Screen:
        if sys.platform != "linux" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
            return self
        program = shutil.which("Xvfb")
        if program is None:
            raise NoScreen("There is no desktop here, and no Xvfb: packaging/setup.sh says how to install it.")
        read, write = os.pipe()
        self._server = subprocess.Popen(
            [program, "-displayfd", str(write), "-screen", "0", "2100x800x24", "-nolisten", "tcp"],
            pass_fds=(write,),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(write)
        with os.fdopen(read) as number:
            display = number.readline().strip()
        if not display:
            raise NoScreen("Xvfb did not start.")
        self.env = {"DISPLAY": f":{display}", "QT_QPA_PLATFORM": "xcb"}
        self.kind = f"Xvfb :{display}"
        return self

    def __exit__(self, *exception: object) -> None:
        if self._server is not None:
            self._server.terminate()
            self._server.wait(5)
