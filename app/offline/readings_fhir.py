"""Readings as FHIR R4 Observations (hl7.org/fhir/R4/observation-vitalsigns.html) in a Bundle of type "collection".

The models of `fhir.resources` take seconds to import on a small machine: they are imported when they are needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from app.offline.errors import OfflineError
from app.offline.readings import MAX_READINGS, Measure, Reading, ReadingRefused, checked, units

LOINC, UCUM = "http://loinc.org", "http://unitsofmeasure.org"
DEVICE_SYSTEM = "urn:x-thinline:device"
MAX_BUNDLE_BYTES = 1024 * 1024
_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
_PROFILE = "http://hl7.org/fhir/StructureDefinition/"


class ReadingsBroken(OfflineError):
    """It is no Bundle of readings that this app knows, or holds one that cannot be."""

    sentence = "These readings cannot be shown."


@dataclass(frozen=True)
class _Code:
    """LOINC codes with their displays; `profile` of the vital signs, or "" for what is none."""

    profile: str
    category: str
    codes: tuple[tuple[str, str], ...]


_VITAL = "vital-signs"
_BP = _Code("bp", _VITAL, (("85354-9", "Blood pressure panel with all children optional"),))
_BP_PARTS = (("8480-6", "Systolic blood pressure"), ("8462-4", "Diastolic blood pressure"))
_WEIGHT = _Code("bodyweight", _VITAL, (("29463-7", "Body weight"),))
_TEMPERATURE = _Code("bodytemp", _VITAL, (("8310-5", "Body temperature"),))
_OXYGEN = (
    ("2708-6", "Oxygen saturation in Arterial blood"),
    ("59408-5", "Oxygen saturation in Arterial blood by Pulse oximetry"),
)
_CODES: dict[tuple[Measure, str], _Code] = {
    (Measure.BLOOD_PRESSURE, "mm[Hg]"): _BP,
    (Measure.GLUCOSE, "mg/dL"): _Code(
        "", "laboratory", (("41653-7", "Glucose [Mass/volume] in Capillary blood by Glucometer"),)
    ),
    (Measure.GLUCOSE, "mmol/L"): _Code(
        "", "laboratory", (("14743-9", "Glucose [Moles/volume] in Capillary blood by Glucometer"),)
    ),
    (Measure.WEIGHT, "kg"): _WEIGHT,
    (Measure.WEIGHT, "[lb_av]"): _WEIGHT,
    (Measure.TEMPERATURE, "Cel"): _TEMPERATURE,
    (Measure.TEMPERATURE, "[degF]"): _TEMPERATURE,
    (Measure.OXYGEN, "%"): _Code("oxygensat", _VITAL, _OXYGEN),
    (Measure.PULSE, "/min"): _Code("heartrate", _VITAL, (("8867-4", "Heart rate"),)),
}


def to_bundle(readings: Sequence[Reading], device_id: str) -> bytes:
    """JSON of a Bundle, in order. The subject is who uses this device: the clinic knows the person, we do not.

    Raises ReadingRefused for a reading that cannot be; ValueError for none or too many.
    """
    from fhir.resources.R4B.bundle import Bundle

    if not 1 <= len(readings) <= MAX_READINGS:
        raise ValueError(f"a bundle has 1 to {MAX_READINGS} readings")
    entries = [{"resource": _observation(reading, device_id)} for reading in readings]
    bundle = Bundle.model_validate({"resourceType": "Bundle", "type": "collection", "entry": entries})
    return str(bundle.model_dump_json()).encode()


def from_bundle(data: bytes) -> tuple[Reading, ...]:
    """The reverse, for what comes from outside. Raises :class:`ReadingsBroken`; a part that is unknown is never
    passed over in silence."""
    from fhir.resources.R4B.bundle import Bundle

    if len(data) > MAX_BUNDLE_BYTES:
        raise ReadingsBroken(f"{len(data)} bytes")
    try:
        bundle = Bundle.model_validate_json(data)
    except ValidationError as exc:
        raise ReadingsBroken(f"no Bundle: {exc.error_count()} faults") from exc
    entries = bundle.entry or []
    if bundle.type != "collection" or not 1 <= len(entries) <= MAX_READINGS:
        raise ReadingsBroken(f"a {bundle.type} of {len(entries)}")
    return tuple(_reading(entry.resource) for entry in entries)


def _observation(reading: Reading, device_id: str) -> dict[str, Any]:
    checked(reading)
    code = _CODES[reading.measure, reading.unit]
    made: dict[str, Any] = {
        "resourceType": "Observation",
        "status": "final",
        "category": [{"coding": [{"system": _CATEGORY, "code": code.category}]}],
        "code": _concept(code.codes),
        "subject": {"type": "Patient", "identifier": {"system": DEVICE_SYSTEM, "value": device_id}},
        "effectiveDateTime": reading.at.isoformat(timespec="seconds"),
    }
    if code.profile:
        made["meta"] = {"profile": [_PROFILE + code.profile]}
    quantities = [_quantity(reading, value) for value in reading.values]
    if reading.measure is Measure.BLOOD_PRESSURE:
        pairs = zip(_BP_PARTS, quantities, strict=True)
        made["component"] = [{"code": _concept((part,)), "valueQuantity": value} for part, value in pairs]
    else:
        made["valueQuantity"] = quantities[0]
    return made


def _concept(codes: Sequence[tuple[str, str]]) -> dict[str, Any]:
    return {"coding": [{"system": LOINC, "code": code, "display": display} for code, display in codes]}


def _quantity(reading: Reading, value: Decimal) -> dict[str, Any]:
    shown = units(reading.measure)[reading.unit]
    return {"value": value, "unit": shown, "system": UCUM, "code": reading.unit}


def _reading(resource: Any) -> Reading:
    """Raises :class:`ReadingsBroken`."""
    try:
        if resource.get_resource_type() != "Observation" or resource.status not in ("final", "amended", "corrected"):
            raise ReadingsBroken("another resource, or one that is not final")
        codes = {coding.code for coding in resource.code.coding if coding.system == LOINC}
        values = _values(resource)
        unit = values[0].code
        measure = next(m for (m, u), code in _CODES.items() if u == unit and code.codes[0][0] in codes)
        if any((value.system, value.code) != (UCUM, unit) for value in values):
            raise ReadingsBroken("units that do not fit")
        numbers = tuple(value.value for value in values)
        reading = Reading(measure=measure, unit=unit, values=numbers, at=resource.effectiveDateTime)
        checked(reading)
    except (AttributeError, TypeError, IndexError, StopIteration, ValidationError, ReadingRefused) as exc:
        raise ReadingsBroken(type(exc).__name__) from exc
    return reading


def _values(resource: Any) -> list[Any]:
    if not resource.component:
        return [resource.valueQuantity]
    parts = {part.code.coding[0].code: part.valueQuantity for part in resource.component}
    if resource.valueQuantity is not None or set(parts) != {code for code, _ in _BP_PARTS}:
        raise ReadingsBroken("components that are not a blood pressure's")
    return [parts[code] for code, _ in _BP_PARTS]
