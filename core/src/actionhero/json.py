"""A strict JSON reader, and a JSON writer with the same output with and without orjson."""

from __future__ import annotations

import dataclasses
import re
from array import array
from collections.abc import Callable, Iterator, Mapping, Set
from datetime import UTC, datetime
from enum import Enum
from itertools import accumulate
from typing import Any, Final

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError, from_json, to_json

from actionhero.errors import MalformedRequest

try:
    import orjson
except ImportError:  # the writer of pydantic-core is used then
    orjson = None  # type: ignore[assignment]

#: The maximum nesting depth of arrays and objects.
MAX_DEPTH: Final = 64

# A number with fewer digits in a row needs an exponent of three digits to overflow a float.
_LONG_NUMBER: Final = b"0" * 200
# orjson reads integers of more than 64 bits as floats; the shortest has 19 digits.
_ORJSON_DIGITS: Final = 19


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

# All bytes that no check looks at; a body without them is short.
_NO_MARKS: Final = bytes(set(range(256)) - set(b"[{\\0123456789"))
_BACKSLASH: Final = ord("\\")

# Braces become brackets: the depth counts opening and closing ones alike.
_BRACKETS: Final = bytes.maketrans(b"{}", b"[]")
_STEPS: Final = bytes.maketrans(b"[]", b"\x01\xff")  # as signed bytes: 1 and -1
_ROUNDS: Final = 4
_NOT_STRUCTURE: Final = bytes(set(range(256)) - set(b'[]{}"'))

_QUOTED: Final = re.compile(rb'"[^"]*+"')
_STRING: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
# Backslashes pair up from the start of a run: only an odd one escapes the next character.
_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*+\\u0000")
_BIG_EXPONENT: Final = re.compile(rb"[0-9][eE]\+?0*+[1-9][0-9]{2}")
# A match starts at the first digit of a run, so a long run is scanned once.
_PERHAPS_TOO_BIG: Final = re.compile(
    rb"(?<![0-9])[0-9]++(?:\.[0-9]++)?+[eE]\+?0*+[1-9][0-9]{2,}+"
    rb"|(?<![0-9])[0-9]{200,}+(?:\.[0-9]++(?:[eE]\+?[0-9]++)?+|[eE]\+?[0-9]++)"
)


def loads(data: bytes | bytearray | str) -> Any:
    """Parse a JSON document strictly: RFC 8259 in UTF-8, within the limits below.

    The last of duplicate keys wins. Integers keep all their digits.

    Raises:
        MalformedRequest: The document is not JSON, has a byte order mark, is nested deeper than
            `MAX_DEPTH`, or contains `NaN`, an infinity, a lone surrogate, a NUL in a string, an
            integer of more than 4300 digits, or a number that overflows a float. The message
            contains no part of the document.
    """
    body = _encoded(data) if isinstance(data, str) else data
    if orjson is not None:
        # With few brackets and digits, neither the depth nor an integer can exceed a limit.
        marks = body.translate(None, _NO_MARKS)
        if len(marks) < _ORJSON_DIGITS and _BACKSLASH not in marks:
            try:
                return orjson.loads(body)
            except ValueError:
                # The parser below has the better error message.
                pass
    # This parser refuses constants itself, so `_check` is enough.
    _check(body, body.translate(_CLASSES))
    try:
        return from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise _syntax_error(error) from None


def check(data: bytes | bytearray) -> None:
    """Check a document for the faults that `loads` refuses and pydantic's `validate_json` accepts.

    Together, this and `validate_json` are as strict as `loads`, without a tree in between. Pydantic
    reports other faults of the document as an error of the type `json_invalid`.

    Raises:
        MalformedRequest: See `loads`.
    """
    classes = data.translate(_CLASSES)
    # The search for an integer is eight times as fast as that for a string of one byte.
    if _CONSTANT in classes and (data.find(b"NaN") >= 0 or data.find(b"Infinity") >= 0):
        _refuse_constant(data)
    _check(data, classes)


def _check(data: bytes | bytearray, classes: bytes | bytearray) -> None:
    if _ESCAPE in classes and data.find(b"\\u0000") >= 0:
        _refuse_nul(data)
    if classes.count(_OPENING) > MAX_DEPTH:
        _refuse_depth(data)
    # An overflow of a float takes three digits in a row, in the exponent or in the number.
    if classes.find(b"000") >= 0 and (
        (classes.find(b"0e") >= 0 and _BIG_EXPONENT.search(data))
        or (len(data) > len(_LONG_NUMBER) and classes.find(_LONG_NUMBER) >= 0)
    ):
        _refuse_overflow(data)


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


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise _malformed("a lone surrogate", text[: error.start].encode()) from None


def _syntax_error(error: ValueError) -> MalformedRequest:
    # The message has the expected token and the position, but no part of the document.
    return MalformedRequest(f"Invalid JSON: {error}")


def _refuse_constant(data: bytes | bytearray) -> None:
    # The letters may be part of a string; the parser decides.
    try:
        from_json(data, allow_inf_nan=False)
    except ValueError as error:
        raise _syntax_error(error) from None


def _refuse_nul(data: bytes | bytearray) -> None:
    match = _NUL.search(data)
    if match is not None:
        raise _malformed("a NUL character in a string", data[: match.end() - len("\\u0000")])


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
        raise MalformedRequest(f"Invalid JSON: nested deeper than {MAX_DEPTH} levels")


def _refuse_overflow(data: bytes | bytearray) -> None:
    for number in _PERHAPS_TOO_BIG.findall(_STRING.sub(b"", data)):
        if float(number) == float("inf"):
            raise MalformedRequest("Invalid JSON: a number too large for a float")


def _malformed(fault: str, before: bytes | bytearray) -> MalformedRequest:
    line = before.count(b"\n") + 1
    column = len(before) - before.rfind(b"\n")
    return MalformedRequest(f"Invalid JSON: {fault} at line {line} column {column}")


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
    unsupported: list[str] = []

    def remember(value: Any) -> Any:
        unsupported.append(type(value).__qualname__)
        raise TypeError

    try:
        return to_json(_plain(value), indent=indent, inf_nan_mode="null", fallback=remember)
    except RecursionError:
        reason = "a value that contains itself, or is nested too deep, cannot be written as JSON"
        raise TypeError(reason) from None
    except (PydanticSerializationError, ValueError) as error:
        if unsupported:
            reason = (
                f"a value of type {unsupported[0]!r} cannot be written as JSON; "
                "return plain data, a dataclass or a pydantic model"
            )
        else:
            reason = f"a value of type {type(value).__qualname__!r} cannot be written as JSON"
        raise TypeError(reason) from error


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return _plain(value.value)
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, Mapping):
        return {_plain(key) if isinstance(key, str) else key: _plain(value[key]) for key in value}
    if isinstance(value, list | tuple | Set):
        return [_plain(item) for item in value]
    if hasattr(value, "__pydantic_serializer__"):
        return _plain(value.__pydantic_serializer__.to_python(value, mode="json", by_alias=True))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)
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
