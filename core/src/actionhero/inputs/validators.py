"""The validators of texts, alone and beside JSON, built from the core schema of the inputs.

Inputs are validated once, in their model. Texts are coerced to the types of their fields; values
from JSON are validated as strictly as `validate_json(…, strict=True)` does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Set
from contextvars import ContextVar
from enum import Enum, Flag
from typing import Any, Final

from pydantic_core import PydanticCustomError, SchemaValidator, core_schema

from actionhero import json
from actionhero.inputs.core_schemas import (
    FIELD_SCHEMAS,
    CoreSchema,
    definitions_of,
    is_native,
    is_open,
    literal_values,
    rewrite,
)
from actionhero.inputs.exact_values import before, with_plain_digits

#: The types of the values in a parsed JSON document.
_JSON_TYPES: Final = frozenset({bool, dict, float, int, list, str, type(None)})
# No name in inputs contains NUL, so locations of errors cannot be confused with these.
_TEXT, _JSON, _OTHER = "\0text", "\0json", "\0other"
_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*+\\u0000")
_DIGITS: Final = re.compile(r"[0-9]{1,18}")
_BOOLEANS: Final = {
    **dict.fromkeys(("true", "1", "on", "yes", "t", "y"), True),
    **dict.fromkeys(("false", "0", "off", "no", "f", "n"), False),
}
#: The names of the inputs that are texts, in the validation that runs.
_text_names: ContextVar[Set[str]] = ContextVar("text_names", default=frozenset())


class TextValue(str):
    """A text among inputs with undeclared names."""

    __slots__ = ()


class TextList(list[Any]):
    """A list of texts among inputs with undeclared names."""


class TextObject(dict[str, Any]):
    """An object, parsed from a text, among inputs with undeclared names."""


_MARKS: Final[dict[Any, Any]] = {str: TextValue, list: TextList, dict: TextObject}
_UNMARK: Final[dict[Any, Any]] = {TextValue: str.__str__, TextList: list, TextObject: dict}


class TextValidator:
    """Validates texts, and values from Python in the place of texts.

    Args:
        schema: The core schema of the inputs.
    """

    def __init__(self, schema: CoreSchema) -> None:
        self.validate: Callable[[Any], Any] = validator_of(
            rewrite(schema, _for_text)
        ).validate_python


class MixedValidator:
    """Validates texts and values from JSON together.

    Args:
        schema: The core schema of the inputs.
        is_open: Whether inputs with other names are validated.
    """

    def __init__(self, schema: CoreSchema, *, is_open: bool) -> None:
        self._definitions = definitions_of(schema)
        self._is_open = is_open
        root = schema["schema"] if schema["type"] == "definitions" else schema
        mixed = self._mixed(root, {}, frozenset())
        if self._definitions:
            mixed = core_schema.definitions_schema(
                mixed,
                [rewrite(item, _for_text) for item in self._definitions.values()]
                + [
                    rewrite(item, _for_json) | {"ref": reference + _JSON}
                    for reference, item in self._definitions.items()
                ],
            )
        self._validate = validator_of(mixed).validate_python

    def validate(self, values: dict[str, Any], text_names: Set[str]) -> Any:
        """Return the validated inputs.

        Args:
            values: The inputs: texts, and values from JSON.
            text_names: The names of those that are texts.

        Raises:
            ValidationError: They are invalid.
        """
        if self._is_open:
            values = {
                name: _MARKS.get(type(value), _same)(value) if name in text_names else value
                for name, value in values.items()
            }
        token = _text_names.set(text_names)
        try:
            return self._validate(values)
        finally:
            _text_names.reset(token)

    def _mixed(self, schema: CoreSchema, config: CoreSchema, seen: frozenset[str]) -> Any:
        """Return the schema with a choice between text and JSON in each of its fields."""
        type_ = schema["type"]
        if type_ in {"model", "dataclass"}:
            config = schema.get("config", {})
        if type_ == "definition-ref":
            reference = schema["schema_ref"]
            if reference in seen:
                return rewrite(schema, _for_text)
            return self._mixed(self._definitions[reference], config, seen | {reference})
        copy = {**schema, "strict": False}
        if type_ in FIELD_SCHEMAS:
            return self._with_choices(copy, is_open=is_open(schema, config))
        if type_ == "dict":
            return copy | {"values_schema": self._choice_by_type(schema.get("values_schema"))}
        if type_ == "union":
            copy["choices"] = [
                (self._mixed(item[0], config, seen), item[1])
                if isinstance(item, tuple)
                else self._mixed(item, config, seen)
                for item in schema["choices"]
            ]
            return copy
        if type_ == "tagged-union":
            choices = schema["choices"].items()
            copy["choices"] = {tag: self._mixed(choice, config, seen) for tag, choice in choices}
            return _with_text_tags(copy)
        if type_ == "json-or-python":
            return self._mixed(schema["python_schema"], config, seen)
        if "schema" not in schema or schema.get("custom_init"):
            # Such a class validates its own inputs, without a difference between text and JSON.
            return rewrite(schema, _for_text)
        return copy | {"schema": self._mixed(schema["schema"], config, seen)}

    def _with_choices(self, schema: dict[str, Any], *, is_open: bool) -> Any:
        fields = schema["fields"]
        if isinstance(fields, Mapping):
            schema["fields"] = {
                name: field | {"schema": self._choice_by_name(name, field)}
                for name, field in fields.items()
            }
        else:
            schema["fields"] = [
                field | {"schema": self._choice_by_name(field["name"], field)} for field in fields
            ]
        if is_open:
            schema["extras_schema"] = self._choice_by_type(schema.get("extras_schema"))
        return schema

    def _choice_by_name(self, name: str, field: CoreSchema) -> Any:
        """Return the schema of a field: text if it has one of its names."""
        names = _top_names(field.get("validation_alias")) | {name}

        def choose(value: Any) -> str:
            if not names.isdisjoint(_text_names.get()):
                return _TEXT
            return _JSON if type(value) in _JSON_TYPES else _OTHER

        return self._choice(field["schema"], choose)

    def _choice_by_type(self, schema: CoreSchema | None) -> Any:
        """Return the schema of a value with an undeclared name: text if it is marked as one."""

        def choose(value: Any) -> str:
            if type(value) in _UNMARK:
                return _TEXT
            return _JSON if type(value) in _JSON_TYPES else _OTHER

        return self._choice(schema or core_schema.any_schema(), choose)

    def _choice(self, schema: CoreSchema, choose: Callable[[Any], str]) -> Any:
        if schema["type"] == "default":
            # The default is outside of the choice: a missing value is neither text nor JSON.
            return {**schema, "schema": self._choice(schema["schema"], choose)}
        text: Any = rewrite(schema, _for_text)
        if self._is_open:
            text = before(_unmark, text)
        # A decoder has values that JSON has not, such as bytes, which are no text of a number.
        strict = other = rewrite(schema, _for_json)
        if not is_native(schema):
            # A date, for example, is a string in JSON, and only a date in strict Python.
            strict = before(_dumps, {"type": "json", "schema": strict})
        choices = {_TEXT: text, _JSON: strict, _OTHER: other}
        return core_schema.tagged_union_schema(choices, choose)


def _dumps(value: Any) -> bytes:
    try:
        document = json.dumps(value)
    except TypeError:
        raise PydanticCustomError("json_type", "Input is not a value of JSON") from None
    if _NUL.search(document):
        # Of bytes from a decoder, which are written as text; texts with NUL have been refused.
        raise PydanticCustomError("nul", "Input contains a NUL character")
    return document


def validator_of(schema: Any) -> SchemaValidator:
    """Return the validator of a core schema."""
    # str(error) may be logged.
    config = core_schema.CoreConfig(hide_input_in_errors=True)
    # By default, models are validated by the validators of their classes, not by their schemas.
    return SchemaValidator(schema, config, _use_prebuilt=False)


def _for_json(schema: dict[str, Any]) -> dict[str, Any]:
    """Make a schema strict. Schemas without strictness ignore it."""
    if schema["type"] == "definition-ref":
        return schema | {"schema_ref": schema["schema_ref"] + _JSON}
    return schema | {"strict": True}


def _for_text(schema: dict[str, Any]) -> dict[str, Any]:
    """Make a schema convert texts to numbers, literals and members of enumerations."""
    # A text is a text: a strict integer is read from it like any other.
    schema["strict"] = False
    match schema["type"]:
        case "float":
            schema.setdefault("allow_inf_nan", False)
            return with_plain_digits(schema)
        case "complex" | "decimal" | "int":
            return with_plain_digits(schema)
        case "literal":
            return _with_texts(schema, schema["expected"])
        case "enum":
            if issubclass(schema["cls"], Flag):
                # It has values that are not listed.
                return before(_integer, schema)
            return _with_texts(schema, literal_values(schema))
        case "tagged-union":
            return _with_text_tags(schema)
    return schema


def _with_texts(schema: dict[str, Any], values: Collection[Any]) -> dict[str, Any]:
    """Return the schema of a literal or an enumeration that reads other values from texts."""
    table = _texts_of(values)
    if not table:
        return schema
    return before(lambda value: _from_text(table, value), schema)


def _with_text_tags(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a discriminated union that reads tags from texts."""
    name, table = schema["discriminator"], _texts_of(schema["choices"])
    if not isinstance(name, str) or not table:
        return schema

    def read(value: Any) -> Any:
        tag = value.get(name) if isinstance(value, dict) else None
        return {**value, name: _from_text(table, tag)} if isinstance(tag, str) else value

    return before(read, schema)


def _texts_of(values: Collection[Any]) -> dict[str, Any]:
    """Return the texts of values that are no texts themselves."""
    table: dict[str, Any] = {}
    for value in values:
        plain = value.value if isinstance(value, Enum) else value
        if isinstance(plain, bool):
            for text, meaning in _BOOLEANS.items():
                if meaning is plain:
                    table.setdefault(text, value)
        elif isinstance(plain, int | float):
            table.setdefault(str(plain), value)
            if isinstance(plain, float) and plain.is_integer():
                table.setdefault(str(int(plain)), value)
    for value in values:
        table.pop(value, None) if isinstance(value, str) else None
    return table


def _from_text(table: Mapping[str, Any], value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return table.get(value, table.get(value.strip().lower(), value))


def _integer(value: Any) -> Any:
    return int(value) if isinstance(value, str) and _DIGITS.fullmatch(value) else value


def _top_names(alias: Any) -> frozenset[str]:
    """Return the names in the inputs of an alias, a path of names or several paths."""
    if alias is None:
        return frozenset()
    if isinstance(alias, str):
        return frozenset([alias])
    return frozenset(path[0] for path in (alias if isinstance(alias[0], list) else [alias]))


def _unmark(value: Any) -> Any:
    return _UNMARK.get(type(value), _same)(value)


def _same(value: Any) -> Any:
    return value
