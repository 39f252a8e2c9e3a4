"""Comparing answers (FHIR R4 `value[x]`): pure. What cannot be compared is None, never a guess."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

from app.offline.forms.fhir_json import Json
from app.offline.forms.model import Value

_NUMBERS = frozenset({"valueDecimal", "valueInteger"})
_MOMENTS = frozenset({"valueDate", "valueDateTime", "valueInstant"})
_TEXTS = frozenset({"valueString", "valueUri", "valueUrl", "valueTime", "valueCode"})
_MOMENT = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d(?:\.\d+)?))?(Z|[+-]\d\d:\d\d)?)?)?)?", re.ASCII
)


def same(left: Value, right: Value) -> bool:
    """Whether two answers mean the same: codings by system and code, quantities by number and unit."""
    if "valueCoding" in (left.key, right.key):
        return _same_coding(left, right)
    if left.key == right.key == "valueBoolean":
        return left.data is right.data
    if left.key == right.key == "valueReference":
        return bool(left.data.get("reference")) and left.data.get("reference") == right.data.get("reference")
    return compare(left, right) == 0


def compare(left: Value, right: Value) -> int | None:
    """-1, 0 or 1; None when the two have no order: other kinds, other units, or times of unlike precision that agree
    as far as both go."""
    if left.key in _NUMBERS and right.key in _NUMBERS:
        return _sign(_number(left.data), _number(right.data))
    if left.key == right.key == "valueQuantity":
        if _unit(left.data) != _unit(right.data):
            return None
        return _sign(_number(left.data.get("value")), _number(right.data.get("value")))
    if left.key in _MOMENTS and right.key in _MOMENTS:
        return _compare_moments(str(left.data), str(right.data))
    if left.key in _TEXTS and right.key in _TEXTS:
        return (str(left.data) > str(right.data)) - (str(left.data) < str(right.data))
    return None


def _same_coding(left: Value, right: Value) -> bool:
    """A text against a coding (open choice) is compared with what the coding shows."""
    if left.key != right.key:
        coding, other = (left, right) if left.key == "valueCoding" else (right, left)
        return other.key == "valueString" and other.data in (coding.data.get("display"), coding.data.get("code"))
    one, two = left.data, right.data
    if "code" not in one or "code" not in two:
        return "code" not in one and "code" not in two and one.get("display") == two.get("display") is not None
    systems = (one.get("system"), two.get("system"))
    return one["code"] == two["code"] and (systems[0] == systems[1] or None in systems)


def _number(data: Json) -> Decimal | None:
    return Decimal(data) if isinstance(data, int | Decimal) and not isinstance(data, bool) else None


def _sign(left: Decimal | None, right: Decimal | None) -> int | None:
    return None if left is None or right is None else (left > right) - (left < right)


def _unit(quantity: Json) -> tuple[str, str]:
    """A coded unit by its code, else by its name."""
    if quantity.get("code"):
        return str(quantity.get("system", "")), str(quantity["code"])
    return "", str(quantity.get("unit", ""))


def _compare_moments(left: str, right: str) -> int | None:
    one, two = _MOMENT.fullmatch(left), _MOMENT.fullmatch(right)
    if one is None or two is None:
        return None
    if one[7] and two[7]:
        return _sign(_seconds(one), _seconds(two))
    for a, b in zip(one.groups()[:6], two.groups()[:6], strict=True):
        if a is None and b is None:
            return 0
        if a is None or b is None:
            return None
        if (order := _sign(Decimal(a), Decimal(b))) != 0:
            return order
    return 0


def _seconds(moment: re.Match[str]) -> Decimal:
    """Since the year 0 of the proleptic calendar, at UTC; days counted as R4's own dates go (no leap seconds)."""
    days = date(int(moment[1]), int(moment[2]), int(moment[3])).toordinal()
    zone = 0
    if moment[7] not in (None, "Z"):
        zone = int(moment[7][1:3]) * 60 + int(moment[7][4:6])
        zone = -zone if moment[7][0] == "-" else zone
    minutes = days * 1440 + int(moment[4]) * 60 + int(moment[5]) - zone
    return Decimal(minutes) * 60 + Decimal(moment[6] or 0)
