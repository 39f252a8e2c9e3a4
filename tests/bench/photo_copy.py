"""`make bench ARGS=photo`: what a photo's copy weighs, how like the original it is, and how soon it is "Saved".

Prints JSON lines of what, figure, target. The photo: THINLINE_PHOTO, a file of 12 megapixels of one's own. Without
one, skin-like texture is drawn on the demo's portrait; the first figure says which it was. "Saved" is timed from the
shutter's picture in memory: the whole photo is encoded, sealed and synced at once; its sizes are made while the
person looks at it, and the chosen one is sealed beside it. What the camera's own still mode takes comes before that:
timed with the synthetic camera of 12 megapixels, whose switch takes 0.3 s (a real one's takes 0.5 to 5 s).

Likeness: SSIM of luma (Wang et al. 2004, Gaussian window 11x11, sigma 1.5) against the photo shrunk to 2048 pixels.
"""

from __future__ import annotations

import itertools
import json
import os
import secrets
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import cv2
import numpy as np

from app.media.slot import FrameSlot
from app.media.video.camera import CameraPreview
from app.offline import photo_child, photo_copy
from app.offline.age import AgeIdentity
from app.offline.files import write_blob
from app.offline.photo_exif import turns
from app.offline.photo_strip import orientation_of
from app.offline.photos import MAX_PIXELS, check_photo
from app.offline.store import StoreCore
from app.offline.vault import seal

_SIZE = (4032, 3024)
_ROUNDS = 7
_HOPPER = Path(__file__).parents[2] / "app" / "demo" / "media" / "hopper.jpg"


def drawn() -> np.ndarray:
    """12 megapixels like a near photo of skin: a face's colours, pores down to the pixel, a sensor's noise."""
    rng = np.random.default_rng(11)
    face = cv2.imread(str(_HOPPER))[150:330, 170:410]
    image = cv2.resize(face, _SIZE, interpolation=cv2.INTER_CUBIC).astype(np.float32)
    for sigma, strength in ((1.0, 5.0), (2.5, 9.0), (7.0, 14.0)):
        noise = cv2.GaussianBlur(rng.normal(0, 1, image.shape[:2]).astype(np.float32), (0, 0), sigma)
        image += (noise * strength / noise.std())[:, :, None]
    image += rng.normal(0, 2.0, image.shape)
    return np.clip(image, 0, 255).astype(np.uint8)


def photo() -> tuple[str, np.ndarray, bytes]:
    """(name, upright BGR pixels, the file's bytes)."""
    path = os.environ.get("THINLINE_PHOTO")
    if not path:
        image = drawn()
        return "drawn skin-like texture", image, photo_child.encoded(image, "jpeg", 92)[1]
    data = Path(path).read_bytes()
    info = check_photo(data)
    assert info.width * info.height <= MAX_PIXELS
    if info.media_type == "image/heic":
        data = photo_copy.anew(data)[1].data
    image = photo_child.upright(photo_child.decoded(data, None), [list(turn) for turn in turns(orientation_of(data))])
    return Path(path).name, image, data


def luma_ssim(one: np.ndarray, other: np.ndarray) -> float:
    """Of two BGR pictures of one size."""
    x, y = (cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.float32) for image in (one, other))

    def mean(image: np.ndarray) -> np.ndarray:
        return cv2.GaussianBlur(image, (11, 11), 1.5)

    mx, my = mean(x), mean(y)
    vx, vy, cov = mean(x * x) - mx * mx, mean(y * y) - my * my, mean(x * y) - mx * my
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    likeness = (2 * mx * my + c1) * (2 * cov + c2) / ((mx * mx + my * my + c1) * (vx + vy + c2))
    return float(likeness[5:-5, 5:-5].mean())


def tell(what: str, figure: str, target: str = "") -> None:
    print(json.dumps({"what": what, "figure": figure, "target": target}), flush=True)


def likeness_of(data: bytes, reference: np.ndarray) -> float:
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if image.shape != reference.shape:
        image = cv2.resize(image, (reference.shape[1], reference.shape[0]), interpolation=cv2.INTER_CUBIC)
    return luma_ssim(image, reference)


def ways(reference: np.ndarray, image: np.ndarray) -> None:
    """Ways to code it, for the choice of settings."""
    for speed in (6, 8, 9, 10):
        settings = [cv2.IMWRITE_AVIF_QUALITY, photo_copy.COPY_QUALITY, cv2.IMWRITE_AVIF_SPEED, speed]
        _way(
            f"AVIF speed {speed}, quality {photo_copy.COPY_QUALITY}, 2048 px", ".avif", reference, settings, reference
        )
    small = photo_child.fitted(image, 1600)
    _way("AVIF speed 9, quality 70, 1600 px enlarged", ".avif", small, [cv2.IMWRITE_AVIF_QUALITY, 70], reference)
    for quality in (60, 75):
        settings = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_OPTIMIZE, 1]
        _way(f"JPEG quality {quality}, 2048 px", ".jpg", reference, settings, reference)


def _way(name: str, kind: str, image: np.ndarray, settings: list[int], reference: np.ndarray) -> None:
    start = time.perf_counter()
    done, data = cv2.imencode(kind, image, settings)
    took = time.perf_counter() - start
    assert done
    like = likeness_of(data.tobytes(), reference)
    tell(name, f"{len(data) / 1000:.0f} KB, SSIM {like:.3f}, {took * 1000:.0f} ms")


def saved(make: Callable[[], list[bytes]], folder: Path, core: StoreCore, recipients: list[str]) -> dict[str, float]:
    """Seconds of each step from pixels in memory to all files synced and the row committed."""
    marks = [("", time.perf_counter())]

    def mark(name: str) -> None:
        marks.append((name, time.perf_counter()))

    clear = make()
    mark("encoding")
    sealed = [seal(data, recipients) for data in clear]
    mark("sealing")
    names = [write_blob(folder, one.ciphertext) for one in sealed]
    mark("files synced")
    core.put_documents("draft", {secrets.token_hex(16): json.dumps(names).encode()})
    mark("row committed")
    return {name: at - before[1] for before, (name, at) in itertools.pairwise(marks)}


def chosen(image: np.ndarray) -> list[bytes]:
    """What comes to a photo at "use this photo": all sizes were made for the person to choose from, and one goes."""
    copies = photo_copy.camera_copies(image, photo_copy.SIDES, original=False)
    return [copies.thumbnail.data, photo_copy.default_copy(copies, None).data]


def still_mode() -> float:
    """Seconds from the press to the picture of 12 megapixels in memory."""
    ready = threading.Event()
    camera = CameraPreview("synthetic", "12mp", FrameSlot(), lambda *_: ready.set())
    camera.start()
    assert ready.wait(10)
    start = time.perf_counter()
    best = camera.best_still()
    took = time.perf_counter() - start
    camera.stop()
    assert best is not None
    assert best.shape == (3024, 4032, 3)
    return took


def main() -> None:
    name, image, data = photo()
    tell("photo", f"{name}, {image.shape[1]}x{image.shape[0]}, {datetime.now(UTC):%Y-%m-%d}")
    reference = photo_child.fitted(image, 2048)
    copy = photo_copy.camera_copies(image)
    (ours,) = copy.copies
    like = likeness_of(ours.data, reference)
    tell("the copy that is offered", f"{len(ours.data) / 1000:.0f} KB, SSIM {like:.3f}", "<= 300 KB, >= 0.95")
    tell("its thumbnail", f"{len(copy.thumbnail.data) / 1000:.1f} KB", "3-6 KB")
    ways(reference, image)
    start = time.perf_counter()
    photo_copy.file_copies(data)
    tell("a file's copies of all sizes, by one child", f"{time.perf_counter() - start:.2f} s")
    with tempfile.TemporaryDirectory() as folder:
        core = StoreCore(Path(folder) / "store.db", secrets.token_bytes(32))
        recipients = [AgeIdentity.generate().recipient for _ in range(2)]
        makers = {
            "at the shutter": lambda: [photo_child.encoded(image, "jpeg", photo_copy.ORIGINAL_QUALITY)[1]],
            "at its use": lambda: chosen(image),
        }
        taken = {
            way: [saved(make, Path(folder), core, recipients) for _ in range(_ROUNDS)] for way, make in makers.items()
        }
        core.close()
    for way, rounds in taken.items():
        for step in rounds[0]:
            tell(f"{way}: {step}", f"{statistics.median(one[step] for one in rounds) * 1000:.0f} ms")
    shutter, use = taken.values()
    tell("shutter to Saved", f"{statistics.median(sum(one.values()) for one in shutter):.2f} s", "<= 1 s")
    after = statistics.median(sum(one.values()) - one["encoding"] for one in use)
    tell("size chosen to its copy saved", f"{after:.2f} s", "<= 1 s")
    tell("the camera's still mode (synthetic, 12 megapixels)", f"{still_mode():.2f} s")


if __name__ == "__main__":
    main()
