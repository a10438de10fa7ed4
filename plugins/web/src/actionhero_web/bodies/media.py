"""The media types of request bodies, and the parsers of queries and urlencoded forms."""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache
from typing import Final

from actionhero import MalformedRequest, RequestTooLarge, TypedError, UnsupportedMediaType
from actionhero_web.routes.percent_encoding import percent_decode

#: The maximum number of fields of a query or a form.
FIELD_LIMIT: Final = 1000

_CHARSETS: Final = frozenset({"utf-8", "utf8"})
_MEDIA_TYPE_PATTERN: Final = re.compile(
    r"([!#$%&'*+.^_`|~0-9a-z-]+)/([!#$%&'*+.^_`|~0-9a-z-]+)", re.ASCII
)
_PARAMETER: Final = re.compile(
    r";[ \t]*([!#$%&'*+.^_`|~0-9a-z-]+)=(?:\"((?:[^\"\\]|\\.)*)\"|([^;\"]*))", re.ASCII
)


class MediaType(Enum):
    """The supported media types of request bodies."""

    #: There is no `Content-Type`.
    NONE = "none"
    JSON = "json"
    #: `application/x-www-form-urlencoded`.
    FORM = "form"
    MULTIPART = "multipart"
    #: Not supported.
    OTHER = "other"


_MEDIA_TYPES: Final = {
    "application/json": MediaType.JSON,
    "application/x-www-form-urlencoded": MediaType.FORM,
    "multipart/form-data": MediaType.MULTIPART,
}


def media_type_of(content_type: str | None) -> MediaType:
    """Return the media type in a `Content-Type` header.

    Raises:
        UnsupportedMediaType: It is JSON or a form with a charset other than UTF-8.
    """
    if not content_type:
        return MediaType.NONE
    media_type, charset = _parse_content_type(content_type)
    if charset is not None and charset not in _CHARSETS:
        raise UnsupportedMediaType(f"Unsupported charset {charset[:100]!r}; send UTF-8")
    return media_type


def parse_query(encoded_query: str) -> dict[str, list[str]]:
    """Return the fields of a query: all values in order, by name.

    Args:
        encoded_query: The undecoded part of the URL after `?`.

    Raises:
        MalformedRequest: It is not percent-encoded UTF-8, or has more fields than `FIELD_LIMIT`.
    """
    if not encoded_query:
        return {}
    return _parse_fields(encoded_query, "query", MalformedRequest)


def parse_form(body: bytes) -> dict[str, list[str]]:
    """Return the fields of an urlencoded form: all values in order, by name.

    Raises:
        MalformedRequest: It is not percent-encoded UTF-8.
        RequestTooLarge: It has more fields than `FIELD_LIMIT`.
    """
    if not body:
        return {}
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise MalformedRequest("The form is not UTF-8") from None
    return _parse_fields(text, "form", RequestTooLarge)


def _parse_fields(text: str, source: str, limit_error: type[TypedError]) -> dict[str, list[str]]:
    if text.count("&") >= FIELD_LIMIT:
        raise limit_error(f"The {source} has more than {FIELD_LIMIT} fields")
    fields: dict[str, list[str]] = {}
    is_plain = text.isascii() and "%" not in text and "+" not in text
    for pair in text.split("&"):
        if not pair:
            continue
        name, _, value = pair.partition("=")
        if not is_plain:
            try:
                name = percent_decode(name.replace("+", " "))
                value = percent_decode(value.replace("+", " "))
            except ValueError:
                raise MalformedRequest(f"The {source} is not percent-encoded UTF-8") from None
        values = fields.get(name)
        if values is None:
            fields[name] = [value]
        else:
            values.append(value)
    return fields


@lru_cache(maxsize=256)
def _parse_content_type(content_type: str) -> tuple[MediaType, str | None]:
    """Return the media type, and the lowercase charset if it is specified and relevant."""
    text, separator, _ = content_type.partition(";")
    match = _MEDIA_TYPE_PATTERN.fullmatch(text.strip().lower())
    if match is None:
        return MediaType.OTHER, None
    media_type = _MEDIA_TYPES.get(match[0], MediaType.OTHER)
    if media_type is MediaType.OTHER and match[2].endswith("+json"):
        media_type = MediaType.JSON
    # Each part of a multipart body has its own charset.
    if not separator or media_type not in {MediaType.JSON, MediaType.FORM}:
        return media_type, None
    for parameter in _PARAMETER.finditer(content_type.lower(), len(text)):
        name, quoted, token = parameter.groups()
        if name == "charset":
            return media_type, quoted if quoted is not None else token.strip()
    return media_type, None
