"""`ResultType`: the expected type of a result, and results as values of it."""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from actionhero.transport import RegisteredAction, dumps, pointer_to, with_portable_typed_dicts
from actionhero_websocket.client.errors import InvalidResult
from actionhero_websocket.client.events import decode_data

if TYPE_CHECKING:
    from collections.abc import Iterator


class ResultType(NamedTuple):
    """An action as a client calls it.

    Args:
        name: The name of the action.
        type: The type of its result, or of its items; `Any`: not validated.
    """

    name: str
    type: Any = Any

    @classmethod
    def of(cls, action: str | type, type: Any = None) -> ResultType:
        """Return the name of an action, and the type of its result.

        Args:
            action: The name, or the class, whose return annotation is the type.
            type: Another type.
        """
        if isinstance(action, str):
            return cls(action, Any if type is None else type)
        registered = _registered(action)
        declared = Any if registered.outputs.is_open else registered.outputs.type
        return cls(registered.name, declared if type is None else type)

    def parse(self, response: Any) -> Any:
        """Return a response as a value of the type.

        Raises:
            InvalidResult: It does not match the type.
        """
        if self.type is Any:
            return response
        first_error: ValidationError | None = None
        for value in _readings(response):
            try:
                # As JSON: strict models accept text for dates there.
                return _adapter(self.type).validate_json(dumps(value))
            except ValidationError as error:
                first_error = first_error or error
        assert first_error is not None  # noqa: S101 - there is at least one reading
        detail = first_error.errors(include_url=False)[0]
        place = pointer_to(detail["loc"]) or "the value"
        raise InvalidResult(self.name, response, f"{place}: {detail['msg']}") from first_error

    def parse_item(self, text: str) -> Any:
        """Return the data of an event as a value of the type: JSON, or text as it is.

        Raises:
            InvalidResult: It does not match the type.
        """
        if self.type is str:
            # It may look like JSON.
            return text
        value = decode_data(text)
        try:
            return self.parse(value)
        except InvalidResult:
            with suppress(InvalidResult):
                return self.parse(text)
            raise


def _readings(response: Any) -> Iterator[Any]:
    """Yield the values that the server writes as a response.

    A list is an object with its indexes as keys, and `None` is an empty object.
    """
    yield response
    if isinstance(response, dict):
        if list(response) == [str(index) for index in range(len(response))]:
            yield list(response.values())
        if not response:
            yield None


@lru_cache
def _registered(action: type) -> RegisteredAction:
    return RegisteredAction(action, "client")


def _adapter(type_: Any) -> TypeAdapter[Any]:
    try:
        return _cached_adapter(type_)
    except TypeError:
        # An annotation with metadata that cannot be hashed.
        return TypeAdapter(with_portable_typed_dicts(type_))


@lru_cache
def _cached_adapter(type_: Any) -> TypeAdapter[Any]:
    return TypeAdapter(with_portable_typed_dicts(type_))
