"""Payloads: the inputs of a call as the transport received them, before validation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from actionhero import json
from actionhero.errors import MalformedRequest
from actionhero.inputs.decoded_values import decoded_object
from actionhero.inputs.headers import Header, header_items

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

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
    """A JSON object that the transport has parsed, as a part of a message.

    Args:
        values: The object.
        refuse_unknown: Whether undeclared names are an error.
        is_plain: Whether it was parsed by `loads_plain`.
    """

    __slots__ = ("is_plain", "refuse_unknown", "values")

    def __init__(
        self, values: Mapping[str, Any], *, refuse_unknown: bool = False, is_plain: bool = False
    ) -> None:
        self.values = values
        self.refuse_unknown = refuse_unknown
        self.is_plain = is_plain

    def parse(self, schema: InputSchema) -> Any:
        return schema.from_parsed(
            self.values, refuse_unknown=self.refuse_unknown, is_plain=self.is_plain
        )

    def preview(self) -> Mapping[str, Any]:
        return self.values


class TextPayload:
    """Texts by name, from a path, a query, a form or a command line; each is coerced.

    Args:
        text: All values of each name, in order.
        refuse_unknown: Whether undeclared names are an error.
    """

    __slots__ = ("refuse_unknown", "text")

    def __init__(self, text: Mapping[str, Sequence[Any]], *, refuse_unknown: bool = False) -> None:
        self.text = text
        self.refuse_unknown = refuse_unknown

    def parse(self, schema: InputSchema) -> Any:
        return schema.from_text(self.text, refuse_unknown=self.refuse_unknown)

    def preview(self) -> Mapping[str, Any]:
        return {
            name: values[-1] if len(values) == 1 else values for name, values in self.text.items()
        }


class FormFields(dict[str, "list[Any]"]):
    """The fields of a form: all values in order, texts and files, by name."""

    __slots__ = ()


class MixedPayload:
    """Inputs of several sources: path parameters override the body, which overrides the query.

    Args:
        path: The parameters of the path, all texts of each name.
        body: A JSON object in bytes (empty bytes are an empty object), an object that a decoder
            has parsed, or the fields of a form.
        query: The parameters of the query, all texts of each name.
        headers: The values of the headers that `InputSchema.header_names` lists, by these names;
            `None` over a transport without headers.
        cookies: The values of the cookies that `InputSchema.cookie_names` lists, likewise.
    """

    __slots__ = ("_others", "body", "cookies", "headers", "path", "query")

    def __init__(
        self,
        path: Mapping[str, Sequence[Any]],
        body: bytes | FormFields | Mapping[str, Any],
        query: Mapping[str, Sequence[Any]],
        *,
        headers: Mapping[str, Sequence[str]] | None = None,
        cookies: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.path = path
        self.body = body
        self.query = query
        self.headers = headers
        self.cookies = cookies
        #: The texts from headers and cookies, by input.
        self._others: dict[str, Sequence[Any]] = {}

    def parse(self, schema: InputSchema) -> Any:
        path, body, query = self.path, self.body, self.query
        if isinstance(body, bytes):
            body = json.loads_object(body) if body else {}
        elif not isinstance(body, FormFields):
            body = decoded_object(body)
        if self.headers is not None or self.cookies is not None:
            hidden = self._read_headers(schema)
            path, query, body = (_without(hidden, source) for source in (path, query, body))
        return schema.from_sources(
            path, body, query, self._others, form=isinstance(body, FormFields)
        )

    def _read_headers(self, schema: InputSchema) -> set[str]:
        """Read the inputs from headers and cookies; return all names of these inputs."""
        hidden: set[str] = set()
        for sources, texts in ((schema.headers, self.headers), (schema.cookies, self.cookies)):
            if texts is None:
                continue
            for name, fields in sources.items():
                hidden.update(*(field.names for field in fields))
                if (values := texts.get(name)) is None:
                    continue
                for field in fields:
                    is_list = field.is_list and not field.is_structure
                    is_split = is_list and isinstance(field.source, Header)
                    self._others[field.name] = header_items(values) if is_split else values
        return hidden

    def preview(self) -> Mapping[str, Any]:
        body = self.body
        if isinstance(body, bytes):
            body = JsonPayload(body).preview()
        elif isinstance(body, FormFields):
            body = TextPayload(body).preview()
        sources = (self.query, self.path, self._others)
        query, path, others = (TextPayload(source).preview() for source in sources)
        return {**query, **body, **path, **others}


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
    """An instance of the inputs, which is not validated again; or a mapping of Python values.

    A mapping is validated where the inputs are a model or a dataclass.
    """

    __slots__ = ("instance",)

    def __init__(self, instance: Any) -> None:
        self.instance = instance

    def parse(self, schema: InputSchema) -> Any:
        instance = self.instance
        if instance is None:
            return schema.from_values({}, refuse_unknown=False)
        if isinstance(instance, Mapping) and not schema.is_mapping:
            return schema.from_values(instance, refuse_unknown=True)
        return instance

    def preview(self) -> Mapping[str, Any]:
        # The pipeline has the instance, unless it is a mapping.
        return self.instance if isinstance(self.instance, Mapping) else {}


class InvalidPayload:
    """An error of the transport in place of inputs.

    The call goes through the pipeline like any other: it is logged, and authentication comes
    before the error.
    """

    __slots__ = ("error",)

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def parse(self, schema: InputSchema) -> Any:
        raise self.error

    def preview(self) -> Mapping[str, Any]:
        return {}


def _without(names: set[str], source: Any) -> Any:
    """Return a source of inputs without some names."""
    if names.isdisjoint(source):
        return source
    rest = {name: source[name] for name in source if name not in names}
    return FormFields(rest) if isinstance(source, FormFields) else rest


class DeferredPayload:
    """Inputs that the transport reads once the caller is authorized.

    For actions with middleware that has `authorize`; see `Pipeline.authorizes`.

    Args:
        read: Returns the payload.
    """

    __slots__ = ("read",)

    def __init__(self, read: Callable[[], Awaitable[Payload]]) -> None:
        self.read = read

    def parse(self, schema: InputSchema) -> Any:
        raise TypeError("the payload has not been read")

    def preview(self) -> Mapping[str, Any]:
        return {}


#: The payload of a call without inputs.
EMPTY_PAYLOAD = TextPayload({})
