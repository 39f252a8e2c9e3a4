"""The lab (shared/lab) from outside: where it is, one call on its link, and what its analysis says, as figures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.bench.figures import Figures
from tests.bench.speech_cases import Case

ROOT = Path(__file__).parents[2]
_STEP_S = 20.0  # a queue that never comes down within its step
_SLACK_S = 180.0
_TIDY_S = 20.0
_CHROMIUM = Path("/usr/lib/chromium/chromium")


class LabFailed(Exception):
    """A sentence for the person at the terminal."""


def has_chromium() -> bool:
    """Whether the lab's adapter finds the Chromium that it starts."""
    return _CHROMIUM.exists()


def find_lab(option: str | None = None) -> Path | None:
    """The lab's folder: the option, else THINLINE_LAB, else ../shared/lab beside the repository; None for none.

    Raises LabFailed if one was named that is not there.
    """
    named = option or os.environ.get("THINLINE_LAB")
    folder = Path(named) if named else ROOT.parent / "shared" / "lab"
    if (folder / "harness" / "call.py").exists():
        return folder.resolve()
    if named:
        raise LabFailed(f"there is no lab in {named}")
    return None


def make_home(lab: Path | None) -> Path:
    """The benchmark's environment, made if need be (packaging/bench.sh). Raises LabFailed."""
    command = [str(ROOT / "packaging" / "bench.sh"), *([str(lab)] if lab else [])]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise LabFailed("the benchmark's environment could not be made (see above)")
    return Path(done.stdout.strip().splitlines()[-1])


def environment(home: Path) -> dict[str, str]:
    return {**os.environ, "LAB_HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(ROOT)}


def options_of(case: Case) -> list[str]:
    """The case as words for harness/call.py."""
    words = [word for name, value in case.link.items() for word in ("--both", f"{name}={value}")]
    return [*words, "--tcp", f"{case.tcp[0]:g}:{case.tcp[1]:g}"] if case.tcp else words


def call(
    lab: Path,
    home: Path,
    out: Path,
    adapters: Mapping[str, str],
    peers: Sequence[str],
    run: tuple[Case, float, int],
) -> None:
    """One call on the lab's link, with `run` = (case, seconds, seed) and `adapters` (commands by name) known beside
    the lab's own. Needs root. Raises LabFailed.
    """
    case, seconds, seed = run
    command = [sys.executable, str(lab / "harness" / "call.py"), str(out), *peers]
    command += [word for name, its in adapters.items() for word in ("--adapter", f"{name}={its}")]
    command += ["--seconds", f"{seconds:g}", "--seed", str(seed), *options_of(case)]
    with subprocess.Popen(
        command, env=environment(home), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            _, said = process.communicate(timeout=seconds + _SLACK_S)
        except subprocess.TimeoutExpired as error:
            process.terminate()  # so told, the harness takes its peers and its namespaces away
            try:
                process.communicate(timeout=_TIDY_S)
            except subprocess.TimeoutExpired:
                process.kill()
            raise LabFailed(f"the lab's call did not end: {case.name}") from error
    if process.returncode:
        raise LabFailed(f"the lab's call failed: {said.strip().splitlines()[-1:]}")


def analyse(lab: Path, home: Path, out: Path) -> dict[str, Any]:
    """What harness/analyse.py says of a call. Raises LabFailed."""
    command = [str(home / "venv" / "bin" / "python"), str(lab / "harness" / "analyse.py"), str(out)]
    done = subprocess.run(command, env=environment(home), capture_output=True, text=True)
    if done.returncode:
        raise LabFailed(f"the lab's analysis failed: {done.stderr.strip().splitlines()[-1:]}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def figures_of(answer: Mapping[str, Any], phase: str = "steady") -> list[Figures]:
    """The figures of each direction that is judged: both, or in the phase "during_tcp" only the shared one, a to b."""
    part = answer.get(phase) or (answer.get("phases") or {}).get(phase)
    if not part:
        return []
    found = []
    for place, side, direction in ((0, "a", "b2a"), (1, "b", "a2b")):
        if phase == "during_tcp" and side == "a":
            continue
        sound, own = part[f"rx_{side}"]["audio"], part[f"rx_{side}"]["own"]
        found.append(
            Figures(
                pesq=sound.get("pesq"),
                stoi=sound.get("stoi"),
                concealed=own.get("concealed_ratio"),
                mouth_to_ear_ms=sound.get("mouth_to_ear_p50_ms"),
                queue_p95_ms=part["link"].get(direction, {}).get("qdelay_p95_ms"),
                cpu_cores=(answer.get("cpu_cores") or [None, None])[place],
                back_s=after_cuts(answer, side, "first_sound_after_s"),
                queue_down_s=_queue_down(answer, direction),
            )
        )
    return found


def after_cuts(answer: Mapping[str, Any], side: str, name: str) -> float | None:
    """The longest of that time after each cut, infinite for never; None where nothing was cut."""
    cuts = (answer.get("outage") or {}).get(side) or []
    took = [cut.get(name) for cut in cuts]
    return max((float("inf") if t is None else t for t in took), default=None)


def _queue_down(answer: Mapping[str, Any], direction: str) -> float | None:
    downs = [s for s in answer.get("steps") or [] if s["dir"] == direction and s["kind"] == "down"]
    took = [s.get("queue_below_100ms_after_s") for s in downs]
    return max((_STEP_S if t is None else t for t in took), default=None)
