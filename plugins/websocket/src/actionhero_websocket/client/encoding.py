"""The JSON of inputs, and the refusal of inputs that the server could not read."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Set
from typing import Any, Final

from pydantic_core import to_jsonable_python

from actionhero.transport import dumps, find_unsupported
from actionhero_websocket.client.errors import InvalidInputs

#: The maximum nesting depth of inputs: that of the server's JSON reader, without the message and
#: its `params`.
MAX_DEPTH: Final = 62

_SCALARS: Final = frozenset({str, int, float, bool, type(None)})


def plain_inputs(inputs: Any) -> dict[str, Any]:
    """Return inputs in JSON types: a mapping, a model, a dataclass, or `None` without inputs.

    Secrets are not masked.

    Raises:
        InvalidInputs: A value is not JSON, is nested too deep, or contains what no server accepts:
            NUL, a lone surrogate, NaN or an infinity.
    """
    values = _plain({} if inputs is None else inputs, ())
    if not isinstance(values, dict):
        raise InvalidInputs((), f"they are {type(inputs).__qualname__!r}; pass a mapping")
    for location, message, _ in find_unsupported(values):
        raise InvalidInputs(location, message.replace("Input", "it").replace("The", "the"))
    return values


def encode_message(message: Mapping[str, Any], limit_bytes: int) -> str:
    """Return a message as JSON.

    Args:
        message: The message, in JSON types.
        limit_bytes: The size limit; 0: none. The server would close the connection, which would
            end all other calls.

    Raises:
        InvalidInputs: It is too large; names the largest input.
    """
    data = dumps(message)
    if limit_bytes and len(data) > limit_bytes:
        params = message.get("params") or {}
        sizes = {name: len(dumps(value)) for name, value in params.items()}
        largest = (max(sizes, key=lambda name: sizes[name]),) if sizes else ()
        raise InvalidInputs(
            largest, f"the message has {len(data)} bytes, and the limit is {limit_bytes}"
        )
    return data.decode()


def _plain(value: Any, location: tuple[Any, ...]) -> Any:
    if type(value) in _SCALARS:
        return value
    if hasattr(value, "get_secret_value"):
        return _plain(value.get_secret_value(), location)
    try:
        if hasattr(value, "model_dump"):
            # Not in JSON mode, which masks secrets.
            return _plain(value.model_dump(by_alias=True), location)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            names = [field.name for field in dataclasses.fields(value)]
            return _plain({name: getattr(value, name) for name in names}, location)
        if isinstance(value, Mapping | list | tuple | Set):
            if len(location) >= MAX_DEPTH:
                raise InvalidInputs(location, f"it is nested deeper than {MAX_DEPTH} levels")
            if isinstance(value, Mapping):
                return {
                    (key := _key(name)): _plain(item, (*location, key))
                    for name, item in value.items()
                }
            return [_plain(item, (*location, index)) for index, item in enumerate(value)]
        return to_jsonable_python(value, inf_nan_mode="constants")
    except InvalidInputs:
        raise
    except (TypeError, ValueError) as error:
        reason = f"a value of type {type(value).__qualname__!r} cannot be written as JSON"
        raise InvalidInputs(location, reason) from error


def _key(name: Any) -> str:
    return name if type(name) is str else next(iter(to_jsonable_python({name: None})))
