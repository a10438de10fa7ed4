"""The base model of inputs, and the schemas of the inputs and of the result of an action."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError

from actionhero import json
from actionhero.errors import MalformedRequest, Problem
from actionhero.inputs.annotations import is_scalar, is_secret, with_portable_typed_dicts
from actionhero.inputs.fields import InputField, InputFields
from actionhero.inputs.problems import InputErrors, details_of, not_an_object, pointer_to
from actionhero.redaction import Secret, SecretMarker

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Field", "InputField", "InputSchema", "Inputs", "OutputSchema", "Secret", "SecretMarker"]


class Inputs(BaseModel):
    """The inputs of an action: subclass it, and annotate `inputs` in `run` with the subclass.

    Undeclared inputs of remote clients are ignored. `NaN` and infinities are refused.
    """

    model_config = ConfigDict(
        extra="ignore",
        allow_inf_nan=False,
        # str(error) may be logged, and the error of a missing field would contain all inputs.
        hide_input_in_errors=True,
    )

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        for field in cls.model_fields.values():
            if is_secret(field.annotation, field.metadata):
                field.repr = False


class InputSchema(InputFields):
    """The inputs of one action, prepared for validation.

    Args:
        type_: A pydantic model, or anything that pydantic's `TypeAdapter` takes.
    """

    def __init__(self, type_: Any) -> None:
        super().__init__(type_)
        model = isinstance(type_, type) and issubclass(type_, BaseModel)
        self._adapter: TypeAdapter[Any] | None = (
            None if model else TypeAdapter(with_portable_typed_dicts(type_))
        )
        validator = type_.__pydantic_validator__ if model else self._adapter.validator  # type: ignore[union-attr]
        self._validate_json = validator.validate_json
        self._validate_python = validator.validate_python
        self._errors = InputErrors(self)
        self._lists = frozenset(n for f in self.fields if f.is_list for n in f.names)
        self._structures = frozenset(n for f in self.fields if f.is_structure for n in f.names)
        #: The names of the headers and of the cookies that are sources of fields.
        self.header_names: frozenset[str] = frozenset()
        self.cookie_names: frozenset[str] = frozenset()
        self._field_adapters: dict[str, TypeAdapter[Any]] = {}
        #: Whether JSON and the values parsed from it validate alike.
        self._has_scalars_only = model and all(is_scalar(f.annotation) for f in self.fields)

    def from_json(self, body: bytes) -> Any:
        """Validate a JSON object strictly: a string is not a number.

        Raises:
            MalformedRequest: The bytes are not valid JSON, or not an object.
            InvalidInput: The object is invalid; `problems` lists all errors.
        """
        json.check(body)
        try:
            return self._validate_json(body, strict=True)
        except ValidationError as error:
            raise self._errors.from_validation(error, lambda: json.loads(body)) from None

    def from_parsed(self, values: Mapping[str, Any]) -> Any:
        """Validate an object that was parsed from JSON, as strictly as `from_json`.

        Args:
            values: The result of `json.loads`.

        Raises:
            InvalidInput: The object is invalid; `problems` lists all errors.
        """
        if not self._has_scalars_only:
            # A date, for example, is a string in JSON, and only a date in strict Python.
            return self.from_json(json.dumps(values))
        try:
            return self._validate_python(values, strict=True)
        except ValidationError as error:
            raise self._errors.from_validation(error, lambda: values) from None

    def from_text(self, text: Mapping[str, Sequence[Any]]) -> Any:
        """Validate texts of a path, a query, a form or a command line.

        Args:
            text: All values of each name, in order. A list gets all of them, other fields the
                last one. Values that are not text, such as files, are not changed.

        Raises:
            InvalidInput: A text cannot be converted to the type of its field.
        """
        values = self._values(text)
        try:
            return self._validate_python(values)
        except ValidationError as error:
            raise self._errors.from_validation(error, lambda: values) from None

    def from_values(self, values: Mapping[str, Any], *, refuse_unknown: bool) -> Any:
        """Validate Python values, with pydantic's conversions.

        Raises:
            InvalidInput: The values are invalid, or one of them is not declared and
                `refuse_unknown` is set.
        """
        problems = self._errors.unknown_names(values) if refuse_unknown else []
        try:
            inputs = self._validate_python(dict(values))
        except ValidationError as error:
            raise self._errors.from_validation(error, lambda: values, problems) from None
        if problems:
            raise self._errors.invalid(problems, values)
        return inputs

    def from_text_and_json(
        self,
        path: Mapping[str, Sequence[Any]],
        body: bytes,
        query: Mapping[str, Sequence[Any]],
    ) -> Any:
        """Validate a JSON object with texts: `path` overrides `body`, which overrides `query`.

        Each text is converted to the type of its field; then the whole is validated strictly.

        Raises:
            MalformedRequest: The bytes are not valid JSON, or not an object.
            InvalidInput: The inputs are invalid; `problems` lists all errors.
        """
        merged = json.loads(body)
        if not isinstance(merged, dict):
            raise not_an_object()
        problems: list[Problem] = []
        invalid_names: set[str] = set()
        values = self._values({n: t for n, t in query.items() if n not in merged} | dict(path))
        for name, value in values.items():
            if name not in self.names:
                continue
            try:
                merged[name] = self._to_json_value(name, value)
            except ValidationError as error:
                problems += [
                    self._errors.problem(detail, values, (name, *detail["loc"]))
                    for detail in details_of(error)
                ]
                invalid_names.add(name)
                merged.pop(name, None)
        try:
            inputs = self._validate_json(json.dumps(merged), strict=True)
        except ValidationError as error:
            problems += [
                self._errors.problem(detail, merged, detail["loc"])
                for detail in details_of(error)
                if not (detail["loc"] and str(detail["loc"][0]) in invalid_names)
            ]
            raise self._errors.invalid(problems, merged | values) from None
        if problems:
            raise self._errors.invalid(problems, merged | values)
        return inputs

    def json_schema(self, *, ref_template: str = "#/$defs/{model}") -> dict[str, Any]:
        """Return the JSON Schema (2020-12) of the payload, before conversions."""
        adapter = self._adapter if self._adapter is not None else TypeAdapter(self.type)
        return adapter.json_schema(mode="validation", ref_template=ref_template)

    def _values(self, text: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
        """Return one value for each name: the last text, a list of texts, or parsed JSON."""
        for name, texts in text.items():
            for item in texts:
                # The JSON reader refuses it too, and databases cannot store it in text.
                if type(item) is str and "\0" in item:
                    problem = Problem(pointer_to((name,)), "Input contains a NUL character", "nul")
                    raise self._errors.invalid([problem], {})
        if not self._lists and not self._structures:
            return {name: texts[-1] for name, texts in text.items()}
        values: dict[str, Any] = {}
        for name, texts in text.items():
            value = list(texts) if name in self._lists else texts[-1]
            if name in self._structures:
                value = _parse_structure(texts, is_list=name in self._lists)
            values[name] = value
        return values

    def _to_json_value(self, name: str, value: Any) -> Any:
        """Return the text of the field `name` as a JSON value that validates strictly."""
        adapter = self._field_adapter(name)
        validated = adapter.validate_python(value)
        try:
            # Text that validates strictly stays text: dates, identifiers, secrets.
            adapter.validate_json(json.dumps(value), strict=True)
        except ValidationError:
            return adapter.dump_python(validated, mode="json")
        return value

    def _field_adapter(self, name: str) -> TypeAdapter[Any]:
        adapter = self._field_adapters.get(name)
        if adapter is None:
            field = self.fields[self.positions[name]]
            adapter = TypeAdapter(field.annotation)
            self._field_adapters[name] = adapter
        return adapter


class OutputSchema:
    """The return annotation of one action.

    Args:
        type_: The annotation; `None` without one.
    """

    def __init__(self, type_: Any) -> None:
        self.type = type_

    def json_schema(self, *, ref_template: str = "#/$defs/{model}") -> dict[str, Any]:
        """Return the JSON Schema (2020-12) of the result; `{}` if any value is possible."""
        if self.type is None or self.type is Any:
            return {}
        try:
            adapter: TypeAdapter[Any] = TypeAdapter(with_portable_typed_dicts(self.type))
            return adapter.json_schema(mode="serialization", ref_template=ref_template)
        except PydanticUserError:
            # A response type of the transport, such as a file: no JSON, so no schema.
            return {}


def _parse_structure(texts: Sequence[Any], *, is_list: bool) -> Any:
    """Return the value of a nested field: its text as JSON, or a list of the texts."""
    if len(texts) == 1 or not is_list:
        text = texts[-1]
        if not isinstance(text, str):
            return [text] if is_list else text
        try:
            value = json.loads(text.encode(errors="surrogatepass"))
        except MalformedRequest:
            return list(texts) if is_list else text
        return value if isinstance(value, list) or not is_list else [value]
    return [_parse_structure([item], is_list=False) for item in texts]
