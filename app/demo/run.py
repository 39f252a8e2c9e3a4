"""`thinline demo`: the clinic, both windows and a thin link on one machine, driven through the real widgets."""

from __future__ import annotations

import argparse
import base64
import logging
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from app.demo.clinic import ClinicError, DemoClinic
from app.demo.hand import Hand, HandError
from app.demo.path import Counters, LinkSettings, PathError, make_path
from app.demo.path import Path as ThinPath
from app.demo.report import Report, find_clear
from app.demo.samples import SampleError, make_sample
from app.demo.screen import NoScreen, Screen
from app.demo.script import CANARIES, GOOD_KBPS, Script, media_facts
from app.demo.sheet import make_sheet

SHEET = ("live", "thin", "saved", "opened")
"""The steps shown in the README's picture."""


def main(argv: Sequence[str]) -> int:
    """Returns 0 only if every step was observed and no clear content was found."""
    parser = argparse.ArgumentParser(prog="thinline demo")
    parser.add_argument("--out", type=Path, default=Path("demo-out"), help="where report and screenshots go")
    parser.add_argument(
        "--path", choices=["auto", "namespaces", "relay"], default="auto", help="how the link is thinned"
    )
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    out = options.out.resolve()
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    report = Report(out)
    error: str | None = None
    try:
        with tempfile.TemporaryDirectory(prefix="thinline-demo-") as folder:
            _play(report, options.path, Path(folder))
    except (HandError, ClinicError, PathError, SampleError, NoScreen) as exc:
        error = str(exc)
        print(f"\nNot seen: {error}\nLogs and pictures up to here: {out}", file=sys.stderr)
    report.write(error)
    if error is None:
        make_sheet(out, SHEET, out / "visit.jpg")
        print(f"\nEvery step was observed. Report and pictures: {out}")
    return 0 if error is None else 1


def _play(report: Report, kind: str, folder: Path) -> None:
    with ExitStack() as stack:
        screen = stack.enter_context(Screen())
        path = make_path(kind, LinkSettings(rate_kbps=GOOD_KBPS))  # type: ignore[arg-type]
        stack.enter_context(path)
        report.step("The link stands", f"{path.kind}, windows on {screen.kind}")
        samples = {side: make_sample(side, folder / "samples") for side in ("home", "town")}
        clinic = DemoClinic(path, folder)
        clinic.start()
        report.step("The clinic service runs", clinic.url)
        hands = {}
        for who, side in (("provider", "town"), ("patient", "home")):
            sample = samples[side]
            argv = [sys.executable, "-m", "app.demo.stage", who, "--profile", str(folder / who)]
            argv += ["--camera", str(sample.camera), "--microphone", str(sample.microphone)]
            hands[who] = Hand(path, side, argv, screen.env, report.out / f"{who}.log")  # type: ignore[arg-type]
        try:
            Script(path, clinic, hands["patient"], hands["provider"], report).run()
        except HandError:
            for who, hand in hands.items():
                with suppress(HandError):
                    hand.shot(report.out / f"failed-{who}.png")
            raise
        finally:
            report.facts["media"] = media_facts(hands)
            report.facts["path"] = _path_facts(path, path.counters(), hands)
            codes = {who: hand.close() for who, hand in hands.items()}
            shutil.copy(folder / "clinic.log", report.out / "clinic.log")
        if report.facts["path"]["media_went_round"]:
            raise HandError("media reached an app that did not pass the thin link")
        if any(codes.values()):
            raise HandError(f"a window ended with an error: {codes}")
        _search(report, folder, hands["patient"])


def _path_facts(path: ThinPath, counters: Counters, hands: Mapping[str, Hand]) -> dict[str, object]:
    """What the thin link carried, beside what the apps received: nothing went round it.

    In namespaces the link is the only route there is; on loopback the apps may use relayed candidates alone, and
    what each app received cannot be more than the hop handed on to it.
    """
    carried = {"patient": counters.to_home.media_packets, "provider": counters.to_town.media_packets}
    got = {
        who: int(sum(h.stat(part, "packetsReceived") for part in ("audio_in", "video_in"))) for who, h in hands.items()
    }
    return {
        "kind": path.kind,
        "media_packets_carried_to": carried,
        "media_packets_received_by": got,
        "media_went_round": any(got[who] > carried[who] for who in got),
        "lost_in_queue": counters.to_home.queue_drops + counters.to_town.queue_drops,
        "lost_in_cut": counters.to_home.cut_losses + counters.to_town.cut_losses,
    }


def _search(report: Report, folder: Path, patient: Hand) -> None:
    """Nothing clear may be on disk: names, reason, contacts, or the photo's bytes, at the service or the devices."""
    photo = patient.event("photo")
    assert photo is not None
    needles = [word.encode() for word in CANARIES] + [base64.b64decode(s) for s in photo["slices"]]
    looked = [folder / name for name in ("clinic", "patient", "provider")]
    found = find_clear([*looked, report.out], needles)
    found = [name for name in found if not name.endswith(("report.json", ".png"))]
    report.facts["clear_content_found"] = found
    if found:
        raise HandError(f"clear content was found in {', '.join(found)}")
    report.step("No clear content on disk", "names, reason and photo searched for in profiles, service and logs")
