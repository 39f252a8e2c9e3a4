"""Guided capture: rendered scenes with a card of known size, real portraits, and no false alarms."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from app.media.video import still_checks
from app.media.video.still_checks import guide
from app.media.video.still_reference import CARD_MM, ReferenceKind, find_reference

MEDIA = Path(__file__).parents[2] / "app" / "demo" / "media"
CARD = ReferenceKind.CARD
SKINS = {"light": (224, 184, 160), "brown": (150, 105, 80), "dark": (92, 62, 48)}


def skin(colour: tuple[int, int, int], width: int = 1280, height: int = 960, seed: int = 3) -> np.ndarray:
    """Skin-like ground (RGB): fine and coarse texture, a spot to be looked at, light from one side."""
    rng = np.random.default_rng(seed)
    fine = cv2.GaussianBlur(rng.normal(0, 30, (height, width)).astype(np.float32), (0, 0), 1.2)
    coarse = cv2.resize(rng.normal(0, 7, (12, 16)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    light = np.linspace(1.12, 0.88, width, dtype=np.float32)[None, :, None]
    image = (np.asarray(colour, np.float32) + (fine + coarse)[:, :, None]) * light
    cv2.circle(image, (width // 4, height // 3), 60, (120, 50, 50), -1, cv2.LINE_AA)
    return np.clip(image, 0, 255).astype(np.uint8)


def card_picture(px_per_mm: float = 8.0) -> tuple[np.ndarray, np.ndarray]:
    """A card face with print, and its mask with rounded corners."""
    width, height = (round(side * px_per_mm) for side in CARD_MM)
    face = np.full((height, width, 3), (40, 80, 150), np.uint8)
    cv2.rectangle(face, (60, 140), (150, 210), (210, 180, 90), -1)
    for line in range(3):
        cv2.putText(face, "5500 0000 0000", (60, 280 + 50 * line), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (235, 235, 235), 3)
    mask = np.zeros((height, width), np.uint8)
    radius = round(3.18 * px_per_mm)
    cv2.rectangle(mask, (radius, 0), (width - radius, height), 255, -1)
    cv2.rectangle(mask, (0, radius), (width, height - radius), 255, -1)
    for x in (radius, width - radius - 1):
        for y in (radius, height - radius - 1):
            cv2.circle(mask, (x, y), radius, 255, -1, cv2.LINE_AA)
    return face, mask


def laid(ground: np.ndarray, px_per_mm: float, turn: float, at: tuple[float, float], tilt: float = 0.0) -> np.ndarray:
    """A card at a scale, turned (degrees), tilted (degrees, about its long side) under a camera 300 mm away."""
    face, mask = card_picture()
    wide, high = CARD_MM
    flat = np.array([[-wide, -high], [wide, -high], [wide, high], [-wide, high]]) / 2
    angle, lean = np.radians(turn), np.radians(tilt)
    depth = flat[:, 1] * np.sin(lean)
    seen = np.column_stack([flat[:, 0], flat[:, 1] * np.cos(lean)]) * (300 / (300 + depth))[:, None] * px_per_mm
    seen = seen @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) + at
    height, width = face.shape[:2]
    source = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    move = cv2.getPerspectiveTransform(source, seen.astype(np.float32))
    size = (ground.shape[1], ground.shape[0])
    over = cv2.warpPerspective(face, move, size, flags=cv2.INTER_AREA)
    share = cv2.warpPerspective(mask, move, size, flags=cv2.INTER_AREA)[:, :, None] / 255.0
    return (ground * (1 - share) + over * share).astype(np.uint8)


@pytest.mark.parametrize("tone", SKINS)
@pytest.mark.parametrize("turn", [0.0, 17.0, 45.0, 88.0, 140.0])
@pytest.mark.parametrize("scale", [3.0, 6.0])
def test_a_flat_card_gives_the_scale(tone: str, turn: float, scale: float) -> None:
    scene = laid(skin(SKINS[tone]), scale, turn, (780.0, 520.0))
    found = guide(scene, CARD)
    assert found.hint == ""
    assert found.reference is not None
    assert found.reference.mm_per_pixel == pytest.approx(1 / scale, rel=0.03)
    assert f"{1280 / scale:.0f}"[:2] in found.note


@pytest.mark.parametrize("tone", SKINS)
def test_a_tilted_card_and_one_cut_off_are_told(tone: str) -> None:
    tilted = guide(laid(skin(SKINS[tone]), 5.0, 20.0, (700.0, 500.0), tilt=24.0), CARD)
    assert tilted.hint == still_checks.TILTED_REFERENCE[CARD]
    assert tilted.note == ""
    cut = guide(laid(skin(SKINS[tone]), 5.0, 0.0, (1130.0, 500.0)), CARD)
    assert cut.hint == still_checks.CUT_REFERENCE
    none = guide(skin(SKINS[tone]), CARD)
    assert none.hint == still_checks.NO_REFERENCE[CARD]
    assert none.reference is None


def test_other_rectangles_are_no_card() -> None:
    scene = skin(SKINS["light"])
    for wide, high in ((640, 360), (300, 300), (420, 297), (600, 290)):  # a screen, a square, a sheet, a telephone
        other = scene.copy()
        cv2.rectangle(other, (500, 400), (500 + wide, 400 + high), (30, 30, 40), -1)
        assert find_reference(other) is None, (wide, high)


@pytest.mark.parametrize("name", ["hopper.jpg", "collins.jpg"])
def test_good_photos_raise_no_alarm_and_hold_no_card(name: str) -> None:
    real = cv2.cvtColor(cv2.imread(str(MEDIA / name)), cv2.COLOR_BGR2RGB)
    assert guide(real).hints == ()
    for size in ((640, 480), (1280, 960), (4032, 3024)):
        assert guide(cv2.resize(real, size, interpolation=cv2.INTER_CUBIC)).hints == ()
    assert guide(real, CARD).note == ""


def test_a_lamp_from_the_side_is_told() -> None:
    scene = skin(SKINS["light"])
    ramp = np.clip(np.linspace(2.4, -0.9, 1280), 0, 3)[None, :, None]
    harsh = np.clip(scene * ramp, 0, 255).astype(np.uint8)
    assert still_checks.UNEVEN in guide(harsh).hints or guide(harsh).hint == still_checks.BRIGHT
    softer = np.clip(scene * np.linspace(1.25, 0.6, 1280)[None, :, None], 0, 255).astype(np.uint8)
    assert guide(softer).hints == ()
