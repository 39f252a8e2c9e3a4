"""Figures against targets, the cases' data, and what the lab's analysis says."""

from __future__ import annotations

from typing import Any

import pytest

from tests.bench.figures import SPEECH, Figures
from tests.bench.lab import figures_of, options_of
from tests.bench.link import parse
from tests.bench.speech_cases import CASES, LONG_CASES, NoSuchCase, chosen, seconds_of

_GOOD = Figures(3.5, 0.95, 0.002, 290, 40, 0.2)


def test_the_worse_direction_counts_figure_by_figure() -> None:
    other = Figures(3.1, 0.97, 0.03, 250, None, 0.3, back_s=0.2)
    assert SPEECH.worse([_GOOD, other]) == Figures(3.1, 0.95, 0.03, 290, 40, 0.3, back_s=0.2)
    assert SPEECH.worse([]) == Figures()


def test_a_target_is_missed_from_either_side_and_when_nothing_was_measured() -> None:
    target = Figures(pesq=3.5, stoi=0.96, concealed=0.001, mouth_to_ear_ms=290, back_s=0.3)
    assert SPEECH.missed(_GOOD, target) == ["stoi", "concealed", "back_s"]


def test_a_cell_shows_what_missed_in_bold() -> None:
    assert SPEECH.shown(_GOOD, Figures(stoi=0.96)) == "3.50, **0.950**, 0.2 %, 290 ms, 40 ms, 0.20"
    assert SPEECH.shown(_GOOD, Figures(back_s=1.0)).endswith("**back after -**")
    assert (SPEECH.shown(Figures(queue_p95_ms=300)), SPEECH.shown(None)) == ("no speech", "")
    assert SPEECH.shown(Figures(3.0, back_s=float("inf"))).endswith("back after never")
    assert SPEECH.wanted(Figures(pesq=3.3, concealed=0.01)) == "PESQ >= 3.30, concealed <= 1.0 %"


def test_every_figure_has_a_measure() -> None:
    assert list(SPEECH.measures) == list(Figures.__dataclass_fields__)


def test_every_case_has_a_name_of_its_own_a_target_and_a_link_that_can_be_made() -> None:
    cases = (*CASES, *LONG_CASES)
    assert len({case.name for case in cases}) == len(cases)
    for case in cases:
        assert SPEECH.wanted(case.target)
        assert parse(case.link).kbps_at(0) > 0


def test_cases_are_chosen_by_name_in_the_tables_order() -> None:
    assert [case.name for case in chosen("64, 24", CASES)] == ["24", "64"]
    assert chosen("", CASES) == CASES
    with pytest.raises(NoSuchCase, match="no such case: 25; there are 12, 16"):
        chosen("24,25", CASES)


def test_a_case_with_events_keeps_its_own_length() -> None:
    lengths = [seconds_of(case, 30) for case in chosen("24,cut-45,steps", CASES)]
    assert lengths == [30, 90, 100]
    assert seconds_of(chosen("24", CASES)[0], None) == 60


def test_the_lab_is_told_the_same_link() -> None:
    (case,) = chosen("tcp", CASES)
    assert " ".join(options_of(case)) == "--both delay=50 --both queue_ms=2000 --both rate=128 --tcp 20:30"


def _answer(**more: Any) -> dict[str, Any]:
    def side(pesq: float) -> dict[str, Any]:
        sound = {"pesq": pesq, "stoi": 0.97, "mouth_to_ear_p50_ms": 230.0}
        return {"audio": sound, "own": {"concealed_ratio": 0.001}}

    link = {"a2b": {"qdelay_p95_ms": 50.0}, "b2a": {"qdelay_p95_ms": 40.0}}
    part = {"rx_a": side(3.9), "rx_b": side(3.8), "link": link}
    return {"steady": part, "cpu_cores": [0.18, 0.19], **more}


def test_the_labs_answer_becomes_figures_of_both_directions() -> None:
    assert figures_of(_answer()) == [
        Figures(3.9, 0.97, 0.001, 230, 40, 0.18),
        Figures(3.8, 0.97, 0.001, 230, 50, 0.19),
    ]
    assert figures_of({"error": "a peer ended early"}) == []


def test_what_never_comes_back_or_never_clears_is_not_passed_over() -> None:
    steps = [
        {"dir": "a2b", "kind": "down", "queue_below_100ms_after_s": 1.2},
        {"dir": "a2b", "kind": "down", "queue_below_100ms_after_s": None},
        {"dir": "b2a", "kind": "up"},
    ]
    a, b = figures_of(_answer(outage={"a": [{"first_sound_after_s": None}], "b": []}, steps=steps))
    assert (a.back_s, b.back_s) == (float("inf"), None)
    assert (a.queue_down_s, b.queue_down_s) == (None, 20.0)


def test_beside_a_tcp_upload_the_direction_that_shares_its_link_is_judged() -> None:
    during = _answer()["steady"]
    (only,) = figures_of(_answer(phases={"during_tcp": during}), "during_tcp")
    assert only.pesq == 3.8
