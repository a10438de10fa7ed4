"""Raw inputs: what came through a door, before it is validated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from actionhero import json
from actionhero.errors import MalformedRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actionhero.inputs.schema import InputSchema


class Payload(Protocol):
    """What a door hands to the corridor; the classes here are the kinds that there are."""

    def parse(self, schema: InputSchema) -> Any:
        """Return the validated inputs.

        Raises:
            InvalidInput: They do not fit the schema.
            MalformedRequest: They cannot be read at all.
        """

    def preview(self) -> Mapping[str, Any]:
        """Return what was given by name, as far as it can be read. Only called after a failure."""


class JsonPayload:
    """A JSON object in bytes, read strictly. No bytes at all are an empty object."""

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
    """A JSON object that the door had to read, for it stood in a message of the door's own."""

    __slots__ = ("values",)

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = values

    def parse(self, schema: InputSchema) -> Any:
        return schema.from_parsed(self.values)

    def preview(self) -> Mapping[str, Any]:
        return self.values


class TextPayload:
    """Text by name, as it comes in paths, queries, forms and shells; each is coerced.

    Args:
        text: By name, all that was given under it, in order.
    """

    __slots__ = ("text",)

    def __init__(self, text: Mapping[str, Sequence[Any]]) -> None:
        self.text = text

    def parse(self, schema: InputSchema) -> Any:
        return schema.from_text(self.text)

    def preview(self) -> Mapping[str, Any]:
        return {name: given[-1] if len(given) == 1 else given for name, given in self.text.items()}


class MixedPayload:
    """Text beside a JSON object. Where both name an input, `over` wins, and `under` loses.

    Args:
        over: Text that wins over the object: what stands in a path.
        body: The object, in bytes.
        under: Text that the object wins over: a query.
    """

    __slots__ = ("body", "over", "under")

    def __init__(
        self,
        over: Mapping[str, Sequence[Any]],
        body: bytes,
        under: Mapping[str, Sequence[Any]],
    ) -> None:
        self.over = over
        self.body = body
        self.under = under

    def parse(self, schema: InputSchema) -> Any:
        return schema.from_text_and_json(self.over, self.body or b"{}", self.under)

    def preview(self) -> Mapping[str, Any]:
        body = JsonPayload(self.body).preview()
        return {**TextPayload(self.under).preview(), **body, **TextPayload(self.over).preview()}


class ValuePayload:
    """Python values by name; what is not declared is refused if `refuse_unknown` is set."""

    __slots__ = ("refuse_unknown", "values")

    def __init__(self, values: Mapping[str, Any], *, refuse_unknown: bool = True) -> None:
        self.values = values
        self.refuse_unknown = refuse_unknown

    def parse(self, schema: InputSchema) -> Any:
        return schema.from_values(self.values, refuse_unknown=self.refuse_unknown)

    def preview(self) -> Mapping[str, Any]:
        return self.values


class ValidatedPayload:
    """An instance that was validated when it was made."""

    __slots__ = ("instance",)

    def __init__(self, instance: Any) -> None:
        self.instance = instance

    def parse(self, schema: InputSchema) -> Any:
        if self.instance is None:
            return schema.from_values({}, refuse_unknown=False)
        return self.instance

    def preview(self) -> Mapping[str, Any]:
        # A mapping is itself; of anything else the corridor has the instance.
        return self.instance if isinstance(self.instance, Mapping) else {}


class InvalidPayload:
    """Stands for inputs that the door itself could not read.

    It takes the same way as any others, so that the failure gets its log line, and so that a
    stranger meets the same checks in the same order.
    """

    __slots__ = ("error",)

    def __init__(self, error: Exception) -> None:
        self.error = error

    def parse(self, schema: InputSchema) -> Any:
        raise self.error

    def preview(self) -> Mapping[str, Any]:
        return {}


#: For calls without any inputs.
EMPTY_PAYLOAD = TextPayload({})
