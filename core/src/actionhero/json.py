"""A strict JSON reader, and a JSON writer with the same output with and without orjson."""

from __future__ import annotations

import codecs
import dataclasses
import json
import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from datetime import UTC, datetime
from enum import Enum
from itertools import accumulate
from types import CoroutineType
from typing import Any, Final

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError, from_json, to_json

from actionhero.errors import MalformedRequest

try:
    import orjson
except ImportError:  # the writer of pydantic-core is used then
    orjson = None  # type: ignore[assignment]

#: The message of the error of a document that is not an object.
NOT_AN_OBJECT: Final = "the body must be a JSON object"
#: The maximum nesting depth of arrays and objects.
MAX_DEPTH: Final = 64

# A number with fewer digits in a row needs an exponent of three digits to overflow a float.
_LONG_NUMBER: Final = b"0" * 200
# orjson reads integers of more than 64 bits as floats; the shortest has 19 digits.
_ORJSON_LIMIT: Final = b"0" * 19


class UnsupportedType(TypeError):
    """Raised for a value of a type that JSON does not support; the message names the type.

    Args:
        message: The message.
        location: The keys and indexes that lead to the value.
        called: The name of the function whose coroutine the value is; empty for other values.
    """

    def __init__(self, message: str, location: tuple[Any, ...] = (), called: str = "") -> None:
        super().__init__(message)
        self.location = location
        self.called = called


def _translation(**groups: str) -> bytes:
    """Return a table for `bytes.translate`: each group becomes one byte, other bytes a space."""
    table = bytearray(b" " * 256)
    for characters in groups.values():
        for character in characters[1:].encode():
            table[character] = ord(characters[0])
    return bytes(table)


# One pass classifies the bytes of a body: digits become 0, insignificant bytes a space.
_CLASSES: Final = _translation(
    opening="[[{", digit="00123456789", exponent="eeE", constant="!NI", escape="\\\\"
)
_OPENING, _CONSTANT, _ESCAPE = b"[!\\"

# Braces become brackets: the depth counts opening and closing ones alike.
_BRACKETS: Final = bytes.maketrans(b"{}", b"[]")
_STEPS: Final = bytes.maketrans(b"[]", b"\x01\xff")  # as signed bytes: 1 and -1
_ROUNDS: Final = 4
_NOT_STRUCTURE: Final = bytes(set(range(256)) - set(b'[]{}"'))

_QUOTED: Final = re.compile(rb'"[^"]*+"')
#: NUL and halves of surrogate pairs, which escapes can express.
_SPECIAL_ESCAPE: Final = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_BIG_EXPONENT: Final = re.compile(rb"[0-9][eE]\+?0*+[1-9][0-9]{2}")
_HUGE_INTEGER: Final = re.compile(rb"[0-9]{4300}")
_BYTE_ORDER_MARKS: Final = {
    codecs.BOM_UTF8: "UTF-8",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


def loads(data: bytes | bytearray | str) -> Any:
    """Parse a JSON document: RFC 8259 in UTF-8, nested at most `MAX_DEPTH` levels deep.

    The last of duplicate keys wins. Integers keep all their digits; a number that overflows a
    float, and an integer of more than 4300 digits, become an infinity. Strings may contain NUL and
    lone surrogates: inputs refuse these values, with a pointer.

    Raises:
        MalformedRequest: The document is not JSON, has a byte order mark, is nested too deep, or
            contains `NaN` or an infinity. The message contains no part of the document.
    """
    body = data.encode(errors="surrogatepass") if isinstance(data, str) else data
    classes = body.translate(_CLASSES)
    if classes.count(_OPENING) > MAX_DEPTH:
        _refuse_depth(body)
    elif classes.find(_ORJSON_LIMIT) < 0 and orjson is not None:
        try:
            return orjson.loads(body)
        except ValueError:
            # The parser below has the better error message.
            pass
    try:
        return from_json(body, allow_inf_nan=False)
    except ValueError as error:
        if _SPECIAL_ESCAPE.search(body) or _HUGE_INTEGER.search(body):
            return _loads_leniently(body)
        raise _syntax_error(error, body) from None


def loads_plain(data: bytes | bytearray) -> Any:
    """Parse a document without escapes and long numbers, like `loads`; `None` for all others.

    The result contains nothing that inputs refuse: no NUL, lone surrogate or infinity.
    """
    classes = data.translate(_CLASSES)
    if (
        _ESCAPE in classes
        or classes.count(_OPENING) > MAX_DEPTH
        or classes.find(_ORJSON_LIMIT) >= 0
        or orjson is None
    ):
        return None
    try:
        # orjson refuses what would become an infinity.
        return orjson.loads(data)
    except ValueError:
        return None


def loads_object(data: bytes | bytearray | str) -> dict[str, Any]:
    """Parse a JSON object like `loads`.

    Raises:
        MalformedRequest: See `loads`; or the document is not an object.
    """
    value = loads(data)
    if not isinstance(value, dict):
        raise MalformedRequest(NOT_AN_OBJECT)
    return value


def check(data: bytes | bytearray) -> bool:
    """Check a document for what pydantic's `validate_json` accepts, and `loads` or inputs refuse.

    Together, this and `validate_json` are as strict as `loads`, without a tree in between. Pydantic
    reports other faults of the document as an error of the type `json_invalid`.

    Returns:
        Whether it may contain NUL, a lone surrogate or a number that overflows a float.

    Raises:
        MalformedRequest: It is nested too deep, or contains `NaN` or an infinity.
    """
    classes = data.translate(_CLASSES)
    # The search for an integer is eight times as fast as that for a string of one byte.
    if _CONSTANT in classes and (data.find(b"NaN") >= 0 or data.find(b"Infinity") >= 0):
        # The letters may be part of a string; the parser decides.
        loads(data)
    if classes.count(_OPENING) > MAX_DEPTH:
        _refuse_depth(data)
    if _ESCAPE in classes and _SPECIAL_ESCAPE.search(data):
        return True
    # An overflow of a float takes three digits in a row, in the exponent or in the number.
    return classes.find(b"000") >= 0 and (
        (classes.find(b"0e") >= 0 and _BIG_EXPONENT.search(data) is not None)
        or (len(data) > len(_LONG_NUMBER) and classes.find(_LONG_NUMBER) >= 0)
    )


def dumps(value: Any) -> bytes:
    """Serialize `value` as compact JSON in UTF-8.

    Times are ISO 8601, with `Z` for UTC; `NaN` and infinities become null; models use their own
    serializer, with aliases; secrets are masked; integers keep all their digits; a lone surrogate
    becomes U+FFFD.

    Raises:
        TypeError: A value cannot be serialized. The message names its type.
    """
    if orjson is not None:
        try:
            return orjson.dumps(value, _fragment, _ORJSON_OPTIONS)
        except TypeError:
            # Rare: integers of more than 64 bits, keys that are not strings, lone surrogates.
            pass
    return _with_pydantic(value)


def dumps_pretty(value: Any) -> bytes:
    """Serialize `value` like `dumps`, indented by two spaces and followed by CRLF.

    Raises:
        TypeError: A value cannot be serialized. The message names its type.
    """
    return _with_pydantic(value, indent=2) + b"\r\n"


def has_lone_surrogate(value: Any) -> bool:
    """Return whether a value contains a text that `dumps` changes."""
    try:
        _plain(value, str.encode)
    except UnicodeEncodeError:
        return True
    except (TypeError, ValueError, RecursionError):
        # It cannot be serialized at all.
        return False
    return False


def dumps_escaped(value: Any) -> bytes:
    """Serialize `value` like `dumps`, but with lone surrogates as escapes, which `loads` reads.

    Raises:
        TypeError: A value cannot be serialized.
        ValueError: It contains `NaN` or an infinity.
    """
    plain = _plain(value, str)
    return json.dumps(
        plain, allow_nan=False, separators=(",", ":"), default=lambda item: loads(dumps(item))
    ).encode()


def _syntax_error(error: ValueError, data: bytes | bytearray) -> MalformedRequest:
    for mark, encoding in _BYTE_ORDER_MARKS.items():
        if data.startswith(mark):
            return MalformedRequest(
                f"Invalid JSON: it starts with a byte order mark (BOM) of {encoding}; "
                "send UTF-8 without a BOM"
            )
    # The message has the expected token and the position, but no part of the document.
    reason = str(error).replace("invalid unicode code point", "it is not UTF-8,")
    return MalformedRequest(f"Invalid JSON: {reason}")


def _loads_leniently(data: bytes | bytearray) -> Any:
    """Parse a document with lone surrogates or huge integers, at the speed of `json`."""

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is not JSON")

    try:
        return json.loads(data.decode(), parse_int=_integer, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise _syntax_error(ValueError(str(error)), data) from None


def _integer(digits: str) -> int | float:
    try:
        return int(digits)
    except ValueError:
        return float("-inf" if digits.startswith("-") else "inf")


def _refuse_depth(data: bytes | bytearray) -> None:
    # Without escapes, a string without brackets is a pair of quotes, which is removed.
    bare = data.replace(b"\\\\", b"").replace(b'\\"', b"") if b"\\" in data else data
    brackets = bare.translate(_BRACKETS, _NOT_STRUCTURE).replace(b'""', b"")
    if b'"' in brackets:
        brackets = _QUOTED.sub(b"", brackets)
    # Each round removes the innermost level, which is far faster than counting.
    for _ in range(_ROUNDS):
        brackets = brackets.replace(b"[]", b"")
        if not brackets:
            return
    if max(accumulate(array("b", brackets.translate(_STEPS)))) > MAX_DEPTH - _ROUNDS:
        raise MalformedRequest(f"the JSON document is nested deeper than {MAX_DEPTH} levels")


def _with_pydantic(value: Any, indent: int | None = None) -> bytes:
    try:
        return to_json(value, indent=indent, inf_nan_mode="null")
    except (PydanticSerializationError, ValueError):
        return _with_repairs(value, indent)


def _fragment(value: Any) -> Any:
    if type(value) is datetime and (value.tzinfo is UTC or value.tzinfo is None):
        # A frequent case, twice as fast this way.
        return orjson.Fragment(orjson.dumps(value, None, orjson.OPT_UTC_Z))
    if isinstance(value, Iterator):
        # A second attempt would find the iterator exhausted.
        raise TypeError
    return orjson.Fragment(to_json(value, inf_nan_mode="null"))


def _with_repairs(value: Any, indent: int | None) -> bytes:
    """Serialize a value with lone surrogates, or raise an error that names the wrong type."""
    unsupported: list[Any] = []

    def remember(value: Any) -> Any:
        unsupported.append(value)
        raise TypeError

    try:
        return to_json(
            _plain(value, _repair), indent=indent, inf_nan_mode="null", fallback=remember
        )
    except RecursionError:
        reason = "a value that contains itself, or is nested too deep, cannot be written as JSON"
        raise TypeError(reason) from None
    except (PydanticSerializationError, ValueError) as error:
        if unsupported:
            raise _unsupported(unsupported[0], value) from None
        reason = f"a value of type {type(value).__qualname__!r} cannot be written as JSON"
        raise TypeError(reason) from error


def _unsupported(value: Any, document: Any) -> UnsupportedType:
    called, subject = "", f"a value of type {type(value).__qualname__!r}"
    remedy = "return plain data, a dataclass or a pydantic model"
    if isinstance(value, BaseException):
        remedy = "raise it"
    if type(value) is CoroutineType:
        called, subject = value.__name__, f"a coroutine of {value.__qualname__!r}"
        remedy = "did you forget 'await'?"
        # The error names it; Python would warn of it later.
        value.close()
    return UnsupportedType(
        f"{subject} cannot be written as JSON; {remedy}", _location(value, document) or (), called
    )


def _location(value: Any, document: Any) -> tuple[Any, ...] | None:
    """Return the keys and indexes that lead to a value in a document; `None` without it."""
    if document is value:
        return ()
    items: Iterable[tuple[Any, Any]] = ()
    if isinstance(document, Mapping):
        items = document.items()
    elif isinstance(document, list | tuple):
        items = enumerate(document)
    elif isinstance(document, BaseModel) or dataclasses.is_dataclass(document):
        items = getattr(document, "__dict__", {}).items()
    for key, item in items:
        if (inner := _location(value, item)) is not None:
            return (key, *inner)
    return None


def _repair(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _plain(value: Any, text: Callable[[str], Any]) -> Any:
    if isinstance(value, Enum):
        return _plain(value.value, text)
    if isinstance(value, str):
        return text(value)
    if isinstance(value, Mapping):
        return {
            text(key) if isinstance(key, str) else key: _plain(value[key], text) for key in value
        }
    if isinstance(value, list | tuple | Set):
        return [_plain(item, text) for item in value]
    if hasattr(value, "__pydantic_serializer__"):
        python = value.__pydantic_serializer__.to_python(value, mode="json", by_alias=True)
        return _plain(python, text)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: _plain(getattr(value, field.name), text)
            for field in dataclasses.fields(value)
        }
    if isinstance(value, Iterator):
        kind = type(value).__qualname__
        raise TypeError(f"a value of type {kind!r} cannot be written as JSON here; return a list")
    return value


#: The writers behind `dumps`, by the name of the library: the same bytes, at different speed.
ENGINES: Final[dict[str, Callable[[Any], bytes]]] = {"pydantic-core": _with_pydantic}
if orjson is not None:
    ENGINES["orjson"] = dumps
    # By default, orjson omits fields of dataclasses that start with an underscore, and writes a
    # time of 10 ms after midnight as 100 ms.
    _ORJSON_OPTIONS: Final = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME


def encode(value: Any) -> bytes:
    """Return the result of an action as compact JSON; `None` becomes an empty object.

    Raises:
        TypeError: A value cannot be serialized. The message names its type.
    """
    if value is None:
        return b"{}"
    if isinstance(value, BaseModel):
        # The model's own serializer, in one step: aliases, computed fields, custom serializers.
        try:
            return value.__pydantic_serializer__.to_json(value, by_alias=True)
        except ValueError:
            # It may be a lone surrogate, which `dumps` replaces.
            return dumps(value)
    return dumps(value)
