"""Extensions of R4 and SDC that the engine heeds, and how to look for them."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from app.offline.forms.fhir_json import Json
from app.offline.forms.model import Value, Words

_CORE = "http://hl7.org/fhir/StructureDefinition/"
_SDC = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-"


class Url(StrEnum):
    """Addresses of extensions. SDC moved some between core and its own guide over the years: see `_OLD`."""

    TRANSLATION = f"{_CORE}translation"
    HIDDEN = f"{_CORE}questionnaire-hidden"
    CONTROL = f"{_CORE}questionnaire-itemControl"
    EXCLUSIVE = f"{_CORE}questionnaire-optionExclusive"
    OPTION_PREFIX = f"{_CORE}questionnaire-optionPrefix"
    ORDINAL = f"{_CORE}ordinalValue"
    WEIGHT = f"{_CORE}itemWeight"
    UNIT = f"{_CORE}questionnaire-unit"
    UNIT_OPTION = f"{_CORE}questionnaire-unitOption"
    SUPPORT_LINK = f"{_CORE}questionnaire-supportLink"
    MIN_OCCURS = f"{_CORE}questionnaire-minOccurs"
    MAX_OCCURS = f"{_CORE}questionnaire-maxOccurs"
    MIN_VALUE = f"{_CORE}minValue"
    MAX_VALUE = f"{_CORE}maxValue"
    MIN_LENGTH = f"{_CORE}minLength"
    DECIMALS = f"{_CORE}maxDecimalPlaces"
    REGEX = f"{_CORE}regex"
    ENTRY_FORMAT = f"{_CORE}entryFormat"
    MAX_SIZE = f"{_CORE}maxSize"
    MIME_TYPE = f"{_CORE}mimeType"
    VARIABLE = f"{_CORE}variable"
    INITIAL = f"{_SDC}initialExpression"
    CALCULATED = f"{_SDC}calculatedExpression"
    ENABLE = f"{_SDC}enableWhenExpression"
    MIN_QUANTITY = f"{_SDC}minQuantity"
    MAX_QUANTITY = f"{_SDC}maxQuantity"
    SUB_FORM = f"{_SDC}subQuestionnaire"
    ADAPTIVE = f"{_SDC}questionnaireAdaptive"


_OLD = {
    f"{_CORE}questionnaire-calculatedExpression": Url.CALCULATED,
    f"{_CORE}questionnaire-initialExpression": Url.INITIAL,
    f"{_CORE}questionnaire-enableWhenExpression": Url.ENABLE,
    f"{_CORE}questionnaire-ordinalValue": Url.ORDINAL,
}

_FHIRPATH = "text/fhirpath"


def all_of(element: Json, url: Url) -> Iterator[Json]:
    """The extensions of `element` with that address."""
    found = element.get("extension") if isinstance(element, dict) else None
    for extension in found if isinstance(found, list) else ():
        address = extension.get("url", "")
        if _OLD.get(address, address) == url:
            yield extension


def value_of(element: Json, url: Url) -> Value | None:
    """The `value[x]` of the first such extension."""
    for extension in all_of(element, url):
        value = first_value(extension)
        if value is not None:
            return value
    return None


def first_value(element: Json, prefix: str = "value") -> Value | None:
    """The `value[x]` of an element, named value...: "answerCoding" is read as "valueCoding" with `prefix` "answer"."""
    for name, data in element.items():
        if name.startswith(prefix) and name[len(prefix) : len(prefix) + 1].isupper():
            return Value(f"value{name[len(prefix) :]}", data)
    return None


def data_of(element: Json, url: Url) -> Json:
    """The JSON of that value, or None."""
    value = value_of(element, url)
    return None if value is None else value.data


def whole(element: Json, url: Url) -> int | None:
    """A whole number of 0 or more, or None."""
    data = data_of(element, url)
    return data if isinstance(data, int) and not isinstance(data, bool) and data >= 0 else None


def expression(element: Json, url: Url) -> str:
    """A FHIRPath expression; empty when there is none or when it is of another language (CQL, x-fhir-query)."""
    return expression_text(data_of(element, url))


def expression_text(data: Json) -> str:
    """The text of an `Expression` in FHIRPath."""
    if isinstance(data, dict) and data.get("language") == _FHIRPATH:
        return str(data.get("expression", ""))
    return data if isinstance(data, str) else ""


def words(element: Json, name: str, own: str = "") -> Words:
    """The text `name` of an element with the translations that stand in `_name`."""
    others: dict[str, str] = {}
    for extension in all_of(element.get(f"_{name}", {}), Url.TRANSLATION):
        parts = {part.get("url"): first_value(part) for part in extension.get("extension", ())}
        lang, content = parts.get("lang"), parts.get("content")
        if lang is not None and content is not None:
            others.setdefault(str(lang.data), str(content.data))
    return Words(str(element.get(name, "")), others, own)
