"""The evaluation of conditional requests and range requests for files (RFC 9110)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

_BASE36_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TAG: Final = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
# Longer numbers exceed the size of any file.
_RANGE: Final = re.compile(r"bytes=[ \t]*(\d{0,18})-(\d{0,18})[ \t]*", re.ASCII | re.IGNORECASE)


class Reply(NamedTuple):
    """The status of the response, the range of the file to send, and the headers for both."""

    status: int
    offset: int
    #: The number of bytes to send.
    length: int
    headers: dict[str, str]


def evaluate(
    method: str,
    headers: Mapping[str, str],
    *,
    size_bytes: int,
    modified_ns: int,
    ranges: bool = True,
) -> Reply:
    """Return the reply to a request for an existing file.

    Args:
        method: `GET` or `HEAD`.
        headers: The headers of the request, with case-insensitive names.
        size_bytes: The size of the file.
        modified_ns: Its modification time, in nanoseconds since the epoch.
        ranges: Whether range requests are supported.
    """
    tag = entity_tag(size_bytes=size_bytes, modified_ns=modified_ns)
    # HTTP dates have no fractions of a second.
    modified = _EPOCH + timedelta(seconds=modified_ns // 1_000_000_000)
    validators = {"ETag": f'"{tag}"', "Last-Modified": format_datetime(modified, usegmt=True)}
    if _precondition_failed(headers, tag, modified):
        return Reply(412, 0, 0, {})
    if _is_not_modified(headers, tag, modified):
        return Reply(304, 0, 0, validators)
    complete = Reply(200, 0, size_bytes, {**validators, "Accept-Ranges": "bytes"})
    range_header = headers.get("Range")
    if range_header is None or method != "GET" or not ranges:
        return complete
    if not _range_is_current(headers, validators):
        return complete
    return _partial_reply(range_header, complete, size_bytes)


def entity_tag(*, size_bytes: int, modified_ns: int) -> str:
    """Return the unquoted entity tag: both numbers in base 36, the time in milliseconds."""
    return f"{_base36(modified_ns // 1_000_000)}-{_base36(size_bytes)}"


def _precondition_failed(headers: Mapping[str, str], tag: str, modified: datetime) -> bool:
    if_match = headers.get("If-Match")
    if if_match is not None:
        return not _matches_tag(if_match, tag, weak=False)
    date = _parse_date(headers.get("If-Unmodified-Since"))
    return date is not None and modified > date


def _is_not_modified(headers: Mapping[str, str], tag: str, modified: datetime) -> bool:
    if_none_match = headers.get("If-None-Match")
    if if_none_match is not None:
        return _matches_tag(if_none_match, tag, weak=True)
    date = _parse_date(headers.get("If-Modified-Since"))
    return date is not None and modified <= date


def _matches_tag(header: str, tag: str, *, weak: bool) -> bool:
    """Return whether a list of tags, or `*`, contains `tag`; weak tags match only with `weak`."""
    if header.strip() == "*":
        return True
    return any(name == tag and (weak or not is_weak) for is_weak, name in _TAG.findall(header))


def _range_is_current(headers: Mapping[str, str], validators: Mapping[str, str]) -> bool:
    """Return whether the file is unchanged since the client received other ranges of it."""
    if_range = headers.get("If-Range")
    return if_range is None or if_range.strip() in validators.values()


def _partial_reply(range_header: str, complete: Reply, size_bytes: int) -> Reply:
    match = _RANGE.fullmatch(range_header.strip())
    # The complete file is a valid response to several ranges, another unit, or invalid syntax.
    if match is None:
        return complete
    first, last = match.groups()
    if not first and not last:
        return complete
    if first:
        start, end = int(first), min(int(last) if last else size_bytes, size_bytes - 1)
        if last and int(last) < start:
            return complete
    else:
        start, end = max(size_bytes - int(last), 0), size_bytes - 1
    if start > end:
        return Reply(416, 0, 0, {"Content-Range": f"bytes */{size_bytes}"})
    headers = {**complete.headers, "Content-Range": f"bytes {start}-{end}/{size_bytes}"}
    return Reply(206, start, end - start + 1, headers)


def _parse_date(header: str | None) -> datetime | None:
    if header is None:
        return None
    try:
        date = parsedate_to_datetime(header)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return date if date.tzinfo is not None else date.replace(tzinfo=UTC)


def _base36(number: int) -> str:
    if number < 0:
        return "-" + _base36(-number)
    text = ""
    while True:
        number, digit = divmod(number, 36)
        text = _BASE36_DIGITS[digit] + text
        if not number:
            return text
