"""What the guest's page sends on a thin line: its own steps, run by node."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).parents[2]
NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="there is no node on this machine (Debian: nodejs)")

SHORT, LONG = 0.12, 0.34
Look = tuple[float | None, float | None]


class Page:
    def __init__(self) -> None:
        assert NODE is not None
        command = [NODE, str(ROOT / "tests/node/pace.mjs"), str(ROOT / "app/clinic/page/pace.js")]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.steps = json.loads(self._read())

    def _read(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "node ended"
        return line

    def play(self, looks: Sequence[Look]) -> list[int]:
        """The step after each look, one a second, of a new call."""
        assert self.process.stdin is not None
        lines = [[None, None, None], *([now, *look] for now, look in enumerate(looks))]
        self.process.stdin.write("".join(json.dumps(line) + "\n" for line in lines))
        self.process.stdin.flush()
        return [int(self._read()) for _ in looks]


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    running = Page()
    yield running
    running.process.kill()
    running.process.communicate()


def test_each_step_sends_less_and_the_last_no_picture(page: Page) -> None:
    for name in ("video", "fps", "audio", "floor"):
        figures = [step[name] for step in page.steps]
        assert figures == sorted(figures, reverse=True)
    assert [step["active"] for step in page.steps] == [True, True, True, False]


def test_a_wide_line_has_the_whole_picture_two_seconds_after_the_call_began(page: Page) -> None:
    assert page.play([(150_000, SHORT)] * 4) == [1, 1, 0, 0]


def test_a_browser_that_tells_no_estimate_is_left_alone(page: Page) -> None:
    assert page.play([(None, SHORT)] * 3 + [(None, None)]) == [0, 0, 0, 0]


def test_where_a_queue_stands_and_the_browser_cannot_go_lower_the_page_does(page: Page) -> None:
    floors = [step["floor"] for step in page.steps]
    steps = page.play([(floors[1], SHORT)] + [(floors[1], LONG)] * 4 + [(floors[2], LONG)] * 7)
    assert steps == [1] * 4 + [2] * 7 + [3], "the picture is given up later than it is made less"


def test_a_queue_that_stood_from_the_first_counts_too(page: Page) -> None:
    assert page.play([(page.steps[1]["floor"], 0.5)] * 5)[-1] == 2


def test_a_short_round_trip_at_the_floor_is_no_reason_to_send_less(page: Page) -> None:
    assert set(page.play([(page.steps[1]["floor"], SHORT)] * 60)) == {1}


def test_a_step_up_that_does_not_hold_is_taken_back_before_the_round_trip_tells(page: Page) -> None:
    floors = [step["floor"] for step in page.steps]
    rise = [(1.3 * floors[0], SHORT)] * 3
    assert page.play(rise + [(floors[0], SHORT)] * 3) == [1, 1, 0, 0, 0, 1]
    dip = [(floors[0], SHORT)] * 2 + [(1.3 * floors[0], SHORT)] * 25
    assert page.play(rise + dip)[3:] == [0] * 27, "a dip of a second is none"
    assert page.play(rise + dip + [(floors[0], SHORT)] * 20)[-1] == 0, "what has held is not lightly given up"


def test_it_rises_when_the_estimate_has_room_and_after_a_failure_more_slowly(page: Page) -> None:
    floors = [step["floor"] for step in page.steps]
    room = (1.3 * floors[0], SHORT)
    fall = [(floors[0], LONG)] * 5
    steps = page.play([room] * 3 + fall + [room] * 10 + fall + [room] * 40)
    changes = [at for at in range(1, len(steps)) if steps[at] != steps[at - 1]]
    rises = [at for at in changes if steps[at] < steps[at - 1]]
    falls = [at for at in changes if steps[at] > steps[at - 1]]
    assert len(rises) == len(falls) + 1 == 3
    assert rises[1] - falls[0] < rises[2] - falls[1], "the second time it is waited for longer"


def test_a_line_that_has_shown_its_end_is_not_tried_soon(page: Page) -> None:
    floors = [step["floor"] for step in page.steps]
    room = (1.3 * floors[0], SHORT)
    end = [(floors[0], SHORT), (1.1 * floors[0], LONG), (0.8 * floors[0], SHORT)]
    steps = page.play(end + [room] * 40)
    assert steps.index(0) >= 30
    calm = [(floors[0], SHORT), (1.1 * floors[0], SHORT), (0.8 * floors[0], SHORT)]
    assert page.play(calm + [room] * 4)[-1] == 0, "a dip without a queue is no end"


def test_without_a_picture_it_is_tried_again_now_and_then(page: Page) -> None:
    floors = [step["floor"] for step in page.steps]
    down = [(floors[1], SHORT)] + [(floors[1], LONG)] * 4 + [(floors[2], LONG)] * 7
    assert page.play(down + [(20_000, SHORT)] * 30)[-1] == 2


_looks = st.lists(
    st.tuples(st.none() | st.floats(0, 3e6), st.none() | st.floats(0, 5)), min_size=1, max_size=200
)  # fmt: skip


@given(_looks)
def test_whatever_the_browser_tells_it_moves_one_step_at_a_time(page: Page, looks: list[Look]) -> None:
    steps = page.play(looks)
    assert all(0 <= step < len(page.steps) for step in steps)
    told = [a is not None and b is not None for a, b in looks]
    for at in range(1, len(steps)):
        assert abs(steps[at] - steps[at - 1]) <= 1 or not told[at]
