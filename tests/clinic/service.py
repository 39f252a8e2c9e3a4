"""The real clinic service as a subprocess on a free loopback port, for the tests of this and other parts."""

from __future__ import annotations

import json
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.clinic.initialise import initialise
from app.clinic.settings import Tls

_PATIENCE_S = 90.0


@dataclass
class RunningClinic:
    """`url` has the port it listens on now; `code` is the first provider's; `log` is all it wrote to stderr."""

    data: Path
    code: str
    args: tuple[str, ...]
    url: str = ""
    log: list[str] = field(default_factory=list)
    module: tuple[str, ...] = ("app.clinic",)
    _process: subprocess.Popen[str] | None = None

    @property
    def process(self) -> subprocess.Popen[str]:
        assert self._process is not None
        return self._process

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    @property
    def tls(self) -> ssl.SSLContext | None:
        """Trust in the clinic's own certificate; None for plain HTTP."""
        if not self.url.startswith("https:"):
            return None
        return ssl.create_default_context(cafile=str(self.data / "tls.crt"))

    def start(self) -> None:
        """Starts the service and waits for its line; raises AssertionError when it does not come."""
        command = [sys.executable, "-m", *self.module, "serve", "--data", str(self.data), *self.args]
        if "--port" not in self.args:
            command += ["--port", "0"]
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
        )
        threading.Thread(target=self._collect, args=(self._process.stderr,), daemon=True).start()
        watchdog = threading.Timer(_PATIENCE_S, self._process.kill)
        watchdog.start()
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        watchdog.cancel()
        assert line.startswith("listening on "), f"no clinic: {line!r} {''.join(self.log)}"
        self.url = line.removeprefix("listening on ")

    def stop(self) -> int:
        """SIGTERM; the exit code. Nothing when it does not run."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL: as a power cut is to the process."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        self.stop()
        self.start()

    def bytes_on_disk(self) -> bytes:
        """All files of the data folder, one after the other."""
        return b"".join(path.read_bytes() for path in sorted(self.data.rglob("*")) if path.is_file())

    def _collect(self, stream: Any) -> None:
        for line in stream:
            self.log.append(line)
        stream.close()

    def _end(self, number: int) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        process.send_signal(number)  # nothing when it has ended already
        code = process.wait(_PATIENCE_S)
        if process.stdout is not None:
            process.stdout.close()
        return code


def init_clinic(data: Path, tls: Tls = "none", address: str = "127.0.0.1:8443") -> str:
    """What `thinline clinic init` does, without a process of its own; the first provider's code."""
    return str(initialise(data, address, tls).code)


def start_clinic(
    tmp_path: Path,
    tls: Tls = "none",
    ice: dict[str, Any] | None = None,
    args: Sequence[str] = (),
    module: tuple[str, ...] = ("app.clinic",),
) -> RunningClinic:
    """Makes a clinic in `tmp_path`/clinic and runs it; `ice` is the content of the `--ice` file."""
    data = tmp_path / "clinic"
    code = init_clinic(data, tls)
    more = list(args)
    if ice is not None:
        (tmp_path / "ice.json").write_text(json.dumps(ice))
        more += ["--ice", str(tmp_path / "ice.json")]
    clinic = RunningClinic(data, code, tuple(more), module=module)
    clinic.start()
    return clinic
