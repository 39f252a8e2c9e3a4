"""The cases' data, the lab's answer as figures of pictures, and the rows."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.bench import pictures, run
from tests.bench.figures import Figures
from tests.bench.guest_page import adapter
from tests.bench.lab_pictures import padding_bytes, pictures_in, pictures_of, used, wide_after
from tests.bench.link import parse
from tests.bench.lips import lips, within
from tests.bench.picture_figures import PICTURES, PictureFigures
from tests.bench.pictures import Calls, holds, row
from tests.bench.pictures_cases import PICTURE_CASES, PictureCase
from tests.bench.speech import Heard
from tests.bench.speech_cases import CASES, Case, chosen

_GOOD = PictureFigures(20.1, 0.94, 0.005, 0.2, 200, 0.9, 40, 0.4, 0.7, 0.8, lips_ms=30, lips_within=0.96)
_SAID = Figures(4.3, 0.99, 0.001, 180, 40, 0.4)


def _case(name: str) -> PictureCase:
    (case,) = chosen(name, PICTURE_CASES)
    return case


def _heard(*seen: PictureFigures, said: Figures = _SAID, error: str | None = None) -> Heard:
    return Heard([said] * len(seen), error, seen)


def test_every_figure_has_a_measure_and_every_case_a_goal() -> None:
    assert list(PICTURES.measures) == list(PictureFigures.__dataclass_fields__)
    assert len({case.name for case in PICTURE_CASES}) == len(PICTURE_CASES)
    for case in PICTURE_CASES:
        assert parse(case.link).kbps_at(0) > 0
        assert case.guest != bool(case.pictures)
        assert all(PICTURES.wanted(target) for target in case.pictures)


def test_the_goals_of_speech_hold_on_the_same_links_at_the_same_time() -> None:
    speech = {case.name: (case.link, case.target, case.seconds) for case in CASES}
    shared = [case for case in PICTURE_CASES if case.name in speech]
    assert [speech[case.name] for case in shared] == [(case.link, case.target, case.seconds) for case in shared]
    assert {case.name for case in PICTURE_CASES} - set(speech) == {
        "250",
        "500",
        "ours-chromium-64",
        "ours-chromium-150",
        "ours-chromium-150-loss5",
        "ours-page-48",
        "ours-page-64",
        "ours-page-150",
    }


# The lab's answer


def _steps() -> list[dict[str, Any]]:
    steps = [(0, 300, "start", 24.0), (20, 60, "down", 5.0), (40, 300, "up", 22.0)]
    named = [{"t": float(t), "kbps": float(kbps), "kind": kind, "fps": fps} for t, kbps, kind, fps in steps]
    return [{**step, "dir": way} for way in ("a2b", "b2a") for step in named]


def _answer(**more: Any) -> dict[str, Any]:
    link = {"capacity_kbps": 100.0, "seconds": 40.0, "utilisation": 0.9, "loss": 0.0, "qdelay_p95_ms": 30.0}
    sight = {"fps": 15.0, "freeze_s": 2.0, "longest_gap_s": 0.5, "ssim": 0.91, "delay_p50_ms": 200.0}
    start = {"video": {"freeze_s": 1.5}}
    return {
        "steady": {
            "from": 15.0,
            "to": 55.0,
            "rx_a": {"video": sight},
            "rx_b": {"video": {"fps": 0.0, "freeze_s": 40.0, "longest_gap_s": 40.0}},
            "link": {"a2b": {**link, "qdelay_p95_ms": 50.0}, "b2a": link},
        },
        "startup": {"rx_a": start, "rx_b": {"video": {"freeze_s": 15.0}}},
        "cpu_cores": [0.3, 0.4],
        "first_video_s_a": 0.7,
        "first_video_s_b": None,
        **more,
    }


def test_the_labs_answer_becomes_figures_of_both_directions() -> None:
    # 5,000 bytes are a hundredth of 100 kbit/s over 40 s: b's padding is in what a receives.
    a, b = pictures_of(_answer(), {"a": 0, "b": 5000}, {})
    assert a == PictureFigures(15, 0.91, 0.05, 0.5, 200, pytest.approx(0.89), 30, 0.3, 0.7, 1.5)
    assert b == PictureFigures(0, 0, 1, 40, None, 0.9, 50, 0.4, math.inf, 15)
    assert pictures_of({"error": "a peer ended early"}, {}, {}) == []


def test_steps_and_cuts_give_figures_of_their_own() -> None:
    outage = {"a": [{"first_frame_after_s": 0.4}, {"first_frame_after_s": None}], "b": []}
    shown = {"a": [43 + n / 20 for n in range(200)], "b": [40 + n / 10 for n in range(150)]}
    a, b = pictures_of(_answer(steps=_steps(), outage=outage), {}, shown)
    assert (a.narrow_fps, a.back_s, b.back_s) == (5.0, math.inf, None)
    assert (a.wide_again_s, b.wide_again_s) == (pytest.approx(2.5, abs=0.11), math.inf)


def test_wide_again_is_a_moment_from_which_two_seconds_hold() -> None:
    burst = [10 + n / 100 for n in range(29)]
    assert wide_after(burst, 10, 30) == math.inf
    assert wide_after([*burst, 11.9], 10, 30) == 0
    assert wide_after(burst, 29, 30) == math.inf  # a step shorter than the window


def test_padding_is_lost_as_often_as_the_rest() -> None:
    link = {"capacity_kbps": 80.0, "seconds": 10.0, "utilisation": 0.9, "loss": 0.5}
    assert used(link, 10_000) == pytest.approx(0.85)
    assert used({"capacity_kbps": 0.0, "seconds": 10.0, "utilisation": None}, 0) is None


def test_padding_is_counted_within_the_window_and_over_a_new_transport() -> None:
    counts = [(1.0, 100), (2.0, 300), (3.0, 50), (4.0, 60), (5.0, 99)]
    lines: list[dict[str, Any]] = [{"t": t, "transport": {"probeBytesSent": sent}} for t, sent in counts]
    lines[2:2] = [{"t": 2.5, "event": {"k": "ConnectionChanged"}}, {"t": 2.6, "transport": {"bytesSent": 4}}]
    assert padding_bytes(lines, 2.0, 5.0) == 200 + 50 + 10
    assert padding_bytes([{"t": 2.0, "transport": {"bytesSent": 9}}], 0, 9) == 0


def test_the_peers_own_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "meta.json").write_text('{"t0": 1000.0}')
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "recv.csv").write_text("".join(f"{1040 + n / 20:.4f},7,320,240\n" for n in range(60)))
    (tmp_path / "b").mkdir()
    lines = [{"t": 1010.0 + n, "transport": {"probeBytesSent": 1000 * n}} for n in range(11)]
    (tmp_path / "b" / "stats.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    a, b = pictures_in(tmp_path, _answer(steps=_steps()))
    assert (a.wide_again_s, b.wide_again_s) == (0, math.inf)
    assert (a.used, b.used) == (pytest.approx(0.9 - 6000 / 500_000), 0.9)  # from 1015 on: six of the ten
    assert pictures_in(tmp_path, {"error": "a peer ended early"}) == []


# Lips


def _recorded(folder: Path, name: str, sound: np.ndarray, begins: float) -> None:
    folder.mkdir(exist_ok=True)
    sound.astype(np.int16).tofile(folder / f"{name}.raw")
    times = "".join(f"{begins + n / 50:.4f},960\n" for n in range(1, len(sound) // 960 + 1))
    (folder / f"{name}.csv").write_text(times)


@pytest.mark.parametrize(("late", "share"), [(0.03, 1.0), (-0.07, 1.0), (0.18, 0.0)])
def test_lips_are_measured_by_the_recordings_themselves(tmp_path: Path, late: float, share: float) -> None:
    """Speech takes 0.2 s, pictures so much more; the film begins anew after 2 s, with its numbers."""
    voice = np.convolve(np.random.default_rng(1).normal(0, 4000, 12 * 48_000), np.ones(12) / 12, "same")
    _recorded(tmp_path / "a", "sent_audio", voice, 1000.0)
    _recorded(tmp_path / "b", "audio", np.concatenate([np.zeros(9600), voice[:-9600]]), 1000.0)
    sent = [(1000 + n / 25, n % 50) for n in range(300)]
    (tmp_path / "a" / "sent.csv").write_text("".join(f"{at:.4f},{number}\n" for at, number in sent))
    shown = "".join(f"{at + 0.2 + late:.4f},{number},320,240\n" for at, number in sent)
    (tmp_path / "b" / "recv.csv").write_text(f"1000.1,,320,240\n{shown}")
    off = lips(tmp_path, "b", 1001.0, 1010.0)
    assert len(off) > 200
    assert np.allclose(off, late, atol=0.003)
    assert within(off) == share
    assert lips(tmp_path, "a", 1001.0, 1010.0) == []


# Rows


def test_a_row_has_every_engine_and_what_missed_in_bold() -> None:
    short = PictureFigures(12.0, 0.94, 0.005, 0.2, 200, 0.9, 40, 0.4, 0.7, 0.8)
    calls = Calls(_heard(_GOOD, short), _heard(PictureFigures(0.0, 0.0)), None)
    cells = row(_case("150"), calls, "today")
    assert len(cells) == len(pictures.HEADER)
    assert cells[2].startswith(
        "**12.0/s**, 0.940, 0.5 %, 0.2 s, 200 ms, 90.0 %, 40 ms, 0.40, first picture after 0.7 s"
    )
    assert cells[3].startswith("4.30, 0.990")
    assert cells[4:6] == ("no picture", "")
    assert not holds(_case("150"), calls)
    assert holds(_case("150"), Calls(_heard(_GOOD)))


def test_speech_that_misses_makes_the_row_miss() -> None:
    bad = _heard(_GOOD, said=Figures(3.0, 0.99, 0.001, 180, 40, 0.4))
    assert not holds(_case("150"), Calls(bad))
    assert "**3.00**" in row(_case("150"), Calls(bad), "")[3]
    assert not holds(_case("150"), Calls(_heard(_GOOD, error="a peer ended early")))


def test_a_still_every_few_seconds_or_video_is_enough() -> None:
    case = _case("32")
    still, video = PictureFigures(0.3, 0.93, 0.9, 3.9), PictureFigures(8.0, 0.87, 0.0, 0.5)
    neither = PictureFigures(3.0, 0.88, 0.0, 4.5)
    assert [holds(case, Calls(_heard(one))) for one in (still, video, neither)] == [True, True, False]
    assert "**" not in row(case, Calls(_heard(video)), "")[2]
    assert row(case, Calls(_heard(still)), "")[2].startswith("0.30/s")
    assert "; or pictures >= 7.0/s" in row(case, Calls(_heard(still)), "")[6]


def test_a_call_that_gave_nothing_does_not_hold() -> None:
    assert not any(holds(case, Calls(Heard([], "it failed"))) for case in PICTURE_CASES if not case.guest)
    assert row(_case("64"), Calls(Heard([], "it failed")), "")[2] == "**no picture** (ended early: it failed)"


# Ours with Chromium


def _pair(at_a: float, at_b: float, error: str | None = None) -> Heard:
    return _heard(PictureFigures(at_a, 0.9, 0.1), PictureFigures(at_b, 0.9, 0.1), error=error)


def test_each_receiver_is_held_to_chromiums_own_figures() -> None:
    case = _case("ours-chromium-64")
    ours, turned, chromium = _pair(9, 7), _pair(7.5, 8), _pair(8, 6)
    calls = Calls(ours, None, chromium, turned)  # at ours 9 and 8, at Chromium 7 and 7.5; Chromium's least is 6
    assert holds(case, calls)
    cells = row(case, calls, "")
    assert cells[2].startswith("at ours: 8.0/s")
    assert "; at Chromium: 7.0/s" in cells[2]
    assert len(cells) == len(pictures.HEADER)
    worse = Calls(_pair(9, 5), None, chromium, turned)
    assert not holds(case, worse)
    assert "at Chromium: **5.0/s**" in row(case, worse, "")[2]


def test_a_guests_page_only_ever_answers() -> None:
    case, chromium = _case("ours-page-64"), _pair(8, 6)
    assert holds(case, Calls(_pair(7, 6), None, chromium))
    assert not holds(case, Calls(_pair(5, 9), None, chromium))


def test_the_page_that_is_measured_takes_the_steps_of_the_clinics(tmp_path: Path) -> None:
    (tmp_path / "lab" / "peers").mkdir(parents=True)
    (tmp_path / "lab" / "peers" / "chromium_peer.py").write_text("the lab's")
    (tmp_path / "lab" / "peers" / "chromium_page.js").write_text("const out = 1;\n")
    command = adapter(tmp_path / "lab", Path("/bin/python"), tmp_path / "work")
    script = Path(command.removeprefix("/bin/python "))
    assert script.read_text() == "the lab's"
    page = (script.parent / "chromium_page.js").read_text()
    assert page.startswith("const out = 1;")
    assert "class Pace {" in page
    assert not re.search("^export", page, re.MULTILINE), "a page that is evaluated has no exports"


def test_nothing_to_compare_with_does_not_hold() -> None:
    case = _case("ours-chromium-64")
    assert not holds(case, Calls(_pair(9, 7), None, Heard([], "it failed"), _pair(9, 7)))
    assert not holds(case, Calls(_pair(9, 7), None, _pair(1, 1), Heard([], "it failed")))


class _Bench:
    name = "test"

    def __init__(self) -> None:
        self.calls: list[tuple[str, float, int]] = []

    def takes(self, case: Case) -> bool:
        return True

    def call(self, engine: str, case: Case, seconds: float, seed: int) -> Heard:
        self.calls.append((engine, seconds, seed))
        return _pair(9, 7)


@pytest.mark.parametrize(
    ("name", "stock", "chromium", "engines"),
    [
        ("64", True, True, ["ours", "stock", "chromium"]),
        ("64", False, False, ["ours"]),
        ("ours-chromium-64", True, True, ["ours-chromium", "chromium", "chromium-ours"]),
        ("ours-chromium-64", True, False, []),
        ("ours-page-64", True, True, ["ours-page", "chromium"]),
        ("ours-page-64", True, False, []),
    ],
)
def test_a_case_makes_the_calls_that_were_asked_for(
    name: str, stock: bool, chromium: bool, engines: Sequence[str]
) -> None:
    bench = _Bench()
    calls = pictures.measure(bench, _case(name), 30, [1, 2], stock=stock, chromium=chromium)
    assert bench.calls == [(engine, 30, seed) for engine in engines for seed in (1, 2)]
    assert (calls is None) == (not engines)


def test_without_the_lab_the_whole_benchmark_goes_on_and_the_part_alone_says_why(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run.speech, "has_lab_link", lambda lab: False)
    assert run.run_pictures(run.parsed([])) == 0
    assert "needs the lab and root" in capsys.readouterr().out


def test_each_row_is_written_as_it_comes_and_the_others_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bench = _Bench()
    monkeypatch.setattr(run, "_DOCUMENT", tmp_path / "benchmarks.md")
    monkeypatch.setattr(run.speech, "open_bench", lambda *options: nullcontext(bench))
    monkeypatch.setattr(run, "has_chromium", lambda: True)
    assert run.run_pictures(run.parsed(["pictures", "--cases", "150,ours-chromium-64", "--no-stock"])) == 0
    words = ["pictures", "--cases", "64,ours-chromium-150", "--no-stock", "--no-chromium"]
    assert run.run_pictures(run.parsed(words)) == 0
    rows = run.present_rows("pictures", pictures.HEADER)
    assert [cells[0] for cells in rows] == ["64", "150", "ours-chromium-64"]
    assert [bool(cells[5]) for cells in rows] == [False, True, True]
    assert "ours-chromium-150: without Chromium there is none" in capsys.readouterr().out
