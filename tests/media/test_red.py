"""RED payloads: the layout of RFC 2198, round trips, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.media.rtc.errors import BadRed
from app.media.rtc.red import LONGEST_BLOCK, LONGEST_OFFSET, MOST_BLOCKS, Block, pack_red, parse_red

_types = st.integers(0, 0x7F)
_earlier = st.builds(Block, _types, st.integers(0, LONGEST_OFFSET), st.binary(max_size=60))
_primary = st.builds(Block, _types, st.just(0), st.binary(max_size=300))


def test_the_layout_worked_out_by_hand() -> None:
    # F=1, type 111, offset 2880 (60 ms), length 2; then the last header: F=0, type 111
    data = bytes.fromhex("ef 2d0002 6f aabb cc")
    blocks = (Block(111, 2880, b"\xaa\xbb"), Block(111, 0, b"\xcc"))
    assert parse_red(data) == blocks
    assert pack_red(blocks) == data
    assert parse_red(b"\x6f\x01") == (Block(111, 0, b"\x01"),)


@given(st.lists(_earlier, max_size=5), _primary)
def test_round_trip(earlier: list[Block], primary: Block) -> None:
    blocks = (*earlier, primary)
    data = pack_red(blocks)
    assert parse_red(data) == blocks
    assert len(data) == 4 * len(earlier) + 1 + sum(len(block.payload) for block in blocks)


@pytest.mark.parametrize(
    "text",
    ["", "ef", "efb400", "ef000002", "ef000002 6f aa", "ef000000" * MOST_BLOCKS + "6f", "ef000000" * 400],
)
def test_malformed_payloads_are_refused(text: str) -> None:
    with pytest.raises(BadRed):
        parse_red(bytes.fromhex(text))


@pytest.mark.parametrize(
    "blocks",
    [
        [],
        [Block(111, 1, b"")],
        [Block(128, 0, b"")],
        [Block(111, LONGEST_OFFSET + 1, b""), Block(111, 0, b"")],
        [Block(111, -1, b""), Block(111, 0, b"")],
        [Block(111, 0, bytes(LONGEST_BLOCK + 1)), Block(111, 0, b"")],
        [Block(200, 0, b""), Block(111, 0, b"")],
        [Block(111, 0, b"")] * (MOST_BLOCKS + 1),
    ],
)
def test_what_red_cannot_carry_is_not_packed(blocks: list[Block]) -> None:
    with pytest.raises(BadRed):
        pack_red(blocks)


@given(st.binary(max_size=80))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        blocks = parse_red(data)
    except BadRed:
        return
    assert 1 <= len(blocks) <= MOST_BLOCKS
    assert pack_red(blocks) == data
