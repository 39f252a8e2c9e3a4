"""Reading a FHIR R4 Questionnaire into a form. Pure but for the models' loading; the bytes are checked, bounded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from app.offline.forms import extensions as ext
from app.offline.forms.errors import FormBroken, FormTooLarge
from app.offline.forms.extensions import Url
from app.offline.forms.fhir_json import Json, JsonError, read_object
from app.offline.forms.model import (
    Bounds,
    Condition,
    Form,
    Item,
    ItemType,
    Operator,
    Option,
    Unit,
    Unsupported,
    Value,
    Variable,
    Words,
)
from app.offline.forms.validate import check_questionnaire
from app.offline.forms.value_sets import ValueSets, option_of
from app.wire.forms import MAX_FORM_BYTES

MAX_ITEMS = 3000
_HELP = frozenset({"help", "flyover"})
_CHOICES = frozenset({ItemType.CHOICE, ItemType.OPEN_CHOICE})
_OWN_OPTIONS = frozenset({ItemType.INTEGER, ItemType.DATE, ItemType.TIME, ItemType.STRING, ItemType.TEXT})


def read_form(data: bytes, beside: Iterable[Json] = ()) -> Form:
    """The form in `data` (FHIR JSON, MAX_FORM_BYTES at most); `beside`: ValueSet and CodeSystem resources.

    Raises :class:`FormBroken` or :class:`FormTooLarge`. Takes up to a second the first time: call it in a thread.
    """
    if len(data) > MAX_FORM_BYTES:
        raise FormTooLarge(f"{len(data)} bytes")
    try:
        document = read_object(data, MAX_FORM_BYTES)
    except JsonError as exc:
        raise FormBroken(str(exc)) from exc
    check_questionnaire(document)
    return form_of(document, beside)


def form_of(document: Json, beside: Iterable[Json] = ()) -> Form:
    """The form in a checked document; raises :class:`FormBroken` or :class:`FormTooLarge`."""
    language = str(document.get("language", ""))
    contained = [entry for entry in document.get("contained", ()) if isinstance(entry, dict)]
    reader = _Reader(language, ValueSets(contained, list(beside), language))
    items = reader.items(document.get("item", ()), ())
    if any(True for _ in ext.all_of(document, Url.ADAPTIVE)):
        items = tuple(replace(item, unsupported=Unsupported.ADAPTIVE, items=()) for item in items)
    return Form(
        url=str(document.get("url", "")),
        version=str(document.get("version", "")),
        title=ext.words(document, "title" if "title" in document else "name", language),
        language=language,
        items=items,
        paths=reader.paths,
        by_id=reader.by_id,
        variables=_variables(document),
        source=document,
    )


class _Reader:
    """One questionnaire being read."""

    def __init__(self, language: str, sets: ValueSets) -> None:
        self._language = language
        self._sets = sets
        self.paths: dict[str, tuple[str, ...]] = {}
        self.by_id: dict[str, Item] = {}

    def items(self, elements: Json, path: tuple[str, ...]) -> tuple[Item, ...]:
        return tuple(self._item(element, path) for element in elements)

    def _item(self, element: Json, above: tuple[str, ...]) -> Item:
        link_id = str(element.get("linkId") or f"display.{len(self.paths) + 1}")
        if link_id in self.paths:
            raise FormBroken("two items have one linkId (R4, que-2)")
        path = (*above, link_id)
        self.paths[link_id] = path
        if len(self.paths) > MAX_ITEMS:
            raise FormTooLarge(f"more than {MAX_ITEMS} items")
        kind, wrong = _type(element)
        helps = [inner for inner in element.get("item", ()) if _is_help(inner)]
        options = self._options(element)
        item = Item(
            link_id=link_id,
            type=kind,
            words=ext.words(element, "text", self._language),
            prefix=str(element.get("prefix", "")),
            help=tuple(ext.words(inner, "text", self._language) for inner in helps),
            links=tuple(str(v.data) for e in ext.all_of(element, Url.SUPPORT_LINK) if (v := ext.first_value(e))),
            hint=Words(str(ext.data_of(element, Url.ENTRY_FORMAT) or "")),
            control=_control(element),
            conditions=tuple(_condition(entry) for entry in element.get("enableWhen", ())),
            any_condition=element.get("enableBehavior") == "any",
            enable_expression=ext.expression(element, Url.ENABLE),
            required=element.get("required") is True,
            repeats=element.get("repeats") is True,
            read_only=element.get("readOnly") is True,
            hidden=ext.data_of(element, Url.HIDDEN) is True,
            bounds=_bounds(element),
            options=options or (),
            units=self._units(element) if kind is ItemType.QUANTITY else _own_unit(element),
            initial=_initial(element, options or ()),
            initial_expression=ext.expression(element, Url.INITIAL),
            calculated=ext.expression(element, Url.CALCULATED),
            variables=_variables(element),
            items=self.items([inner for inner in element.get("item", ()) if not _is_help(inner)], path),
            unsupported=wrong or _unsupported(element, kind, options),
            source=element,
        )
        self.by_id[link_id] = item
        return item

    def _options(self, element: Json) -> tuple[Option, ...] | None:
        """None: the item names a list of answers that is not at hand."""
        if "answerValueSet" in element:
            return self._sets.options(str(element["answerValueSet"]))
        found = (option_of(entry, self._language) for entry in element.get("answerOption", ()))
        return tuple(option for option in found if option is not None)

    def _units(self, element: Json) -> tuple[Unit, ...]:
        listed = [_unit(value.data) for e in ext.all_of(element, Url.UNIT_OPTION) if (value := ext.first_value(e))]
        return tuple(listed) or _own_unit(element)


def _type(element: Json) -> tuple[ItemType, Unsupported | None]:
    text = str(element.get("type", ""))
    if text == "question":
        return ItemType.STRING, None
    try:
        return ItemType(text), None
    except ValueError:
        return ItemType.STRING, Unsupported.TYPE


def _unsupported(element: Json, kind: ItemType, options: tuple[Option, ...] | None) -> Unsupported | None:
    if element.get("modifierExtension"):
        return Unsupported.MODIFIER
    if any(True for _ in ext.all_of(element, Url.SUB_FORM)):
        return Unsupported.SUB_FORM
    if kind is ItemType.REFERENCE and not options:
        return Unsupported.REFERENCE
    if kind is ItemType.CHOICE and not options and element.get("readOnly") is not True:
        return Unsupported.NO_OPTIONS
    return None


def _is_help(element: Json) -> bool:
    """Help texts belong to the question around them; in the response they have no row of their own."""
    return element.get("type") == "display" and _control(element) in _HELP


def _control(element: Json) -> str:
    data = ext.data_of(element, Url.CONTROL)
    codings = data.get("coding", ()) if isinstance(data, dict) else ()
    return str(codings[0].get("code", "")) if codings else ""


def _condition(entry: Json) -> Condition:
    answer = ext.first_value(entry, "answer")
    try:
        operator = Operator(str(entry.get("operator")))
    except ValueError as exc:
        raise FormBroken("an unknown operator of enableWhen") from exc
    if answer is None:
        raise FormBroken("an enableWhen without an answer")
    if operator is Operator.EXISTS and not isinstance(answer.data, bool):
        raise FormBroken("`exists` wants yes or no (R4, que-7)")
    return Condition(str(entry.get("question")), operator, answer)


def _bounds(element: Json) -> Bounds:
    longest = element.get("maxLength")
    most_bytes = ext.data_of(element, Url.MAX_SIZE)
    return Bounds(
        least=ext.value_of(element, Url.MIN_VALUE) or ext.value_of(element, Url.MIN_QUANTITY),
        most=ext.value_of(element, Url.MAX_VALUE) or ext.value_of(element, Url.MAX_QUANTITY),
        min_length=ext.whole(element, Url.MIN_LENGTH),
        max_length=longest if isinstance(longest, int) and longest > 0 else None,
        decimals=ext.whole(element, Url.DECIMALS),
        min_occurs=ext.whole(element, Url.MIN_OCCURS),
        max_occurs=ext.whole(element, Url.MAX_OCCURS),
        pattern=str(ext.data_of(element, Url.REGEX) or ""),
        max_bytes=int(most_bytes * 1024 * 1024) if most_bytes is not None else None,  # the extension counts megabytes
        media_types=tuple(str(v.data) for e in ext.all_of(element, Url.MIME_TYPE) if (v := ext.first_value(e))),
    )


def _own_unit(element: Json) -> tuple[Unit, ...]:
    """`questionnaire-unit`: the one unit of a number; a quantity's initial value may name it too."""
    data = ext.data_of(element, Url.UNIT)
    if isinstance(data, dict):
        return (_unit(data),)
    for entry in element.get("initial", ()):
        quantity = entry.get("valueQuantity")
        if isinstance(quantity, dict) and ("unit" in quantity or "code" in quantity):
            shown = {**quantity, "display": quantity.get("unit", "")}
            return (_unit(shown),)
    return ()


def _unit(data: Mapping[str, Json]) -> Unit:
    code = str(data.get("code", ""))
    return Unit(str(data.get("display") or code), str(data.get("system", "")), code)


def _initial(element: Json, options: tuple[Option, ...]) -> tuple[Value, ...]:
    """`initial`, else the options marked `initialSelected`. A quantity with a unit alone is no answer."""
    given = (ext.first_value(entry) for entry in element.get("initial", ()))
    values = [v for v in given if v is not None and not (v.key == "valueQuantity" and "value" not in v.data)]
    return tuple(values) or tuple(option.value for option in options if option.initial)


def _variables(element: Json) -> tuple[Variable, ...]:
    found = []
    for extension in ext.all_of(element, Url.VARIABLE):
        value = ext.first_value(extension)
        data = value.data if value is not None else None
        text = ext.expression_text(data)
        if text and isinstance(data, dict) and data.get("name"):
            found.append(Variable(str(data["name"]), text))
    return tuple(found)
