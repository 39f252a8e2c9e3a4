"""Bench part "closer": from the patient's agreement to the first look and to a sharp picture, on a thin link.

    closer.py [--kbps 64] [--asks 4] [--log FOLDER]

Two processes of ours on the lab's link (root, network namespaces), in a call that has been up for 20 s; the camera is
the demo's film with its still mode of 12 megapixels. Prints JSON lines of what, figure, target; without the lab or
root it says so.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import cv2

sys.path.insert(0, str(Path(__file__).parents[2]))

from app.demo.samples import make_sample
from app.media.video.capture import STILL_SUFFIX
from tests.bench.lab import ROOT, find_lab

_SIDE = str(Path(__file__).with_name("closer_side.py"))
_ADDRESSES = {"lee": "10.77.0.1", "ann": "10.77.0.2"}  # the lab's
_UP_S, _PATIENCE_S, _BETWEEN_S, _END_S = 20.0, 90.0, 5.0, 20.0
_MIDDLE_WIDTH = 1_000
_STILL_SIZE = (4032, 3024)
_MOST_PREVIEW_S, _TARGET_KBPS = 3.0, 64.0


class Call:
    """The two processes and what they say; signalling goes from pipe to pipe, round the link."""

    def __init__(self, link: Any, samples: Path, log: Path) -> None:
        self._told: queue.Queue[dict[str, Any]] = queue.Queue()
        self.stats: dict[str, dict[str, Any]] = {}
        self._sides: dict[str, subprocess.Popen[str]] = {}
        for name, place, home in (("ann", "b", "home"), ("lee", "a", "town")):
            sample = make_sample(home, samples)  # type: ignore[arg-type]
            _enlarge(sample.camera.with_suffix(STILL_SUFFIX))
            words = [name, _ADDRESSES[name], str(sample.camera), str(sample.microphone)]
            with (log / f"{name}.log").open("w") as errors:
                self._sides[name] = link.popen(
                    place, [sys.executable, _SIDE, *words], cwd=ROOT, text=True, bufsize=1,
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                )  # fmt: skip
        self._readers = [threading.Thread(target=self._read, args=(name,), daemon=True) for name in self._sides]
        for reader in self._readers:
            reader.start()

    def _read(self, name: str) -> None:
        stdout = self._sides[name].stdout
        assert stdout is not None
        for line in stdout:
            message = json.loads(line)
            if "signal" in message:
                self.say("lee" if name == "ann" else "ann", message)
            elif "stats" in message:
                self.stats[name] = message["stats"]
            else:
                self._told.put({**message, "who": name})

    def say(self, name: str, message: dict[str, Any]) -> None:
        stdin = self._sides[name].stdin
        assert stdin is not None
        if not stdin.closed:
            stdin.write(json.dumps(message) + "\n")
            stdin.flush()

    def until(self, what: str, **wanted: Any) -> dict[str, Any]:
        """The next of that kind. Raises queue.Empty."""
        while True:
            told = self._told.get(timeout=_PATIENCE_S)
            if told["told"] == what and all(told.get(key, 0) >= value for key, value in wanted.items()):
                return told

    def end(self) -> None:
        for name in self._sides:
            self.say(name, {"stop": True})
        for process in self._sides.values():
            try:
                process.wait(_END_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for reader in self._readers:
            reader.join(_END_S)


def _enlarge(photo: Path) -> None:
    """To the 12 megapixels that many cameras have."""
    picture = cv2.imread(str(photo))
    assert picture is not None
    cv2.imwrite(str(photo), cv2.resize(picture, _STILL_SIZE, interpolation=cv2.INTER_CUBIC))


@contextmanager
def call_on(lab: Path, kbps: float, log: Path) -> Iterator[Call]:
    sys.path.insert(0, str(lab / "linklab"))
    import linklab  # type: ignore[import-not-found]

    both = {"rate": kbps, "delay": 50, "queue_ms": 300}
    with ExitStack() as stack:
        samples = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        link = stack.enter_context(linklab.Link(both=both, max_seconds=1_200))
        call = Call(link, samples, log)
        stack.callback(call.end)
        link.start()
        yield call


def looks(call: Call, asks: int) -> list[tuple[float, float]]:
    """(s from the agreement to the first look shown, s to the picture for the eye) of each ask."""
    for _ in range(2):
        call.until("ready")
    time.sleep(_UP_S)
    found = []
    for _ in range(asks):
        call.say("lee", {"ask": True})
        agreed = call.until("agreed")["at"]
        preview = call.until("shown")["at"] - agreed
        try:
            middle = call.until("shown", width=_MIDDLE_WIDTH)["at"] - agreed
        except queue.Empty:
            middle = math.inf  # not within the patience
        print(f"first look {preview:.2f} s, for the eye {middle:.2f} s", file=sys.stderr, flush=True)
        found.append((preview, middle))
        call.say("lee", {"withdraw": True})
        time.sleep(_BETWEEN_S)
    return found


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kbps", type=float, default=64.0)
    parser.add_argument("--asks", type=int, default=4)
    parser.add_argument("--log", type=Path, help="where the two processes' logs go")
    options = parser.parse_args()
    lab = find_lab()
    if lab is None or os.geteuid():
        print("closer: on the lab's link alone, which needs the lab and root", file=sys.stderr)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        log = options.log or Path(folder)
        log.mkdir(parents=True, exist_ok=True)
        with call_on(lab, options.kbps, log) as call:
            found = looks(call, options.asks)
    where = f"{options.kbps:g} kbit/s, 50 ms each way, {len(found)} asks"
    previews, middles = (sorted(times) for times in zip(*found, strict=True))
    shown = f"{previews[len(previews) // 2]:.1f} s, {previews[-1]:.1f} s"
    print(json.dumps({"what": f"agreed to first look, {where}: median, longest", "figure": shown,
                      "target": f"<= {_MOST_PREVIEW_S:g} s" if options.kbps >= _TARGET_KBPS else ""}))  # fmt: skip
    shown = f"{middles[len(middles) // 2]:.1f} s, {middles[-1]:.1f} s"
    print(json.dumps({"what": f"agreed to 1,024 pixels, {where}: median, longest", "figure": shown, "target": ""}))
    heard = call.stats["lee"]["audio_in"]
    concealed = heard["concealedSamples"] / max(1, heard["totalSamplesReceived"])
    print(json.dumps({"what": f"speech concealed in that call, {where}", "figure": f"{concealed:.2%}", "target": ""}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
