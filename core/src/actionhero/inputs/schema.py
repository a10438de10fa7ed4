"""The base model of inputs, and the schema of the inputs of an action."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from actionhero import json
from actionhero.inputs.annotations import is_secret, with_portable_typed_dicts
from actionhero.inputs.defaults import default_fault
from actionhero.inputs.exact_values import with_exact_values
from actionhero.inputs.field_faults import constraint_fault
from actionhero.inputs.fields import InputField, InputFields
from actionhero.inputs.json_schemas import JsonSchemaGenerator
from actionhero.inputs.payload_redaction import redact_payload
from actionhero.inputs.problems import (
    InputErrors,
    converted_integers,
    details_of,
)
from actionhero.inputs.source_faults import source_fault
from actionhero.inputs.sources import InputReader
from actionhero.inputs.unsupported import MAX_PROBLEMS, find_unsupported
from actionhero.inputs.validation import Validation
from actionhero.redaction import Secret, SecretMarker

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence, Set

    from actionhero.errors import Problem
    from actionhero.inputs.validation import Validators

__all__ = ["Field", "InputField", "InputSchema", "Inputs", "Secret", "SecretMarker"]


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

    def __getitem__(self, name: Any) -> NoReturn:
        raise TypeError(f"inputs have attributes, and no items; write inputs.{name}")


class InputSchema(InputFields):
    """The inputs of one action, prepared for validation.

    Args:
        type_: A pydantic model, or anything that pydantic's `TypeAdapter` takes.
    """

    def __init__(self, type_: Any) -> None:
        self._adapter: TypeAdapter[Any] = TypeAdapter(with_portable_typed_dicts(type_))
        self._core_schema = with_exact_values(self._adapter.core_schema)
        self._reader = InputReader(self._core_schema)
        super().__init__(type_, self._reader)
        is_exact = self._core_schema is self._adapter.core_schema
        self._validation = Validation(
            self._core_schema,
            self._adapter.validator if is_exact else None,
            is_open=self._reader.is_open,
        )
        self._validate_json = self._validation.usual.json
        self._errors = InputErrors(self)
        model = isinstance(type_, type) and issubclass(type_, BaseModel)
        #: Whether JSON and the values parsed from it validate alike.
        self._is_native = model and self._reader.is_native

    def from_json(self, body: bytes) -> Any:
        """Validate a JSON object strictly: a string is not a number.

        Raises:
            MalformedRequest: The bytes are not valid JSON, or not an object.
            InvalidInput: The object is invalid; `problems` lists all errors.
        """
        if json.check(body):
            self._refuse_unsupported(json.loads_object(body))
        if len(body) > self._validation.small_length and not self._validation.is_small(body):
            try:
                return self._validation.fail_fast.json(body, strict=True)
            except ValidationError:
                return self._from_document(body)
        try:
            return self._validate_json(body, strict=True)
        except ValidationError as error:
            if error.error_count() > MAX_PROBLEMS:
                return self._from_document(body)
            details = details_of(error)
        values = None
        if self._errors.needs_values(details):
            values = json.loads_object(body)
            # Pydantic does not parse the digits of a huge integer.
            self._refuse_unsupported(values)
            if (converted := converted_integers(details, values)) is not None:
                return self._from_object(converted)
        raise self._errors.from_validation(details, values)

    def _from_document(self, body: bytes) -> Any:
        """Validate a document with perhaps too many errors; `values` has each name once."""
        values = json.loads_object(body)
        self._refuse_unsupported(values)
        return self._from_object(values)

    def from_parsed(
        self, values: Mapping[str, Any], *, refuse_unknown: bool = False, is_plain: bool = False
    ) -> Any:
        """Validate an object that was parsed from JSON, as strictly as `from_json`.

        Args:
            values: The result of `json.loads`.
            refuse_unknown: Whether undeclared names are an error.
            is_plain: Whether it is one of `json.loads_plain`.

        Raises:
            InvalidInput: The object is invalid; `problems` lists all errors.
        """
        problems = self._errors.unknown_names(values) if refuse_unknown else []
        if not is_plain:
            self._refuse_unsupported(values, problems)
        return self._from_object(values, problems)

    def _from_object(
        self, values: Mapping[str, Any], other_problems: Sequence[Problem] = ()
    ) -> Any:
        try:
            inputs = self._validation.validate(values, self._validated_object)
        except ValidationError as error:
            details = details_of(error)
        else:
            if other_problems:
                raise self._errors.invalid(list(other_problems), values)
            return inputs
        if (converted := converted_integers(details, values)) is not None:
            return self._from_object(converted, other_problems)
        raise self._errors.from_validation(details, values, list(other_problems))

    def _validated_object(self, validators: Validators, values: Mapping[str, Any]) -> Any:
        if self._is_native:
            return validators.python(values, strict=True)
        # A date, for example, is a string in JSON, and only a date in strict Python.
        return validators.json(json.dumps(values), strict=True)

    def from_text(self, text: Mapping[str, Sequence[Any]], *, refuse_unknown: bool = False) -> Any:
        """Validate texts of a path, a query, a form or a command line.

        Args:
            text: All values of each name, in order. A list gets all of them, other fields the
                last one. Values that are not text, such as files, are not changed.
            refuse_unknown: Whether undeclared names are an error.

        Raises:
            InvalidInput: A text cannot be converted to the type of its field.
        """
        problems = self._errors.unknown_names(text) if refuse_unknown else []
        return self._from_texts(self._reader.values(text), problems)

    def _from_texts(self, values: dict[str, Any], problems: list[Problem] | None = None) -> Any:
        problems = problems or []
        self._refuse_unsupported(values, problems)
        try:
            inputs = self._validation.validate(values, _validated_texts)
        except ValidationError as error:
            raise self._errors.from_validation(details_of(error), values, problems) from None
        if problems:
            raise self._errors.invalid(problems, values)
        return inputs

    def from_values(self, values: Mapping[str, Any], *, refuse_unknown: bool) -> Any:
        """Validate Python values, with pydantic's conversions.

        Raises:
            InvalidInput: The values are invalid, or one of them is not declared and
                `refuse_unknown` is set.
        """
        problems = self._errors.unknown_names(values) if refuse_unknown else []
        self._refuse_unsupported(values, problems)
        try:
            inputs = self._validation.usual.python(dict(values))
        except ValidationError as error:
            raise self._errors.from_validation(details_of(error), values, problems) from None
        if problems:
            raise self._errors.invalid(problems, values)
        return inputs

    def from_sources(
        self,
        path: Mapping[str, Sequence[Any]],
        body: Mapping[str, Any],
        query: Mapping[str, Sequence[Any]],
        others: Mapping[str, Sequence[Any]],
        *,
        form: bool = False,
    ) -> Any:
        """Validate inputs of several sources: `path` overrides `body`, which overrides `query`.

        Args:
            path: All texts of each parameter of the path.
            body: An object that was parsed from JSON, or all texts of each field of a form.
            query: All texts of each parameter of the query.
            others: Texts that override all of these, from headers and cookies.
            form: Whether the body is a form.

        Raises:
            InvalidInput: The inputs are invalid; `problems` lists all errors.
        """
        merge, values = self._reader.merge, self._reader.values
        merged = values(query)
        text_names = merged.keys() - body.keys()
        if body:
            merged = merge(merged, values(body) if form else body)
            # A text of the query whose field the body has by another name is not in it any more.
            text_names &= merged.keys()
        if path or others:
            parameters = {**values(path), **values(others)}
            text_names |= parameters.keys()
            merged = merge(merged, parameters)
        if form or not body:
            return self._from_texts(merged)
        self._refuse_unsupported(merged)
        return self._from_mixed(merged, text_names)

    def _from_mixed(self, merged: dict[str, Any], text_names: Set[str]) -> Any:
        def validate(validators: Validators, values: dict[str, Any]) -> Any:
            return validators.mixed.validate(values, text_names)

        try:
            return self._validation.validate(merged, validate)
        except ValidationError as error:
            details = details_of(error)
        if (converted := converted_integers(details, merged)) is not None:
            try:
                return self._validation.validate(converted, validate)
            except ValidationError as error:
                details = details_of(error)
        raise self._errors.from_validation(details, merged)

    def json_schema(self, *, ref_template: str = "#/$defs/{model}") -> dict[str, Any]:
        """Return the JSON Schema (2020-12) of the payload, before conversions."""
        schema = self._adapter.json_schema(
            mode="validation", ref_template=ref_template, schema_generator=JsonSchemaGenerator
        )
        if self.type is Inputs:
            # An action without inputs; this is the description of the base class.
            schema.pop("description", None)
        return schema

    def redact_payload(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return unvalidated inputs like `redact`, without names that are not declared."""
        return redact_payload(values, self)

    def is_parsed(self, name: str) -> bool:
        """Return whether a file of a form with this name is the value of a field, and no file."""
        return self._reader.is_parsed(name)

    def default_fault(self) -> str | None:
        """Return the fault of the first default that does not fit its annotation, if there is one.

        Pydantic does not validate defaults, so a call would receive it as it is.
        """
        return default_fault(self.type)

    def constraint_fault(self) -> str | None:
        """Return the first fault in the arguments of `Field(…)`, if there is one."""
        return constraint_fault(self.type)

    def source_fault(self) -> str | None:
        """Return the fault of the first header or cookie that is not of one whole input."""
        return source_fault(self.type)

    def _refuse_unsupported(
        self, values: Mapping[str, Any], other_problems: Sequence[Problem] = ()
    ) -> None:
        declared = None if self.is_open else self.names
        if unsupported := find_unsupported(values, declared):
            raise self._errors.unsupported(unsupported, values, other_problems)


def _validated_texts(validators: Validators, values: Mapping[str, Any]) -> Any:
    return validators.text.validate(values)
