"""The combination of repeated headers: lists in several lines, and values of which one is valid.

aiohttp, and most code, reads the first line alone. Of `Origin`, `Range` and `If-Range`, which must
not be repeated, several lines make an invalid value, which no check takes for a valid one.
"""

from __future__ import annotations

import re
from typing import Final

from actionhero_web.connections.request_head import LINE_LIMIT_BYTES, RejectedRequest

_COMBINED: Final = (
    b"accept", b"accept-encoding", b"access-control-request-headers", b"cookie", b"if-match",
    b"if-none-match", b"if-range", b"origin", b"range",
)  # fmt: skip
_NAMES: Final = re.compile(rb"\r\n(" + b"|".join(_COMBINED) + rb"):", re.IGNORECASE)


def combine_repeated_headers(head: bytes) -> bytes:
    """Return a valid head in which each of these headers has one line, in its first place.

    The lines are joined by a comma (RFC 9110 §5.3), those of `Cookie` by a semicolon: proxies split
    it between HTTP/2 and HTTP/1.1 (RFC 9113 §8.2.3).

    Args:
        head: All bytes up to and including the empty line. A head without repetitions is returned
            as it is.

    Raises:
        RejectedRequest: The combined line is too long for aiohttp's parsers.
    """
    names = [name.lower() for name in _NAMES.findall(head)]
    if len(names) == len(set(names)):
        return head
    combined: dict[bytes, bytes] = {}
    line, *lines = head[:-4].split(b"\r\n")
    for number, header in enumerate(lines):
        name, _, value = header.partition(b":")
        key = name.lower() if name.lower() in _COMBINED else b"%d" % number
        value = value.strip(b" \t")
        if key not in combined:
            combined[key] = b"%b: %b" % (name, value)
        elif value:
            combined[key] += (b"; " if key == b"cookie" else b", ") + value
            if len(combined[key]) > LINE_LIMIT_BYTES:
                raise RejectedRequest(
                    431, f"the headers {name.decode()!r} exceed {LINE_LIMIT_BYTES} bytes together"
                )
    return b"\r\n".join((line, *combined.values())) + b"\r\n\r\n"
