"""What the tests of forms share: HL7's examples, and forms written as short Python."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from app.offline.forms.fhir_json import read_object
from app.offline.forms.model import Form, Value
from app.offline.forms.read import read_form

VECTORS = Path(__file__).parent.parent / "vectors" / "forms"
QUESTIONNAIRES = sorted(VECTORS.glob("*/Questionnaire-*.json"))
RESPONSES = sorted(VECTORS.glob("*/QuestionnaireResponse-*.json"))

EXT = "http://hl7.org/fhir/StructureDefinition/"
SDC = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-"


def example(name: str) -> Form:
    return read_form((VECTORS / name).read_bytes())


def document(path: Path):
    return read_object(path.read_bytes(), 4_000_000)


def item(link_id: str, kind: str, *items, text: str = "", ext: Sequence[Mapping[str, object]] = (), **fields):
    made = {"linkId": link_id, "type": kind, "text": text or f"Question {link_id}", **fields}
    if ext:
        made["extension"] = list(ext)
    if items:
        made["item"] = list(items)
    return made


def extension(url: str, **value):
    return {"url": url, **value}


def fhirpath(url: str, text: str, name: str = ""):
    expression = {"language": "text/fhirpath", "expression": text, **({"name": name} if name else {})}
    return {"url": url, "valueExpression": expression}


def form(*items, **fields) -> Form:
    whole = {
        "resourceType": "Questionnaire",
        "status": "active",
        "url": "https://clinic.example/forms/test",
        "version": "1",
        "title": "Test",
        "item": list(items),
        **fields,
    }
    return read_form(json.dumps(whole).encode())


def coding(code: str, system: str = "urn:x", **more):
    return {"valueCoding": {"system": system, "code": code, "display": code.title(), **more}}


def code(code: str, system: str = "urn:x") -> Value:
    return Value("valueCoding", {"system": system, "code": code, "display": code.title()})


def text(words: str) -> Value:
    return Value("valueString", words)


def whole(number: int) -> Value:
    return Value("valueInteger", number)


def decimal(digits: str) -> Value:
    return Value("valueDecimal", Decimal(digits))


def yes(on: bool = True) -> Value:
    return Value("valueBoolean", on)
