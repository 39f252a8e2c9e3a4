"""A data channel in memory that really carries bytes: with delay and a rate, in order, and with the loss of whole
transports, when everything under way is gone."""

from __future__ import annotations

from collections import deque

from app.media.closer.giver import Giver
from app.media.closer.messages import BadCloser
from app.media.closer.taker import Taker, Whole

STEP_S = 0.05


class MemoryLink:
    """The two sides and the way between them. `rate`: bytes a second each way, all messages in; `delay` one way."""

    def __init__(self, *, rate: float = 1e9, delay: float = 0.1) -> None:
        self.now, self.rate, self.delay = 0.0, rate, delay
        self.up = False
        self._ways: dict[str, deque[tuple[float, bytes]]] = {"giver": deque(), "taker": deque()}
        self._free = {"giver": 0.0, "taker": 0.0}
        self.carried = {"giver": 0, "taker": 0}
        self.wholes: list[tuple[float, Whole]] = []
        self.refused: list[BadCloser] = []
        self.giver = Giver(lambda data: self._put("taker", data))
        self.taker = Taker(lambda data: self._put("giver", data), lambda w: self.wholes.append((self.now, w)))

    def _put(self, to: str, data: bytes) -> bool:
        if not self.up:
            return False
        self._free[to] = max(self._free[to], self.now) + len(data) / self.rate
        self._ways[to].append((self._free[to] + self.delay, data))
        self.carried[to] += len(data)
        return True

    def backlog(self, to: str = "taker") -> int:
        return sum(len(data) for _, data in self._ways[to])

    def connect(self) -> None:
        self.up = True
        self.giver.on_ready(True)
        self.taker.on_ready(True)

    def cut(self) -> None:
        self.up = False
        for way in self._ways.values():
            way.clear()
        self.giver.on_ready(False)
        self.taker.on_ready(False)

    def run(self, seconds: float, allowance: float) -> None:
        until = self.now + seconds
        while self.now < until - 1e-9:
            self.now += STEP_S
            for name, way in self._ways.items():
                side = self.giver if name == "giver" else self.taker
                while way and way[0][0] <= self.now:
                    try:
                        side.on_data(way.popleft()[1], self.now)
                    except BadCloser as exc:
                        self.refused.append(exc)
            self.giver.tick(self.now, allowance, self.backlog())
            self.taker.tick(self.now)
