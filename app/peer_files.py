"""The files that the measuring peer leaves behind, and the frame marker in the lab's pictures."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_CELLS = 20
_CELL_HEIGHT_OF_PICTURE = 32 / 480
_CONTRAST = 60  # luma between the guard cells, below which there is no marker
_SAMPLE_EVERY_S = 0.9


def read_marker(luma: NDArray[np.uint8]) -> int | None:
    """The frame number along the bottom edge of a lab picture of any size, or None where there is none.

    20 cells side by side, a fifteenth of the height: white and black, 16 bits of Gray code with the highest first,
    black and white. Only the middle of each cell is looked at, so that scaling and coding at its edges do not matter.
    """
    height, width = luma.shape
    if width < 8 * _CELLS or height < 8 * _CELLS // 2:
        return None
    cell_height, cell_width = height * _CELL_HEIGHT_OF_PICTURE, width / _CELLS
    top = int(height - 0.7 * cell_height)
    strip = luma[top : max(top + 1, int(height - 0.3 * cell_height))].mean(axis=0)
    middles = (np.arange(_CELLS) + 0.5) * cell_width
    reach = max(0.5, 0.2 * cell_width)
    cells = np.array([strip[int(m - reach) : max(int(m - reach) + 1, int(m + reach))].mean() for m in middles])
    white, black = (cells[0] + cells[19]) / 2, (cells[1] + cells[18]) / 2
    if white - black < _CONTRAST:
        return None
    number, bit = 0, 0
    for cell in cells[2:18]:
        bit ^= int(cell > (white + black) / 2)  # Gray code: each bit is the sum of those above it
        number = number << 1 | bit
    return number


class PeerFiles:
    """sent.csv, recv.csv, frames.bin, audio.raw and .csv, sent_audio.raw and .csv, stats.jsonl in `folder`.

    Times are Unix seconds, sound is s16le mono 48 kHz. Any thread may write; nothing is written after :meth:`close`.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        names = ("sent.csv", "recv.csv", "frames.bin", "audio.raw", "audio.csv", "sent_audio.raw", "sent_audio.csv")
        self._files = {name: (folder / name).open("wb") for name in (*names, "stats.jsonl")}
        self._lock = threading.Lock()
        self._sampled = 0.0
        self._open = True

    def sent_picture(self, t: float, luma: NDArray[np.uint8]) -> None:
        marker = read_marker(luma)
        self._write("sent.csv", f"{t:.4f},{'' if marker is None else marker}\n".encode())

    def shown_picture(self, t: float, luma: NDArray[np.uint8]) -> None:
        height, width = luma.shape
        marker = read_marker(luma)
        self._write("recv.csv", f"{t:.4f},{'' if marker is None else marker},{width},{height}\n".encode())
        if t - self._sampled > _SAMPLE_EVERY_S:
            self._sampled = t
            head = json.dumps({"t": t, "w": width, "h": height, "marker": marker}) + "\n"
            self._write("frames.bin", head.encode() + luma.tobytes())

    def played(self, t: float, samples: NDArray[np.int16]) -> None:
        """`t`: when the last of the samples was due."""
        self._sound("audio", t, samples)

    def captured(self, t: float, samples: NDArray[np.int16]) -> None:
        self._sound("sent_audio", t, samples)

    def stats(self, line: dict[str, Any]) -> None:
        self._write("stats.jsonl", (json.dumps(line) + "\n").encode())

    def close(self) -> None:
        with self._lock:
            self._open = False
            for file in self._files.values():
                file.close()

    def _sound(self, name: str, t: float, samples: NDArray[np.int16]) -> None:
        self._write(
            f"{name}.raw", samples.astype("<i2").tobytes(), f"{name}.csv", f"{t:.4f},{len(samples)}\n".encode()
        )

    def _write(self, name: str, data: bytes, second: str = "", more: bytes = b"") -> None:
        with self._lock:
            if self._open:
                self._files[name].write(data)
                if second:
                    self._files[second].write(more)
