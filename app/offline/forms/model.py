"""A questionnaire as the engine and the screens need it: frozen, in our words, made by :mod:`app.offline.forms.read`.

After FHIR R4 (4.0.1) Questionnaire and the parts of HL7's Structured Data Capture (SDC) that are in real use.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from functools import cached_property

from app.offline.forms.fhir_json import Json


class ItemType(StrEnum):
    """`Questionnaire.item.type` (http://hl7.org/fhir/item-type); a plain "question" is answered as text."""

    GROUP = "group"
    DISPLAY = "display"
    BOOLEAN = "boolean"
    DECIMAL = "decimal"
    INTEGER = "integer"
    DATE = "date"
    DATE_TIME = "dateTime"
    TIME = "time"
    STRING = "string"
    TEXT = "text"
    URL = "url"
    CHOICE = "choice"
    OPEN_CHOICE = "open-choice"
    ATTACHMENT = "attachment"
    REFERENCE = "reference"
    QUANTITY = "quantity"


class Unsupported(StrEnum):
    """Why an item is shown but cannot be answered here."""

    REFERENCE = "reference"  # it wants a record of another system
    NO_OPTIONS = "no-options"  # a choice whose answers are in no list that came with the form
    MODIFIER = "modifier"  # a modifierExtension that we do not know may turn its meaning
    SUB_FORM = "sub-form"  # SDC modular: another questionnaire goes here
    TYPE = "type"  # an item type that R4 does not have
    ADAPTIVE = "adaptive"  # SDC: the next question comes from a server


class Operator(StrEnum):
    """http://hl7.org/fhir/questionnaire-enable-operator"""

    EXISTS = "exists"
    EQUAL = "="
    UNEQUAL = "!="
    GREATER = ">"
    LESS = "<"
    AT_LEAST = ">="
    AT_MOST = "<="


@dataclass(frozen=True)
class Words:
    """A text and its translations (extension `translation`), language tag -> text. `own`: the tag of `text` itself."""

    text: str = ""
    others: Mapping[str, str] = field(default_factory=dict)
    own: str = ""

    def said(self, language: str) -> str:
        """In `language` (BCP 47), else in its primary language, else in English, else as it was written."""
        for wanted in dict.fromkeys((language, language.split("-")[0], "en")):
            if not wanted:
                continue
            if _same_language(self.own, wanted):
                return self.text
            found = next((t for tag, t in self.others.items() if _same_language(tag, wanted)), None)
            if found is not None:
                return found
        return self.text


def _same_language(tag: str, wanted: str) -> bool:
    """ "de-CH" serves who wants "de"; "de-AT" is served by "de" through the second round alone."""
    tag, wanted = tag.lower(), wanted.lower()
    return tag == wanted or ("-" not in wanted and tag.split("-")[0] == wanted)


@dataclass(frozen=True)
class Value:
    """One `value[x]`: `key` is its JSON name ("valueCoding"), `data` its JSON value, never changed."""

    key: str
    data: Json


@dataclass(frozen=True)
class Option:
    """An answer to choose. `exclusive`: it stands alone (extension optionExclusive). `ordinal`: its score."""

    value: Value
    words: Words
    exclusive: bool = False
    ordinal: Decimal | None = None
    initial: bool = False


@dataclass(frozen=True)
class Condition:
    """One `enableWhen`."""

    question: str
    operator: Operator
    answer: Value


@dataclass(frozen=True)
class Unit:
    """A unit of a quantity; `system` and `code` are UCUM's where the form says them."""

    display: str
    system: str = ""
    code: str = ""


@dataclass(frozen=True)
class Bounds:
    """What an answer must keep to. Lengths in characters, `max_bytes` of a file; None: no bound."""

    least: Value | None = None
    most: Value | None = None
    min_length: int | None = None
    max_length: int | None = None
    decimals: int | None = None
    min_occurs: int | None = None
    max_occurs: int | None = None
    pattern: str = ""
    max_bytes: int | None = None
    media_types: tuple[str, ...] = ()


@dataclass(frozen=True)
class Variable:
    """SDC `variable`: a named FHIRPath expression, seen from its item downwards."""

    name: str
    expression: str


@dataclass(frozen=True)
class Item:
    """One `Questionnaire.item`. `link_id` is given by us where a display has none (HL7's own example qs1).

    `help`: nested displays with itemControl "help" or "flyover". `links`: supportLink addresses. `source`: its JSON.
    """

    link_id: str
    type: ItemType
    words: Words
    prefix: str = ""
    help: tuple[Words, ...] = ()
    links: tuple[str, ...] = ()
    hint: Words = Words()
    control: str = ""
    conditions: tuple[Condition, ...] = ()
    any_condition: bool = False
    enable_expression: str = ""
    required: bool = False
    repeats: bool = False
    read_only: bool = False
    hidden: bool = False
    bounds: Bounds = Bounds()
    options: tuple[Option, ...] = ()
    units: tuple[Unit, ...] = ()
    initial: tuple[Value, ...] = ()
    initial_expression: str = ""
    calculated: str = ""
    variables: tuple[Variable, ...] = ()
    items: tuple[Item, ...] = ()
    unsupported: Unsupported | None = None
    source: Json = field(default=None, repr=False, compare=False)

    @property
    def question(self) -> bool:
        return self.type not in (ItemType.GROUP, ItemType.DISPLAY)


@dataclass(frozen=True)
class Form:
    """One questionnaire. `paths`: link id -> the link ids from the top down to it, in the form's order."""

    url: str
    version: str
    title: Words
    language: str
    items: tuple[Item, ...]
    paths: Mapping[str, tuple[str, ...]] = field(repr=False)
    by_id: Mapping[str, Item] = field(repr=False)
    variables: tuple[Variable, ...] = ()
    source: Json = field(default=None, repr=False, compare=False)

    @cached_property
    def order(self) -> Mapping[str, int]:
        """Link id -> its number in the order in which the form is read."""
        return {link_id: n for n, link_id in enumerate(self.paths)}

    @property
    def canonical(self) -> str:
        """For `QuestionnaireResponse.questionnaire`: "url|version"."""
        return f"{self.url}|{self.version}" if self.version and self.url else self.url

    @property
    def has_expressions(self) -> bool:
        """Whether anything in it must be evaluated; without that no child process is started."""
        return any(
            item.calculated or item.enable_expression or item.initial_expression or item.bounds.pattern
            for item in self.by_id.values()
        )
