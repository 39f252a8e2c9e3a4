"""Readings: typed in any way people type, refused when they cannot be, asked back when unusual, whole as FHIR."""

from __future__ import annotations

import contextlib
import json
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.offline.readings import _UNITS, Measure, Reading, ReadingRefused, checked, said, typed, units, words
from app.offline.readings_fhir import ReadingsBroken, from_bundle, to_bundle
from tests.offline.offline_kit import NOW, PATIENT

BP, SUGAR, WARM = Measure.BLOOD_PRESSURE, Measure.GLUCOSE, Measure.TEMPERATURE


@pytest.mark.parametrize(
    ("measure", "text", "unit", "values"),
    [
        (BP, "120/80", "mm[Hg]", ("120", "80")),
        (BP, " 120 / 80 ", "mm[Hg]", ("120", "80")),
        (BP, "120 80", "mm[Hg]", ("120", "80")),
        (BP, "١٢٠⁄٨٠", "mm[Hg]", ("120", "80")),
        (WARM, "37,2", "Cel", ("37.2",)),
        (WARM, "37.2", "Cel", ("37.2",)),
        (WARM, "٣٧٫٢", "Cel", ("37.2",)),
        (WARM, "98.6", "[degF]", ("98.6",)),
        (SUGAR, "5,5", "mmol/L", ("5.5",)),
        (SUGAR, "099", "mg/dL", ("99",)),
        (Measure.WEIGHT, "71,25", "kg", ("71.25",)),
        (Measure.WEIGHT, "157", "[lb_av]", ("157",)),
        (Measure.OXYGEN, "97", "%", ("97",)),
        (Measure.PULSE, "62", "/min", ("62",)),
    ],
)
def test_what_people_type_is_read(measure, text, unit, values):
    found = typed(measure, text, unit, NOW)
    assert found.reading.values == tuple(map(Decimal, values))
    assert found.doubt == ""


@pytest.mark.parametrize(
    ("measure", "text", "unit", "sentence"),
    [
        (WARM, "98.6", "Cel", "A temperature of 98.6 °C cannot be. Please look again. Is it in °F?"),
        (SUGAR, "5.5", "mg/dL", "A blood sugar of 5.5 mg/dL cannot be. Please look again. Is it in mmol/L?"),
        (SUGAR, "99", "mmol/L", "A blood sugar of 99 mmol/L cannot be. Please look again. Is it in mg/dL?"),
        (BP, "80/120", "mm[Hg]", "The upper blood pressure is larger than the lower one. Please look again."),
        (BP, "120", "mm[Hg]", "Please type two numbers with a stroke between them, such as 120/80."),
        (BP, "120.5/80", "mm[Hg]", "Please type whole readings, with no digits after the point."),
        (WARM, "", "Cel", "Please type one number, such as 37 or 37.2."),
        (WARM, "37,2,1", "Cel", "Please type one number, such as 37 or 37.2."),
        (WARM, "-37", "Cel", "Please type one number, such as 37 or 37.2."),
        (WARM, "1e3", "Cel", "Please type one number, such as 37 or 37.2."),
        (WARM, "37²", "Cel", "Please type one number, such as 37 or 37.2."),
        (Measure.OXYGEN, "101", "%", "The oxygen of 101 % cannot be. Please look again."),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(measure, text, unit, sentence):
    with pytest.raises(ReadingRefused) as caught:
        typed(measure, text, unit, NOW)
    assert str(caught.value) == sentence


def test_what_is_unusual_is_asked_back():
    assert typed(Measure.PULSE, "180", "/min", NOW).doubt == "A pulse of 180 beats a minute is unusual. Is this right?"
    assert "lower blood pressure of 125 mmHg" in typed(BP, "190/125", "mm[Hg]", NOW).doubt
    assert "84 %" in typed(Measure.OXYGEN, "84", "%", NOW).doubt


def test_a_unit_of_another_measure_is_our_own_mistake():
    with pytest.raises(KeyError):
        typed(WARM, "37", "kg", NOW)


@settings(max_examples=200, deadline=None)
@given(measure=st.sampled_from(Measure), text=st.text(max_size=200))
def test_any_text_is_a_reading_or_a_sentence(measure, text):
    for unit in units(measure):
        with contextlib.suppress(ReadingRefused):
            found = typed(measure, text, unit, NOW)
            assert checked(found.reading) == found.doubt


@st.composite
def readings(draw):
    measure = draw(st.sampled_from(Measure))
    unit = draw(st.sampled_from(_UNITS[measure]))
    values = [draw(st.decimals(v.can.low, v.can.high, places=unit.places, allow_nan=False)) for v in unit.values]
    if measure is BP:
        values[1] = min(values[1], values[0] - 1)
        values[1] = max(values[1], Decimal(20))
    at = NOW + timedelta(seconds=draw(st.integers(-(10**8), 10**8)))
    return Reading(measure=measure, unit=unit.code, values=tuple(values), at=at)


@settings(max_examples=100, deadline=None)
@given(st.lists(readings(), min_size=1, max_size=5))
def test_readings_come_back_whole_from_fhir(made):
    assert from_bundle(to_bundle(made, PATIENT)) == tuple(made)


@settings(max_examples=100, deadline=None)
@given(readings())
def test_what_is_shown_can_be_typed_again(reading):
    shown = "/".join(said(value) for value in reading.values)
    assert words(reading).startswith(shown)
    assert typed(reading.measure, shown.replace(".", ","), reading.unit, reading.at).reading == reading


def bundle(**changes):
    made = json.loads(to_bundle([typed(Measure.PULSE, "62", "/min", NOW).reading], PATIENT))
    made["entry"][0]["resource"].update(changes)
    return json.dumps(made).encode()


def test_the_codes_are_those_of_the_vital_signs_profiles():
    resource = json.loads(to_bundle([typed(BP, "121/79", "mm[Hg]", NOW).reading], PATIENT))["entry"][0]["resource"]
    assert resource["meta"]["profile"] == ["http://hl7.org/fhir/StructureDefinition/bp"]
    assert resource["code"]["coding"][0]["code"] == "85354-9"
    parts = {part["code"]["coding"][0]["code"]: part["valueQuantity"] for part in resource["component"]}
    assert {code: (float(q["value"]), q["code"]) for code, q in parts.items()} == {
        "8480-6": (121.0, "mm[Hg]"),
        "8462-4": (79.0, "mm[Hg]"),
    }
    assert "valueQuantity" not in resource
    assert resource["subject"]["identifier"]["value"] == PATIENT


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"\xff",
        b'{"resourceType":"Bundle","type":"collection"}',
        b'{"resourceType":"Patient"}',
        b'{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient"}}]}',
        b'{"resourceType":"Bundle","type":"collection","entry":[{}]}',
        bundle(status="entered-in-error"),
        bundle(valueQuantity={"value": 62, "system": "http://unitsofmeasure.org", "code": "kg"}),
        bundle(valueQuantity={"value": 62, "system": "http://example.org", "code": "/min"}),
        bundle(valueQuantity={"value": 6200, "system": "http://unitsofmeasure.org", "code": "/min"}),
        bundle(valueQuantity={"value": "NaN", "system": "http://unitsofmeasure.org", "code": "/min"}),
        bundle(code={"text": "pulse"}),
        bundle(code={"coding": [{"system": "http://loinc.org", "code": "29463-7"}]}),
        bundle(effectiveDateTime="2026"),
        bundle(component=[{"code": {"text": "?"}}]),
        b" " * (1024 * 1024 + 1),
    ],
)
def test_what_is_no_bundle_of_readings_ends_in_a_sentence(data):
    with pytest.raises(ReadingsBroken) as caught:
        from_bundle(data)
    assert str(caught.value) == "These readings cannot be shown."


def test_no_readings_make_no_bundle():
    with pytest.raises(ValueError, match="1 to 100"):
        to_bundle([], PATIENT)
