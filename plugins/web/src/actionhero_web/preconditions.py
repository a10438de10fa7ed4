"""What to answer when a client asks for a file on conditions, or for a part of it (RFC 9110)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TAG: Final = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
# More digits than any file has bytes would only cost time.
_RANGE: Final = re.compile(r"bytes=[ \t]*(\d{0,18})-(\d{0,18})[ \t]*", re.ASCII | re.IGNORECASE)


class Reply(NamedTuple):
    """A status, what to send of the file, and the headers that follow from both."""

    status: int
    offset: int
    #: How many bytes are sent.
    length: int
    headers: dict[str, str]


def decide(
    method: str,
    headers: Mapping[str, str],
    *,
    size_bytes: int,
    modified_ns: int,
    ranges: bool = True,
) -> Reply:
    """Return the answer to a request for a file that is there.

    Args:
        method: `GET` or `HEAD`.
        headers: Of the request; names in any case.
        size_bytes: Of the file.
        modified_ns: When it was changed, in nanoseconds since the epoch.
        ranges: Whether a part may be sent.
    """
    tag = entity_tag(size_bytes=size_bytes, modified_ns=modified_ns)
    # Dates have no fractions here, so a file is as old as the second it was changed in.
    modified = _EPOCH + timedelta(seconds=modified_ns // 1_000_000_000)
    validators = {"ETag": f'"{tag}"', "Last-Modified": format_datetime(modified, usegmt=True)}
    if _is_other_than_expected(headers, tag, modified):
        return Reply(412, 0, 0, {})
    if _is_known(headers, tag, modified):
        return Reply(304, 0, 0, validators)
    whole = Reply(200, 0, size_bytes, {**validators, "Accept-Ranges": "bytes"})
    asked = headers.get("Range")
    if asked is None or method != "GET" or not ranges:
        return whole
    if not _range_still_fits(headers, validators):
        return whole
    return _part(asked, whole, size_bytes)


def entity_tag(*, size_bytes: int, modified_ns: int) -> str:
    """Return the tag of a file, without quotes: both numbers in base 36, time in milliseconds."""
    return f"{_base36(modified_ns // 1_000_000)}-{_base36(size_bytes)}"


def _is_other_than_expected(headers: Mapping[str, str], tag: str, modified: datetime) -> bool:
    expected = headers.get("If-Match")
    if expected is not None:
        return not _names_tag(expected, tag, weak=False)
    latest = _date(headers.get("If-Unmodified-Since"))
    return latest is not None and modified > latest


def _is_known(headers: Mapping[str, str], tag: str, modified: datetime) -> bool:
    known = headers.get("If-None-Match")
    if known is not None:
        return _names_tag(known, tag, weak=True)
    seen = _date(headers.get("If-Modified-Since"))
    return seen is not None and modified <= seen


def _names_tag(header: str, tag: str, *, weak: bool) -> bool:
    """Tell whether a list of tags, or `*`, covers `tag`; weak ones count only for `weak`."""
    if header.strip() == "*":
        return True
    return any(name == tag and (weak or not is_weak) for is_weak, name in _TAG.findall(header))


def _range_still_fits(headers: Mapping[str, str], validators: Mapping[str, str]) -> bool:
    """Tell whether the part still belongs to what the client has the other parts of."""
    condition = headers.get("If-Range")
    return condition is None or condition.strip() in validators.values()


def _part(asked: str, whole: Reply, size_bytes: int) -> Reply:
    found = _RANGE.fullmatch(asked.strip())
    # Several ranges, another unit, or nonsense: all of it is a correct answer to each.
    if found is None:
        return whole
    first, last = found.groups()
    if not first and not last:
        return whole
    if first:
        start, end = int(first), min(int(last) if last else size_bytes, size_bytes - 1)
        if last and int(last) < start:
            return whole
    else:
        start, end = max(size_bytes - int(last), 0), size_bytes - 1
    if start > end:
        return Reply(416, 0, 0, {"Content-Range": f"bytes */{size_bytes}"})
    told = {**whole.headers, "Content-Range": f"bytes {start}-{end}/{size_bytes}"}
    return Reply(206, start, end - start + 1, told)


def _date(header: str | None) -> datetime | None:
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
        text = _DIGITS[digit] + text
        if not number:
            return text
