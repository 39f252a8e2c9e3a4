"""A hundred thousand mutated inputs in each run, ten million in the nightly `make fuzz`."""

from __future__ import annotations

import pytest

from tests.fuzz.fuzz_media import Failed, check, fuzz, main
from tests.fuzz.media_targets import TARGETS, Target


def test_a_hundred_thousand_mutated_inputs_raise_typed_errors_alone() -> None:
    counts = fuzz(100_000, seed=20261126)
    assert sum(count for count, _ in counts.values()) == 100_000
    for name, (count, taken) in counts.items():
        assert count >= 6_500, name
        assert taken > count / 100, f"{name}: the mutations reach past the first check"


def test_what_a_parser_may_not_raise_is_found() -> None:
    def run(data: bytes) -> None:
        if b"\xff" in data:
            raise KeyError(data)

    target = Target("broken", run, (b"\0\0\0\0",), (ValueError,))
    assert check(target, b"fine")
    with pytest.raises(Failed, match="KeyError"):
        fuzz(10_000, 1, [target])
    with pytest.raises(Failed, match="own sample"):
        fuzz(1, 1, [Target("strict", lambda data: int(data), (b"no",), (ValueError,))])


def test_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--inputs", "100", "--target", "red"]) == 0
    assert main(["--target", "red", "--hex", "6f01"]) == 0
    assert main(["--target", "red", "--hex", "ef"]) == 0
    out = capsys.readouterr().out
    assert "red takes it" in out
    assert "red refuses it" in out
    assert {target.name for target in TARGETS} >= {"rtp", "red", "twcc", "rtcp", "peer-state", "stun"}
