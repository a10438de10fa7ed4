"""The one strict JSON reader, and the writer that gives the same bytes with and without orjson."""

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
except ImportError:  # the writer of pydantic-core does its work then
    orjson = None  # type: ignore[assignment]

#: How many arrays and objects may stand inside one another.
MAX_DEPTH: Final = 64

# Below this many digits in a row, a number needs an exponent of three digits to leave the floats.
_LONG_NUMBER: Final = b"0" * 200
# The shortest integer that may not fit into 64 bits.
_LONG_INTEGER: Final = b"0" * 19


def _translation(**groups: str) -> bytes:
    """Return a table for `bytes.translate` where each group becomes one byte, the rest a space."""
    table = bytearray(b" " * 256)
    for characters in groups.values():
        for character in characters[1:].encode():
            table[character] = ord(characters[0])
    return bytes(table)


# One look at a body costs one pass: what is harmless becomes a space, all digits a 0 and so on.
_CLASSES: Final = _translation(
    opening="[[{", digit="00123456789", exponent="eeE", constant="!NI", escape="\\\\"
)
_OPENING, _CONSTANT, _ESCAPE = b"[!\\"

# What is left of a body to see at once that there is nothing to look for.
_NO_MARKS: Final = bytes(set(range(256)) - set(b"[{\\0123456789"))
_FEW_MARKS: Final = len(_LONG_INTEGER)
_BACKSLASH: Final = ord("\\")

# Quotes and brackets alone, of one kind; what closes is told from what opens, that is enough.
_BRACKETS: Final = bytes.maketrans(b"{}", b"[]")
_STEPS: Final = bytes.maketrans(b"[]", b"\x01\xff")  # as signed bytes: 1 and -1
_ROUNDS: Final = 4
_NOT_STRUCTURE: Final = bytes(set(range(256)) - set(b'[]{}"'))

_QUOTED: Final = re.compile(rb'"[^"]*+"')
_STRING: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
# A run of backslashes is read in pairs from its start: only an odd one escapes what follows.
_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*+\\u0000")
_BIG_EXPONENT: Final = re.compile(rb"[0-9][eE]\+?0*+[1-9][0-9]{2}")
# Each starts at the first digit of a run, so that a long run is not read once per digit.
_PERHAPS_TOO_BIG: Final = re.compile(
    rb"(?<![0-9])[0-9]++(?:\.[0-9]++)?+[eE]\+?0*+[1-9][0-9]{2,}+"
    rb"|(?<![0-9])[0-9]{200,}+(?:\.[0-9]++(?:[eE]\+?[0-9]++)?+|[eE]\+?[0-9]++)"
)


def loads(data: bytes | bytearray | str) -> Any:
    """Read a JSON document, strictly: RFC 8259 in UTF-8, and within our limits.

    Of two equal keys the last wins. Integers keep all their digits.

    Raises:
        MalformedRequest: It is not JSON, has a byte order mark, nests deeper than `MAX_DEPTH`, or
            has `NaN`, an infinity, a lone surrogate, a NUL in a string, an integer of more than
            4300 digits or a number beyond the floats. The message never repeats the content.
    """
    body = _encoded(data) if isinstance(data, str) else data
    if orjson is not None:
        # With so few of them, nothing is too deep, and no integer too long for orjson.
        marks = body.translate(None, _NO_MARKS)
        if len(marks) < _FEW_MARKS and _BACKSLASH not in marks:
            try:
                return orjson.loads(body)
            except ValueError:
                # The parser below tells better what is wrong.
                pass
    # What the parser refuses by itself need not be looked for.
    _check(body, body.translate(_CLASSES))
    try:
        return from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise _unreadable(error) from None


def check(data: bytes | bytearray) -> None:
    """Refuse what pydantic's `validate_json` would let pass and `loads` does not.

    Both together are as strict as `loads`, and no tree is built in between. Whatever else is wrong
    with the document is reported by pydantic, as an error of the type `json_invalid`.

    Raises:
        MalformedRequest: See `loads`.
    """
    classes = data.translate(_CLASSES)
    # A byte is looked for as an integer, eight times as fast as a string of one byte.
    if _CONSTANT in classes and (data.find(b"NaN") >= 0 or data.find(b"Infinity") >= 0):
        _refuse_constant(data)
    _check(data, classes)


def _check(data: bytes | bytearray, classes: bytes | bytearray) -> None:
    if _ESCAPE in classes and data.find(b"\\u0000") >= 0:
        _refuse_nul(data)
    if classes.count(_OPENING) > MAX_DEPTH:
        _refuse_depth(data)
    # Neither an exponent nor a number leaves the floats without three digits in a row.
    if classes.find(b"000") >= 0 and (
        (classes.find(b"0e") >= 0 and _BIG_EXPONENT.search(data))
        or (len(data) > len(_LONG_NUMBER) and classes.find(_LONG_NUMBER) >= 0)
    ):
        _refuse_overflow(data)


def has_long_integer(data: bytes) -> bool:
    """Tell whether 19 digits or more stand in a row, so that an integer may not fit in 64 bits.

    Digits inside a string count too: a yes means that a closer look is due, a no is final.
    """
    return data.translate(_CLASSES).find(_LONG_INTEGER) >= 0


def dumps(value: Any) -> bytes:
    """Write `value` as compact JSON in UTF-8.

    Times are ISO 8601, with `Z` for UTC; `NaN` and infinities are null; models are written by their
    own serializer, with their aliases; secrets are masked; integers keep all their digits; a lone
    surrogate becomes U+FFFD.

    Raises:
        TypeError: Something in `value` cannot be written. The message names its type.
    """
    if orjson is not None:
        try:
            return orjson.dumps(value, _fragment, _ORJSON_OPTIONS)
        except TypeError:
            # Integers above 64 bits, keys that are no strings, lone surrogates: all rare.
            pass
    return _with_pydantic(value)


def dumps_pretty(value: Any) -> bytes:
    """Write `value` like `dumps`, indented by two spaces and followed by CRLF.

    Raises:
        TypeError: Something in `value` cannot be written. The message names its type.
    """
    return _with_pydantic(value, indent=2) + b"\r\n"


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise _malformed("a lone surrogate", text[: error.start].encode()) from None


def _unreadable(error: ValueError) -> MalformedRequest:
    # The parser names what it expected, and where; it never quotes what it found.
    return MalformedRequest(f"Invalid JSON: {error}")


def _refuse_constant(data: bytes | bytearray) -> None:
    # It may stand in a string, and only the parser knows.
    try:
        from_json(data, allow_inf_nan=False)
    except ValueError as error:
        raise _unreadable(error) from None


def _refuse_nul(data: bytes | bytearray) -> None:
    found = _NUL.search(data)
    if found is not None:
        raise _malformed("a NUL character in a string", data[: found.end() - len("\\u0000")])


def _refuse_depth(data: bytes | bytearray) -> None:
    # Without the escapes, strings without brackets are pairs of quotes, and mostly that is all.
    bare = data.replace(b"\\\\", b"").replace(b'\\"', b"") if b"\\" in data else data
    brackets = bare.translate(_BRACKETS, _NOT_STRUCTURE).replace(b'""', b"")
    if b'"' in brackets:
        brackets = _QUOTED.sub(b"", brackets)
    # Each round takes the innermost level off, far faster than counting, which does the rest.
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


def _malformed(what: str, before: bytes | bytearray) -> MalformedRequest:
    line = before.count(b"\n") + 1
    column = len(before) - before.rfind(b"\n")
    return MalformedRequest(f"Invalid JSON: {what} at line {line} column {column}")


def _with_pydantic(value: Any, indent: int | None = None) -> bytes:
    try:
        return to_json(value, indent=indent, inf_nan_mode="null")
    except (PydanticSerializationError, ValueError):
        return _with_repairs(value, indent)


def _fragment(value: Any) -> Any:
    if type(value) is datetime and (value.tzinfo is UTC or value.tzinfo is None):
        # Frequent, and in this way at half the price.
        return orjson.Fragment(orjson.dumps(value, None, orjson.OPT_UTC_Z))
    if isinstance(value, Iterator):
        # Once read, it is empty for the second attempt, should there be one.
        raise TypeError
    return orjson.Fragment(to_json(value, inf_nan_mode="null"))


def _with_repairs(value: Any, indent: int | None) -> bytes:
    """Write what the engines refuse because of lone surrogates, or say which type is to blame."""
    unknown: list[str] = []

    def remember(value: Any) -> Any:
        unknown.append(type(value).__qualname__)
        raise TypeError

    try:
        return to_json(_plain(value), indent=indent, inf_nan_mode="null", fallback=remember)
    except RecursionError:
        reason = "a value that contains itself, or nests too deep, cannot be written as JSON"
        raise TypeError(reason) from None
    except (PydanticSerializationError, ValueError) as error:
        if unknown:
            reason = (
                f"a value of type {unknown[0]!r} cannot be written as JSON; "
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


#: How `dumps` can write, by the name of the library: the same bytes, at different speed.
ENGINES: Final[dict[str, Callable[[Any], bytes]]] = {"pydantic-core": _with_pydantic}
if orjson is not None:
    ENGINES["orjson"] = dumps
    # By itself, orjson leaves out fields of dataclasses that start with an underscore, and writes a
    # time of 10 ms after midnight as 100 ms.
    _ORJSON_OPTIONS: Final = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME


def encode(value: Any) -> bytes:
    """Return `value` as compact JSON; `None` is told as an empty object.

    Raises:
        TypeError: Something in `value` cannot be written as JSON; the message names its type.
    """
    if value is None:
        return b"{}"
    if isinstance(value, BaseModel):
        # The model's own serializer, in one step: aliases, computed fields, custom serializers.
        try:
            return value.__pydantic_serializer__.to_json(value, by_alias=True)
        except ValueError:
            # Perhaps no more than a lone surrogate, which the writer below repairs.
            return dumps(value)
    return dumps(value)
