"""Whether a document is a FHIR R4 Questionnaire or QuestionnaireResponse: by the R4B models of `fhir.resources`.

The two resources are the same in R4 (4.0.1) and R4B (4.3.0). Where these models refuse what R4 allows, or what HL7
itself has published, a copy without it is checked; the document itself is never changed:

* `_value[x]` beside an Extension's value (R4, 2.6.2.1: any primitive may carry an element): the model has no field.
* a display item without `linkId` (HL7's example qs1 has 32 of them, against its own cardinality of 1..1).
"""

from __future__ import annotations

from typing import Literal

from pydantic import ValidationError

from app.offline.forms.errors import FormBroken, ResponseBroken
from app.offline.forms.fhir_json import Json, write_object


def check_questionnaire(document: Json) -> None:
    """Raises :class:`FormBroken`. The models take half a second to load: call it in a thread."""
    from fhir.resources.R4B.questionnaire import Questionnaire

    _of_type(document, "Questionnaire", FormBroken)
    try:
        Questionnaire.model_validate_json(write_object(_for_the_model(document)))
    except (ValidationError, ValueError) as exc:
        raise FormBroken(_places(exc)) from exc


def check_response(document: Json) -> None:
    """Raises :class:`ResponseBroken`."""
    from fhir.resources.R4B.questionnaireresponse import QuestionnaireResponse

    _of_type(document, "QuestionnaireResponse", ResponseBroken)
    try:
        QuestionnaireResponse.model_validate_json(write_object(_for_the_model(document)))
    except (ValidationError, ValueError) as exc:
        raise ResponseBroken(_places(exc)) from exc


def _of_type(
    document: Json,
    name: Literal["Questionnaire", "QuestionnaireResponse"],
    error: type[FormBroken] | type[ResponseBroken],
) -> None:
    if not isinstance(document, dict) or document.get("resourceType") != name:
        raise error(f"no {name}")


def _for_the_model(value: Json, inside: str = "") -> Json:
    """A copy that the R4B model can judge; `inside` is the name of the list or field that `value` stands in."""
    if isinstance(value, list):
        return [_for_the_model(inner, inside) for inner in value]
    if not isinstance(value, dict):
        return value
    copy = {
        name: _for_the_model(inner, name)
        for name, inner in value.items()
        if not (inside in ("extension", "modifierExtension") and name.startswith("_value"))
    }
    if inside in ("extension", "modifierExtension") and set(copy) <= {"url", "id"} and len(copy) < len(value):
        copy["valueString"] = "-"  # its value is an extension alone, which the model cannot read
    if inside == "item" and value.get("type") == "display" and "linkId" not in value:
        copy["linkId"] = "-"
    return copy


def _places(exc: ValueError) -> str:
    """Where it fails and how, without a word of what stands there: answers are personal."""
    if not isinstance(exc, ValidationError):
        return type(exc).__name__
    errors = exc.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(f"{'.'.join(str(part) for part in e['loc'])}: {e['type']}" for e in errors[:5])
