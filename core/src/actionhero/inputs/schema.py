"""What an action takes: the base model of inputs, secrets, and reading raw inputs into them."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from actionhero import json
from actionhero.errors import ABSENT, ErrorType, InvalidInput, MalformedRequest, Problem
from actionhero.inputs.annotations import holds, is_plain, is_secret, portable
from actionhero.inputs.fields import InputField, fields_of, secret_names_in
from actionhero.inputs.problems import details_of, first_part, location_in, pointer_to, problem_of
from actionhero.integers import long_integers_in
from actionhero.redaction import REDACTED, Secret, SecretMarker, redact

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

__all__ = ["Field", "InputField", "InputSchema", "Inputs", "Secret", "SecretMarker"]


class Inputs(BaseModel):
    """The inputs of an action: subclass it, and annotate `inputs` in `run` with the subclass.

    What a stranger sends beside the declared fields is ignored. `NaN` and infinities are refused.
    """

    model_config = ConfigDict(
        extra="ignore",
        allow_inf_nan=False,
        # str(error) may end up in a log, and a missing field would show its siblings.
        hide_input_in_errors=True,
    )

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        for field in cls.model_fields.values():
            if is_secret(field.annotation, field.metadata):
                field.repr = False


class InputSchema:
    """The inputs of one action: everything about them that can be worked out before the first call.

    Args:
        type_: A pydantic model, or anything that pydantic's `TypeAdapter` takes.
    """

    def __init__(self, type_: Any) -> None:
        self.type = type_
        model = isinstance(type_, type) and issubclass(type_, BaseModel)
        self._adapter: TypeAdapter[Any] | None = None if model else TypeAdapter(portable(type_))
        validator = type_.__pydantic_validator__ if model else self._adapter.validator  # type: ignore[union-attr]
        self._validate_json = validator.validate_json
        self._validate_python = validator.validate_python
        self.fields = tuple(fields_of(type_))
        self.names = frozenset(name for field in self.fields for name in field.names)
        #: Names that are redacted wherever they stand, however deep.
        self.secrets = frozenset(secret_names_in(type_))
        #: Whether any field is declared, or anything at all is taken.
        self.is_empty = model and not self.fields
        self._is_open = not model and not self.fields
        self._order = {
            name: index for index, field in enumerate(self.fields) for name in field.names
        }
        self._lists = frozenset(n for f in self.fields if f.is_list for n in f.names)
        self._structures = frozenset(n for f in self.fields if f.is_structure for n in f.names)
        self._with_secrets = frozenset(
            n for f in self.fields if any(secret_names_in(f.annotation)) for n in f.names
        )
        #: Names of those that are secret, or hold a secret: what keeps inputs has to hide them.
        self.sensitive_names = self._with_secrets.union(*(f.names for f in self.fields if f.secret))
        self._has_integers = self._is_open or any(
            holds(field.annotation, int) for field in self.fields
        )
        self._field_adapters: dict[str, TypeAdapter[Any]] = {}
        #: Whether it makes no difference if a value comes as JSON or as what JSON is read into.
        self._is_plain = model and all(is_plain(field.annotation) for field in self.fields)

    def from_json(self, body: bytes) -> Any:
        """Return the inputs in a JSON object, read strictly: a string is not a number.

        Raises:
            MalformedRequest: The bytes are not JSON as we read it, or not an object.
            InvalidInput: The object does not fit; `problems` tells everything that is wrong.
        """
        json.check(body)
        try:
            inputs = self._validate_json(body, strict=True)
        except ValidationError as error:
            raise self._refusal(error, lambda: json.loads(body)) from None
        if self._has_integers and json.has_long_integer(body):
            self._refuse_long_integers(inputs)
        return inputs

    def from_parsed(self, values: Mapping[str, Any]) -> Any:
        """Return the inputs in an object that was read from JSON, as strictly as `from_json`.

        Args:
            values: As `json.loads` returned it.

        Raises:
            InvalidInput: The object does not fit; `problems` tells everything that is wrong.
        """
        if not self._is_plain:
            # A date, say, is text in JSON, and strictly nothing but a date in Python.
            return self.from_json(json.dumps(values))
        try:
            inputs = self._validate_python(values, strict=True)
        except ValidationError as error:
            raise self._refusal(error, lambda: values) from None
        if self._has_integers:
            self._refuse_long_integers(inputs)
        return inputs

    def from_text(self, text: Mapping[str, Sequence[Any]]) -> Any:
        """Return the inputs in text, as paths, queries, forms and shells have it.

        Args:
            text: By name, all that was given under it. A field that is a list takes them all,
                any other the last. Something else than text, such as a file, is taken as it is.

        Raises:
            InvalidInput: The text cannot be made into what the fields want.
        """
        values = self._values(text)
        try:
            inputs = self._validate_python(values)
        except ValidationError as error:
            raise self._refusal(error, lambda: values) from None
        if self._has_integers:
            for given in text.values():
                if any(isinstance(item, str) and len(item) > 18 for item in given):
                    self._refuse_long_integers(inputs)
                    break
        return inputs

    def from_values(self, values: Mapping[str, Any], *, refuse_unknown: bool) -> Any:
        """Return the inputs in Python values, coerced where pydantic can.

        Raises:
            InvalidInput: The values do not fit, or one of them is not declared and
                `refuse_unknown` is set.
        """
        problems = self._unknown(values) if refuse_unknown else []
        try:
            inputs = self._validate_python(dict(values))
        except ValidationError as error:
            raise self._refusal(error, lambda: values, problems) from None
        if problems:
            raise self._invalid(problems, values)
        if self._has_integers:
            self._refuse_long_integers(inputs)
        return inputs

    def from_text_and_json(
        self,
        over: Mapping[str, Sequence[Any]],
        body: bytes,
        under: Mapping[str, Sequence[Any]],
    ) -> Any:
        """Return the inputs in a JSON object, in text that wins over it, and in text that loses.

        Each text is coerced to its field on its own; then the whole is read strictly.

        Raises:
            MalformedRequest: The bytes are not JSON as we read it, or not an object.
            InvalidInput: Something does not fit.
        """
        merged = json.loads(body)
        if not isinstance(merged, dict):
            raise MalformedRequest("the body must be a JSON object")
        problems: list[Problem] = []
        refused: set[str] = set()
        given = self._values({n: t for n, t in under.items() if n not in merged} | dict(over))
        for name, value in given.items():
            if name not in self.names:
                continue
            try:
                merged[name] = self._jsonable(name, value)
            except ValidationError as error:
                problems += [
                    self._problem(detail, given, (name, *detail["loc"]))
                    for detail in details_of(error)
                ]
                refused.add(name)
                merged.pop(name, None)
        try:
            inputs = self._validate_json(json.dumps(merged), strict=True)
        except ValidationError as error:
            problems += [
                self._problem(detail, merged, detail["loc"])
                for detail in details_of(error)
                if not (detail["loc"] and str(detail["loc"][0]) in refused)
            ]
            raise self._invalid(problems, merged | given) from None
        if problems:
            raise self._invalid(problems, merged | given)
        if self._has_integers:
            self._refuse_long_integers(inputs)
        return inputs

    def shown(self, inputs: Any) -> dict[str, Any]:
        """Return what may be shown of validated inputs: secrets redacted, long values cut."""
        if isinstance(inputs, BaseModel):
            values = inputs.__dict__
        elif isinstance(inputs, Mapping):
            values = dict(inputs)
        elif dataclasses.is_dataclass(inputs):
            values = {f.name: getattr(inputs, f.name) for f in dataclasses.fields(inputs)}
        else:
            return {}
        shown: dict[str, Any] = {}
        for name, value in values.items():
            # The quick way for what most inputs are; `redact` knows all the rest.
            kind = type(value)
            if name in self.secrets:
                shown[name] = REDACTED
            elif kind is int or kind is bool or (kind is str and len(value) <= 100):
                shown[name] = value
            else:
                shown = redact(values, self.secrets)
                break
        return shown if len(shown) < 100 else dict(redact(values, self.secrets))

    def redact_payload(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return what may be shown of inputs that were not validated: declared fields only."""
        known = {
            name: self._veiled(name, value)
            for name, value in values.items()
            if self._is_open or name in self.names
        }
        return redact(known, self.secrets) if known else {}

    def json_schema(self, *, ref_template: str = "#/$defs/{model}") -> dict[str, Any]:
        """Return the JSON Schema (2020-12) of the inputs as they are given, before coercion."""
        adapter = self._adapter if self._adapter is not None else TypeAdapter(self.type)
        return adapter.json_schema(mode="validation", ref_template=ref_template)

    # -- what the readers above share -------------------------------------------------------

    def _values(self, text: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
        for name, given in text.items():
            for item in given:
                # No database takes it in text, and the JSON reader refuses it too.
                if type(item) is str and "\0" in item:
                    problem = Problem(pointer_to((name,)), "Input holds a NUL character", "nul")
                    raise self._invalid([problem], {})
        if not self._lists and not self._structures:
            return {name: given[-1] for name, given in text.items()}
        values: dict[str, Any] = {}
        for name, given in text.items():
            value = list(given) if name in self._lists else given[-1]
            if name in self._structures:
                value = _structure(given, is_list=name in self._lists)
            values[name] = value
        return values

    def _veiled(self, name: str, value: Any) -> Any:
        """Return `value`, redacted if it is text for what has a secret inside, such as JSON."""
        if name not in self._with_secrets:
            return value
        if isinstance(value, list | tuple):
            return [self._veiled(name, item) for item in value]
        return REDACTED if isinstance(value, str | bytes) else value

    def _jsonable(self, name: str, value: Any) -> Any:
        """Return `value`, given as text for the field `name`, as JSON that strict reading takes."""
        adapter = self._field_adapter(name)
        validated = adapter.validate_python(value)
        try:
            # Text that strict reading takes as it is stays text: dates, identifiers, secrets.
            adapter.validate_json(json.dumps(value), strict=True)
        except ValidationError:
            return adapter.dump_python(validated, mode="json")
        return value

    def _field_adapter(self, name: str) -> TypeAdapter[Any]:
        adapter = self._field_adapters.get(name)
        if adapter is None:
            field = self.fields[self._order[name]]
            adapter = TypeAdapter(field.annotation)
            self._field_adapters[name] = adapter
        return adapter

    def _unknown(self, values: Mapping[str, Any]) -> list[Problem]:
        if self._is_open:
            return []
        problems = []
        for name in values:
            if name not in self.names:
                near = difflib.get_close_matches(name, self.names, n=1)
                known = ", ".join(sorted(self.names)) or "none"
                hint = f"did you mean {near[0]!r}?" if near else f"there are: {known}"
                problems.append(
                    Problem(
                        pointer_to((name,)), f"Unknown param: {name} ({hint})", "extra_forbidden"
                    )
                )
        return problems

    def _refuse_long_integers(self, inputs: Any) -> None:
        problems = [
            Problem(
                pointer_to(path),
                "Input should be an integer that fits into 64 bits",
                "int_too_large",
            )
            for path in long_integers_in(inputs)
        ]
        if problems:
            raise self._invalid(problems, inputs.__dict__ if hasattr(inputs, "__dict__") else {})

    def _refusal(
        self, error: ValidationError, raw: Any, problems: Sequence[Problem] = ()
    ) -> InvalidInput | MalformedRequest:
        details = error.errors(include_url=False, include_context=False)
        first = details[0]
        location = first["loc"]
        if not location:
            if first["type"] == "json_invalid":
                return MalformedRequest(first["msg"])
            if first["type"] in _NOT_AN_OBJECT:
                return MalformedRequest("the body must be a JSON object")
        values: Any = None
        if self._is_open or any(len(detail["loc"]) > 1 for detail in details):
            values = raw()
            if not isinstance(values, Mapping):
                return MalformedRequest("the body must be a JSON object")
            found = [self._problem(detail, values, detail["loc"]) for detail in details]
        else:
            found = [problem_of(detail, detail["loc"]) for detail in details]
        if problems:
            return self._invalid([*problems, *found], raw)
        # By order of declaration already: that is how pydantic validates.
        key = first_part(found[0].pointer) or None
        value: Any = ABSENT
        if key is not None and key not in self.secrets and first["type"] != "missing":
            # `input` is never told as it is: beside a missing field it is all that was given.
            value = first["input"] if values is None else values.get(key, ABSENT)
            value = self._veiled(key, value)
            if not isinstance(value, str | int | float):
                value = redact(value, self.secrets, limit=None)
        return InvalidInput(
            found[0].message,
            type=ErrorType.PARAM_REQUIRED,
            key=key,
            value=value,
            problems=tuple(found),
        )

    def _problem(self, detail: ErrorDetails, values: Any, location: Sequence[Any]) -> Problem:
        missing = detail["type"] == "missing"
        return problem_of(detail, location_in(values, location, self.secrets, missing=missing))

    def _invalid(self, problems: list[Problem], values: Any) -> InvalidInput:
        """Return the error that tells all `problems`, the first by order of declaration first."""
        last = len(self._order)
        problems.sort(key=lambda problem: self._order.get(first_part(problem.pointer), last))
        first = problems[0]
        key = first_part(first.pointer) or None
        value: Any = ABSENT
        if key is not None and key not in self.secrets and first.type != "missing":
            values = values() if callable(values) else values
            if key in values:
                value = redact(self._veiled(key, values[key]), self.secrets, limit=None)
        return InvalidInput(
            first.message,
            type=ErrorType.PARAM_REQUIRED,
            key=key,
            value=value,
            problems=tuple(problems),
        )


_NOT_AN_OBJECT = frozenset(
    {"model_type", "model_attributes_type", "dict_type", "dataclass_type", "mapping_type"}
)


def _structure(given: Sequence[Any], *, is_list: bool) -> Any:
    """Return what text means for a field that is nested: JSON, or else a list of the texts."""
    if len(given) == 1 or not is_list:
        text = given[-1]
        if not isinstance(text, str):
            return [text] if is_list else text
        try:
            value = json.loads(text.encode(errors="surrogatepass"))
        except MalformedRequest:
            return list(given) if is_list else text
        return value if isinstance(value, list) or not is_list else [value]
    return [_structure([item], is_list=False) for item in given]
