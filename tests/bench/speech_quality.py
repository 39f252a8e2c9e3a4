"""What a listener heard, against what the microphone took: `python speech_quality.py OUT...`, one JSON line each.

Runs in the benchmark's environment (packaging/bench.sh), on the files of one_call.py. STOI (Taal and others, 2011) of
windows of 1 s, wideband PESQ (ITU-T P.862.2) of windows of 6 s; both aligned by cross-correlation, which also gives
the delay from mouth to ear.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
from pesq import PesqError, pesq
from pystoi import stoi
from scipy.signal import resample_poly

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.bench.recording import OLDEST_S, Recording, Sound, aligned

_RATE = 16_000
_STEADY_FROM_S = 15.0
_EARLIEST_S = 0.01
_SILENCE, _QUIET_OF_REFERENCE, _SURE, _SAME = 1e-4, 0.2, 0.3, 0.6
_WORDS = 0.01  # peak of full scale: more than comfort noise


def _recording(folder: Path, name: str) -> Recording | None:
    return Recording.read(folder, name, 3, lambda sound, step: resample_poly(sound, 1, step))


def _rms(sound: Sound) -> float:
    return float(np.sqrt(np.mean(np.square(sound)))) if len(sound) else 0.0


def _windows(played: Recording, seconds: int, first: float, last: float) -> list[int]:
    """Starts of whole windows whose middle lies within [first, last)."""
    length = seconds * _RATE
    starts = range(0, len(played.samples) - length, length)
    return [s for s in starts if first <= played.time_of(s + length / 2) < last]


def _reference(spoken: Recording, played: Recording, end: int, length: int) -> tuple[int, Sound]:
    """What may have been said in a window that ends at sample `end`: the start in the recording, and the sound."""
    due = played.time_of(end)
    low = max(0, spoken.place_at(due - OLDEST_S) - length)
    return low, spoken.samples[low : spoken.place_at(due) + int(_EARLIEST_S * _RATE)]


def intelligibility(
    spoken: Recording, played: Recording, first: float, last: float
) -> tuple[list[float], list[float]]:
    """STOI of each window that says something, and mouth to ear in ms of each that can be recognised."""
    scores, delays = [], []
    for start in _windows(played, 1, first, last):
        heard = played.samples[start : start + _RATE]
        low, said = _reference(spoken, played, start + _RATE, _RATE)
        if len(said) < 1.2 * _RATE:
            continue
        if _rms(heard) < _SILENCE:
            scores.append(0.0)
            continue
        place, likeness = aligned(heard, said)
        match = said[place : place + _RATE]
        if _rms(match) < _QUIET_OF_REFERENCE * _rms(said) and likeness < _SURE:
            continue
        score = float(stoi(match, heard, _RATE))
        if score > _SILENCE:  # pystoi answers 1e-5 where it finds too little speech
            scores.append(score)
            if likeness > _SAME:
                end = start + _RATE
                delays.append(1000 * (played.time_of(end) - spoken.time_of(low + place + _RATE)))
    return scores, delays


def opinion(spoken: Recording, played: Recording, first: float, last: float) -> list[float]:
    """Wideband PESQ of each window; 1.0 for silence and for what PESQ cannot make anything of."""
    scores = []
    for start in _windows(played, 6, first, last):
        heard = played.samples[start : start + 6 * _RATE]
        _, said = _reference(spoken, played, start + 6 * _RATE, 6 * _RATE)
        if len(said) < len(heard) + 160:
            continue
        if np.abs(heard).max() < _WORDS:  # PESQ divides by what is not there
            scores.append(1.0)
            continue
        place, _ = aligned(heard, said)
        try:
            scores.append(float(pesq(_RATE, said[place : place + len(heard)], heard, "wb")))
        except (PesqError, ValueError):
            scores.append(1.0)
    return scores


def concealed(folder: Path, first: float) -> float | None:
    """concealedSamples / totalSamplesReceived since `first`, from the peer's own figures."""
    lines = [json.loads(line) for line in (folder / "stats.jsonl").read_text().splitlines()]
    sounds = [(line["t"], line["audio_in"]) for line in lines if "totalSamplesReceived" in line.get("audio_in", {})]
    if not sounds:
        return None
    before = next((s for t, s in reversed(sounds) if t <= first), {"totalSamplesReceived": 0, "concealedSamples": 0})
    after = sounds[-1][1]
    total = after["totalSamplesReceived"] - before["totalSamplesReceived"]
    return (after["concealedSamples"] - before["concealedSamples"]) / total if total else None


def back_after(played: Recording, cut_ends: list[float]) -> float | None:
    """The longest time from a cut's end to the first sound after it."""
    took = []
    for end in cut_ends:
        start = played.place_at(end)
        loud = np.flatnonzero(np.abs(played.samples[start:]) > _WORDS)
        took.append(played.time_of(start + loud[0]) - end if len(loud) else math.inf)
    return max(took, default=None)


def judge(out: Path) -> dict[str, dict[str, Any]]:
    """By receiving side: pesq, stoi, concealed, mouth_to_ear_ms, back_s; without what could not be measured."""
    call = json.loads((out / "call.json").read_text())
    first, last = call["t0"] + _STEADY_FROM_S, call["t0"] + call["seconds"] - 1
    cuts = [call["t0"] + start + seconds for start, seconds in call["outages"]]
    heard: dict[str, dict[str, Any]] = {"a": {}, "b": {}}
    for me, other in (("a", "b"), ("b", "a")):
        played, spoken = _recording(out / me, "audio"), _recording(out / other, "sent_audio")
        if played is None or spoken is None:
            continue
        scores, delays = intelligibility(spoken, played, first + 1, last)
        opinions = opinion(spoken, played, first + 1, last)
        found = {
            "pesq": float(np.mean(opinions)) if opinions else None,
            "stoi": float(np.mean(scores)) if scores else None,
            "concealed": concealed(out / me, first),
            "mouth_to_ear_ms": float(np.median(delays)) if delays else None,
            "back_s": back_after(played, cuts),
        }
        heard[me] = {name: value for name, value in found.items() if value is not None}
    return heard


if __name__ == "__main__":
    for name in sys.argv[1:]:
        print(json.dumps(judge(Path(name))), flush=True)
