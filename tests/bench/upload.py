"""Bench part "upload": the app's outbox and service on the lab's link, thin and clean, and cut again and again.

    upload.py [CASE ...]     of "clean", "short" (a queue of half a round trip), "loss" (5 %), "wide" (1000 kbit/s from
                             the 20th second), "fast" (20 Mbit/s, 40 ms) and "cut"; all without any

Prints JSON lines of what, figure, target. Needs the lab and root (network namespaces); without them it says so.
Bytes are counted as they leave the patient's device. "Cut" is scaled in time: rate, distance, queue in bytes, TCP's
shortest wait and the questions beside a PATCH are those of 64 kbit/s, all SCALE times faster.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from app.clinic.initialise import initialise
from app.offline.capture import Capture
from app.offline.keys import DeviceKeys
from app.offline.patch import Patience
from app.offline.store import Setting, Store
from app.wire.trust import ClinicDocument
from tests.bench.lab import ROOT, find_lab
from tests.bench.upload_side import Cuts, Order
from tests.clinic.people import Device as Person
from tests.clinic.service import RunningClinic
from tests.offline.offline_kit import open_device

THIN_KBPS = 64.0
SCALE = 50.0
SERVICE, SHOWN_PORT, INNER_PORT = "10.77.0.2", 8443, 8444  # the lab's address of side b
_SIDE = str(Path(__file__).with_name("upload_side.py"))
_RTO_MIN_MS = 200.0  # Linux (RFC 6298 asks for 1 s; ours is what the clients have)
_START_S = 90.0


@dataclass(frozen=True)
class Case:
    """`size` in bytes of clear content; `link` in the lab's words; `scale`: how much faster than life."""

    name: str
    size: int
    link: dict[str, Any]
    scale: float = 1.0
    cuts: bool = False
    patience: float = 900.0


CASES = (
    Case("clean", 2_400_000, {"rate": THIN_KBPS, "delay": 300, "queue_ms": 600}),
    Case("short", 2_400_000, {"rate": THIN_KBPS, "delay": 300, "queue_ms": 300}),
    Case("loss", 1_000_000, {"rate": THIN_KBPS, "delay": 300, "queue_ms": 300, "loss": 0.05}),
    Case("wide", 2_600_000, {"rate": f"0:{THIN_KBPS:g},20:1000", "delay": 300, "queue_ms": 300}),
    Case("fast", 20_000_000, {"rate": 20_000, "delay": 20, "queue_ms": 100}),
    Case(
        "cut",
        100_000_000,
        {"rate": THIN_KBPS * SCALE, "delay": 50 / SCALE, "queue_ms": 300 / SCALE, "loss": 0.10},
        scale=SCALE,
        cuts=True,
        patience=1800.0,
    ),
)


def say(what: str, figure: str, target: str) -> None:
    print(json.dumps({"what": what, "figure": figure, "target": target}), flush=True)


def enrolled(folder: Path, size: int) -> None:
    """A clinic and a patient's profile in `folder`, with one clip of `size` bytes that waits to be sent."""
    clinic = RunningClinic(
        folder / "clinic",
        str(initialise(folder / "clinic", f"{SERVICE}:{SHOWN_PORT}", "self").code),
        ("--host", "127.0.0.1"),
    )
    clinic.start()
    keys = DeviceKeys.generate()
    provider = Person(clinic, keys.signing, keys.age_recipient)
    provider.enrol(clinic.code)
    team = provider.team(1)
    provider.request("PUT", "/v1/care-team", team).raise_for_status()
    device = open_device(folder / "profile")
    patient = Person(clinic, device.keys.signing, device.keys.age_recipient)
    patient.enrol(provider.invite())
    document = ClinicDocument.model_validate_json(patient.request("GET", "/v1/clinic").content)
    clinic.stop()
    device.core.put_many(
        {
            Setting.DEVICE_ID: patient.device_id.encode(),
            Setting.ROOT_KEY: document.root_key,
            Setting.STATEMENT: document.statement.model_dump_json().encode(),
            Setting.CARE_TEAM: team.model_dump_json().encode(),
            Setting.RESEALED_VERSION: b"1",
        }
    )
    key, path, blobs = device.profile.key_file.read_bytes(), device.profile.store_path, device.profile.blobs
    device.close()

    async def capture() -> None:
        store = await Store.open(path, key)
        clip = random.Random(1).randbytes(size)
        await Capture(store, blobs).save_photo(clip, name="clip.webm", media_type="video/webm", purpose="photo")
        await store.close()

    asyncio.run(capture())


@contextlib.contextmanager
def running(link: Any, side: str, command: list[str], ready: str) -> Iterator[subprocess.Popen[str]]:
    """A program in one of the link's namespaces, from the line that begins with `ready` until the end."""
    process: subprocess.Popen[str] = link.popen(
        side, command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        if not line.startswith(ready):
            raise RuntimeError(f"{command[1:4]} did not start: {line!r}")
        yield process
    finally:
        process.stdin.close()
        if "cut" not in command:
            process.terminate()
        process.wait(_START_S)


def tuned(link: Any, scale: float) -> None:
    """TCP as on a patient's computer: CUBIC, and its shortest wait, which is scaled with the link."""
    options = ["congctl", "cubic"]
    if scale > 1:
        options += ["rto_min", f"{max(1, round(_RTO_MIN_MS / scale))}ms"]
    for name in (link.ns_a, link.ns_b):
        routes = subprocess.run(["ip", "-n", name, "route", "show"], check=True, capture_output=True, text=True)
        for line in routes.stdout.splitlines():
            words = [word for word in line.split() if word != "linkdown"]
            subprocess.run(["ip", "-n", name, "route", "change", *words, *options], check=True)


def measured(lab: Path, case: Case) -> dict[str, Any]:
    """One run of a case: what `upload_side.py send` says, and "cuts"."""
    sys.path.insert(0, str(lab / "linklab"))
    import linklab  # type: ignore[import-not-found]

    with tempfile.TemporaryDirectory() as name, linklab.Link(both=case.link, max_seconds=case.patience + 60) as link:
        folder = Path(name)
        enrolled(folder, case.size)
        tuned(link, case.scale)
        place = ("127.0.0.1", INNER_PORT) if case.cuts else (SERVICE, SHOWN_PORT)
        serve = [sys.executable, "-m", "app.clinic", "serve", "--data", str(folder / "clinic")]
        serve += ["--host", place[0], "--port", str(place[1])]
        cuts = Cuts((SERVICE, SHOWN_PORT), INNER_PORT, 64 * 1024, 1024 * 1024, seed=1)
        cut = [sys.executable, _SIDE, "cut", json.dumps(asdict(cuts))]
        ask = Patience().ask / case.scale
        url = f"https://{SERVICE}:{SHOWN_PORT}"
        order = Order(str(folder / "profile"), url, "wan0", ask, case.patience)
        with contextlib.ExitStack() as stack:
            stack.enter_context(running(link, "b", serve, "listening on"))
            cutter = stack.enter_context(running(link, "b", cut, "ready")) if case.cuts else None
            link.start()
            words = [sys.executable, _SIDE, "send", json.dumps(asdict(order))]
            sender = link.popen("a", words, cwd=ROOT, stdout=subprocess.PIPE, text=True)
            said, _ = sender.communicate()
            if sender.returncode:
                raise RuntimeError("the upload failed (see above)")
            answer: dict[str, Any] = json.loads(said)
            if cutter is not None:
                assert cutter.stdin is not None
                assert cutter.stdout is not None
                cutter.stdin.close()
                answer |= json.loads(cutter.stdout.readline())
        return answer


def carried(rate: float | str, seconds: float) -> float:
    """Bytes that a link of `rate` (kbit/s, or the lab's steps `start_s:kbps,...`) could carry in `seconds`."""
    steps = [step.split(":") for step in (rate if isinstance(rate, str) else f"0:{rate}").split(",")]
    starts = [float(start) for start, _ in steps]
    ends = [*starts[1:], float("inf")]
    return sum(
        float(kbps) * 125 * max(0.0, min(end, seconds) - start)
        for (_, kbps), start, end in zip(steps, starts, ends, strict=True)
    )


def tell_clean(case: Case, found: dict[str, Any]) -> None:
    size, seconds, link = found["size"], found["seconds"], case.link
    line = f"{size / 1e6:.1f} MB over {link['rate']} kbit/s, {2 * link['delay']} ms, a queue of {link['queue_ms']} ms"
    line += f", {link['loss']:.0%} loss" if "loss" in link else ""
    say(f"{line}: time", f"{seconds:.0f} s", "")
    share = size / carried(link["rate"], seconds)
    say(
        f"{line}: ciphertext of all the link could carry",
        f"{share:.1%}",
        ">= 93 %" if case.name in ("clean", "short") else "",
    )
    say(f"{line}: ciphertext of what went up the link (IP bytes)", f"{size / found['ip']:.1%}", "")


def tell_cut(case: Case, found: dict[str, Any]) -> None:
    size, seconds = found["size"], found["seconds"]
    line = (
        f"{size / 1e6:.0f} MB over {THIN_KBPS:g} kbit/s ({case.scale:g} times faster), 10 % loss, cut every 64 KB-1 MB"
    )
    say(f"{line}: complete, receipts checked", f"{seconds:.0f} s, {found['cuts']} cuts", "complete")
    say(f"{line}: sent again, with requests and TLS", f"{found['stream'] / size - 1:.2%}", "<= 5 %")
    repeated = (found["payload"] - found["stream"]) / found["stream"]
    say(f"{line}: beside that, TCP's repetition of lost packets", f"{repeated:.1%}", "")
    say(f"{line}: ciphertext of all the link could carry", f"{size / (case.link['rate'] * 125 * seconds):.1%}", "")


def main() -> int:
    lab = find_lab()
    if lab is None or os.geteuid():
        print("upload: on the lab's link alone, which needs the lab and root", file=sys.stderr)
        return 0
    for case in CASES:
        if case.name in (sys.argv[1:] or [c.name for c in CASES]):
            found = measured(lab, case)
            print(found, file=sys.stderr)
            (tell_cut if case.cuts else tell_clean)(case, found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
