"""Whether the threads of an encoder rest, and whether they stand still for good."""

from __future__ import annotations

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from moving_pictures import picture

from app.media.video import svt, svt_threads
from app.media.video.av1 import FASTEST, Av1Encoder
from app.media.video.svt_threads import LOOK_S, REST_S, STILL_S, Look, Standstill

ASLEEP = (Look(True, 7), Look(True, 120))
LOOKS = round(STILL_S / LOOK_S)
told_of_threads = pytest.mark.skipif(
    not Path("/proc/self/task").is_dir(), reason="the system tells nothing of threads"
)


# Standing still


def answers(*looks: tuple[Look, ...], step: float = LOOK_S) -> list[bool]:
    still = Standstill()
    return [still.seen(100 + n * step, look) for n, look in enumerate(looks)]


def test_threads_all_asleep_that_none_has_woken_stand_still() -> None:
    told = answers(*[ASLEEP] * (LOOKS + 3), step=LOOK_S * 1.01)
    assert told.index(True) == LOOKS, "STILL_S after the first look"
    assert all(told[LOOKS:])


@pytest.mark.parametrize("late", [(Look(False, 7), Look(True, 120)), (Look(True, 7), Look(False, 120))])
def test_a_thread_that_waits_for_a_core_is_no_standstill_however_long_it_takes(late: tuple[Look, ...]) -> None:
    assert not any(answers(*[late] * 1000))


def test_who_slept_at_each_look_but_ran_between_two_has_not_stood_still() -> None:
    worked = (Look(True, 8), Look(True, 120))
    told = answers(*[ASLEEP] * LOOKS, *[worked] * (LOOKS + 2), step=LOOK_S * 1.01)
    assert told.index(True) == 2 * LOOKS, "counted anew from then on"
    restless = [(Look(True, n), Look(True, 120)) for n in range(1000)]
    assert not any(answers(*restless)), "a thread that waits for the interpreter wakes every 5 ms"


def test_a_process_stopped_for_a_minute_is_looked_at_anew() -> None:
    still = Standstill()
    assert not still.seen(0.0, ASLEEP)
    assert [still.seen(60.0 + n / 1000, ASLEEP) for n in range(LOOKS)] == [False] * (LOOKS - 1) + [True]


def test_quick_looks_do_not_shorten_it() -> None:
    assert not any(answers(*[ASLEEP] * 100, step=STILL_S / 200))


def test_of_unknown_threads_nothing_is_told() -> None:
    assert not any(answers(*[()] * 1000))


# Looking


@told_of_threads
def test_a_waiting_thread_is_seen_asleep_and_one_at_work_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    goes_on, enough, working = threading.Event(), threading.Event(), threading.Event()
    numbers: dict[str, int] = {}

    def wait() -> None:
        numbers["waits"] = threading.get_native_id()
        goes_on.wait(60)

    def work() -> None:
        numbers["works"] = threading.get_native_id()
        working.set()
        while not enough.is_set():
            hashlib.pbkdf2_hmac("sha256", b"without the interpreter's lock", b"", 2_000_000)

    with ThreadPoolExecutor(2) as pool:
        pool.submit(work)
        assert working.wait(30)
        monkeypatch.setattr(svt_threads, "REST_S", 0.0)
        assert not svt_threads.rest([numbers["works"]])
        assert not svt_threads.looked_at([numbers["works"]])[0].asleep
        enough.set()
        pool.submit(wait)
        monkeypatch.setattr(svt_threads, "REST_S", 60.0)
        assert svt_threads.rest(list(numbers.values())), "the work is waited for"
        (before,) = svt_threads.looked_at([numbers["waits"]])
        (after,) = svt_threads.looked_at([numbers["waits"]])
        assert before.asleep
        assert before == after
        goes_on.set()


@told_of_threads
def test_a_thread_that_has_ended_is_no_hindrance() -> None:
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()
    assert thread.native_id
    gone = [number for number in [thread.native_id] if number not in svt_threads.tasks()]
    assert svt_threads.looked_at(gone) == []
    assert svt_threads.rest(gone)


def test_what_the_system_does_not_tell_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(svt_threads, "_TASKS", tmp_path)
    for number, status in ((1, "State:\tR (running)\n"), (2, ""), (3, None)):
        (tmp_path / str(number)).mkdir()
        if status is not None:
            (tmp_path / str(number) / "status").write_text(status, "ascii")
    assert svt_threads.tasks() == {1, 2, 3}
    assert svt_threads.looked_at((1, 2, 3)) == []
    assert svt_threads.rest((1, 2, 3))


def test_where_the_system_tells_nothing_there_are_no_threads_to_wait_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(svt_threads, "_TASKS", tmp_path / "none")
    assert svt_threads.tasks() == frozenset()
    encoder = Av1Encoder(320, 240, 15.0, 60_000, FASTEST)
    assert encoder._handle._looks() == []
    assert encoder.encode(picture(0), key=False).data
    encoder.close()


# The encoder


@told_of_threads
def test_each_picture_is_sent_to_an_encoder_all_of_whose_threads_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    real, rest = svt.library(), svt_threads.rest

    class Noting:
        def __getattr__(self, name: str) -> Any:
            calls.append(name.removeprefix("svt_av1_enc_"))
            return getattr(real, name)

    def noted(numbers: tuple[int, ...]) -> bool:
        calls.append(f"rest of {len(numbers)}")
        return rest(numbers)

    encoder = Av1Encoder(320, 240, 15.0, 60_000, FASTEST)
    handle = encoder._handle
    own = handle._threads
    assert len(own) >= 10, "SVT-AV1 has a thread for each stage"
    assert set(own) < svt_threads.tasks()
    assert handle._caller not in own
    monkeypatch.setattr(handle, "_lib", Noting())
    monkeypatch.setattr(svt_threads, "rest", noted)
    for n in range(3):
        assert encoder.encode(picture(n), key=n == 1).data
    assert calls == [f"rest of {len(own)}", "send_picture", "get_packet", "release_out_buffer"] * 3
    assert rest(own), "with its packet out it comes to rest by itself"
    calls.clear()
    encoder.close()
    assert calls == [f"rest of {len(own)}", "send_picture", "deinit", "deinit_handle"]
    assert not set(own) & svt_threads.tasks()


def test_the_wait_for_rest_leaves_time_for_the_picture() -> None:
    assert REST_S + STILL_S < svt.STALLED_S / 2


@told_of_threads
def test_encoders_opened_at_once_have_each_their_own_threads() -> None:
    with ThreadPoolExecutor(3) as pool:
        opened = list(pool.map(lambda preset: Av1Encoder(160, 120, 15.0, 60_000, preset), (8, 10, 12)))
    owned = [number for encoder in opened for number in encoder._handle._threads]
    callers = {encoder._handle._caller for encoder in opened}
    assert len(owned) == len(set(owned))
    assert not callers & set(owned)
    assert all(encoder.encode(picture(0), key=False).key for encoder in opened)
    for encoder in opened:
        encoder.close()
