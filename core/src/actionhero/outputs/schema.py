"""`OutputSchema`: the check and the encoding of results by the return annotation."""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticUserError
from pydantic_core import PydanticSerializationError

from actionhero import json
from actionhero.errors import PluginError
from actionhero.inputs.json_schemas import JsonSchemaGenerator
from actionhero.inputs.problems import pointer_to
from actionhero.outputs.compilation import as_list, closed_validator, compile_annotation, is_plain
from actionhero.outputs.encoding import decode
from actionhero.outputs.mismatch import (
    OutputMismatch,
    UnsupportedResult,
    is_raised,
    messages,
    serializer_message,
    warnings,
)
from actionhero.streams import Event, Item

if TYPE_CHECKING:
    from pydantic import TypeAdapter

#: The types of pydantic's errors for an undeclared field, the second one in a dataclass.
_UNDECLARED: Final = frozenset({"extra_forbidden", "unexpected_keyword_argument"})


class OutputSchema:
    """The return annotation of an action: the contract that its results are checked against.

    A result becomes a value of the annotated type: dictionaries and objects with attributes become
    models, undeclared data is left out. The annotation is compiled on first use: that takes up to
    a millisecond.

    Args:
        type_: The annotation; `None` without one. `Any` and no annotation allow every value.
        where: The action, for error messages.
    """

    def __init__(self, type_: Any, where: str = "an action") -> None:
        self.type = type_
        self._where = where
        #: Whether undeclared data is an error.
        self.strict = False
        #: Whether every value is allowed.
        self.is_open = type_ is None or type_ is Any

    def prepare(self) -> None:
        """Compile the annotation.

        Raises:
            PluginError: A part of it is not defined, or not supported by pydantic.
        """
        if not self.is_open:
            _ = self._compiled

    @cached_property
    def _compiled(self) -> tuple[TypeAdapter[Any] | None, tuple[type, ...]]:
        """The adapter, and the classes in the annotation without a schema: transport objects."""
        try:
            return compile_annotation(as_list(self.type))
        except (PydanticUserError, NameError, TypeError) as error:
            reason = str(error).partition(". ")[0].partition("\n")[0]
            raise PluginError(
                f"{self._where} returns {self.type!r}, which cannot be serialized: {reason}; use "
                "types that pydantic supports, and import them outside of TYPE_CHECKING"
            ) from error

    @cached_property
    def _adapter(self) -> TypeAdapter[Any]:
        adapter = self._compiled[0]
        assert adapter is not None  # noqa: S101 - not called for transport objects
        return adapter

    @cached_property
    def _natives(self) -> tuple[type, ...]:
        return self._compiled[1]

    @cached_property
    def is_plain(self) -> bool:
        """Whether checked values have JSON types only; the faster writer encodes them alike."""
        adapter = None if self.is_open else self._compiled[0]
        return adapter is not None and is_plain(adapter.core_schema)

    @cached_property
    def _validate(self) -> Any:
        adapter = self._compiled[0]
        if adapter is None:
            return self._refuse
        validate = adapter.validator.validate_python
        return validate if self.is_plain else partial(validate, from_attributes=True)

    @cached_property
    def _validate_closed(self) -> Any:
        """Like `_validate`, with an error for each undeclared field."""
        validate = closed_validator(self._adapter).validate_python
        return partial(validate, from_attributes=not self.is_plain, extra="forbid")

    @cached_property
    def _to_json(self) -> Any:
        return partial(self._adapter.serializer.to_json, by_alias=True, warnings="error")

    def conform(self, value: Any) -> Any:
        """Return `value` as a value of the annotated type.

        Raises:
            OutputMismatch: It cannot become one; if `strict`, it has undeclared data.
        """
        if self._natives and isinstance(value, self._natives):
            return value
        try:
            conformed = self._validate(value)
        except ValidationError as error:
            raise self._mismatch(messages(error), shown=not is_raised(error)) from None
        if self.strict:
            self._refuse_undeclared(value, conformed)
        return conformed

    def encode(self, value: Any) -> bytes | None:
        """Return a value that `conform` has returned as compact JSON; `None` becomes `{}`.

        Returns:
            `None` for an object of a transport, which is not JSON.

        Raises:
            OutputMismatch: It was changed since, and does not match any more.
            UnsupportedResult: A part of it is not JSON. The message names its place and its type.
            TypeError: It cannot be serialized.
        """
        if value is None:
            return b"{}"
        if self.is_plain:
            try:
                return json.dumps(value)
            except json.UnsupportedType as error:
                raise UnsupportedResult(error) from None
        if self._natives and isinstance(value, self._natives):
            return None
        try:
            body: bytes = self._to_json(value)
            return body
        except ValueError:
            pass
        # It may be a lone surrogate, which `dumps` replaces.
        return json.dumps(self._json_types(value))

    def decode(self, body: bytes) -> Any:
        """Return the value that `encode` has written; in JSON types if it cannot be restored."""
        value = decode(body)
        if self.is_open or self.is_plain or self._compiled[0] is None:
            return value
        try:
            return self._adapter.validate_json(body, by_alias=True)
        except ValidationError:
            # What is written need not be readable, such as a computed field.
            return value

    def item(self, yielded: Any) -> Item:
        """Return an item of a stream, whose data is checked against the annotation of items.

        Raises:
            OutputMismatch: Its data does not match the annotation.
            TypeError: Its data cannot be serialized.
        """
        data = yielded.data if isinstance(yielded, Event) else yielded
        if self.is_open:
            return Item(yielded, json.encode(data))
        data = self.conform(data)
        body = self.encode(data) or json.encode(data)
        return Item(yielded.with_data(data) if isinstance(yielded, Event) else data, body)

    def declared(self, value: Any) -> Any:
        """Return a value that `conform` has returned without the data of undeclared fields.

        Such are the fields of a subclass of a model. Encoding leaves them out in any case.
        """
        if self.is_open or self.is_plain or isinstance(value, self._natives):
            return value
        if not any(_undeclared(*self._views(value), ())):
            return value
        serializer, validator = self._adapter.serializer, self._adapter.validator
        data = serializer.to_python(value, by_alias=False, warnings=False)
        try:
            return validator.validate_python(data, by_name=True, by_alias=False)
        except ValidationError:
            return data

    def json_schema(self, *, ref_template: str = "#/$defs/{model}") -> dict[str, Any]:
        """Return the JSON Schema (2020-12) of the result; `{}` if any value is possible."""
        adapter = None if self.is_open else self._compiled[0]
        if adapter is None:
            # Also for a response type of the transport, such as a file: no JSON, so no schema.
            return {}
        try:
            return adapter.json_schema(
                mode="serialization",
                ref_template=ref_template,
                schema_generator=JsonSchemaGenerator,
            )
        except PydanticInvalidForJsonSchema:
            return {}

    def _refuse(self, value: Any) -> Any:
        """Refuse a value in place of a transport object."""
        names = " or ".join(native.__name__ for native in self._natives)
        raise self._mismatch([f"/: expected {names}, not {type(value).__name__}"])

    def _views(self, value: Any) -> tuple[Any, Any]:
        """Return the data of `value` with undeclared fields, and without them."""
        dump = partial(self._adapter.serializer.to_python, value, by_alias=False, warnings=False)
        return dump(serialize_as_any=True), dump()

    def _refuse_undeclared(self, value: Any, conformed: Any) -> None:
        complete, declared = self._views(conformed)
        locations = list(_undeclared(complete, declared, ()))
        try:
            self._validate_closed(value)
        except ValidationError as error:
            # Models may allow undeclared fields themselves.
            locations += [
                detail["loc"]
                for detail in error.errors(include_url=False, include_context=False)
                if detail["type"] in _UNDECLARED and not _contains(declared, detail["loc"])
            ]
        if locations:
            places = dict.fromkeys(pointer_to(place) for place in locations)
            raise self._mismatch([f"{place}: not declared" for place in places])

    def _json_types(self, value: Any) -> Any:
        """Return `value` as JSON types.

        Raises:
            OutputMismatch: It does not match the annotation.
        """
        dump = partial(self._adapter.serializer.to_python, value, mode="json", by_alias=True)
        try:
            return dump(warnings="error")
        except PydanticSerializationError as error:
            message = str(error)
            if "Expected `" not in message:
                self._refuse_unsupported(value)
                # The author's serializer has failed.
                raise self._mismatch([serializer_message(message)], shown=False) from error
        # Without the error, whose text has the values.
        raise self._mismatch(warnings(message)) from None

    def _refuse_unsupported(self, value: Any) -> None:
        """Raise the error with the place of a part of `value` that JSON does not support."""
        try:
            json.dumps(self._adapter.serializer.to_python(value, by_alias=True, warnings=False))
        except json.UnsupportedType as error:
            raise UnsupportedResult(error) from None
        except ValueError:
            pass

    def _mismatch(self, errors: list[str], *, shown: bool = True) -> OutputMismatch:
        return OutputMismatch(errors, shown=shown and self.strict)


def _undeclared(complete: Any, declared: Any, place: tuple[Any, ...]) -> Any:
    """Yield the places of the data in `complete` that `declared` does not have."""
    if isinstance(complete, dict) and isinstance(declared, dict):
        for key, value in complete.items():
            if key in declared:
                yield from _undeclared(value, declared[key], (*place, key))
            else:
                yield (*place, key)
    elif isinstance(complete, list | tuple) and isinstance(declared, list | tuple):
        for index, (value, other) in enumerate(zip(complete, declared, strict=False)):
            yield from _undeclared(value, other, (*place, index))


def _contains(data: Any, place: tuple[Any, ...]) -> bool:
    """Return whether `data` has a value at a place."""
    for key in place:
        try:
            data = data[key]
        except (KeyError, IndexError, TypeError):
            return False
    return True
