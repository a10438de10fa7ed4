"""Payloads: the inputs of a call as the transport received them, before validation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from actionhero import json
from actionhero.errors import MalformedRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actionhero.inputs.schema import InputSchema


class Payload(Protocol):
    """The inputs that a transport passes to the pipeline."""

    def parse(self, schema: InputSchema) -> Any:
        """Return the validated inputs.

        Raises:
            InvalidInput: They do not match the schema.
            MalformedRequest: They cannot be parsed.
        """

    def preview(self) -> Mapping[str, Any]:
        """Return the inputs by name, without validation, for logs. Only called after an error."""


class JsonPayload:
    """A JSON object in bytes, parsed strictly. Empty bytes are an empty object."""

    __slots__ = ("body",)

    def __init__(self, body: bytes) -> None:
        self.body = body

    def parse(self, schema: InputSchema) -> Any:
        return schema.from_json(self.body or b"{}")

    def preview(self) -> Mapping[str, Any]:
        try:
            value = json.loads(self.body)
        except MalformedRequest:
            return {}
        return value if isinstance(value, dict) else {}


class ParsedPayload:
    """A JSON object that the transport has parsed, as a part of a message."""

    __slots__ = ("values",)

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = values

    def parse(self, schema: InputSchema) -> Any:
        return schema.from_parsed(self.values)

    def preview(self) -> Mapping[str, Any]:
        return self.values


class TextPayload:
    """Texts by name, from a path, a query, a form or a command line; each is coerced.

    Args:
        text: All values of each name, in order.
    """

    __slots__ = ("text",)

    def __init__(self, text: Mapping[str, Sequence[Any]]) -> None:
        self.text = text

    def parse(self, schema: InputSchema) -> Any:
        return schema.from_text(self.text)

    def preview(self) -> Mapping[str, Any]:
        return {
            name: values[-1] if len(values) == 1 else values for name, values in self.text.items()
        }


class MixedPayload:
    """A JSON object with texts: path parameters override the body, which overrides the query.

    Args:
        path: The parameters of the path.
        body: The object, in bytes.
        query: The parameters of the query.
    """

    __slots__ = ("body", "path", "query")

    def __init__(
        self,
        path: Mapping[str, Sequence[Any]],
        body: bytes,
        query: Mapping[str, Sequence[Any]],
    ) -> None:
        self.path = path
        self.body = body
        self.query = query

    def parse(self, schema: InputSchema) -> Any:
        return schema.from_text_and_json(self.path, self.body or b"{}", self.query)

    def preview(self) -> Mapping[str, Any]:
        body = JsonPayload(self.body).preview()
        return {**TextPayload(self.query).preview(), **body, **TextPayload(self.path).preview()}


class ValuePayload:
    """Python values by name; undeclared names are refused if `refuse_unknown` is set."""

    __slots__ = ("refuse_unknown", "values")

    def __init__(self, values: Mapping[str, Any], *, refuse_unknown: bool = True) -> None:
        self.values = values
        self.refuse_unknown = refuse_unknown

    def parse(self, schema: InputSchema) -> Any:
        return schema.from_values(self.values, refuse_unknown=self.refuse_unknown)

    def preview(self) -> Mapping[str, Any]:
        return self.values


class ValidatedPayload:
    """An instance of the inputs, which is not validated again."""

    __slots__ = ("instance",)

    def __init__(self, instance: Any) -> None:
        self.instance = instance

    def parse(self, schema: InputSchema) -> Any:
        if self.instance is None:
            return schema.from_values({}, refuse_unknown=False)
        return self.instance

    def preview(self) -> Mapping[str, Any]:
        # The pipeline has the instance, unless it is a mapping.
        return self.instance if isinstance(self.instance, Mapping) else {}


class InvalidPayload:
    """An error of the transport in place of inputs.

    The call goes through the pipeline like any other: it is logged, and authentication comes
    before the error.
    """

    __slots__ = ("error",)

    def __init__(self, error: Exception) -> None:
        self.error = error

    def parse(self, schema: InputSchema) -> Any:
        raise self.error

    def preview(self) -> Mapping[str, Any]:
        return {}


#: The payload of a call without inputs.
EMPTY_PAYLOAD = TextPayload({})
