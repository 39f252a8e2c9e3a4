"""Pictures on the stage keep their shape and their sides: the other person's as it came, one's own as in a mirror."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtWidgets import QWidget

from app.ui import names, samples


def halves(width: int, height: int) -> np.ndarray:
    """Red on the left, blue on the right."""
    rgb = np.zeros((height, width, 3), np.uint8)
    rgb[:, : width // 2] = (230, 20, 20)
    rgb[:, width // 2 :] = (20, 20, 230)
    return rgb


@pytest.mark.parametrize("window", [(640, 480), (800, 600), (1024, 720)])
@pytest.mark.parametrize("shape", [(640, 480), (1280, 720), (480, 640), (720, 1280)])
def test_no_window_stretches_a_picture_and_only_ones_own_is_mirrored(qapp, provider, slots, window, shape) -> None:
    for slot in slots:
        slot.put(halves(*shape), 1.0)
    provider.resize(*window)
    provider.show_view(samples.provider_views()["visit-live"])
    for _ in range(8):
        qapp.processEvents()
    for name, left, right in ((names.VISIT_REMOTE, (230, 20, 20), (20, 20, 230)),
                              (names.VISIT_SELF, (20, 20, 230), (230, 20, 20))):  # fmt: skip
        widget = provider.findChild(QWidget, name)
        where = widget.picture_rect()
        assert widget.rect().contains(where)
        assert where.width() / where.height() == pytest.approx(shape[0] / shape[1], abs=2 / where.height() + 0.01)
        seen = widget.grab().toImage()
        for part, wanted in ((1, left), (3, right)):
            colour = seen.pixelColor(where.left() + where.width() * part // 4, where.top() + where.height() // 8)
            assert np.abs(np.array(colour.getRgb()[:3]) - wanted).max() <= 3
