"""What a picture encoder is: open for one size, steered by bits a picture while it stays open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import av


@dataclass(frozen=True)
class Encoded:
    """One picture's data (no RTP yet); empty when the encoder dropped the picture."""

    data: bytes
    key: bool


class PictureEncoder(Protocol):
    """Used from one executor thread at a time; `close` frees it."""

    width: int
    height: int

    def pace(self, fps: float, bitrate: int) -> float | None:
        """From now on about `bitrate` bit/s at about `fps` pictures a second. Gives the pictures a second to feed, for
        an encoder whose bits a picture are fixed; None when only another encoder could do it.
        """

    def encode(self, frame: av.VideoFrame, *, key: bool) -> Encoded: ...

    def close(self) -> None: ...
