"""The child process that decodes foreign images: run as a file by `python -I`, with limits that it sets upon itself.

Arguments: memory (bytes), CPU time (s), the longest side of the copy to make or 0. Image bytes come in on stdin.
Out on stdout go a line of JSON, {"ok": true, "width": w, "height": h} or {"ok": false, "why": "..."}, and the copy.
It imports nothing of ours, writes no file and needs no network.
"""

from __future__ import annotations

import json
import os
import sys


def _limit(memory: int, cpu: int) -> None:
    if sys.platform == "win32":
        return  # no such limits there; the caller's time-out and the bound on pixels remain
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # nothing is written to a disk


def _answer(result: dict[str, object], body: bytes = b"") -> int:
    sys.stdout.buffer.write(json.dumps(result).encode() + b"\n" + body)
    sys.stdout.buffer.flush()
    return 0


def main(arguments: list[str]) -> int:
    memory, cpu, side = (int(text) for text in arguments)
    _limit(memory, cpu)
    os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", OPENCV_LOG_LEVEL="SILENT")
    import cv2
    import numpy as np

    cv2.setNumThreads(1)
    data = np.frombuffer(sys.stdin.buffer.read(), np.uint8)
    try:
        # As stored, for the check (its size is compared with the header's); upright, for a copy.
        image = cv2.imdecode(data, cv2.IMREAD_COLOR if side else cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
        if image is None:
            return _answer({"ok": False, "why": "it does not decode"})
        height, width = image.shape[:2]
        if not side:
            return _answer({"ok": True, "width": width, "height": height})
        scale = min(1.0, side / max(width, height))
        if scale < 1.0:
            size = (max(1, round(width * scale)), max(1, round(height * scale)))
            image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        done, jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 90])
    except (cv2.error, MemoryError) as exc:
        return _answer({"ok": False, "why": type(exc).__name__})
    if not done:
        return _answer({"ok": False, "why": "it does not encode"})
    return _answer({"ok": True, "width": image.shape[1], "height": image.shape[0]}, jpeg.tobytes())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
