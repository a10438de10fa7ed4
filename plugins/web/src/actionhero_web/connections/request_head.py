"""The check of request heads: the bytes of the request line and the headers, before any parser.

aiohttp has a parser in C and one in Python, which accept and refuse different requests. Every head
is therefore checked here first, by RFC 9112 and RFC 3986, so that both get only requests that they
parse in the same way.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from actionhero_web.responses.http_error import HttpError

if TYPE_CHECKING:
    from actionhero_web.connections.allowed_hosts import AllowedHosts

#: The largest request line and the largest header, as in aiohttp.
LINE_LIMIT_BYTES: Final = 8190
#: The maximum number of headers.
HEADER_LIMIT: Final = 128
#: The largest head.
HEAD_LIMIT_BYTES: Final = 128 * 1024
#: The maximum number of digits of a `Content-Length`.
LENGTH_DIGITS: Final = 18

# The methods of aiohttp's C parser; most are in IANA's registry. `CONNECT` is for proxies.
_METHODS: Final = frozenset(
    b"ACL BIND CHECKOUT COPY DELETE GET HEAD LINK LOCK M-SEARCH MERGE MKACTIVITY MKCALENDAR MKCOL "
    b"MOVE NOTIFY OPTIONS PATCH POST PROPFIND PROPPATCH PURGE PUT QUERY REBIND REPORT SEARCH "
    b"SOURCE SUBSCRIBE TRACE UNBIND UNLINK UNLOCK UNSUBSCRIBE".split()
)
_TOKEN: Final = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]"
#: The usual request line, with its line end.
PLAIN_REQUEST_LINE: Final = re.compile(
    rb"(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS) /[!\"$-~]{0,8170} HTTP/1\.1\r\n"
)
_REQUEST_LINE: Final = re.compile(rb"(" + _TOKEN + rb"+) ([!-~]+) HTTP/([0-9])\.([0-9])")
_PARTIAL_REQUEST_LINE: Final = re.compile(_TOKEN + rb"*(?: [!-~]*(?: [HTP/0-9.]{0,8}\r?)?)?")
_HEADER: Final = re.compile(rb"(" + _TOKEN + rb"+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)")
_PARTIAL_HEADER: Final = re.compile(rb"[^\x00-\x08\x0a-\x1f\x7f]*\r?")
_ABSOLUTE_FORM: Final = re.compile(rb"https?://([^/?#]*)(?:[/?][^#]*)?", re.IGNORECASE)
_ORIGIN: Final = re.compile(rb"\r\nOrigin:[ \t]*([!-~]+)[ \t]*(?=\r\n)", re.IGNORECASE)

#: The headers that this module evaluates.
_EVALUATED: Final = frozenset(
    (b"host", b"content-length", b"transfer-encoding", b"expect", b"connection", b"upgrade")
)
#: Load balancers address these paths by the address of the machine, whatever its name is.
_PROBED_PATHS: Final = frozenset((b"/livez", b"/readyz"))
#: The protocols for which aiohttp's parsers stop at the end of the request.
_UPGRADES: Final = frozenset((b"websocket", b"tcp"))


class RejectedRequest(HttpError):
    """Raised for a request head that is not handled."""

    #: The header `Origin` of the request, as far as it was received; `None` without one.
    origin: str | None = None


class RequestHead(NamedTuple):
    """The properties of a head that delimit the request."""

    #: The length of the body, in bytes; `None` for a chunked body.
    length: int | None
    #: Whether the data after the request may belong to another protocol.
    upgrades: bool
    #: Whether the headers are valid with any request line.
    reusable: bool


def check_request_head(head: bytes, hosts: AllowedHosts) -> RequestHead:
    """Return the properties of a complete head.

    Args:
        head: All bytes up to and including the empty line.
        hosts: The names of this server.

    Raises:
        RejectedRequest: It is malformed, too large, for another host, or uses a feature that the
            server does not have.
    """
    if len(head) > HEAD_LIMIT_BYTES:
        raise RejectedRequest(431, "the headers are too large")
    line, *lines = head[:-4].split(b"\r\n")
    minor_version, allows_any_host, authority = _check_request_line(line, hosts)
    return _check_headers(
        lines, minor_version, hosts, allows_any_host=allows_any_host, authority=authority
    )


def origin_of(head: bytes) -> str | None:
    """Return the header `Origin` of a head that may be invalid; `None` unless there is one."""
    origins = _ORIGIN.findall(head.partition(b"\r\n\r\n")[0] + b"\r\n")
    return origins[0].decode() if len(origins) == 1 else None


class PartialHead:
    """The beginning of a head, whose lines are checked as they arrive."""

    def __init__(self) -> None:
        #: The bytes received so far.
        self.data = bytearray()
        self._line_start = 0
        self._line_count = 0

    def append(self, data: bytes) -> int:
        """Add received bytes, and return the length of the head; 0 if it is incomplete.

        Raises:
            RejectedRequest: The bytes cannot be the beginning of a valid head.
        """
        searched = max(len(self.data) - 3, 0)
        self.data += data
        while not self._line_count and self.data.startswith(b"\r\n"):
            # Empty lines before a request (RFC 9112 §2.2).
            del self.data[:2]
            searched = 0
        end = self.data.find(b"\r\n\r\n", searched)
        if end >= 0:
            return end + 4
        self._check_lines()
        return 0

    def _check_lines(self) -> None:
        while (end := self.data.find(b"\n", self._line_start) + 1) > 0:
            self._check_line(bytes(self.data[self._line_start : end]))
            self._line_start = end
            self._line_count += 1
        if len(self.data) > HEAD_LIMIT_BYTES or self._line_count > HEADER_LIMIT:
            raise RejectedRequest(431, "the headers are too large")
        line = bytes(self.data[self._line_start :])
        _check_line_length(line, is_first=not self._line_count)
        pattern = _PARTIAL_HEADER if self._line_count else _PARTIAL_REQUEST_LINE
        if line not in {b"", b"\r"} and not pattern.fullmatch(line):
            raise RejectedRequest(400, "the request is malformed")

    def _check_line(self, line: bytes) -> None:
        _check_line_length(line, is_first=not self._line_count)
        pattern = _HEADER if self._line_count else _REQUEST_LINE
        if not line.endswith(b"\r\n") or not pattern.fullmatch(line, 0, len(line) - 2):
            raise RejectedRequest(400, "the request is malformed")


def _check_line_length(line: bytes, *, is_first: bool) -> None:
    if len(line.rstrip(b"\r\n")) > LINE_LIMIT_BYTES:
        if is_first:
            raise RejectedRequest(414, f"the request line exceeds {LINE_LIMIT_BYTES} bytes")
        raise RejectedRequest(431, f"a header exceeds {LINE_LIMIT_BYTES} bytes")


def _check_request_line(line: bytes, hosts: AllowedHosts) -> tuple[int, bool, bytes | None]:
    """Return the minor version, whether `Host` may be any valid one, and the host of a URL."""
    _check_line_length(line, is_first=True)
    match = _REQUEST_LINE.fullmatch(line)
    if match is None:
        raise RejectedRequest(400, "the request line is malformed")
    method, target, major, minor = match.groups()
    if major != b"1" or minor not in {b"0", b"1"}:
        version = (major + b"." + minor).decode()
        raise RejectedRequest(505, f"HTTP/{version} is not supported; use HTTP/1.1")
    if method not in _METHODS:
        raise RejectedRequest(501, f"method {method[:40].decode()!r} is not implemented")
    if b"#" in target:
        raise RejectedRequest(400, "the request target must not have a fragment")
    if target.startswith(b"/") or (target == b"*" and method == b"OPTIONS"):
        return int(minor), target in _PROBED_PATHS, None
    absolute = _ABSOLUTE_FORM.fullmatch(target)
    if absolute is None:
        raise RejectedRequest(400, "the request target is neither a path nor an absolute URL")
    _check_host(absolute[1], hosts)
    return int(minor), False, absolute[1].lower()


def _check_headers(
    lines: list[bytes],
    minor_version: int,
    hosts: AllowedHosts,
    *,
    allows_any_host: bool,
    authority: bytes | None,
) -> RequestHead:
    if len(lines) > HEADER_LIMIT:
        raise RejectedRequest(431, f"the request has more than {HEADER_LIMIT} headers")
    evaluated: dict[bytes, list[bytes]] = {}
    for line in lines:
        _check_line_length(line, is_first=False)
        match = _HEADER.fullmatch(line)
        if match is None:
            raise RejectedRequest(400, "a header is malformed")
        name = match[1].lower()
        if name in _EVALUATED:
            evaluated.setdefault(name, []).append(match[2].rstrip(b" \t"))
    host = evaluated.get(b"host", ())
    if len(host) > 1 or (not host and minor_version):
        raise RejectedRequest(400, "the request must have exactly one Host header")
    for value in host:
        _check_host(value, hosts, allowed=allows_any_host)
        if authority is not None and value.lower() != authority:
            # A client must send the same (RFC 9110 §7.2), and the header is what others read.
            raise RejectedRequest(400, "the Host header differs from the host of the target")
    length = _check_framing(evaluated, minor_version)
    for value in evaluated.get(b"expect", ()):
        if value.lower() != b"100-continue":
            raise RejectedRequest(417, "the Expect header must be '100-continue'")
    upgrades = b"upgrade" in evaluated and any(
        value.lower() in _UPGRADES for value in evaluated[b"upgrade"]
    )
    return RequestHead(length, upgrades, bool(host) and not allows_any_host)


def _check_host(host: bytes, hosts: AllowedHosts, *, allowed: bool = False) -> None:
    problem = hosts.problem(host, allowed=allowed)
    if problem is not None:
        raise RejectedRequest(400, problem)


def _check_framing(evaluated: dict[bytes, list[bytes]], minor_version: int) -> int | None:
    """Return the length of the body; `None` if it is chunked (RFC 9112 §6)."""
    lengths = evaluated.get(b"content-length")
    codings = evaluated.get(b"transfer-encoding")
    if codings is not None:
        if lengths is not None:
            raise RejectedRequest(400, "Transfer-Encoding and Content-Length exclude each other")
        if not minor_version:
            raise RejectedRequest(400, "HTTP/1.0 has no Transfer-Encoding")
        _check_transfer_encoding(codings)
        return None
    if lengths is None:
        return 0
    if len(lengths) > 1 or not lengths[0].isdigit():
        raise RejectedRequest(400, "the Content-Length must be one number")
    if len(lengths[0]) > LENGTH_DIGITS:
        raise RejectedRequest(413, "Payload Too Large — the Content-Length is too large")
    return int(lengths[0])


def _check_transfer_encoding(values: list[bytes]) -> None:
    if len(values) == 1 and values[0].lower() == b"chunked":
        return
    codings = [coding.strip(b" \t").lower() for coding in b",".join(values).split(b",")]
    is_list = all(re.fullmatch(_TOKEN + rb"+", coding) for coding in codings)
    if len(values) > 1 or not is_list or codings.index(codings[-1]) != len(codings) - 1:
        raise RejectedRequest(400, "the Transfer-Encoding is malformed; send 'chunked'")
    if codings[-1] != b"chunked" or codings.count(b"chunked") > 1:
        raise RejectedRequest(400, "the last Transfer-Encoding must be 'chunked'")
    raise RejectedRequest(501, "only the Transfer-Encoding 'chunked' is implemented")
