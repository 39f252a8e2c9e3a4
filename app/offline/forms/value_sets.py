"""The answers that an `answerValueSet` names: from expansions, listed codes and whole code systems at hand.

Nothing is asked of a terminology server: off line there is none. What is not at hand is None, never a part of a list.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

from app.offline.forms.extensions import Url, all_of, data_of, first_value, words
from app.offline.forms.fhir_json import Json
from app.offline.forms.model import Option, Value, Words

MAX_OPTIONS = 2000
_MAX_DEPTH = 8

_V2_YES_NO = "http://terminology.hl7.org/CodeSystem/v2-0136"
_ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
_KNOWN: Mapping[str, Json] = {
    # R4, http://hl7.org/fhir/valueset-yesnodontknow.html: HL7's own examples name it and bring it nowhere
    "http://hl7.org/fhir/ValueSet/yesnodontknow": {
        "resourceType": "ValueSet",
        "compose": {
            "include": [
                {
                    "system": _V2_YES_NO,
                    "concept": [{"code": "Y", "display": "Yes"}, {"code": "N", "display": "No"}],
                },
                {"system": _ABSENT, "concept": [{"code": "asked-unknown", "display": "Don't know"}]},
            ]
        },
    }
}


class _NotAtHand(Exception):
    """Some of the list is not here."""


class ValueSets:
    """The value sets and code systems contained in a questionnaire or delivered beside it."""

    def __init__(self, contained: Iterable[Json], beside: Iterable[Json], language: str) -> None:
        self._language = language
        self._found: dict[str, Json] = dict(_KNOWN)
        self._systems: dict[str, Json] = {}
        for resource in beside:
            self._add(resource, str(resource.get("url", "")))
        for resource in contained:
            self._add(resource, str(resource.get("url", "")))
            self._add(resource, f"#{resource.get('id', '')}")

    def options(self, address: str) -> tuple[Option, ...] | None:
        """The options of the value set at `address` ("#id" or a canonical URL); None when not all are at hand."""
        try:
            found: dict[tuple[str, str], Option] = {}
            for option in self._of_set(address, _MAX_DEPTH):
                found.setdefault((str(option.value.data.get("system", "")), str(option.value.data["code"])), option)
                if len(found) > MAX_OPTIONS:
                    return None
        except _NotAtHand:
            return None
        return tuple(found.values()) or None

    def _add(self, resource: Json, address: str) -> None:
        kinds = {"ValueSet": self._found, "CodeSystem": self._systems}
        place = kinds.get(str(resource.get("resourceType")))
        if place is not None and address:
            place[address] = resource

    def _of_set(self, address: str, depth: int) -> Iterator[Option]:
        found = self._found.get(address) or self._found.get(address.partition("|")[0])
        if found is None or depth == 0:
            raise _NotAtHand(address)
        expansion = found.get("expansion", {}).get("contains")
        if expansion:
            yield from self._contained(expansion)
            return
        out = {_pair(option) for part in found.get("compose", {}).get("exclude", ()) for option in self._part(part, 0)}
        for part in found.get("compose", {}).get("include", ()):
            yield from (option for option in self._part(part, depth) if _pair(option) not in out)

    def _contained(self, entries: Json) -> Iterator[Option]:
        for entry in entries:
            if "code" in entry and not entry.get("abstract", False):
                yield self._option(entry, str(entry.get("system", "")))
            yield from self._contained(entry.get("contains", ()))

    def _part(self, part: Json, depth: int) -> Iterator[Option]:
        system = str(part.get("system", ""))
        if part.get("filter") or (part.get("valueSet") and (system or len(part["valueSet"]) > 1)):
            raise _NotAtHand("a filter or an intersection")
        if part.get("valueSet"):
            yield from self._of_set(str(part["valueSet"][0]), depth - 1)
        elif part.get("concept"):
            yield from (self._option(concept, system) for concept in part["concept"])
        else:
            whole = self._systems.get(system)
            if whole is None or whole.get("content") != "complete":
                raise _NotAtHand(system)
            yield from self._concepts(whole.get("concept", ()), system)

    def _concepts(self, concepts: Json, system: str) -> Iterator[Option]:
        for concept in concepts:
            yield self._option(concept, system)
            yield from self._concepts(concept.get("concept", ()), system)

    def _option(self, concept: Json, system: str) -> Option:
        coding = {"system": system} if system else {}
        coding["code"] = str(concept["code"])
        if "display" in concept:
            coding["display"] = str(concept["display"])
        said = words(concept, "display", self._language)
        others = dict(said.others)
        for designation in concept.get("designation", ()):
            if "language" in designation:
                others.setdefault(str(designation["language"]), str(designation["value"]))
        value = Value("valueCoding", coding)
        return Option(value, Words(said.text or coding["code"], others, said.own), ordinal=ordinal_of(concept))


def option_of(element: Json, language: str) -> Option | None:
    """An `item.answerOption`; None when it has no value."""
    value = first_value(element)
    if value is None:
        return None
    if value.key == "valueCoding":
        said = words(value.data, "display", language)
        text = said.text or str(value.data.get("code", ""))
    else:
        said = words(element, value.key, language)
        text = said.text if isinstance(value.data, str) else _display(value.data)
    prefix = data_of(element, Url.OPTION_PREFIX)
    if prefix:
        text = f"{prefix} {text}"
    return Option(
        value,
        Words(text, said.others, language),
        exclusive=data_of(element, Url.EXCLUSIVE) is True,
        ordinal=ordinal_of(element) if ordinal_of(element) is not None else ordinal_of(value.data),
        initial=element.get("initialSelected") is True,
    )


def ordinal_of(element: Json) -> Decimal | None:
    """A score by `ordinalValue` or `itemWeight`."""
    for url in (Url.ORDINAL, Url.WEIGHT):
        for extension in all_of(element, url):
            data = extension.get("valueDecimal")
            if isinstance(data, int | Decimal) and not isinstance(data, bool):
                return Decimal(data)
    return None


def _display(data: Json) -> str:
    return str(data.get("display") or data.get("reference", "")) if isinstance(data, dict) else str(data)


def _pair(option: Option) -> tuple[str, str]:
    return str(option.value.data.get("system", "")), str(option.value.data["code"])
