"""`RequestFramer`: splits the data of a connection into requests, and checks each head."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from actionhero_web.connections.chunked import ChunkedBody
from actionhero_web.connections.repeated_headers import combine_repeated_headers
from actionhero_web.connections.request_head import (
    PLAIN_REQUEST_LINE,
    PartialHead,
    RejectedRequest,
    check_request_head,
    origin_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from actionhero_web.connections.allowed_hosts import AllowedHosts

#: The number of checked headers that are remembered, and the largest of them.
REMEMBERED: Final = 512
REMEMBERED_BYTES: Final = 2048


class CheckedHeaders:
    """The headers that were valid before, and the length of the body that follows each.

    A client repeats its headers in all of its requests, so most checks are one lookup.

    Args:
        hosts: The names of the server.
    """

    def __init__(self, hosts: AllowedHosts) -> None:
        self.hosts = hosts
        #: The length of the body, by the bytes of the head after the request line.
        self.lengths: dict[bytes, int] = {}

    def remember(self, headers: bytes, length: int) -> None:
        """Add valid headers."""
        if len(headers) > REMEMBERED_BYTES:
            return
        if len(self.lengths) >= REMEMBERED:
            self.lengths.clear()
        self.lengths[headers] = length


class RequestFramer:
    """Splits the data of one connection.

    Args:
        checked: The headers that were valid before, on all connections.
    """

    __slots__ = (
        "_checked",
        "_chunks",
        "_has_upgrade",
        "_left",
        "_lengths",
        "_partial",
        "between_requests",
        "count",
        "in_upgrade",
    )

    def __init__(self, checked: CheckedHeaders) -> None:
        self._checked = checked
        self._lengths = checked.lengths
        self._partial: PartialHead | None = None
        self._chunks: ChunkedBody | None = None
        #: The number of bytes that follow of a body with a `Content-Length`.
        self._left = 0
        self._has_upgrade = False
        #: The number of heads so far.
        self.count = 0
        #: Whether the next byte is the first of a request.
        self.between_requests = True
        #: Whether the data belongs to another protocol, or will be read again.
        self.in_upgrade = False

    def is_request(self, data: bytes) -> bool:
        """Return whether `data` is exactly one request, with headers that were checked before."""
        if not self.between_requests:
            return False
        line = PLAIN_REQUEST_LINE.match(data)
        if line is None:
            return False
        line_end = line.end()
        end = data.find(b"\r\n\r\n", line_end) + 4
        length = self._lengths.get(data[line_end:end])
        if length is None or len(data) != end + length:
            return False
        self.count += 1
        return True

    @property
    def in_body(self) -> bool:
        """Whether the body of the last request is incomplete."""
        return self._left > 0 or self._chunks is not None

    def split(self, data: bytes) -> Iterator[bytes]:
        """Yield the received data, each part with the bytes of at most one request.

        Raises:
            RejectedRequest: The head of the next request is invalid.
            MalformedRequest: The body of the last request is invalid.
        """
        while data:
            if self._left:
                part, data = data[: self._left], data[self._left :]
                self._left -= len(part)
                self._set_state()
                yield part
            elif self._chunks is not None:
                part, data = self._chunks.feed(data)
                if self._chunks.complete:
                    self._chunks = None
                self._set_state()
                if part:
                    yield part
            elif self.in_upgrade:
                yield data
                return
            else:
                part, data = self._read_checked_head(data)
                if not part:
                    return
                yield part

    def _read_checked_head(self, data: bytes) -> tuple[bytes, bytes]:
        try:
            return self._read_head(data)
        except RejectedRequest as error:
            # Its response has CORS headers, too.
            if self._partial is not None:
                error.origin = origin_of(bytes(self._partial.data))
            raise

    def _read_head(self, data: bytes) -> tuple[bytes, bytes]:
        """Return the next head, with its body as far as received, and the data after both."""
        self.between_requests = False
        if self._partial is None:
            self._partial = PartialHead()
        end = self._partial.append(data)
        if not end:
            if not self._partial.data:
                self._partial = None
                self.between_requests = True
            return b"", b""
        data = bytes(self._partial.data)
        head, data = data[:end], data[end:]
        length, self._has_upgrade, is_reusable = check_request_head(head, self._checked.hosts)
        received, head = head, combine_repeated_headers(head)
        self._partial = None
        self.count += 1
        if length is None:
            self._chunks = ChunkedBody()
            return head, data
        if is_reusable and not self._has_upgrade and head is received:
            self._checked.remember(head[head.index(b"\r\n") + 2 :], length)
        body = data[:length]
        self._left = length - len(body)
        self._set_state()
        return head + body, data[len(body) :]

    def _set_state(self) -> None:
        if not self.in_body:
            self.in_upgrade = self._has_upgrade
            self.between_requests = not self._has_upgrade

    def decline_upgrade(self) -> None:
        """Continue with requests after one whose upgrade was declined or is not supported."""
        self.in_upgrade = self._has_upgrade = False
        self.between_requests = True
