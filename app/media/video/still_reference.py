"""PURE: a bank card beside what is photographed: where it is, whether it lies flat, how large a pixel is.

Corners come from lines fitted to the sides, so rounded corners (ISO/IEC 7810: 3.18 mm) do not matter.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float32]


class ReferenceKind(StrEnum):
    CARD = "card"


@dataclass(frozen=True)
class Reference:
    """What was found. `points` in pixels of the picture given: (4, 2) corners in order.

    `whole`: all of it is in the picture. `flat`: it faces the camera to within some 20 degrees; `mm_per_pixel` is
    None unless both hold, for it would mislead.
    """

    kind: ReferenceKind
    points: Points
    whole: bool
    flat: bool
    mm_per_pixel: float | None


CARD_MM = (85.60, 53.98)
"""ISO/IEC 7810, ID-1: bank cards, most identity and health cards."""

_SIDE = 640  # looked at in this size; sub-pixel lines keep the scale right to about 1 %
_LEAST, _MOST = 0.008, 0.7  # of the picture's area
_ASPECT = CARD_MM[0] / CARD_MM[1]
_NEAR_ASPECT, _FLAT_ASPECT = 0.10, 0.07
_NEAR_ANGLE, _FLAT_ANGLE = 20.0, 7.0  # degrees off a right angle
_FLAT_SIDES = 0.10  # by how much opposite sides may differ
_FULL = 0.90  # of the hull's area in its corners' area
_EDGE = 2.0


def find_reference(rgb: NDArray[np.uint8]) -> Reference | None:
    """The card in a picture (height, width, 3), or None. Takes some 30 ms.

    Meant to be asked only when the person was offered one: it does not tell a card from a picture of a card. Coins are
    not looked for: a round mark on the skin looks like one, and a scale taken from it would mislead.
    """
    scale = min(1.0, _SIDE / max(rgb.shape[:2]))
    small = np.asarray(cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    return _best(_card(hull, small, scale) for hull in _hulls(small))


def _best(found: Iterator[tuple[float, Reference] | None]) -> Reference | None:
    """Whole before cut, then the least error; of several about one middle (a printed frame) the outermost."""
    ranked = [one for one in found if one is not None]
    if not ranked:
        return None
    best = min(ranked, key=lambda one: (not one[1].whole, one[0]))[1]
    middle, reach = best.points.mean(axis=0), 0.1 * float(np.sqrt(cv2.contourArea(best.points)))
    around = [one for _, one in ranked if one.whole == best.whole]
    around = [one for one in around if np.linalg.norm(one.points.mean(axis=0) - middle) < reach]
    return max(around, key=lambda one: cv2.contourArea(one.points))


def _hulls(rgb: NDArray[np.uint8]) -> Iterator[Points]:
    """Outlines of a fair size, made convex: fingers on a card's edge and print on it do not matter then."""
    area = rgb.shape[0] * rgb.shape[1]
    for edges in _edges(rgb):
        contours, _ = cv2.findContours(edges, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        for contour in contours:
            if len(contour) < 60:
                continue
            hull = cv2.convexHull(contour)
            if _LEAST * area <= cv2.contourArea(hull) <= _MOST * area:
                yield np.asarray(hull, np.float32).reshape(-1, 2)


def _edges(rgb: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    """Of light and of both colours, for a card may be as light as the skin beside it."""
    kernel = np.ones((3, 3), np.uint8)
    lab = cv2.GaussianBlur(cv2.cvtColor(rgb, cv2.COLOR_RGB2Lab), (5, 5), 0)
    for channel in cv2.split(lab):
        for low in (12, 40):
            edges = cv2.Canny(channel, low, 3 * low)
            yield np.asarray(cv2.morphologyEx(edges, cv2.MORPH_CLOSE, kernel), np.uint8)


def _card(hull: Points, rgb: NDArray[np.uint8], scale: float) -> tuple[float, Reference] | None:
    rough = cv2.approxPolyDP(hull, 0.03 * cv2.arcLength(hull, True), True).reshape(-1, 2)
    if len(rough) != 4:
        return None
    corners = _fitted_corners(hull, np.asarray(rough, np.float32))
    if corners is None or cv2.contourArea(hull) < _FULL * cv2.contourArea(corners):
        return None
    corners = _refined(rgb, corners)
    sides = np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1)
    pairs = sorted([(sides[0] + sides[2]) / 2, (sides[1] + sides[3]) / 2])
    aspect = abs(pairs[1] / pairs[0] / _ASPECT - 1)
    angle = max(abs(_angle(corners, at) - 90) for at in range(4))
    if angle > _NEAR_ANGLE:
        return None
    whole = _inside(hull, rgb.shape)
    if whole and aspect > _NEAR_ASPECT:
        return None
    uneven = max(abs(sides[0] / sides[2] - 1), abs(sides[1] / sides[3] - 1))
    flat = bool(whole and aspect <= _FLAT_ASPECT and angle <= _FLAT_ANGLE and uneven <= _FLAT_SIDES)
    area = CARD_MM[0] * CARD_MM[1]
    size = math.sqrt(area / cv2.contourArea(corners)) * scale if flat else None
    error = float(aspect + angle / 90)
    return error, Reference(ReferenceKind.CARD, np.asarray(corners / scale, np.float32), whole, flat, size)


def _inside(hull: Points, shape: tuple[int, ...]) -> bool:
    limits = np.array([shape[1] - 1, shape[0] - 1], np.float32)
    return bool((hull > _EDGE).all() and (hull < limits - _EDGE).all())


def _fitted_corners(hull: Points, rough: Points) -> Points | None:
    """Where lines through the middle parts of the four sides meet."""
    lines, outline = [], _outline(hull)
    for start, stop in zip(rough, np.roll(rough, -1, axis=0), strict=True):
        along = stop - start
        length = float(np.linalg.norm(along))
        t = (outline - start) @ along / length**2
        off = np.abs((outline - start) @ np.array([-along[1], along[0]]))  # distance times length
        near = outline[(t > 0.15) & (t < 0.85) & (off < length * max(3.0, 0.03 * length))]
        if len(near) < 8:
            return None
        vx, vy, x, y = cv2.fitLine(near.astype(np.float32), cv2.DIST_HUBER, 0, 0.01, 0.01).ravel()
        lines.append((vy, -vx, vy * x - vx * y))
    corners = [_crossing(lines[at - 1], lines[at]) for at in range(4)]
    if any(corner is None for corner in corners):
        return None
    return np.asarray(corners, np.float32)


def _refined(rgb: NDArray[np.uint8], corners: Points) -> Points:
    """The corners again, from where the colours change most across each side: closed outlines lie a little outside."""
    along, across = np.linspace(0.15, 0.85, 32, dtype=np.float32), np.arange(-6, 6.5, 0.5, dtype=np.float32)
    lines = []
    for start, stop in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        way = stop - start
        normal = np.array([-way[1], way[0]], np.float32) / max(float(np.linalg.norm(way)), 1.0)
        at = (start + along[:, None] * way)[:, None] + across[None, :, None] * normal
        seen = cv2.remap(rgb, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        change = np.abs(seen[:, 4:].astype(np.float32) - seen[:, :-4]).sum(axis=2)
        best = at[np.arange(len(along)), change.argmax(axis=1) + 2]
        vx, vy, x, y = cv2.fitLine(best.astype(np.float32), cv2.DIST_HUBER, 0, 0.01, 0.01).ravel()
        lines.append((vy, -vx, vy * x - vx * y))
    crossings = [_crossing(lines[at - 1], lines[at]) for at in range(4)]
    found = [corner if one is None else one for one, corner in zip(crossings, corners, strict=True)]
    return np.asarray(found, np.float32)


def _outline(hull: Points) -> Points:
    """Points along a hull, about a pixel apart: a hull has none in the middle of a straight side."""
    pieces = []
    for start, stop in zip(hull, np.roll(hull, -1, axis=0), strict=True):
        count = max(1, int(np.linalg.norm(stop - start)))
        pieces.append(start + (stop - start) * (np.arange(count) / count)[:, None])
    return np.asarray(np.concatenate(pieces), np.float32)


def _crossing(one: tuple[float, ...], other: tuple[float, ...]) -> tuple[float, float] | None:
    turn = one[0] * other[1] - other[0] * one[1]
    if abs(turn) < 0.3:
        return None
    return (one[2] * other[1] - other[2] * one[1]) / turn, (one[0] * other[2] - other[0] * one[2]) / turn


def _angle(corners: Points, at: int) -> float:
    before, after = corners[at - 1] - corners[at], corners[(at + 1) % 4] - corners[at]
    cosine = float(before @ after) / float(np.linalg.norm(before) * np.linalg.norm(after))
    return math.degrees(math.acos(max(-1.0, min(1.0, cosine))))
