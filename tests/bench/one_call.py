"""One call in one process over a link of its own, for part speech without root.

    python tests/bench/one_call.py ENGINE OUT --link JSON --seconds S --seed N --speech FILE [--film FILE]

ENGINE: ours or stock. Leaves the measuring peer's files in OUT/a and OUT/b, and OUT/call.json.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from app.peer_files import PeerFiles
from tests.bench.link import Link, p95, parse, queue_down_s
from tests.bench.ours_pair import OursPair
from tests.bench.relay import Relay
from tests.bench.stock_pair import StockPair

_PAIRS = {"ours": OursPair, "stock": StockPair}
_STEADY_FROM_S = 15.0
_CLOSE_S = 10.0


def queue_of(link: Link[Any], seconds: float) -> dict[str, Any]:
    waits = [waited for t, waited in link.waited.packets if _STEADY_FROM_S <= t < seconds]
    waited = link.waited
    return {
        "queue_p95_ms": p95(waits),
        "queue_down_s": queue_down_s(link, seconds),
        "packets": len(waited.packets),
        "dropped": waited.dropped,
        "lost": waited.lost,
        "cut": waited.cut,
    }


async def call(args: argparse.Namespace) -> dict[str, Any]:
    files = {side: PeerFiles(args.out / side) for side in ("a", "b")}
    options = parse(json.loads(args.link))
    relay = Relay(options, args.seed)
    pair = _PAIRS[args.engine](relay, files, args.film, args.speech)
    error = None
    spent, began = time.process_time(), time.monotonic()
    t0 = time.time()
    try:
        async with asyncio.timeout(args.seconds):
            await pair.start()
            await asyncio.sleep(args.seconds - (time.monotonic() - began) - 0.05)
    except Exception as exc:  # the row says so; the other rows go on
        error = repr(exc)
    cpu = (time.process_time() - spent - relay.cpu_s) / 2 / (time.monotonic() - began)
    queues = {name: queue_of(link, args.seconds) for name, link in relay.links.items()}
    try:
        await asyncio.wait_for(pair.close(), _CLOSE_S)
    except Exception as exc:
        logging.warning("closing: %r", exc)
    for one in files.values():
        one.close()
    relay.close()
    cuts = [[start, seconds] for start, seconds in options.outages]
    return {
        "engine": pair.engine,
        "t0": t0,
        "seconds": args.seconds,
        "error": error,
        "cpu_cores": cpu,
        "links": queues,
        "outages": cuts,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine", choices=_PAIRS)
    parser.add_argument("out", type=Path)
    parser.add_argument("--link", required=True)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--speech", type=Path, required=True)
    parser.add_argument("--film", type=Path)
    args = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    done = asyncio.run(call(args))
    (args.out / "call.json").write_text(json.dumps(done, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
