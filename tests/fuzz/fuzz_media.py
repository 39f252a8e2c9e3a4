"""Fuzzes the media path's parsers: `python -m tests.fuzz.fuzz_media --inputs 10000000 --seed 1`.

Ends with 1 and the input, as hex, when a parser raises what it may not, or memory grows beyond 64 MiB.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import time
from collections.abc import Sequence

from tests.fuzz.media_targets import TARGETS, Target
from tests.fuzz.mutate import mutated

MOST_GROWTH_KIB = 64 * 1024
_BATCH = 1000


class Failed(Exception):
    """A parser did what it may not."""


def check(target: Target, data: bytes) -> bool:
    """Whether the parser took it. Raises Failed."""
    try:
        target.run(data)
    except target.errors:
        return False
    except Exception as exc:
        raise Failed(f"{target.name}: {exc!r} for {data.hex()}") from exc
    return True


def _memory_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def fuzz(inputs: int, seed: int, targets: Sequence[Target] = TARGETS) -> dict[str, tuple[int, int]]:
    """(inputs, how many were taken as valid) by target; the samples themselves must be. Raises Failed."""
    chance = random.Random(seed)
    counts = {target.name: [0, 0] for target in targets}
    for target in targets:
        for sample in target.samples:
            if not check(target, sample):
                raise Failed(f"{target.name} refuses its own sample {sample.hex()}")
    before = _memory_kib()
    while inputs > 0:
        for target in targets:
            batch = min(_BATCH, inputs)
            inputs -= batch
            counts[target.name][0] += batch
            counts[target.name][1] += sum(check(target, mutated(chance, target.samples)) for _ in range(batch))
    grown = _memory_kib() - before
    if grown > MOST_GROWTH_KIB:
        raise Failed(f"memory grew by {grown} KiB")
    return {name: (count, taken) for name, (count, taken) in counts.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--target", choices=[target.name for target in TARGETS], help="one target alone")
    parser.add_argument("--hex", help="one input alone, for --target")
    options = parser.parse_args(arguments)
    targets = [target for target in TARGETS if options.target in (None, target.name)]
    began = time.monotonic()
    try:
        if options.hex is not None:
            for target in targets:
                print(target.name, "takes it" if check(target, bytes.fromhex(options.hex)) else "refuses it")
            return 0
        for name, (count, taken) in fuzz(options.inputs, options.seed, targets).items():
            print(f"{name:15} {count:10} inputs, {taken} taken as valid")
    except Failed as exc:
        print(exc, file=sys.stderr)
        return 1
    print(f"{options.inputs} inputs in {time.monotonic() - began:.1f} s, seed {options.seed}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
