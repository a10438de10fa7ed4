"""What a request carries: its media type, and the fields of queries and forms."""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache
from typing import Final

from actionhero import MalformedRequest, RequestTooLarge, TypedError, UnsupportedMediaType
from actionhero_web import percent_encoding

#: How many fields a query or a form may have.
FIELD_LIMIT: Final = 1000

_CHARSETS: Final = frozenset({"utf-8", "utf8"})
_MEDIA_TYPE: Final = re.compile(r"([!#$%&'*+.^_`|~0-9a-z-]+)/([!#$%&'*+.^_`|~0-9a-z-]+)", re.ASCII)
_PARAMETER: Final = re.compile(
    r";[ \t]*([!#$%&'*+.^_`|~0-9a-z-]+)=(?:\"((?:[^\"\\]|\\.)*)\"|([^;\"]*))", re.ASCII
)


class Media(Enum):
    """The kinds of request bodies, as far as we tell them apart."""

    #: Nothing is said.
    NONE = "none"
    JSON = "json"
    #: `application/x-www-form-urlencoded`.
    FORM = "form"
    MULTIPART = "multipart"
    #: Something that we do not read.
    OTHER = "other"


_KINDS: Final = {
    "application/json": Media.JSON,
    "application/x-www-form-urlencoded": Media.FORM,
    "multipart/form-data": Media.MULTIPART,
}


def kind(content_type: str | None) -> Media:
    """Return what kind of body a `Content-Type` header announces.

    Raises:
        UnsupportedMediaType: It is JSON or a form, and in another charset than UTF-8.
    """
    if not content_type:
        return Media.NONE
    media, charset = _read(content_type)
    if charset is not None and charset not in _CHARSETS:
        raise UnsupportedMediaType(f"Unsupported charset {charset[:100]!r}; send UTF-8")
    return media


def parse_query(raw_query: str) -> dict[str, list[str]]:
    """Return the fields of a query: by name, all values, in order.

    Args:
        raw_query: What stands after the `?`, as it was sent.

    Raises:
        MalformedRequest: It is not percent-encoded UTF-8, or has more fields than `FIELD_LIMIT`.
    """
    if not raw_query:
        return {}
    too_many = MalformedRequest
    return _parse(raw_query, "query", too_many)


def parse_form(body: bytes) -> dict[str, list[str]]:
    """Return the fields of an urlencoded form: by name, all values, in order.

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
    return _parse(text, "form", RequestTooLarge)


def _parse(text: str, where: str, too_many: type[TypedError]) -> dict[str, list[str]]:
    if text.count("&") >= FIELD_LIMIT:
        raise too_many(f"The {where} has more than {FIELD_LIMIT} fields")
    fields: dict[str, list[str]] = {}
    is_plain = text.isascii() and "%" not in text and "+" not in text
    for pair in text.split("&"):
        if not pair:
            continue
        name, _, value = pair.partition("=")
        if not is_plain:
            try:
                name = percent_encoding.decode(name.replace("+", " "))
                value = percent_encoding.decode(value.replace("+", " "))
            except ValueError:
                raise MalformedRequest(f"The {where} is not percent-encoded UTF-8") from None
        values = fields.get(name)
        if values is None:
            fields[name] = [value]
        else:
            values.append(value)
    return fields


@lru_cache(maxsize=256)
def _read(content_type: str) -> tuple[Media, str | None]:
    """Return the kind, and the charset where it matters and is told, in small letters."""
    media_type, separator, _ = content_type.partition(";")
    found = _MEDIA_TYPE.fullmatch(media_type.strip().lower())
    if found is None:
        return Media.OTHER, None
    media = _KINDS.get(found[0], Media.OTHER)
    if media is Media.OTHER and found[2].endswith("+json"):
        media = Media.JSON
    # The parts of a multipart body tell their charsets themselves.
    if not separator or media not in {Media.JSON, Media.FORM}:
        return media, None
    for parameter in _PARAMETER.finditer(content_type.lower(), len(media_type)):
        name, quoted, plain = parameter.groups()
        if name == "charset":
            return media, quoted if quoted is not None else plain.strip()
    return media, None
