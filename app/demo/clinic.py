"""The demo's clinic: the real service in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Any

from app.demo.path import Path as ThinPath

_APP = [sys.executable, "-m", "app"]
_COMMAND_S = 30


class ClinicError(Exception):
    """The clinic did not do what the demo needs; the text says what it said."""


class DemoClinic:
    """Runs on the town side. `data` is the service's folder, `first_code` what `init` showed once."""

    def __init__(self, path: ThinPath, folder: Path) -> None:
        self.data = folder / "clinic"
        self.first_code = ""
        self._path = path
        self._log = folder / "clinic.log"
        self.url = path.clinic_url_for("town")
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Initialises and serves."""
        host, port = self._path.clinic_bind
        made = self._run("init", "--data", str(self.data), "--address", f"{host}:{port}", "--tls", "self", "--json")
        ice = self.data.parent / "ice.json"
        ice.write_text(json.dumps(self._path.ice_config()))
        argv = [*_APP, "clinic", "serve", "--data", str(self.data), "--ice", str(ice)]
        log = self._log.open("w")
        self._process = self._path.popen("town", argv, stdout=subprocess.PIPE, stderr=log, text=True)
        log.close()
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.startswith("listening"):
            raise ClinicError(f"The clinic did not start: {self._log.read_text()[-500:]}")
        threading.Thread(target=_drain, args=(self._process.stdout,), daemon=True).start()
        self.first_code = str(made["code"])

    def _run(self, *arguments: str) -> dict[str, Any]:
        process = self._path.popen(
            "town", [*_APP, "clinic", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            out, err = process.communicate(timeout=_COMMAND_S)
        except subprocess.TimeoutExpired as exc:
            process.kill()
            raise ClinicError(f"clinic {arguments[0]} took longer than {_COMMAND_S} s") from exc
        if process.returncode != 0:
            raise ClinicError(f"clinic {arguments[0]}: {err.strip()[-500:]}")
        answer: dict[str, Any] = json.loads(out)
        return answer


def _drain(stream: IO[str]) -> None:
    for _ in stream:
        pass
