"""The small pure parts: limits, tus headers, ranges, TURN credentials, nonces, addresses."""

from __future__ import annotations

import base64
import hmac
import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.clinic import tus
from app.clinic.limits import SlidingWindow, TokenBucket, WrongTries
from app.clinic.problems import Refusal
from app.clinic.ranges import RangeNotSatisfiable, parse_range
from app.clinic.settings import IceSettings, SettingsError, split_address
from app.clinic.tokens import new_nonce, nonce_expiry
from app.clinic.turn import ice_config
from app.wire.errors import ErrorCode
from app.wire.hosts import is_loopback
from app.wire.intake import MAX_BLOB_BYTES
from app.wire.visits import IceServer

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


@given(st.lists(st.integers(0, 100), max_size=60), st.integers(1, 5))
def test_a_window_is_full_exactly_when_so_many_lie_in_it(times: list[int], limit: int) -> None:
    window = SlidingWindow(limit, 10.0)
    kept: list[int] = []
    for now in sorted(times):
        expected = len([t for t in kept if t > now - 10.0])
        assert window.full(now) == (expected >= limit)
        assert (window.free_in(now) > 0) == (expected >= limit)
        window.add(now)
        kept = [*kept, now][-limit:]


def test_wrong_tries_shut_out_an_address_and_then_all() -> None:
    tries = WrongTries(per_address=2, in_all=3, period=60)
    for _ in range(2):
        assert tries.wait("a", 0.0) == 0
        tries.wrong("a", 0.0)
    assert tries.wait("a", 0.0) == 60
    assert tries.wait("b", 0.0) == 0
    tries.wrong("b", 10.0)
    assert tries.wait("c", 10.0) == 50
    assert tries.wait("c", 60.0) == 0


def test_wrong_tries_keep_a_bounded_number_of_addresses() -> None:
    tries = WrongTries(per_address=1, in_all=10_000, period=60, max_addresses=3)
    for number in range(10):
        tries.wrong(f"address {number}", 0.0)
    assert [number for number in range(10) if tries.wait(f"address {number}", 0.0) > 0] == [7, 8, 9]


@given(st.lists(st.floats(0, 5), min_size=1, max_size=80))
def test_a_bucket_never_lets_more_through_than_rate_and_burst(gaps: list[float]) -> None:
    bucket, now = TokenBucket(rate=4.0, burst=3.0), 0.0
    for passed, gap in enumerate(gaps, start=1):
        now += gap
        now += bucket.take(now)
        assert passed <= 3 + 4.0 * now + 1e-6


@given(st.text(max_size=40) | st.none() | st.from_regex("[0-9]{1,17}", fullmatch=True))
def test_any_number_header_gives_a_number_or_a_refusal(text: str | None) -> None:
    if text is not None and re.fullmatch("[0-9]{1,15}", text):
        assert tus.number("Upload-Offset", text) == int(text)
    else:
        with pytest.raises(Refusal) as caught:
            tus.number("Upload-Offset", text)
        assert caught.value.code is ErrorCode.BAD_REQUEST


def test_upload_length_is_bounded() -> None:
    assert tus.upload_length(str(MAX_BLOB_BYTES)) == MAX_BLOB_BYTES
    with pytest.raises(Refusal) as caught:
        tus.upload_length(str(MAX_BLOB_BYTES + 1))
    assert caught.value.status == 413


def encoded(**pairs: str) -> str:
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in pairs.items())


GOOD = {"submission": "submission1", "blob": "blob00001", "part": "blob", "sha256": "ab" * 32, "count": "2"}


def test_metadata_has_exactly_its_keys() -> None:
    assert tus.metadata(encoded(**GOOD)).model_dump(mode="json") == {**GOOD, "count": 2}
    wrong = [
        None,
        "",
        encoded(**{key: value for key, value in GOOD.items() if key != "count"}),
        encoded(**GOOD, filename="x.jpg"),
        encoded(**GOOD) + "," + encoded(blob="blob00001"),
        encoded(**{**GOOD, "count": "0"}),
        encoded(**{**GOOD, "count": "201"}),
        encoded(**{**GOOD, "sha256": "AB" * 32}),
        encoded(**{**GOOD, "part": "thumbnail"}),
        encoded(**GOOD).replace("=", "!"),
        "submission é",
    ]
    for text in wrong:
        with pytest.raises(Refusal):
            tus.metadata(text)


@given(st.text(max_size=300))
def test_any_metadata_gives_a_model_or_a_refusal(text: str) -> None:
    with pytest.raises(Refusal):
        tus.metadata(text)


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        (None, None),
        ("bytes=0-0", (0, 1)),
        ("bytes=2-", (2, 10)),
        ("bytes=2-99", (2, 10)),
        ("bytes=-3", (7, 10)),
        ("bytes=-30", (0, 10)),
        ("bytes=-", None),
        ("bytes=5-2", None),
        ("bytes=0-1,4-5", None),
        ("lines=1-2", None),
    ],
)
def test_ranges(header: str | None, wanted: tuple[int, int] | None) -> None:
    assert parse_range(header, 10) == wanted


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=99-100", "bytes=-0"])
def test_a_range_beyond_the_end(header: str) -> None:
    with pytest.raises(RangeNotSatisfiable):
        parse_range(header, 10)


@given(st.text(max_size=30) | st.from_regex(r"bytes=\d{0,4}-\d{0,4}", fullmatch=True), st.integers(0, 2000))
def test_any_range_lies_within_the_blob(header: str, size: int) -> None:
    try:
        wanted = parse_range(header, size)
    except RangeNotSatisfiable:
        return
    if wanted is not None:
        assert 0 <= wanted[0] < wanted[1] <= size


def test_turn_credentials_are_made_for_the_device_and_the_time() -> None:
    settings = IceSettings(
        servers=(
            IceServer(urls=("stun:relay.example:3478",)),
            IceServer(urls=("turn:relay.example:3478",)),
            IceServer(urls=("turn:fixed.example:3478",), username="u", credential="c"),
        ),
        policy="relay",
        turn_secret="shared",
        turn_ttl_s=600,
    )
    config = ice_config(settings, "device0001", 1000.9)
    stun, made, fixed = config.servers
    assert (config.policy, stun.username) == ("relay", None)
    assert made.username == "1600:device0001"
    assert base64.b64decode(made.credential or "") == hmac.digest(b"shared", b"1600:device0001", "sha1")
    assert (fixed.username, fixed.credential) == ("u", "c")


def test_a_nonce_is_good_for_its_device_and_its_time_alone() -> None:
    key = b"k" * 32
    nonce = new_nonce(key, "device0001", NOW, 120)
    assert len(nonce) <= 64
    assert nonce_expiry(key, nonce, "device0001", NOW) == (NOW + timedelta(seconds=120)).timestamp()
    assert nonce_expiry(key, nonce, "device0001", NOW + timedelta(seconds=120)) is None
    assert nonce_expiry(key, nonce, "device0002", NOW) is None
    assert nonce_expiry(b"l" * 32, nonce, "device0001", NOW) is None
    for place in range(len(nonce)):
        bent = nonce[:place] + bytes([nonce[place] ^ 1]) + nonce[place + 1 :]
        assert nonce_expiry(key, bent, "device0001", NOW) is None
    for short in range(len(nonce)):
        assert nonce_expiry(key, nonce[:short], "device0001", NOW) is None


def test_addresses() -> None:
    assert split_address("clinic.example:8443") == ("clinic.example", 8443)
    assert split_address("[::1]:0") == ("::1", 0)
    for text in ("clinic.example", ":8443", "clinic:port", "clinic:70000", "https://clinic:1", "a b:1"):
        with pytest.raises(SettingsError):
            split_address(text)
    assert [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "10.0.0.1", "example")] == [
        True,
        True,
        True,
        False,
        False,
    ]
